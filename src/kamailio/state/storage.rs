//! Exchanges that wait for the database, in shared memory: only their keys. The process that writes reads each exchange when it
//! writes it, so its last state counts.

use std::sync::atomic::Ordering::Relaxed;

use super::backlog::Backlog;
use super::counters::DATABASE_ERROR;
use super::exchanges::Behind;
use super::ring::Ring;
use super::stored_for::{StoredFor, digest};
use super::stored_rows::StoredRows;
use crate::exchange::{ExchangeKey, Identity, TransactionId};
use crate::interwork::ChargingRecord;
use crate::kamailio::sys::bell::Bell;
use crate::kamailio::sys::process;
use crate::kamailio::sys::setting_error::SettingError;
use crate::kamailio::sys::sharing::{AtomicU32, Guarded, Memory, Shm, ShmBox, plain};

/// At least this many exchanges may wait to be written before their senders are answered.
const LEAST_ASKED: usize = 1024;

/// Each open exchange may change this many times before the queue takes more memory.
const CHANGES_EACH: usize = 8;

/// An exchange that waits for the database.
#[derive(Clone, Copy)]
struct Waiting {
    key: ExchangeKey,
    work: Work,
}

/// The same, taken out of the queue.
pub(crate) struct Taken {
    pub(crate) key: ExchangeKey,
    pub(crate) work: Work,
    /// The record of [`Work::Charge`].
    pub(crate) record: Option<Box<ChargingRecord>>,
    /// The sender of [`Work::AskList`].
    pub(crate) waits: Option<TransactionId>,
}

/// The work on an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// The exchange is written, and then the core gets the result.
    Ask,
    /// The same, in one transaction with the next exchange in the queue.
    AskWithNext,
    /// The same for the last exchange of a list, whose sender waits for all of them.
    AskList,
    /// The exchange is written, perhaps for the first time.
    Open,
    /// The exchange is written, if its row is there.
    Write,
    /// Its row gets a mark: the exchange is not in memory.
    Release,
    /// Its row is deleted.
    Delete,
    /// The same, in one transaction with the next row that is deleted: a crash must not leave some parts of a message that has failed.
    DeleteWithNext,
    /// A charging record of the exchange is written, before its row is deleted.
    Charge,
}

impl Work {
    /// Whether the core gets the result.
    pub(crate) const fn asks(self) -> bool {
        matches!(self, Self::Ask | Self::AskWithNext | Self::AskList)
    }

    /// Whether the next one in the queue is in the same transaction.
    pub(crate) const fn goes_with_next(self) -> bool {
        matches!(self, Self::AskWithNext | Self::DeleteWithNext)
    }
}

plain!(struct Waiting { key, work });
plain!(
    enum Work {
        Ask,
        AskWithNext,
        AskList,
        Open,
        Write,
        Release,
        Delete,
        DeleteWithNext,
        Charge,
    }
);

/// The queued work. For each `Work::Charge` in it a record, and for each `Work::AskList` a sender, in their order.
struct Queue {
    waiting: Backlog<Shm, Waiting>,
    records: Ring<Shm, Option<ChargingRecord>>,
    senders: Ring<Shm, TransactionId>,
}

plain!(struct Queue { waiting, records, senders });

impl Queue {
    fn take(&mut self) -> Option<Taken> {
        let Waiting { key, work } = self.waiting.take()?;
        let record = match work {
            Work::Charge => self.records.take().flatten().map(Box::new),
            _ => None,
        };
        let waits = match work {
            Work::AskList => self.senders.take(),
            _ => None,
        };
        Some(Taken {
            key,
            work,
            record,
            waits,
        })
    }
}

/// First in, first out. An empty place holds no key.
type Keys = Ring<Shm, Option<ExchangeKey>>;

