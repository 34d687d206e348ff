//! The simulated Kamailio: the script's functions for requests, tm's server transactions and its callbacks, the timer process.
//! It does what `src/kamailio/script/functions.rs`, `src/kamailio/engine/tm_callbacks.rs` and `src/kamailio/engine/timer.rs` do.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};
use std::rc::Rc;

use ipsmgw::exchange::{
    Change, Exchange, ExchangeKey, KeptPartState, NEVER, ReplyTo, SmToIm, SmToImState,
    TransactionId,
};
use ipsmgw::interwork::{Class, Effect, Gateway, Input, Named, Policy, RpReport, Step, Verdict};
use ipsmgw::sip::{Capabilities, MessageIn, Translation};

use crate::books::Subject;
use crate::effects::{Context, Job};
use crate::kamailio::{At, Behind, Table};
use crate::peers::Person;
use crate::plan::Plan;
use crate::world::{Address, Event, GATEWAY, Message, START_MS, World};

/// How long tm keeps a transaction behind its final response (`wt_timer`).
const WAIT_MS: u64 = 17_000;

/// How long the gateway gives copies of an answered request the same answer.
const COPIES_MS: u64 = 32_000;

/// The interval of the timer process.
const TICK_MS: u64 = 100;

/// A server transaction of tm.
pub(crate) struct Server {
    pub(crate) from: Address,
    /// The client's number of it.
    pub(crate) client: u64,
    pub(crate) message: Rc<Message>,
    pub(crate) answer: Option<u16>,
    pub(crate) tie: Tie,
    pub(crate) branches: Vec<Branch>,
}

/// The exchange that a transaction belongs to.
#[derive(Clone, Copy)]
pub(crate) enum Tie {
    Nothing,
    Relayed(ExchangeKey),
    Held(ExchangeKey),
}

/// A branch of a relayed request.
pub(crate) struct Branch {
    pub(crate) client: u64,
    pub(crate) device: Address,
    pub(crate) answer: Option<u16>,
}

/// The simulated Kamailio.
pub(crate) struct Host {
    pub(crate) gateway: Gateway,
    pub(crate) table: Table,
    pub(crate) servers: BTreeMap<u64, Server>,
    /// Server transactions by their clients' numbers.
    by_client: HashMap<u64, u64>,
    /// Final responses for copies of requests, and until when.
    answered: HashMap<u64, (u16, u64)>,
    /// Steps whose effects are not all carried out.
    pub(crate) jobs: BTreeMap<u64, Job>,
    /// When exchanges are due.
    due: BinaryHeap<Reverse<u64>>,
    /// The next look of the timer process.
    next_tick: Option<u64>,
    /// The status that `Effect::ForwardAs` has set.
    pub(crate) forward_as: Option<u16>,
    /// Whether tm handles a failure: the status that it has picked.
    pub(crate) picked: Option<u16>,
    /// Requests that were passed on to the other gateway.
    pub(crate) passed_on: HashMap<u64, Address>,
    /// The serial number of the first exchange of this start.
    pub(crate) first_serial: u64,
    /// The digests of delivered parts, where the table remembers them, and until when; and all of them.
    parts: HashMap<u64, (u64, u64)>,
    delivered: HashSet<u64>,
    places: u32,
}

/// The number of a gateway, and whether there is another one.
const fn node_of(plan: &Plan, node: Address) -> (u16, bool) {
    (number_of(node), plan.nodes > 1)
}

/// The number of the gateway with this address.
pub(crate) const fn number_of(node: Address) -> u16 {
    node as u16 + 1
}

