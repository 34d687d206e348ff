//! The records of one bucket, while its lock is held.

use std::hash::BuildHasher;
use std::sync::atomic::Ordering::Relaxed;

use super::{Bucket, Chain, NONE, Record, Row, Serial, Table};
use crate::exchange::Full;
use crate::kamailio::sys::sharing::{Held, Memory, Plain};

/// A bucket whose lock is held.
pub(in crate::kamailio) struct Locked<'t, M: Memory, R: Record, B: Plain, const KINDS: usize, S> {
    pub(super) table: &'t Table<M, R, B, KINDS, S>,
    pub(super) held: Held<'t, M, Row<R>, Bucket<B, KINDS>>,
    pub(super) now_ms: u64,
}

impl<M: Memory, R: Record, B: Plain, const KINDS: usize, S: BuildHasher>
    Locked<'_, M, R, B, KINDS, S>
{
    /// The data of the bucket beside its records.
    pub(in crate::kamailio) fn beside(&self) -> &B {
        &self.held.beside().beside
    }

    /// The same, to be changed.
    pub(in crate::kamailio) fn beside_mut(&mut self) -> &mut B {
        &mut self.held.beside_mut().beside
    }

    /// The record in a place of this bucket.
    pub(super) fn serial_at(&self, place: u32) -> Option<Serial> {
        Serial::new(self.held.get(place)?.serial)
    }

    /// The place of a record of this bucket.
    fn place_of(&self, serial: Serial) -> Option<u32> {
        let mut places = self.table.serials.places_of(serial);
        places.find(|place| self.serial_at(*place) == Some(serial))
    }

    /// The record, unless it has ended or is in another bucket.
    pub(in crate::kamailio) fn get(&self, serial: Serial) -> Option<&R> {
        Some(&self.held.get(self.place_of(serial)?)?.record)
    }

    /// The record, to be changed.
    pub(in crate::kamailio) fn get_mut(&mut self, serial: Serial) -> Option<&mut R> {
        let place = self.place_of(serial)?;
        Some(&mut self.held.get_mut(place)?.record)
    }

    /// The records of a kind, the oldest first.
    pub(in crate::kamailio) fn of_kind(&self, kind: usize) -> impl Iterator<Item = (Serial, &R)> {
        let chain = self.held.beside().chains.get(kind);
        let mut place = chain.map_or(NONE, |chain| chain.first);
        std::iter::from_fn(move || {
            let row = self.held.get(place)?;
            place = row.next;
            Some((Serial::new(row.serial)?, &row.record))
        })
    }

    #[allow(dead_code, reason = "for the named queries of the store")]
    /// The record of the same kind that was opened next.
    pub(in crate::kamailio) fn next_of(&self, serial: Serial) -> Option<(Serial, &R)> {
        let row = self.held.get(self.place_of(serial)?)?;
        let next = self.held.get(row.next)?;
        Some((Serial::new(next.serial)?, &next.record))
    }

    #[allow(dead_code, reason = "for the named queries of the store")]
    /// The newest record of a kind.
    pub(in crate::kamailio) fn newest(&self, kind: usize) -> Option<(Serial, &R)> {
        let chain = self.held.beside().chains.get(kind)?;
        let row = self.held.get(chain.last)?;
        Some((Serial::new(row.serial)?, &row.record))
    }

    fn chain(&mut self, kind: usize) -> Option<&mut Chain> {
        self.held.beside_mut().chains.get_mut(kind)
    }

    /// Opens a record, after all others of its kind. It counts in this sender's share (0: in no share).
    ///
    /// `prepare` takes the blocks that the record needs, under the pool's lock; false: there are too few. The caller
    /// writes the rest of the record.
    pub(in crate::kamailio) fn insert(
        &mut self,
        kind: usize,
        sender: u64,
        prepare: impl FnOnce(&mut R, &mut R::Stock) -> bool,
    ) -> Result<Serial, Full> {
        self.insert_as(None, kind, sender, prepare)
    }

    /// Moves the next serial number forward to `at(next, now)`, with the time in milliseconds. It never moves back.
    pub(in crate::kamailio) fn advance(&self, at: impl FnOnce(u64, u64) -> u64) {
        self.table.advance(|next| at(next, self.now_ms));
    }

    /// The same for a record of an earlier start, with the serial number that it had.
    pub(in crate::kamailio) fn insert_again(
        &mut self,
        serial: Serial,
        kind: usize,
        sender: u64,
        prepare: impl FnOnce(&mut R, &mut R::Stock) -> bool,
    ) -> Result<Serial, Full> {
        self.insert_as(Some(serial), kind, sender, prepare)
    }

    fn insert_as(
        &mut self,
        again: Option<Serial>,
        kind: usize,
        sender: u64,
        prepare: impl FnOnce(&mut R, &mut R::Stock) -> bool,
    ) -> Result<Serial, Full> {
        let most = self.table.bounds.per_chain;
        let chain = self.chain(kind).ok_or(Full::Table)?;
        if chain.count >= most {
            return Err(Full::Table);
        }
        let group = self.held.group();
        let (place, serial) = self.table.take(group, sender, again, prepare)?;
        let mut previous = NONE;
        if let Some(chain) = self.chain(kind) {
            previous = std::mem::replace(&mut chain.last, place);
            chain.count += 1;
            if previous == NONE {
                chain.first = place;
            }
        }
        if let Some(row) = self.held.get_mut(previous) {
            row.next = place;
        }
        let kind = u32::try_from(kind).unwrap_or(0);
        if let Some(row) = self.held.get_mut(place) {
            row.kind = kind;
            row.previous = previous;
            row.next = NONE;
        }
        if let Some(column) = self.table.columns.get(place as usize) {
            column.kind.store(kind, Relaxed);
            column.opened.store(self.now_ms.max(1), Relaxed);
        }
        Ok(serial)
    }

    /// Ends a record: its serial number is void from now on.
    pub(in crate::kamailio) fn remove(&mut self, serial: Serial) {
        let Some(place) = self.place_of(serial) else {
            return;
        };
        let Some(row) = self.held.get(place) else {
            return;
        };
        let (kind, previous, next) = (row.kind as usize, row.previous, row.next);
        if let Some(row) = self.held.get_mut(previous) {
            row.next = next;
        }
        if let Some(row) = self.held.get_mut(next) {
            row.previous = previous;
        }
        if let Some(chain) = self.chain(kind) {
            chain.count -= 1;
            if previous == NONE {
                chain.first = next;
            }
            if next == NONE {
                chain.last = previous;
            }
        }
        if let Some(column) = self.table.columns.get(place as usize) {
            column.opened.store(0, Relaxed);
        }
        self.table.alarms.clear(place);
        self.table.give_back(serial, place, &mut self.held);
    }

    /// Sets the alarm of the record to this time, instead of an earlier time.
    pub(in crate::kamailio) fn wake_at(&mut self, serial: Serial, at_ms: u64) {
        if let Some(place) = self.place_of(serial) {
            self.table.alarms.set(place, at_ms);
        }
    }

    /// Whether more than half of all places are taken, or more than half of this sender's share.
    pub(in crate::kamailio) fn is_crowded(&self, sender: u64) -> bool {
        let table = self.table;
        let by_sender = || {
            let pool = table.slots.lock_pool();
            pool.beside().shares.open(sender) > table.bounds.per_sender / 2
        };
        (table.free() as usize) < table.capacity() / 2 || by_sender()
    }
}
