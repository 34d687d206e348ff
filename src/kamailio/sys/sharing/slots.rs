//! Values that belong to one of several locks, and change hands.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::guarded::{Guard, Guarded};
use super::memory::Memory;
use super::plain::Plain;
use super::sync::{AtomicU32, Cell};

/// A fixed number of slots. Each slot belongs to one group or to the pool of free slots, and is accessed only under the
/// lock of its owner. The holder of that lock may give the slot to another owner.
///
/// `T` is the value in a slot, `G` what stands beside the lock of a group, `P` what stands beside the pool's lock.
pub(in crate::kamailio) struct Slots<M: Memory, T: Plain, G: Plain, P: Plain> {
    slots: M::Array<Slot<T>>,
    groups: M::Array<Guarded<M::Lock, G>>,
    pool: M::Box<Guarded<M::Lock, P>>,
}

/// The number of the pool, as an owner.
const POOL: u32 = u32::MAX;

/// The owner changes only under the lock of the owner. So for the holder of that lock it does not change.
#[repr(C)]
struct Slot<T> {
    owner: AtomicU32,
    value: Cell<T>,
}

// SAFETY: the value is reached through a `Held` alone, which holds the lock of the slot's owner.
unsafe impl<T: Send> Sync for Slot<T> {}
// SAFETY: a number and a value, both plain.
unsafe impl<T: Plain> Plain for Slot<T> {}

impl<M: Memory, T: Plain, G: Plain, P: Plain> Slots<M, T, G, P> {
    /// `slots` slots, all in the pool, and `groups` groups without any; `None` when the memory is full.
    pub(in crate::kamailio) fn new(
        slots: u32,
        groups: u32,
        mut slot: impl FnMut(u32) -> T,
        mut group: impl FnMut(u32) -> G,
        pool: P,
    ) -> Option<Self> {
        let number = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
        Some(Self {
            slots: M::array(usize::try_from(slots).ok()?, |place| Slot {
                owner: AtomicU32::new(POOL),
                value: Cell::new(slot(number(place))),
            })?,
            // The last number is below that of the pool.
            groups: M::array(usize::try_from(groups).ok()?, |place| {
                Guarded::new(group(number(place)))
            })?,
            pool: M::boxed(Guarded::new(pool))?,
        })
    }

    /// How many slots there are.
    pub(in crate::kamailio) fn len(&self) -> usize {
        self.slots.len()
    }

    /// How many groups there are.
    pub(in crate::kamailio) fn groups(&self) -> usize {
        self.groups.len()
    }

    /// The group that a slot belongs to at this moment; `None` for a free one. Without the group's lock the slot may change
    /// hands at once.
    pub(in crate::kamailio) fn group_of(&self, slot: u32) -> Option<u32> {
        let slot = self.slots.get(slot as usize)?;
        Some(slot.owner.load(Relaxed)).filter(|owner| *owner != POOL)
    }

    /// Waits for the lock of a group; `None` if there is no such group.
    pub(in crate::kamailio) fn lock(&self, group: u32) -> Option<Held<'_, M, T, G>> {
        // `groups` numbers groups from 0, so no group has the number of the pool.
        let guarded = self.groups.get(group as usize)?;
        Some(Held {
            slots: &self.slots,
            owner: group,
            beside: guarded.lock(),
        })
    }

    /// Waits for the lock of the pool.
    pub(in crate::kamailio) fn lock_pool(&self) -> Held<'_, M, T, P> {
        Held {
            slots: &self.slots,
            owner: POOL,
            beside: self.pool.lock(),
        }
    }
}

/// An owner whose lock is held: its slots, and what stands beside the lock.
pub(in crate::kamailio) struct Held<'s, M: Memory, T: Plain, B> {
    slots: &'s [Slot<T>],
    owner: u32,
    beside: Guard<'s, M::Lock, B>,
}

