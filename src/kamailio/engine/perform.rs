//! Decisions carried out: what the core said, in Kamailio.

use std::collections::VecDeque;
use std::ffi::CString;

use crate::host::{ExchangeId, Identity, Kind, Now};
use crate::interwork::{Action, Actions, Ended, Input, Outcome, Verdict};
use crate::sip::{Answer, Translation};

use super::hooks;
use super::log_subject;
use super::result;
use super::rewrite;
use super::send;
use crate::kamailio::register::contacts;
use crate::kamailio::state::counters;
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::now::now;
use crate::kamailio::state::trace;
use crate::kamailio::sys::ffi;
use crate::kamailio::sys::message::SipMsg;
use crate::kamailio::sys::modules::modules;
use crate::kamailio::sys::text::lend;
use crate::kamailio::sys::tm::{self, Found};

/// What the actions find themselves in.
#[derive(Clone, Copy)]
pub(crate) enum At<'m> {
    /// A request that the script gave us; its translation, where it is going to be relayed.
    Request(SipMsg<'m>, Option<&'m Translation>),
    /// The failure of a held request: tm's stand-in for it, under tm's REPLY lock.
    Failure(SipMsg<'m>),
    /// The final response to a relayed request is on the wire, or never will be: its transaction. Or a client has
    /// answered behind it, on this branch.
    Answered(&'m ffi::cell, Option<u32>),
    /// A callback or a timer.
    Nothing,
}

/// What a script function gives back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Performed {
    /// The script relays the request.
    Relay,
    /// The request is held, or answered and done with.
    Done(Verdict),
}

/// Tells the core what happened to an exchange, and does what it says. Nothing for one that ended.
pub(crate) fn handle(exchange: ExchangeId, input: Input<'_>, at: At<'_>) {
    perform(decide(exchange, input), at);
}

/// What the core says to something that happened to an exchange.
fn decide(exchange: ExchangeId, input: Input<'_>) -> Actions {
    let state = state();
    let _about = log_subject::about(exchange);
    let now = now();
    match state.table.lock_of(exchange, now.monotonic_ms) {
        Some(mut locked) => state.gateway.handle(input, now, &mut locked),
        None => Actions::new(),
    }
}

/// What the core says to something about the exchanges of an identity.
pub(crate) fn decide_for(identity: &Identity, input: Input<'_>, now: Now) -> Actions {
    let state = state();
    let mut locked = state.table.lock(identity.as_str(), now.monotonic_ms);
    state.gateway.handle(input, now, &mut locked)
}

