//! The open exchanges, as the core sees them: one bucket at a time, under its lock.

mod behind;

use std::hash::{BuildHasher, RandomState};
use std::ops::Deref;
use std::sync::atomic::Ordering::Relaxed;

pub(in crate::kamailio) use behind::Behind;

use super::table::{self, Bounds, Record, Serial};
use super::texts::{Blocks, PlacedTexts};
use crate::exchange::{
    Change, Exchange, ExchangeKey, Full, Kind, PastSm, Sequence, Store, Stored, Texts,
};
use crate::interwork::may_be_replaced;
use crate::kamailio::sys::sharing::{AtomicU64, Memory, plain};

#[cfg(not(test))]
use crate::kamailio::sys::sharing::Shm;

/// How many outcomes of past short messages each bucket remembers, in 32 octets each. At 1,000 short messages in a
/// second, 4,096 buckets remember them for a minute: a phone without a report repeats its message earlier (TR1M, TS
/// 24.011 §10).
const PAST_PER_BUCKET: usize = 16;

const _: () = assert!(size_of::<Option<PastSm>>() == 32);

/// How many parts of past messages are remembered for each place of the table. Each takes 16 octets.
const PARTS_PER_PLACE: usize = 16;

/// How many chains a bucket has.
const KINDS: usize = Kind::ALL.len();

/// The open exchanges in Kamailio's shared memory.
#[cfg(not(test))]
pub(in crate::kamailio) type Table = OpenExchanges<Shm>;

/// The exchanges of one bucket there, while its lock is held.
#[cfg(not(test))]
pub(in crate::kamailio) type Locked<'t> = LockedExchanges<'t, Shm>;

/// The open exchanges, and the outcomes of past exchanges. `S` chooses buckets; the simulation uses a hasher without
/// random numbers.
pub(in crate::kamailio) struct OpenExchanges<M: Memory, S = RandomState> {
    table: table::Table<M, Place, Past, KINDS, S>,
    /// Each digest has one place; a newer one replaces an older one there.
    parts: M::Array<RememberedPart>,
    blocks: Blocks<M>,
    /// This node, in the keys of the exchanges that are opened here. Exchanges of other nodes may be taken over.
    node: Node,
}

/// A node, in the keys of exchanges.
#[derive(Clone, Copy, Debug)]
pub(in crate::kamailio) struct Node {
    pub(in crate::kamailio) number: u16,
    /// Whether serial numbers follow the time, because other nodes open exchanges, too.
    pub(in crate::kamailio) is_one_of_several: bool,
}

/// A place of the table.
pub(in crate::kamailio) struct Place {
    /// None: the place is taken, and no exchange is opened in it yet.
    exchange: Option<Exchange>,
    texts: PlacedTexts,
}

// With the links of the table, an exchange takes less than 700 octets, and a block where its texts are long.
const _: () = assert!(size_of::<Place>() <= 640);

/// The outcomes of past exchanges of a bucket.
pub(in crate::kamailio) struct Past {
    sequences: [u8; Sequence::COUNT],
    next_past: u8,
    /// The lower halves of the digests of `sms`. A search reads them alone: a line of the processor's cache instead of eight.
    halves: [u32; PAST_PER_BUCKET],
    sms: [Option<PastSm>; PAST_PER_BUCKET],
}

/// Two words of memory that two processes may write at once. Then the two do not match, and both are ignored.
struct RememberedPart {
    /// The part's digest, each bit turned where `until` has a 1.
    check: AtomicU64,
    /// Milliseconds since 1970 UTC.
    until: AtomicU64,
}

plain!(struct Place { exchange, texts });
plain!(struct Past { sequences, next_past, halves, sms });
plain!(struct RememberedPart { check, until });

impl Record for Place {
    /// How many blocks for texts are free.
    type Stock = u32;

    fn vacant() -> Self {
        Self {
            exchange: None,
            texts: PlacedTexts::EMPTY,
        }
    }

    fn clear(&mut self, stock: &mut u32) {
        self.exchange = None;
        self.texts.clear(stock);
    }
}

impl Past {
    fn new(first_of_sequences: u8) -> Self {
        Self {
            sequences: [first_of_sequences; Sequence::COUNT],
            next_past: 0,
            halves: [0; PAST_PER_BUCKET],
            sms: [None; PAST_PER_BUCKET],
        }
    }

    /// The place of a short message, and its outcome.
    fn find(&self, digest: u64) -> Option<(usize, PastSm)> {
        let known = self.halves.iter().zip(&self.sms).enumerate();
        let mut alike = known.filter(|(_, (half, _))| **half == digest as u32);
        alike.find_map(|(place, (_, past))| {
            let past = past.filter(|past| past.digest == digest)?;
            Some((place, past))
        })
    }

