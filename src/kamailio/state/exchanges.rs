//! The open exchanges, as the core sees them: one bucket at a time, under its lock.

use std::hash::{BuildHasher, RandomState};
use std::ops::Deref;
use std::sync::atomic::Ordering::Relaxed;

use super::table::{self, Bounds, Record, Serial};
use crate::host::{Exchange, ExchangeId, Exchanges, Full, Kind, Sequence, Settled};
use crate::kamailio::sys::sharing::{AtomicU64, Memory, plain};

#[cfg(not(test))]
use crate::kamailio::sys::sharing::Shm;

/// How many outcomes of past short messages each bucket remembers, in 32 octets each. At 1,000 short messages in a second,
/// 4,096 buckets remember them for a minute: a phone that heard nothing asks again before (TR1M, TS 24.011 §10).
const SETTLED_PER_BUCKET: usize = 16;

const _: () = assert!(size_of::<Option<Settled>>() == 32);

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

/// The open exchanges, and what is remembered of past ones.
pub(in crate::kamailio) struct OpenExchanges<M: Memory> {
    table: table::Table<M, Place, Past, KINDS>,
    /// Each at the place that its digest names; the newest there stays.
    parts: M::Array<RememberedPart>,
}

/// A place of the table.
pub(in crate::kamailio) struct Place {
    exchange: Option<Exchange>,
}

/// What a bucket remembers of its past exchanges.
pub(in crate::kamailio) struct Past {
    sequences: [u8; Sequence::COUNT],
    next_settled: u8,
    settled: [Option<Settled>; SETTLED_PER_BUCKET],
}

/// Two words that two processes may write at once. Then they do not fit together, and both parts are forgotten.
struct RememberedPart {
    /// The part's digest, each bit turned where `until` has a 1.
    check: AtomicU64,
    /// Monotonic milliseconds.
    until: AtomicU64,
}

plain!(struct Place { exchange });
plain!(struct Past { sequences, next_settled, settled });
plain!(struct RememberedPart { check, until });

impl Record for Place {
    type Stock = ();

    fn vacant() -> Self {
        Self { exchange: None }
    }

    fn clear(&mut self, (): &mut ()) {
        self.exchange = None;
    }
}

impl Past {
    fn new(first_of_sequences: u8) -> Self {
        Self {
            sequences: [first_of_sequences; Sequence::COUNT],
            next_settled: 0,
            settled: [None; SETTLED_PER_BUCKET],
        }
    }
}

impl<M: Memory> OpenExchanges<M> {
    /// In mod_init; `None` when shared memory is too small. Exchanges are numbered from this time on, so that no exchange of an
    /// earlier start has the number of one of this start.
    pub(in crate::kamailio) fn new(bounds: Bounds, start_ms: u64) -> Option<Self> {
        let parts = usize::try_from(bounds.places).ok()? * PARTS_PER_PLACE;
        let hasher = RandomState::new();
        // A report on a message of an earlier start must not fit one of this start by chance.
        let past = |bucket| Past::new(RandomState::new().hash_one(bucket) as u8);
        Some(Self {
            table: table::Table::new(bounds, first_serial(start_ms), (), hasher, past)?,
            parts: M::array(parts.next_power_of_two(), |_| RememberedPart {
                check: AtomicU64::new(0),
                until: AtomicU64::new(0),
            })?,
        })
    }

    /// Locks the bucket of an identity.
    pub(in crate::kamailio) fn lock(&self, identity: &str, now_ms: u64) -> LockedExchanges<'_, M> {
        self.with_parts(self.table.lock(identity, now_ms))
    }

    /// Locks the bucket in which an exchange lives; `None` when the exchange has ended.
    pub(in crate::kamailio) fn lock_of(
        &self,
        id: ExchangeId,
        now_ms: u64,
    ) -> Option<LockedExchanges<'_, M>> {
        Some(self.with_parts(self.table.lock_of(serial(id), now_ms)?))
    }

    /// Locks the bucket of a place in which an exchange was open.
    pub(in crate::kamailio) fn lock_open(
        &self,
        place: u32,
        now_ms: u64,
    ) -> Option<(LockedExchanges<'_, M>, ExchangeId)> {
        let (locked, serial) = self.table.lock_open(place, now_ms)?;
        Some((self.with_parts(locked), id(serial)?))
    }

    /// Locks the bucket of a place whose alarm was due, and clears the alarm.
    pub(in crate::kamailio) fn lock_due(
        &self,
        place: u32,
        now_ms: u64,
    ) -> Option<(LockedExchanges<'_, M>, ExchangeId)> {
        let (locked, serial) = self.table.lock_due(place, now_ms)?;
        Some((self.with_parts(locked), id(serial)?))
    }

    fn with_parts<'t>(&'t self, locked: Bucket<'t, M>) -> LockedExchanges<'t, M> {
        LockedExchanges {
            locked,
            parts: &self.parts,
        }
    }
}

