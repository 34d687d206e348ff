//! The outcomes of short messages for the script: `event_route[ipsmgw:sm-result]`.

use std::cell::Cell;

use crate::interwork::Ended;

use super::event_route::{EventRoute, NativeEventRoute};
use crate::kamailio::state::trace::CallId;

/// The event of the outcome of a short message.
pub(crate) const EVENT: &str = "ipsmgw:sm-result";

/// The route, or the function of the `sm_event_callback` parameter.
static ROUTE: EventRoute = EventRoute::new(EVENT, &NATIVE);

thread_local! {
    static NATIVE: NativeEventRoute = const { NativeEventRoute::new() };

    /// The outcome of a short message that this process runs the route for, and the Call-ID of that message.
    static CURRENT: Cell<Option<(Ended, CallId)>> = const { Cell::new(None) };
}

/// The outcome that `event_route[ipsmgw:sm-result]` is called for; none outside of the route.
pub(crate) fn current() -> Option<(Ended, CallId)> {
    CURRENT.get()
}

/// In mod_init: stores the name of the KEMI function that gets outcomes of short messages.
pub(crate) fn set_callback(function: &'static str) {
    ROUTE.set_callback(function);
}

/// Whether the script gets the outcomes of short messages.
pub(crate) fn has_route() -> bool {
    ROUTE.get().is_some()
}

/// Runs the script's route with the outcome of a short message. There is no current request: the script sees Kamailio's faked request.
pub(crate) fn tell_script(ended: Ended, call_id: CallId) {
    let Some(route) = ROUTE.get() else {
        return;
    };
    let before = CURRENT.replace(Some((ended, call_id)));
    route.run_without_request(EVENT);
    CURRENT.set(before);
}