/// The queue, and the table behind it.
pub(crate) struct Storage {
    queue: ShmBox<Guarded<<Shm as Memory>::Lock, Queue>>,
    /// Counts what was put into the queue; the process sleeps on it.
    bell: Bell,
    /// 1: the database cannot be written.
    is_away: ShmBox<AtomicU32>,
    /// How many wait: in the queue, or in the hands of the process.
    waiting: ShmBox<AtomicU32>,
    /// How many processes are executing effects after which rows are deleted.
    going: ShmBox<AtomicU32>,
    /// When this many changes wait, no more exchanges are asked for.
    most_asked: usize,
    pub(crate) rows: StoredRows,
    /// Recipients whose stored messages are read next.
    reads: Reads,
    /// 1: a recipient had no room in `reads`.
    missed: ShmBox<AtomicU32>,
    /// Recipients with stored messages.
    pub(crate) stored_for: StoredFor<Shm>,
    /// Recipients to whom stored messages are delivered now, or next.
    pub(crate) delivered_to: StoredFor<Shm>,
    /// Recipients with stored messages that hold up new ones.
    pub(crate) held_up: StoredFor<Shm>,
    /// Stored messages that an operator drops.
    drops: ShmBox<Guarded<<Shm as Memory>::Lock, Keys>>,
}

/// Recipients whose messages are read next.
#[derive(Clone, Copy)]
pub(crate) struct NextRead {
    pub(crate) identity: Identity,
    /// Whether `delivered_to` has the recipient because of that.
    pub(crate) is_shown: bool,
    /// Whether the recipient is known to be here: has just registered, has room for messages again, or was named by an operator.
    pub(crate) is_here: bool,
}

plain!(struct NextRead { identity, is_shown, is_here });

/// They are read in the order in which they came.
struct Reads(ShmBox<Guarded<<Shm as Memory>::Lock, Ring<Shm, NextRead>>>);

/// How many messages an operator may drop before the process has done it.
const DROPS: usize = 64;

/// How many recipients may wait until their messages are read.
const READS: usize = 4096;

impl Reads {
    fn new() -> Option<Self> {
        let nobody = NextRead {
            identity: Identity::EMPTY,
            is_shown: false,
            is_here: false,
        };
        let ring = Ring::new(READS, nobody)?;
        Shm::boxed(Guarded::new(ring)).map(Self)
    }

    /// False: there is no room.
    fn put(&self, next: NextRead) -> bool {
        self.0.lock().put(next)
    }

    fn take(&self) -> Option<NextRead> {
        self.0.lock().take()
    }
}

impl Storage {
    /// In mod_init: announces one more process.
    pub(crate) fn new(
        rows: StoredRows,
        max_pending: u32,
        most_records: u32,
        store_max: usize,
    ) -> Result<Self, SettingError> {
        let failed = || {
            SettingError(
                "cannot make the queue for store_table: start Kamailio with a larger -m".into(),
            )
        };
        let most_asked = (max_pending as usize).max(LEAST_ASKED);
        let nothing = Waiting {
            key: ExchangeKey::new(0, 1).ok_or_else(failed)?,
            work: Work::Delete,
        };
        // Exchanges that are open may change and end while the database is away; they are never refused.
        let queue = Queue {
            waiting: Backlog::new(most_asked * CHANGES_EACH, nothing).ok_or_else(failed)?,
            records: Ring::new(most_records as usize, None).ok_or_else(failed)?,
            senders: Ring::new(most_asked, TransactionId::default()).ok_or_else(failed)?,
        };
        if !process::announce_process() {
            return Err(failed());
        }
        Ok(Self {
            queue: Shm::boxed(Guarded::new(queue)).ok_or_else(failed)?,
            bell: Bell::new().ok_or_else(failed)?,
            is_away: Shm::boxed(AtomicU32::new(0)).ok_or_else(failed)?,
            waiting: Shm::boxed(AtomicU32::new(0)).ok_or_else(failed)?,
            going: Shm::boxed(AtomicU32::new(0)).ok_or_else(failed)?,
            most_asked,
            rows,
            reads: Reads::new().ok_or_else(failed)?,
            missed: Shm::boxed(AtomicU32::new(0)).ok_or_else(failed)?,
            stored_for: StoredFor::new(store_max).ok_or_else(failed)?,
            delivered_to: StoredFor::new(store_max).ok_or_else(failed)?,
            held_up: StoredFor::new(store_max).ok_or_else(failed)?,
            drops: Shm::boxed(Guarded::new(Ring::new(DROPS, None).ok_or_else(failed)?))
                .ok_or_else(failed)?,
        })
    }