impl<M: Memory> Deref for OpenExchanges<M> {
    type Target = table::Table<M, Place, Past, KINDS>;

    fn deref(&self) -> &Self::Target {
        &self.table
    }
}

/// Serial numbers for each millisecond since 1970 UTC: a start begins above all numbers of earlier starts as long as these
/// opened fewer exchanges than so many in a millisecond.
const SERIALS_PER_MS: u64 = 1 << 14;

/// Serial numbers have so many bits: the rest of a word is free for others (`engine/hooks.rs`).
const SERIAL_BITS: u32 = 56;

fn first_serial(start_ms: u64) -> Serial {
    let first = (start_ms * SERIALS_PER_MS) & ((1 << SERIAL_BITS) - 1);
    Serial::MIN | first
}

/// Nothing for the one number in four billion that is no id.
fn id(serial: Serial) -> Option<ExchangeId> {
    ExchangeId::from_number(serial.get())
}

fn serial(id: ExchangeId) -> Serial {
    Serial::new(id.to_number()).unwrap_or(Serial::MIN)
}

type Bucket<'t, M> = table::Locked<'t, M, Place, Past, KINDS, RandomState>;

/// The exchanges of one bucket, while its lock is held.
pub(in crate::kamailio) struct LockedExchanges<'t, M: Memory> {
    locked: Bucket<'t, M>,
    parts: &'t [RememberedPart],
}

impl<M: Memory> LockedExchanges<'_, M> {
    /// The place of a digest. Their number is a power of two: the low bits choose.
    fn part(&self, digest: u64) -> Option<&RememberedPart> {
        self.parts.get(digest as usize & (self.parts.len() - 1))
    }
}

