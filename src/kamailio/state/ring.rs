//! A queue of a fixed size in shared memory.

use crate::kamailio::sys::sharing::{Memory, Plain, plain};

/// First in, first out.
pub(super) struct Ring<M: Memory, T: Plain> {
    /// How many values were put in and taken out since the start. The number of places is a power of two, so both
    /// counters may wrap around.
    put: u32,
    taken: u32,
    places: M::Array<T>,
}

plain!([M: Memory, T: Plain] struct Ring<M, T> as Ring { put, taken, places });

impl<M: Memory, T: Plain + Copy> Ring<M, T> {
    /// A ring with this many places, or the next power of two; `None` when shared memory is too small.
    pub(super) fn new(places: usize, empty: T) -> Option<Self> {
        Some(Self {
            put: 0,
            taken: 0,
            places: M::array(places.next_power_of_two(), |_| empty)?,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.put.wrapping_sub(self.taken) as usize
    }

    /// Whether this many values can be put in.
    pub(super) fn has_room(&self, values: usize) -> bool {
        self.len() + values <= self.places.len()
    }

    fn place(&mut self, number: u32) -> Option<&mut T> {
        let mask = self.places.len() - 1;
        self.places.get_mut(number as usize & mask)
    }

    /// The values, the oldest first.
    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        let mask = self.places.len() - 1;
        let place = move |number: u32| number as usize & mask;
        let numbers = (0..self.put.wrapping_sub(self.taken)).map(|n| self.taken.wrapping_add(n));
        numbers.filter_map(move |number| self.places.get(place(number)))
    }

    /// Appends a value; false if the ring is full.
    pub(super) fn put(&mut self, value: T) -> bool {
        if self.len() >= self.places.len() {
            return false;
        }
        if let Some(place) = self.place(self.put) {
            *place = value;
        }
        self.put = self.put.wrapping_add(1);
        true
    }

    /// Removes the newest value.
    pub(super) fn take_back(&mut self) {
        if self.len() > 0 {
            self.put = self.put.wrapping_sub(1);
        }
    }

    /// Removes the oldest value.
    pub(super) fn take(&mut self) -> Option<T> {
        if self.len() == 0 {
            return None;
        }
        let value = self.place(self.taken).copied();
        self.taken = self.taken.wrapping_add(1);
        value
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::kamailio::sys::sharing::Heap;

    #[test]
    fn the_ring_keeps_the_order_and_has_an_end() {
        let mut ring = Ring::<Heap, u32>::new(4, 0).unwrap();
        // Nearly as many as a number can count.
        (ring.put, ring.taken) = (u32::MAX - 1, u32::MAX - 1);
        assert_eq!(ring.take(), None);
        for _ in 0..3 {
            for number in 1..=4 {
                assert!(ring.put(number));
            }
            assert!(!ring.put(5));
            ring.take_back();
            assert!(ring.put(4));
            assert_eq!(ring.values().copied().collect::<Vec<_>>(), [1, 2, 3, 4]);
            for number in 1..=4 {
                assert_eq!(ring.take(), Some(number));
            }
            assert_eq!(ring.take(), None);
        }
    }
}