impl Host {
    pub(crate) fn new(plan: &Plan, seed: u64, node: Address) -> Self {
        let mut policy = Policy::check(&plan.settings).expect("the parameters are right");
        policy.charging = true;
        let (places, ..) = plan.bounds;
        Self {
            gateway: Gateway {
                policy,
                boot: 0xB007 ^ seed,
                keeps: plan.has_database,
            },
            table: Table::new(plan.bounds, START_MS, 0, node_of(plan, node)),
            servers: BTreeMap::new(),
            by_client: HashMap::new(),
            answered: HashMap::new(),
            jobs: BTreeMap::new(),
            due: BinaryHeap::new(),
            next_tick: None,
            forward_as: None,
            picked: None,
            passed_on: HashMap::new(),
            first_serial: ExchangeKey::first_serial(START_MS),
            parts: HashMap::new(),
            delivered: HashSet::new(),
            places,
        }
    }
}

impl Host {
    /// The host has crashed: nothing of its memory is left.
    pub(crate) fn forgets(&mut self, plan: &Plan, node: Address) {
        // The database has it, too.
        let boot = self.gateway.boot;
        *self = Self::new(plan, 0, node);
        self.gateway.boot = boot;
    }

    /// It starts again: exchanges have new numbers.
    pub(crate) fn begins(&mut self, plan: &Plan, now_ms: u64, epoch: u64, node: Address) {
        self.table = Table::new(plan.bounds, now_ms, epoch, node_of(plan, node));
        self.first_serial = ExchangeKey::first_serial(now_ms);
    }

    /// Whether the table remembers a delivered part.
    pub(crate) fn remembers_part(&self, digest: u64, now_ms: u64) -> bool {
        let newest = self.parts.get(&self.slot(digest));
        newest.is_some_and(|(known, until_ms)| *known == digest && *until_ms > now_ms)
    }

    /// The place of a part's digest: the table has sixteen for each exchange, and the newest digest there stays.
    fn slot(&self, digest: u64) -> u64 {
        digest & (u64::from(16 * self.places).next_power_of_two() - 1)
    }
}

pub(crate) fn id_of(server: u64) -> TransactionId {
    TransactionId {
        entry: (server >> 16) as u32,
        label: (server & 0xFFFF) as u32,
    }
}

pub(crate) fn server_of(id: TransactionId) -> u64 {
    u64::from(id.entry) << 16 | u64::from(id.label)
}

/// Decisions.
impl World {
    /// Decides an input; the changes are committed when this returns. `about` is what it is about, if it opens exchanges.
    pub(crate) fn decide(&mut self, at: At<'_>, input: Input<'_>, about: Subject) -> Step {
        if self.may_crash() {
            return Step::nothing();
        }
        let now = self.now();
        let (fault, random) = (self.fault, &mut self.random);
        let (step, behind) = self
            .host
            .table
            .decide(&self.host.gateway, at, input, now, |step| {
                crate::faults::meddle(fault, random, step)
            });
        self.committed(&step, about);
        self.follow_step(&step, behind);
        step
    }

    /// The database follows. As `kamailio/engine/decide.rs`: where something is owed in another bucket, rows go behind that.
    fn follow_step(&mut self, step: &Step, behind: Vec<Behind>) {
        let is_owed_elsewhere = |effect: &Effect| matches!(effect, Effect::ReportStatus(_));
        let mut rest = behind;
        if step.effects.iter().any(is_owed_elsewhere) {
            let is_end = |change: &Behind| matches!(change, Behind::Ended(_));
            let ended;
            (ended, rest) = rest.into_iter().partition(is_end);
            self.ended_later.extend(ended);
        }
        self.follow(rest);
    }

