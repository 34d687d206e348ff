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
/// one word. There are twice as many entries as places: every second number on average is free at worst.
pub(super) struct Serials<M: Memory> {
    /// Written under the pool's lock.
    entries: M::Array<AtomicU32>,
}

impl<M: Memory> Serials<M> {
    pub(super) fn new(places: usize) -> Option<Self> {
        let entries = places.checked_mul(2)?.checked_next_power_of_two()?;
        Some(Self {
            entries: M::array(entries, |_| AtomicU32::new(NONE))?,
        })
    }

    /// The entry of a serial number. The number of entries is a power of two.
    fn entry(&self, serial: u64) -> &AtomicU32 {
        let mask = self.entries.len() - 1;
        &self.entries[serial as usize & mask]
    }

    /// The next serial number, for the record at this place. Under the pool's lock.
    pub(super) fn give(&self, next: &mut u64, place: u32) -> Serial {
        loop {
            let serial = Serial::new(*next);
            *next = next.wrapping_add(1);
            // Fewer records are open than there are entries, so this ends.
            let Some(serial) = serial else { continue };
            let entry = self.entry(serial.get());
            if entry.load(Relaxed) == NONE {
                entry.store(place, Relaxed);
                return serial;
            }
        }
    }

    /// Whether no open record has the entry of this number. Under the pool's lock.
    pub(super) fn is_free(&self, serial: Serial) -> bool {
        self.entry(serial.get()).load(Relaxed) == NONE
    }

    /// Gives the record at this place the number that it had in an earlier start; its entry [is free](Self::is_free).
    /// Later numbers are above it. Under the pool's lock.
    pub(super) fn give_again(&self, next: &mut u64, serial: Serial, place: u32) {
        self.entry(serial.get()).store(place, Relaxed);
        *next = (*next).max(serial.get().wrapping_add(1));
    }

    /// The record with this number has ended. Under the pool's lock.
    pub(super) fn take_back(&self, serial: Serial) {
        self.entry(serial.get()).store(NONE, Relaxed);
    }

    /// The place of the record with this number, if it is open. Whether it is, the record itself tells.
    pub(super) fn place_of(&self, serial: Serial) -> u32 {
        self.entry(serial.get()).load(Relaxed)
    }
}
