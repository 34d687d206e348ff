//! Two gateways with one database: it does what `src/kamailio/engine/nodes.rs` does. One of them is at hand, the other one is elsewhere.

use ipsmgw::exchange::{ExchangeKey, Stored};
use ipsmgw::interwork::Input;

use crate::database::Database;
use crate::effects::Context;
use crate::faults::Fault;
use crate::host::{Host, number_of};
use crate::kamailio::{Answer, Behind, may_take_over};
use crate::plan::Plan;
use crate::transactions::TIMER_F_MS;
use crate::world::{Address, Event, GATEWAY, World};

/// Milliseconds between two signs of life.
const BEAT_MS: u64 = 500;

/// Two signs of life are not further apart, unless something is wrong.
const MOST_APART_MS: u64 = 2_000;

/// The balancer notices behind this time that a gateway does not answer.
const PINGS_MS: u64 = 2_000;

/// So long behind the death or return of a gateway, parts may still come to the wrong one.
const PARTS_MOVE_MS: u64 = 40_000;

/// A transaction in which a gateway stands still for so long is ended by the database.
const IDLE_MS: u64 = 5_000;

/// A gateway that is not at hand.
pub(crate) struct Elsewhere {
    host: Host,
    database: Database,
    ended_later: Vec<Behind>,
    epoch: u64,
    has_crashed: bool,
    is_stopped: bool,
    life: Life,
}

impl Elsewhere {
    /// The second gateway.
    pub(crate) fn new(plan: &Plan, seed: u64) -> Self {
        Self {
            host: Host::new(plan, seed, 1),
            database: Database::default(),
            ended_later: Vec::new(),
            epoch: 0,
            has_crashed: false,
            is_stopped: false,
            life: Life::default(),
        }
    }
}

/// The signs of life of a gateway, and what it knows of the other one.
#[derive(Default)]
pub(crate) struct Life {
    /// When it has given its last one.
    last_beat_ms: u64,
    /// The last one of the other gateway that it has seen, and when that came.
    seen: Option<(u64, u64)>,
    /// When it has read the signs of life last.
    read_ms: u64,
    /// The last answer of the other gateway.
    answered: Option<Answer>,
    /// When it has left to the other one what that has taken over.
    left_ms: u64,
    is_taken_over: bool,
    /// It has seen that the other one is dead, and is about to take over.
    is_taking_over: bool,
    /// When it has taken over last what the other one had.
    taken_over_ms: u64,
    /// What it has claimed, and what has no place yet.
    pub(crate) claimed: Vec<ExchangeKey>,
    /// The other one gives signs of life, or answers.
    pub(crate) other_is_alive: bool,
    /// The recipients who are here have been looked for.
    has_looked: bool,
    /// Until then it looks for parts of long messages at the wrong gateway.
    pub(crate) parts_move_until_ms: u64,
    pub(crate) still_until_ms: u64,
    /// Since then it does not answer.
    pub(crate) is_out_since_ms: Option<u64>,
    /// How long it stood still the last time, and until when.
    stood: (u64, u64),
}

impl Life {
    pub(crate) const fn is_still(&self, now_ms: u64) -> bool {
        now_ms < self.still_until_ms
    }

    /// Whether it stood still behind this time.
    pub(crate) const fn stood_since(&self, since_ms: u64) -> bool {
        self.stood.1 > since_ms
    }

    /// Whether requests may be under way of what it has left to the other one, or tm's timers are late.
    pub(crate) const fn is_confused(&self, now_ms: u64) -> bool {
        now_ms < self.left_ms + TIMER_F_MS || now_ms < self.stood.1 + TIMER_F_MS
    }

    /// Whether the database has ended a transaction that began at this time.
    pub(crate) const fn was_cut(&self, began_ms: u64) -> bool {
        self.stood.1 >= began_ms && self.stood.0 > IDLE_MS
    }
}

