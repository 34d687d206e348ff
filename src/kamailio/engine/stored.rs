//! Stored messages: the process `IPSMGW STORE` reads them from the database when their recipients are back, or when their time has
//! come. Memory has only those that are being delivered.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet, VecDeque};

use crate::exchange::{
    Exchange, ExchangeKey, Identity, Kind, Store as _, StoredMessage, StoredMessageTexts, Texts,
    decode, identity_in,
};
use crate::interwork::{Input, MOST_LOOKS, StoredCounts, holds_up, may_count_again, takes_room};

mod claims;
mod held_up;
mod reading;

use held_up::HeldUp;
use reading::{StoredRow, oldest};

use super::charging;
use super::decide::{is_open, take_up};
use super::execute::{Context, handle};
use super::stored_recipients::SCHEDULE_MS;
use crate::kamailio::register::contacts;
use crate::kamailio::state::counters::STORE_FULL;
use crate::kamailio::state::exchanges::Behind;
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::now::now;
use crate::kamailio::state::storage::{NextRead, Storage};
use crate::kamailio::state::stored_for::{StoredFor, digest};
use crate::kamailio::state::stored_rows::Which;
use crate::kamailio::sys::database::DatabaseError;
use crate::kamailio::sys::sharing::Shm;

/// How many messages whose time has come the schedule reads at once.
const FOUND: usize = 64;

/// How many it reads at most, if messages are being delivered to the recipients of all others.
const MOST_FOUND: usize = 4096;

/// The stored messages that the process knows.
#[derive(Default)]
struct Index {
    /// Whether the table was read.
    is_read: bool,
    /// When that was.
    read_ms: u64,
    /// Whether the recipients who are registered here were looked for since the start, and since another node has died.
    has_looked: bool,
    /// The recipient and the sender of each.
    messages: HashMap<ExchangeKey, (u64, u64)>,
    recipients: HashMap<u64, usize>,
    senders: HashMap<u64, usize>,
    held_up: HeldUp,
    /// The recipients that other processes have named, as they were taken from the queue.
    named: Vec<NextRead>,
    /// The recipients whose messages are read next, in this order.
    next: VecDeque<Identity>,
    /// The recipients whose messages could not be read or taken up. They are read again at the next check of the schedule.
    again: Vec<Identity>,
    /// The digests of those in `next` and in `again`.
    waiting: HashSet<u64>,
    /// Of the recipients whose messages are read next, those who are known to be here.
    here: HashSet<u64>,
    /// Of the recipients whose messages are read next, those whom only the schedule has found.
    by_schedule: HashSet<u64>,
    /// The messages in memory that are being delivered, and their recipients.
    under_way: Vec<(ExchangeKey, u64)>,
    /// Recipients to whom another node delivers, and how many more times they are checked.
    elsewhere: Vec<(Identity, u8)>,
    scheduled_ms: u64,
    /// The recipients that the other processes see in `delivered_to`.
    shown: HashSet<u64>,
    /// Those whom the process that named them has put there, too.
    shown_once: Vec<u64>,
}

thread_local! {
    /// Used by the process `IPSMGW STORE` only.
    static INDEX: RefCell<Index> = RefCell::default();
}

/// One less. True: it was the last one.
fn less(counts: &mut HashMap<u64, usize>, of: u64) -> bool {
    let Some(count) = counts.get_mut(&of) else {
        return false;
    };
    *count = count.saturating_sub(1);
    let is_last = *count == 0;
    if is_last {
        counts.remove(&of);
    }
    is_last
}

/// The recipients of stored messages, for the other processes.
fn stored_for() -> Option<&'static StoredFor<Shm>> {
    Some(&state().storage.as_ref()?.stored_for)
}

impl Index {
    fn add(&mut self, message: &StoredMessage, texts: &Texts) {
        let key = message.header.key;
        let texts = StoredMessageTexts::of(texts);
        let of = (digest(texts.identity), digest(texts.sender_identity));
        self.held_up.set(of.0, key, holds_up(message));
        if self.messages.insert(key, of).is_none() {
            let count = self.recipients.entry(of.0).or_default();
            *count += 1;
            if let (1, Some(stored_for)) = (*count, stored_for()) {
                stored_for.add(of.0);
            }
            *self.senders.entry(of.1).or_default() += 1;
        }
    }

    fn remove(&mut self, key: ExchangeKey) {
        if let Some((recipient, sender)) = self.messages.remove(&key) {
            self.held_up.set(recipient, key, false);
            if let (true, Some(stored_for)) = (less(&mut self.recipients, recipient), stored_for())
            {
                stored_for.remove(recipient);
            }
            less(&mut self.senders, sender);
        }
    }

