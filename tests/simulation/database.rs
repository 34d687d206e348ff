//! The database, and the process that writes to it: it does what `src/kamailio/engine/storage.rs` and
//! `src/kamailio/engine/stored.rs` do.

use std::collections::{BTreeMap, VecDeque};

use ipsmgw::exchange::{
    Change, Exchange, ExchangeKey, Identity, ImToSmState, ImToSmTexts, KeptPart, Kind, NEVER, Now,
    Stored, StoredMessageState, StoredMessageTexts, Texts, TransactionId, decode, encode,
    identity_in,
};
use ipsmgw::interwork::{
    Input, MOST_LOOKS, READ_AT_ONCE, goes_with_stored, holds_up, is_taken_up, others_wait_until,
    tried_again_ms,
};

use crate::books::{Holder, Kept};
use crate::effects::{Context, Job};
use crate::faults::Fault;
use crate::kamailio::{At, Behind};
use crate::world::{Address, Event, World};

/// How many are written at once.
const GROUP: usize = 16;

/// How long the process waits before it tries a database again that is away.
const PAUSE_MS: u64 = 500;

/// The schedule is looked at in this interval.
const SCHEDULE_MS: u64 = 1_000;

/// From so many waiting on, nothing is asked for.
const MOST_ASKED: usize = 1024;

/// The number of a stored message's holder when no gateway has it in memory.
pub(crate) const AT_REST: u16 = 0;

/// What is to be done about an exchange.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Work {
    /// It is written, and then the core hears of it.
    Ask,
    /// The same, in one transaction with the next one.
    AskWithNext,
    /// The same for the last one of a list, whose sender waits for all of them.
    AskList(TransactionId),
    /// It may have no row yet.
    Open,
    Write,
    Release,
    Delete,
    /// In one transaction with the next one, which has ended with it.
    DeleteWithNext,
}

impl Work {
    /// Whether the core hears of it.
    const fn asks(self) -> bool {
        matches!(self, Self::Ask | Self::AskWithNext | Self::AskList(_))
    }

    const fn goes_with_next(self) -> bool {
        matches!(self, Self::AskWithNext | Self::DeleteWithNext)
    }
}

/// Whether the second change is written in one transaction with the first.
fn belong_together(first: &Waiting, _: &Waiting) -> bool {
    first.1.goes_with_next()
}

/// An exchange that waits for the database.
type Waiting = (ExchangeKey, Work);

/// A row. It survives a crash.
struct Row {
    kind: Kind,
    identity: Identity,
    due_ms: u64,
    record: Vec<u8>,
    /// The gateway that has the exchange in memory.
    node: u16,
    /// When a stored message that has failed is tried again.
    again_ms: Option<u64>,
    /// Whether it is a stored message that holds up new ones.
    holds_up: bool,
    /// Whether a missing row means that it went with the transaction that has stored its message.
    may_have_gone: bool,
}

/// The name of a row: in their order, the oldest comes first.
type Name = (u64, u16);

const fn name(key: ExchangeKey) -> Name {
    (key.serial(), key.node())
}

/// What a transaction of the database changes.
enum RowChange {
    /// With several gateways, whether there may be no row yet.
    Put(ExchangeKey, Row, bool),
    Release(ExchangeKey),
    Delete(ExchangeKey),
}

/// A transaction that is not committed.
struct Group {
    waiting: Vec<Waiting>,
    changes: Vec<RowChange>,
    began_ms: u64,
    /// It cannot know what the other gateway has taken over.
    is_lost: bool,
}

/// Recipients, and their messages that are claimed; since when.
type Claims = (Vec<(Identity, Vec<ExchangeKey>)>, u64);

