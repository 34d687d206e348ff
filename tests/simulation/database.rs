//! The database, and the process that writes to it: it does what `src/kamailio/engine/storage.rs` and
//! `src/kamailio/engine/stored.rs` do.

use std::collections::{BTreeMap, VecDeque};

use ipsmgw::exchange::{
    Exchange, ExchangeKey, Identity, Kind, NEVER, Stored, Texts, decode, encode, identity_in,
};
use ipsmgw::interwork::Input;

use crate::books::Subject;
use crate::effects::{Context, Job};
use crate::faults::Fault;
use crate::kamailio::Behind;
use crate::world::{Event, World};

/// How many are written at once.
const GROUP: usize = 16;

/// How many messages of one recipient are read at once.
const BATCH: usize = 8;

/// How long the process waits before it tries a database again that is away.
const PAUSE_MS: u64 = 500;

/// The schedule is looked at in this interval.
const SCHEDULE_MS: u64 = 1_000;

/// From so many waiting on, nothing is asked for.
const MOST_ASKED: usize = 1024;

/// What is to be done about an exchange.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Work {
    /// It is written, and then the core hears of it.
    Ask,
    Write,
    Delete,
}

/// A row. It survives a crash.
struct Row {
    kind: Kind,
    identity: Identity,
    due_ms: u64,
    record: Vec<u8>,
}

/// What a transaction of the database changes.
enum RowChange {
    Put(ExchangeKey, Row),
    Delete(ExchangeKey),
}

/// A transaction that is not committed.
struct Group {
    waiting: Vec<(ExchangeKey, Work)>,
    changes: Vec<RowChange>,
}

/// The database, and the queue before it.
#[derive(Default)]
pub(crate) struct Database {
    /// By serial numbers, so oldest first.
    rows: BTreeMap<u64, Row>,
    /// Until then it cannot be written.
    pub(crate) away_until_ms: u64,
    queue: VecDeque<(ExchangeKey, Work)>,
    group: Option<Group>,
    /// The process knows that the database is away.
    is_away: bool,
    /// The recipients whose messages are read next.
    reads: VecDeque<Identity>,
    /// The messages in memory that are being delivered.
    under_way: Vec<(ExchangeKey, Identity)>,
    /// When the process works next.
    wakes_ms: Option<u64>,
}

impl Database {
    /// How many rows there are, and how much waits.
    pub(crate) fn left(&self) -> (usize, usize) {
        (self.rows.len(), self.queue.len())
    }

    /// Whether there is a row of this exchange.
    pub(crate) fn has(&self, exchange: ExchangeKey) -> bool {
        self.rows.contains_key(&exchange.serial())
    }

    /// Whether there is a row of this stored message.
    pub(crate) fn has_message(&self, exchange: ExchangeKey) -> bool {
        let row = self.rows.get(&exchange.serial());
        row.is_some_and(|row| row.kind == Kind::StoredMessage)
    }

    fn keys(&self) -> Vec<ExchangeKey> {
        let keys = self.rows.keys();
        keys.filter_map(|serial| ExchangeKey::new(1, *serial))
            .collect()
    }

    fn apply(&mut self, changes: Vec<RowChange>) {
        for change in changes {
            match change {
                RowChange::Put(key, row) => drop(self.rows.insert(key.serial(), row)),
                RowChange::Delete(key) => drop(self.rows.remove(&key.serial())),
            }
        }
    }

    /// The host crashes: rows stay, and a transaction may have been committed or not.
    pub(crate) fn crash(&mut self, was_committed: bool) {
        if let Some(group) = self.group.take().filter(|_| was_committed) {
            self.apply(group.changes);
        }
        *self = Self {
            rows: std::mem::take(&mut self.rows),
            away_until_ms: self.away_until_ms,
            ..Self::default()
        };
    }
}

/// What the steps of the core need of it.
impl World {
    /// The database follows a commit.
    pub(crate) fn follow(&mut self, behind: Vec<Behind>) {
        if behind.is_empty() || !self.host.gateway.keeps {
            return;
        }
        for change in behind {
            let waiting = match change {
                Behind::Changed(key) => (key, Work::Write),
                Behind::Ended(key) => (key, Work::Delete),
            };
            if self.fault == Some(Fault::LoseWrite) && self.chance.per_mille(20) {
                continue;
            }
            self.database.queue.push_back(waiting);
        }
        self.wakes_store(0);
    }

    /// Has an exchange written. False: it cannot be.
    pub(crate) fn asks_store(&mut self, exchange: ExchangeKey) -> bool {
        if !self.host.gateway.keeps
            || self.database.is_away
            || self.database.queue.len() >= MOST_ASKED
        {
            return false;
        }
        self.database.queue.push_back((exchange, Work::Ask));
        self.wakes_store(0);
        true
    }

    /// The stored messages for this recipient are read next.
    pub(crate) fn reads_stored_of(&mut self, identity: Identity) {
        if self.host.gateway.keeps && !self.is_down() {
            self.database.reads.push_back(identity);
            self.wakes_store(0);
        }
    }

