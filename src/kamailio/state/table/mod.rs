//! The table of open records, in shared memory: a bounded number of places that every process works on.
//!
//! A record is in a chain of its bucket, oldest first; a bucket has a chain for each kind. The caller chooses the
//! bucket by the party's key, so all exchanges of one party are under one lock, and the cost of a look-up grows with
//! the open exchanges of that party. Free places are in the pool. Order of locks: tm's REPLY lock, one bucket, the
//! pool.
//!
//! A record is named by a serial number. Its place is private to the table.
//!
//! The table depends neither on Kamailio nor on the content of a record: a record only has to implement [`Record`].

mod alarms;
#[cfg(test)]
mod fixture;
mod locked;
#[cfg(all(test, loom))]
mod loom;
mod serials;
#[cfg(all(test, not(loom)))]
mod tests;

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::Ordering::Relaxed;

use super::shares::Shares;
use crate::exchange::Full;
use crate::kamailio::sys::sharing::{AtomicU32, AtomicU64, Held, Memory, Plain, Slots, plain};

use alarms::Alarms;
pub(in crate::kamailio) use locked::Locked;
pub(in crate::kamailio) use serials::Serial;
use serials::Serials;

/// No place: the end of a chain.
const NONE: u32 = u32::MAX;

/// The interface of a record for the table.
pub(in crate::kamailio) trait Record: Plain {
    /// The common stock from which records take blocks. It is accessed under the pool's lock.
    type Stock: Plain;

    /// The record of a place that was never taken.
    fn vacant() -> Self;

    /// The record has ended: it gives its blocks back.
    fn clear(&mut self, stock: &mut Self::Stock);
}

/// How much can be open at once.
#[derive(Clone, Copy, Debug)]
pub(in crate::kamailio) struct Bounds {
    /// Records in all.
    pub(in crate::kamailio) places: u32,
    /// Records of one kind in one bucket: no party fills the table alone.
    pub(in crate::kamailio) per_chain: u32,
    /// Records of one sender.
    pub(in crate::kamailio) per_sender: u32,
}

/// Records of `KINDS` kinds. Each bucket keeps a `B` beside its records.
pub(in crate::kamailio) struct Table<
    M: Memory,
    R: Record,
    B: Plain,
    const KINDS: usize,
    S = RandomState,
> {
    bounds: Bounds,
    slots: Slots<M, Row<R>, Bucket<B, KINDS>, Pool<M, R>>,
    serials: Serials<M>,
    columns: M::Array<Column>,
    alarms: Alarms<M>,
    /// How many places are free. Written under the pool's lock.
    free: M::Box<AtomicU32>,
    /// Keyed before the fork, so that all processes use the same key, and no sender can choose a bucket.
    hasher: S,
}

/// A place.
struct Row<R> {
    /// Of the record; 0 in the pool.
    serial: u64,
    /// The neighbours in the chain, or in the pool.
    previous: u32,
    next: u32,
    /// The sender in whose share it counts.
    share: u32,
    /// The number of the record's kind.
    kind: u32,
    record: R,
}

/// The data of a place that is read without a lock.
struct Column {
    /// Monotonic milliseconds; 0: the place is free.
    opened: AtomicU64,
    kind: AtomicU32,
}

/// The data beside the lock of a bucket.
struct Bucket<B, const KINDS: usize> {
    chains: [Chain; KINDS],
    beside: B,
}

#[derive(Clone, Copy)]
struct Chain {
    first: u32,
    last: u32,
    count: u32,
}

/// The data beside the lock of the pool.
struct Pool<M: Memory, R: Record> {
    first: u32,
    shares: Shares<M>,
    next_serial: u64,
    stock: R::Stock,
}

plain!([R: Plain] struct Row<R> as Row { serial, previous, next, share, kind, record });
plain!(struct Column { opened, kind });
plain!([B: Plain, const KINDS: usize] struct Bucket<B, KINDS> as Bucket { chains, beside });
plain!(struct Chain { first, last, count });
plain!([M: Memory, R: Record] struct Pool<M, R> as Pool { first, shares, next_serial, stock });

