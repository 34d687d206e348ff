//! Charging records that wait for the database: places of one size in memory that all processes share. When that memory is a file, a
//! later start finds the records that were whole when all processes were killed.
//!
//! ```text
//! header (4096 octets): magic  form  words of a place  node  checksum  first record of the group that is being put
//! place (1280 octets):  number of the record (0: free)  checksum  octets of the record, and their number
//! ```
//!
//! A place is written under the lock, its number last. The lock and the two ends of the queue are in shared memory: they end with the
//! processes. Words are atomic, so that a file that another program changes at the same time does no harm beyond wrong records.

use std::ops::Deref;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use crate::interwork::ChargingRecord;
use crate::kamailio::sys::sharing::{Guarded, Memory};

/// Words of the header.
pub(super) const HEADER: usize = 512;
/// Words of a place.
pub(super) const PLACE: usize = 160;
/// The word of the header with the number of the first record of the group that is being put; 0: none.
pub(super) const BEGUN: usize = 5;

/// Words of a place before the octets of the record.
const BEFORE: usize = 3;
const _: () = assert!(ChargingRecord::MOST_OCTETS <= (PLACE - BEFORE) * 8);

/// Larger numbers come from damage alone.
const MOST_NUMBER: u64 = u64::MAX / 2;

/// The words of a ring with so many places.
pub(super) const fn words_for(places: u32) -> usize {
    HEADER + places as usize * PLACE
}

/// First in, first out. Any process puts records in; one process takes them out.
pub(super) struct CdrRing<M: Memory, W> {
    words: W,
    places: u64,
    lock: M::Box<Guarded<M::Lock, ()>>,
    /// How many records were put in, and taken out. The place of a record follows from that.
    put: M::Box<AtomicU64>,
    taken: M::Box<AtomicU64>,
    /// The number of a record, less how many were put in before it.
    base: u64,
    /// How many were put in by an earlier start, and left.
    left: u64,
}

/// The records at the front of a ring.
#[derive(Default)]
pub(crate) struct Group {
    pub(crate) records: Vec<ChargingRecord>,
    /// How many places they have, with those of records that cannot be read.
    places: u64,
}

/// What a start finds in a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Whole records.
    pub(super) left: u64,
    /// Places that cannot be read.
    pub(super) damaged: u64,
}

enum Content {
    Free,
    /// The number of the record, and the record.
    Whole(u64, Box<ChargingRecord>),
    Damaged,
}

impl<M: Memory, W: Deref<Target = [AtomicU64]>> CdrRing<M, W> {
    /// In mod_init: the ring in these words, with the records that an earlier start left. `None` when shared memory is too small, or
    /// there is no place.
    pub(super) fn new(words: W) -> Option<(Self, Found)> {
        let places = words.get(HEADER..)?.len() / PLACE;
        let mut ring = Self {
            words,
            places: u64::try_from(places).ok().filter(|places| *places > 0)?,
            lock: M::boxed(Guarded::new(()))?,
            put: M::boxed(AtomicU64::new(0))?,
            taken: M::boxed(AtomicU64::new(0))?,
            base: 1,
            left: 0,
        };
        let found = ring.take_up();
        Some((ring, found))
    }

    /// Finds the records of an earlier start, and frees the places of damaged ones, and of those of the last group if it was cut off:
    /// a step of the gateway is charged as a whole or not at all.
    fn take_up(&mut self) -> Found {
        let begun = self.word(BEGUN).map_or(0, |word| word.load(Acquire));
        let (mut oldest, mut newest) = (None, 0);
        let mut damaged = 0;
        for at in 0..self.places {
            match self.read(at) {
                Content::Free => {}
                Content::Whole(number, _) if begun == 0 || number < begun => {
                    oldest = Some(oldest.map_or((number, at), |oldest| (number, at).min(oldest)));
                    newest = number.max(newest);
                }
                Content::Whole(..) => self.free(at),
                Content::Damaged => {
                    damaged += 1;
                    self.free(at);
                }
            }
        }
        if let Some(word) = self.word(BEGUN) {
            word.store(0, Release);
        }
        let first = oldest.map_or(0, |(_, at)| at);
        // From the oldest record on, around the ring.
        let busy = |position: &u64| !matches!(self.read(*position), Content::Free);
        let (mut left, mut end) = (0, first);
        for position in (first..first + self.places).filter(busy) {
            left += 1;
            end = position + 1;
        }
        self.taken.store(first, Release);
        self.put.store(end, Release);
        self.left = end;
        self.base = (newest + 1).wrapping_sub(end);
        Found { left, damaged }
    }

    pub(super) const fn words(&self) -> &W {
        &self.words
    }

    fn word(&self, at: usize) -> Option<&AtomicU64> {
        self.words.get(at)
    }

    /// The words of a place, by how many records were put in before.
    fn place(&self, position: u64) -> &[AtomicU64] {
        let at = usize::try_from(position % self.places).unwrap_or(0);
        let begin = HEADER + at * PLACE;
        self.words.get(begin..begin + PLACE).unwrap_or_default()
    }

