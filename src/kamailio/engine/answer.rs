//! Answers to requests: the answer of the core, or for the outcome of an instant message the answer of the script's result route.
//! Without a route the module answers.

use std::cell::Cell;

use crate::interwork::ImOutcome;
use crate::sip::Answer;

use super::event_route::{EventRoute, NativeEventRoute};
use crate::kamailio::sys::answer::Response;
use crate::kamailio::sys::native_route::{NativeRoute, is_kemi};
use crate::kamailio::sys::request::Request;
use crate::kamailio::sys::script_route::ScriptRoute;
use crate::kamailio::sys::transaction::{FoundTransaction, Transaction, TransactionPlace};

/// Answers the current request: through its transaction if it has one.
pub(crate) fn answer_request(request: Request<'_>, answer: &Answer) -> bool {
    request.answer(response(answer, &answer.header_lines()))
}

/// Answers the request of tm's current transaction.
pub(crate) fn answer_in_transaction(request: Request<'_>, answer: &Answer) -> bool {
    request.answer_in_transaction(response(answer, &answer.header_lines()))
}

/// Answers a copy of a request whose transaction tm has forgotten.
pub(crate) fn answer_as_before(request: Request<'_>, answer: &Answer) -> bool {
    request.answer_as_before(response(answer, &answer.header_lines()))
}

/// Answers a transaction, from any process. False if it has its final response.
pub(crate) fn reply(found: FoundTransaction, answer: &Answer) -> bool {
    found.reply(answer.status, answer.reason, &answer.header_lines())
}

/// An answer in the form that `sys` sends.
fn response<'a>(answer: &Answer, headers: &'a str) -> Response<'a> {
    Response {
        status: answer.status,
        reason: answer.reason,
        headers,
    }
}

thread_local! {
    /// The outcome that this process runs a result route for.
    static CURRENT: Cell<Option<ImOutcome>> = const { Cell::new(None) };
}

/// The outcome that the result route is called for; none outside of the route.
pub(crate) fn outcome_at_hand() -> Option<ImOutcome> {
    CURRENT.get()
}

/// The event of an outcome.
pub(crate) const RESULT: &str = "ipsmgw:result";

/// The route for all outcomes, or the function of the `event_callback` parameter.
static ROUTE: EventRoute = EventRoute::new(RESULT, &NATIVE);

thread_local! {
    static NATIVE: NativeEventRoute = const { NativeEventRoute::new() };
}

/// In mod_init: stores the name of the KEMI function that gets outcomes.
pub(crate) fn set_event_callback(function: &'static str) {
    ROUTE.set_callback(function);
}

/// The route for an outcome: the route that `ipsmgw_im_to_sm(route)` named, else `event_route[ipsmgw:result]`. Without either the
/// module answers.
fn route_for(named: &str) -> Option<ScriptRoute<'_>> {
    match named {
        "" => ROUTE.get(),
        named if is_kemi() => Some(ScriptRoute::Kemi(named)),
        named => NativeRoute::named(named).map(ScriptRoute::Native),
    }
}

/// Whether the script has a route for outcomes, by this name or for all.
pub(crate) fn has_result_route(name: &str) -> bool {
    route_for(name).is_some()
}

/// The longest route name that an exchange stores.
pub(crate) const LONGEST_ROUTE_NAME: usize = 62;

/// Whether the native script has a route of this name, for `ipsmgw_im_to_sm(route)`.
pub(crate) fn has_native_route(name: &str) -> bool {
    name.len() <= LONGEST_ROUTE_NAME && NativeRoute::named(name).is_some()
}

/// Answers the sender of a held request, from any process. Called once for each request: the core decides that under the lock.
pub(crate) fn answer_held(transaction: TransactionPlace, route: &str, outcome: ImOutcome) {
    let answered = match route_for(route) {
        None => {
            let found = FoundTransaction::look_up(transaction);
            found.is_some_and(|found| reply(found, &outcome.answer))
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
        reply(found, answer);
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
        answer_in_transaction(request, &outcome.answer);
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