impl<M: Memory, T: Plain, B> Held<'_, M, T, B> {
    /// The value beside the lock.
    pub(in crate::kamailio) fn beside(&self) -> &B {
        &self.beside
    }

    /// The value beside the lock, to be changed.
    pub(in crate::kamailio) fn beside_mut(&mut self) -> &mut B {
        &mut self.beside
    }

    /// The number of the group.
    pub(in crate::kamailio) fn group(&self) -> u32 {
        self.owner
    }

    /// The slot, where it belongs to this owner.
    fn own(&self, slot: u32) -> Option<&Slot<T>> {
        let slot = self.slots.get(slot as usize)?;
        (slot.owner.load(Acquire) == self.owner).then_some(slot)
    }

    /// The value in a slot of this owner.
    pub(in crate::kamailio) fn get(&self, slot: u32) -> Option<&T> {
        // SAFETY: the slot belongs to this owner, whose lock is held, and stays so: only `give` changes the owner, and it
        // needs this `Held` exclusively. Others that were given the slot before have let go of it (Acquire, Release).
        self.own(slot).map(|slot| unsafe { &*slot.value.get() })
    }

    /// The value in a slot of this owner, to be changed.
    pub(in crate::kamailio) fn get_mut(&mut self, slot: u32) -> Option<&mut T> {
        // SAFETY: as in `get`; this `Held` is borrowed exclusively, so the reference is the only one.
        self.own(slot).map(|slot| unsafe { &mut *slot.value.get() })
    }

    /// Both: the value in a slot of this owner, and what stands beside the lock.
    pub(in crate::kamailio) fn get_both(&mut self, slot: u32) -> Option<(&mut T, &mut B)> {
        // SAFETY: as in `get_mut`. What stands beside the lock is no slot.
        let value = self.own(slot).map(|slot| unsafe { &mut *slot.value.get() });
        value.map(|value| (value, &mut *self.beside))
    }

    /// Gives a slot of this owner to a group.
    pub(in crate::kamailio) fn give(&mut self, slot: u32, group: u32) {
        if let Some(slot) = self.own(slot) {
            slot.owner.store(group, Release);
        }
    }

    /// Gives a slot of this owner to the pool.
    pub(in crate::kamailio) fn give_back(&mut self, slot: u32) {
        self.give(slot, POOL);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Heap;
    use super::*;

    type Numbers = Slots<Heap, u32, (), ()>;

    fn numbers() -> Numbers {
        Slots::new(2, 2, |slot| slot, |_| (), ()).unwrap()
    }

    #[cfg(not(loom))]
    #[test]
    fn a_slot_is_reached_through_its_owner_alone() {
        let numbers = numbers();
        let mut pool = numbers.lock_pool();
        assert_eq!(
            (pool.get(0), pool.get(1), pool.get(2)),
            (Some(&0), Some(&1), None)
        );
        pool.give(0, 1);
        assert_eq!(pool.get(0), None);
        assert_eq!(pool.get_mut(0), None);
        // The slot belongs to another owner now.
        pool.give(0, 0);
        pool.give_back(0);
        drop(pool);
        assert_eq!(
            (
                numbers.group_of(0),
                numbers.group_of(1),
                numbers.group_of(2)
            ),
            (Some(1), None, None)
        );
        assert_eq!(numbers.lock(0).unwrap().get(0), None);
        let mut owner = numbers.lock(1).unwrap();
        *owner.get_mut(0).unwrap() = 7;
        assert!(owner.get_both(0).is_some() && owner.get_both(1).is_none());
        owner.give_back(0);
        assert_eq!(owner.get(0), None);
        drop(owner);
        assert_eq!(numbers.lock_pool().get(0), Some(&7));
        assert!(numbers.lock(2).is_none());
    }

    /// Also where the giver does not hold the lock of the new owner.
    #[cfg(loom)]
    #[test]
    fn the_new_owner_sees_what_the_old_one_wrote() {
        let give = |numbers: &Numbers| {
            let mut pool = numbers.lock_pool();
            *pool.get_mut(0).unwrap() = 7;
            pool.give(0, 1);
        };
        let take = |numbers: &Numbers| {
            if let Some(number) = numbers.lock(1).unwrap().get_mut(0) {
                assert_eq!(*number, 7);
                *number = 8;
            }
        };
        super::super::race(numbers, give, take, |_, (), ()| {});
    }
}
