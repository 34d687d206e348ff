//! The outcome of an instant message, on its way to its sender: through the script's result route
//! where there is one.

use std::cell::Cell;
use std::ffi::CString;

use once_cell::sync::OnceCell;

use crate::host::TransactionId;
use crate::interwork::{Ended, Outcome};

use super::perform;
use crate::kamailio::state::trace::CallId;
use crate::kamailio::sys::ffi;
use crate::kamailio::sys::message::SipMsg;
use crate::kamailio::sys::modules::modules;
use crate::kamailio::sys::text::lend;
use crate::kamailio::sys::tm::{self, Found};

thread_local! {
    /// The outcome for which this process runs a result route just now.
    static CURRENT: Cell<Option<Outcome>> = const { Cell::new(None) };
}

/// The outcome that the result route is about; nothing outside of one.
pub(crate) fn current() -> Option<Outcome> {
    CURRENT.get()
}

/// Where an outcome goes.
#[derive(Clone, Copy)]
enum Route<'a> {
    /// A route of the native script.
    Native(*mut ffi::action),
    /// A function of the KEMI script.
    Kemi(&'a str),
}

/// The `event_callback` parameter.
static EVENT_CALLBACK: OnceCell<&'static str> = OnceCell::new();

/// In mod_init: notes the function of a KEMI script that gets outcomes.
pub(crate) fn set_event_callback(function: &'static str) {
    // mod_init runs once.
    let _ = EVENT_CALLBACK.set(function);
}

/// The route for an outcome: the one that was named with the message, else the one for all. Where
/// the script has neither, we answer ourselves.
fn route_for(named: &str) -> Option<Route<'_>> {
    if is_kemi() {
        let callback = EVENT_CALLBACK.get().copied().unwrap_or_default();
        return [named, callback]
            .into_iter()
            .find(|name| !name.is_empty())
            .map(Route::Kemi);
    }
    if !named.is_empty() {
        return native(&raw mut ffi::main_rt, named);
    }
    native(&raw mut ffi::event_rt, "ipsmgw:result")
}

/// A route of the native script by its name.
fn native(list: *mut ffi::route_list, name: &str) -> Option<Route<'static>> {
    let name = CString::new(name).ok()?;
    // SAFETY: Kamailio's list of routes, complete since start; the name is only read.
    let index = unsafe { ffi::route_lookup(list, name.as_ptr().cast_mut()) };
    let index = usize::try_from(index).ok()?;
    // SAFETY: Kamailio's list, complete since start.
    let routes = unsafe { (*list).rlist };
    // SAFETY: `index` came from this list.
    let place = unsafe { routes.add(index) };
    // SAFETY: as above.
    let actions = unsafe { place.read() };
    (!actions.is_null()).then_some(Route::Native(actions))
}

thread_local! {
    /// The outcome of a short message for which this process runs the script just now, and the Call-ID of that message.
    static CURRENT_SM: Cell<Option<(Ended, CallId)>> = const { Cell::new(None) };
}

/// The outcome of a short message that `event_route[ipsmgw:sm-result]` is about; nothing outside of it.
pub(crate) fn current_sm() -> Option<(Ended, CallId)> {
    CURRENT_SM.get()
}

/// The `sm_event_callback` parameter.
static SM_EVENT_CALLBACK: OnceCell<&'static str> = OnceCell::new();

/// In mod_init: notes the function of a KEMI script that gets outcomes of short messages.
pub(crate) fn set_sm_event_callback(function: &'static str) {
    // mod_init runs once.
    let _ = SM_EVENT_CALLBACK.set(function);
}

/// Tells the script what became of a short message, where it wants to know. There is no request at hand: Kamailio's stand-in for one
/// is what the script sees.
pub(crate) fn tell_script(ended: Ended, call_id: CallId) {
    let callback = SM_EVENT_CALLBACK.get().copied().unwrap_or_default();
    let route = match is_kemi() {
        true if callback.is_empty() => None,
        true => Some(Route::Kemi(callback)),
        false => native(&raw mut ffi::event_rt, "ipsmgw:sm-result"),
    };
    let Some(route) = route else {
        return;
    };
    // SAFETY: no arguments; a request of Kamailio's own, which stays.
    let stand_in = unsafe { ffi::faked_msg_next() };
    // SAFETY: as above.
    let Some(stand_in) = (unsafe { SipMsg::new(stand_in) }) else {
        return;
    };
    let before = CURRENT_SM.replace(Some((ended, call_id)));
    // SAFETY: no arguments; the kind of route that this process runs.
    let route_type = unsafe { ffi::ipsmgw_c_route_type() };
    // SAFETY: put back below.
    unsafe { ffi::ipsmgw_c_set_route_type(ffi::EVENT_ROUTE as _) };
    tm::without_transaction(|| run(stand_in, route, "ipsmgw:sm-result", ffi::EVENT_ROUTE));
    // SAFETY: what it was before.
    unsafe { ffi::ipsmgw_c_set_route_type(route_type) };
    CURRENT_SM.set(before);
}

