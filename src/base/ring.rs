//! A queue of a fixed size, as it stands in shared memory.

/// First in, first out. A ring of zero octets is empty, if zero octets are a valid `T`.
#[repr(C)]
#[derive(Debug)]
pub struct Ring<T, const N: usize> {
    /// Counts of values put in and taken out. `N` is a power of two, so both counts may wrap around.
    put: u32,
    taken: u32,
    places: [T; N],
}

impl<T: Copy, const N: usize> Ring<T, N> {
    const fn len(&self) -> usize {
        const { assert!(N.is_power_of_two() && N < 1 << 31) };
        self.put.wrapping_sub(self.taken) as usize
    }

    /// Appends a value; false if the ring is full.
    pub fn put(&mut self, value: T) -> bool {
        let is_full = self.len() >= N;
        let place = self.places.get_mut(self.put as usize % N);
        let (Some(place), false) = (place, is_full) else {
            return false;
        };
        *place = value;
        self.put = self.put.wrapping_add(1);
        true
    }

    /// Removes and returns the oldest value.
    pub fn take(&mut self) -> Option<T> {
        let place = self.places.get(self.taken as usize % N).copied();
        let taken = place.filter(|_| self.len() > 0)?;
        self.taken = self.taken.wrapping_add(1);
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_in_first_out_until_the_ring_is_full() {
        let mut ring = Ring::<u32, 4> {
            put: u32::MAX - 1,
            taken: u32::MAX - 1,
            places: [0; 4],
        };
        assert_eq!(ring.take(), None);
        for number in 1..=4 {
            assert!(ring.put(number));
        }
        assert!(!ring.put(5));
        for number in 1..=4 {
            assert_eq!(ring.take(), Some(number));
        }
        assert_eq!(ring.take(), None);
    }
}