/// The database, and the queue before it.
#[derive(Default)]
pub(crate) struct Database {
    rows: BTreeMap<Name, Row>,
    /// The signs of life of the gateways.
    beats: [u64; 2],
    /// Until then it cannot be written.
    pub(crate) away_until_ms: u64,
    queue: VecDeque<Waiting>,
    group: Option<Group>,
    /// The process knows that the database is away.
    is_away: bool,
    /// The recipients whose messages are read next.
    reads: VecDeque<Identity>,
    /// Of these recipients, those whom something else than the schedule has named.
    named: Vec<Identity>,
    /// Of these recipients, those who are known to be here.
    here: Vec<Identity>,
    /// The messages in memory that are being delivered.
    under_way: Vec<(ExchangeKey, Identity)>,
    /// Recipients to whom the other gateway delivers, and how often they were looked at.
    elsewhere: Vec<(Identity, u8)>,
    claims: Option<Claims>,
    /// When the process works next.
    wakes_ms: Option<u64>,
}

impl Database {
    /// How many rows there are, and how much waits.
    pub(crate) fn left(&self) -> (usize, usize) {
        (self.rows.len(), self.queue.len())
    }

    /// Another gateway has used it: the rows are the same.
    pub(crate) fn shares(&mut self, other: &mut Self) {
        self.rows = std::mem::take(&mut other.rows);
        self.beats = other.beats;
    }

    pub(crate) const fn beat_of(&self, node: Address) -> u64 {
        self.beats[node]
    }

    pub(crate) fn beat(&mut self, node: Address) {
        self.beats[node] += 1;
    }

    /// Whether the process knows that the database is away.
    pub(crate) const fn is_known_away(&self) -> bool {
        self.is_away
    }

    /// Whether the time of a stored message for this recipient has come.
    fn has_due(&self, recipient: &Identity, now_ms: u64) -> bool {
        let is_due = |row: &Row| row.due_ms <= now_ms && row.identity == *recipient;
        let mut rows = self.rows.values();
        rows.any(|row| row.kind == Kind::StoredMessage && is_due(row))
    }

    /// Whether a message for this recipient is being delivered.
    fn is_busy_with(&self, recipient: &Identity) -> bool {
        self.under_way.iter().any(|(_, of)| of == recipient)
    }

    /// Whether the process waits for the database.
    pub(crate) const fn is_busy(&self) -> bool {
        self.group.is_some() || self.claims.is_some()
    }

    pub(crate) fn group_began_ms(&self) -> Option<u64> {
        let claims = self.claims.as_ref().map(|(_, began_ms)| *began_ms);
        self.group.as_ref().map(|group| group.began_ms).or(claims)
    }

    /// Whether there is a row of this exchange.
    pub(crate) fn has(&self, exchange: ExchangeKey) -> bool {
        self.rows.contains_key(&name(exchange))
    }

    /// Whether the first row of this exchange waits.
    pub(crate) fn is_to_be_written(&self, exchange: ExchangeKey) -> bool {
        self.queue.contains(&(exchange, Work::Open))
    }

    /// The gateway that has this exchange, as its row says.
    pub(crate) fn holder(&self, exchange: ExchangeKey) -> Option<u16> {
        self.rows.get(&name(exchange)).map(|row| row.node)
    }

    /// Whether there is a row of this stored message, or of this message to a client of a list.
    pub(crate) fn has_message(&self, exchange: ExchangeKey) -> bool {
        let row = self.rows.get(&name(exchange));
        row.is_some_and(|row| matches!(row.kind, Kind::StoredMessage | Kind::ListDelivery))
    }

    pub(crate) fn keys(&self) -> Vec<ExchangeKey> {
        let keys = self.rows.keys();
        keys.filter_map(|(serial, node)| ExchangeKey::new(*node, *serial))
            .collect()
    }

    /// How many rows this gateway has.
    pub(crate) fn rows_of(&self, node: u16) -> usize {
        self.rows.values().filter(|row| row.node == node).count()
    }