/// Whether the native script has a route of this name.
pub(crate) fn has_route(name: &str) -> bool {
    route_for(name).is_some()
}

/// Longest name of a route that an exchange keeps.
pub(crate) const LONGEST_NAME: usize = 62;

/// Whether the native script has a route of this name, as `ipsmgw_im_to_sm()` names one.
pub(crate) fn has_native_route(name: &str) -> bool {
    name.len() <= LONGEST_NAME && native(&raw mut ffi::main_rt, name).is_some()
}

/// Whether the script is one for KEMI.
pub(crate) fn is_kemi() -> bool {
    // SAFETY: no arguments.
    !unsafe { ffi::sr_kemi_eng_get() }.is_null()
}

/// Gives the sender of a held request its outcome, from any process. Called once for each: the
/// exchange was claimed under its lock.
pub(crate) fn answer_held(transaction: TransactionId, outcome: Outcome) {
    let answered = match route_for(transaction.route.as_str()) {
        None => {
            Found::look_up(transaction).is_some_and(|found| perform::answer_by_id(found, &outcome))
        }
        Some(route) => with(outcome, || resume(transaction, route)),
    };
    if !answered {
        tracing::info!(
            status = outcome.answer.status,
            "the sender's transaction had already ended"
        );
    }
}

thread_local! {
    /// Whether this process gives a `202` before the IM side has answered just now.
    static ACCEPTING: Cell<bool> = const { Cell::new(false) };
}

/// Whether the final response that this process sends is a `202` before the IM side has answered.
pub(crate) fn is_accepting() -> bool {
    ACCEPTING.get()
}

/// The sender of a relayed request gets its `202` before the IM side has answered.
pub(crate) fn accept(transaction: TransactionId) {
    ACCEPTING.set(true);
    if let Some(found) = Found::look_up(transaction) {
        // False: the answer has come in this moment.
        found.reply(202, "Accepted", "");
    }
    ACCEPTING.set(false);
}

/// Lets the script's route answer a suspended request.
fn resume(id: TransactionId, route: Route<'_>) -> bool {
    let tm = &modules().tm;
    let resumed = match route {
        // SAFETY: a suspended transaction that only we resume; the actions live as long as Kamailio.
        Route::Native(actions) => tm
            .t_continue
            .map(|resume| unsafe { resume(id.entry, id.label, actions) }),
        Route::Kemi(function) => {
            let mut function = lend(function.as_bytes());
            let mut event = lend(b"ipsmgw:result");
            // SAFETY: as above; both names are live during the call.
            tm.t_continue_cb
                .map(|resume| unsafe { resume(id.entry, id.label, &mut function, &mut event) })
        }
    };
    resumed == Some(0)
}

/// Gives the sender of a held request its outcome when tm's timer is over: under the REPLY lock, with
/// tm's stand-in for the request.
pub(crate) fn answer_in_failure(request: SipMsg<'_>, transaction: TransactionId, outcome: Outcome) {
    if let Some(route) = route_for(transaction.route.as_str()) {
        with(outcome, || {
            run(request, route, "ipsmgw:result", ffi::FAILURE_ROUTE)
        });
    }
    // The route may have answered, or have relayed the message elsewhere. Where it did not, we answer.
    if !tm::has_final_answer() && !tm::has_open_branch() {
        perform::answer_in_transaction(request, &outcome.answer);
    }
}

/// Runs the script's route on a request, in failure context.
fn run(request: SipMsg<'_>, route: Route<'_>, event: &str, route_type: u32) {
    match route {
        Route::Native(actions) => {
            // SAFETY: a live request; the actions live as long as Kamailio; NULL: a context of its own.
            unsafe { ffi::run_top_route(actions, request.raw(), std::ptr::null_mut()) };
        }
        Route::Kemi(function) => {
            let mut function = lend(function.as_bytes());
            let mut event = lend(event.as_bytes());
            // SAFETY: no arguments.
            let engine = unsafe { ffi::sr_kemi_eng_get() };
            let route_type = route_type as i32;
            // SAFETY: a live request, live names, and the engine that `route_for` has seen.
            unsafe {
                ffi::sr_kemi_route(engine, request.raw(), route_type, &mut function, &mut event);
            }
        }
    }
}

/// Shows an outcome to pseudo-variables and `ipsmgw_reply()` while `body` runs.
fn with<T>(outcome: Outcome, body: impl FnOnce() -> T) -> T {
    /// Puts back what was there, also when the body panics.
    struct Restore(Option<Outcome>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CURRENT.set(self.0);
        }
    }
    let _restore = Restore(CURRENT.replace(Some(outcome)));
    body()
}