/// What fails.
impl World {
    pub(crate) fn two_nodes(&mut self) {
        let start_ms = self.now_ms;
        let calm = self.chance.per_mille(200);
        for node in [1, 0] {
            self.goes_to(node);
            self.life.has_looked = true;
            self.life.last_beat_ms = start_ms;
            self.life.read_ms = start_ms;
            let ms = self.chance.below(BEAT_MS);
            self.at(start_ms + ms, Event::Looks(0));
            for _ in 0..if calm { 0 } else { self.chance.below(3) } {
                let at_ms = start_ms + self.chance.below(self.plan.span_ms);
                let for_ms = self.chance.pick(&[300, 4_000, 12_000, 28_000]);
                self.at(at_ms, Event::StandsStill(for_ms));
            }
            for _ in 0..if calm { 0 } else { self.chance.below(3) } {
                let at_ms = start_ms + self.chance.below(self.plan.span_ms);
                let for_ms = self.chance.pick(&[700, 8_000, 30_000, 90_000]);
                self.at(at_ms, Event::DatabaseGoes(for_ms));
            }
        }
        for _ in 0..if calm { 0 } else { self.chance.below(4) } {
            let at_ms = start_ms + self.chance.below(self.plan.span_ms);
            let for_ms = self.chance.pick(&[700, 8_000, 30_000, 90_000]);
            self.at(at_ms, Event::Parts(for_ms));
            // One of them loses the database, too, or both do.
            let lose: &[Address] = match self.chance.below(4) {
                0 => &[0],
                1 => &[1],
                2 => &[0, 1],
                _ => &[],
            };
            for node in lose {
                self.goes_to(*node);
                let later_ms = self.chance.pick(&[0, 0, 300, 3_000]);
                let longer_ms = self.chance.pick(&[0, 700, 5_000]);
                self.at(at_ms + later_ms, Event::DatabaseGoes(for_ms + longer_ms));
            }
        }
        self.goes_to(0);
    }

    pub(crate) fn stands_still(&mut self, ms: u64) {
        self.note(|| format!("it stands still for {ms} ms"));
        self.life.still_until_ms = self.life.still_until_ms.max(self.now_ms + ms);
        self.life.stood = (ms, self.now_ms + ms);
        self.life.is_out_since_ms = Some(self.now_ms);
    }

    pub(crate) fn parts(&mut self, ms: u64) {
        self.note(|| format!("the gateways do not reach each other for {ms} ms"));
        self.parted_until_ms = self.parted_until_ms.max(self.now_ms + ms);
    }

    pub(crate) fn is_out(&mut self) {
        self.life.is_out_since_ms = Some(self.now_ms);
    }
}

/// The two of them.
impl World {
    /// This gateway is at hand now.
    pub(crate) fn goes_to(&mut self, node: Address) {
        let Some(other) = self.elsewhere.as_mut().filter(|_| node != self.node) else {
            return;
        };
        std::mem::swap(&mut self.host, &mut other.host);
        std::mem::swap(&mut self.database, &mut other.database);
        std::mem::swap(&mut self.ended_later, &mut other.ended_later);
        std::mem::swap(&mut self.epoch, &mut other.epoch);
        std::mem::swap(&mut self.has_crashed, &mut other.has_crashed);
        std::mem::swap(&mut self.is_stopped, &mut other.is_stopped);
        std::mem::swap(&mut self.life, &mut other.life);
        self.database.shares(&mut other.database);
        self.node = node;
    }

    /// The other gateway.
    pub(crate) const fn other(&self) -> Address {
        1 - self.node
    }

    pub(crate) fn is_one_of_several(&self) -> bool {
        self.elsewhere.is_some()
    }

    /// The number of the gateway at hand.
    pub(crate) const fn number(&self) -> u16 {
        number_of(self.node)
    }

    /// Does this with each gateway.
    pub(crate) fn with_each(&mut self, mut work: impl FnMut(&mut Self)) {
        for node in 0..self.plan.nodes {
            self.goes_to(node);
            work(self);
        }
    }

    /// The balancer sends requests of a person to one gateway, and to the other one while the first does not answer.
    pub(crate) fn balanced(&self, device: Address) -> Address {
        self.balanced_for(self.devices[device].person)
    }

    fn balanced_for(&self, person: usize) -> Address {
        let Some(other) = &self.elsewhere else {
            return GATEWAY;
        };
        let home = person % 2;
        let life = if home == self.node {
            &self.life
        } else {
            &other.life
        };
        let is_out = |since_ms| self.now_ms > since_ms + PINGS_MS;
        match life.is_out_since_ms.is_some_and(is_out) {
            true => 1 - home,
            false => home,
        }
    }

    /// The gateway at which this person registers.
    pub(crate) fn goes_to_registrar_of(&mut self, person: usize) {
        self.goes_to(self.balanced_for(person));
    }
}

/// Signs of life.
impl World {
    /// Whether others may soon take this one for dead.
    fn is_lost(&self) -> bool {
        let silent_ms = self.now_ms.saturating_sub(self.life.last_beat_ms);
        self.is_one_of_several() && silent_ms > self.plan.node_timeout_ms / 2
    }