    /// What this gateway has, but for stored messages.
    pub(crate) fn held_by(&self, node: u16) -> Vec<ExchangeKey> {
        let mut keys = self.keys();
        keys.retain(|key| {
            let row = &self.rows[&name(*key)];
            row.node == node && row.kind != Kind::StoredMessage
        });
        keys
    }

    /// The parts of long messages that a gateway has, or nobody.
    pub(crate) fn parts_at(&self, node: u16) -> Vec<(ExchangeKey, KeptPart, Identity)> {
        let is_part = |row: &&Row| row.kind == Kind::KeptPart && row.node == node;
        let rows = self.rows.iter().filter(|(_, row)| is_part(row));
        let read = |((serial, of), row): (&Name, &Row)| {
            let key = ExchangeKey::new(*of, *serial)?;
            let part = KeptPart::try_from(decode(key, &row.record).ok()?.0).ok()?;
            Some((key, part, row.identity))
        };
        rows.filter_map(read).collect()
    }

    pub(crate) fn has_parts_at_rest(&self) -> bool {
        let mut rows = self.rows.values();
        rows.any(|row| row.kind == Kind::KeptPart && row.node == AT_REST)
    }

    /// Removes a row that this gateway has.
    pub(crate) fn remove(&mut self, key: ExchangeKey, node: u16) {
        if self.holder(key) == Some(node) {
            self.rows.remove(&name(key));
        }
    }

    /// The stored messages that this gateway has wait again, and their time has come.
    pub(crate) fn release_all(&mut self, node: u16) -> Vec<ExchangeKey> {
        let mut released = Vec::new();
        for ((serial, of), row) in &mut self.rows {
            if row.kind == Kind::StoredMessage && row.node == node {
                (row.node, row.due_ms) = (AT_REST, 0);
                released.extend(ExchangeKey::new(*of, *serial));
            }
        }
        released
    }

    /// Takes a row from one holder to another one, if the first has it.
    pub(crate) fn claim(&mut self, key: ExchangeKey, from: u16, to: u16) {
        if let Some(row) = self.rows.get_mut(&name(key)).filter(|row| row.node == from) {
            row.node = to;
        }
    }

    /// The messages at rest for these recipients wait until then.
    fn put_off_the_rest(&mut self, put_off: &[(Identity, u64)]) {
        for (identity, until_ms) in put_off {
            for row in self.rows.values_mut() {
                let is_theirs = row.kind == Kind::StoredMessage && row.identity == *identity;
                if is_theirs && row.node == AT_REST {
                    row.due_ms = row.due_ms.max(*until_ms);
                }
            }
        }
    }

    /// The recipients of stored messages that no gateway has: as identities, and their URIs.
    pub(crate) fn at_rest(&self) -> Vec<(Identity, String)> {
        let mut found: Vec<(Identity, String)> = Vec::new();
        for ((serial, node), row) in &self.rows {
            let is_known = found.iter().any(|(identity, _)| *identity == row.identity);
            if row.kind != Kind::StoredMessage || row.node != AT_REST || is_known {
                continue;
            }
            let key = ExchangeKey::new(*node, *serial);
            let texts = key.and_then(|key| Some(decode(key, &row.record).ok()?.1));
            if let Some(texts) = texts {
                let recipient = StoredMessageTexts::of(&texts).recipient.to_owned();
                found.push((row.identity, recipient));
            }
        }
        found
    }

    /// The oldest messages for this recipient, and who has them. Without those that are left alone until their time has come.
    pub(crate) fn oldest_of(&self, identity: &Identity, now: Now) -> Vec<(ExchangeKey, u16)> {
        let is_here = self.here.contains(identity);
        let theirs = |((serial, of), row): (&Name, &Row)| {
            if row.kind != Kind::StoredMessage || row.identity != *identity {
                return None;
            }
            let key = ExchangeKey::new(*of, *serial)?;
            let Ok((Exchange::StoredMessage(message), _)) = decode(key, &row.record) else {
                return None;
            };
            let is_next = row.node != AT_REST || is_taken_up(&message, is_here, now);
            is_next.then_some((key, row.node))
        };
        self.rows
            .iter()
            .filter_map(theirs)
            .take(READ_AT_ONCE)
            .collect()
    }

