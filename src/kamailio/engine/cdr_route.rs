//! The route of the script that gets charging records.

use std::cell::RefCell;

use crate::interwork::{ChargingRecord, ChargingValue};

use super::event_route::{EventRoute, NativeEventRoute};
use crate::kamailio::sys::pv::PvValue;

/// The event of a charging record.
pub(crate) const CDR: &str = "ipsmgw:cdr";

/// The start of the names of the pseudo-variables for its fields.
pub(crate) const PREFIX: &str = "cdr_";

/// The route, or the function of the `cdr_event_callback` parameter.
static ROUTE: EventRoute = EventRoute::new(CDR, &NATIVE);

thread_local! {
    static NATIVE: NativeEventRoute = const { NativeEventRoute::new() };

    /// The record that this process runs the route for.
    static CURRENT: RefCell<Option<Box<ChargingRecord>>> = const { RefCell::new(None) };
}

/// In mod_init: stores the name of the KEMI function that gets records.
pub(crate) fn set_callback(function: &'static str) {
    ROUTE.set_callback(function);
}

/// Whether the script gets records.
pub(crate) fn script_gets_records() -> bool {
    ROUTE.get().is_some()
}

/// Runs the script's route with a record. There is no current request: the script sees Kamailio's faked request.
pub(crate) fn tell_script(record: Box<ChargingRecord>) {
    let Some(route) = ROUTE.get() else {
        return;
    };
    let before = CURRENT.replace(Some(record));
    route.run_without_request(CDR);
    CURRENT.set(before);
}

/// Calls `see` with the current record, for log lines. False: there is none.
pub(crate) fn look(see: impl FnOnce(&ChargingRecord)) -> bool {
    CURRENT.with_borrow(|current| match current {
        Some(record) => {
            see(record);
            true
        }
        None => false,
    })
}

/// The number of a field by the name of its pseudo-variable.
pub(crate) fn field(name: &str) -> Option<usize> {
    let name = name.strip_prefix(PREFIX)?;
    let mut fields = ChargingRecord::FIELDS.iter();
    fields.position(|field| field.name == name)
}

/// The names of the pseudo-variables for the fields of a record.
pub(crate) fn names() -> impl Iterator<Item = String> {
    let fields = ChargingRecord::FIELDS.iter();
    fields.map(|field| [PREFIX, field.name].concat())
}

/// The value of a field of the current record; `None` outside of the route.
pub(crate) fn value(field: usize) -> Option<PvValue<'static>> {
    CURRENT.with_borrow(|current| {
        let record = current.as_deref()?;
        Some(match ChargingRecord::FIELDS.get(field)?.of(record)? {
            ChargingValue::Number(number) => PvValue::Number(number),
            ChargingValue::Text(text) => PvValue::Text(text.into_owned().into()),
        })
    })
}