    /// Whether the other one may have taken over by now what this one has.
    pub(crate) fn is_cut_off(&self) -> bool {
        let answered = self.life.answered.map(|answered| match self.fault {
            Some(Fault::HearAgain) => Answer {
                unbroken_ms: answered.at_ms,
                ..answered
            },
            _ => answered,
        });
        self.is_lost() && may_take_over([answered], self.now_ms, self.plan.node_timeout_ms)
    }

    pub(crate) fn other_has_answered(&mut self, epoch: u64) {
        if epoch == self.epoch && !self.is_down() {
            let (number, before) = (number_of(self.other()), self.life.answered);
            let (beat_ms, timeout_ms) = (self.life.last_beat_ms, self.plan.node_timeout_ms);
            let answer = Answer::next(before, number, self.now_ms, beat_ms, timeout_ms);
            self.life.answered = Some(answer);
        }
    }

    pub(crate) fn reaches_database(&self) -> bool {
        self.now_ms >= self.database.away_until_ms
    }

    /// OPTIONS.
    fn asks_other(&mut self) {
        let Some(other) = &self.elsewhere else { return };
        let answers = !other.is_stopped && !other.life.is_still(self.now_ms);
        if answers && self.now_ms >= self.parted_until_ms {
            let ms = self.chance.between(2, 40);
            self.later(ms, Event::Answered(self.epoch));
        }
    }

    pub(crate) fn looks(&mut self, epoch: u64) {
        if epoch != self.epoch || self.is_down() {
            return;
        }
        if self.plan.nodes == 1 {
            if !self.database.is_busy() && self.reaches_database() {
                self.takes_up_claimed();
            }
            return self.looks_for_places();
        }
        self.life.is_out_since_ms = None;
        let has_work = !self.life.claimed.is_empty() || self.database.has_parts_at_rest();
        if self.events > 0 || has_work {
            self.later(BEAT_MS, Event::Looks(epoch));
        }
        let silent_ms = self.now_ms.saturating_sub(self.life.last_beat_ms);
        if silent_ms > self.plan.node_timeout_ms * 3 / 8 {
            self.asks_other();
        }
        if self.database.is_busy() || !self.reaches_database() || !self.comes_back() {
            return;
        }
        self.beats();
        let blind_ms = self
            .now_ms
            .saturating_sub(self.life.read_ms + MOST_APART_MS);
        self.life.read_ms = self.now_ms;
        self.takes_up_claimed();
        let beat = self.database.beat_of(self.other());
        let (seen, changed_ms) = self.life.seen.unwrap_or((beat, self.now_ms));
        let changed_ms = match seen == beat {
            true => changed_ms + blind_ms,
            false => {
                self.life.is_taken_over = false;
                self.now_ms
            }
        };
        self.life.seen = Some((beat, changed_ms));
        if self.now_ms > changed_ms + MOST_APART_MS {
            self.asks_other();
        }
        let beats = self.now_ms < changed_ms + self.plan.node_timeout_ms;
        let answered = self.life.answered;
        let answers = answered
            .is_some_and(|answered| self.now_ms < answered.at_ms + self.plan.node_timeout_ms);
        let is_alive = beats || answers && !self.life.is_taken_over;
        if !is_alive && !self.life.is_taken_over && !self.life.is_taking_over {
            self.begins_to_take_over(beat);
        }
        if is_alive != self.life.other_is_alive {
            self.life.other_is_alive = is_alive;
            self.life.parts_move_until_ms = self.now_ms + PARTS_MOVE_MS;
        }
        self.looks_for_parts();
        if !self.life.has_looked && !self.is_down() {
            self.life.has_looked = true;
            self.looks_for_those_here();
        }
    }

    fn beats(&mut self) {
        self.database.beat(self.node);
        self.life.last_beat_ms = self.now_ms;
    }

    /// A gateway that has given no sign of life for long leaves to the other one what that has taken over. False: it cannot know.
    pub(crate) fn comes_back(&mut self) -> bool {
        if !self.is_lost() {
            return true;
        }
        if !self.reaches_database() {
            return false;
        }
        self.beats();
        let now_ms = self.now_ms;
        for exchange in self.host.table.keys(now_ms) {
            let Some((open, _)) = self.host.table.read(exchange, now_ms) else {
                continue;
            };
            let is_mine = self.database.holder(exchange) == Some(self.number());
            let is_taken_over = !is_mine && !self.database.is_to_be_written(exchange);
            let is_left = open.header().stored == Stored::Yes
                && is_taken_over
                && self.fault != Some(Fault::KeepTakenOver);
            if is_left {
                self.note(|| format!("{} was taken over", exchange.serial()));
                self.life.left_ms = self.now_ms;
                self.handle(exchange, Input::TakenOver { exchange }, Context::Nothing);
            }
        }
        true
    }