    fn free(&self, position: u64) {
        if let Some(number) = self.place(position).first() {
            number.store(0, Release);
        }
    }

    fn read(&self, position: u64) -> Content {
        let [number, sum, length, octets @ ..] = self.place(position) else {
            return Content::Damaged;
        };
        let (number, sum) = (number.load(Acquire), sum.load(Relaxed));
        if number == 0 {
            return Content::Free;
        }
        let length = length.load(Relaxed);
        let mut whole = [0; ChargingRecord::MOST_OCTETS];
        let Some(record) = usize::try_from(length)
            .ok()
            .and_then(|length| whole.get_mut(..length))
        else {
            return Content::Damaged;
        };
        let mut checked = Sum::of(number, length);
        for (octets, word) in record.chunks_mut(8).zip(octets) {
            let word = word.load(Relaxed);
            checked.add(word);
            octets.copy_from_slice(word.to_le_bytes().get(..octets.len()).unwrap_or_default());
        }
        if checked.0 != sum || number > MOST_NUMBER {
            return Content::Damaged;
        }
        match ChargingRecord::decode(record) {
            Ok(record) => Content::Whole(number, Box::new(record)),
            Err(_) => Content::Damaged,
        }
    }

    /// Writes a place, its number last.
    fn write(&self, position: u64, record: &ChargingRecord) {
        let [number, sum, length, words @ ..] = self.place(position) else {
            return;
        };
        let record = record.encode();
        let its_number = self.base.wrapping_add(position);
        let its_length = record.len() as u64;
        let mut its_sum = Sum::of(its_number, its_length);
        for (octets, word) in record.chunks(8).zip(words) {
            let mut eight = [0; 8];
            if let Some(begin) = eight.get_mut(..octets.len()) {
                begin.copy_from_slice(octets);
            }
            let value = u64::from_le_bytes(eight);
            its_sum.add(value);
            word.store(value, Relaxed);
        }
        length.store(its_length, Relaxed);
        sum.store(its_sum.0, Relaxed);
        number.store(its_number, Release);
    }

    /// Appends these records, all of which a later start finds, or none. Returns for how many there was no place.
    pub(super) fn put<'r>(&self, records: impl Iterator<Item = &'r ChargingRecord>) -> usize {
        let lock = self.lock.lock();
        let begin = self.put.load(Relaxed);
        let end = self.taken.load(Acquire) + self.places;
        let begun = self.word(BEGUN);
        if let Some(begun) = begun {
            begun.store(self.base.wrapping_add(begin), Relaxed);
        }
        let (mut position, mut lost) = (begin, 0);
        for record in records {
            if position < end {
                self.write(position, record);
                position += 1;
            } else {
                lost += 1;
            }
        }
        if let Some(begun) = begun {
            begun.store(0, Release);
        }
        self.put.store(position, Release);
        drop(lock);
        lost
    }

    /// The oldest records. They stay in the ring.
    pub(super) fn first(&self, most: u64) -> Group {
        let (taken, put) = (self.taken.load(Acquire), self.put.load(Acquire));
        let end = put.min(taken + most);
        let records = (taken..end).filter_map(|position| match self.read(position) {
            Content::Whole(_, record) => Some(*record),
            Content::Free | Content::Damaged => None,
        });
        Group {
            records: records.collect(),
            places: end - taken,
        }
    }

    /// Takes out the records of this group, which are the oldest.
    pub(super) fn done_with(&self, group: &Group) {
        let taken = self.taken.load(Relaxed);
        let end = taken + group.places;
        (taken..end).for_each(|position| self.free(position));
        self.taken.store(end, Release);
        self.begin_again();
    }

    /// Has an empty ring begin at its first place. So the same few places are used as long as records are written quickly: they are in
    /// the caches, and of a file few pages change.
    fn begin_again(&self) {
        let _lock = self.lock.lock();
        let put = self.put.load(Relaxed);
        if put == self.taken.load(Relaxed) {
            let again = put.next_multiple_of(self.places);
            // In this order no other process sees more records than there are.
            self.taken.store(again, Release);
            self.put.store(again, Release);
        }
    }

    /// How many records are in the ring.
    pub(super) fn len(&self) -> u64 {
        let taken = self.taken.load(Acquire);
        self.put.load(Acquire).saturating_sub(taken)
    }

    /// Whether the oldest record is one of an earlier start.
    pub(super) fn is_left(&self) -> bool {
        self.taken.load(Acquire) < self.left
    }
}

/// Finds words that were changed by accident.
pub(super) struct Sum(pub(super) u64);

impl Sum {
    pub(super) const NONE: Self = Self(0xCBF2_9CE4_8422_2325);

    fn of(number: u64, length: u64) -> Self {
        let mut sum = Self::NONE;
        sum.add(number);
        sum.add(length);
        sum
    }

    pub(super) fn add(&mut self, word: u64) {
        // A word alone leads to another sum with each of its values: both steps can be undone.
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

#[cfg(all(test, not(loom)))]
pub(super) mod tests;
