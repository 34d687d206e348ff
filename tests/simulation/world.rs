//! The simulated world: time, the queue of what happens next, and who is in it.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};
use std::rc::Rc;

use ipsmgw::exchange::{ExchangeKey, Now};

use crate::books::{Books, Subject};
use crate::centre::Centre;
use crate::crash::Durable;
use crate::database::Database;
use crate::faults::Fault;
use crate::host::Host;
use crate::kamailio::Behind;
use crate::nodes::{Elsewhere, Life};
use crate::peers::{Deed, Device, Person};
use crate::plan::Plan;
use crate::random::Random;
use crate::transactions::Transactions;

/// When each run begins: `2026-01-02 03:04:05 +01:00`.
pub(crate) const START_MS: u64 = 1_767_319_445_000;

/// More events than this for one message: something goes round for ever.
const MOST_EVENTS_PER_MESSAGE: u64 = 5_000;

/// Seeds from here on have a database; the others have not, as the fault that each of them once found.
pub(crate) const WITH_DATABASE: u64 = 1_000_000;

/// In seeds from here on, the database is slow, and away for minutes.
pub(crate) const DATABASE_AWAY: u64 = 2_000_000;

/// In seeds from here on, the memory of phones is full now and then.
pub(crate) const FULL_PHONES: u64 = 3_000_000;

/// In seeds from here on, there are two gateways with one database.
pub(crate) const TWO_NODES: u64 = 4_000_000;

/// In seeds from here on, clients write to lists of recipients, too; three of four have a database.
pub(crate) const LISTS: u64 = 5_000_000;

/// In seeds from here on, phones write to phones; three of four have a database.
pub(crate) const PHONES: u64 = 6_000_000;

/// In seeds from here on, there is a service centre outside; three of four have a database.
pub(crate) const CENTRES: u64 = 7_000_000;

/// Seeds of one world.
const SEEDS: u64 = 1_000_000;

/// A MESSAGE on the network, as far as anybody here reads it.
#[derive(Clone, Default)]
pub(crate) struct Message {
    pub(crate) request_uri: String,
    /// The sender's asserted identity.
    pub(crate) identity: String,
    pub(crate) call_id: String,
    pub(crate) in_reply_to: Option<String>,
    pub(crate) content_type: String,
    pub(crate) expires: Option<String>,
    pub(crate) body: Vec<u8>,
}

/// Where datagrams come from and go to: the gateway is 0, or 0 and 1 where there are two. The devices follow.
pub(crate) type Address = usize;

/// The gateway: of two, the one that the balancer chooses.
pub(crate) const GATEWAY: Address = 0;

/// One datagram. A transaction is named by its client's number.
#[derive(Clone)]
pub(crate) struct Datagram {
    pub(crate) from: Address,
    pub(crate) to: Address,
    pub(crate) transaction: u64,
    pub(crate) content: Content,
    /// The gateway that has passed it on to the other one.
    pub(crate) by: Option<Address>,
}

#[derive(Clone)]
pub(crate) enum Content {
    Request(Rc<Message>),
    Response(u16),
}

/// What happens next.
pub(crate) enum Event {
    /// A datagram is there.
    Arrives(Datagram),
    /// Timer E of a client transaction.
    Again(u64),
    /// Timer F or the fr timer of a client transaction.
    TimesOut(u64),
    /// tm tells once more that a MESSAGE of ours has its final response; in this start of the host.
    Retold(u64, ExchangeKey, u8, u16),
    /// A process goes on with the effects of a step.
    GoesOn(u64),
    /// A process goes on with a list of recipients.
    ListGoesOn(u64),
    /// The timer process looks for exchanges that are due.
    Ticks,
    /// The timer of a held transaction.
    HoldEnds(u64),
    /// tm forgets a server transaction.
    Forgotten(u64),
    /// A peer does something.
    Peer(Deed),
    /// The process that writes to the database goes on, in this start of the host.
    Stores(u64),
    /// A transaction of the database ends.
    Commits(u64),
    /// The host starts again.
    Restarts,
    /// The database is away for so many milliseconds.
    DatabaseGoes(u64),
    /// A gateway gives a sign of life, and looks for those of the other one; in this start of it.
    Looks(u64),
    /// The other gateway has answered this one.
    Answered(u64),
    /// The claims of a gateway are written; in this start of it.
    Claims(u64),
    /// A gateway takes over what the other one leaves, in this start of it; the last sign of life of that.
    TakesOver(u64, u64),
    /// A gateway stands still for so many milliseconds.
    StandsStill(u64),
    /// The gateways do not reach each other for so many milliseconds.
    Parts(u64),
}

