//! The open exchanges, in shared memory: a bounded table that every process works on.
//!
//! Rows come from a free list and hang in the chain of their bucket, oldest first. The bucket is
//! chosen by the SMS-side identity, so all that happens to one phone happens under one lock and a
//! look-up costs what that phone has open. Lock order: tm's REPLY lock, a bucket, the free list.

use std::cell::UnsafeCell;
use std::hash::{BuildHasher, RandomState};
use std::mem::MaybeUninit;
use std::num::NonZeroU32;
use std::sync::atomic::{
    AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, Release, SeqCst},
};

use crate::host::{Exchange, ExchangeId, Exchanges, Full, Kind, Sequence, Settled};
use crate::interwork::{InUse, Share, Shares};

use crate::kamailio::sys::shared::{Held, Lock, Plain, SharedSlice};

/// How many outcomes of past short messages each bucket remembers, in 32 octets each. At 1,000 short messages in a second,
/// 4,096 buckets remember them for a minute: a phone that heard nothing asks again before (TR1M, TS 24.011 §10).
const SETTLED_PER_BUCKET: usize = 16;

const _: () = assert!(size_of::<Option<Settled>>() == 32);

/// How many parts of past messages are remembered for each place of the table. Each takes 16 octets.
const PARTS_PER_PLACE: usize = 16;

/// No row: the end of a chain.
const NONE: u32 = u32::MAX;

pub(crate) struct Table {
    /// The bound on each chain: nobody can fill the table alone.
    most_in_bucket: u32,
    /// The bound on what one sender has open.
    most_of_sender: u32,
    rows: SharedSlice<Row>,
    columns: SharedSlice<Column>,
    buckets: SharedSlice<Bucket>,
    /// No exchange asked to be looked at before this, in monotonic milliseconds: one word.
    earliest: SharedSlice<AtomicU64>,
    free: SharedSlice<FreeList>,
    /// Of the shares: the ends of their chains, and the shares themselves. Under the free list's lock.
    share_heads: SharedSlice<ShareHead>,
    shares: SharedSlice<SharePlace>,
    /// Each at the place that its digest names; the newest there stays.
    parts: SharedSlice<RememberedPart>,
    /// Keyed before the fork, so that all processes agree and nobody outside can aim at a bucket.
    hasher: RandomState,
}

/// What is read of a row without a lock.
#[repr(C)]
struct Column {
    /// Monotonic milliseconds; 0: the row is free.
    opened: AtomicU64,
    /// Monotonic milliseconds at which the timer is to look; 0: never.
    due: AtomicU64,
    /// The bucket that the row hangs in. It may change between reading it and locking that bucket;
    /// the generation, read under the lock, tells.
    bucket: AtomicU32,
    kind: AtomicU32,
}

#[repr(C)]
struct Row(UnsafeCell<RowContent>);

#[repr(C)]
struct RowContent {
    generation: NonZeroU32,
    previous: u32,
    next: u32,
    /// Whose share it takes.
    share: u32,
    exchange: MaybeUninit<Exchange>,
}

#[repr(C)]
struct Bucket {
    lock: Lock,
    content: UnsafeCell<BucketContent>,
}

#[repr(C)]
struct BucketContent {
    /// Ends of the chains, one for each kind.
    first: [u32; Kind::ALL.len()],
    last: [u32; Kind::ALL.len()],
    /// How many rows hang in each.
    count: [u32; Kind::ALL.len()],
    sequences: [u8; Sequence::COUNT],
    next_settled: u8,
    settled: [Option<Settled>; SETTLED_PER_BUCKET],
}

/// Two words that two processes may write at once: then the one part or the other is forgotten.
#[repr(C)]
struct RememberedPart {
    digest: AtomicU64,
    /// Monotonic milliseconds.
    until: AtomicU64,
}

#[repr(transparent)]
struct ShareHead(UnsafeCell<u32>);

#[repr(transparent)]
struct SharePlace(UnsafeCell<Share>);

#[repr(C)]
struct FreeList {
    lock: Lock,
    first: UnsafeCell<u32>,
    shares_in_use: UnsafeCell<InUse>,
    /// How many rows hang in it; written under the lock.
    count: AtomicU32,
}

