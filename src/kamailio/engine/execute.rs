//! The effects of a decision, executed in Kamailio. No lock of this module is held.

use crate::exchange::{Clients, ExchangeKey, Kind, ReplyTo};
use crate::interwork::{Effect, Ending, Input, Step, Unsent, Verdict};
use crate::sip::{Answer, Translation};

use super::answer::{self, answer_in_transaction, answer_request, reply};
use super::cdr_route;
use super::charging;
use super::decide::{decide, decide_for, effects_are_done};
use super::log_subject;
use super::offers;
use super::rewrite;
use super::send;
use super::sessions;
use super::sm_result_route;
use super::stored_recipients;
use super::transaction_id::{reply_to, tm_place};
use super::watch;
use crate::kamailio::register::contacts::{self, NotSent};
use crate::kamailio::state::counters;
use crate::kamailio::state::delivery_times;
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::now::now;
use crate::kamailio::state::trace;
use crate::kamailio::sys::clock;
use crate::kamailio::sys::reply::Reply;
use crate::kamailio::sys::request::Request;
use crate::kamailio::sys::transaction::{self, FoundTransaction, Transaction};

/// Execution context: the message or transaction that is current in this process.
#[derive(Clone, Copy)]
pub(crate) enum Context<'m> {
    /// A request in a script function, with its translation if it is relayed.
    Request(Request<'m>, Option<&'m Translation>),
    /// The failure of a request: tm's faked request, under tm's REPLY lock.
    Failure(Request<'m>),
    /// The transaction of a relayed request that has its final response. With a branch: a client has answered on it.
    Answered(Transaction<'m>, Option<u32>),
    /// A response of the IM side that is about to be forwarded.
    Response(Reply<'m>),
    /// A callback or a timer.
    Nothing,
}

/// The result of executed effects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Executed {
    /// The verdict for the script.
    pub(crate) verdict: Verdict,
    /// Whether an answer went to the request.
    pub(crate) answered: bool,
}

/// Decides an input for an exchange, and executes the effects.
pub(crate) fn handle(exchange: ExchangeKey, input: Input<'_>, context: Context<'_>) -> Executed {
    execute(decide(exchange, input), context)
}

/// Executes the effects, in their order.
pub(crate) fn execute(step: Step, context: Context<'_>) -> Executed {
    if step.effects.is_empty() {
        effects_are_done();
        return Executed {
            verdict: step.verdict,
            answered: false,
        };
    }
    execute_all(step, context)
}

fn execute_all(step: Step, context: Context<'_>) -> Executed {
    let mut executed = Executed {
        verdict: step.verdict,
        answered: false,
    };
    let mut effects = step.effects.into_iter();
    // A failed effect becomes a new input. The effects of that input, such as the next message of a queue, come last.
    let mut later = Vec::new();
    let mut ended = Vec::new();
    let mut records = Vec::new();
    loop {
        let Some(effect) = effects.next() else {
            if later.is_empty() {
                break;
            }
            effects = std::mem::take(&mut later).into_iter();
            continue;
        };
        let _about = log_subject::exchange_of(&effect).map(log_subject::about);
        let mut tell = |exchange, input| later.extend(decide(exchange, input).effects);
        match effect {
            Effect::Ended(end) => {
                let took_ms = state().trace.ended(end, clock::monotonic_ms());
                if end.ending == Ending::Delivered
                    && let Some(took_ms) = took_ms
                {
                    delivery_times::count(end.kind, end.to_phone, took_ms);
                }
                trace::tell(end);
                if end.kind == Kind::ImToSm {
                    sessions::tell(&end);
                }
                if end.kind == Kind::SmToIm && sm_result_route::has_route() {
                    let call_id = state().trace.call_id(end.exchange);
                    ended.push((end, call_id.unwrap_or_default()));
                }
            }
            Effect::Charge(mut record) => {
                let request = match context {
                    Context::Request(request, _) => Some(request),
                    _ => None,
                };
                charging::write(&mut record, request);
                if cdr_route::script_gets_records() {
                    records.push(record);
                }
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
                later.extend(step.effects);
            }
            Effect::DeliverSm { from, sm } => {
                note_opened(from, (Kind::SmToIm, true), context);
                let input = Input::DeliverSm { from, sm: &sm };
                later.extend(decide_for(&sm.identity, input, now()).effects);
            }
            Effect::SmOverdue { from, identity } => {
                let identity = &identity;
                let input = Input::SmOverdue { from, identity };
                later.extend(decide_for(identity, input, now()).effects);
            }
            Effect::OfferSession { exchange, offer } => {
                note_opened(exchange, (Kind::SmToIm, false), context);
                let clients = offers::clients(&offer);
                if clients.len() > 1 {
                    let clients = u8::try_from(clients.len()).unwrap_or(u8::MAX);
                    tell(exchange, Input::Forked { exchange, clients });
                }
                let mut sent: Vec<_> = clients
                    .iter()
                    .map(|client| offers::offer(exchange, &offer, client))
                    .collect();
                if sent.is_empty() {
                    sent.push(Err(Unsent::NoDestination));
                }
                for why in sent.into_iter().filter_map(Result::err) {
                    tracing::info!(?why, "an MSRP session could not be offered");
                    tell(exchange, Input::NotOffered { exchange, why });
                }
            }
            Effect::BeginSession {
                exchange,
                session,
                body,
                content,
                wants_report,
            } => {
                let outcome = offers::begin(exchange, &session, &body, content, wants_report);
                if let Some(status) = outcome {
                    tell(exchange, Input::SessionEnded { exchange, status });
                }
            }
            Effect::EndSession { exchange, session } => match session {
                Some(session) => offers::end(&session),
                None => offers::end_all(exchange),
            },
            Effect::StoreSm(sm) => {
                later.extend(decide_for(&sm.identity, Input::StoreSm(&sm), now()).effects);
            }
            Effect::ReportStatus(report) => {
                let input = Input::ReportStatus(&report);
                later.extend(decide_for(&report.identity, input, now()).effects);
            }
            Effect::LookUp {
                exchange,
                recipient,
                authorised,
                is_sm,
            } => {
                let input = stored_recipients::look_up(exchange, &recipient, &authorised, is_sm);
                tell(exchange, input);
            }
            Effect::ReadStored { identity, if_here } => {
                stored_recipients::read(&identity, if_here.as_deref());
            }
            Effect::SmOutcome { exchange, status } => {
                tell(exchange, Input::SmOutcome { exchange, status });
            }
            Effect::Answer(to, answer) => executed.answered |= answer_to(to, &answer, context),
            Effect::ForwardAs(answer) => {
                if let Context::Response(reply) = context
                    && let Err(what) = rewrite::answer_with(reply, &answer)
                {
                    tracing::error!(%what, "the response of the IM side is forwarded unchanged");
                }
            }
            Effect::Relay {
                exchange,
                translation: joined,
            } => {
                note_opened(exchange, (Kind::SmToIm, false), context);
                let is_relayed = match context {
                    // Without a translation there is nothing to rewrite: the script answers.
                    Context::Request(request, translation) => relay(
                        request,
                        translation.map(|part| joined.as_deref().unwrap_or(part)),
                        exchange,
                    ),
                    _ => false,
                };
                if !is_relayed {
                    executed.verdict = Verdict::Refused;
                }
            }
            Effect::AcceptEarly {
                transaction,
                answer,
                ..
            } => answer::accept_early(tm_place(transaction), &answer),
            Effect::Hold { exchange, .. } => {
                note_opened(exchange, (Kind::ImToSm, false), context);
                if let Context::Request(request, _) = context
                    && !watch::watch_held(request, exchange)
                {
                    tracing::error!("no memory to watch a held transaction: its timer answers 408");
                }
            }
            Effect::Store { exchange, waits } => {
                let request = match context {
                    Context::Request(request, _) => Some(request),
                    _ => None,
                };
                let may_wait = waits.is_none()
                    || request.is_some_and(|request| hold_for_database(request, exchange));
                let storage = state().storage.as_ref();
                if !may_wait || !storage.is_some_and(|storage| storage.ask(exchange)) {
                    counters::NOT_STORED.count();
                    tell(exchange, Input::NotStored { exchange });
                }
            }
            Effect::StoreList { exchanges, waits } => {
                let Some((&last, others)) = exchanges.split_last() else {
                    continue;
                };
                let may_wait = matches!(context, Context::Request(request, _) if hold_for_database(request, last));
                let storage = state().storage.as_ref();
                if !may_wait
                    || !storage.is_some_and(|storage| storage.ask_together(&exchanges, waits))
                {
                    let input = Input::ListStored {
                        exchange: last,
                        transaction: waits,
                        written: false,
                    };
                    tell(last, input);
                    for &exchange in others {
                        tell(exchange, Input::NotStored { exchange });
                    }
                    (0..exchanges.len()).for_each(|_| counters::NOT_STORED.count());
                }
            }
            Effect::AnswerHeld {
                transaction,
                route,
                outcome,
                ..
            } => match context {
                Context::Failure(request) => answer::answer_in_failure(request, &route, *outcome),
                Context::Request(..)
                | Context::Answered(..)
                | Context::Response(_)
                | Context::Nothing => {
                    answer::answer_held(tm_place(transaction), &route, *outcome);
                }
            },
            Effect::Send {
                exchange,
                attempt,
                message,
            } => {
                let of = exchange.map(|exchange| (exchange, attempt));
                if let Err(NotSent(status)) = send::send(message, of) {
                    tracing::warn!(status, "a MESSAGE could not be sent");
                    if let Some(exchange) = exchange {
                        let input = Input::NotSent {
                            exchange,
                            attempt,
                            status,
                        };
                        tell(exchange, input);
                    }
                }
            }
            Effect::SendInSession {
                exchange,
                attempt,
                session,
                body,
            } => {
                if let Err(fault) = sessions::notify(&session, exchange, attempt, &body) {
                    let status = fault.status();
                    let input = Input::NotSent {
                        exchange,
                        attempt,
                        status,
                    };
                    tell(exchange, input);
                }
            }
            Effect::SendRpData {
                exchange,
                attempt,
                message,
                to,
            } => {
                let contacts = send::NextContact::of(&message, to);
                if let Some(count) = contacts.others() {
                    tell(exchange, Input::OtherContacts { exchange, count });
                }
                if let Err(NotSent(status)) = contacts.send(message, exchange, attempt) {
                    tracing::info!(status, "a short message could not be sent");
                    let input = Input::NotSent {
                        exchange,
                        attempt,
                        status,
                    };
                    tell(exchange, input);
                }
            }
            Effect::Fork {
                exchange,
                attempt,
                message,
            } => {
                let mut routes = contacts::routes_to(&message.identity, state().flags.im);
                let clients = u8::try_from(routes.len()).unwrap_or(u8::MAX);
                routes.truncate(usize::from(clients));
                if clients > 1 {
                    tell(exchange, Input::Forked { exchange, clients });
                }
                let timeout_ms = state().gateway.policy.im_timeout_ms;
                let attempts = (0_u8..).map(|client| Clients::attempt_to(attempt, client));
                let mut sent: Vec<_> = routes
                    .iter()
                    .zip(attempts)
                    .map(|(route, attempt)| {
                        let of = Some((exchange, attempt));
                        let send = || send::send_to(message.clone(), of, route);
                        (attempt, send::send_within(timeout_ms, send))
                    })
                    .collect();
                if sent.is_empty() {
                    let send = || send::send(message, Some((exchange, attempt)));
                    sent.push((attempt, send::send_within(timeout_ms, send)));
                }
                for (attempt, sent) in sent {
                    if let Err(NotSent(status)) = sent {
                        tracing::warn!(status, "a MESSAGE could not be sent");
                        let input = Input::NotSent {
                            exchange,
                            attempt,
                            status,
                        };
                        tell(exchange, input);
                    }
                }
            }
            Effect::SendAgain {
                exchange,
                refused,
                message,
                ..
            } => {
                let client = match context {
                    Context::Answered(transaction, branch) => {
                        contacts::client_that_answered(transaction, branch, refused)
                    }
                    _ => None,
                };
                let sent = match &client {
                    Some(client) => send::send_to(message, Some((exchange, 0)), client),
                    // The script has answered, not a client.
                    None => Err(NotSent(refused)),
                };
                if let Err(NotSent(status)) = sent {
                    let input = Input::NotSent {
                        exchange,
                        attempt: 0,
                        status,
                    };
                    tell(exchange, input);
                }
            }
        }
    }
    effects_are_done();
    // The event routes of the script run after all effects.
    for (end, call_id) in ended {
        sm_result_route::tell_script(end, call_id);
    }
    for record in records {
        cdr_route::tell_script(record);
    }
    executed
}

/// Notes for `ipsmgw.trace` that the current request has opened an exchange.
pub(crate) fn note_opened(
    exchange: ExchangeKey,
    (kind, to_phone): (Kind, bool),
    context: Context<'_>,
) {
    if let Context::Request(request, _) = context {
        let call_id = request.call_id().unwrap_or_default();
        state()
            .trace
            .opened(exchange, (kind, to_phone), call_id, clock::monotonic_ms());
    }
}

/// Rewrites the request and registers the callbacks of its transaction. Then the script calls `t_relay()`.
fn relay(request: Request<'_>, translation: Option<&Translation>, exchange: ExchangeKey) -> bool {
    if let Some(Err(what)) = translation.map(|to| rewrite::translate(request, to)) {
        tracing::error!(%what, "cannot rewrite the request");
    } else if watch::watch_relayed(request, exchange) {
        transaction::set_timeout(request, state().gateway.policy.im_timeout_ms);
        return true;
    } else {
        tracing::error!("no memory to watch a transaction");
    }
    handle(exchange, Input::Released { exchange }, Context::Nothing);
    refuse_without_means(request);
    false
}

/// Holds a request until its exchange is written. tm's timer ends it if that takes too long.
fn hold_for_database(request: Request<'_>, exchange: ExchangeKey) -> bool {
    transaction::set_timeout(request, state().gateway.policy.accept_timeout_ms);
    let is_held = transaction::suspend(request).is_some() && watch::watch_held(request, exchange);
    if !is_held {
        tracing::error!("no memory to hold a request until it is written to the database");
    }
    is_held
}

/// Refuses a request because a call into Kamailio failed. The log has the reason.
pub(crate) fn refuse_without_means(request: Request<'_>) {
    let step = state().gateway.refuse_without_means(reply_to(request));
    execute(step, Context::Request(request, None));
}

/// Answers a request: directly if it is current, else through its transaction.
fn answer_to(to: ReplyTo, answer: &Answer, context: Context<'_>) -> bool {
    let at_hand = match context {
        Context::Request(request, _) | Context::Failure(request) => Some(request),
        Context::Answered(..) | Context::Response(_) | Context::Nothing => None,
    };
    let transaction = match to {
        ReplyTo::Transaction(transaction) => tm_place(transaction),
        ReplyTo::AtHand => return at_hand.is_some_and(|request| answer_request(request, answer)),
    };
    let is_it = |request: &Request<'_>| {
        let current = Transaction::of(request.message());
        current.is_some_and(|current| current.place() == transaction)
    };
    match at_hand.filter(is_it) {
        // The result route may have answered the request, or have relayed it elsewhere.
        Some(request) if matches!(context, Context::Failure(_)) && answer::is_settled(request) => {
            false
        }
        Some(request) => answer_in_transaction(request, answer),
        None => FoundTransaction::look_up(transaction).is_some_and(|found| reply(found, answer)),
    }
}
