//! Steps of the core, carried out in Kamailio: the changes are committed under the lock of their bucket, then the effects
//! are carried out without a lock of ours.

use std::collections::VecDeque;

use crate::exchange::{ExchangeKey, Identity, Kind, NothingOpen, Now, ReplyTo, TransactionId};
use crate::interwork::{Effect, Ended, Input, Step, Verdict};
use crate::sip::{Answer, Translation};

use super::answer::{answer_in_transaction, answer_request, reply};
use super::log_subject;
use super::result;
use super::rewrite;
use super::send;
use super::watch;
use crate::kamailio::register::contacts;
use crate::kamailio::register::route::NotSent;
use crate::kamailio::state::counters;
use crate::kamailio::state::exchanges::Locked;
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::now::now;
use crate::kamailio::state::trace;
use crate::kamailio::sys::clock;
use crate::kamailio::sys::reply::Reply;
use crate::kamailio::sys::request::Request;
use crate::kamailio::sys::transaction::{self, FoundTransaction, Transaction, TransactionPlace};

/// Execution context of the effects: what is at hand in this process.
#[derive(Clone, Copy)]
pub(crate) enum At<'m> {
    /// A request that the script gave us; its translation, where it is going to be relayed.
    Request(Request<'m>, Option<&'m Translation>),
    /// The failure of a request: tm's stand-in for it, under tm's REPLY lock.
    Failure(Request<'m>),
    /// The final response to a relayed request is on the wire, or never will be: its transaction. Or a client has
    /// answered behind it, on this branch.
    Answered(Transaction<'m>, Option<u32>),
    /// A response of the IM side that is about to be forwarded.
    Response(Reply<'m>),
    /// A callback or a timer.
    Nothing,
}

/// What came of the effects of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Performed {
    /// What the script is told.
    pub(crate) verdict: Verdict,
    /// Whether an answer went to the request.
    pub(crate) answered: bool,
}

/// Tells the core what happened to an exchange, and does what it says.
pub(crate) fn handle(exchange: ExchangeKey, input: Input<'_>, at: At<'_>) -> Performed {
    perform(decide(exchange, input), at)
}

/// What the core says to something that happened to an exchange, which may have ended. Its changes are committed.
fn decide(exchange: ExchangeKey, input: Input<'_>) -> Step {
    let state = state();
    let _about = log_subject::about(exchange);
    let now = now();
    match state.table.lock_of(exchange, now.unix_ms) {
        Some(locked) => decide_in(locked, input, now),
        None => state.gateway.handle(input, now, &mut NothingOpen),
    }
}

/// What the core says to something about the exchanges of an identity.
pub(crate) fn decide_for(identity: &Identity, input: Input<'_>, now: Now) -> Step {
    let locked = state().table.lock(identity.as_str(), now.unix_ms);
    decide_in(locked, input, now)
}

/// What the core says to something about the exchanges of a bucket.
pub(crate) fn decide_in(mut locked: Locked<'_>, input: Input<'_>, now: Now) -> Step {
    let step = state().gateway.handle(input, now, &mut locked);
    locked.commit(&step.changes);
    step
}

/// Carries the effects out, in order. No lock of ours is held.
pub(crate) fn perform(step: Step, at: At<'_>) -> Performed {
    let mut performed = Performed {
        verdict: step.verdict,
        answered: false,
    };
    // What fails at once leads to more to do, such as the next message of a queue: behind the rest.
    let mut effects = VecDeque::from(step.effects);
    let mut ended = Vec::new();
    while let Some(effect) = effects.pop_front() {
        let _about = exchange_of(&effect).map(log_subject::about);
        let mut tell = |exchange, input| effects.extend(decide(exchange, input).effects);
        match effect {
            Effect::Ended(end) => {
                let known = state().trace.ended(end, clock::monotonic_ms());
                trace::tell(end);
                ended.push((end, known.map(|known| known.call_id).unwrap_or_default()));
            }
            Effect::Count(counter) => {
                if let Some(warning) = counter.warning() {
                    tracing::warn!("{warning}");
                }
                counters::count(counter);
            }
            Effect::Refused { status, reason } => {
                tracing::info!(target: "ipsmgw::notice", status, %reason, "refused");
            }
            Effect::StatusReport(report) => {
                let step = decide_for(&report.identity, Input::StatusReport(&report), now());
                effects.extend(step.effects);
            }
            Effect::Answer(to, answer) => performed.answered |= answer_to(to, &answer, at),
            Effect::ForwardAs(answer) => {
                if let At::Response(reply) = at
                    && let Err(what) = rewrite::answer_with(reply, &answer)
                {
                    tracing::error!(%what, "the response of the IM side is forwarded unchanged");
                }
            }
            Effect::Relay {
                exchange,
                translation: joined,
            } => {
                note_opened(exchange, Kind::SmToIm, at);
                let is_relayed = match at {
                    // Without a translation there is nothing to rewrite: the script answers.
                    At::Request(request, translation) => relay(
                        request,
                        translation.map(|part| joined.as_deref().unwrap_or(part)),
                        exchange,
                    ),
                    _ => false,
                };
                if !is_relayed {
                    performed.verdict = Verdict::Refused;
                }
            }
            Effect::AcceptEarly {
                transaction,
                answer,
                ..
            } => result::accept_early(place(transaction), &answer),
            Effect::Hold { exchange, .. } => {
                note_opened(exchange, Kind::ImToSm, at);
                if let At::Request(request, _) = at
                    && !watch::watch_held(request, exchange)
                {
                    tracing::error!("no memory to watch a held transaction: its timer answers 408");
                }
            }
            Effect::AnswerHeld {
                transaction,
                route,
                outcome,
                ..
            } => match at {
                At::Failure(request) => result::answer_in_failure(request, &route, outcome),
                At::Request(..) | At::Answered(..) | At::Response(_) | At::Nothing => {
                    result::answer_held(place(transaction), &route, outcome);
                }
            },
            Effect::Send { exchange, message } => {
                if let Err(NotSent(status)) = send::send(message, exchange) {
                    tracing::warn!(status, "a MESSAGE of ours could not be sent");
                    if let Some(exchange) = exchange {
                        tell(exchange, Input::NotSent { exchange, status });
                    }
                }
            }
            Effect::SendRpData {
                exchange,
                attempt,
                message,
                to,
            } => {
                let contacts = send::Contacts::of(&message, to);
                if let Some(count) = contacts.others() {
                    tell(exchange, Input::OtherContacts { exchange, count });
                }
                if let Err(NotSent(status)) = contacts.send(message, exchange, attempt) {
                    tracing::info!(status, "a short message could not be sent");
                    tell(exchange, Input::NotSent { exchange, status });
                }
            }
            Effect::Fork { exchange, message } => {
                let mut routes = contacts::routes_to(&message.identity, state().flags.im);
                let clients = u8::try_from(routes.len()).unwrap_or(u8::MAX);
                routes.truncate(usize::from(clients));
                if clients > 1 {
                    tell(exchange, Input::Forked { exchange, clients });
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
                    tell(exchange, Input::NotSent { exchange, status });
                }
            }
            Effect::SendAgain {
                exchange,
                refused,
                message,
                ..
            } => {
                let client = match at {
                    At::Answered(transaction, branch) => {
                        contacts::client_that_answered(transaction, branch, refused)
                    }
                    _ => None,
                };
                let sent = match &client {
                    Some(client) => send::send_to(message, Some(exchange), client),
                    // The script said so, not a client.
                    None => Err(NotSent(refused)),
                };
                if let Err(NotSent(status)) = sent {
                    tell(exchange, Input::NotSent { exchange, status });
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

/// The exchange that an effect is about.
fn exchange_of(effect: &Effect) -> Option<ExchangeKey> {
    match effect {
        Effect::Relay { exchange, .. }
        | Effect::AcceptEarly { exchange, .. }
        | Effect::Hold { exchange, .. }
        | Effect::AnswerHeld { exchange, .. }
        | Effect::SendRpData { exchange, .. }
        | Effect::SendAgain { exchange, .. }
        | Effect::Fork { exchange, .. }
        | Effect::Ended(Ended { exchange, .. }) => Some(*exchange),
        Effect::Send { exchange, .. } => *exchange,
        Effect::Answer(..)
        | Effect::ForwardAs(_)
        | Effect::StatusReport(_)
        | Effect::Refused { .. }
        | Effect::Count(_) => None,
    }
}

/// The request at hand has opened an exchange.
fn note_opened(exchange: ExchangeKey, kind: Kind, at: At<'_>) {
    if let At::Request(request, _) = at {
        let call_id = request.call_id().unwrap_or_default();
        state()
            .trace
            .opened(exchange, kind, call_id, clock::monotonic_ms());
    }
}

/// Rewrites the request and ties its transaction to the exchange, so that `t_relay()` does the rest.
fn relay(request: Request<'_>, translation: Option<&Translation>, exchange: ExchangeKey) -> bool {
    if let Some(Err(what)) = translation.map(|to| rewrite::translate(request, to)) {
        tracing::error!(%what, "cannot rewrite the request");
    } else if watch::watch_relayed(request, exchange) {
        transaction::set_timeout(request, state().gateway.policy.im_timeout_ms);
        return true;
    } else {
        tracing::error!("no memory to watch a transaction");
    }
    handle(exchange, Input::Released { exchange }, At::Nothing);
    refuse_without_means(request);
    false
}

/// Refuses a request for which Kamailio refused what we need; the log says why.
pub(crate) fn refuse_without_means(request: Request<'_>) {
    let step = state().gateway.refuse_without_means(reply_to(request));
    perform(step, At::Request(request, None));
}

/// The request at hand, as an answer to it names it.
pub(crate) fn reply_to(request: Request<'_>) -> ReplyTo {
    match Transaction::of(request.message()) {
        Some(transaction) => ReplyTo::Transaction(id(transaction.place())),
        None => ReplyTo::AtHand,
    }
}

/// Answers a request: in its own context where it is at hand, else from outside.
fn answer_to(to: ReplyTo, answer: &Answer, at: At<'_>) -> bool {
    let at_hand = match at {
        At::Request(request, _) | At::Failure(request) => Some(request),
        At::Answered(..) | At::Response(_) | At::Nothing => None,
    };
    let transaction = match to {
        ReplyTo::Transaction(transaction) => place(transaction),
        ReplyTo::AtHand => return at_hand.is_some_and(|request| answer_request(request, answer)),
    };
    let is_it = |request: &Request<'_>| {
        let current = Transaction::of(request.message());
        current.is_some_and(|current| current.place() == transaction)
    };
    match at_hand.filter(is_it) {
        // The script's route may have answered it, or have relayed it elsewhere.
        Some(request) if matches!(at, At::Failure(_)) && result::is_settled(request) => false,
        Some(request) => answer_in_transaction(request, answer),
        None => FoundTransaction::look_up(transaction).is_some_and(|found| reply(found, answer)),
    }
}

/// Where tm has a transaction.
pub(crate) fn place(transaction: TransactionId) -> TransactionPlace {
    let TransactionId { entry, label } = transaction;
    TransactionPlace { entry, label }
}

/// The transaction that tm has there.
pub(crate) fn id(place: TransactionPlace) -> TransactionId {
    let TransactionPlace { entry, label } = place;
    TransactionId { entry, label }
}