/// Does all of it, in order. No lock of ours is held.
pub(crate) fn perform(actions: Actions, at: At<'_>) -> Performed {
    let mut performed = Performed::Done(Verdict::Taken);
    // What fails at once leads to more to do, such as the next message of a queue: behind the rest.
    let mut actions = VecDeque::from(actions);
    let mut ended = Vec::new();
    while let Some(action) = actions.pop_front() {
        let _about = exchange_of(&action).map(log_subject::about);
        match action {
            Action::Ended(end) => {
                let known = state().trace.ended(end);
                trace::tell(end);
                ended.push((end, known.map(|known| known.call_id).unwrap_or_default()));
            }
            Action::Count(counter) => {
                if let Some(warning) = counter.warning() {
                    tracing::warn!("{warning}");
                }
                counters::count(counter);
            }
            Action::Reply(answer, verdict) => {
                if let At::Request(msg, _) = at {
                    answer_request(msg, &answer);
                }
                performed = Performed::Done(verdict);
            }
            Action::Relay {
                exchange,
                translation: whole,
            } => {
                note_opened(exchange, Kind::SmToIm, at);
                performed = match at {
                    At::Request(msg, translation)
                        // Without one there is nothing to rewrite: the script answers.
                        if relay(
                            msg,
                            translation.map(|part| whole.as_deref().unwrap_or(part)),
                            exchange,
                        ) =>
                    {
                        Performed::Relay
                    }
                    _ => Performed::Done(Verdict::Refused),
                };
            }
            Action::Accept { transaction, .. } => result::accept(transaction),
            Action::Hold { exchange } => {
                note_opened(exchange, Kind::ImToSm, at);
                if let At::Request(msg, _) = at
                    && !hooks::hook_held(msg, exchange)
                {
                    tracing::error!("no memory to watch a held transaction: its timer answers 408");
                }
            }
            // Its caller asks for these before anything is performed.
            Action::Enlisted { .. } => {}
            Action::AnswerHeld {
                exchange: _,
                transaction,
                outcome,
            } => match at {
                At::Failure(request) => result::answer_in_failure(request, transaction, outcome),
                At::Request(..) | At::Answered(..) | At::Nothing => {
                    result::answer_held(transaction, outcome);
                }
            },
            Action::Send { exchange, message } => {
                if let Err(send::NotSent(status)) = send::send(message, exchange) {
                    tracing::warn!(status, "a MESSAGE of ours could not be sent");
                    if let Some(exchange) = exchange {
                        actions.extend(decide(exchange, Input::NotSent { exchange, status }));
                    }
                }
            }
            Action::SendRpData {
                exchange,
                attempt,
                message,
                leg,
            } => {
                let legs = send::Legs::of(&message, leg);
                if let Some(count) = legs.others() {
                    actions.extend(decide(exchange, Input::OtherContacts { exchange, count }));
                }
                if let Err(send::NotSent(status)) = legs.send(message, exchange, attempt) {
                    tracing::info!(status, "a short message could not be sent");
                    actions.extend(decide(exchange, Input::NotSent { exchange, status }));
                }
            }
            Action::Fork { exchange, message } => {
                let mut routes = contacts::routes_to(&message.identity, state().flags.im);
                let legs = u8::try_from(routes.len()).unwrap_or(u8::MAX);
                routes.truncate(usize::from(legs));
                if legs > 1 {
                    actions.extend(decide(exchange, Input::Forked { exchange, legs }));
                }
                let mut sent: Vec<_> = routes
                    .iter()
                    .map(|route| send::send_to(message.clone(), Some(exchange), route))
                    .collect();
                if sent.is_empty() {
                    sent.push(send::send(message, Some(exchange)));
                }
                for send::NotSent(status) in sent.into_iter().filter_map(Result::err) {
                    tracing::warn!(status, "a MESSAGE of ours could not be sent");
                    actions.extend(decide(exchange, Input::NotSent { exchange, status }));
                }
            }
            Action::SendAgain {
                exchange,
                refused,
                message,
            } => {
                let client = match at {
                    At::Answered(cell, branch) => {
                        contacts::client_that_answered(cell, branch, refused)
                    }
                    _ => None,
                };
                let sent = match &client {
                    Some(client) => send::send_to(message, Some(exchange), client),
                    // The script said so, not a client.
                    None => Err(send::NotSent(refused)),
                };
                if let Err(send::NotSent(status)) = sent {
                    actions.extend(decide(exchange, Input::NotSent { exchange, status }));
                }
            }
        }
    }
    // The script hears of it when all is done.
    for (end, call_id) in ended
        .into_iter()
        .filter(|(end, _)| end.kind == Kind::SmToIm)
    {
        result::tell_script(end, call_id);
    }
    performed
}

/// The exchange that an action is about.
fn exchange_of(action: &Action) -> Option<ExchangeId> {
    match action {
        Action::Relay { exchange, .. }
        | Action::Accept { exchange, .. }
        | Action::Hold { exchange }
        | Action::Enlisted { exchange }
        | Action::AnswerHeld { exchange, .. }
        | Action::SendRpData { exchange, .. }
        | Action::SendAgain { exchange, .. }
        | Action::Fork { exchange, .. }
        | Action::Ended(Ended { exchange, .. }) => Some(*exchange),
        Action::Send { exchange, .. } => *exchange,
        Action::Reply(..) | Action::Count(_) => None,
    }
}

/// The request at hand has opened an exchange.
fn note_opened(exchange: ExchangeId, kind: Kind, at: At<'_>) {
    if let At::Request(msg, _) = at {
        let call_id = msg.call_id().unwrap_or_default();
        state().trace.opened(exchange, kind, call_id);
    }
}