    /// Whether one more message fits.
    fn has_room(&self, texts: &Texts) -> bool {
        let texts = StoredMessageTexts::of(texts);
        let count =
            |counts: &HashMap<u64, usize>, of: &str| counts.get(&digest(of)).copied().unwrap_or(0);
        state().store_limits.has_room(StoredCounts {
            all: self.messages.len(),
            recipient: count(&self.recipients, texts.identity),
            sender: count(&self.senders, texts.sender_identity),
        })
    }

    fn put(&mut self, identity: Identity) {
        let recipient = digest(identity.as_str());
        // Other nodes may have stored something.
        let may_have = state().nodes.are_several() || self.recipients.contains_key(&recipient);
        if may_have && self.waiting.insert(recipient) {
            self.next.push_back(identity);
        }
    }

    /// The recipients whose messages are read now: nothing for them is under way, so none of their rows changes while it is
    /// read.
    fn choose(&mut self, storage: &Storage) -> Vec<Identity> {
        let now_ms = now().unix_ms;
        self.read(storage);
        // Recipients for whom the queue had no room are found like those of an earlier start.
        self.has_looked &= !storage.reads_were_missed();
        self.look_for_those_here(storage);
        for next in std::mem::take(&mut self.named) {
            if next.is_shown {
                self.shown_once.push(digest(next.identity.as_str()));
            }
            self.put(next.identity);
            let recipient = digest(next.identity.as_str());
            self.by_schedule.remove(&recipient);
            if next.is_here && self.waiting.contains(&recipient) {
                self.here.insert(recipient);
            }
        }
        let is_open = |(key, _): &(ExchangeKey, u64)| state().table.lock_of(*key, now_ms).is_some();
        self.under_way.retain(is_open);
        if now_ms >= self.scheduled_ms + SCHEDULE_MS {
            self.scheduled_ms = now_ms;
            for identity in self.due(storage, now_ms) {
                let recipient = digest(identity.as_str());
                if !self.waiting.contains(&recipient) {
                    self.by_schedule.insert(recipient);
                }
                self.put(identity);
            }
            self.next.extend(self.again.drain(..));
            for (identity, _) in self.elsewhere.clone() {
                self.put(identity);
            }
            if state().nodes.are_several() {
                self.held_up.look_at_other_nodes(storage);
            }
        }
        let limits = &state().store_limits;
        let room = limits.recipients_to_read(self.under_way.len());
        let mut chosen = Vec::new();
        let mut later = VecDeque::new();
        while let Some(identity) = self.next.pop_front() {
            let recipient = digest(identity.as_str());
            if self.is_busy(recipient) || chosen.len() >= room {
                later.push_back(identity);
            } else {
                self.waiting.remove(&recipient);
                chosen.push(identity);
            }
        }
        self.next = later;
        chosen
    }

    /// Recipients with a message whose time has come. An attempt that is under way is the one of the schedule, too: if it fails, the
    /// next one has its time.
    fn due(&self, storage: &Storage, now_ms: u64) -> Vec<Identity> {
        let mut most = FOUND;
        loop {
            let (mut found, mut count) = (Vec::new(), 0);
            let see = |identity: &str| {
                count += 1;
                if !self.is_busy(digest(identity)) {
                    found.extend(Identity::new(identity));
                }
            };
            let read = storage.rows.due(Kind::StoredMessage, now_ms, most, see);
            // The log tells of a database that is away where it is written.
            if !found.is_empty() || read.is_err() || count < most || most >= MOST_FOUND {
                return found;
            }
            most *= 4;
        }
    }

    /// Whether a message for this recipient is being delivered.
    fn is_busy(&self, recipient: u64) -> bool {
        self.under_way.iter().any(|(_, of)| *of == recipient)
    }

    /// The gateway or node that has stored a message, or where its recipient has registered, may have died before the
    /// delivery began. Recipients who are registered here do not register again, so they are looked for.
    fn look_for_those_here(&mut self, storage: &Storage) {
        if self.has_looked {
            return;
        }
        let flags = state().flags;
        let (mut seen, mut here) = (HashSet::new(), Vec::new());
        let read = storage.rows.each(Which::AtRest, |_, key, record| {
            let exchange = key.and_then(|key| decode(key, record).ok());
            let Some((Exchange::StoredMessage(_), texts)) = exchange else {
                return;
            };
            let texts = StoredMessageTexts::of(&texts);
            if seen.insert(digest(texts.identity))
                && contacts::has(texts.recipient, flags.sm | flags.im)
            {
                here.extend(Identity::new(texts.identity));
            }
        });
        self.has_looked = read.is_ok();
        here.into_iter().for_each(|identity| self.put(identity));
    }