    /// The alarms and subjects of what has changed.
    pub(crate) fn committed(&mut self, step: &Step, about: Subject) {
        if let Err(what) = self.charging.note(step) {
            self.break_promise(what);
        }
        let mut part = 0;
        let mut kept = Ok(());
        for change in &step.changes {
            let exchange = match change {
                // It is taken up.
                Change::Opened(exchange, _) if self.subjects.contains_key(&exchange.key()) => {
                    exchange
                }
                Change::Opened(exchange, _) => {
                    let subject = match (exchange, about) {
                        (Exchange::ImToSm(im), _) if im.is_status_report() => Subject::Status,
                        (Exchange::ImToSm(_), Subject::InstantMessage(number, _)) => {
                            part += 1;
                            Subject::InstantMessage(number, part - 1)
                        }
                        (Exchange::StoredMessage(_), _) => {
                            self.books.is_being_stored(about);
                            about
                        }
                        (Exchange::SmToIm(sm), _)
                            if self.plan.has_database && sm.state.is_undecided() =>
                        {
                            if sm.completes.is_some() && !sm.state.is_relayed() {
                                self.books.is_stored_whole(about);
                            }
                            self.books.is_taken_as_new(about);
                            about
                        }
                        (Exchange::ImToSm(_) | Exchange::SmToIm(_), _) => about,
                        (Exchange::KeptPart(part), _) => {
                            let digest = part.digest;
                            let was = self.host.delivered.contains(&digest);
                            let is = self.host.remembers_part(digest, self.now_ms);
                            kept = kept.and(self.books.is_kept(about, digest, was, is));
                            about
                        }
                        _ => Subject::Unknown,
                    };
                    self.subjects.insert(exchange.key(), subject);
                    exchange
                }
                Change::Updated(exchange) | Change::Rewritten(exchange, _) => {
                    if let Exchange::KeptPart(part) = exchange
                        && let KeptPartState::Storing { with } = part.state
                    {
                        let (it, with) = (self.subject(part.header.key), self.subject(with));
                        self.books.is_stored_with(it, with);
                    }
                    if let Exchange::SmToIm(SmToIm { state, .. }) = exchange
                        && let SmToImState::Reporting { outcome, sent: 1 } = state
                        && outcome.rp_cause.is_some()
                    {
                        let subject = self.subjects.get(&exchange.key());
                        self.books
                            .has_failed(subject.copied().unwrap_or(Subject::Unknown));
                    }
                    exchange
                }
                Change::PartRemembered { digest, until_ms } => {
                    let slot = self.host.slot(*digest);
                    self.host.parts.insert(slot, (*digest, *until_ms));
                    self.host.delivered.insert(*digest);
                    continue;
                }
                Change::Remembered(_) => {
                    self.books.is_remembered(about);
                    continue;
                }
                Change::Ended(key) if self.database.has_message(*key) => {
                    let subject = self.subjects.get(key);
                    self.books
                        .stored_has_ended(subject.copied().unwrap_or(Subject::Unknown));
                    continue;
                }
                Change::Ended(_) | Change::Parked(_) | Change::Released(_) => continue,
            };
            self.note(|| {
                format!(
                    "    {} {}: {exchange:?}",
                    exchange.kind().name(),
                    exchange.key().serial()
                )
            });
            let due_ms = exchange.wakes_ms();
            if due_ms != NEVER {
                self.host.due.push(Reverse(due_ms));
                self.arm();
            }
        }
        if let Err(broken) = kept {
            self.break_promise(broken);
        }
        if let (Subject::InstantMessage(number, _), true) = (about, part > 0) {
            self.books.is_cut(number, part);
        }
    }

    /// The timer process looks at its next tick behind the first alarm.
    fn arm(&mut self) {
        let Some(Reverse(due_ms)) = self.host.due.peek() else {
            return;
        };
        let tick = (*due_ms).max(self.now_ms + 1).next_multiple_of(TICK_MS);
        if self.host.next_tick.is_none_or(|next| tick < next) {
            self.host.next_tick = Some(tick);
            self.at(tick, Event::Ticks);
        }
    }

