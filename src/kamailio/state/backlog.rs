//! A queue in shared memory that loses no value: when its places are full, it takes blocks of memory.

use super::ring::Ring;
use crate::kamailio::sys::sharing::{Memory, Plain, plain};

/// Values in one block.
const IN_BLOCK: usize = 256;

/// First in, first out.
pub(super) struct Backlog<M: Memory, T: Plain> {
    /// The oldest values.
    ring: Ring<M, T>,
    /// The newer values. While there is one, nothing is put into the ring, so the order stays.
    blocks: Option<M::Box<Block<M, T>>>,
    empty: T,
}

struct Block<M: Memory, T: Plain> {
    next: Option<M::Box<Block<M, T>>>,
    /// How many values were ever put in, and taken out.
    put: u32,
    taken: u32,
    values: [T; IN_BLOCK],
}

plain!([M: Memory, T: Plain] struct Backlog<M, T> as Backlog { ring, blocks, empty });
plain!([M: Memory, T: Plain] struct Block<M, T> as Block { next, put, taken, values });

impl<M: Memory, T: Plain + Copy> Backlog<M, T> {
    /// A queue with this many places, or the next power of two; `None` when shared memory is too small.
    pub(super) fn new(places: usize, empty: T) -> Option<Self> {
        Some(Self {
            ring: Ring::new(places, empty)?,
            blocks: None,
            empty,
        })
    }

    /// Whether this many values can be [`put`](Self::put) in.
    pub(super) fn has_room(&self, values: usize) -> bool {
        self.blocks.is_none() && self.ring.has_room(values)
    }

    /// Appends a value that may be refused; false if the places are taken.
    pub(super) fn put(&mut self, value: T) -> bool {
        self.blocks.is_none() && self.ring.put(value)
    }

    /// Appends a value that must not be lost. False: the places are taken, and shared memory is full.
    pub(super) fn append(&mut self, value: T) -> bool {
        if self.put(value) {
            return true;
        }
        let mut link = &mut self.blocks;
        loop {
            if link.is_none() {
                *link = M::boxed(Block {
                    next: None,
                    put: 0,
                    taken: 0,
                    values: [self.empty; IN_BLOCK],
                });
            }
            let Some(block) = link.as_deref_mut() else {
                return false;
            };
            if let Some(place) = block.values.get_mut(block.put as usize) {
                *place = value;
                block.put += 1;
                return true;
            }
            link = &mut block.next;
        }
    }

    /// The values, the oldest first.
    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        let blocks = std::iter::successors(self.blocks.as_deref(), |block| block.next.as_deref());
        let in_blocks = blocks.flat_map(|block| {
            let values = block.values.get(block.taken as usize..block.put as usize);
            values.unwrap_or_default()
        });
        self.ring.values().chain(in_blocks)
    }

    /// Removes the oldest value.
    pub(super) fn take(&mut self) -> Option<T> {
        if let Some(value) = self.ring.take() {
            return Some(value);
        }
        let block = self.blocks.as_deref_mut()?;
        let value = block.values.get(block.taken as usize).copied();
        block.taken += 1;
        if block.taken == block.put {
            self.blocks = block.next.take();
        }
        value
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::kamailio::sys::sharing::Heap;

    #[test]
    fn values_beyond_the_ring_are_kept_in_order() {
        let mut queue = Backlog::<Heap, u32>::new(4, 0).unwrap();
        let many = 2 * IN_BLOCK as u32 + 10;
        for number in 1..=many {
            assert!(queue.append(number));
            assert!(number < 4 || !queue.put(0), "the places are taken");
        }
        assert_eq!(queue.take(), Some(1));
        // A place is free, but there are values in the blocks.
        assert!(!queue.has_room(1) && !queue.put(0));
        assert!(queue.append(many + 1));
        let wanted = 2..=many + 1;
        assert!(queue.values().copied().eq(wanted.clone()));
        for number in wanted {
            assert_eq!(queue.take(), Some(number));
        }
        assert_eq!(queue.take(), None);
        assert!(queue.blocks.is_none(), "the blocks are given back");
        assert!(queue.put(7));
        assert_eq!(queue.take(), Some(7));
    }
}