    /// Whether a message that this gateway has stored for this recipient waits and holds up new ones.
    pub(crate) fn holds_up(&self, recipient: &Identity, node: Option<u16>) -> bool {
        let is_it = |((_, of), row): (&Name, &Row)| {
            row.holds_up && row.identity == *recipient && node.is_none_or(|node| node == *of)
        };
        self.rows.iter().any(is_it)
    }

    /// The other gateway delivers to this recipient.
    pub(crate) fn is_elsewhere(&mut self, identity: Identity) {
        match self.elsewhere.iter_mut().find(|(of, _)| *of == identity) {
            Some((_, looks)) => *looks += 1,
            None => self.elsewhere.push((identity, 1)),
        }
        self.elsewhere.retain(|(_, looks)| *looks < MOST_LOOKS);
    }

    pub(crate) fn is_here(&mut self, identity: &Identity) {
        self.elsewhere.retain(|(of, _)| of != identity);
    }

    pub(crate) fn begins_claims(&mut self, claims: Vec<(Identity, Vec<ExchangeKey>)>, now_ms: u64) {
        self.claims = Some((claims, now_ms));
    }

    pub(crate) const fn take_claims(&mut self) -> Option<Claims> {
        self.claims.take()
    }

    /// `node`: the gateway that makes the changes, of so many.
    fn apply(&mut self, changes: Vec<RowChange>, node: u16, nodes: usize) {
        for change in changes {
            match change {
                RowChange::Put(key, row, may_be_new) => {
                    let known = self.rows.get(&name(key)).map(|row| row.node);
                    let is_put = match known {
                        None if nodes == 1 => !row.may_have_gone,
                        None => may_be_new,
                        Some(holder) => nodes == 1 || holder == node,
                    };
                    if is_put {
                        self.rows.insert(name(key), row);
                    }
                }
                RowChange::Release(key) => {
                    let row = self.rows.get_mut(&name(key));
                    if let Some(row) = row.filter(|row| row.node == node) {
                        (row.node, row.due_ms) = (AT_REST, 0);
                    }
                }
                RowChange::Delete(key) => {
                    let holder = self.rows.get(&name(key)).map_or(AT_REST, |row| row.node);
                    if nodes == 1 || [AT_REST, node].contains(&holder) {
                        self.rows.remove(&name(key));
                    }
                }
            }
        }
    }

    /// The host crashes: rows stay, and a transaction may have been committed or not.
    pub(crate) fn crash(&mut self, was_committed: bool, node: u16, nodes: usize) {
        if let Some(group) = self.group.take().filter(|_| was_committed) {
            self.apply(group.changes, node, nodes);
        }
        if let Some((claims, _)) = self.claims.take().filter(|_| was_committed) {
            for key in claims.into_iter().flat_map(|(_, keys)| keys) {
                self.claim(key, AT_REST, node);
            }
        }
        *self = Self {
            rows: std::mem::take(&mut self.rows),
            beats: self.beats,
            away_until_ms: self.away_until_ms,
            ..Self::default()
        };
    }
}