    pub(crate) fn ticks(&mut self) {
        if self.host.next_tick.is_some_and(|tick| tick <= self.now_ms) {
            self.host.next_tick = None;
        }
        while let Some(Reverse(due_ms)) = self.host.due.peek() {
            if *due_ms > self.now_ms {
                break;
            }
            self.host.due.pop();
        }
        for place in self.host.table.due(self.now_ms) {
            if self.may_crash() {
                return;
            }
            let now = self.now();
            let (fault, random) = (self.fault, &mut self.random);
            let decided = self
                .host
                .table
                .decide_due(place, &self.host.gateway, now, |step| {
                    crate::faults::meddle(fault, random, step)
                });
            if let Some((exchange, step, behind)) = decided {
                self.note(|| format!("due: {}", exchange.serial()));
                let about = self.subject(exchange);
                self.committed(&step, about);
                self.follow_step(&step, behind);
                self.execute(step, Context::Nothing);
            }
        }
        self.arm();
    }

    pub(crate) fn subject(&self, exchange: ExchangeKey) -> Subject {
        let known = self.subjects.get(&exchange);
        known.copied().unwrap_or(Subject::Unknown)
    }

    /// Decides an input for an exchange, and carries out the effects.
    pub(crate) fn handle(&mut self, exchange: ExchangeKey, input: Input<'_>, context: Context) {
        let about = self.subject(exchange);
        let step = self.decide(At::Exchange(exchange), input, about);
        self.execute(step, context);
    }

    /// A MESSAGE of ours has its final response.
    pub(crate) fn request_completed(&mut self, exchange: ExchangeKey, attempt: u8, status: u16) {
        self.note(|| format!("completed: {} {attempt}: {status}", exchange.serial()));
        let subject = self.subject(exchange);
        self.books.leg_answered(subject, status);
        let input = Input::RequestCompleted {
            exchange,
            attempt,
            status,
        };
        self.handle(exchange, input, Context::Nothing);
    }
}

/// Requests, as the script handles them.
impl World {
    pub(crate) fn gateway_gets(
        &mut self,
        from: Address,
        client: u64,
        message: &Rc<Message>,
        by: Option<Address>,
    ) {
        // A copy of a request whose transaction is gone, or that had none.
        if let Some((status, _)) = self.copy_of(client) {
            return self.respond(GATEWAY, from, client, status);
        }
        if let Some(server) = self.host.by_client.get(&client) {
            let answer = self
                .host
                .servers
                .get(server)
                .and_then(|server| server.answer);
            if let Some(status) = answer {
                self.respond(GATEWAY, from, client, status);
            }
            return;
        }
        if self.passes_on(from, client, message, by) {
            return;
        }
        let class = self.host.gateway.classify(&self.as_read(message));
        let is_stored = self.is_to_be_stored(&message.request_uri);
        match class {
            Ok(Class::RpData) if is_stored => self.stores_sm(from, client, message),
            Ok(Class::InstantMessage) if is_stored => self.stores_im(from, client, message),
            Ok(Class::RpData) => self.sm_to_im(from, client, message),
            Ok(Class::RpReport | Class::RpSmma | Class::Imdn) => self.report(from, client, message),
            Ok(Class::InstantMessage) => self.im_to_sm(from, client, message),
            _ => self.break_promise("a peer of the simulation sends what it must not"),
        }
    }

    fn copy_of(&self, client: u64) -> Option<(u16, u64)> {
        let known = self.host.answered.get(&client).copied();
        known.filter(|(_, until_ms)| *until_ms > self.now_ms)
    }