    /// The messages for this recipient could not be read or taken up: nobody else names the recipient soon, so they are read again.
    fn read_again(&mut self, identity: Identity) {
        if self.waiting.insert(digest(identity.as_str())) {
            self.again.push(identity);
        }
    }

    /// Another node delivers to this recipient. If that delivery fails, this node may succeed: the recipient has
    /// registered here. Recipients whom only the schedule has found wait for their next time.
    fn is_elsewhere(&mut self, identity: Identity) {
        if self.by_schedule.contains(&digest(identity.as_str())) {
            return;
        }
        match self.elsewhere.iter_mut().find(|(of, _)| *of == identity) {
            Some((_, looks)) => *looks += 1,
            None => self.elsewhere.push((identity, 1)),
        }
        self.elsewhere.retain(|(_, looks)| *looks < MOST_LOOKS);
    }

    fn is_here(&mut self, identity: &Identity) {
        self.elsewhere.retain(|(of, _)| of != identity);
    }

    /// Other nodes deliver messages that this node has stored, and this node is not notified. So it counts the table
    /// again before it refuses a message. False: it has counted a short time ago, or there are no other nodes.
    fn counts_again(&mut self, storage: &Storage) -> bool {
        if !state().nodes.are_several() || !may_count_again(self.read_ms, now().unix_ms) {
            return false;
        }
        self.messages.clear();
        for (recipient, _) in self.recipients.drain() {
            storage.stored_for.remove(recipient);
        }
        self.senders.clear();
        self.is_read = false;
        let held_up = std::mem::take(&mut self.held_up);
        self.read(storage);
        held_up.forget();
        true
    }

    /// Shows the other processes to whom stored messages are delivered now, or next.
    fn show(&mut self, storage: &Storage) {
        let under_way = self.under_way.iter().map(|(_, recipient)| *recipient);
        let now: HashSet<u64> = self.waiting.iter().copied().chain(under_way).collect();
        for recipient in now.difference(&self.shown) {
            storage.delivered_to.add(*recipient);
        }
        for recipient in self.shown.difference(&now) {
            storage.delivered_to.remove(*recipient);
        }
        self.shown = now;
        for recipient in self.shown_once.drain(..) {
            storage.delivered_to.remove(recipient);
        }
    }

    /// Reads all rows once.
    fn read(&mut self, storage: &Storage) {
        if self.is_read {
            return;
        }
        let read = storage.rows.each(Which::Messages, |_, key, record| {
            let exchange = key.and_then(|key| decode(key, record).ok());
            if let Some((Exchange::StoredMessage(message), texts)) = exchange {
                self.add(&message, &texts);
            }
        });
        self.is_read = read.is_ok();
        self.read_ms = now().unix_ms;
    }
}

/// Whether a message that is to be stored for the first time has room; other exchanges always have.
pub(super) fn admits(storage: &Storage, key: ExchangeKey) -> bool {
    let Some((Exchange::StoredMessage(message), texts)) =
        in_memory(key).filter(|(exchange, _)| takes_room(exchange))
    else {
        return true;
    };
    INDEX.with_borrow_mut(|index| {
        index.read(storage);
        let has_room =
            index.has_room(&texts) || index.counts_again(storage) && index.has_room(&texts);
        if has_room {
            index.add(&message, &texts);
        } else {
            STORE_FULL.count();
        }
        has_room
    })
}

/// Reads the table once, if that is not done: the other processes see the recipients with messages that hold up new ones.
pub(super) fn read_all(storage: &Storage) {
    INDEX.with_borrow_mut(|index| index.read(storage));
}

/// A row was written. A message that waits for another attempt may let others pass now, or hold them up again.
pub(super) fn written(key: ExchangeKey) {
    if let Some((Exchange::StoredMessage(message), texts)) = in_memory(key) {
        INDEX.with_borrow_mut(|index| index.add(&message, &texts));
    }
}

/// A row was deleted, or was not written for the first time.
pub(super) fn forget(key: ExchangeKey) {
    INDEX.with_borrow_mut(|index| index.remove(key));
}

/// A row was not written. The one of an earlier time may be there.
pub(super) fn not_written(key: ExchangeKey) {
    if in_memory(key).is_some_and(|(exchange, _)| takes_room(&exchange)) {
        forget(key);
    }
}

fn in_memory(key: ExchangeKey) -> Option<(Exchange, Texts)> {
    let locked = state().table.lock_of(key, now().unix_ms)?;
    Some((locked.by_key(key)?, locked.texts(key)?))
}

