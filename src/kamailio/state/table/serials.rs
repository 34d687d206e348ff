//! Serial numbers of records, and where the record of each is.

use std::num::NonZeroU64;
use std::sync::atomic::Ordering::Relaxed;

use super::NONE;
use crate::kamailio::sys::sharing::{AtomicU32, Memory};

/// Names a record: no other record of this table has the same number, open or ended.
pub(in crate::kamailio) type Serial = NonZeroU64;

/// The place of each open record.
///
/// The low bits of a serial number choose an entry. A number whose entry another open record has is left out, so a look-up reads
/// one word. There are twice as many entries as places: every second number on average is free at worst. A record that had its
/// number before it came into this table has a choice of entries.
pub(super) struct Serials<M: Memory> {
    /// Written under the pool's lock.
    entries: M::Array<AtomicU32>,
    /// How many records are not at the first choice of their entries. Written under the pool's lock.
    elsewhere: M::Box<AtomicU32>,
}

/// How many entries a record of an earlier start may have.
const CHOICES: u64 = 8;

impl<M: Memory> Serials<M> {
    pub(super) fn new(places: usize) -> Option<Self> {
        let entries = places.checked_mul(2)?.checked_next_power_of_two()?;
        Some(Self {
            entries: M::array(entries, |_| AtomicU32::new(NONE))?,
            elsewhere: M::boxed(AtomicU32::new(0))?,
        })
    }

    /// An entry of a serial number, by its choice. The number of entries is a power of two.
    fn entry(&self, serial: u64, choice: u64) -> &AtomicU32 {
        let mask = self.entries.len() - 1;
        let step = serial >> 12 | 1;
        &self.entries[serial.wrapping_add(choice.wrapping_mul(step)) as usize & mask]
    }

    fn choices(&self, serial: Serial) -> impl Iterator<Item = &AtomicU32> {
        (0..CHOICES).map(move |choice| self.entry(serial.get(), choice))
    }

    /// The next serial number, for the record at this place. Under the pool's lock.
    pub(super) fn give(&self, next: &mut u64, place: u32) -> Serial {
        loop {
            let serial = Serial::new(*next);
            *next = next.wrapping_add(1);
            // Fewer records are open than there are entries, so this ends.
            let Some(serial) = serial else { continue };
            let entry = self.entry(serial.get(), 0);
            if entry.load(Relaxed) == NONE {
                entry.store(place, Relaxed);
                return serial;
            }
        }
    }

    /// Whether no open record has one of the entries of this number. Under the pool's lock.
    pub(super) fn is_free(&self, serial: Serial) -> bool {
        self.choices(serial)
            .any(|entry| entry.load(Relaxed) == NONE)
    }

    /// Gives the record at this place the number that it had in an earlier start; one of its entries [is
    /// free](Self::is_free). Later numbers are above it. Under the pool's lock.
    pub(super) fn give_again(&self, next: &mut u64, serial: Serial, place: u32) {
        self.replace(serial, NONE, place, 1);
        *next = (*next).max(serial.get().wrapping_add(1));
    }

    /// The record with this number, at this place, has ended. Under the pool's lock.
    pub(super) fn take_back(&self, serial: Serial, place: u32) {
        self.replace(serial, place, NONE, u32::MAX);
    }

    /// Changes the first entry of this number that has the old value. `more` is added to the count of those elsewhere.
    fn replace(&self, serial: Serial, old: u32, new: u32, more: u32) {
        let mut choices = self.choices(serial).enumerate();
        if let Some((choice, entry)) = choices.find(|(_, entry)| entry.load(Relaxed) == old) {
            entry.store(new, Relaxed);
            if choice > 0 {
                let elsewhere = self.elsewhere.load(Relaxed).wrapping_add(more);
                self.elsewhere.store(elsewhere, Relaxed);
            }
        }
    }

    /// The places where the record with this number may be, if it is open: the caller compares the number in the
    /// record. Almost always it is at the first place.
    pub(super) fn places_of(&self, serial: Serial) -> impl Iterator<Item = u32> {
        let choices = match self.elsewhere.load(Relaxed) {
            0 => 1,
            _ => CHOICES as usize,
        };
        let places = self.choices(serial).take(choices);
        let places = places.map(|entry| entry.load(Relaxed));
        places.filter(|place| *place != NONE)
    }
}
