//! The part of the script that hears of the outcomes of short messages: `event_route[ipsmgw:sm-result]`.

use std::cell::{Cell, OnceCell};
use std::sync::OnceLock;

use crate::interwork::Ended;

use crate::kamailio::state::trace::CallId;
use crate::kamailio::sys::native_route::{NativeRoute, is_kemi};
use crate::kamailio::sys::script_route::ScriptRoute;

/// The event of the outcome of a short message.
pub(crate) const EVENT: &str = "ipsmgw:sm-result";

thread_local! {
    /// The outcome of a short message that this process runs the route for, and the Call-ID of that message.
    static CURRENT: Cell<Option<(Ended, CallId)>> = const { Cell::new(None) };
}

/// The outcome that `event_route[ipsmgw:sm-result]` is called for; none outside of the route.
pub(crate) fn current() -> Option<(Ended, CallId)> {
    CURRENT.get()
}

/// The `sm_event_callback` parameter.
static CALLBACK: OnceLock<&'static str> = OnceLock::new();

/// In mod_init: stores the name of the KEMI function that gets outcomes of short messages.
pub(crate) fn set_callback(function: &'static str) {
    // mod_init runs once.
    let _ = CALLBACK.set(function);
}

thread_local! {
    /// `event_route[ipsmgw:sm-result]`. It is looked up once, because the script does not change.
    static ROUTE: OnceCell<Option<NativeRoute>> = const { OnceCell::new() };
}

/// The part of the script that gets the outcomes of short messages.
fn route() -> Option<ScriptRoute<'static>> {
    let callback = CALLBACK.get().copied().unwrap_or_default();
    match is_kemi() {
        true if callback.is_empty() => None,
        true => Some(ScriptRoute::Kemi(callback)),
        false => ROUTE
            .with(|route| *route.get_or_init(|| NativeRoute::of_event(EVENT)))
            .map(ScriptRoute::Native),
    }
}

/// Whether the script gets the outcomes of short messages.
pub(crate) fn has_route() -> bool {
    route().is_some()
}

/// Runs the script's route with the outcome of a short message. There is no current request: the script sees Kamailio's faked request.
pub(crate) fn tell_script(ended: Ended, call_id: CallId) {
    let Some(route) = route() else {
        return;
    };
    let before = CURRENT.replace(Some((ended, call_id)));
    route.run_without_request(EVENT);
    CURRENT.set(before);
}
