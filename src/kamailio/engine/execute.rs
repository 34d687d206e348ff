//! The effects of a decision, executed in Kamailio. No lock of this module is held.

mod durable;
mod sending;

use crate::exchange::{ExchangeKey, Identity, Kind, ReplyTo};
use crate::interwork::{ChargingRecord, Counter, Effect, Ended, Ending, Input, Step, Verdict};
use crate::sip::{Answer, Translation};

use super::answer::{self, answer_in_transaction, answer_request, reply};
use super::cdr_route;
use super::charging;
use super::decide::{decide, decide_for, effects_are_done};
use super::log_subject;
use super::offers;
use super::rewrite;
use super::sessions;
use super::sm_result_route;
use super::stored_recipients::{self, Recipient};
use super::transaction_id::{reply_to, tm_place};
use super::watch;
use crate::kamailio::state::counters;
use crate::kamailio::state::delivery_times;
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::now::now;
use crate::kamailio::state::trace::{self, CallId};
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
    let mut execution = Execution {
        context,
        executed: Executed {
            verdict: step.verdict,
            answered: false,
        },
        later: Vec::new(),
        ended: Vec::new(),
        records: Vec::new(),
    };
    let mut effects = step.effects;
    while !effects.is_empty() {
        charging::write_first(&mut effects, execution.request());
        for effect in effects {
            execution.execute(effect);
        }
        effects = std::mem::take(&mut execution.later);
    }
    effects_are_done();
    // The event routes of the script run after all effects.
    for (end, call_id) in execution.ended {
        sm_result_route::tell_script(end, call_id);
    }
    for record in execution.records {
        cdr_route::tell_script(record);
    }
    execution.executed
}

/// The execution of the effects of a step.
struct Execution<'m> {
    context: Context<'m>,
    executed: Executed,
    /// The effects of new inputs, such as the next message of a queue behind a failed effect. They come last.
    later: Vec<Effect>,
    /// For the event routes of the script.
    ended: Vec<(Ended, CallId)>,
    #[expect(
        clippy::vec_box,
        reason = "records are large, and come and go in boxes"
    )]
    records: Vec<Box<ChargingRecord>>,
}