/// Rewrites the request and ties its transaction to the exchange, so that `t_relay()` does the rest.
fn relay(msg: SipMsg<'_>, translation: Option<&Translation>, exchange: ExchangeId) -> bool {
    if let Some(Err(what)) = translation.map(|to| rewrite::translate(msg, to)) {
        tracing::error!(%what, "cannot rewrite the request");
    } else if hooks::hook_relayed(msg, exchange) {
        tm::set_timeout(msg, state().gateway.policy.im_timeout_ms);
        return true;
    } else {
        tracing::error!("no memory to watch a transaction");
    }
    handle(exchange, Input::Released { exchange }, At::Nothing);
    answer_failure(msg);
    false
}

/// Answers a request for which Kamailio refused what we need; the log says why.
pub(crate) fn answer_failure(msg: SipMsg<'_>) {
    let answer = Answer {
        status: 500,
        reason: "Server Internal Error",
        headers: "",
    };
    answer_request(msg, &answer);
}

/// Answers the request at hand: through its transaction where it has one. (sl would do the same, unless its
/// `bind_tm` is off; then tm would not tell us that the answer is on the wire.)
pub(crate) fn answer_request(msg: SipMsg<'_>, answer: &Answer) -> bool {
    if tm::has_transaction() {
        return answer_in_transaction(msg, answer);
    }
    answer_without_transaction(msg, answer.status, answer.reason, answer.headers)
}

/// Answers a request that has no transaction, and gets none.
pub(crate) fn answer_without_transaction(
    msg: SipMsg<'_>,
    status: u16,
    reason: &str,
    headers: &str,
) -> bool {
    add_headers(msg, headers);
    let mut reason = lend(reason.as_bytes());
    let Some(reply) = modules().sl.freply else {
        return false;
    };
    // SAFETY: a live request; the reason is copied.
    unsafe { reply(msg.raw(), status.into(), &mut reason) >= 0 }
}

/// Answers a copy of a request whose transaction tm has forgotten, with the To tag of its first answer.
pub(crate) fn answer_as_before(msg: SipMsg<'_>, answer: &Answer) -> bool {
    add_headers(msg, answer.headers);
    let mut reason = lend(answer.reason.as_bytes());
    let (Some(to_tag), Some(reply)) = (modules().tm.t_get_reply_totag, modules().sl.dreply) else {
        return false;
    };
    let mut tag = ffi::str_::default();
    // SAFETY: a live request; the tag stays in a buffer of tm's.
    if unsafe { to_tag(msg.raw(), &mut tag) } <= 0 {
        return false;
    }
    // SAFETY: as above; the reason is copied.
    unsafe { reply(msg.raw(), answer.status.into(), &mut reason, &mut tag) >= 0 }
}

/// Answers the request of tm's current transaction.
pub(crate) fn answer_in_transaction(request: SipMsg<'_>, answer: &Answer) -> bool {
    add_headers(request, answer.headers);
    let Some(t_reply) = modules().tm.t_reply else {
        return false;
    };
    let Ok(reason) = CString::new(answer.reason) else {
        return false;
    };
    // SAFETY: the request of the current transaction; the reason is copied.
    unsafe {
        t_reply(
            request.raw(),
            answer.status.into(),
            reason.as_ptr().cast_mut(),
        ) > 0
    }
}

/// The sender of a held request gets its outcome from any process.
pub(crate) fn answer_by_id(found: Found, outcome: &Outcome) -> bool {
    found.reply(
        outcome.answer.status,
        outcome.answer.reason,
        outcome.answer.headers,
    )
}

/// Header fields that Kamailio puts into its answer to this request.
fn add_headers(msg: SipMsg<'_>, lines: &str) {
    if lines.is_empty() {
        return;
    }
    let lump = lend(lines.as_bytes());
    // SAFETY: a live request; the lines are copied.
    let added = unsafe { ffi::add_lump_rpl2(msg.raw(), lump.s, lump.len, ffi::LUMP_RPL_HDR as _) };
    if added.is_null() {
        tracing::error!("no private memory for a header field of an answer");
    }
}
