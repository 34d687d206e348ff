//! The functions of the routing script, for the native language and for KEMI.

use std::cell::Cell;

use crate::exchange::{Now, ReplyTo, Store as _, TransactionId};
use crate::interwork::{
    self, Effect, Input, Interworking, Named, Refusal, RefusedMessage, Verdict,
};
use crate::sip::MessageIn;

use crate::kamailio::engine::answer::answer_in_transaction;
use crate::kamailio::engine::decide::{decide_for, decide_in};
use crate::kamailio::engine::execute::{Context, execute, handle, refuse_without_means};
use crate::kamailio::engine::message_view::MessageView;
use crate::kamailio::engine::result_route;
use crate::kamailio::engine::retransmissions;
use crate::kamailio::engine::stored_recipients;
use crate::kamailio::engine::transaction_id::{reply_to, transaction_id};
use crate::kamailio::engine::watch;
use crate::kamailio::state::exchanges::Locked;
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::now::now;
use crate::kamailio::sys::message::{MessageNumber, SipMsg};
use crate::kamailio::sys::request::Request;
use crate::kamailio::sys::return_code::{END_OF_SCRIPT, FALSE, TRUE};
use crate::kamailio::sys::transaction::{self, Begun, Transaction};

const DONE_WITH: i32 = 2;
const MALFORMED: i32 = -2;
const NOT_OURS: i32 = -2;

/// `ipsmgw_draining()`: whether new messages are refused, because the gateway stops or drains.
pub(crate) fn draining(_: SipMsg<'_>) -> i32 {
    if state().lifecycle.is_draining() {
        TRUE
    } else {
        FALSE
    }
}

/// `ipsmgw_enabled()`: false after `ipsmgw.disable`; then the script passes messages on unchanged.
pub(crate) fn enabled(_: SipMsg<'_>) -> i32 {
    if state().lifecycle.is_enabled() {
        TRUE
    } else {
        FALSE
    }
}

/// Refuses a message while the gateway stops or drains, or is switched off.
pub(crate) fn refuse_while_draining(msg: Request<'_>) -> bool {
    let lifecycle = &state().lifecycle;
    let drains = lifecycle.is_draining() || !lifecycle.is_enabled();
    if drains {
        let step = state().gateway.refuse_while_stopping(reply_to(msg));
        execute(step, Context::Request(msg, None));
    }
    drains
}

/// `ipsmgw_classify()`: what the request is. It changes nothing. After `ipsmgw.disable`, only reports on messages of the gateway are
/// for it.
pub(crate) fn classify(msg: SipMsg<'_>) -> i32 {
    if !state().lifecycle.is_enabled() && expects_report(msg) != TRUE {
        return FALSE;
    }
    let Some(view) = MessageView::of(msg) else {
        return FALSE;
    };
    match state().gateway.classify(&view.content()) {
        Ok(class) => class as i32,
        Err(refusal) => {
            tracing::info!(reason = %refusal.reason, "malformed");
            MALFORMED
        }
    }
}

/// The directions that `ipsmgw_authorize()` accepts.
pub(crate) const DIRECTIONS: [&str; 2] = ["sm2im", "im2sm"];

/// `ipsmgw_authorize(uri, direction)`: whether messages of this identity may be converted.
pub(crate) fn authorize(uri: &str, direction: &str) -> i32 {
    let may = match interwork::identity(uri) {
        Some(identity) => state().authorizations.of(&identity),
        None => return FALSE,
    };
    match may.allows(direction) {
        Some(true) => TRUE,
        Some(false) => FALSE,
        None => {
            tracing::error!("ipsmgw_authorize(uri, direction): write sm2im or im2sm for direction");
            FALSE
        }
    }
}

/// `ipsmgw_sm_to_im()`: translates the request for `t_relay()`.
pub(crate) fn sm_to_im(msg: SipMsg<'_>) -> i32 {
    let Some(msg) = can_take(msg, "ipsmgw_sm_to_im") else {
        return FALSE;
    };
    // A second call, such as in a failure route: the request and all branches are already translated.
    let transaction = Transaction::of(msg.message());
    if watch::exchange_at_hand(msg.message()).is_some() {
        return if transaction.and_then(Transaction::final_status).is_some() {
            DONE_WITH
        } else {
            TRUE
        };
    }
    if refuse_while_draining(msg) {
        return FALSE;
    }
    match submit(msg, None) {
        Ok(Verdict::Relay) => TRUE,
        Ok(Verdict::Refused) => FALSE,
        Ok(Verdict::Taken | Verdict::Answered | Verdict::Listed(_) | Verdict::Queued(_)) => {
            DONE_WITH
        }
        Err(ended) => ended,
    }
}

