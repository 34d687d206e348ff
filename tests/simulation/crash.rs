//! The host crashes between any two effects, and starts again with what the database has.

use ipsmgw::exchange::ExchangeKey;

use crate::kamailio::Behind;
use crate::random::Random;
use crate::world::{Event, World};

/// Milliseconds that a start takes at least.
const LEAST_START_MS: u64 = 100;

/// What a seed with a database decides.
#[derive(Default)]
pub(crate) struct Durable {
    /// Of 1,000 transactions of the database, so many are slow, so many fail.
    pub(crate) slow: u64,
    pub(crate) fails: u64,
    /// How many effects are carried out before the next crash, and how many crashes follow.
    pub(crate) effects_left: u64,
    pub(crate) crashes_left: u64,
    /// Effects between two crashes.
    pub(crate) effects_between: u64,
}

impl Durable {
    pub(crate) fn of(random: &mut Random, messages: usize, is_slow: bool) -> Self {
        let calm = random.per_mille(250);
        let crashes = if calm { 0 } else { random.below(5) };
        let effects_between = 1 + random.below(12 * messages as u64 / (crashes + 1) + 1);
        Self {
            slow: match is_slow {
                true => random.below(800),
                false if calm => 0,
                false => random.below(150),
            },
            fails: if calm { 0 } else { random.below(30) },
            effects_left: effects_between,
            crashes_left: crashes,
            effects_between,
        }
    }
}

impl World {
    /// Whether the host does not run.
    pub(crate) const fn is_down(&self) -> bool {
        self.has_crashed || self.is_stopped
    }

    /// The host may crash here. True: it has.
    pub(crate) fn may_crash(&mut self) -> bool {
        if self.durable.crashes_left > 0 && !self.has_crashed {
            self.durable.effects_left = self.durable.effects_left.saturating_sub(1);
            self.has_crashed = self.durable.effects_left == 0;
        }
        self.has_crashed
    }

    /// Behind the event in which the host has crashed: memory is lost.
    pub(crate) fn crashes(&mut self) {
        self.note(|| "CRASH".to_owned());
        self.epoch += 1;
        self.crashes += 1;
        self.durable.crashes_left -= 1;
        self.durable.effects_left = 1 + self.chance.below(2 * self.durable.effects_between);
        let was_committed = self.chance.per_mille(500);
        self.database
            .crash(was_committed, self.number(), self.plan.nodes);
        let open = self.host.table.keys(self.now_ms);
        self.host.forgets(&self.plan, self.node);
        self.transactions.forget_own(self.node);
        let kept = self.kept();
        self.books.crash(&kept, self.node, self.now_ms);
        let (database, several) = (&self.database, self.plan.nodes > 1);
        let was_here = |key: ExchangeKey| !several || open.contains(&key);
        self.charging.crash(was_here, |key| database.has(key));
        self.is_out();
        self.ended_later.clear();
        let down_ms = match self.plan.nodes {
            1 => self.chance.pick(&[100, 2_000, 12_000]),
            _ => self.chance.pick(&[100, 2_000, 12_000, 60_000]),
        };
        self.is_stopped = true;
        self.has_crashed = false;
        self.later(down_ms, Event::Restarts);
    }

    pub(crate) fn restarts(&mut self) {
        if !self.is_stopped {
            return;
        }
        // A start takes some time: two starts in one millisecond would give the same names to their exchanges.
        let out_ms = self
            .life
            .is_out_since_ms
            .map(|since_ms| self.now_ms - since_ms);
        if out_ms.is_some_and(|out_ms| out_ms < LEAST_START_MS) {
            return self.later(LEAST_START_MS, Event::Restarts);
        }
        if self.database.away_until_ms > self.now_ms {
            // It does not start without the rows of its last start.
            return self.later(1_000, Event::Restarts);
        }
        self.note(|| "the host starts again".to_owned());
        let left = self.database.rows_of(self.number());
        if left > 0 && self.was_taken_over() {
            return self.break_promise(format!(
                "{left} rows of a gateway are its own still, and the other one has taken over"
            ));
        }
        self.is_stopped = false;
        let (now_ms, epoch, node) = (self.now_ms, self.epoch, self.node);
        self.host.begins(&self.plan, now_ms, epoch, node);
        self.life.claimed.clear();
        if self.plan.nodes > 1 {
            self.starts_again();
        }
        self.takes_up_all();
        if self.plan.nodes == 1 {
            self.looks_for_places();
        }
    }

    /// The rows that go when all effects of a step are carried out.
    pub(crate) fn take_ended(&mut self) -> Vec<Behind> {
        std::mem::take(&mut self.ended_later)
    }
}
