//! A table in shared memory that every process reads and changes: values under identities.

use std::cell::UnsafeCell;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::host::Identity;

use crate::kamailio::sys::ffi;
use crate::kamailio::sys::shared::{Held, Lock, Plain, SharedSlice};

/// A look-up passes one other entry on average where there are 65,536 identities. Each bucket takes 16 octets.
const BUCKETS: usize = 65_536;

/// Values by identity. Each entry is made and freed on its own; a look-up holds the lock of one bucket.
pub(crate) struct SharedMap<V: 'static> {
    buckets: SharedSlice<Bucket<V>>,
    /// How many entries there are: most look-ups are in maps that are empty.
    entries: SharedSlice<AtomicU64>,
    /// Keyed before the fork, so that all processes agree.
    hasher: RandomState,
}

#[repr(C)]
struct Bucket<V> {
    lock: Lock,
    first: UnsafeCell<*mut Entry<V>>,
}

#[repr(C)]
struct Entry<V> {
    next: *mut Entry<V>,
    key: Identity,
    value: V,
}

// SAFETY: a lock, and a pointer into shared memory, which is at the same address in all processes.
unsafe impl<V> Plain for Bucket<V> {}
// SAFETY: the chain is touched only under the lock beside it.
unsafe impl<V: Send> Sync for Bucket<V> {}
// SAFETY: as above; the rest is read-only after mod_init.
unsafe impl<V: Send> Sync for SharedMap<V> {}
// SAFETY: as above.
unsafe impl<V: Send> Send for SharedMap<V> {}

/// Shared memory is full.
#[derive(Debug)]
pub(crate) struct NoMemory;

/// `Copy`, and without pointers: a value is read and written as a whole.
impl<V: Copy> SharedMap<V> {
    /// In mod_init; `None` when shared memory is too small.
    pub(crate) fn new() -> Option<Self> {
        // Kamailio's allocators align to 16 octets (ROUNDTO in core/mem).
        const { assert!(align_of::<Entry<V>>() <= 16) };
        let buckets: SharedSlice<Bucket<V>> = SharedSlice::zeroed(BUCKETS)?;
        for bucket in buckets.iter() {
            bucket.lock.init();
        }
        Some(Self {
            buckets,
            entries: SharedSlice::zeroed(1)?,
            hasher: RandomState::new(),
        })
    }

    /// Whether there is no entry at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries[0].load(Relaxed) == 0
    }

    /// A copy of the value.
    pub(crate) fn get(&self, key: &Identity) -> Option<V> {
        if self.is_empty() {
            return None;
        }
        let mut chain = self.bucket(key).lock(&self.entries[0]);
        chain.find(key).map(|entry| entry.value)
    }

    /// Changes, makes or removes the value, under the bucket's lock. The change must not wait for anything.
    pub(crate) fn change(
        &self,
        key: &Identity,
        change: impl FnOnce(&mut Option<V>),
    ) -> Result<(), NoMemory> {
        let mut chain = self.bucket(key).lock(&self.entries[0]);
        let mut value = chain.find(key).map(|entry| entry.value);
        let was_there = value.is_some();
        change(&mut value);
        match value {
            Some(value) if was_there => {
                if let Some(entry) = chain.find(key) {
                    entry.value = value;
                }
            }
            Some(value) => return chain.push(*key, value),
            None if was_there => chain.retain(|other, _| other != key),
            None => {}
        }
        Ok(())
    }

    /// Keeps only the entries that fit.
    pub(crate) fn retain(&self, mut fits: impl FnMut(&Identity, &V) -> bool) {
        for bucket in self.buckets.iter() {
            bucket.lock(&self.entries[0]).retain(&mut fits);
        }
    }

    /// The same in one of so many parts of the table: a timer that looks at another part each time holds up nobody.
    pub(crate) fn retain_part(
        &self,
        part: usize,
        parts: usize,
        mut fits: impl FnMut(&Identity, &V) -> bool,
    ) {
        for bucket in self.buckets.iter().skip(part).step_by(parts) {
            bucket.lock(&self.entries[0]).retain(&mut fits);
        }
    }

    fn bucket(&self, key: &Identity) -> &Bucket<V> {
        let hash = self.hasher.hash_one(key.as_str());
        &self.buckets[usize::try_from(hash % BUCKETS as u64).unwrap_or(0)]
    }
}

impl<V> Bucket<V> {
    fn lock<'b>(&'b self, entries: &'b AtomicU64) -> Chain<'b, V> {
        Chain {
            _held: self.lock.hold(),
            first: self.first.get(),
            entries,
        }
    }
}

/// The entries of one bucket, while its lock is held.
struct Chain<'b, V> {
    _held: Held<'b>,
    first: *mut *mut Entry<V>,
    /// How many entries the whole map has.
    entries: &'b AtomicU64,
}

impl<V> Chain<'_, V> {
    fn entries(&mut self) -> impl Iterator<Item = &mut Entry<V>> {
        // SAFETY: under the bucket's lock.
        let mut next = unsafe { self.first.read() };
        std::iter::from_fn(move || {
            // SAFETY: entries of the chain, which ends with NULL; each is shown once.
            let entry = unsafe { next.as_mut() }?;
            next = entry.next;
            Some(entry)
        })
    }

    fn find(&mut self, key: &Identity) -> Option<&mut Entry<V>> {
        self.entries().find(|entry| entry.key == *key)
    }

    fn push(&mut self, key: Identity, value: V) -> Result<(), NoMemory> {
        // SAFETY: any size may be asked for.
        let memory = unsafe { ffi::ipsmgw_c_shm_alloc(size_of::<Entry<V>>()) }.cast::<Entry<V>>();
        if memory.is_null() {
            return Err(NoMemory);
        }
        // SAFETY: under the bucket's lock.
        let next = unsafe { self.first.read() };
        // SAFETY: fresh memory of that size.
        unsafe { memory.write(Entry { next, key, value }) };
        // SAFETY: under the bucket's lock.
        unsafe { self.first.write(memory) };
        self.entries.fetch_add(1, Relaxed);
        Ok(())
    }

    /// Frees the entries that do not fit.
    fn retain(&mut self, mut fits: impl FnMut(&Identity, &V) -> bool) {
        let mut place = self.first;
        loop {
            // SAFETY: the head, or the link of an entry, under the bucket's lock.
            let this = unsafe { place.read() };
            // SAFETY: NULL at the end, else an entry of the chain.
            let Some(entry) = (unsafe { this.as_mut() }) else {
                return;
            };
            if fits(&entry.key, &entry.value) {
                place = &raw mut entry.next;
                continue;
            }
            let next = entry.next;
            // SAFETY: takes the entry out of the chain, under the bucket's lock.
            unsafe { place.write(next) };
            // SAFETY: made by `push`; nobody finds it any more.
            unsafe { ffi::ipsmgw_c_shm_free(this.cast()) };
            self.entries.fetch_sub(1, Relaxed);
        }
    }
}
