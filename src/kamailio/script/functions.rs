//! The functions of the routing script for messages and for reports on them, for the native language and for KEMI.

use crate::exchange::{Now, ReplyTo, Store as _};
use crate::interwork::{self, Effect, Input, Interworking, Named, ReportIn, Step, Verdict};

use super::assigned::{hold_ms, pager_limit, status_set};
use super::fixups;
use super::requests::{
    accept, begin, can_take, carry_out, refuse, refuse_message, refuse_while_draining,
    transaction_at_hand, truth,
};
use crate::kamailio::engine::answer::{self, answer_in_transaction, outcome_at_hand};
use crate::kamailio::engine::decide::{decide_for, decide_in};
use crate::kamailio::engine::execute::{Context, execute, handle, refuse_without_means};
use crate::kamailio::engine::message_view::{MessageView, read_content};
use crate::kamailio::engine::retransmissions;
use crate::kamailio::engine::transaction_id::{reply_to, transaction_id};
use crate::kamailio::engine::watch;
use crate::kamailio::state::exchanges::Locked;
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::now::now;
use crate::kamailio::sys::entry::script_functions;
use crate::kamailio::sys::message::SipMsg;
use crate::kamailio::sys::request::Request;
use crate::kamailio::sys::return_code::{FALSE, TRUE};
use crate::kamailio::sys::transaction::{self, Transaction};

const DONE_WITH: i32 = 2;
const MALFORMED: i32 = -2;
const NOT_OURS: i32 = -2;

script_functions! {
    Classify c"ipsmgw_classify" c"classify" (msg) => classify(msg);
    Authorize c"ipsmgw_authorize" c"authorize" (_, uri, direction) checked by fixups::authorize
        => authorize(uri, direction);
    SmToIm c"ipsmgw_sm_to_im" c"sm_to_im" (msg) => sm_to_im(msg);
    SmToSm c"ipsmgw_sm_to_sm" c"sm_to_sm" (msg) => sm_to_sm(msg);
    ImToSm c"ipsmgw_im_to_sm" c"im_to_sm" (msg) => im_to_sm(msg, "");
    ImToSmRoute c"ipsmgw_im_to_sm" c"im_to_sm_route" (msg, route) checked by fixups::route
        => im_to_sm(msg, route);
    ExpectsReport c"ipsmgw_expects_report" c"expects_report" (msg) => expects_report(msg);
    Report c"ipsmgw_report" c"report" (msg) => report(msg);
    Reply c"ipsmgw_reply" c"reply" (msg) => reply(msg);
    Draining c"ipsmgw_draining" c"draining" (msg) => draining(msg);
    Enabled c"ipsmgw_enabled" c"enabled" (msg) => enabled(msg);
    #[cfg(feature = "fault-injection")]
    Panic c"ipsmgw_panic" c"panic" (msg) => panic(msg);
}

/// `ipsmgw_draining()`: whether new messages are refused, because the gateway stops or drains.
fn draining(_: SipMsg<'_>) -> i32 {
    truth(state().lifecycle.is_draining())
}

/// `ipsmgw_enabled()`: false after `ipsmgw.disable`; then the script passes messages on unchanged.
fn enabled(_: SipMsg<'_>) -> i32 {
    truth(state().lifecycle.is_enabled())
}

/// `ipsmgw_classify()`: the class of the request. Nothing is changed. After `ipsmgw.disable`, only reports on messages
/// of the gateway have a class.
fn classify(msg: SipMsg<'_>) -> i32 {
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

/// `ipsmgw_authorize(uri, direction)`: whether messages of this identity may be converted.
fn authorize(uri: &str, direction: &str) -> i32 {
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
fn sm_to_im(msg: SipMsg<'_>) -> i32 {
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

/// Gives a short message to the core. The message is relayed; if the script has set an outcome, the report is sent at
/// once. The error is the return code for the script.
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
            prepared.outcome = outcome;
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
fn sm_to_sm(msg: SipMsg<'_>) -> i32 {
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

/// `ipsmgw_im_to_sm([route])`: holds the request and sends it as a short message. The named route gets the outcome.
fn im_to_sm(msg: SipMsg<'_>, route: &str) -> i32 {
    let Some(msg) = can_take(msg, "ipsmgw_im_to_sm") else {
        return FALSE;
    };
    let is_kept = route.len() <= answer::LONGEST_ROUTE_NAME;
    if !(route.is_empty() || is_kept && answer::has_result_route(route)) {
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

/// `ipsmgw_expects_report()`: whether an RP-ACK or RP-ERROR is about a message of this gateway. No answer is sent, and
/// nothing is changed.
fn expects_report(msg: SipMsg<'_>) -> i32 {
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
    truth(expects)
}

/// `ipsmgw_report()`: takes an RP-ACK, RP-ERROR or RP-SMMA, or a notification about a message of this gateway.
fn report(msg: SipMsg<'_>) -> i32 {
    let Some(msg) = can_take(msg, "ipsmgw_report") else {
        return FALSE;
    };
    let state = state();
    let now = now();
    let Some(view) = MessageView::with_sender(msg.message()) else {
        return FALSE;
    };
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
    let step = decide_report(&report, now);
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

/// Decides about a report, with the exchange that it names.
pub(super) fn decide_report(report: &ReportIn<'_>, now: Now) -> Step {
    let (table, now_ms) = (&state().table, now.unix_ms);
    let named = match report.named {
        Named::Exchange(id, _) => table.lock_of(id, now_ms),
        Named::Nothing | Named::Past => None,
    };
    let locked = named.unwrap_or_else(|| table.lock(report.identity.as_str(), now_ms));
    let request = ReplyTo::AtHand;
    decide_in(locked, Input::Report { report, request }, now)
}

/// `ipsmgw_reply()`: in the result route, answers the sender with the outcome. For a short message, answers and reports as if the IM
/// side had answered with `$ipsmgw(status)`. Refuses an instant message with that code.
fn reply(msg: SipMsg<'_>) -> i32 {
    let Some(msg) = can_take(msg, "ipsmgw_reply") else {
        return FALSE;
    };
    if let Some(outcome) = outcome_at_hand() {
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
fn panic(_: SipMsg<'_>) -> i32 {
    panic!("on purpose")
}
