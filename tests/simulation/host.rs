//! The simulated Kamailio: decisions, the books and alarms that follow from them, and the timer process. It does what
//! `src/kamailio/engine/decide.rs` and `src/kamailio/engine/timer.rs` do.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};
use std::rc::Rc;

use ipsmgw::exchange::{
    Change, Exchange, ExchangeKey, ImToSmState, KeptPartState, NEVER, Party, SmToIm, SmToImState,
    SmToImTexts, Stored, TransactionId,
};
use ipsmgw::interwork::{Counter, Effect, Gateway, Input, Policy, Step};

use crate::books::Subject;
use crate::effects::{Context, Job};
use crate::kamailio::{At, Behind, Table};
use crate::lists::ListWork;
use crate::plan::Plan;
use crate::world::{Address, Event, Message, START_MS, World};

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
    pub(crate) by_client: HashMap<u64, u64>,
    /// Final responses for copies of requests, and until when.
    pub(crate) answered: HashMap<u64, (u16, u64)>,
    /// Steps whose effects are not all carried out.
    pub(crate) jobs: BTreeMap<u64, Job>,
    /// Lists of recipients that a process works on.
    pub(crate) lists: BTreeMap<u64, ListWork>,
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
    /// The RP-DATA of stored messages that follow another part of theirs.
    followers: HashSet<ExchangeKey>,
    /// The exchanges that were taken up since this start.
    pub(crate) taken_up: HashSet<ExchangeKey>,
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
            lists: BTreeMap::new(),
            due: BinaryHeap::new(),
            next_tick: None,
            forward_as: None,
            picked: None,
            passed_on: HashMap::new(),
            first_serial: ExchangeKey::first_serial(START_MS),
            parts: HashMap::new(),
            delivered: HashSet::new(),
            followers: HashSet::new(),
            taken_up: HashSet::new(),
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

    /// Whether the table had a delivered or stored part, and has forgotten it.
    pub(crate) fn has_forgotten_part(&self, digest: u64, now_ms: u64) -> bool {
        self.delivered.contains(&digest) && !self.remembers_part(digest, now_ms)
    }

    /// The place of a part's digest: the table has sixteen for each exchange, and the newest digest there stays.
    fn slot(&self, digest: u64) -> u64 {
        digest & (u64::from(16 * self.places).next_power_of_two() - 1)
    }
}

/// Whether this step remembers a part with this digest.
fn remembers(step: &Step, of: u64) -> bool {
    let is_it =
        |change: &Change| matches!(change, Change::PartRemembered { digest, .. } if *digest == of);
    step.changes.iter().any(is_it)
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

    /// The database follows. As `kamailio/engine/decide.rs`: where something is owed in the effects alone, rows go behind them.
    fn follow_step(&mut self, step: &Step, behind: Vec<Behind>) {
        let mut rest = behind;
        if step.rows_go_last() {
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
            if let Change::Ended(key) = change {
                self.books.stored_leg_leaves(*key);
                let validity_s = self.plan.settings.validity;
                self.books
                    .part_ends(self.subject(*key), self.now().unix, validity_s);
                self.books
                    .kept_part_ends(self.subject(*key), *key, |of| remembers(step, of));
            }
            let exchange = match change {
                // It is taken up.
                Change::Opened(exchange, _) if self.subjects.contains_key(&exchange.key()) => {
                    exchange
                }
                Change::Opened(exchange, texts) => {
                    let subject = match (exchange, about) {
                        (Exchange::ImToSm(im), _) if im.is_status_report() => Subject::Status,
                        (Exchange::ImToSm(_), Subject::InstantMessage(number, _)) => {
                            part += 1;
                            Subject::InstantMessage(number, part - 1)
                        }
                        (Exchange::ImToSm(_), Subject::ShortMessage(..)) => {
                            part += 1;
                            if part > 1 {
                                self.host.followers.insert(exchange.key());
                            }
                            self.books.carried(about, texts)
                        }
                        (Exchange::ImToSm(_), Subject::ToCentre(number, _)) => {
                            part += 1;
                            Subject::ToCentre(number, part - 1)
                        }
                        (Exchange::Submitted(kept), _) => self.subject(kept.message),
                        (Exchange::StoredMessage(_), _) => {
                            self.books.is_being_stored(about, exchange.key());
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
                        (
                            Exchange::ImToSm(_) | Exchange::SmToIm(_) | Exchange::ListDelivery(_),
                            _,
                        ) => about,
                        (Exchange::KeptPart(part), _) => {
                            let digest = part.digest;
                            let was = self.host.delivered.contains(&digest);
                            let is = self.host.remembers_part(digest, self.now_ms);
                            kept = kept.and(self.books.is_kept(
                                about,
                                (part.header.key, digest),
                                was,
                                is,
                            ));
                            about
                        }
                        _ => Subject::Unknown,
                    };
                    let opens = self
                        .books
                        .opens_for_phone(exchange, texts, subject, |digest| {
                            self.host.has_forgotten_part(digest, self.now_ms)
                        });
                    kept = kept.and(opens);
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
                    if let Exchange::ImToSm(im) = exchange
                        && let ImToSmState::Settled { .. } = im.state
                    {
                        self.books.is_settled(self.subject(exchange.key()));
                    }
                    if let Exchange::SmToIm(sm) = exchange
                        && let SmToImState::Reporting { .. } = sm.state
                    {
                        self.centre_hears_early(sm);
                        let subject = self.subject(sm.header.key);
                        self.books
                            .is_reported(subject, exchange.key(), sm.header.stored);
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
        if let (Subject::ShortMessage(number, _), 2..) = (about, part) {
            self.books.goes_again_to_phone(number);
        }
        if let (Subject::ToCentre(number, _), true) = (about, part > 0) {
            self.books.is_cut_for_centre(number, part);
        }
        let is_full =
            |effect: &Effect| matches!(effect, Effect::Count(Counter::Full | Counter::SenderFull));
        if self.centre.is_some() && step.effects.iter().any(is_full) {
            for change in &step.changes {
                let key = match change {
                    Change::Ended(key) => *key,
                    Change::Updated(exchange) => exchange.key(),
                    _ => continue,
                };
                self.books.has_no_place(self.subject(key));
            }
        }
    }

    /// RP-ACK on a status report goes out without the database.
    fn centre_hears_early(&mut self, sm: &SmToIm) {
        if sm.sender == Party::ServiceCentre
            && sm.header.stored == Stored::No
            && let Some((_, texts)) = self.host.table.read(sm.header.key, self.now_ms)
        {
            let texts = SmToImTexts::of(&texts);
            self.books.status_is_said_early(texts.call_id);
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

    /// Whether this RP-DATA follows another part of its stored message.
    pub(crate) fn follows(&self, exchange: ExchangeKey) -> bool {
        self.host.followers.contains(&exchange)
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
        self.books.part_answered(subject, status, self.now_ms);
        self.books
            .leg_answered(subject, (exchange, attempt), status);
        let input = Input::RequestCompleted {
            exchange,
            attempt,
            status,
        };
        self.handle(exchange, input, Context::Nothing);
    }
}

/// A header field's value.
pub(crate) fn header<'h>(headers: &'h str, name: &str) -> Option<&'h str> {
    headers
        .split("\r\n")
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}