/// Another node has died: people who are registered here may have registered there.
pub(super) fn look_again() {
    INDEX.with_borrow_mut(|index| index.has_looked = false);
}

/// Drops what an operator drops. `write` writes all that waits for the database.
pub(super) fn drop_next(storage: &Storage, write: impl Fn()) {
    while let Some(key) = storage.next_drop() {
        // A message that is being delivered stays.
        if is_open(key) {
            continue;
        }
        if storage.have_rows_to_go() {
            // The row of this message may be among them: it was delivered just now. The bell rings when they are in the queue.
            storage.drop(key);
            return;
        }
        write();
        let Some((exchange, texts)) = claims::one(storage, key) else {
            continue;
        };
        let identity = identity_in(Kind::StoredMessage, &texts);
        if identity.is_some_and(|identity| take_up(&identity, &exchange, &texts)) {
            charging::submission_again(storage, &exchange, &texts);
            handle(key, Input::Drop { exchange: key }, Context::Nothing);
        } else {
            storage.follow(&[Behind::Released(key)]);
        }
    }
}

/// Takes the recipients that other processes have named. What was stored for them before that is written before it is read.
pub(super) fn take_named(storage: &Storage) {
    INDEX.with_borrow_mut(|index| {
        index
            .named
            .extend(std::iter::from_fn(|| storage.next_read()));
    });
}

/// Reads the messages that are to be delivered next, as far as there is room for them. `write` writes all queued
/// changes to the database.
pub(super) fn read_next(storage: &Storage, write: impl FnOnce()) {
    begin_next(storage, write);
    INDEX.with_borrow_mut(|index| index.show(storage));
}

fn begin_next(storage: &Storage, write: impl FnOnce()) {
    begin_chosen(storage, write);
    INDEX.with_borrow_mut(|index| {
        let waiting = &index.waiting;
        index.here.retain(|recipient| waiting.contains(recipient));
        index
            .by_schedule
            .retain(|recipient| waiting.contains(recipient));
    });
}

fn begin_chosen(storage: &Storage, write: impl FnOnce()) {
    let chosen = INDEX.with_borrow_mut(|index| index.choose(storage));
    if chosen.is_empty() {
        return;
    }
    if storage.have_rows_to_go() {
        // A row of these recipients may be among them. The bell rings when they are in the queue.
        return INDEX.with_borrow_mut(|index| chosen.into_iter().for_each(|it| index.put(it)));
    }
    // Of a message that has ended, the row goes now: it must not be read again.
    write();
    if state().nodes.are_several() {
        return claims::read(storage, chosen);
    }
    for identity in chosen {
        // The log tells of a database that is away where it is written.
        let is_done = match read_of(storage, &identity) {
            Ok(rows) => rows.is_empty() || !begin(storage, &identity, rows).is_empty(),
            Err(DatabaseError) => false,
        };
        if !is_done {
            INDEX.with_borrow_mut(|index| index.read_again(identity));
        }
    }
}

/// The messages for this recipient that are delivered next.
fn read_of(storage: &Storage, identity: &Identity) -> Result<Vec<StoredRow>, DatabaseError> {
    let recipient = digest(identity.as_str());
    let is_here = INDEX.with_borrow(|index| index.here.contains(&recipient));
    let (rows, holding) = oldest(storage, identity, is_here)?;
    if let (Some(holding), true) = (holding, state().nodes.are_several()) {
        INDEX.with_borrow_mut(|index| index.held_up.keep(recipient, &holding));
    }
    Ok(rows)
}

/// Takes up these messages for a recipient, and begins with the first. Returns those that were taken up: of the others, some may
/// have no place.
fn begin(storage: &Storage, identity: &Identity, rows: Vec<StoredRow>) -> Vec<ExchangeKey> {
    let mut taken = Vec::with_capacity(rows.len());
    for StoredRow {
        exchange, texts, ..
    } in rows
    {
        let key = exchange.key();
        // In order: after a message without a place, no further message is taken up.
        if !take_up(identity, &exchange, &texts) {
            break;
        }
        charging::submission_again(storage, &exchange, &texts);
        let recipient = digest(identity.as_str());
        INDEX.with_borrow_mut(|index| index.under_way.push((key, recipient)));
        taken.push(key);
    }
    if let Some(exchange) = taken.first().copied() {
        let recipient = digest(identity.as_str());
        let is_here = INDEX.with_borrow(|index| index.here.contains(&recipient));
        let input = Input::StoredRead { exchange, is_here };
        handle(exchange, input, Context::Nothing);
    }
    taken
}