// SAFETY: as for the four below: integers, locks and `Exchange`, which is plain data; no pointers. `Table::new`
// writes every field before the fork, so the zero octets are never read as values.
unsafe impl Plain for Column {}
// SAFETY: as above.
unsafe impl Plain for Row {}
// SAFETY: as above.
unsafe impl Plain for Bucket {}
// SAFETY: as above.
unsafe impl Plain for FreeList {}
// SAFETY: integers; zero octets are a chain of nobody.
unsafe impl Plain for ShareHead {}
// SAFETY: integers; zero octets are a share of nobody.
unsafe impl Plain for SharePlace {}
// SAFETY: as above; zero octets are a part that is forgotten.
unsafe impl Plain for RememberedPart {}
// SAFETY: a row is touched only by the holder of its bucket's lock, or by the one who took it from
// the free list and has not yet hung it into a bucket.
unsafe impl Sync for Row {}
// SAFETY: the content is touched only under the lock beside it.
unsafe impl Sync for Bucket {}
// SAFETY: as for `Bucket`.
unsafe impl Sync for FreeList {}
// SAFETY: touched only under the free list's lock.
unsafe impl Sync for ShareHead {}
// SAFETY: as above.
unsafe impl Sync for SharePlace {}

impl Table {
    /// A table of `capacity` rows, before the fork; `None` when shared memory is too small.
    pub(crate) fn new(capacity: u32, most_in_bucket: u32, most_of_sender: u32) -> Option<Self> {
        let places = usize::try_from(capacity).ok()?;
        let table = Self {
            most_in_bucket,
            most_of_sender,
            rows: SharedSlice::zeroed(places)?,
            columns: SharedSlice::zeroed(places)?,
            buckets: SharedSlice::zeroed(places.next_power_of_two())?,
            earliest: SharedSlice::zeroed(1)?,
            free: SharedSlice::zeroed(1)?,
            share_heads: SharedSlice::zeroed(places.next_power_of_two())?,
            shares: SharedSlice::zeroed(places)?,
            parts: SharedSlice::zeroed((places * PARTS_PER_PLACE).next_power_of_two())?,
            hasher: RandomState::new(),
        };
        for (index, row) in (0..capacity).zip(table.rows.iter()) {
            let next = if index + 1 == capacity {
                NONE
            } else {
                index + 1
            };
            // SAFETY: before the fork nobody else sees the row.
            unsafe {
                row.0.get().write(RowContent {
                    generation: NonZeroU32::MIN,
                    previous: NONE,
                    next,
                    share: 0,
                    exchange: MaybeUninit::uninit(),
                });
            }
        }
        for (number, bucket) in table.buckets.iter().enumerate() {
            bucket.lock.init();
            let content = BucketContent {
                first: [NONE; Kind::ALL.len()],
                last: [NONE; Kind::ALL.len()],
                count: [0; Kind::ALL.len()],
                // A report on a message of an earlier start must not fit one of this start by chance.
                sequences: [table.hasher.hash_one(number) as u8; Sequence::COUNT],
                next_settled: 0,
                settled: [None; SETTLED_PER_BUCKET],
            };
            // SAFETY: before the fork nobody else sees the bucket.
            unsafe { bucket.content.get().write(content) };
        }
        for list in table.free.iter() {
            list.lock.init();
            // SAFETY: before the fork nobody else sees the list; row 0 starts the chain made above.
            unsafe { list.first.get().write(if capacity == 0 { NONE } else { 0 }) };
            list.count.store(capacity, Relaxed);
        }
        Some(table)
    }

