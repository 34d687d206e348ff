//! Kamailio's shared memory, and the locks in it.

use std::cell::UnsafeCell;
use std::mem::{align_of, size_of};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use super::guarded::RawLock;
use super::memory::Memory;
use super::plain::Plain;
use crate::kamailio::sys::ffi;

/// Kamailio's shared memory. It is at the same address in all processes.
pub(in crate::kamailio) struct Shm;

impl Memory for Shm {
    type Lock = Lock;
    type Box<T: Plain> = ShmBox<T>;
    type Array<T: Plain> = ShmArray<T>;

    fn boxed<T: Plain>(value: T) -> Option<ShmBox<T>> {
        let place = room::<T>(1)?;
        // SAFETY: fresh memory for one value, aligned.
        unsafe { place.write(value) };
        Some(ShmBox(place))
    }

    fn array<T: Plain>(len: usize, mut make: impl FnMut(usize) -> T) -> Option<ShmArray<T>> {
        let first = room::<T>(len)?;
        for place in 0..len {
            // SAFETY: `room` gave memory for `len` values.
            let at = unsafe { first.add(place) };
            // SAFETY: fresh memory, aligned.
            unsafe { at.write(make(place)) };
        }
        Some(ShmArray(NonNull::slice_from_raw_parts(first, len)))
    }
}

/// Fresh memory for so many values.
fn room<T>(len: usize) -> Option<NonNull<T>> {
    // Kamailio's allocators align to 16 octets (ROUNDTO in core/mem).
    const { assert!(align_of::<T>() <= 16) };
    let size = len.checked_mul(size_of::<T>())?;
    // SAFETY: any size may be asked for. Kamailio has its shared memory before it loads modules.
    let memory = unsafe { ffi::ipsmgw_c_shm_alloc(size.max(1)) };
    NonNull::new(memory.cast())
}

/// A value in shared memory.
#[repr(transparent)]
pub(in crate::kamailio) struct ShmBox<T: Plain>(NonNull<T>);

/// Values in shared memory.
#[repr(transparent)]
pub(in crate::kamailio) struct ShmArray<T: Plain>(NonNull<[T]>);

// SAFETY: it owns a plain value, which is `Send` and `Sync`.
unsafe impl<T: Plain> Send for ShmBox<T> {}
// SAFETY: as above.
unsafe impl<T: Plain> Sync for ShmBox<T> {}
// SAFETY: its pointer leads into shared memory, to a plain value.
unsafe impl<T: Plain> Plain for ShmBox<T> {}
// SAFETY: it owns plain values, which are `Send` and `Sync`.
unsafe impl<T: Plain> Send for ShmArray<T> {}
// SAFETY: as above.
unsafe impl<T: Plain> Sync for ShmArray<T> {}
// SAFETY: its pointer leads into shared memory, to plain values.
unsafe impl<T: Plain> Plain for ShmArray<T> {}

macro_rules! owns_its_value {
    ($owner:ident, $target:ty) => {
        impl<T: Plain> Deref for $owner<T> {
            type Target = $target;
            fn deref(&self) -> &$target {
                // SAFETY: written by `Shm`, owned by this value alone, freed with it.
                unsafe { self.0.as_ref() }
            }
        }

        impl<T: Plain> DerefMut for $owner<T> {
            fn deref_mut(&mut self) -> &mut $target {
                // SAFETY: as in `deref`; borrowed exclusively.
                unsafe { self.0.as_mut() }
            }
        }

        impl<T: Plain> Drop for $owner<T> {
            fn drop(&mut self) {
                // SAFETY: nobody reaches it any more.
                unsafe { self.0.drop_in_place() };
                // SAFETY: `room` made it.
                unsafe { ffi::ipsmgw_c_shm_free(self.0.as_ptr().cast()) };
            }
        }
    };
}

owns_its_value!(ShmBox, T);
owns_its_value!(ShmArray, [T]);

/// One of Kamailio's locks.
#[repr(transparent)]
pub(in crate::kamailio) struct Lock(UnsafeCell<ffi::gen_lock_t>);

// SAFETY: a lock word; it points nowhere.
unsafe impl Plain for Lock {}
// SAFETY: Kamailio's locks are made for use by several processes.
unsafe impl Sync for Lock {}

// SAFETY: Kamailio's locks exclude each other and order memory (core/locking.h), between processes as between threads.
unsafe impl RawLock for Lock {
    fn new() -> Self {
        let lock = UnsafeCell::new(ffi::gen_lock_t::default());
        // SAFETY: a lock word of our own. It may be moved to its place afterwards: nobody has waited for it yet.
        unsafe { ffi::ipsmgw_c_lock_init(lock.get()) };
        Self(lock)
    }

    fn lock(&self) {
        // SAFETY: `new` initialised it.
        unsafe { ffi::ipsmgw_c_lock_get(self.0.get()) };
    }

    unsafe fn unlock(&self) {
        // SAFETY: the caller holds it.
        unsafe { ffi::ipsmgw_c_lock_release(self.0.get()) };
    }
}