    /// The other gateway has given no sign of life behind this one for too long. The database may fail, or be slow; meanwhile the other
    /// gateway may start again.
    fn begins_to_take_over(&mut self, beat: u64) {
        let drawn = self.chance.below(1_000);
        if self.other_is_writing() || drawn < 100 {
            return;
        }
        let late = if self.fault == Some(Fault::TakeOverLate) {
            1_000
        } else {
            400
        };
        if drawn < late {
            self.life.is_taking_over = true;
            let ms = self.chance.pick(&[40, 700, 1_500]);
            self.later(ms, Event::TakesOver(self.epoch, beat));
            if self.chance.per_mille(700) {
                let (node, ms) = (self.node, ms - self.chance.below(40));
                self.goes_to(self.other());
                self.later(ms, Event::Restarts);
                self.goes_to(node);
            }
            return;
        }
        self.takes_over();
    }

    /// Whether a transaction of the other gateway locks its row.
    fn other_is_writing(&self) -> bool {
        let other = self.elsewhere.as_deref();
        let began_ms = other.and_then(|other| other.database.group_began_ms());
        began_ms.is_some_and(|began_ms| self.now_ms < began_ms + IDLE_MS)
    }

    /// Takes over what the other gateway leaves, unless that has given a sign of life in between.
    pub(crate) fn takes_over_later(&mut self, epoch: u64, beat: u64) {
        if epoch != self.epoch || self.is_down() {
            return;
        }
        self.life.is_taking_over = false;
        let is_silent = self.database.beat_of(self.other()) == beat;
        let may = is_silent && !self.other_is_writing();
        if self.reaches_database() && (may || self.fault == Some(Fault::TakeOverLate)) {
            self.takes_over();
        }
    }

    fn takes_over(&mut self) {
        let other = self.other();
        self.life.is_taken_over = true;
        self.life.taken_over_ms = self.now_ms;
        if self.fault == Some(Fault::NoTakeOver) {
            return;
        }
        self.note(|| "it takes over what the other gateway has".to_owned());
        for key in self.database.release_all(number_of(other)) {
            self.charging.comes_again(key);
        }
        self.life.has_looked = false;
        for key in self.database.held_by(number_of(other)) {
            self.database.claim(key, number_of(other), self.number());
            self.charging.comes_again(key);
            self.life.claimed.push(key);
        }
        self.takes_up_claimed();
    }

    /// There is no other gateway: it looks again as long as something has no place.
    pub(crate) fn looks_for_places(&mut self) {
        if !self.life.claimed.is_empty() && !self.is_down() {
            self.later(BEAT_MS, Event::Looks(self.epoch));
        }
    }

    pub(crate) fn takes_up_claimed(&mut self) {
        for key in std::mem::take(&mut self.life.claimed) {
            let is_mine = self.database.holder(key) == Some(self.number());
            if is_mine && !self.takes_up(key) {
                self.life.claimed.push(key);
                self.waits_for_place(key);
            }
        }
    }

    /// Whether the other gateway has taken over what this one had, behind its crash.
    pub(crate) fn was_taken_over(&self) -> bool {
        let since_ms = self.life.is_out_since_ms.unwrap_or(self.now_ms);
        let other = self.elsewhere.as_deref();
        other.is_some_and(|other| other.life.is_taken_over && other.life.taken_over_ms > since_ms)
    }

    /// The stored messages of the last start wait again. The sign of life comes before the rows are read.
    pub(crate) fn starts_again(&mut self) {
        self.life = Life {
            last_beat_ms: self.now_ms,
            read_ms: self.now_ms,
            ..Life::default()
        };
        let own = self.number();
        self.database.release_all(own);
        self.database.beat(self.node);
        self.later(BEAT_MS, Event::Looks(self.epoch));
    }

    fn looks_for_those_here(&mut self) {
        for (identity, recipient) in self.database.at_rest() {
            if !self.devices_of(&recipient).is_empty() {
                self.reads_stored_of(identity);
            }
        }
    }
}
