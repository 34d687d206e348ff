//! The result routes of the script: they get the outcome of an instant message and answer its sender, and hear of the outcome of a
//! short message. Without a route the module answers.

use std::cell::{Cell, OnceCell};

use std::sync::OnceLock;

use crate::interwork::{Ended, ImOutcome};
use crate::sip::Answer;

use super::answer;
use crate::kamailio::state::trace::CallId;
use crate::kamailio::sys::native_route::{NativeRoute, is_kemi};
use crate::kamailio::sys::request::Request;
use crate::kamailio::sys::script_route::ScriptRoute;
use crate::kamailio::sys::transaction::{FoundTransaction, Transaction, TransactionPlace};

thread_local! {
    /// The outcome that this process runs a result route for.
    static CURRENT: Cell<Option<ImOutcome>> = const { Cell::new(None) };
}

/// The outcome that the result route is called for; none outside of the route.
pub(crate) fn current() -> Option<ImOutcome> {
    CURRENT.get()
}

/// The `event_callback` parameter.
static EVENT_CALLBACK: OnceLock<&'static str> = OnceLock::new();

/// In mod_init: stores the name of the KEMI function that gets outcomes.
pub(crate) fn set_event_callback(function: &'static str) {
    // mod_init runs once.
    let _ = EVENT_CALLBACK.set(function);
}

/// The route for an outcome: the route that `ipsmgw_im_to_sm(route)` named, else `event_route[ipsmgw:result]`. Without either the
/// module answers.
fn route_for(named: &str) -> Option<ScriptRoute<'_>> {
    if is_kemi() {
        let callback = EVENT_CALLBACK.get().copied().unwrap_or_default();
        return [named, callback]
            .into_iter()
            .find(|name| !name.is_empty())
            .map(ScriptRoute::Kemi);
    }
    let route = match named {
        "" => RESULT_ROUTE.with(|route| *route.get_or_init(|| NativeRoute::of_event(RESULT))),
        named => NativeRoute::named(named),
    };
    route.map(ScriptRoute::Native)
}

/// The event of an outcome.
pub(crate) const RESULT: &str = "ipsmgw:result";

/// The event of the outcome of a short message.
pub(crate) const SM_RESULT: &str = "ipsmgw:sm-result";

thread_local! {
    /// The outcome of a short message that this process runs the route for, and the Call-ID of that message.
    static CURRENT_SM: Cell<Option<(Ended, CallId)>> = const { Cell::new(None) };
}

/// The outcome that `event_route[ipsmgw:sm-result]` is called for; none outside of the route.
pub(crate) fn current_sm() -> Option<(Ended, CallId)> {
    CURRENT_SM.get()
}

/// The `sm_event_callback` parameter.
static SM_EVENT_CALLBACK: OnceLock<&'static str> = OnceLock::new();

/// In mod_init: stores the name of the KEMI function that gets outcomes of short messages.
pub(crate) fn set_sm_event_callback(function: &'static str) {
    // mod_init runs once.
    let _ = SM_EVENT_CALLBACK.set(function);
}

thread_local! {
    /// `event_route[ipsmgw:result]`. It is looked up once, because the script does not change.
    static RESULT_ROUTE: OnceCell<Option<NativeRoute>> = const { OnceCell::new() };

    /// `event_route[ipsmgw:sm-result]`, likewise.
    static SM_RESULT_ROUTE: OnceCell<Option<NativeRoute>> = const { OnceCell::new() };
}

/// The part of the script that gets the outcomes of short messages.
fn sm_route() -> Option<ScriptRoute<'static>> {
    let callback = SM_EVENT_CALLBACK.get().copied().unwrap_or_default();
    match is_kemi() {
        true if callback.is_empty() => None,
        true => Some(ScriptRoute::Kemi(callback)),
        false => SM_RESULT_ROUTE
            .with(|route| *route.get_or_init(|| NativeRoute::of_event(SM_RESULT)))
            .map(ScriptRoute::Native),
    }
}

/// Whether the script gets the outcomes of short messages.
pub(crate) fn script_gets_sm_results() -> bool {
    sm_route().is_some()
}

/// Runs the script's route with the outcome of a short message. There is no current request: the script sees Kamailio's faked request.
pub(crate) fn tell_script(ended: Ended, call_id: CallId) {
    let Some(route) = sm_route() else {
        return;
    };
    let before = CURRENT_SM.replace(Some((ended, call_id)));
    route.run_without_request(SM_RESULT);
    CURRENT_SM.set(before);
}

/// Whether the script has a route for outcomes, by this name or for all.
pub(crate) fn has_route(name: &str) -> bool {
    route_for(name).is_some()
}

/// The longest route name that an exchange stores.
pub(crate) const LONGEST_NAME: usize = 62;

/// Whether the native script has a route of this name, for `ipsmgw_im_to_sm(route)`.
pub(crate) fn has_native_route(name: &str) -> bool {
    name.len() <= LONGEST_NAME && NativeRoute::named(name).is_some()
}

/// Answers the sender of a held request, from any process. Called once for each request: the core decides that under the lock.
pub(crate) fn answer_held(transaction: TransactionPlace, route: &str, outcome: ImOutcome) {
    let answered = match route_for(route) {
        None => {
            let found = FoundTransaction::look_up(transaction);
            found.is_some_and(|found| answer::reply(found, &outcome.answer))
        }
        Some(route) => with(outcome, || route.resume(transaction, RESULT)),
    };
    if !answered {
        tracing::info!(
            status = outcome.answer.status,
            "the sender's transaction has already ended"
        );
    }
}

thread_local! {
    /// Whether this process sends a `202` before the IM side has answered.
    static ACCEPTING: Cell<bool> = const { Cell::new(false) };
}

/// Whether the final response that this process sends is the early `202`: the IM side has not answered yet.
pub(crate) fn is_accepting() -> bool {
    ACCEPTING.get()
}

/// Answers the sender of a relayed request before the IM side has answered.
pub(crate) fn accept_early(transaction: TransactionPlace, answer: &Answer) {
    ACCEPTING.set(true);
    if let Some(found) = FoundTransaction::look_up(transaction) {
        // The answer fails if the IM side has just answered.
        answer::reply(found, answer);
    }
    ACCEPTING.set(false);
}

/// Answers the sender of a held request after tm's timer: under the REPLY lock, with tm's faked request.
pub(crate) fn answer_in_failure(request: Request<'_>, route: &str, outcome: ImOutcome) {
    if let Some(route) = route_for(route) {
        with(outcome, || route.run_in_failure(request, RESULT));
    }
    // The route may have answered, or have relayed the message elsewhere. If not, the module answers.
    if !is_settled(request) {
        answer::answer_in_transaction(request, &outcome.answer);
    }
}

/// Whether the request has its final response, or waits for one from elsewhere.
pub(crate) fn is_settled(request: Request<'_>) -> bool {
    Transaction::of(request.message())
        .is_some_and(|current| current.final_status().is_some() || current.has_open_branch())
}

/// Runs `body` with this outcome: pseudo-variables and `ipsmgw_reply()` use it.
fn with<T>(outcome: ImOutcome, body: impl FnOnce() -> T) -> T {
    /// Restores the outcome before, also after a panic.
    struct Restore(Option<ImOutcome>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CURRENT.set(self.0);
        }
    }
    let _restore = Restore(CURRENT.replace(Some(outcome)));
    body()
}
