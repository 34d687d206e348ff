//! Memory that all processes share, and the locks in it.

use std::mem::{align_of, size_of};
use std::ops::Deref;
use std::ptr::NonNull;

use super::ffi;

/// Types whose all-zero octets are a value, and which hold no pointer into one process.
///
/// # Safety
/// Both must be true of the type.
pub(crate) unsafe trait Plain {}

// SAFETY: an integer.
unsafe impl Plain for std::sync::atomic::AtomicU32 {}
// SAFETY: as above.
unsafe impl Plain for std::sync::atomic::AtomicU64 {}
// SAFETY: integers; zero octets are a set that remembers nothing.
unsafe impl Plain for crate::base::recent::Set {}

/// `[T]` in shared memory, made before the fork and never given back: the same address everywhere.
pub(crate) struct SharedSlice<T: 'static>(&'static [T]);

impl<T: Plain> SharedSlice<T> {
    /// Room for `len` values, all zero; `None` when shared memory (`-m`) is too small.
    pub(crate) fn zeroed(len: usize) -> Option<Self> {
        // Kamailio's allocators align to less (ROUNDTO in core/mem): room to move the start up.
        let room = align_of::<T>();
        let size = len.checked_mul(size_of::<T>())?.checked_add(room)?;
        // SAFETY: mod_init runs after shared memory was set up.
        let memory = unsafe { ffi::ipsmgw_c_shm_alloc(size) };
        let memory = NonNull::new(memory.cast::<u8>())?;
        let up = memory.align_offset(room);
        // SAFETY: `up` is less than `room`, so this is inside the memory or at its end.
        let memory = unsafe { memory.add(up) }.cast::<T>();
        // SAFETY: zeroed octets of our own for `len` values, aligned, never freed; `T: Plain` allows zero.
        Some(Self(unsafe {
            std::slice::from_raw_parts(memory.as_ptr(), len)
        }))
    }
}

impl<T> Deref for SharedSlice<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        self.0
    }
}

/// One of Kamailio's locks, in shared memory.
#[repr(transparent)]
pub(crate) struct Lock(std::cell::UnsafeCell<ffi::gen_lock_t>);

// SAFETY: a lock word, zero before `init`; it points nowhere.
unsafe impl Plain for Lock {}
// SAFETY: that is what a lock is for; Kamailio's are made for use by several processes.
unsafe impl Sync for Lock {}

impl Lock {
    /// Before the fork, once.
    pub(crate) fn init(&self) {
        // SAFETY: the lock word is ours and not yet shared.
        unsafe { ffi::ipsmgw_c_lock_init(self.0.get()) }
    }

    /// Waits for the lock. It is given back when the result is dropped, also by a panic.
    pub(crate) fn hold(&self) -> Held<'_> {
        // SAFETY: initialised in mod_init; not held by this process (no caller nests its own kind).
        unsafe { ffi::ipsmgw_c_lock_get(self.0.get()) };
        Held(self)
    }
}

/// A lock that is held.
pub(crate) struct Held<'l>(&'l Lock);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // SAFETY: made by `hold` alone, so this process holds the lock.
        unsafe { ffi::ipsmgw_c_lock_release(self.0.0.get()) }
    }
}