    fn remember(&mut self, past: PastSm) {
        // A repetition of the message replaces its own entry, else the oldest entry is replaced. Either way the entry is the newest one:
        // what a later attempt has come to is not forgotten with the first attempt.
        let known = self.find(past.digest).map(|(place, _)| place);
        let newest = match known {
            Some(place) => self.becomes_newest(place),
            None => {
                self.next_past = self.next_past.wrapping_add(1);
                self.newest()
            }
        };
        if let (Some(half), Some(entry)) = (self.halves.get_mut(newest), self.sms.get_mut(newest)) {
            (*half, *entry) = (past.digest as u32, Some(past));
        }
    }

    /// The place of the newest entry; the oldest one is behind it.
    fn newest(&self) -> usize {
        usize::from(self.next_past) % PAST_PER_BUCKET
    }

    /// The entry of this place is the newest one now: its place.
    fn becomes_newest(&mut self, mut place: usize) -> usize {
        let newest = self.newest();
        while place != newest {
            let next = (place + 1) % PAST_PER_BUCKET;
            self.halves.swap(place, next);
            self.sms.swap(place, next);
            place = next;
        }
        newest
    }
}

impl<M: Memory, S: BuildHasher + Default> OpenExchanges<M, S> {
    /// In mod_init; `None` when shared memory is too small. Exchanges are numbered from this time on, so that no exchange of an
    /// earlier start has the number of one of this start.
    pub(in crate::kamailio) fn new(bounds: Bounds, start_ms: u64, node: Node) -> Option<Self> {
        let parts = usize::try_from(bounds.places).ok()? * PARTS_PER_PLACE;
        let hasher = S::default();
        // A report on a message of an earlier start must not fit one of this start by chance.
        let past = |bucket| Past::new(S::default().hash_one(bucket) as u8);
        let first = Serial::MIN | ExchangeKey::first_serial(start_ms);
        let blocks = Blocks::<M>::count(bounds.places);
        Some(Self {
            table: table::Table::new(bounds, first, blocks, hasher, past)?,
            parts: M::array(parts.next_power_of_two(), |_| RememberedPart {
                check: AtomicU64::new(0),
                until: AtomicU64::new(0),
            })?,
            blocks: Blocks::new(bounds.places)?,
            node,
        })
    }

    /// The key of the exchange with this serial number: of an exchange that was taken over, or of this node.
    pub(in crate::kamailio) fn key_of(&self, serial: u64, now_ms: u64) -> Option<ExchangeKey> {
        let serial = Serial::new(serial)?;
        let open = self.table.lock_of(serial, now_ms);
        let exchange = open.and_then(|locked| locked.get(serial)?.exchange);
        exchange.map_or_else(
            || ExchangeKey::new(self.node.number, serial.get()),
            |exchange| Some(exchange.key()),
        )
    }

    /// Locks the bucket of an identity.
    pub(in crate::kamailio) fn lock(
        &self,
        identity: &str,
        now_ms: u64,
    ) -> LockedExchanges<'_, M, S> {
        self.with_texts(self.table.lock(identity, now_ms))
    }

    /// Locks the bucket of an identity, and takes a place for an exchange of an earlier start or of another node, under its own key.
    /// `None`: there is no place for it, or not yet. While an exchange of another bucket has the same serial number, neither would be
    /// found by its key.
    pub(in crate::kamailio) fn lock_to_take_up(
        &self,
        identity: &str,
        exchange: &Exchange,
        octets: usize,
        now_ms: u64,
    ) -> Option<LockedExchanges<'_, M, S>> {
        if self
            .table
            .lock_of(serial(exchange.key())?, now_ms)
            .is_some()
        {
            return None;
        }
        let mut locked = self.lock(identity, now_ms);
        locked.take_place_again(exchange, octets).then_some(locked)
    }

    /// Locks the bucket of an exchange; `None` when the exchange has ended.
    pub(in crate::kamailio) fn lock_of(
        &self,
        key: ExchangeKey,
        now_ms: u64,
    ) -> Option<LockedExchanges<'_, M, S>> {
        let locked = self.with_texts(self.table.lock_of(serial(key)?, now_ms)?);
        locked.place(key).is_some().then_some(locked)
    }

    /// Locks the bucket of a place in which an exchange was open.
    pub(in crate::kamailio) fn lock_open(
        &self,
        place: u32,
        now_ms: u64,
    ) -> Option<(LockedExchanges<'_, M, S>, ExchangeKey)> {
        let (locked, serial) = self.table.lock_open(place, now_ms)?;
        self.with_key(locked, serial)
    }

    /// Locks the bucket of a place whose alarm was due, and clears the alarm.
    pub(in crate::kamailio) fn lock_due(
        &self,
        place: u32,
        now_ms: u64,
    ) -> Option<(LockedExchanges<'_, M, S>, ExchangeKey)> {
        let (locked, serial) = self.table.lock_due(place, now_ms)?;
        self.with_key(locked, serial)
    }

    fn with_key<'t>(
        &'t self,
        locked: Bucket<'t, M, S>,
        serial: Serial,
    ) -> Option<(LockedExchanges<'t, M, S>, ExchangeKey)> {
        let exchange = locked.get(serial)?.exchange;
        let key = match exchange {
            Some(exchange) => exchange.key(),
            None => ExchangeKey::new(self.node.number, serial.get())?,
        };
        Some((self.with_texts(locked), key))
    }

    fn with_texts<'t>(&'t self, locked: Bucket<'t, M, S>) -> LockedExchanges<'t, M, S> {
        LockedExchanges {
            locked,
            parts: &self.parts,
            blocks: &self.blocks,
            node: self.node,
            taken: Vec::new(),
            taken_up: None,
        }
    }
}

