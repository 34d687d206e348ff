//! The functions of the routing script, for the native language and for KEMI.

use crate::exchange::Store as _;
use crate::interwork::{self, Input, Interworking, Verdict};

use super::assigned::{hold_ms, pager_limit, status_set};
use super::reports::expects_report;
use super::requests::{
    accept, begin, can_take, carry_out, refuse_message, refuse_while_draining, transaction_at_hand,
    truth,
};
use crate::kamailio::engine::answer::answer_in_transaction;
use crate::kamailio::engine::decide::decide_for;
use crate::kamailio::engine::execute::{Context, execute, handle, refuse_without_means};
use crate::kamailio::engine::message_view::{MessageView, read_content};
use crate::kamailio::engine::result_route;
use crate::kamailio::engine::stored_recipients;
use crate::kamailio::engine::transaction_id::{reply_to, transaction_id};
use crate::kamailio::engine::watch;
use crate::kamailio::state::exchanges::Locked;
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::now::now;
use crate::kamailio::sys::message::SipMsg;
use crate::kamailio::sys::request::Request;
use crate::kamailio::sys::return_code::{FALSE, TRUE};
use crate::kamailio::sys::transaction::{self, Transaction};

const DONE_WITH: i32 = 2;
const MALFORMED: i32 = -2;

/// `ipsmgw_draining()`: whether new messages are refused, because the gateway stops or drains.
pub(crate) fn draining(_: SipMsg<'_>) -> i32 {
    truth(state().lifecycle.is_draining())
}

/// `ipsmgw_enabled()`: false after `ipsmgw.disable`; then the script passes messages on unchanged.
pub(crate) fn enabled(_: SipMsg<'_>) -> i32 {
    truth(state().lifecycle.is_enabled())
}

/// `ipsmgw_classify()`: what the request is. It changes nothing. After `ipsmgw.disable`, only reports on messages of the gateway are
/// for it.
pub(crate) fn classify(msg: SipMsg<'_>) -> i32 {
    if !state().lifecycle.is_enabled() && expects_report(msg) != TRUE {
        return FALSE;
    }
    match read_content(msg, |content| state().gateway.classify(content)) {
        Some(Ok(class)) => class as i32,
        Some(Err(refusal)) => {
            tracing::info!(reason = %refusal.reason, "malformed");
            MALFORMED
        }
        None => FALSE,
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

/// Gives a short message to the core. It is relayed; if the script has set an outcome, the report is sent at once. An error is the
/// return code.
fn submit(msg: Request<'_>, outcome: Option<u16>) -> Result<Verdict, i32> {
    begin(msg)?;
    let state = state();
    let now = now();
    let mut view = MessageView::with_sender(msg.message()).ok_or(FALSE)?;
    view.read_recipient();
    let message = view.message();
    let prepared = match state.gateway.translate_sm(&message, now) {
        Ok(mut prepared) => {
            prepared.pager_limit = pager_limit(msg.message());
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
    let Some(view) = MessageView::with_sender(msg.message()) else {
        return FALSE;
    };
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
    carry_out(step, msg)
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
        return truth(handle(exchange, input, Context::Request(msg, None)).answered);
    }
    if let Err(ended) = accept(msg) {
        return ended;
    }
    let state = state();
    let now = now();
    let Some(view) = MessageView::with_sender(msg.message()) else {
        return FALSE;
    };
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
    carry_out(step, msg)
}

/// `ipsmgw_deliver(uri)`: delivers what is stored for this identity, if it has a contact.
pub(crate) fn deliver(uri: &str) -> i32 {
    let delivers = interwork::identity(uri)
        .is_some_and(|identity| stored_recipients::read(&identity, Some(uri)));
    truth(delivers)
}

/// `ipsmgw_stored(uri)`: whether stored messages are being delivered to this identity, and the message at hand goes behind them.
pub(crate) fn stored(msg: SipMsg<'_>, uri: &str) -> i32 {
    let is_busy = interwork::identity(uri)
        .is_some_and(|identity| stored_recipients::are_delivered_to(&identity));
    if !is_busy {
        return FALSE;
    }
    let view = MessageView::of(msg);
    truth(view.is_some_and(|view| state().gateway.goes_behind(&view.message(), now())))
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
    carry_out(step, msg)
}

/// `ipsmgw_reply()`: in the result route, answers the sender with the outcome. For a short message, answers and reports as if the IM
/// side had answered with `$ipsmgw(status)`. Refuses an instant message with that code.
pub(crate) fn reply(msg: SipMsg<'_>) -> i32 {
    let Some(msg) = can_take(msg, "ipsmgw_reply") else {
        return FALSE;
    };
    if let Some(outcome) = result_route::current() {
        return truth(answer_in_transaction(msg, &outcome.answer));
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
    truth(handle(exchange, input, Context::Request(msg, None)).answered)
}

/// Refuses an instant message that would have become a short message. None: the message is a short message.
fn refuse_by_script(msg: Request<'_>, status: u16) -> Option<i32> {
    let gateway = &state().gateway;
    let refusal = read_content(msg.message(), |im| gateway.refused_by_script(im, status))??;
    if let Err(ended) = begin(msg) {
        return Some(ended);
    }
    let mut view = MessageView::of(msg.message())?;
    view.read_sender();
    let way = Interworking::ImToSm;
    refuse_message(msg, *refusal, &view.message(), way, now());
    Some(TRUE)
}

/// `ipsmgw_panic()`: panics, for the test of the guard.
#[cfg(feature = "fault-injection")]
#[allow(clippy::panic, reason = "its purpose")]
pub(crate) fn panic(_: SipMsg<'_>) -> i32 {
    panic!("on purpose")
}