    /// Has an exchange written that a sender waits for. False: too many wait, or the database is away.
    pub(crate) fn ask(&self, key: ExchangeKey) -> bool {
        if self.is_away() || self.waiting() >= self.most_asked {
            return false;
        }
        let mut queue = self.queue.lock();
        let work = Work::Ask;
        let is_put = queue.waiting.put(Waiting { key, work });
        if is_put {
            // Counted before the process can take it: so the number never falls below 0.
            self.waiting.fetch_add(1, Relaxed);
            drop(queue);
            self.bell.ring();
        }
        is_put
    }

    /// Has these exchanges written in one transaction. Those of a list have a sender, who waits for all of them. False: too many wait,
    /// or the database is away.
    pub(crate) fn ask_together(&self, keys: &[ExchangeKey], sender: Option<TransactionId>) -> bool {
        let Some((last, others)) = keys.split_last() else {
            return false;
        };
        if self.is_away() || self.waiting() + keys.len() > self.most_asked {
            return false;
        }
        let mut queue = self.queue.lock();
        if !queue.waiting.has_room(keys.len())
            || sender.is_some_and(|sender| !queue.senders.put(sender))
        {
            return false;
        }
        let work_of_last = match sender {
            Some(_) => Work::AskList,
            None => Work::Ask,
        };
        let others = others.iter().map(|key| (*key, Work::AskWithNext));
        for (key, work) in others.chain([(*last, work_of_last)]) {
            queue.waiting.put(Waiting { key, work });
        }
        let count = u32::try_from(keys.len()).unwrap_or(0);
        self.waiting.fetch_add(count, Relaxed);
        drop(queue);
        self.bell.ring();
        true
    }

    /// The database follows a commit. The caller holds the lock of the bucket: the order is that of the commits. No change is lost while
    /// there is shared memory: a row of an exchange that has ended would be taken up at the next start, and be delivered again.
    pub(crate) fn follow(&self, behind: &[Behind]) {
        if behind.is_empty() {
            return;
        }
        let mut lost = 0;
        let mut queue = self.queue.lock();
        for (place, change) in behind.iter().enumerate() {
            let (key, work) = match *change {
                Behind::Opened(key) => (key, Work::Open),
                Behind::Changed(key) => (key, Work::Write),
                Behind::Released(key) => (key, Work::Release),
                Behind::Ended(key) | Behind::EndedUnwritten(key) => match behind.get(place + 1) {
                    Some(Behind::Ended(_) | Behind::EndedUnwritten(_)) => {
                        (key, Work::DeleteWithNext)
                    }
                    _ => (key, Work::Delete),
                },
            };
            if queue.waiting.append(Waiting { key, work }) {
                self.waiting.fetch_add(1, Relaxed);
            } else {
                lost += 1;
            }
        }
        drop(queue);
        if lost > 0 {
            DATABASE_ERROR.count();
            tracing::error!(
                changes = lost,
                "shared memory is full: changes of exchanges are not written to store_table, and a message may be delivered again after a restart. Start Kamailio with a larger -m"
            );
        }
        self.bell.ring();
    }

    /// Has a charging record of this exchange written. Changes that are queued later are written later. False: the
    /// queue is full.
    pub(crate) fn charge(&self, key: ExchangeKey, record: &ChargingRecord) -> bool {
        let mut queue = self.queue.lock();
        let is_put = queue.records.put(Some(*record));
        let work = Work::Charge;
        if is_put && queue.waiting.put(Waiting { key, work }) {
            self.waiting.fetch_add(1, Relaxed);
            drop(queue);
            self.bell.ring();
            return true;
        }
        if is_put {
            queue.records.take_back();
        }
        false
    }