    fn wakes_store(&mut self, ms: u64) {
        let ms = ms + self.chance.pick(&[0, 0, 1, 5]);
        let at_ms = self.now_ms.saturating_add(ms);
        if self
            .database
            .wakes_ms
            .is_none_or(|wakes_ms| at_ms < wakes_ms)
        {
            self.database.wakes_ms = Some(at_ms);
            self.at(at_ms, Event::Stores(self.epoch));
        }
    }
}

/// The process.
impl World {
    pub(crate) fn stores(&mut self, epoch: u64) {
        if epoch != self.epoch || self.is_down() {
            return;
        }
        if self
            .database
            .wakes_ms
            .is_some_and(|wakes_ms| wakes_ms <= self.now_ms)
        {
            self.database.wakes_ms = None;
        }
        if self.database.group.is_some() {
            return;
        }

        let group = self.next_group();
        if group.waiting.is_empty() {
            if self.database.away_until_ms > self.now_ms {
                self.database.is_away = true;
                return self.wakes_store(PAUSE_MS);
            }
            self.database.is_away = false;
            return self.reads_stored();
        }
        if self.fault == Some(Fault::AnswerBeforeCommit) && self.chance.per_mille(50) {
            for (exchange, work) in group.waiting.clone() {
                if work == Work::Ask {
                    self.handle(exchange, Input::Stored { exchange }, Context::Nothing);
                }
            }
        }
        self.database.group = Some(group);
        let ms = match self.chance.per_mille(self.durable.slow) {
            true => self.chance.pick(&[300, 2_000, 6_000]),
            false => self.chance.pick(&[1, 3, 10, 40]),
        };
        self.later(ms, Event::Commits(self.epoch));
    }

    /// Takes the next that wait, and reads them: their last state counts.
    fn next_group(&mut self) -> Group {
        let count = self.database.queue.len().min(GROUP);
        let waiting: Vec<_> = self.database.queue.drain(..count).collect();
        let mut changes = Vec::with_capacity(count);
        for (key, work) in &waiting {
            match work {
                Work::Delete => changes.push(RowChange::Delete(*key)),
                Work::Ask | Work::Write => {
                    let open = self.host.table.read(*key, self.now_ms);
                    let row = open.and_then(|(open, texts)| put(&open, &texts));
                    if row.is_some() {
                        changes.extend(row);
                        let replaced = self.host.table.replaced_by(*key, self.now_ms);
                        changes.extend(replaced.into_iter().map(RowChange::Delete));
                    }
                }
            }
        }
        Group { waiting, changes }
    }

    /// The database goes away now and then.
    pub(crate) fn database_goes_away(&mut self) {
        for _ in 0..1 + self.chance.below(5) {
            let at_ms = self.now_ms + self.chance.below(self.plan.span_ms);
            let for_ms = self.chance.pick(&[700, 8_000, 60_000, 300_000]);
            self.at(at_ms, Event::DatabaseGoes(for_ms));
        }
    }

    pub(crate) fn database_goes(&mut self, for_ms: u64) {
        self.note(|| format!("the database is away for {for_ms} ms"));
        let until_ms = self.now_ms + for_ms;
        self.database.away_until_ms = self.database.away_until_ms.max(until_ms);
    }

    pub(crate) fn commits(&mut self, epoch: u64) {
        if epoch != self.epoch || self.is_down() {
            return;
        }
        if let Some(group) = self.database.group.take() {
            self.ends_group(group);
        }
        self.wakes_store(if self.database.is_away { PAUSE_MS } else { 0 });
    }

    /// False: the database could not be written.
    fn ends_group(&mut self, group: Group) -> bool {
        let fails =
            self.now_ms < self.database.away_until_ms || self.chance.per_mille(self.durable.fails);
        self.database.is_away = fails;
        if fails {
            self.note(|| "the database cannot be written".to_owned());
            let (asked, rest): (Vec<_>, Vec<_>) = group
                .waiting
                .into_iter()
                .partition(|(_, work)| *work == Work::Ask);
            for waiting in rest.into_iter().rev() {
                self.database.queue.push_front(waiting);
            }
            for (exchange, _) in asked {
                self.handle(exchange, Input::NotStored { exchange }, Context::Nothing);
            }
            return false;
        }
        for change in &group.changes {
            if let RowChange::Put(key, row) = change {
                self.note(|| format!("row of {}", key.serial()));
                let subject = self.subject(*key);
                match row.kind {
                    Kind::StoredMessage => self.books.is_durable_as_a_whole(subject),
                    _ => self.books.is_durable(subject),
                }
            }
        }
        self.database.apply(group.changes);
        for (exchange, work) in group.waiting {
            if work == Work::Ask && !self.is_down() {
                self.handle(exchange, Input::Stored { exchange }, Context::Nothing);
            }
        }
        true
    }

