//! The effects of a step, carried out in their order, as `src/kamailio/engine/execute.rs` does. A slow process is overtaken by
//! others between two effects.

use std::collections::VecDeque;
use std::rc::Rc;

use ipsmgw::exchange::{Clients, ExchangeKey, Kind, ReplyTo, TransactionId};
use ipsmgw::interwork::{Effect, Input, Step, ToContact};
use ipsmgw::sip::{MessageOut, Service, Translation};

use crate::books::Subject;
use crate::centre::CENTRE;
use crate::faults::Fault;
use crate::host::{Tie, header, server_of};
use crate::kamailio::{At, Behind};
use crate::transactions::{Owner, TIMER_F_MS};
use crate::world::{Address, Event, GATEWAY, Message, World};

/// tm's `fr_timer` for MESSAGEs of the gateway's own.
const FR_MS: u64 = 25_000;

/// What is current in the process that carries out the effects.
#[derive(Clone)]
pub(crate) enum Context {
    /// A request in a script function.
    Request {
        server: Option<u64>,
        from: Address,
        client: u64,
        translation: Option<Rc<Translation>>,
    },
    /// A held transaction whose timer is over, under tm's REPLY lock.
    Failure,
    /// A relayed transaction that has an answer, on this branch.
    Answered(Option<usize>),
    /// A relayed transaction whose 2xx is about to be forwarded, under tm's REPLY lock.
    Response,
    Nothing,
}

impl Context {
    /// A request in a script function that does not relay it.
    pub(crate) const fn of_request(server: u64, from: Address, client: u64) -> Self {
        Self::Request {
            server: Some(server),
            from,
            client,
            translation: None,
        }
    }

    /// Whether tm's REPLY lock is held: nobody overtakes.
    const fn is_locked(&self) -> bool {
        matches!(self, Self::Failure | Self::Answered(_) | Self::Response)
    }
}

/// A step whose effects are being carried out.
pub(crate) struct Job {
    effects: VecDeque<Effect>,
    context: Context,
    /// When it was decided.
    decided_ms: u64,
    /// The translation for the request that is relayed in the end.
    relays: Option<Rc<Translation>>,
    /// Rows that go in the end.
    ended: Vec<Behind>,
    /// The list that the process goes on with in the end.
    list: Option<u64>,
}

impl Job {
    /// Whether rows go in the end.
    pub(crate) const fn ends_rows(&self) -> bool {
        !self.ended.is_empty()
    }
}

impl World {
    /// Carries out the effects of a step: at once, or in a process that is slow.
    pub(crate) fn execute(&mut self, step: Step, context: Context) {
        let is_slow = !context.is_locked()
            && step.effects.len() > 1
            && self.random.per_mille(self.plan.slow_processes);
        if !is_slow {
            return self.execute_under_lock(step, context);
        }
        let number = self.transactions.next_number();
        let job = self.job_of(step, context);
        self.host.jobs.insert(number, job);
        self.goes_on(number);
    }

    /// The same for a process that works on a list. False: it is slow, and goes on with the list later.
    pub(crate) fn execute_for_list(&mut self, step: Step, context: Context, list: u64) -> bool {
        if !self.random.per_mille(self.plan.slow_processes) {
            self.execute_under_lock(step, context);
            return true;
        }
        let number = self.transactions.next_number();
        let mut job = self.job_of(step, context);
        job.list = Some(list);
        self.host.jobs.insert(number, job);
        // Others overtake before the first effect, too.
        let ms = self.random.pick(&[0, 1, 5, 30, 100]);
        self.later(ms, Event::GoesOn(number));
        false
    }

    /// The same, and nobody overtakes.
    pub(crate) fn execute_under_lock(&mut self, step: Step, context: Context) {
        let mut job = self.job_of(step, context);
        while self.carries_out_next(&mut job) {}
    }

    pub(crate) fn goes_on(&mut self, number: u64) {
        let Some(mut job) = self.host.jobs.remove(&number) else {
            return;
        };
        // A few effects at a time.
        for _ in 0..=self.random.below(3) {
            if !self.carries_out_next(&mut job) {
                return;
            }
        }
        self.host.jobs.insert(number, job);
        let ms = self.random.pick(&[0, 1, 5, 30, 100]);
        self.later(ms, Event::GoesOn(number));
    }

    /// False behind the last one.
    fn carries_out_next(&mut self, job: &mut Job) -> bool {
        if let Some(effect) = job.effects.pop_front() {
            if self.may_crash() {
                return false;
            }
            self.decided_ms = job.decided_ms;
            self.carry_out(effect, job);
            return true;
        }
        if let (
            Context::Request {
                server: Some(server),
                ..
            },
            Some(translation),
        ) = (&job.context, job.relays.take())
        {
            self.relay(*server, &translation);
        }
        let ended = std::mem::take(&mut job.ended);
        self.follow(ended);
        if let Some(list) = job.list {
            self.later(0, Event::ListGoesOn(list));
        }
        false
    }

