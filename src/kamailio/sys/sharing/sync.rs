//! The atomics and the cell of shared values. Under `--cfg loom` they are loom's, which tries every order in which
//! threads can run.

#[cfg(not(all(loom, test)))]
pub(in crate::kamailio) use std::sync::atomic::{AtomicU32, AtomicU64};

#[cfg(all(loom, test))]
pub(in crate::kamailio) use loom::sync::atomic::{AtomicU32, AtomicU64};

/// A value that is changed through a shared reference.
#[cfg(not(all(loom, test)))]
#[repr(transparent)]
pub(super) struct Cell<T>(std::cell::UnsafeCell<T>);

#[cfg(not(all(loom, test)))]
impl<T> Cell<T> {
    pub(super) const fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }

    /// The pointer to the value. Dereferencing it is up to the caller.
    pub(super) const fn get(&self) -> *mut T {
        self.0.get()
    }
}

/// The same, in which loom sees two threads that are not kept apart.
#[cfg(all(loom, test))]
pub(super) struct Cell<T>(loom::cell::UnsafeCell<T>);

#[cfg(all(loom, test))]
impl<T> Cell<T> {
    pub(super) fn new(value: T) -> Self {
        Self(loom::cell::UnsafeCell::new(value))
    }

    pub(super) fn get(&self) -> *mut T {
        self.0.with_mut(|value| value)
    }
}