    /// Reads what is to be delivered next. Of a message that has ended, the row goes before.
    fn reads_stored(&mut self) {
        let now_ms = self.now_ms;
        let is_stored = |row: &&Row| row.kind == Kind::StoredMessage;
        let due: Vec<Identity> = self
            .database
            .rows
            .values()
            .filter(is_stored)
            .filter(|row| row.due_ms <= now_ms)
            .map(|row| row.identity)
            .collect();
        if self.fault != Some(Fault::NoSchedule) {
            for identity in due {
                if !self.database.reads.contains(&identity) {
                    self.database.reads.push_back(identity);
                }
            }
        }
        let table = &self.host.table;
        let is_open = |(key, _): &(ExchangeKey, Identity)| table.is_open(*key, now_ms);
        self.database.under_way.retain(is_open);
        let all = std::mem::take(&mut self.database.reads);
        let (mut chosen, mut later): (VecDeque<Identity>, VecDeque<Identity>) =
            (VecDeque::new(), VecDeque::new());
        for identity in all {
            let is_busy = self
                .database
                .under_way
                .iter()
                .any(|(_, of)| *of == identity);
            match is_busy || chosen.contains(&identity) {
                true => later.push_back(identity),
                false => chosen.push_back(identity),
            }
        }
        later
            .make_contiguous()
            .sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
        let mut later: Vec<Identity> = later.into();
        later.dedup();
        self.database.reads = later.into();
        // A row that goes when the effects of a step are carried out must not be read again.
        let reads_early = self.fault == Some(Fault::ReadBeforeWrite);
        if !reads_early && self.host.jobs.values().any(Job::ends_rows) {
            self.database.reads.extend(chosen);
            return self.wakes_store(1);
        }
        if !chosen.is_empty() {
            while !self.database.queue.is_empty() {
                let group = self.next_group();
                if !self.ends_group(group) {
                    // The schedule finds them again; those who have come wait.
                    self.database.reads.extend(chosen);
                    return self.wakes_store(PAUSE_MS);
                }
                if self.is_down() {
                    return;
                }
            }
            for identity in chosen {
                self.reads_of(identity);
            }
        }
        let rows = self.database.rows.values().filter(is_stored);
        if self.fault == Some(Fault::NoSchedule) {
            return;
        }
        if let Some(due_ms) = rows
            .map(|row| row.due_ms)
            .min()
            .filter(|due_ms| *due_ms < NEVER)
        {
            let wait_ms = due_ms.saturating_sub(self.now_ms).max(SCHEDULE_MS);
            self.wakes_store(wait_ms);
        }
    }

    /// Takes up the oldest messages for this recipient, and begins with the first.
    fn reads_of(&mut self, identity: Identity) {
        let rows = self.database.rows.iter();
        let theirs =
            rows.filter(|(_, row)| row.kind == Kind::StoredMessage && row.identity == identity);
        let keys: Vec<u64> = theirs.map(|(serial, _)| *serial).take(BATCH).collect();
        let mut first = None;
        for key in keys
            .into_iter()
            .filter_map(|serial| ExchangeKey::new(1, serial))
        {
            if self.takes_up(key) {
                self.database.under_way.push((key, identity));
                first = first.or(Some(key));
            }
        }
        if let Some(exchange) = first.filter(|_| !self.is_down()) {
            self.handle(exchange, Input::Due { exchange }, Context::Nothing);
        }
    }

    /// After a restart: takes up all but the stored messages, which are read when their recipients are back.
    pub(crate) fn takes_up_all(&mut self) {
        for key in self.database.keys() {
            let is_stored = self.database.rows[&key.serial()].kind == Kind::StoredMessage;
            if !is_stored && self.fault != Some(Fault::NotTakenUp) {
                self.takes_up(key);
            }
        }
        self.wakes_store(SCHEDULE_MS);
    }

    /// Takes up an exchange. False: there is no place for it.
    fn takes_up(&mut self, key: ExchangeKey) -> bool {
        let row = &self.database.rows[&key.serial()];
        let Ok((exchange, texts)) = decode(key, &row.record) else {
            self.break_promise("a row that cannot be read");
            return false;
        };
        let identity = row.identity;
        let about = self.subject(key);
        self.books.is_taken_up(about);
        let room = self.host.table.take_up(
            &self.host.gateway,
            identity.as_str(),
            (&exchange, &texts),
            self.now(),
        );
        let Some((step, behind)) = room else {
            self.note(|| format!("no place for {}", key.serial()));
            return false;
        };
        if !step.effects.is_empty() {
            self.break_promise("something is sent while an exchange is taken up");
        }
        self.committed(&step, about);
        self.follow(behind);
        if !self.host.table.is_open(key, self.now_ms) {
            self.follow(vec![Behind::Ended(key)]);
        }
        true
    }

    /// What the messages in the database are about.
    pub(crate) fn subjects_in_database(&self) -> Vec<Subject> {
        let keys = self.database.keys();
        keys.into_iter().map(|key| self.subject(key)).collect()
    }
}

/// The row of an exchange. Where it goes, there is none.
fn put(exchange: &Exchange, texts: &Texts) -> Option<RowChange> {
    if exchange.header().stored == Stored::No {
        return None;
    }
    let row = Row {
        kind: exchange.kind(),
        identity: identity_in(exchange.kind(), texts)?,
        due_ms: exchange.header().due_ms,
        record: encode(exchange, texts),
    };
    Some(RowChange::Put(exchange.key(), row))
}