    /// The request as the core reads it.
    pub(crate) fn as_read<'m>(&self, message: &'m Message) -> MessageIn<'m> {
        let person = self.person(&message.request_uri);
        let recipient = person.map(|place| &self.people[place]);
        let can = recipient
            .filter(|person| person.is_here)
            .map(|person| Capabilities {
                sm: person.is_phone,
                im: !person.is_phone,
                cpim: person.reads_cpim,
                msrp: false,
            });
        MessageIn {
            request_uri: &message.request_uri,
            original_uri: &message.request_uri,
            retargeted: true,
            identity: Some(&message.identity),
            call_id: &message.call_id,
            in_reply_to: message.in_reply_to.as_deref(),
            content_type: Some(&message.content_type),
            expires: message.expires.as_deref(),
            source: "sip:192.0.2.7:5060;transport=udp",
            recipient: can.unwrap_or_default(),
            body: &message.body,
            ..MessageIn::default()
        }
    }

    fn begin(&mut self, from: Address, client: u64, message: &Rc<Message>) -> u64 {
        let server = self.transactions.next_number();
        self.host.by_client.insert(client, server);
        let transaction = Server {
            from,
            client,
            message: message.clone(),
            answer: None,
            tie: Tie::Nothing,
            branches: Vec::new(),
        };
        self.host.servers.insert(server, transaction);
        server
    }

    /// The script: whoever has no contact gets messages later.
    fn is_to_be_stored(&self, uri: &str) -> bool {
        let person = self.person(uri).map(|place| &self.people[place]);
        let has_contact = |person: &Person| person.is_here && !person.devices.is_empty();
        self.plan.has_database && !person.is_some_and(has_contact)
    }

    /// `ipsmgw_store()` for a short message.
    fn stores_sm(&mut self, from: Address, client: u64, message: &Rc<Message>) {
        let server = self.begin(from, client, message);
        let about = self.books.submission_arrives(&message.call_id, self.node);
        let translated = {
            let read = self.as_read(message);
            self.host.gateway.translate_sm_to_phone(&read, self.now())
        };
        let step = match translated {
            Ok((sm, _)) => {
                let input = Input::SubmitToStore {
                    sm: &sm,
                    transaction: id_of(server),
                };
                self.decide(At::Identity(sm.identity.as_str()), input, about)
            }
            Err(refusal) => {
                let to = ReplyTo::Transaction(id_of(server));
                self.host.gateway.refuse(*refusal, to)
            }
        };
        self.execute(step, Context::of_request(server, from, client));
    }

    /// `ipsmgw_store()` for an instant message.
    fn stores_im(&mut self, from: Address, client: u64, message: &Rc<Message>) {
        let server = self.begin(from, client, message);
        let about = self
            .books
            .instant_message_arrives(&message.call_id, self.node, self.now_ms);
        let translated = {
            let read = self.as_read(message);
            self.host.gateway.translate_im_to_store(&read, self.now())
        };
        let step = match translated {
            Ok(im) => {
                let input = Input::StoreIm {
                    im: &im,
                    transaction: id_of(server),
                };
                self.decide(At::Identity(im.identity.as_str()), input, about)
            }
            Err(refusal) => {
                let to = ReplyTo::Transaction(id_of(server));
                self.host.gateway.refuse(*refusal, to)
            }
        };
        self.execute(step, Context::of_request(server, from, client));
    }

    fn sm_to_im(&mut self, from: Address, client: u64, message: &Rc<Message>) {
        let server = self.begin(from, client, message);
        let about = self.books.submission_arrives(&message.call_id, self.node);
        let translated = {
            let read = self.as_read(message);
            self.host.gateway.translate_sm(&read, self.now())
        };
        let request = |translation| Context::Request {
            server: Some(server),
            from,
            client,
            translation,
        };
        match translated {
            Ok(sm) => {
                let input = Input::Submit {
                    sm: &sm,
                    transaction: id_of(server),
                };
                let past = self
                    .host
                    .table
                    .outcome_of(&sm.identity, sm.digest, self.now_ms);
                let step = self.decide(At::Identity(sm.identity.as_str()), input, about);
                let is_known = past.is_some_and(|past| past.rp_mr == sm.rp_mr);
                if is_known && step.verdict == Verdict::Relay {
                    return self.break_promise(
                        "a short message is relayed whose outcome the gateway knows",
                    );
                }
                self.execute(step, request(Some(Rc::new(sm.translation))));
            }
            Err(refusal) => {
                let to = ReplyTo::Transaction(id_of(server));
                let step = self.host.gateway.refuse(*refusal, to);
                self.execute(step, request(None));
            }
        }
    }

    fn im_to_sm(&mut self, from: Address, client: u64, message: &Rc<Message>) {
        let server = self.begin(from, client, message);
        let about = self
            .books
            .instant_message_arrives(&message.call_id, self.node, self.now_ms);
        let translated = {
            let read = self.as_read(message);
            self.host.gateway.translate_im(&read, self.now())
        };
        let context = Context::Request {
            server: Some(server),
            from,
            client,
            translation: None,
        };
        match translated {
            Ok(mut im) => {
                crate::faults::meddle_with_parts(self.fault, &mut self.random, &mut im);
                let hold_ms = self.host.gateway.policy.hold_timeout_ms;
                let early = self.random.below(62);
                self.later(hold_ms - early, Event::HoldEnds(server));
                let input = Input::Deliver {
                    im: &im,
                    transaction: id_of(server),
                    hold_ms,
                    route: "",
                };
                let step = self.decide(At::Identity(im.identity.as_str()), input, about);
                self.execute(step, context);
            }
            Err(refusal) => {
                let to = ReplyTo::Transaction(id_of(server));
                let step = self.host.gateway.refuse(*refusal, to);
                self.execute(step, context);
            }
        }
    }

    fn report(&mut self, from: Address, client: u64, message: &Rc<Message>) {
        let context = Context::Request {
            server: None,
            from,
            client,
            translation: None,
        };
        let step = {
            let read = self.as_read(message);
            match self.host.gateway.read_report(&read) {
                Ok(None) => return self.respond(GATEWAY, from, client, 404),
                Ok(Some(mut report)) => {
                    crate::faults::meddle_with_report(self.fault, &mut self.random, &mut report);
                    let identity = report.identity;
                    let at = match report.named {
                        Named::Exchange(key, _) => At::Either(key, identity.as_str()),
                        Named::Nothing | Named::Past => At::Identity(identity.as_str()),
                    };
                    let input = Input::Report {
                        report: &report,
                        request: ReplyTo::AtHand,
                    };
                    self.books.report_arrives(&message.call_id, self.node);
                    let about = match report.named {
                        Named::Exchange(key, _) => self.subject(key),
                        Named::Nothing | Named::Past => Subject::Unknown,
                    };
                    let is_elsewhere = match report.named {
                        Named::Exchange(key, _) => self.is_elsewhere(key),
                        Named::Nothing | Named::Past => false,
                    };
                    let step = self.decide(at, input, about);
                    let reads = |effect: &Effect| matches!(effect, Effect::ReadStored { .. });
                    if report.report == RpReport::MemoryAvailable
                        && self.host.gateway.keeps
                        && !self.is_down()
                        && !step.effects.iter().any(reads)
                    {
                        self.break_promise("a phone has room, and its messages are not read");
                    }
                    if step.verdict == Verdict::Taken && !is_elsewhere {
                        let at_ms = self.now_ms;
                        let node = (self.plan.nodes > 1).then_some(self.node);
                        self.books.report_taken(&message.call_id, node, at_ms);
                    }
                    step
                }
                Err(refusal) => self.host.gateway.refuse(*refusal, ReplyTo::AtHand),
            }
        };
        self.execute(step, context);
    }

    /// The script's function has ended: a request that is to be relayed goes to all clients of its recipient.
    pub(crate) fn relay(&mut self, server: u64, translation: &Translation) {
        let Some(transaction) = self.host.servers.get(&server) else {
            return;
        };
        let (message, tie) = (transaction.message.clone(), transaction.tie);
        let Tie::Relayed(_) = tie else {
            return;
        };
        let content_type = header(&translation.headers, "Content-Type");
        let relayed = Rc::new(Message {
            content_type: content_type.unwrap_or("text/plain").to_owned(),
            body: translation.body.clone(),
            ..Message::clone(&message)
        });
        if let Err(broken) = self.books.relayed(&message.call_id) {
            return self.break_promise(broken);
        }
        let timeout_ms = self.host.gateway.policy.im_timeout_ms;
        // They were registered when the script looked.
        let person = self.person(&message.request_uri);
        let devices = person.map_or_else(Vec::new, |place| self.people[place].devices.clone());
        for (branch, device) in devices.into_iter().enumerate() {
            let owner = crate::transactions::Owner::Branch(server, branch);
            let client = self.request(owner, GATEWAY, device, relayed.clone(), timeout_ms);
            if let Some(transaction) = self.host.servers.get_mut(&server) {
                transaction.branches.push(Branch {
                    client,
                    device,
                    answer: None,
                });
            }
        }
    }
}