impl<M: Memory, S> Deref for OpenExchanges<M, S> {
    type Target = table::Table<M, Place, Past, KINDS, S>;

    fn deref(&self) -> &Self::Target {
        &self.table
    }
}

fn serial(key: ExchangeKey) -> Option<Serial> {
    Serial::new(key.serial())
}

type Bucket<'t, M, S> = table::Locked<'t, M, Place, Past, KINDS, S>;

/// The exchanges of one bucket, while its lock is held.
pub(in crate::kamailio) struct LockedExchanges<'t, M: Memory, S: BuildHasher = RandomState> {
    locked: Bucket<'t, M, S>,
    parts: &'t [RememberedPart],
    blocks: &'t Blocks<M>,
    node: Node,
    /// The places that were taken since the last commit.
    taken: Vec<Serial>,
    /// The place that was taken for an exchange of an earlier start or of another node: it has a row.
    taken_up: Option<Serial>,
}

impl<M: Memory, S: BuildHasher> LockedExchanges<'_, M, S> {
    /// Changes the bucket. Places that were taken for exchanges which are not opened here are free again. The result is
    /// for the database, in this order: opened exchanges come before ended ones.
    pub(in crate::kamailio) fn commit(&mut self, changes: &[Change]) -> Vec<Behind> {
        let mut behind = Vec::new();
        if changes.is_empty() && self.taken.is_empty() {
            return behind;
        }
        for change in changes {
            match change {
                Change::Opened(exchange, texts) | Change::Rewritten(exchange, texts) => {
                    behind.extend(self.write(exchange, Some(texts)));
                }
                Change::Updated(exchange) => behind.extend(self.write(exchange, None)),
                Change::Parked(key) => {
                    if let Some(serial) = serial(*key) {
                        self.end(serial);
                    }
                }
                Change::Released(key) => {
                    if let Some(serial) = serial(*key) {
                        behind.push(Behind::Released(*key));
                        self.end(serial);
                    }
                }
                Change::Ended(key) => {
                    if let Some(serial) = serial(*key) {
                        behind.extend(Behind::end_of(*key, self.stored(serial)));
                        self.end(serial);
                    }
                }
                Change::Remembered(past) => self.locked.beside_mut().remember(*past),
                Change::PartRemembered { digest, until_ms } => {
                    if let Some(part) = self.part(*digest) {
                        part.check.store(digest ^ until_ms, Relaxed);
                        part.until.store(*until_ms, Relaxed);
                    }
                }
            }
        }
        self.give_back_taken();
        behind.sort_by_key(Behind::is_end);
        behind
    }

    /// Takes a place for an exchange of an earlier start, under its own key. False: there is none.
    fn take_place_again(&mut self, exchange: &Exchange, octets: usize) -> bool {
        let Some(serial) = serial(exchange.key()) else {
            return false;
        };
        if self.locked.get(serial).is_some() {
            return false;
        }
        let (kind, share) = (exchange.kind() as usize, exchange.header().share);
        let reserve = |place: &mut Place, stock: &mut u32| place.texts.reserve(octets, stock);
        let taken = self.locked.insert_again(serial, kind, share, reserve);
        self.taken.extend(taken);
        self.taken_up = taken.ok();
        taken.is_ok()
    }

    /// Whether the database is to have a row of this exchange, or has one.
    fn stored(&self, serial: Serial) -> Stored {
        let exchange = self.locked.get(serial).and_then(|place| place.exchange);
        exchange.map_or(Stored::No, |exchange| exchange.header().stored)
    }

    /// Returns the changes for the database.
    fn write(&mut self, exchange: &Exchange, texts: Option<&Texts>) -> Option<Behind> {
        let key = exchange.key();
        let serial = serial(key)?;
        let place = self.locked.get_mut(serial)?;
        let was = place.exchange;
        let before = was.map_or(Stored::No, |was| was.header().stored);
        place.exchange = Some(*exchange);
        if let Some(texts) = texts {
            self.blocks.write(&mut place.texts, texts);
        }
        self.locked.wake_at(serial, exchange.wakes_ms());
        match (before, exchange.header().stored) {
            (_, Stored::Asked) => None,
            (before, Stored::No) => Behind::end_of(key, before),
            // Another node may take it over and end it before this is written: then its row must not come back.
            (Stored::No, Stored::Yes) if was.is_none() && self.taken_up == Some(serial) => {
                Some(Behind::Changed(key))
            }
            (Stored::No, Stored::Yes) => Some(Behind::Opened(key)),
            (_, Stored::Yes) if was.is_some_and(|was| may_be_replaced(&was, exchange)) => {
                Some(Behind::Opened(key))
            }
            (Stored::Asked | Stored::Yes, Stored::Yes) => Some(Behind::Changed(key)),
        }
    }

    fn end(&mut self, serial: Serial) {
        if let Some(place) = self.locked.get_mut(serial) {
            self.blocks.end(&mut place.texts);
        }
        self.locked.remove(serial);
    }

    fn give_back_taken(&mut self) {
        for serial in std::mem::take(&mut self.taken) {
            let is_open = |place: &Place| place.exchange.is_some();
            if !self.locked.get(serial).is_some_and(is_open) {
                self.end(serial);
            }
        }
    }

    /// The place of a digest. Their number is a power of two: the low bits choose.
    fn part(&self, digest: u64) -> Option<&RememberedPart> {
        self.parts.get(digest as usize & (self.parts.len() - 1))
    }

    /// Exchanges of two nodes may have the same serial number; only one of them is here at a time.
    fn place(&self, key: ExchangeKey) -> Option<&Place> {
        let is_it = |place: &&Place| place.exchange.is_none_or(|exchange| exchange.key() == key);
        self.locked.get(serial(key)?).filter(is_it)
    }
}

