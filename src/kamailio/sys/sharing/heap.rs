//! The heap as shared memory, for tests: threads stand for processes.

use std::cell::{Cell, RefCell, UnsafeCell};
use std::mem::transmute;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

#[cfg(loom)]
use loom::sync::{Mutex, MutexGuard};
#[cfg(not(loom))]
use std::sync::{Mutex, MutexGuard};

use super::guarded::RawLock;
use super::memory::Memory;
use super::plain::Plain;

/// The heap. It counts the allocations of this thread, and checks the order of locks.
pub(in crate::kamailio) struct Heap;

thread_local! {
    /// The locks that this thread holds, in the order in which it took them.
    static HELD: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
    /// How many locks this thread has taken.
    static TAKEN: Cell<usize> = const { Cell::new(0) };
    /// How many more pieces of memory this thread gets.
    static LEFT: Cell<usize> = const { Cell::new(usize::MAX) };
}

impl Heap {
    /// How many locks this thread takes in this work.
    pub(in crate::kamailio) fn locks_taken(work: impl FnOnce()) -> usize {
        let before = TAKEN.get();
        work();
        TAKEN.get() - before
    }

    /// From now on this thread gets this many allocations, and then none.
    pub(in crate::kamailio) fn leaves(pieces: usize) {
        LEFT.set(pieces);
    }

    fn take_piece() -> Option<()> {
        LEFT.set(LEFT.get().checked_sub(1)?);
        Some(())
    }
}

// SAFETY: threads share the heap.
unsafe impl<T: Plain> Plain for Box<T> {}
// SAFETY: as above.
unsafe impl<T: Plain> Plain for Box<[T]> {}

impl Memory for Heap {
    type Lock = TestLock;
    type Box<T: Plain> = Box<T>;
    type Array<T: Plain> = Box<[T]>;

    fn boxed<T: Plain>(value: T) -> Option<Box<T>> {
        Self::take_piece()?;
        Some(Box::new(value))
    }

    fn array<T: Plain>(len: usize, make: impl FnMut(usize) -> T) -> Option<Box<[T]>> {
        Self::take_piece()?;
        Some((0..len).map(make).collect())
    }
}

/// A mutex of the standard library, or of loom. Threads have to take locks in the order in which these were made: then no
/// two threads ever wait for each other.
pub(in crate::kamailio) struct TestLock {
    number: u64,
    mutex: Mutex<()>,
    held: UnsafeCell<Option<MutexGuard<'static, ()>>>,
}

// SAFETY: threads share the heap.
unsafe impl Plain for TestLock {}
// SAFETY: `held` is reached by the holder of `mutex` alone.
unsafe impl Sync for TestLock {}
// SAFETY: the guard in it stays in the thread that locked: `Guard` is not `Send`, and unlocks.
unsafe impl Send for TestLock {}

// SAFETY: the mutex excludes and orders memory.
unsafe impl RawLock for TestLock {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            number: NEXT.fetch_add(1, Relaxed),
            mutex: Mutex::new(()),
            held: UnsafeCell::new(None),
        }
    }

    fn lock(&self) {
        // Loom runs all threads in one thread of the system, and finds two that wait for each other by itself.
        if cfg!(not(loom)) {
            HELD.with_borrow_mut(|held| {
                assert!(
                    held.last().is_none_or(|last| *last < self.number),
                    "locks are taken in the order in which they were made"
                );
                held.push(self.number);
            });
        }
        TAKEN.set(TAKEN.get() + 1);
        let guard = match self.mutex.lock() {
            Ok(guard) => guard,
            Err(poisoned) => poisoned.into_inner(),
        };
        // SAFETY: `unlock` drops the guard, before the borrow of the lock ends.
        let guard = unsafe { transmute::<MutexGuard<'_, ()>, MutexGuard<'static, ()>>(guard) };
        // SAFETY: the mutex is held.
        unsafe { *self.held.get() = Some(guard) };
    }

    unsafe fn unlock(&self) {
        if cfg!(not(loom)) {
            HELD.with_borrow_mut(|held| held.retain(|number| *number != self.number));
        }
        // SAFETY: the caller holds the mutex.
        let guard = unsafe { &mut *self.held.get() }.take();
        drop(guard);
    }
}

/// Runs both closures in two threads, in every order, and then checks the result.
///
/// Of several accesses by one thread loom takes only the last one for a race, so each of the two is once the thread that begins.
#[cfg(loom)]
pub(in crate::kamailio) fn race<T, A, B>(
    make: impl Fn() -> T + Copy + Send + Sync + 'static,
    one: impl Fn(&T) -> A + Copy + Send + Sync + 'static,
    other: impl Fn(&T) -> B + Copy + Send + Sync + 'static,
    check: impl Fn(&T, A, B) + Copy + Send + Sync + 'static,
) where
    T: Send + Sync + 'static,
    A: 'static,
    B: 'static,
{
    use loom::sync::Arc;
    use loom::thread::spawn;
    loom::model(move || {
        let shared = Arc::new(make());
        let theirs = shared.clone();
        let thread = spawn(move || one(&theirs));
        let of_other = other(&shared);
        check(&shared, thread.join().unwrap(), of_other);
    });
    loom::model(move || {
        let shared = Arc::new(make());
        let theirs = shared.clone();
        let thread = spawn(move || other(&theirs));
        let of_one = one(&shared);
        check(&shared, of_one, thread.join().unwrap());
    });
}