/// What the steps of the core need of it.
impl World {
    /// The database follows a commit.
    pub(crate) fn follow(&mut self, mut behind: Vec<Behind>) {
        if self.plan.nodes == 1 {
            // Rows do not tell which exchanges are in memory.
            behind.retain(|change| !matches!(change, Behind::Released(_)));
        }
        if behind.is_empty() || !self.host.gateway.keeps {
            return;
        }
        let mut behind = behind.into_iter().peekable();
        while let Some(change) = behind.next() {
            let waiting = match change {
                Behind::Opened(key) => (key, Work::Open),
                Behind::Changed(key) => (key, Work::Write),
                Behind::Released(key) => (key, Work::Release),
                Behind::Ended(key) => match behind.peek() {
                    Some(Behind::Ended(_)) => (key, Work::DeleteWithNext),
                    _ => (key, Work::Delete),
                },
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

    /// Has these exchanges written in one transaction. False: they cannot be.
    pub(crate) fn asks_store_together(
        &mut self,
        exchanges: &[ExchangeKey],
        sender: Option<TransactionId>,
    ) -> bool {
        let Some((last, others)) = exchanges.split_last() else {
            return false;
        };
        if !self.host.gateway.keeps
            || self.database.is_away
            || self.database.queue.len() + exchanges.len() > MOST_ASKED
        {
            return false;
        }
        let others = others.iter().map(|key| (*key, Work::AskWithNext));
        let all = others.chain([(*last, sender.map_or(Work::Ask, Work::AskList))]);
        self.database.queue.extend(all);
        self.wakes_store(0);
        true
    }

    /// The stored messages for this recipient are read next.
    pub(crate) fn reads_stored_of(&mut self, identity: Identity) {
        if self.host.gateway.keeps && !self.is_down() {
            let database = &mut self.database;
            if !database.reads.contains(&identity) {
                database.reads.push_back(identity);
            }
            database.named.push(identity);
            self.wakes_store(0);
        }
    }

    /// The recipient is known to be here.
    pub(crate) fn is_here_now(&mut self, identity: Identity) {
        self.database.here.push(identity);
        self.reads_stored_of(identity);
    }

    /// Whether stored messages are delivered to this recipient now, or next, or wait and hold up new ones, as other processes see it.
    pub(crate) fn are_before_new(&self, recipient: &Identity) -> bool {
        let database = &self.database;
        !database.is_away
            && (database.is_busy_with(recipient)
                || database.reads.contains(recipient)
                || database.holds_up(recipient, self.knows_of()))
    }

    /// The gateway whose messages this one knows: with one gateway, of all.
    fn knows_of(&self) -> Option<u16> {
        (self.plan.nodes > 1).then(|| self.number())
    }

    /// Whether a stored message for this recipient waits that holds up new ones.
    pub(crate) fn is_held_up(&self, recipient: &Identity) -> bool {
        self.database.holds_up(recipient, self.knows_of())
    }

    pub(crate) fn wakes_store(&mut self, ms: u64) {
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
        if self.database.is_busy() {
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
        let is_lost = !self.comes_back();
        let mut count = self.database.queue.len().min(GROUP);
        let queue = &self.database.queue;
        // A list, or the parts of a message, are not cut.
        let is_cut = |count: usize| {
            queue
                .get(count - 1)
                .is_some_and(|last| last.1.goes_with_next())
        };
        while count > 0 && count < queue.len() && is_cut(count) {
            count += 1;
        }
        let waiting: Vec<_> = self.database.queue.drain(..count).collect();
        let mut changes = Vec::with_capacity(count);
        // A list whose sender was refused in between is not written.
        let is_wanted = |together: &&[Waiting]| match together.last() {
            Some((key, Work::AskList(_))) => self.host.table.is_open(*key, self.now_ms),
            _ => true,
        };
        let wanted = waiting.chunk_by(belong_together).filter(is_wanted);
        for (key, work) in wanted.flatten() {
            match work {
                Work::Delete | Work::DeleteWithNext => changes.push(RowChange::Delete(*key)),
                // The message may be in memory again.
                Work::Release => {
                    if !self.host.table.is_open(*key, self.now_ms) {
                        changes.push(RowChange::Release(*key));
                    }
                }
                Work::Ask | Work::AskWithNext | Work::AskList(_) | Work::Open | Work::Write => {
                    let open = self.host.table.read(*key, self.now_ms);
                    let may_be_new = *work != Work::Write;
                    let own = self.number();
                    let row = open.and_then(|(open, texts)| put(&open, &texts, may_be_new, own));
                    if row.is_some() {
                        changes.extend(row);
                        let replaced = self.host.table.replaced_by(*key, self.now_ms);
                        changes.extend(replaced.into_iter().map(RowChange::Delete));
                    }
                }
            }
        }
        Group {
            waiting,
            changes,
            began_ms: self.now_ms,
            is_lost,
        }
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
        let fails = self.now_ms < self.database.away_until_ms
            || group.is_lost
            || self.life.was_cut(group.began_ms)
            || self.chance.per_mille(self.durable.fails);
        self.database.is_away = fails;
        if fails {
            self.note(|| "the database cannot be written".to_owned());
            let (asked, rest): (Vec<_>, Vec<_>) =
                group.waiting.into_iter().partition(|(_, work)| work.asks());
            for waiting in rest.into_iter().rev() {
                self.database.queue.push_front(waiting);
            }
            self.tells_who_asked(&asked, false);
            return false;
        }
        for change in &group.changes {
            if let RowChange::Delete(key) | RowChange::Release(key) = change {
                self.note(|| format!("the row of {} is deleted or released", key.serial()));
            }
            if let RowChange::Put(key, row, _) = change {
                self.note(|| format!("row of {}", key.serial()));
                let subject = self.subject(*key);
                self.books.leg_is_written(*key, row.kind, subject);
                match row.kind {
                    Kind::StoredMessage => self.books.is_durable_as_a_whole(subject),
                    _ => self.books.is_durable(subject),
                }
            }
        }
        let (own, nodes) = (self.number(), self.plan.nodes);
        let put_off = self.put_off(&group.changes);
        self.database.apply(group.changes, own, nodes);
        self.database.put_off_the_rest(&put_off);
        self.database.beat(self.node);
        self.tells_who_asked(&group.waiting, true);
        true
    }

    /// These are written, or will not be.
    fn tells_who_asked(&mut self, waiting: &[Waiting], is_written: bool) {
        for together in waiting.chunk_by(belong_together) {
            if self.is_down() {
                return;
            }
            match together {
                [.., (_, Work::AskList(sender))] => {
                    let copies = together.iter().map(|(key, _)| *key).collect();
                    self.list_is_written(copies, *sender, is_written);
                }
                [.., (_, Work::Ask)] => {
                    for (exchange, _) in together {
                        let exchange = *exchange;
                        let input = match is_written {
                            true => Input::Stored { exchange },
                            false => Input::NotStored { exchange },
                        };
                        if !self.is_down() {
                            self.handle(exchange, input, Context::Nothing);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// The recipients whose messages wait for another attempt, and until when their other messages wait, too.
    fn put_off(&self, changes: &[RowChange]) -> Vec<(Identity, u64)> {
        let mut again: Vec<(Identity, Vec<u64>)> = Vec::new();
        for change in changes {
            let RowChange::Put(_, row, _) = change else {
                continue;
            };
            let Some(again_ms) = row.again_ms else {
                continue;
            };
            match again.iter_mut().find(|(of, _)| *of == row.identity) {
                Some((_, times)) => times.push(again_ms),
                None => again.push((row.identity, vec![again_ms])),
            }
        }
        let until = |(identity, times)| Some((identity, others_wait_until(times, self.now())?));
        again.into_iter().filter_map(until).collect()
    }

    /// Reads what is to be delivered next. Of a message that has ended, the row goes before.
    fn reads_stored(&mut self) {
        let now_ms = self.now_ms;
        let is_single = self.plan.nodes == 1;
        let table = &self.host.table;
        let is_open = |(key, _): &(ExchangeKey, Identity)| table.is_open(*key, now_ms);
        self.database.under_way.retain(is_open);
        // What the other gateway has, it delivers.
        let is_stored =
            |row: &&Row| row.kind == Kind::StoredMessage && (is_single || row.node == AT_REST);
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
                // An attempt that is under way is the one of the schedule, too.
                if !self.database.is_busy_with(&identity)
                    && !self.database.reads.contains(&identity)
                {
                    self.database.reads.push_back(identity);
                }
            }
        }
        for (identity, _) in &self.database.elsewhere {
            if !self.database.reads.contains(identity) {
                self.database.reads.push_back(*identity);
            }
        }
        let all = std::mem::take(&mut self.database.reads);
        let (mut chosen, mut later): (VecDeque<Identity>, VecDeque<Identity>) =
            (VecDeque::new(), VecDeque::new());
        for identity in all {
            match self.database.is_busy_with(&identity) || chosen.contains(&identity) {
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
            // Those of the schedule are read, too, though the messages that were due may have ended then.
            self.database.named.extend(&chosen);
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
            match is_single {
                true => {
                    for identity in chosen {
                        self.reads_of(identity);
                    }
                }
                false => self.claims_for(chosen.into()),
            }
        }
        if !self.database.is_busy() {
            let reads = &self.database.reads;
            self.database.here.retain(|of| reads.contains(of));
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
        let oldest = self.database.oldest_of(&identity, self.now()).into_iter();
        let keys: Vec<_> = oldest.map(|(key, _)| key).collect();
        let are_there = !keys.is_empty();
        let database = &mut self.database;
        let is_named = database.named.contains(&identity);
        database.named.retain(|of| *of != identity);
        if are_there && !is_named && !database.has_due(&identity, self.now_ms) {
            self.break_promise("messages are tried again before their time");
        }
        if self.begins(identity, keys).is_empty() && are_there && !self.is_down() {
            self.database.reads.push_back(identity);
            self.database.named.push(identity);
            self.wakes_store(SCHEDULE_MS);
        }
    }

    /// Takes up these messages, and begins with the first. Returns those that have a place.
    pub(crate) fn begins(
        &mut self,
        identity: Identity,
        keys: Vec<ExchangeKey>,
    ) -> Vec<ExchangeKey> {
        let mut taken = Vec::new();
        for key in keys {
            if !self.takes_up(key) {
                // In order: behind one that has no place, none is taken up.
                break;
            }
            self.database.under_way.push((key, identity));
            taken.push(key);
        }
        self.timer_is_first(&taken);
        if let Some(exchange) = taken.first().copied().filter(|_| !self.is_down()) {
            let about = self.subject(exchange);
            let is_here = self.database.here.contains(&identity);
            let input = Input::StoredRead { exchange, is_here };
            let step = self.decide(At::Exchange(exchange), input, about);
            let is_put_off = |change: &Change| match change {
                Change::Updated(Exchange::StoredMessage(message)) => {
                    message.state == StoredMessageState::Parking
                }
                _ => false,
            };
            if step.changes.iter().any(is_put_off) {
                self.break_promise("messages are read to be delivered, and wait again instead");
            }
            self.execute(step, Context::Nothing);
        }
        taken
    }

    /// The timer process runs beside the one that reads: if a deadline of these messages is over already, it is first.
    fn timer_is_first(&mut self, taken: &[ExchangeKey]) {
        let now_ms = self.now_ms;
        let open = |key: &ExchangeKey| self.host.table.read(*key, now_ms);
        let mut open = taken.iter().filter_map(open);
        if open.any(|(exchange, _)| exchange.wakes_ms() <= now_ms) {
            self.ticks();
        }
    }

    /// Where the other gateway delivers, this one looks again.
    pub(crate) fn wakes_store_for_elsewhere(&mut self) {
        if !self.database.elsewhere.is_empty() {
            self.wakes_store(SCHEDULE_MS);
        }
    }

    /// After a restart: takes up all but the stored messages, which are read when their recipients are back.
    pub(crate) fn takes_up_all(&mut self) {
        let own = self.number();
        for key in self.database.keys() {
            let row = &self.database.rows[&name(key)];
            let is_own = self.plan.nodes == 1 || row.node == own;
            let is_stored = row.kind == Kind::StoredMessage;
            let is_forgotten = self.fault == Some(Fault::NotTakenUp);
            if is_own && !is_stored && !is_forgotten && !self.takes_up(key) {
                self.life.claimed.push(key);
            }
        }
        self.wakes_store(SCHEDULE_MS);
    }

    /// For an exchange that has no place yet.
    pub(crate) fn waits_for_place(&mut self, key: ExchangeKey) {
        let row = &self.database.rows[&name(key)];
        if let Ok((Exchange::KeptPart(part), texts)) = decode(key, &row.record)
            && let Some(identity) = identity_in(Kind::KeptPart, &texts)
            && !self.is_down()
        {
            let about = self.subject(key);
            let input = Input::PartHasNoPlace { part: &part };
            let step = self.decide(At::Identity(identity.as_str()), input, about);
            self.execute(step, Context::Nothing);
        }
    }

    /// Takes up an exchange. False: there is no place for it.
    pub(crate) fn takes_up(&mut self, key: ExchangeKey) -> bool {
        let row = &self.database.rows[&name(key)];
        let Ok((exchange, texts)) = decode(key, &row.record) else {
            self.break_promise("a row that cannot be read");
            return false;
        };
        let (identity, kind) = (row.identity, row.kind);
        let about = self.subject(key);
        self.books.is_taken_up(about, kind, self.node);
        self.books.has_it(about, self.node);
        if let Exchange::ImToSm(im) = &exchange
            && let ImToSmState::Failed { .. } = im.state
        {
            self.books.has_failed_before(about, self.now_ms);
        }
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
        self.host.taken_up.insert(key);
        self.committed(&step, about);
        self.follow(behind);
        if let Some((Exchange::ImToSm(im), texts)) = self.host.table.read(key, self.now_ms)
            && im.awaits_report()
        {
            let phone = ImToSmTexts::of(&texts).address;
            self.books
                .reference_is_known(phone, im.rp_mr, about, self.node);
        }
        if !self.host.table.is_open(key, self.now_ms) {
            self.follow(vec![Behind::Ended(key)]);
        }
        true
    }

    /// What the exchanges in the database are about, and which of them the gateway at hand has, or nobody.
    pub(crate) fn kept(&self) -> Vec<Kept> {
        let (own, is_single) = (self.number(), self.plan.nodes == 1);
        let kept = |key: ExchangeKey| {
            let row = &self.database.rows[&name(key)];
            Kept {
                key,
                subject: self.subject(key),
                kind: row.kind,
                at: match row.node {
                    _ if is_single => Holder::Here,
                    AT_REST => Holder::Nobody,
                    node if node == own => Holder::Here,
                    _ => Holder::Elsewhere,
                },
            }
        };
        self.database.keys().into_iter().map(kept).collect()
    }
}

/// The row of an exchange. Where it goes, there is none.
fn put(exchange: &Exchange, texts: &Texts, may_be_new: bool, own: u16) -> Option<RowChange> {
    if exchange.header().stored == Stored::No {
        return None;
    }
    let (may_be_new, is_at_rest) = match exchange {
        Exchange::StoredMessage(message) => match message.state {
            StoredMessageState::Storing(_) => (may_be_new, true),
            StoredMessageState::Parking => (false, true),
            _ => (false, false),
        },
        _ => (may_be_new, false),
    };
    let row = Row {
        kind: exchange.kind(),
        identity: identity_in(exchange.kind(), texts)?,
        due_ms: exchange.header().due_ms,
        record: encode(exchange, texts),
        node: if is_at_rest { AT_REST } else { own },
        again_ms: tried_again_ms(exchange),
        holds_up: match exchange {
            Exchange::StoredMessage(message) => holds_up(message),
            _ => false,
        },
        may_have_gone: !may_be_new && goes_with_stored(exchange),
    };
    Some(RowChange::Put(exchange.key(), row, may_be_new))
}