impl Event {
    /// Whether gateways do this for ever.
    const fn is_sign_of_life(&self) -> bool {
        matches!(self, Self::Looks(_) | Self::Answered(_))
    }

    const fn name(&self) -> u64 {
        match self {
            Self::Arrives(_) => 1,
            Self::Again(_) => 2,
            Self::TimesOut(_) => 3,
            Self::Retold(..) => 4,
            Self::GoesOn(_) => 5,
            Self::Ticks => 6,
            Self::HoldEnds(_) => 7,
            Self::Forgotten(_) => 8,
            Self::Peer(_) => 9,
            Self::Stores(_) => 10,
            Self::Commits(_) => 11,
            Self::Restarts => 12,
            Self::DatabaseGoes(_) => 13,
            Self::Looks(_) => 14,
            Self::Answered(_) => 15,
            Self::Claims(_) => 16,
            Self::StandsStill(_) => 17,
            Self::Parts(_) => 18,
            Self::ListGoesOn(_) => 19,
            Self::TakesOver(..) => 20,
        }
    }
}

struct Queued {
    at_ms: u64,
    number: u64,
    /// The gateway at hand when it was put here.
    node: Address,
    event: Event,
}

impl Ord for Queued {
    /// The earliest is the greatest; of the same time, the first.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at_ms, other.number).cmp(&(self.at_ms, self.number))
    }
}

impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Queued {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Queued {}

/// The clocks at this time, as the core reads them.
pub(crate) fn now_of(unix_ms: u64) -> Now {
    Now {
        unix_ms,
        unix: i64::try_from(unix_ms / 1000).unwrap_or(0),
        zone: 4,
        is_cut_off: false,
    }
}

/// The world of one seed.
pub(crate) struct World {
    pub(crate) now_ms: u64,
    pub(crate) steps: u64,
    /// Of all that happened: two runs of a seed have the same.
    pub(crate) digest: u64,
    pub(crate) random: Random,
    pub(crate) plan: Plan,
    pub(crate) host: Host,
    pub(crate) transactions: Transactions,
    pub(crate) people: Vec<Person>,
    pub(crate) devices: Vec<Device>,
    pub(crate) books: Books,
    /// The books of charging records.
    pub(crate) charging: crate::charging::Books,
    pub(crate) fault: Option<Fault>,
    /// Chance for the database, for crashes, and for people who go away.
    pub(crate) chance: Random,
    pub(crate) durable: Durable,
    pub(crate) database: Database,
    /// Rows that go when the effects of the step at hand are carried out.
    pub(crate) ended_later: Vec<Behind>,
    /// How often the host has crashed.
    pub(crate) epoch: u64,
    /// The host has crashed in this event.
    pub(crate) has_crashed: bool,
    /// It has crashed, and has not started again.
    pub(crate) is_stopped: bool,
    /// How often any gateway has crashed.
    pub(crate) crashes: u64,
    /// The gateway at hand, and what it knows of the other one.
    pub(crate) node: Address,
    pub(crate) life: Life,
    /// The gateway that is not at hand, where there are two.
    pub(crate) elsewhere: Option<Box<Elsewhere>>,
    /// The gateways do not reach each other before this time.
    pub(crate) parted_until_ms: u64,
    /// The service centre outside, where there is one.
    pub(crate) centre: Option<Centre>,
    /// What each open exchange is about.
    pub(crate) subjects: HashMap<ExchangeKey, Subject>,
    /// Events that are no signs of life.
    pub(crate) events: u64,
    /// When the effect that is being carried out was decided: a slow process may be overtaken by what changes the decision.
    pub(crate) decided_ms: u64,
    traces: bool,
    queue: BinaryHeap<Queued>,
    queued: u64,
    broken: Option<String>,
}

impl World {
    pub(crate) fn new(seed: u64, messages: usize, fault: Option<Fault>, traces: bool) -> Self {
        let mut random = Random::of(seed);
        let mut plan = Plan::of(&mut random, messages);
        let mut chance = Random::of(!seed);
        let is_of = |world| seed / SEEDS == world / SEEDS;
        let may_have_none = is_of(LISTS) || is_of(PHONES) || is_of(CENTRES);
        let has_database = seed >= WITH_DATABASE && !(may_have_none && chance.per_mille(250));
        if is_of(CENTRES) {
            plan.get_centre();
        }
        let durable = match has_database {
            true => {
                plan.get_database(&mut chance);
                if is_of(TWO_NODES) {
                    plan.get_two_nodes(&mut chance);
                }
                let is_slow = is_of(DATABASE_AWAY);
                Durable::of(&mut chance, messages, is_slow)
            }
            false => Durable::default(),
        };
        if is_of(PHONES) {
            plan.phones = plan.phones.max(2);
        }
        let host = Host::new(&plan, seed, 0);
        let elsewhere = (plan.nodes > 1).then(|| Box::new(Elsewhere::new(&plan, seed)));
        let mut world = Self {
            now_ms: START_MS,
            steps: 0,
            digest: 0,
            random,
            plan,
            host,
            transactions: Transactions::default(),
            people: Vec::new(),
            devices: Vec::new(),
            books: Books::default(),
            charging: crate::charging::Books::default(),
            fault,
            chance,
            durable,
            database: Database::default(),
            ended_later: Vec::new(),
            epoch: 0,
            has_crashed: false,
            is_stopped: false,
            crashes: 0,
            node: 0,
            life: Life::default(),
            elsewhere,
            parted_until_ms: 0,
            centre: None,
            subjects: HashMap::new(),
            events: 0,
            decided_ms: START_MS,
            traces,
            queue: BinaryHeap::new(),
            queued: 0,
            broken: None,
        };
        world.populate();
        if is_of(LISTS) {
            // A list has some four recipients.
            world.write(messages / 2);
            world.write_lists(messages.div_ceil(8));
        } else if is_of(PHONES) {
            world.write_between_phones(messages);
        } else if is_of(CENTRES) {
            world.centre_is_there();
            world.write(messages / 4);
            world.write_with_centre(messages.div_ceil(4) * 3);
        } else {
            world.write(messages);
        }
        if world.plan.has_database || is_of(PHONES) {
            world.people_go_away();
        }
        if is_of(DATABASE_AWAY) {
            world.database_goes_away();
        } else if is_of(FULL_PHONES) || is_of(PHONES) {
            world.phones_are_full();
        } else if is_of(TWO_NODES) {
            world.two_nodes();
        }
        world
    }

    /// Runs until nothing happens any more. The error is the promise that was broken.
    pub(crate) fn run(&mut self) -> Result<(), String> {
        let most = (self.books.count() as u64 + 10) * MOST_EVENTS_PER_MESSAGE;
        while let Some(next) = self.queue.pop() {
            self.now_ms = next.at_ms;
            self.goes_to(self.node_of(&next));
            if self.life.is_still(self.now_ms) && self.is_of_node(&next.event) {
                self.queued += 1;
                self.queue.push(Queued {
                    at_ms: self.life.still_until_ms,
                    number: self.queued,
                    node: self.node,
                    event: next.event,
                });
                continue;
            }
            self.events -= u64::from(!next.event.is_sign_of_life());
            self.steps += 1;
            let mixed = (self.digest ^ next.at_ms ^ next.event.name() << 56).rotate_left(23);
            self.digest = mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            self.happens(next.event);
            if self.has_crashed {
                self.crashes();
            }
            if self.steps > most {
                self.break_promise("the work never ends");
            }
            if let Some(broken) = self.broken.take() {
                return Err(broken);
            }
        }
        self.note(|| "the end".to_owned());
        self.settle();
        self.broken.take().map_or(Ok(()), Err)
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Arrives(datagram) => self.arrives(datagram),
            Event::Again(transaction) => self.sends_again(transaction),
            Event::TimesOut(transaction) => self.times_out(transaction),
            Event::Retold(epoch, exchange, attempt, status) => {
                if epoch == self.epoch {
                    self.request_completed(exchange, attempt, status);
                }
            }
            Event::GoesOn(job) => self.goes_on(job),
            Event::ListGoesOn(list) => self.list_goes_on(list),
            Event::Ticks => self.ticks(),
            Event::HoldEnds(server) => self.hold_ends(server),
            Event::Forgotten(server) => self.forgotten(server),
            Event::Peer(deed) => self.does(deed),
            Event::Stores(epoch) => self.stores(epoch),
            Event::Commits(epoch) => self.commits(epoch),
            Event::Restarts => self.restarts(),
            Event::DatabaseGoes(ms) => self.database_goes(ms),
            Event::Looks(epoch) => self.looks(epoch),
            Event::Answered(epoch) => self.other_has_answered(epoch),
            Event::Claims(epoch) => self.claims(epoch),
            Event::TakesOver(epoch, beat) => self.takes_over_later(epoch, beat),
            Event::StandsStill(ms) => self.stands_still(ms),
            Event::Parts(ms) => self.parts(ms),
        }
    }

    /// The gateway in which this happens.
    fn node_of(&self, next: &Queued) -> Address {
        match &next.event {
            Event::Arrives(datagram) if self.is_gateway(datagram.to) => datagram.to,
            _ => next.node,
        }
    }

    /// Whether it does not happen while the gateway at hand stands still.
    fn is_of_node(&self, event: &Event) -> bool {
        match event {
            Event::Arrives(datagram) => self.is_gateway(datagram.to),
            Event::Again(transaction) | Event::TimesOut(transaction) => {
                let client = self.transactions.client_of(*transaction);
                client.is_some_and(|client| self.is_gateway(client))
            }
            Event::Peer(_) | Event::DatabaseGoes(_) | Event::StandsStill(_) | Event::Parts(_) => {
                false
            }
            _ => true,
        }
    }

    /// Whether this is the address of a gateway.
    pub(crate) const fn is_gateway(&self, address: Address) -> bool {
        address < self.plan.nodes
    }

    pub(crate) fn later(&mut self, milliseconds: u64, event: Event) {
        self.at(self.now_ms + milliseconds, event);
    }

    pub(crate) fn at(&mut self, at_ms: u64, event: Event) {
        self.queued += 1;
        self.events += u64::from(!event.is_sign_of_life());
        self.queue.push(Queued {
            at_ms,
            number: self.queued,
            node: self.node,
            event,
        });
    }

    /// The clocks, as the core reads them.
    pub(crate) fn now(&self) -> Now {
        Now {
            is_cut_off: self.is_cut_off(),
            ..now_of(self.now_ms)
        }
    }

    /// A line of the trace.
    pub(crate) fn note(&self, what: impl FnOnce() -> String) {
        if self.traces {
            let ms = self.now_ms - START_MS;
            println!(
                "{:>7} {:>5}.{:03} {} {}",
                self.steps,
                ms / 1000,
                ms % 1000,
                match self.plan.nodes {
                    1 => "",
                    _ => ["first:", "second:"][self.node],
                },
                what()
            );
        }
    }

    /// The run ends: a promise was broken. The first one counts.
    pub(crate) fn break_promise(&mut self, what: impl Into<String>) {
        let what = what.into();
        self.note(|| format!("BROKEN: {what}"));
        self.broken.get_or_insert(what);
    }
}