/// The request, if a function may convert it in this route. If not, the log has the reason.
pub(crate) fn can_take<'m>(msg: SipMsg<'m>, function: &str) -> Option<Request<'m>> {
    let request = msg.request().filter(Request::can_be_taken);
    if request.is_none() {
        tracing::error!(
            "{function}() works on a MESSAGE, in a request route, a failure route or the result route"
        );
    }
    request
}

/// Creates the transaction of a message. An error is the return code: nothing more is to do.
pub(crate) fn begin(msg: Request<'_>) -> Result<(), i32> {
    match transaction::begin(msg) {
        Begun::Transaction => {
            retransmissions::watch(msg);
            Ok(())
        }
        Begun::Retransmission => Err(END_OF_SCRIPT),
        Begun::Failed => {
            refuse_without_means(msg);
            Err(FALSE)
        }
    }
}

/// Creates the transaction of a message, unless no new messages are taken. An error is the return code.
pub(crate) fn accept(msg: Request<'_>) -> Result<(), i32> {
    begin(msg)?;
    match refuse_while_draining(msg) {
        true => Err(FALSE),
        false => Ok(()),
    }
}

/// The identifier of the request's transaction, valid in all processes.
fn transaction_at_hand(msg: Request<'_>) -> TransactionId {
    let place = Transaction::of(msg.message()).map(Transaction::place);
    transaction_id(place.unwrap_or_default())
}

/// Gives a short message to the core. It is relayed; if the script has set an outcome, the report is sent at once. An error is the
/// return code.
fn submit(msg: Request<'_>, outcome: Option<u16>) -> Result<Verdict, i32> {
    begin(msg)?;
    let state = state();
    let now = now();
    let mut view = MessageView::of(msg.message()).ok_or(FALSE)?;
    view.read_sender();
    view.read_source();
    view.read_recipient();
    let message = view.message();
    let prepared = match state.gateway.translate_sm(&message, now) {
        Ok(mut prepared) => {
            prepared.takes_sessions &= outcome.is_none() && state.msrp_socket.is_some();
            prepared
        }
        Err(refusal) => {
            let way = Interworking::SmToIm;
            refuse_message(msg, *refusal, &message, way, now);
            return Err(FALSE);
        }
    };
    let input = Input::Submit {
        sm: &prepared,
        transaction: transaction_at_hand(msg),
    };
    let step = decide_for(&prepared.identity, input, now);
    let translation = outcome.is_none().then_some(&prepared.translation);
    Ok(execute(step, Context::Request(msg, translation)).verdict)
}

/// `ipsmgw_sm_to_sm()`: answers the request, and sends its short message to the recipient's phone.
pub(crate) fn sm_to_sm(msg: SipMsg<'_>) -> i32 {
    let Some(msg) = can_take(msg, "ipsmgw_sm_to_sm") else {
        return FALSE;
    };
    if let Err(ended) = accept(msg) {
        return ended;
    }
    let state = state();
    let now = now();
    let Some(mut view) = MessageView::of(msg.message()) else {
        return FALSE;
    };
    view.read_sender();
    view.read_source();
    let message = view.message();
    let (sm, to) = match state.gateway.translate_sm_to_phone(&message, now) {
        Ok(translated) => translated,
        Err(refusal) => {
            let way = Interworking::SmToSm;
            refuse_message(msg, *refusal, &message, way, now);
            return FALSE;
        }
    };
    let input = Input::SubmitToPhone {
        sm: &sm,
        to: &to,
        transaction: transaction_at_hand(msg),
    };
    let step = decide_for(&sm.identity, input, now);
    match execute(step, Context::Request(msg, None)).verdict {
        Verdict::Refused => FALSE,
        _ => TRUE,
    }
}

/// `ipsmgw_store()`: stores the message for later delivery, and answers it when the database has it.
pub(crate) fn store(msg: SipMsg<'_>) -> i32 {
    let Some(msg) = can_take(msg, "ipsmgw_store") else {
        return FALSE;
    };
    // A short message that was relayed.
    if let Some(exchange) = watch::exchange_at_hand(msg.message()) {
        let request = reply_to(msg);
        let input = Input::ScriptStores { exchange, request };
        return match handle(exchange, input, Context::Request(msg, None)).answered {
            true => TRUE,
            false => FALSE,
        };
    }
    if let Err(ended) = accept(msg) {
        return ended;
    }
    let state = state();
    let now = now();
    let Some(mut view) = MessageView::of(msg.message()) else {
        return FALSE;
    };
    view.read_sender();
    view.read_source();
    let message = view.message();
    let message = match state.gateway.translate_to_store(&message, now) {
        Ok(translated) => translated,
        Err((refusal, way)) => {
            refuse_message(msg, *refusal, &message, way, now);
            return FALSE;
        }
    };
    let input = message.input(transaction_at_hand(msg));
    let step = decide_for(message.identity(), input, now);
    match execute(step, Context::Request(msg, None)).verdict {
        Verdict::Refused => FALSE,
        _ => TRUE,
    }
}