/// tm's server transactions.
impl World {
    /// Branches without a final response, one bit each.
    fn open_branches(&self, server: u64) -> u32 {
        let branches = self
            .host
            .servers
            .get(&server)
            .map(|server| &server.branches);
        let open = branches.into_iter().flatten().enumerate();
        open.filter(|(_, branch)| branch.answer.is_none())
            .fold(0, |bits, (branch, _)| bits | 1 << branch)
    }

    /// The first final response to a transaction counts. Later ones are refused.
    pub(crate) fn answer(&mut self, server: u64, status: u16, is_early: bool) -> bool {
        let Some(transaction) = self.host.servers.get_mut(&server) else {
            return false;
        };
        let is_second = transaction.answer.is_some();
        if is_second && self.fault != Some(crate::faults::Fault::AnswerTwice) {
            return false;
        }
        transaction.answer = Some(status);
        let (from, client, tie) = (transaction.from, transaction.client, transaction.tie);
        let call_id = transaction.message.call_id.clone();
        let branches: Vec<u64> = transaction
            .branches
            .iter()
            .map(|branch| branch.client)
            .collect();
        for branch in branches {
            self.transactions.stop(branch);
        }
        self.note(|| format!("answer to {client}: {status}"));
        self.respond(GATEWAY, from, client, status);
        self.host
            .answered
            .insert(client, (status, self.now_ms + COPIES_MS));
        self.sender_is_told(&call_id, status);
        if is_second {
            return true;
        }
        self.later(WAIT_MS, Event::Forgotten(server));
        if let Tie::Relayed(exchange) = tie {
            if let Some(status) = self.host.picked.filter(|_| !is_early) {
                let input = Input::ImAnswered { exchange, status };
                self.handle(exchange, input, Context::Nothing);
            }
            self.final_sent(server, exchange, status);
        }
        true
    }