    fn carry_out(&mut self, effect: Effect, job: &mut Job) {
        match effect {
            Effect::Ended(ended) => {
                let subject = self.subject(ended.exchange);
                self.note(|| format!("ended: {subject:?}: {ended:?}"));
                let is_message = matches!(
                    ended.kind,
                    Kind::ImToSm | Kind::StoredMessage | Kind::ListDelivery
                );
                if is_message && !self.is_elsewhere(ended.exchange) {
                    let at_ms = self.now_ms;
                    self.books.stored_leg_ended(ended.exchange);
                    self.books
                        .ended(subject, ended.exchange, ended.ending, at_ms);
                }
            }
            Effect::Count(counter) => self.books.counted(counter),
            // `decide` has looked at it.
            Effect::Charge(_) => {}
            Effect::Refused { status, reason } => {
                self.note(|| format!("refused: {status} {reason}"))
            }
            Effect::StatusReport(report) => {
                if let Context::Request {
                    server: Some(server),
                    ..
                } = &job.context
                    && let Some(transaction) = self.host.servers.get(server)
                {
                    let call_id = &transaction.message.call_id;
                    self.books.status_is_taken(call_id, self.now_ms);
                }
                if self.fault == Some(Fault::LoseStatusReport) && self.random.per_mille(20) {
                    return;
                }
                let at = At::Identity(report.identity.as_str());
                let step = self.decide(at, Input::StatusReport(&report), Subject::Unknown);
                self.goes_behind(step, job);
            }
            Effect::Answer(to, answer) => match (to, &job.context) {
                (ReplyTo::Transaction(transaction), _) => {
                    self.answer(server_of(transaction), answer.status, false);
                }
                (ReplyTo::AtHand, Context::Request { from, client, .. }) => {
                    self.answer_at_hand(*from, *client, answer.status);
                }
                (ReplyTo::AtHand, _) => {}
            },
            Effect::ForwardAs(answer) => {
                if let Context::Response = job.context {
                    self.host.forward_as = Some(answer.status);
                }
            }
            Effect::Relay {
                exchange,
                translation: joined,
            } => {
                let Context::Request {
                    server: Some(server),
                    translation,
                    ..
                } = &job.context
                else {
                    return;
                };
                if let Some(transaction) = self.host.servers.get_mut(server) {
                    transaction.tie = Tie::Relayed(exchange);
                }
                // Without a translation the script answers.
                let whole = joined.map(|whole| Rc::new(*whole));
                job.relays = translation.clone().map(|own| whole.unwrap_or(own));
            }
            Effect::AcceptEarly {
                transaction,
                answer,
                ..
            } => {
                self.answer(server_of(transaction), answer.status, true);
            }
            Effect::Hold {
                exchange,
                transaction,
            } => {
                if let Some(transaction) = self.host.servers.get_mut(&server_of(transaction)) {
                    transaction.tie = Tie::Held(exchange);
                }
            }
            Effect::StoreList { exchanges, waits } => self.stores_list(&exchanges, waits, job),
            Effect::StoreParts { exchanges } => {
                if !self.asks_store_together(&exchanges, None) {
                    for exchange in exchanges {
                        self.tell(exchange, Input::NotStored { exchange }, job);
                    }
                }
            }
            Effect::Store { exchange, waits } => {
                if let (Some(transaction), Context::Request { .. }) = (waits, &job.context) {
                    self.holds_for_database(transaction, exchange);
                }
                if !self.asks_store(exchange) {
                    self.tell(exchange, Input::NotStored { exchange }, job);
                }
            }
            Effect::OfferSession { .. }
            | Effect::SendInSession { .. }
            | Effect::BeginSession { .. }
            | Effect::EndSession { .. } => {
                self.break_promise("no client takes sessions, and one is offered");
            }
            Effect::StoreSm(sm) => {
                let subject = self.subject(sm.from);
                let exchange = sm.from;
                if self.acks_early(sm.recipient.as_str()) {
                    let input = Input::SmOutcome {
                        exchange,
                        status: 202,
                    };
                    self.tell(exchange, input, job);
                }
                let at = At::Identity(sm.identity.as_str());
                let step = self.decide(at, Input::StoreSm(&sm), subject);
                self.goes_behind(step, job);
            }
            Effect::ReportStatus(report) => {
                let at = At::Identity(report.identity.as_str());
                let step = self.decide(at, Input::ReportStatus(&report), Subject::Unknown);
                self.goes_behind(step, job);
            }
            Effect::LookUp {
                exchange,
                recipient,
                ..
            } => {
                let input = Input::LookedUp {
                    exchange,
                    can: self.capabilities_of(&recipient),
                    may_convert: true,
                };
                self.tell(exchange, input, job);
            }
            Effect::ReadStored { identity, if_here } => match if_here {
                None if self.host.gateway.keeps && !self.is_down() => {
                    self.is_here_now(*identity);
                }
                Some(uri) if !self.devices_of(&uri).is_empty() => {
                    self.reads_stored_of(*identity);
                }
                _ => {}
            },
            Effect::DeliverSm { from, sm } => {
                let subject = self.subject(from);
                let at = At::Identity(sm.identity.as_str());
                let step = self.decide(at, Input::DeliverSm { from, sm: &sm }, subject);
                self.goes_behind(step, job);
            }
            Effect::SmOverdue { from, identity } => {
                let (at, identity) = (At::Identity(identity.as_str()), &identity);
                let step = self.decide(at, Input::SmOverdue { from, identity }, Subject::Unknown);
                self.goes_behind(step, job);
            }
            Effect::SmOutcome { exchange, status } => {
                let status = self.false_outcome(exchange, status);
                if self.fault != Some(Fault::LoseOutcome) || !self.random.per_mille(100) {
                    self.tell(exchange, Input::SmOutcome { exchange, status }, job);
                }
            }
            Effect::AnswerHeld {
                transaction,
                outcome,
                ..
            } => {
                let server = server_of(transaction);
                self.answer(server, outcome.answer.status, false);
                if self.fault == Some(Fault::AnswerTwice) && self.random.per_mille(20) {
                    self.answer(server, outcome.answer.status, false);
                }
            }
            Effect::Send {
                exchange,
                attempt,
                message,
            } => {
                let (drops, other) =
                    crate::faults::with_a_message(self.fault, &mut self.random, &message);
                if drops {
                    return;
                }
                if let Some(other) = other {
                    self.sends(&other, exchange);
                }
                if let Some(exchange) = exchange {
                    self.sends_what_it_has(exchange);
                }
                self.sends(&message, exchange);
                let device = self.device_for(&message);
                self.send_own(&message, exchange, attempt, device, FR_MS, job);
            }
            Effect::SendRpData {
                exchange,
                attempt,
                message,
                to,
            } => self.send_rp_data(exchange, attempt, &message, to, job),
            Effect::Fork {
                exchange,
                attempt,
                message,
            } => {
                let devices = self.devices_of(&message.identity);
                if let Ok(clients @ 2..) = u8::try_from(devices.len()) {
                    self.tell(exchange, Input::Forked { exchange, clients }, job);
                }
                if devices.is_empty() {
                    self.send_own(&message, Some(exchange), attempt, None, FR_MS, job);
                }
                self.sends_what_it_has(exchange);
                for (client, device) in (0..).zip(devices) {
                    let subject = self.subject(exchange);
                    let goes = match subject {
                        Subject::InstantMessage(number, _) => self.books.copy_goes(number, device),
                        _ => self.books.stored_goes(subject, device),
                    };
                    if let Err(broken) = goes {
                        return self.break_promise(broken);
                    }
                    let attempt = Clients::attempt_to(attempt, client);
                    self.send_own(&message, Some(exchange), attempt, Some(device), FR_MS, job);
                }
            }
            Effect::SendAgain {
                exchange,
                transaction,
                refused,
                message,
            } => {
                let client = self.client_that_answered(server_of(transaction), refused, job);
                match client {
                    Some(device) => {
                        let subject = self.subject(exchange);
                        if let Err(broken) = self.books.sent_again(subject, device, Some(self.node))
                        {
                            return self.break_promise(broken);
                        }
                        self.send_own(&message, Some(exchange), 0, Some(device), FR_MS, job);
                    }
                    None => {
                        let status = refused;
                        let input = Input::NotSent {
                            exchange,
                            attempt: 0,
                            status,
                        };
                        self.tell(exchange, input, job);
                    }
                }
            }
        }
    }