/// `ipsmgw_deliver(uri)`: delivers what is stored for this identity, if it has a contact.
pub(crate) fn deliver(uri: &str) -> i32 {
    let delivers = interwork::identity(uri)
        .is_some_and(|identity| stored_recipients::read(&identity, Some(uri)));
    if delivers { TRUE } else { FALSE }
}

/// `ipsmgw_im_to_sm([route])`: holds the request and sends it as a short message. The named route gets the outcome.
pub(crate) fn im_to_sm(msg: SipMsg<'_>, route: &str) -> i32 {
    let Some(msg) = can_take(msg, "ipsmgw_im_to_sm") else {
        return FALSE;
    };
    let is_kept = route.len() <= result_route::LONGEST_NAME;
    if !(route.is_empty() || is_kept && result_route::has_route(route)) {
        tracing::error!("ipsmgw_im_to_sm(route): the script has no such route");
        return FALSE;
    }
    if let Err(ended) = begin(msg) {
        return ended;
    }
    let state = state();
    let now = now();
    // A second call: the request is already held. (The result route may call again for another recipient.)
    let is_held = |id| {
        let held = |bucket: Locked<'_>| bucket.by_key(id).is_some_and(|open| open.sender_waits());
        state.table.lock_of(id, now.unix_ms).is_some_and(held)
    };
    if watch::held_at_hand(msg.message()).is_some_and(is_held) {
        return TRUE;
    }
    if refuse_while_draining(msg) {
        return FALSE;
    }
    let Some(mut view) = MessageView::of(msg.message()) else {
        return FALSE;
    };
    view.read_sender();
    // Only a gateway with a service centre needs to know whether the recipient is registered.
    if state.gateway.policy.sc_uri.is_some() {
        view.read_recipient();
    }
    let message = view.message();
    let prepared = match state.gateway.translate_im(&message, now) {
        Ok(prepared) => prepared,
        Err(refusal) => {
            let way = Interworking::ImToSm;
            refuse_message(msg, *refusal, &message, way, now);
            return FALSE;
        }
    };
    let hold_ms = hold_ms(msg.message());
    transaction::set_timeout(msg, hold_ms);
    let Some(place) = transaction::suspend(msg) else {
        tracing::error!("cannot hold the sender's transaction: out of shared memory?");
        refuse_without_means(msg);
        return FALSE;
    };
    let input = Input::Deliver {
        im: &prepared,
        transaction: transaction_id(place),
        hold_ms,
        route,
    };
    let step = decide_for(&prepared.identity, input, now);
    match execute(step, Context::Request(msg, None)).verdict {
        Verdict::Refused => FALSE,
        _ => TRUE,
    }
}

/// `ipsmgw_expects_report()`: whether an RP-ACK or RP-ERROR is about a message of this gateway. It answers and changes nothing.
pub(crate) fn expects_report(msg: SipMsg<'_>) -> i32 {
    let state = state();
    let now_ms = now().unix_ms;
    let Some(mut view) = MessageView::of(msg) else {
        return FALSE;
    };
    view.read_sender();
    let message = view.message();
    let Ok(Some(report)) = state.gateway.read_report(&message) else {
        return FALSE;
    };
    let expects = interwork::expects(&report, || {
        state.table.lock(report.identity.as_str(), now_ms)
    });
    if expects { TRUE } else { FALSE }
}

/// `ipsmgw_report()`: takes an RP-ACK, RP-ERROR or RP-SMMA, or a notification about a message of this gateway.
pub(crate) fn report(msg: SipMsg<'_>) -> i32 {
    let Some(msg) = can_take(msg, "ipsmgw_report") else {
        return FALSE;
    };
    let state = state();
    let now = now();
    let Some(mut view) = MessageView::of(msg.message()) else {
        return FALSE;
    };
    view.read_sender();
    view.read_source();
    let message = view.message();
    let report = match state.gateway.read_report(&message) {
        // Not for this gateway: the script relays it.
        Ok(None) => return NOT_OURS,
        Ok(Some(report)) => report,
        Err(refusal) => {
            refuse(msg, *refusal);
            return FALSE;
        }
    };
    let step = {
        let now_ms = now.unix_ms;
        let named = match report.named {
            Named::Exchange(id, _) => state.table.lock_of(id, now_ms),
            Named::Nothing | Named::Past => None,
        };
        let locked = named.unwrap_or_else(|| state.table.lock(report.identity.as_str(), now_ms));
        let input = Input::Report {
            report: &report,
            request: ReplyTo::AtHand,
        };
        decide_in(locked, input, now)
    };
    let status = step.effects.iter().find_map(|effect| match effect {
        Effect::Answer(_, answer) => Some(answer.status),
        _ => None,
    });
    let executed = execute(step, Context::Request(msg, None));
    if let Some(status) = status {
        retransmissions::note(msg, status);
    }
    match executed.verdict {
        Verdict::Refused => FALSE,
        _ => TRUE,
    }
}