impl<M: Memory> Exchanges for LockedExchanges<'_, M> {
    fn insert(&mut self, exchange: Exchange) -> Result<ExchangeId, Full> {
        let kind = exchange.kind as usize;
        let serial = self.locked.insert(kind, exchange.sender, |_, ()| true)?;
        let Some(id) = id(serial) else {
            self.locked.remove(serial);
            return Err(Full::Table);
        };
        if let Some(place) = self.locked.get_mut(serial) {
            place.exchange = Some(exchange);
        }
        Ok(id)
    }

    fn get_mut(&mut self, id: ExchangeId) -> Option<&mut Exchange> {
        self.locked.get_mut(serial(id))?.exchange.as_mut()
    }

    fn find(&mut self, kind: Kind, fits: &mut dyn FnMut(&Exchange) -> bool) -> Option<ExchangeId> {
        let mut oldest_first = self.locked.of_kind(kind as usize);
        let found = oldest_first.find(|(_, place)| place.exchange.as_ref().is_some_and(&mut *fits));
        found.and_then(|(serial, _)| id(serial))
    }

    fn remove(&mut self, id: ExchangeId) {
        self.locked.remove(serial(id));
    }

    fn wake_at(&mut self, id: ExchangeId, monotonic_ms: u64) {
        self.locked.wake_at(serial(id), monotonic_ms);
    }

    fn is_crowded(&self, sender: u64) -> bool {
        self.locked.is_crowded(sender)
    }

    fn next(&mut self, sequence: Sequence) -> u8 {
        let next = &mut self.locked.beside_mut().sequences[sequence as usize];
        *next = next.wrapping_add(1);
        *next
    }

    fn recall(&mut self, digest: u64) -> Option<Settled> {
        let mut settled = self.locked.beside().settled.iter().flatten();
        settled.find(|settled| settled.digest == digest).copied()
    }

    fn remember(&mut self, settled: Settled) {
        let past = self.locked.beside_mut();
        // The same message again takes its own place, else the oldest goes.
        let known = |old: &Option<Settled>| old.is_some_and(|old| old.digest == settled.digest);
        let place = past.settled.iter().position(known).unwrap_or_else(|| {
            past.next_settled = past.next_settled.wrapping_add(1);
            usize::from(past.next_settled) % SETTLED_PER_BUCKET
        });
        if let Some(place) = past.settled.get_mut(place) {
            *place = Some(settled);
        }
    }

    fn remember_part(&mut self, digest: u64, until_ms: u64) {
        if let Some(part) = self.part(digest) {
            part.check.store(digest ^ until_ms, Relaxed);
            part.until.store(until_ms, Relaxed);
        }
    }

    fn recalls_part(&mut self, digest: u64, now_ms: u64) -> bool {
        self.part(digest).is_some_and(|part| {
            let until = part.until.load(Relaxed);
            until > now_ms && part.check.load(Relaxed) ^ until == digest
        })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::host::{Identity, Now, State};
    use crate::kamailio::sys::sharing::Heap;

    const NOW: Now = Now {
        monotonic_ms: 1,
        unix: 0,
        zone: 0,
    };

    fn open_exchanges() -> OpenExchanges<Heap> {
        let bounds = Bounds {
            places: 4,
            per_chain: 4,
            per_sender: 4,
        };
        OpenExchanges::new(bounds, 1_767_319_445_000).unwrap()
    }

    fn exchange(kind: Kind, rp_mr: u8) -> Exchange {
        let mut exchange = Exchange::new(kind, State::Kept, Identity::EMPTY, NOW);
        exchange.rp_mr = rp_mr;
        exchange
    }

    const fn settled(digest: u64, rp_mr: u8) -> Settled {
        Settled {
            digest,
            until_ms: 9,
            unix: 0,
            zone: 0,
            rp_mr,
            rp_cause: None,
            tp_fcs: None,
            report_lost: false,
        }
    }

    #[test]
    fn the_oldest_that_fits_is_found() {
        let table = open_exchanges();
        let mut locked = table.lock("+1", 1);
        let ids = [
            (Kind::Part, 1),
            (Kind::ImToSm, 2),
            (Kind::Part, 2),
            (Kind::Part, 2),
        ]
        .map(|(kind, rp_mr)| locked.insert(exchange(kind, rp_mr)).unwrap());
        assert_eq!(
            locked.find(Kind::Part, &mut |it| it.rp_mr == 2),
            Some(ids[2])
        );
        assert_eq!(locked.find(Kind::Part, &mut |_| true), Some(ids[0]));
        assert_eq!(locked.find(Kind::SmToIm, &mut |_| true), None);
        assert_eq!(locked.insert(exchange(Kind::Part, 3)), Err(Full::Table));
    }

    #[test]
    fn a_later_start_begins_above_all_numbers_of_an_earlier_one() {
        // 1,300 exchanges in a second for an hour.
        let last = first_serial(1_767_319_445_000).get() + 1_300 * 3_600;
        assert!(first_serial(1_767_319_445_000 + 3_600_000).get() > last);
        assert!(last < 1 << SERIAL_BITS);
    }

    #[test]
    fn a_bucket_remembers_its_newest_outcomes() {
        let table = open_exchanges();
        let mut locked = table.lock("+1", 1);
        for digest in 1..=16 {
            locked.remember(settled(digest, 1));
        }
        // The same one again takes no other's place.
        locked.remember(settled(16, 2));
        assert_eq!(locked.recall(16), Some(settled(16, 2)));
        assert_eq!(locked.recall(1), Some(settled(1, 1)));
        locked.remember(settled(17, 1));
        assert_eq!(locked.recall(1), None);
        assert_eq!(locked.recall(2), Some(settled(2, 1)));
    }

    #[test]
    fn a_part_is_remembered_for_a_while() {
        let table = open_exchanges();
        let mut locked = table.lock("+1", 1);
        assert!(!locked.recalls_part(7, 0) && !locked.recalls_part(0, 0));
        locked.remember_part(7, 100);
        assert!(locked.recalls_part(7, 99));
        assert!(!locked.recalls_part(7, 100));
        // Another one at its place.
        locked.remember_part(7 + 64, 100);
        assert!(locked.recalls_part(7 + 64, 99) && !locked.recalls_part(7, 99));
    }

    #[test]
    fn a_part_that_is_half_written_is_forgotten() {
        let table = open_exchanges();
        let mut locked = table.lock("+1", 1);
        locked.remember_part(7, 100);
        // Another process has written one of its two words.
        locked.part(7).unwrap().until.store(101, Relaxed);
        assert!(!locked.recalls_part(7, 50));
    }

    #[test]
    fn each_sequence_counts_by_itself_and_round() {
        let table = open_exchanges();
        let mut locked = table.lock("+1", 1);
        let first = locked.next(Sequence::RpMr);
        assert_eq!(locked.next(Sequence::RpMr), first.wrapping_add(1));
        let other = locked.next(Sequence::TpMr);
        for _ in 0..255 {
            locked.next(Sequence::TpMr);
        }
        assert_eq!(locked.next(Sequence::TpMr), other);
    }
}