    /// The request waits until this exchange is written.
    fn holds_for_database(&mut self, transaction: TransactionId, exchange: ExchangeKey) {
        let server = server_of(transaction);
        if let Some(transaction) = self.host.servers.get_mut(&server) {
            transaction.tie = Tie::Held(exchange);
        }
        let ms = self.host.gateway.policy.accept_timeout_ms;
        self.later(ms, Event::HoldEnds(server));
    }

    /// The messages to all recipients of a list are written in one transaction.
    fn stores_list(&mut self, exchanges: &[ExchangeKey], waits: TransactionId, job: &mut Job) {
        let Some((last, others)) = exchanges.split_last() else {
            return;
        };
        self.holds_for_database(waits, *last);
        if self.fault == Some(Fault::AnswerListEarly) {
            self.answer(server_of(waits), 202, false);
        }
        if !self.asks_store_together(exchanges, Some(waits)) {
            let input = Input::ListStored {
                exchange: *last,
                transaction: waits,
                written: false,
            };
            self.tell(*last, input, job);
            for exchange in others.iter().copied() {
                self.tell(exchange, Input::NotStored { exchange }, job);
            }
        }
    }

    /// A failure is an input again. Its effects come last.
    fn tell(&mut self, exchange: ExchangeKey, input: Input<'_>, job: &mut Job) {
        let step = self.decide(At::Exchange(exchange), input, self.subject(exchange));
        self.goes_behind(step, job);
    }