    fn final_sent(&mut self, server: u64, exchange: ExchangeKey, status: u16) {
        let input = Input::FinalSent {
            exchange,
            status,
            open: self.open_branches(server),
        };
        self.handle(exchange, input, Context::Answered(None));
    }

    pub(crate) fn hold_ends(&mut self, server: u64) {
        let Some(transaction) = self.host.servers.get(&server) else {
            return;
        };
        if transaction.answer.is_some() || self.fault == Some(crate::faults::Fault::NoHoldTimeout) {
            return;
        }
        let Tie::Held(exchange) = transaction.tie else {
            // A process has not come so far: tm answers by itself.
            self.answer(server, 408, false);
            return;
        };
        self.note(|| format!("hold time is over: {}", exchange.serial()));
        let input = Input::HoldTimeout {
            exchange,
            transaction: id_of(server),
        };
        self.handle(exchange, input, Context::Failure);
        let transaction = self.host.servers.get(&server);
        if transaction.is_some_and(|transaction| transaction.answer.is_none()) && !self.is_down() {
            self.break_promise("nobody answers at the end of the hold time: tm says 408");
        }
    }

    pub(crate) fn branch_answered(&mut self, server: u64, branch: usize, status: u16) {
        let Some(transaction) = self.host.servers.get(&server) else {
            return;
        };
        let (tie, call_id) = (transaction.tie, transaction.message.call_id.clone());
        let device = transaction.branches.get(branch).map(|branch| branch.device);
        let Tie::Relayed(exchange) = tie else {
            return;
        };
        self.note(|| format!("branch {branch} of {}: {status}", exchange.serial()));
        self.books
            .client_answered(&call_id, device.unwrap_or(0), status, self.now_ms);
        let input = Input::BranchAnswered {
            exchange,
            branch: u32::try_from(branch).unwrap_or(0),
            status,
            open: self.open_branches(server),
        };
        self.handle(exchange, input, Context::Answered(Some(branch)));
        let Some(transaction) = self.host.servers.get_mut(&server) else {
            return;
        };
        if transaction.answer.is_some() {
            return;
        }
        if let Some(branch) = transaction.branches.get_mut(branch) {
            branch.answer = Some(status);
        }
        if status < 300 {
            let input = Input::ResponseForwarded { exchange, status };
            self.host.forward_as = None;
            self.handle(exchange, input, Context::Response);
            let status = self.host.forward_as.take().unwrap_or(status);
            self.answer(server, status, false);
        } else {
            self.failed_if_all_have(server, exchange);
        }
    }