    /// Locks the bucket of an identity.
    pub(crate) fn lock(&self, identity: &str, now_ms: u64) -> Locked<'_> {
        let hash = self.hasher.hash_one(identity);
        // The number of buckets is a power of two: the low bits choose.
        let mask = self.buckets.len() as u64 - 1;
        self.lock_bucket(u32::try_from(hash & mask).unwrap_or(0), now_ms)
    }

    /// Locks the bucket in which an exchange lives; `None` when the exchange has ended.
    pub(crate) fn lock_of(&self, id: ExchangeId, now_ms: u64) -> Option<Locked<'_>> {
        let column = self.columns.get(id.index() as usize)?;
        let mut locked = self.lock_bucket(column.bucket.load(Relaxed), now_ms);
        locked.get_mut(id).is_some().then_some(locked)
    }

    fn lock_bucket(&self, number: u32, now_ms: u64) -> Locked<'_> {
        let bucket = &self.buckets[number as usize];
        Locked {
            table: self,
            number,
            _held: bucket.lock.hold(),
            now_ms,
        }
    }

    /// Whether an exchange may have asked to be looked at by now; then it is on the caller to do so. Costs nothing while
    /// nothing is due.
    pub(crate) fn may_be_due(&self, now_ms: u64) -> bool {
        let Some(earliest) = self.earliest.first() else {
            return true;
        };
        if earliest.load(Acquire) > now_ms {
            return false;
        }
        // Whoever asks from here on lowers it again; who asked before is seen below.
        earliest.store(u64::MAX, SeqCst);
        let next = self.columns.iter().filter_map(|column| {
            let due = column.due.load(SeqCst);
            (due != 0).then_some(due)
        });
        earliest.fetch_min(next.min().unwrap_or(u64::MAX), SeqCst);
        true
    }

    /// Each exchange that asked to be looked at by now. No lock is taken: the row may have ended
    /// meanwhile, which its generation tells.
    pub(crate) fn due(&self, now_ms: u64) -> impl Iterator<Item = u32> + '_ {
        (0..)
            .zip(self.columns.iter())
            .filter_map(move |(index, column)| {
                let due = column.due.load(Relaxed);
                (due != 0 && due <= now_ms).then_some(index)
            })
    }

    /// Each row that is open. No lock is taken, as for [`due`](Self::due).
    pub(crate) fn open(&self) -> impl Iterator<Item = u32> + '_ {
        (0..)
            .zip(self.columns.iter())
            .filter_map(|(index, column)| (column.opened.load(Relaxed) != 0).then_some(index))
    }

    /// Locks the bucket of a row that was open.
    pub(crate) fn lock_open(&self, index: u32, now_ms: u64) -> Option<(Locked<'_>, ExchangeId)> {
        let column = self.columns.get(index as usize)?;
        let locked = self.lock_bucket(column.bucket.load(Relaxed), now_ms);
        if column.opened.load(Relaxed) == 0 || !locked.hangs_here(index) {
            return None;
        }
        let generation = locked.row(index)?.generation;
        Some((locked, ExchangeId::new(index, generation)))
    }

    /// Locks the bucket of a row that was due, and clears its alarm.
    pub(crate) fn lock_due(&self, index: u32, now_ms: u64) -> Option<(Locked<'_>, ExchangeId)> {
        let column = self.columns.get(index as usize)?;
        let locked = self.lock_bucket(column.bucket.load(Relaxed), now_ms);
        let due = column.due.load(Relaxed);
        if !locked.hangs_here(index) || due == 0 || due > now_ms {
            return None;
        }
        column.due.store(0, Relaxed);
        let generation = locked.row(index)?.generation;
        Some((locked, ExchangeId::new(index, generation)))
    }

    /// How many exchanges of each kind are open, and since when the oldest is (monotonic ms).
    pub(crate) fn census(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        self.columns
            .iter()
            .filter_map(|column| match column.opened.load(Relaxed) {
                0 => None,
                opened => Some((column.kind.load(Relaxed), opened)),
            })
    }

    /// How many of the exchanges that can be open are, in percent.
    pub(crate) fn percent_open(&self) -> u32 {
        let free = self.free.first();
        let free = free.map_or(0, |list| list.count.load(Relaxed) as usize);
        let open = self.capacity().saturating_sub(free);
        u32::try_from(open * 100 / self.capacity().max(1)).unwrap_or(100)
    }

    /// How many exchanges can be open at once.
    pub(crate) fn capacity(&self) -> usize {
        self.rows.len()
    }

    /// The place of a digest. Their number is a power of two: the low bits choose.
    fn part(&self, digest: u64) -> &RememberedPart {
        &self.parts[digest as usize & (self.parts.len() - 1)]
    }

    /// A free row, which takes a place of this sender's share.
    fn take_free(&self, sender: u64) -> Result<u32, Full> {
        let list = self.free.first().ok_or(Full::Table)?;
        let held = list.lock.hold();
        // SAFETY: under the list's lock.
        let first = unsafe { &mut *list.first.get() };
        let index = *first;
        let row = self.rows.get(index as usize).ok_or(Full::Table)?;
        let share = self.shares(list, &held).take(sender)?;
        // SAFETY: a row on the free list belongs to the holder of the list's lock.
        let row = unsafe { &mut *row.0.get() };
        row.share = share;
        *first = row.next;
        list.count
            .store(list.count.load(Relaxed).wrapping_sub(1), Relaxed);
        Ok(index)
    }

    /// The shares of all senders, for the holder of the free list's lock.
    fn shares<'l>(&'l self, list: &'l FreeList, _: &'l Held<'_>) -> Shares<'l> {
        let heads = self.share_heads.as_ptr().cast::<u32>().cast_mut();
        let places = self.shares.as_ptr().cast::<Share>().cast_mut();
        Shares {
            most: self.most_of_sender,
            // SAFETY: under the list's lock; each head is a cell of one integer.
            heads: unsafe { std::slice::from_raw_parts_mut(heads, self.share_heads.len()) },
            // SAFETY: under the list's lock; each place is a cell of one share.
            places: unsafe { std::slice::from_raw_parts_mut(places, self.shares.len()) },
            // SAFETY: under the list's lock.
            in_use: unsafe { &mut *list.shares_in_use.get() },
        }
    }

    /// How many senders have something open.
    pub(crate) fn senders(&self) -> u32 {
        self.free.first().map_or(0, |list| {
            let held = list.lock.hold();
            self.shares(list, &held).senders()
        })
    }

    fn give_back(&self, index: u32) {
        let (Some(list), Some(row)) = (self.free.first(), self.rows.get(index as usize)) else {
            return;
        };
        let held = list.lock.hold();
        // SAFETY: under the list's lock.
        let first = unsafe { &mut *list.first.get() };
        // SAFETY: the row was just taken out of its bucket by the caller.
        let row = unsafe { &mut *row.0.get() };
        self.shares(list, &held).give_back(row.share);
        row.share = 0;
        row.next = *first;
        *first = index;
        list.count
            .store(list.count.load(Relaxed).wrapping_add(1), Relaxed);
    }
}