    /// The effects of this step come behind those of the job.
    fn goes_behind(&mut self, step: Step, job: &mut Job) {
        job.effects.extend(step.effects);
        job.ended.extend(self.take_ended());
    }

    fn job_of(&mut self, step: Step, context: Context) -> Job {
        Job {
            effects: step.effects.into(),
            context,
            decided_ms: self.now_ms,
            relays: None,
            ended: self.take_ended(),
            list: None,
        }
    }

    /// The client that has answered so: the last branch with this answer; an answer behind the final response is not kept.
    fn client_that_answered(&self, server: u64, status: u16, job: &Job) -> Option<Address> {
        let Context::Answered(at_hand) = job.context else {
            return None;
        };
        let branches = &self.host.servers.get(&server)?.branches;
        let mut newest_first = branches.iter().rev();
        let known = newest_first.find(|branch| branch.answer == Some(status));
        let at_hand = || branches.get(at_hand?);
        known.or_else(at_hand).map(|branch| branch.device)
    }

    fn send_rp_data(
        &mut self,
        exchange: ExchangeKey,
        attempt: u8,
        message: &MessageOut,
        to: ToContact,
        job: &mut Job,
    ) {
        let devices = self.devices_of(&message.identity);
        let contact = usize::from(to.contact);
        let others = devices.len().saturating_sub(contact + 1);
        if let Ok(count @ 1..) = u8::try_from(others) {
            self.tell(exchange, Input::OtherContacts { exchange, count }, job);
        }
        let device = devices.get(contact).copied();
        let timeout_ms = if others == 0 { to.last_ms } else { to.other_ms };
        if device.is_some() {
            self.sends_what_it_has(exchange);
            self.sends_rp_data(exchange, attempt, message);
        }
        self.send_own(message, Some(exchange), attempt, device, timeout_ms, job);
        if self.fault == Some(Fault::PartTwice) && self.random.per_mille(20) {
            let twice = MessageOut {
                call_id: message
                    .call_id
                    .as_ref()
                    .map(|call_id| format!("{call_id}2")),
                ..message.clone()
            };
            self.send_own(&twice, None, 0, device, timeout_ms, job);
        }
    }

    /// The newest device that takes messages of this service.
    fn device_for(&self, message: &MessageOut) -> Option<Address> {
        let can = self.capabilities_of(&message.identity);
        let takes = message.service != Service::Im || can.im;
        let devices = self.devices_of(&message.identity);
        devices.first().copied().filter(|_| takes)
    }

    fn send_own(
        &mut self,
        message: &MessageOut,
        exchange: Option<ExchangeKey>,
        attempt: u8,
        device: Option<Address>,
        timeout_ms: u64,
        job: &mut Job,
    ) {
        let failed = match device {
            // Nobody is registered: a request to the domain would come back as this.
            None => Some(480),
            Some(_) => self.random.per_mille(self.plan.unsendable).then_some(503),
        };
        if let Some(status) = failed {
            self.note(|| format!("not sent: {status}"));
            if let Some(exchange) = exchange {
                let sent = (exchange, attempt);
                self.books
                    .leg_answered(self.subject(exchange), sent, status);
                let input = Input::NotSent {
                    exchange,
                    attempt,
                    status,
                };
                self.tell(exchange, input, job);
            }
            return;
        }
        let call_id = message.call_id.clone();
        let number = self.transactions.next_number();
        let asserted = header(&message.headers, "P-Asserted-Identity")
            .map(|asserted| asserted.trim_matches(['<', '>']))
            .filter(|_| message.identity == CENTRE);
        let sent = Rc::new(Message {
            request_uri: message.identity.clone(),
            identity: asserted.unwrap_or(CENTRE).to_owned(),
            call_id: call_id.unwrap_or_else(|| format!("{number}@gateway")),
            in_reply_to: header(&message.headers, "In-Reply-To").map(str::to_owned),
            content_type: header(&message.headers, "Content-Type")
                .unwrap_or_default()
                .to_owned(),
            expires: None,
            body: message.body.clone(),
        });
        let owner = Owner::Own(exchange, attempt);
        let device = device.unwrap_or(GATEWAY);
        self.request(owner, GATEWAY, device, sent, timeout_ms.min(TIMER_F_MS));
    }
}
