//! The decisions of the core, carried out in Kamailio.

use std::collections::VecDeque;

use crate::host::{ExchangeId, Identity, Kind, Now};
use crate::interwork::{Action, Actions, Ended, Input, Verdict};
use crate::sip::Translation;

use super::answer::{answer_failure, answer_request};
use super::log_subject;
use super::result;
use super::rewrite;
use super::send;
use super::watch;
use crate::kamailio::register::contacts;
use crate::kamailio::register::route::NotSent;
use crate::kamailio::state::counters;
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::now::now;
use crate::kamailio::state::trace;
use crate::kamailio::sys::request::Request;
use crate::kamailio::sys::transaction::{self, Transaction};

/// Execution context: the message or transaction that is current in this process.
#[derive(Clone, Copy)]
pub(crate) enum At<'m> {
    /// A request that the script gave us; its translation, where it is going to be relayed.
    Request(Request<'m>, Option<&'m Translation>),
    /// The failure of a held request: tm's stand-in for it, under tm's REPLY lock.
    Failure(Request<'m>),
    /// The final response to a relayed request is on the wire, or never will be: its transaction. Or a client has
    /// answered behind it, on this branch.
    Answered(Transaction<'m>, Option<u32>),
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
                    && !watch::watch_held(msg, exchange)
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
                if let Err(NotSent(status)) = send::send(message, exchange) {
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
                if let Err(NotSent(status)) = legs.send(message, exchange, attempt) {
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
                for NotSent(status) in sent.into_iter().filter_map(Result::err) {
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
                    None => Err(NotSent(refused)),
                };
                if let Err(NotSent(status)) = sent {
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
fn relay(msg: Request<'_>, translation: Option<&Translation>, exchange: ExchangeId) -> bool {
    if let Some(Err(what)) = translation.map(|to| rewrite::translate(msg, to)) {
        tracing::error!(%what, "cannot rewrite the request");
    } else if watch::watch_relayed(msg, exchange) {
        transaction::set_timeout(msg, state().gateway.policy.im_timeout_ms);
        return true;
    } else {
        tracing::error!("no memory to watch a transaction");
    }
    handle(exchange, Input::Released { exchange }, At::Nothing);
    answer_failure(msg);
    false
}
