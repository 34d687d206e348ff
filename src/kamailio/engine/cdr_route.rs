//! The route of the script that gets charging records.

use std::cell::{OnceCell, RefCell};
use std::sync::OnceLock;

use crate::interwork::{ChargingRecord, ChargingValue};

use crate::kamailio::sys::native_route::{NativeRoute, is_kemi};
use crate::kamailio::sys::pv::PvValue;
use crate::kamailio::sys::script_route::ScriptRoute;

/// The event of a charging record.
pub(crate) const CDR: &str = "ipsmgw:cdr";

/// The start of the names of its pseudo-variables.
pub(crate) const PREFIX: &str = "cdr_";

thread_local! {
    /// The record that this process runs the route for.
    static CURRENT: RefCell<Option<Box<ChargingRecord>>> = const { RefCell::new(None) };

    /// `event_route[ipsmgw:cdr]`. It is looked up once, because the script does not change.
    static ROUTE: OnceCell<Option<NativeRoute>> = const { OnceCell::new() };
}

/// The `cdr_event_callback` parameter.
static CALLBACK: OnceLock<&'static str> = OnceLock::new();

/// In mod_init: stores the name of the KEMI function that gets records.
pub(crate) fn set_callback(function: &'static str) {
    // mod_init runs once.
    let _ = CALLBACK.set(function);
}

fn route() -> Option<ScriptRoute<'static>> {
    let callback = CALLBACK.get().copied().unwrap_or_default();
    match is_kemi() {
        true if callback.is_empty() => None,
        true => Some(ScriptRoute::Kemi(callback)),
        false => ROUTE
            .with(|route| *route.get_or_init(|| NativeRoute::of_event(CDR)))
            .map(ScriptRoute::Native),
    }
}

/// Whether the script gets records.
pub(crate) fn script_gets_records() -> bool {
    route().is_some()
}

/// Runs the script's route with a record. There is no current request: the script sees Kamailio's faked request.
pub(crate) fn tell_script(record: Box<ChargingRecord>) {
    let Some(route) = route() else {
        return;
    };
    let before = CURRENT.replace(Some(record));
    route.run_without_request(CDR);
    CURRENT.set(before);
}

/// The name of the exchange and the Call-ID of the current record, for log lines.
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

/// The names of its pseudo-variables.
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