impl Execution<'_> {
    /// Executes one effect. Those that few texts have are `#[cold]`: their code and their stack are not in the way of the
    /// others.
    fn execute(&mut self, effect: Effect) {
        let _about = log_subject::exchange_of(&effect).map(log_subject::about);
        match effect {
            Effect::Answer(to, answer) => {
                self.executed.answered |= answer_to(to, &answer, self.context);
            }
            Effect::ForwardAs(answer) => {
                if let Context::Response(reply) = self.context
                    && let Err(what) = rewrite::answer_with(reply, &answer)
                {
                    tracing::error!(%what, "the response of the IM side is forwarded unchanged");
                }
            }
            Effect::Relay {
                exchange,
                translation,
            } => self.relay(exchange, translation.as_deref()),
            Effect::Hold { exchange, .. } => self.hold(exchange),
            Effect::AnswerHeld {
                transaction,
                route,
                outcome,
                ..
            } => match self.context {
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
            } => self.send(exchange, attempt, message),
            Effect::SendRpData {
                exchange,
                attempt,
                message,
                to,
            } => self.send_rp_data(exchange, attempt, message, to),
            Effect::Ended(end) => self.end(end),
            Effect::Charge(record) => self.charge(record),
            Effect::Count(counter) => count(counter),
            Effect::AcceptEarly {
                transaction,
                answer,
                ..
            } => answer::accept_early(tm_place(transaction), &answer),
            seldom => self.execute_seldom(seldom),
        }
    }

    /// The effects of long messages, stored messages, sessions, lists and failures.
    #[cold]
    fn execute_seldom(&mut self, effect: Effect) {
        match effect {
            Effect::Refused { status, reason } => {
                tracing::info!(target: "ipsmgw::notice", status, %reason, "refused");
            }
            Effect::Store { exchange, waits } => self.store(exchange, waits),
            Effect::StoreParts { exchanges } => self.store_parts(&exchanges),
            Effect::StoreList { exchanges, waits } => self.store_list(&exchanges, waits),
            Effect::StatusReport(report) => {
                self.tell_identity(&report.identity, Input::StatusReport(&report));
            }
            Effect::DeliverSm { from, sm } => {
                note_opened(from, (Kind::SmToIm, true), self.context);
                self.tell_identity(&sm.identity, Input::DeliverSm { from, sm: &sm });
            }
            Effect::SmOverdue { from, identity } => {
                let identity = &identity;
                self.tell_identity(identity, Input::SmOverdue { from, identity });
            }
            Effect::SmOutcome { exchange, status } => {
                self.tell(exchange, Input::SmOutcome { exchange, status });
            }
            Effect::StoreSm(sm) => self.tell_identity(&sm.identity, Input::StoreSm(&sm)),
            Effect::ReportStatus(report) => {
                self.tell_identity(&report.identity, Input::ReportStatus(&report));
            }
            Effect::LookUp {
                exchange,
                recipient,
                authorised,
                is_sm,
            } => {
                let input = stored_recipients::look_up(exchange, &recipient, &authorised, is_sm);
                self.tell(exchange, input);
            }
            Effect::ReadStored { identity, if_here } => {
                let recipient = (if_here.as_deref()).map_or(Recipient::Named, Recipient::IfHere);
                stored_recipients::read(&identity, recipient);
            }
            Effect::Fork {
                exchange,
                attempt,
                message,
            } => self.fork(exchange, attempt, message),
            Effect::SendAgain {
                exchange,
                refused,
                message,
                ..
            } => self.send_again(exchange, refused, message),
            Effect::OfferSession { exchange, offer } => self.offer_session(exchange, &offer),
            Effect::BeginSession {
                exchange,
                session,
                body,
                content,
                wants_report,
            } => {
                let outcome = offers::begin(exchange, &session, &body, content, wants_report);
                if let Some(status) = outcome {
                    self.tell(exchange, Input::SessionEnded { exchange, status });
                }
            }
            Effect::EndSession { exchange, session } => match session {
                Some(session) => offers::end(&session),
                None => offers::end_all(exchange),
            },
            Effect::SendInSession {
                exchange,
                attempt,
                session,
                body,
            } => {
                if let Err(fault) = sessions::notify(&session, exchange, attempt, &body) {
                    self.not_sent(exchange, attempt, fault.status());
                }
            }
            // Executed in `execute`.
            Effect::Answer(..)
            | Effect::ForwardAs(_)
            | Effect::Relay { .. }
            | Effect::Hold { .. }
            | Effect::AnswerHeld { .. }
            | Effect::Send { .. }
            | Effect::SendRpData { .. }
            | Effect::Ended(_)
            | Effect::Charge(_)
            | Effect::Count(_)
            | Effect::AcceptEarly { .. } => {}
        }
    }

    /// Decides an input for an exchange. Its effects come later.
    fn tell(&mut self, exchange: ExchangeKey, input: Input<'_>) {
        self.later.extend(decide(exchange, input).effects);
    }

    /// The same for the exchanges of an identity.
    fn tell_identity(&mut self, identity: &Identity, input: Input<'_>) {
        self.later
            .extend(decide_for(identity, input, now()).effects);
    }

    /// The request of the script function.
    fn request(&self) -> Option<Request<'_>> {
        match self.context {
            Context::Request(request, _) => Some(request),
            _ => None,
        }
    }

    fn end(&mut self, end: Ended) {
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
            self.ended.push((end, call_id.unwrap_or_default()));
        }
    }

    fn charge(&mut self, mut record: Box<ChargingRecord>) {
        charging::write(&mut record, self.request());
        if cdr_route::script_gets_records() {
            self.records.push(record);
        }
    }

    fn relay(&mut self, exchange: ExchangeKey, joined: Option<&Translation>) {
        note_opened(exchange, (Kind::SmToIm, false), self.context);
        let is_relayed = match self.context {
            // Without a translation there is nothing to rewrite: the script answers.
            Context::Request(request, translation) => relay(
                request,
                translation.map(|part| joined.unwrap_or(part)),
                exchange,
            ),
            _ => false,
        };
        if !is_relayed {
            self.executed.verdict = Verdict::Refused;
        }
    }

    fn hold(&mut self, exchange: ExchangeKey) {
        note_opened(exchange, (Kind::ImToSm, false), self.context);
        if let Some(request) = self.request()
            && !watch::watch_held(request, exchange)
        {
            tracing::error!("no memory to watch a held transaction: its timer answers 408");
        }
    }
}

fn count(counter: Counter) {
    if let Some(warning) = counter.warning() {
        tracing::warn!("{warning}");
    }
    counters::count(counter);
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