    pub(crate) fn branch_timed_out(&mut self, server: u64, branch: usize) {
        let Some(transaction) = self.host.servers.get_mut(&server) else {
            return;
        };
        if let Some(branch) = transaction.branches.get_mut(branch) {
            branch.answer.get_or_insert(408);
        }
        if let Tie::Relayed(exchange) = transaction.tie {
            self.failed_if_all_have(server, exchange);
        }
    }

    /// All branches have failed: tm picks a failure, and the module answers instead.
    fn failed_if_all_have(&mut self, server: u64, exchange: ExchangeKey) {
        let Some(transaction) = self.host.servers.get(&server) else {
            return;
        };
        let answers = transaction.branches.iter().map(|branch| branch.answer);
        let Some(answers) = answers.collect::<Option<Vec<u16>>>() else {
            return;
        };
        if transaction.answer.is_some() {
            return;
        }
        let declined = answers.iter().find(|status| **status >= 600);
        let status = declined.or(answers.iter().min()).copied().unwrap_or(500);
        let (from, client) = (transaction.from, transaction.client);
        self.host.picked = Some(status);
        let input = Input::ScriptAnswered {
            exchange,
            request: ReplyTo::Transaction(id_of(server)),
            status,
        };
        let step = self.decide(At::Exchange(exchange), input, self.subject(exchange));
        self.execute_under_lock(
            step,
            Context::Request {
                server: Some(server),
                from,
                client,
                translation: None,
            },
        );
        self.host.picked = None;
    }

    /// tm deletes a transaction.
    pub(crate) fn forgotten(&mut self, server: u64) {
        let Some(transaction) = self.host.servers.get(&server) else {
            return;
        };
        let (tie, status) = (transaction.tie, transaction.answer);
        match tie {
            Tie::Relayed(exchange) => {
                if let Some(status @ 200..300) = status {
                    self.final_sent(server, exchange, status);
                }
                self.handle(exchange, Input::Released { exchange }, Context::Nothing);
            }
            Tie::Held(exchange) => {
                self.handle(exchange, Input::Released { exchange }, Context::Nothing);
            }
            Tie::Nothing => {}
        }
        if let Some(transaction) = self.host.servers.remove(&server) {
            self.host.by_client.remove(&transaction.client);
            for branch in transaction.branches {
                self.transactions.forget(branch.client);
            }
        }
    }

    /// Answers a request that has no transaction, and remembers the answer for its copies.
    pub(crate) fn answer_at_hand(&mut self, from: Address, client: u64, status: u16) {
        self.respond(GATEWAY, from, client, status);
        self.host
            .answered
            .insert(client, (status, self.now_ms + COPIES_MS));
    }
}

/// A header field's value.
pub(crate) fn header<'h>(headers: &'h str, name: &str) -> Option<&'h str> {
    headers
        .split("\r\n")
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}