/// The exchanges of one bucket, while its lock is held.
pub(crate) struct Locked<'t> {
    table: &'t Table,
    number: u32,
    _held: Held<'t>,
    now_ms: u64,
}

impl Locked<'_> {
    /// A row that is known to hang in this bucket or to be free.
    #[allow(
        clippy::mut_from_ref,
        reason = "the lock, not the borrow, makes the access exclusive"
    )]
    fn row(&self, index: u32) -> Option<&mut RowContent> {
        let row = self.table.rows.get(index as usize)?;
        // SAFETY: the row hangs in this bucket, whose lock we hold, or was just taken from the free
        // list by us. No two references from here live at once (each caller uses one by one).
        Some(unsafe { &mut *row.0.get() })
    }

    #[allow(
        clippy::mut_from_ref,
        reason = "the lock, not the borrow, makes the access exclusive"
    )]
    fn content(&self) -> &mut BucketContent {
        // SAFETY: under this bucket's lock; callers hold one reference at a time.
        unsafe { &mut *self.table.buckets[self.number as usize].content.get() }
    }

    fn column(&self, index: u32) -> &Column {
        &self.table.columns[index as usize]
    }

    /// Whether the row is open and in this bucket; under the bucket's lock that stays so.
    fn hangs_here(&self, index: u32) -> bool {
        self.table
            .columns
            .get(index as usize)
            .is_some_and(|column| {
                column.opened.load(Acquire) != 0 && column.bucket.load(Relaxed) == self.number
            })
    }

    fn is_here(&self, id: ExchangeId) -> bool {
        self.hangs_here(id.index())
            && self
                .row(id.index())
                .is_some_and(|row| row.generation.get() == id.generation())
    }
}