impl Chain {
    const EMPTY: Self = Self {
        first: NONE,
        last: NONE,
        count: 0,
    };
}

impl<M: Memory, R: Record, B: Plain, const KINDS: usize, S: BuildHasher> Table<M, R, B, KINDS, S> {
    /// In mod_init; `None` when shared memory is too small. Serial numbers begin at `first_serial`.
    pub(in crate::kamailio) fn new(
        bounds: Bounds,
        first_serial: Serial,
        stock: R::Stock,
        hasher: S,
        mut beside: impl FnMut(u32) -> B,
    ) -> Option<Self> {
        let places = usize::try_from(bounds.places).ok()?;
        let row = |place: u32| Row {
            serial: 0,
            previous: NONE,
            // The last place points at a place that does not exist: the end.
            next: place + 1,
            share: 0,
            kind: 0,
            record: R::vacant(),
        };
        let bucket = |number| Bucket {
            chains: [Chain::EMPTY; KINDS],
            beside: beside(number),
        };
        let pool = Pool {
            first: 0,
            shares: Shares::new(bounds.places, bounds.per_sender)?,
            next_serial: first_serial.get(),
            stock,
        };
        let column = |_| Column {
            opened: AtomicU64::new(0),
            kind: AtomicU32::new(0),
        };
        let buckets = bounds.places.max(1).checked_next_power_of_two()?;
        Some(Self {
            bounds,
            slots: Slots::new(bounds.places, buckets, row, bucket, pool)?,
            serials: Serials::new(places)?,
            columns: M::array(places, column)?,
            alarms: Alarms::new(places)?,
            free: M::boxed(AtomicU32::new(bounds.places))?,
            hasher,
        })
    }