/// `ipsmgw_reply()`: in the result route, answers the sender with the outcome. For a short message, answers and reports as if the IM
/// side had answered with `$ipsmgw(status)`. Refuses an instant message with that code.
pub(crate) fn reply(msg: SipMsg<'_>) -> i32 {
    let Some(msg) = can_take(msg, "ipsmgw_reply") else {
        return FALSE;
    };
    if let Some(outcome) = result_route::current() {
        return if answer_in_transaction(msg, &outcome.answer) {
            TRUE
        } else {
            FALSE
        };
    }
    let Some(status) = status_set(msg.message()) else {
        tracing::error!(
            "ipsmgw_reply() outside the result route needs $ipsmgw(status) = a SIP status code before it"
        );
        return FALSE;
    };
    if watch::held_at_hand(msg.message()).is_none()
        && let Some(refused) = refuse_by_script(msg, status)
    {
        return refused;
    }
    if watch::exchange_at_hand(msg.message()).is_none() {
        match submit(msg, Some(status)) {
            Ok(Verdict::Relay) => {}
            Ok(Verdict::Refused) => return FALSE,
            Ok(_) => return TRUE,
            Err(ended) => return ended,
        }
    }
    let Some(exchange) = watch::exchange_at_hand(msg.message()) else {
        return FALSE;
    };
    // The report is sent when this final response is sent (tm's RESPONSE_OUT).
    let input = Input::ScriptAnswered {
        exchange,
        request: reply_to(msg),
        status,
    };
    match handle(exchange, input, Context::Request(msg, None)).answered {
        true => TRUE,
        false => FALSE,
    }
}

/// Refuses an instant message that would have become a short message. None: the message is a short message.
fn refuse_by_script(msg: Request<'_>, status: u16) -> Option<i32> {
    let mut view = MessageView::of(msg.message())?;
    let refusal = state().gateway.refused_by_script(&view.content(), status)?;
    if let Err(ended) = begin(msg) {
        return Some(ended);
    }
    view.read_sender();
    let way = Interworking::ImToSm;
    refuse_message(msg, *refusal, &view.message(), way, now());
    Some(TRUE)
}

/// Answers a refused message, and sends the report that the SMS side must get.
pub(crate) fn refuse(msg: Request<'_>, refusal: Refusal) {
    let step = state().gateway.refuse(refusal, reply_to(msg));
    execute(step, Context::Request(msg, None));
}

/// The same for a message that was to be converted: it leaves a charging record.
pub(crate) fn refuse_message(
    msg: Request<'_>,
    refusal: Refusal,
    message: &MessageIn<'_>,
    way: Interworking,
    now: Now,
) {
    let refused = RefusedMessage { message, way, now };
    let gateway = &state().gateway;
    let step = gateway.refuse_message(refusal, refused, reply_to(msg));
    execute(step, Context::Request(msg, None));
}

thread_local! {
    /// The value that the script has set as `$ipsmgw(status)`, and the message that it is for.
    static STATUS: Cell<(MessageNumber, u16)> = const { Cell::new(((0, 0, 0), 0)) };
}

/// The status that the script has set for this message.
pub(crate) fn status_set(msg: SipMsg<'_>) -> Option<u16> {
    let (number, status) = STATUS.get();
    (number == msg.number() && status != 0).then_some(status)
}

/// `$ipsmgw(status) = ...`
pub(crate) fn set_status(msg: SipMsg<'_>, status: u16) {
    STATUS.set((msg.number(), status));
}

thread_local! {
    /// The value in seconds that the script has set as `$ipsmgw(hold_timeout)`, and the message that it is for.
    static HOLD_TIMEOUT: Cell<(MessageNumber, u16)> = const { Cell::new(((0, 0, 0), 0)) };
}

/// The hold timeout of this message in milliseconds: set by the script, else the parameter `hold_timeout`.
pub(crate) fn hold_ms(msg: SipMsg<'_>) -> u64 {
    match HOLD_TIMEOUT.get() {
        (number, seconds) if seconds > 0 && number == msg.number() => u64::from(seconds) * 1000,
        _ => state().gateway.policy.hold_timeout_ms,
    }
}

/// `$ipsmgw(hold_timeout) = ...`
pub(crate) fn set_hold_timeout(msg: SipMsg<'_>, seconds: u16) {
    HOLD_TIMEOUT.set((msg.number(), seconds));
}

/// `ipsmgw_panic()`: panics, for the test of the guard.
#[cfg(feature = "fault-injection")]
#[allow(clippy::panic, reason = "its purpose")]
pub(crate) fn panic(_: SipMsg<'_>) -> i32 {
    panic!("on purpose")
}