impl Exchanges for Locked<'_> {
    fn insert(&mut self, exchange: Exchange) -> Result<ExchangeId, Full> {
        let kind = exchange.kind as usize;
        if self.content().count[kind] >= self.table.most_in_bucket {
            return Err(Full::Table);
        }
        let index = self.table.take_free(exchange.sender)?;
        self.content().count[kind] += 1;
        let last = std::mem::replace(&mut self.content().last[kind], index);
        let generation = {
            let row = self.row(index).ok_or(Full::Table)?;
            row.exchange.write(exchange);
            row.previous = last;
            row.next = NONE;
            row.generation
        };
        match self.row(last) {
            Some(row) => row.next = index,
            None => self.content().first[kind] = index,
        }
        let column = self.column(index);
        column.bucket.store(self.number, Relaxed);
        column.kind.store(kind as u32, Relaxed);
        column.due.store(0, Relaxed);
        // Last, and visible only after the bucket: from now on the row hangs here.
        column.opened.store(self.now_ms.max(1), Release);
        Ok(ExchangeId::new(index, generation))
    }

    fn get_mut(&mut self, id: ExchangeId) -> Option<&mut Exchange> {
        if !self.is_here(id) {
            return None;
        }
        // SAFETY: written by `insert`, and the row is open.
        self.row(id.index())
            .map(|row| unsafe { row.exchange.assume_init_mut() })
    }

    fn find(&mut self, kind: Kind, fits: &mut dyn FnMut(&Exchange) -> bool) -> Option<ExchangeId> {
        let mut index = self.content().first[kind as usize];
        while let Some(row) = self.row(index) {
            // SAFETY: a row in a bucket's chain was written by `insert`.
            if fits(unsafe { row.exchange.assume_init_ref() }) {
                return Some(ExchangeId::new(index, row.generation));
            }
            index = row.next;
        }
        None
    }

    fn remove(&mut self, id: ExchangeId) {
        if !self.is_here(id) {
            return;
        }
        let Some(row) = self.row(id.index()) else {
            return;
        };
        let (previous, next) = (row.previous, row.next);
        // SAFETY: written by `insert`, and the row is open.
        let kind = unsafe { row.exchange.assume_init_ref() }.kind as usize;
        row.generation = row.generation.checked_add(1).unwrap_or(NonZeroU32::MIN);
        self.content().count[kind] -= 1;
        match self.row(previous) {
            Some(row) => row.next = next,
            None => self.content().first[kind] = next,
        }
        match self.row(next) {
            Some(row) => row.previous = previous,
            None => self.content().last[kind] = previous,
        }
        let column = self.column(id.index());
        column.opened.store(0, Relaxed);
        column.due.store(0, Relaxed);
        self.table.give_back(id.index());
    }

    fn wake_at(&mut self, id: ExchangeId, monotonic_ms: u64) {
        if self.is_here(id) {
            let at = monotonic_ms.max(1);
            self.column(id.index()).due.store(at, SeqCst);
            if let Some(earliest) = self.table.earliest.first() {
                earliest.fetch_min(at, SeqCst);
            }
        }
    }

    fn is_crowded(&self, sender: u64) -> bool {
        let Some(list) = self.table.free.first() else {
            return true;
        };
        let free = list.count.load(Relaxed) as usize;
        let by_sender = || {
            let held = list.lock.hold();
            let open = self.table.shares(list, &held).open(sender);
            open > self.table.most_of_sender / 2
        };
        free < self.table.capacity() / 2 || by_sender()
    }

    fn next(&mut self, sequence: Sequence) -> u8 {
        let next = &mut self.content().sequences[sequence as usize];
        *next = next.wrapping_add(1);
        *next
    }

    fn recall(&mut self, digest: u64) -> Option<Settled> {
        self.content()
            .settled
            .iter()
            .flatten()
            .find(|settled| settled.digest == digest)
            .copied()
    }

    fn remember(&mut self, settled: Settled) {
        let content = self.content();
        // The same message again takes its own place, else the oldest goes.
        let place = content
            .settled
            .iter()
            .position(|old| old.is_some_and(|old| old.digest == settled.digest))
            .unwrap_or_else(|| {
                content.next_settled = content.next_settled.wrapping_add(1);
                usize::from(content.next_settled) % SETTLED_PER_BUCKET
            });
        if let Some(place) = content.settled.get_mut(place) {
            *place = Some(settled);
        }
    }

    fn remember_part(&mut self, digest: u64, until_ms: u64) {
        let part = self.table.part(digest);
        part.digest.store(digest, Relaxed);
        part.until.store(until_ms, Relaxed);
    }

    fn recalls_part(&mut self, digest: u64, now_ms: u64) -> bool {
        let part = self.table.part(digest);
        part.digest.load(Relaxed) == digest && part.until.load(Relaxed) > now_ms
    }
}