    /// This process has ended exchanges whose rows go when its effects are carried out.
    pub(crate) fn rows_go_later(&self) {
        self.going.fetch_add(1, Relaxed);
    }

    /// The process has put its changes into the queue.
    pub(crate) fn rows_go_now(&self) {
        self.going.fetch_sub(1, Relaxed);
        self.bell.ring();
    }

    /// Whether the database may have rows of exchanges that have ended, which are not in the queue yet.
    pub(crate) fn have_rows_to_go(&self) -> bool {
        self.going.load(Relaxed) > 0
    }

    /// The oldest changes that wait, at most this many, and the changes that belong to the last of them.
    pub(crate) fn take(&self, most: usize) -> Vec<Taken> {
        let mut queue = self.queue.lock();
        let mut taken: Vec<Taken> = Vec::new();
        let is_cut = |last: &Taken| last.work.goes_with_next();
        while taken.len() < most || taken.last().is_some_and(is_cut) {
            let Some(next) = queue.take() else { break };
            taken.push(next);
        }
        taken
    }

    /// Whether an exchange that is kept has no row yet: its first change is in the queue, or `in_hand`.
    pub(crate) fn is_to_be_written(&self, key: ExchangeKey, in_hand: &[Taken]) -> bool {
        let is_it = |of: ExchangeKey, work: Work| of == key && work == Work::Open;
        in_hand.iter().any(|taken| is_it(taken.key, taken.work))
            || (self.queue.lock().waiting.values()).any(|waiting| is_it(waiting.key, waiting.work))
    }

    /// Removes this many changes from the queue.
    pub(crate) fn done(&self, count: usize) {
        let count = u32::try_from(count).unwrap_or(0);
        self.waiting.fetch_sub(count, Relaxed);
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Relaxed) as usize
    }

    /// Whether the database cannot be written.
    pub(crate) fn is_away(&self) -> bool {
        self.is_away.load(Relaxed) != 0
    }

    /// The database can be written, or cannot. Returns whether this is news.
    pub(crate) fn set_away(&self, is_away: bool) -> bool {
        self.is_away.swap(u32::from(is_away), Relaxed) != u32::from(is_away)
    }

    /// An operator drops a stored message. False: too many messages are being dropped.
    pub(crate) fn drop(&self, key: ExchangeKey) -> bool {
        let is_put = self.drops.lock().put(Some(key));
        self.bell.ring();
        is_put
    }

    /// The next message that an operator drops.
    pub(crate) fn next_drop(&self) -> Option<ExchangeKey> {
        self.drops.lock().take().flatten()
    }

    /// The stored messages for this recipient are read next. Until they are delivered, or wait again, new messages go behind them. Without
    /// room for the recipient, the process looks for all who are registered here.
    pub(crate) fn read_next(&self, identity: Identity, is_here: bool) {
        let recipient = digest(identity.as_str());
        let is_shown = self.stored_for.has(recipient);
        if is_shown {
            self.delivered_to.add(recipient);
        }
        let next = NextRead {
            identity,
            is_shown,
            is_here,
        };
        if !self.reads.put(next) {
            self.missed.store(1, Relaxed);
            if is_shown {
                self.delivered_to.remove(recipient);
            }
        }
        self.bell.ring();
    }

    /// Whether a recipient had no room since the last call.
    pub(crate) fn reads_were_missed(&self) -> bool {
        self.missed.swap(0, Relaxed) != 0
    }

    /// The next recipient whose stored messages are read. If `is_shown`, the process removes it from `delivered_to` once.
    pub(crate) fn next_read(&self) -> Option<NextRead> {
        self.reads.take()
    }

    /// Wakes the process: there is something to be read.
    pub(crate) fn wake(&self) {
        self.bell.ring();
    }

    /// Sleeps until something waits.
    pub(crate) fn sleep(&self) {
        self.bell.sleep();
    }
}
