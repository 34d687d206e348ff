//! A value that is accessed only under its lock.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use super::plain::Plain;
use super::sync::Cell;

/// A lock without a value. It works between threads and, in shared memory, between processes.
///
/// # Safety
/// From the moment `lock` returns until `unlock` is called, no other call of `lock` on this lock returns. What was written
/// before `unlock` is seen after the next `lock`.
pub(in crate::kamailio) unsafe trait RawLock: Plain {
    /// A lock that nobody holds.
    fn new() -> Self;

    /// Waits for the lock. Whoever holds it already waits for ever.
    fn lock(&self);

    /// Gives the lock back.
    ///
    /// # Safety
    /// The caller holds it.
    unsafe fn unlock(&self);
}

/// A value and its lock.
#[repr(C)]
pub(in crate::kamailio) struct Guarded<L, T> {
    lock: L,
    value: Cell<T>,
}

// SAFETY: the value is reached through a `Guard` alone, which exists while its thread holds the lock.
unsafe impl<L: RawLock, T: Send> Sync for Guarded<L, T> {}
// SAFETY: a lock and a value, both plain.
unsafe impl<L: RawLock, T: Plain> Plain for Guarded<L, T> {}

impl<L: RawLock, T> Guarded<L, T> {
    pub(in crate::kamailio) fn new(value: T) -> Self {
        Self {
            lock: L::new(),
            value: Cell::new(value),
        }
    }

    /// Waits for the lock. It is given back when the guard is dropped, also by a panic.
    pub(in crate::kamailio) fn lock(&self) -> Guard<'_, L, T> {
        self.lock.lock();
        Guard {
            guarded: self,
            thread: PhantomData,
        }
    }

    /// Works on the value under the lock.
    pub(in crate::kamailio) fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        work(&mut self.lock())
    }
}

/// A value whose lock is held.
pub(in crate::kamailio) struct Guard<'g, L: RawLock, T> {
    guarded: &'g Guarded<L, T>,
    /// The thread that locked gives back: the guard stays in it.
    thread: PhantomData<*mut ()>,
}

impl<L: RawLock, T> Deref for Guard<'_, L, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: this guard alone reaches the value while it holds the lock, and it is borrowed.
        unsafe { &*self.guarded.value.get() }
    }
}

impl<L: RawLock, T> DerefMut for Guard<'_, L, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`; the guard is borrowed exclusively.
        unsafe { &mut *self.guarded.value.get() }
    }
}

impl<L: RawLock, T> Drop for Guard<'_, L, T> {
    fn drop(&mut self) {
        // SAFETY: `Guarded::lock` alone makes a guard, when it holds the lock.
        unsafe { self.guarded.lock.unlock() }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::super::{Heap, Memory};
    use super::*;

    type Number = Guarded<<Heap as Memory>::Lock, u64>;

    #[test]
    fn threads_take_turns() {
        let number = Number::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..100).for_each(|_| number.with(|number| *number += 1)));
            }
        });
        assert_eq!(*number.lock(), 400);
    }

    #[test]
    fn a_panic_gives_the_lock_back() {
        let number = Number::new(1);
        let panics = || number.with(|_| panic!("on purpose"));
        assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
        assert_eq!(*number.lock(), 1);
    }
}