/// A step that is not committed, because of a panic, keeps no places.
impl<M: Memory, S: BuildHasher> Drop for LockedExchanges<'_, M, S> {
    fn drop(&mut self) {
        self.give_back_taken();
    }
}

impl<M: Memory, S: BuildHasher> Store for LockedExchanges<'_, M, S> {
    fn by_key(&self, key: ExchangeKey) -> Option<Exchange> {
        self.place(key)?.exchange
    }

    fn texts(&self, key: ExchangeKey) -> Option<Texts> {
        let place = self.place(key)?;
        Some(self.blocks.read(&place.texts))
    }

    fn room(&self, key: ExchangeKey) -> usize {
        self.place(key).map_or(0, |place| place.texts.room())
    }

    fn oldest(&self, kind: Kind) -> Option<Exchange> {
        let mut oldest_first = self.locked.of_kind(kind as usize);
        oldest_first.find_map(|(_, place)| place.exchange)
    }

    fn next_oldest(&self, key: ExchangeKey) -> Option<Exchange> {
        let mut next = self.locked.next_of(serial(key)?);
        while let Some((serial, place)) = next {
            if place.exchange.is_some() {
                return place.exchange;
            }
            next = self.locked.next_of(serial);
        }
        None
    }

    fn take_place(&mut self, kind: Kind, share: u64, octets: usize) -> Result<ExchangeKey, Full> {
        let reserve = |place: &mut Place, stock: &mut u32| place.texts.reserve(octets, stock);
        if self.node.is_one_of_several {
            self.locked.advance(ExchangeKey::serial_at);
        }
        let serial = self.locked.insert(kind as usize, share, reserve)?;
        self.taken.push(serial);
        ExchangeKey::new(self.node.number, serial.get()).ok_or(Full::Table)
    }

    fn is_crowded(&self, share: u64) -> bool {
        self.locked.is_crowded(share)
    }

    fn next_number(&mut self, sequence: Sequence) -> u8 {
        let next = &mut self.locked.beside_mut().sequences[sequence as usize];
        *next = next.wrapping_add(1);
        *next
    }

    fn outcome_of(&self, digest: u64) -> Option<PastSm> {
        self.locked.beside().find(digest).map(|(_, past)| past)
    }

    fn has_part(&self, digest: u64, now_ms: u64) -> bool {
        self.part(digest).is_some_and(|part| {
            let until = part.until.load(Relaxed);
            until > now_ms && part.check.load(Relaxed) ^ until == digest
        })
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
