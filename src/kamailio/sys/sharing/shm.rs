//! Kamailio's shared memory, and the locks in it.

use std::cell::UnsafeCell;
use std::mem::{MaybeUninit, align_of, size_of};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use super::guarded::RawLock;
use super::memory::Memory;
use super::plain::Plain;
use crate::kamailio::sys::calls;
use crate::kamailio::sys::ffi;

/// Kamailio's shared memory. It is at the same address in all processes.
pub(in crate::kamailio) struct Shm;

impl Memory for Shm {
    type Lock = Lock;
    type Box<T: Plain> = ShmBox<T>;
    type Array<T: Plain> = ShmArray<T>;

    fn boxed<T: Plain>(value: T) -> Option<ShmBox<T>> {
        // Kamailio's allocators align to 16 octets (ROUNDTO in core/mem).
        const { assert!(align_of::<T>() <= 16) };
        let place = alloc(size_of::<T>().max(1))?.cast::<T>();
        // SAFETY: fresh memory for one value, aligned.
        unsafe { place.write(value) };
        Some(ShmBox(place))
    }

    fn array<T: Plain>(len: usize, mut make: impl FnMut(usize) -> T) -> Option<ShmArray<T>> {
        // Kamailio's allocators align to less than a line of the cache: room to move the start up.
        let room = align_of::<T>();
        let memory = alloc(len.checked_mul(size_of::<T>())?.checked_add(room)?)?;
        let up = memory.align_offset(room);
        // SAFETY: `up` is less than `room`, so this is inside the memory or at its end.
        let first = unsafe { memory.add(up) }.cast::<MaybeUninit<T>>();
        // SAFETY: fresh memory for `len` values, aligned, never freed; zero octets are a value of `MaybeUninit`.
        let places = unsafe { NonNull::slice_from_raw_parts(first, len).as_mut() };
        for (number, place) in places.iter_mut().enumerate() {
            place.write(make(number));
        }
        // SAFETY: each was written just now.
        Some(ShmArray(unsafe {
            std::slice::from_raw_parts_mut(places.as_mut_ptr().cast(), len)
        }))
    }
}

fn alloc(octets: usize) -> Option<NonNull<u8>> {
    // Kamailio creates its shared memory before it loads modules.
    let memory = calls::ipsmgw_c_shm_alloc(octets);
    NonNull::new(memory.cast())
}

/// A value in shared memory, which is freed with it.
#[repr(transparent)]
pub(in crate::kamailio) struct ShmBox<T: Plain>(NonNull<T>);

/// Values in shared memory. They stay until Kamailio ends.
pub(in crate::kamailio) struct ShmArray<T: Plain>(&'static mut [T]);

// SAFETY: it owns a plain value, which is `Send` and `Sync`.
unsafe impl<T: Plain> Send for ShmBox<T> {}
// SAFETY: as above.
unsafe impl<T: Plain> Sync for ShmBox<T> {}
// SAFETY: its pointer leads into shared memory, to a plain value.
unsafe impl<T: Plain> Plain for ShmBox<T> {}
// SAFETY: its pointer leads into shared memory, to plain values.
unsafe impl<T: Plain> Plain for ShmArray<T> {}

impl<T: Plain> Deref for ShmArray<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        self.0
    }
}

impl<T: Plain> DerefMut for ShmArray<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        self.0
    }
}

impl<T: Plain> Deref for ShmBox<T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: written by `Shm`, owned by this box alone, freed with it.
        unsafe { self.0.as_ref() }
    }
}

impl<T: Plain> DerefMut for ShmBox<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`; the box is borrowed exclusively.
        unsafe { self.0.as_mut() }
    }
}

impl<T: Plain> Drop for ShmBox<T> {
    fn drop(&mut self) {
        // SAFETY: nobody reaches the value any more.
        unsafe { self.0.drop_in_place() };
        // SAFETY: `Shm::boxed` made it.
        unsafe { ffi::ipsmgw_c_shm_free(self.0.as_ptr().cast()) };
    }
}

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