    /// Locks the bucket of a party.
    pub(in crate::kamailio) fn lock(
        &self,
        key: &str,
        now_ms: u64,
    ) -> Locked<'_, M, R, B, KINDS, S> {
        // The number of buckets is a power of two: the low bits choose.
        let mask = self.slots.groups() as u64 - 1;
        let bucket = u32::try_from(self.hasher.hash_one(key) & mask).unwrap_or(0);
        let held = self.slots.lock(bucket);
        // The mask allows only existing buckets.
        let held = held.unwrap_or_else(|| unreachable!("bucket {bucket}"));
        Locked {
            table: self,
            held,
            now_ms,
        }
    }

    /// Locks the bucket of a record; `None` when the record has ended.
    pub(in crate::kamailio) fn lock_of(
        &self,
        serial: Serial,
        now_ms: u64,
    ) -> Option<Locked<'_, M, R, B, KINDS, S>> {
        self.serials.places_of(serial).find_map(|place| {
            let locked = self.lock_place(place, now_ms)?;
            locked.get(serial).is_some().then_some(locked)
        })
    }

    /// Locks the bucket that a place belongs to. Before the lock is held, the place may move to another bucket; then it
    /// is not in this bucket any more.
    fn lock_place(&self, place: u32, now_ms: u64) -> Option<Locked<'_, M, R, B, KINDS, S>> {
        let held = self.slots.lock(self.slots.group_of(place)?)?;
        Some(Locked {
            table: self,
            held,
            now_ms,
        })
    }

    /// Locks the bucket of a place in which a record was open.
    pub(in crate::kamailio) fn lock_open(
        &self,
        place: u32,
        now_ms: u64,
    ) -> Option<(Locked<'_, M, R, B, KINDS, S>, Serial)> {
        let locked = self.lock_place(place, now_ms)?;
        let serial = locked.serial_at(place)?;
        Some((locked, serial))
    }

    /// Locks the bucket of a place whose alarm was due, and clears the alarm.
    pub(in crate::kamailio) fn lock_due(
        &self,
        place: u32,
        now_ms: u64,
    ) -> Option<(Locked<'_, M, R, B, KINDS, S>, Serial)> {
        let locked = self.lock_place(place, now_ms)?;
        let serial = locked.serial_at(place)?;
        self.alarms.take(place, now_ms).then_some((locked, serial))
    }

    /// Whether an alarm may be due; then the caller calls [`due`](Self::due). This check reads one word of memory.
    pub(in crate::kamailio) fn may_be_due(&self, now_ms: u64) -> bool {
        self.alarms.may_be_due(now_ms)
    }

    /// Each place whose alarm is due. No lock is taken: the record may have ended when its bucket is locked.
    pub(in crate::kamailio) fn due(&self, now_ms: u64) -> impl Iterator<Item = u32> + '_ {
        self.alarms.due(now_ms)
    }

    /// Each place in which a record is open. No lock is taken, as for [`due`](Self::due).
    pub(in crate::kamailio) fn open(&self) -> impl Iterator<Item = u32> + '_ {
        (0..)
            .zip(self.columns.iter())
            .filter_map(|(place, column)| (column.opened.load(Relaxed) != 0).then_some(place))
    }

    /// The kind of each open record, and since when it is open (monotonic milliseconds).
    pub(in crate::kamailio) fn census(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        self.columns
            .iter()
            .filter_map(|column| match column.opened.load(Relaxed) {
                0 => None,
                opened => Some((column.kind.load(Relaxed), opened)),
            })
    }

    /// How many records can be open at once.
    pub(in crate::kamailio) fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// How many of them are, in percent.
    pub(in crate::kamailio) fn percent_open(&self) -> u32 {
        let open = self.capacity().saturating_sub(self.free() as usize);
        u32::try_from(open * 100 / self.capacity().max(1)).unwrap_or(100)
    }

    fn free(&self) -> u32 {
        self.free.load(Relaxed)
    }

    /// Moves the next serial number forward to `at(next)`. It never moves back.
    fn advance(&self, at: impl FnOnce(u64) -> u64) {
        let mut pool = self.slots.lock_pool();
        let next = &mut pool.beside_mut().next_serial;
        *next = (*next).max(at(*next));
    }

    /// How many senders have something open.
    pub(in crate::kamailio) fn senders(&self) -> u32 {
        self.slots.lock_pool().beside().shares.senders()
    }

    /// Takes a free place for a bucket, counts it in the sender's share, and takes the blocks that the record needs.
    /// With a serial number: for a record of an earlier start.
    fn take(
        &self,
        bucket: u32,
        sender: u64,
        again: Option<Serial>,
        prepare: impl FnOnce(&mut R, &mut R::Stock) -> bool,
    ) -> Result<(u32, Serial), Full> {
        let mut pool = self.slots.lock_pool();
        if again.is_some_and(|serial| !self.serials.is_free(serial)) {
            return Err(Full::Table);
        }
        let place = pool.beside().first;
        let (row, beside) = pool.get_both(place).ok_or(Full::Table)?;
        let share = beside.shares.take(sender)?;
        if !prepare(&mut row.record, &mut beside.stock) {
            beside.shares.give_back(share);
            return Err(Full::Table);
        }
        let next = &mut beside.next_serial;
        let serial = match again {
            None => self.serials.give(next, place),
            Some(serial) => {
                self.serials.give_again(next, serial, place);
                serial
            }
        };
        row.serial = serial.get();
        row.share = share;
        beside.first = row.next;
        pool.give(place, bucket);
        self.free.store(self.free().wrapping_sub(1), Relaxed);
        Ok((place, serial))
    }

    /// Gives a place of a bucket back. It hangs in no chain any more.
    fn give_back(
        &self,
        serial: Serial,
        place: u32,
        bucket: &mut Held<'_, M, Row<R>, Bucket<B, KINDS>>,
    ) {
        let Some(row) = bucket.get_mut(place) else {
            return;
        };
        let mut pool = self.slots.lock_pool();
        let beside = pool.beside_mut();
        row.record.clear(&mut beside.stock);
        row.serial = 0;
        row.next = std::mem::replace(&mut beside.first, place);
        beside.shares.give_back(std::mem::take(&mut row.share));
        self.serials.take_back(serial, place);
        bucket.give_back(place);
        self.free.store(self.free().wrapping_add(1), Relaxed);
    }
}
