//! A queue of a fixed size, as it stands in shared memory.

/// First in, first out. All zero octets are an empty one, where they are a value of `T`.
#[repr(C)]
#[derive(Debug)]
pub struct Ring<T, const N: usize> {
    /// How many were ever put in, and taken out. `N` is a power of two, so both may start again at 0.
    put: u32,
    taken: u32,
    places: [T; N],
}

impl<T: Copy, const N: usize> Ring<T, N> {
    const fn len(&self) -> usize {
        const { assert!(N.is_power_of_two() && N < 1 << 31) };
        self.put.wrapping_sub(self.taken) as usize
    }

    /// Puts one behind all others. False: the ring is full.
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

    /// Takes the oldest out.
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
    fn the_ring_keeps_the_order_and_has_an_end() {
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
