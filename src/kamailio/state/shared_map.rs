//! A table in shared memory that every process reads and changes: values under identities.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::Ordering::Relaxed;

use crate::exchange::Identity;
use crate::kamailio::sys::sharing::{AtomicU64, Guarded, Memory, Plain, plain};

/// A look-up passes one other entry on average where there are 65,536 identities. Each bucket takes 16 octets.
const BUCKETS: usize = 65_536;

/// Values by identity. Each entry is made and freed on its own; a look-up holds the lock of one bucket.
pub(crate) struct SharedMap<M: Memory, V: Plain> {
    buckets: M::Array<Guarded<M::Lock, Chain<M, V>>>,
    /// The number of entries: most look-ups are in empty maps.
    entries: M::Box<AtomicU64>,
    /// Keyed before the fork, so that all processes agree.
    hasher: RandomState,
}

/// The entries of one bucket.
struct Chain<M: Memory, V: Plain> {
    first: Link<M, V>,
}

type Link<M, V> = Option<<M as Memory>::Box<Entry<M, V>>>;

struct Entry<M: Memory, V: Plain> {
    next: Link<M, V>,
    key: Identity,
    value: V,
}

plain!([M: Memory, V: Plain] struct Chain<M, V> as Chain { first });
plain!([M: Memory, V: Plain] struct Entry<M, V> as Entry { next, key, value });

/// Shared memory is full.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoMemory;

/// `Copy`: a value is read and written as a whole.
impl<M: Memory, V: Plain + Copy> SharedMap<M, V> {
    /// In mod_init; `None` when shared memory is too small.
    pub(crate) fn new() -> Option<Self> {
        Self::with_buckets(BUCKETS)
    }

    fn with_buckets(buckets: usize) -> Option<Self> {
        Some(Self {
            buckets: M::array(buckets, |_| Guarded::new(Chain { first: None }))?,
            entries: M::boxed(AtomicU64::new(0))?,
            hasher: RandomState::new(),
        })
    }

    /// Whether there is no entry at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.load(Relaxed) == 0
    }

    /// A copy of the value.
    pub(crate) fn get(&self, key: &Identity) -> Option<V> {
        if self.is_empty() {
            return None;
        }
        self.bucket(key).with(|chain| chain.find(key).copied())
    }

    /// Changes, makes or removes the value, under the bucket's lock. The change must not wait for anything.
    pub(crate) fn change(
        &self,
        key: &Identity,
        change: impl FnOnce(&mut Option<V>),
    ) -> Result<(), NoMemory> {
        let mut chain = self.bucket(key).lock();
        let known = chain.find(key);
        let was_there = known.is_some();
        let mut value = known.as_deref().copied();
        change(&mut value);
        match (value, known) {
            (Some(value), Some(known)) => *known = value,
            (Some(value), None) => {
                chain.push(*key, value)?;
                self.entries.fetch_add(1, Relaxed);
            }
            (None, _) if was_there => self.retain_in(&mut chain, |other, _| other != key),
            (None, _) => {}
        }
        Ok(())
    }

    /// Keeps only the entries that fit.
    pub(crate) fn retain(&self, fits: impl FnMut(&Identity, &V) -> bool) {
        self.retain_part(0, 1, fits);
    }

    /// The same in one of `parts` parts of the table: a timer that takes another part each time delays no other process.
    pub(crate) fn retain_part(
        &self,
        part: usize,
        parts: usize,
        mut fits: impl FnMut(&Identity, &V) -> bool,
    ) {
        if self.is_empty() {
            return;
        }
        for bucket in self.buckets.iter().skip(part).step_by(parts) {
            self.retain_in(&mut bucket.lock(), &mut fits);
        }
    }

    fn retain_in(&self, chain: &mut Chain<M, V>, fits: impl FnMut(&Identity, &V) -> bool) {
        let removed = chain.retain(fits);
        if removed > 0 {
            self.entries.fetch_sub(removed, Relaxed);
        }
    }

    fn bucket(&self, key: &Identity) -> &Guarded<M::Lock, Chain<M, V>> {
        let hash = self.hasher.hash_one(key.as_str());
        let buckets = self.buckets.len() as u64;
        &self.buckets[usize::try_from(hash % buckets).unwrap_or(0)]
    }
}

impl<M: Memory, V: Plain> Chain<M, V> {
    fn find(&mut self, key: &Identity) -> Option<&mut V> {
        let mut next = self.first.as_deref_mut();
        while let Some(entry) = next {
            if entry.key == *key {
                return Some(&mut entry.value);
            }
            next = entry.next.as_deref_mut();
        }
        None
    }

    fn push(&mut self, key: Identity, value: V) -> Result<(), NoMemory> {
        let next = self.first.take();
        // Without memory for the new entry the others stay.
        let entry = M::boxed(Entry {
            next: None,
            key,
            value,
        });
        let Some(mut entry) = entry else {
            self.first = next;
            return Err(NoMemory);
        };
        entry.next = next;
        self.first = Some(entry);
        Ok(())
    }

    /// Frees the entries that do not fit; says how many.
    fn retain(&mut self, mut fits: impl FnMut(&Identity, &V) -> bool) -> u64 {
        let mut removed = 0;
        let mut link = &mut self.first;
        loop {
            while link
                .as_ref()
                .is_some_and(|entry| !fits(&entry.key, &entry.value))
            {
                let next = link.as_mut().and_then(|entry| entry.next.take());
                *link = next;
                removed += 1;
            }
            match link {
                Some(entry) => link = &mut entry.next,
                None => return removed,
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::kamailio::sys::sharing::Heap;

    type Numbers = SharedMap<Heap, u32>;

    fn key(number: u32) -> Identity {
        Identity::new(&format!("+1555{number:04}")).unwrap()
    }

    fn put(map: &Numbers, number: u32, value: u32) -> Result<(), NoMemory> {
        map.change(&key(number), |place| *place = Some(value))
    }

    #[test]
    fn values_are_made_changed_and_removed() {
        // Several in each bucket.
        for buckets in [1, 3] {
            let map = Numbers::with_buckets(buckets).unwrap();
            assert_eq!((map.is_empty(), map.get(&key(1))), (true, None));
            for number in 1..=6 {
                put(&map, number, number).unwrap();
            }
            put(&map, 3, 30).unwrap();
            map.change(&key(4), |place| *place = None).unwrap();
            map.change(&key(9), |place| *place = None).unwrap();
            let values = [1, 2, 3, 4, 5, 9].map(|number| map.get(&key(number)));
            assert_eq!(values, [Some(1), Some(2), Some(30), None, Some(5), None]);
            for number in 1..=6 {
                map.change(&key(number), |place| *place = None).unwrap();
            }
            assert!(map.is_empty());
        }
    }

    #[test]
    fn texts_that_do_not_fit_are_not_kept() {
        for odd in [0, 1] {
            let map = Numbers::with_buckets(2).unwrap();
            for number in 0..10 {
                put(&map, number, number).unwrap();
            }
            map.retain(|_, value| value % 2 == odd);
            let kept = (0..10).filter(|number| map.get(&key(*number)).is_some());
            assert!(kept.eq((0..10).filter(|number| number % 2 == odd)));
            map.retain(|_, _| false);
            assert!(map.is_empty());
        }
    }

    #[test]
    fn the_parts_are_the_whole() {
        let map = Numbers::with_buckets(8).unwrap();
        for number in 0..32 {
            put(&map, number, number).unwrap();
        }
        let mut seen = Vec::new();
        for part in 0..3 {
            map.retain_part(part, 3, |_, value| {
                seen.push(*value);
                true
            });
        }
        seen.sort_unstable();
        assert!(seen.into_iter().eq(0..32));
    }

    #[test]
    fn without_memory_the_old_values_stay() {
        let map = Numbers::with_buckets(1).unwrap();
        put(&map, 1, 1).unwrap();
        Heap::leaves(0);
        assert_eq!(put(&map, 2, 2), Err(NoMemory));
        assert_eq!(put(&map, 1, 10), Ok(()));
        Heap::leaves(usize::MAX);
        assert_eq!((map.get(&key(1)), map.get(&key(2))), (Some(10), None));
    }

    #[test]
    fn one_lock_for_each_look_up_and_none_in_an_empty_map() {
        let map = Numbers::with_buckets(4).unwrap();
        assert_eq!(Heap::locks_taken(|| assert_eq!(map.get(&key(1)), None)), 0);
        assert_eq!(Heap::locks_taken(|| put(&map, 1, 1).unwrap()), 1);
        assert_eq!(Heap::locks_taken(|| assert_eq!(map.get(&key(2)), None)), 1);
    }

    #[test]
    fn threads_see_whole_changes() {
        let map = Numbers::with_buckets(2).unwrap();
        let (threads, rounds) = if cfg!(miri) { (3, 20) } else { (4, 1_000) };
        let add = |place: &mut Option<u32>| *place = Some(place.unwrap_or(0) + 1);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    for round in 0..rounds {
                        map.change(&key(round % 5), add).unwrap();
                    }
                });
            }
            // A timer that removes nothing.
            scope.spawn(|| (0..rounds).for_each(|_| map.retain(|_, value| *value > 0)));
        });
        let values: HashMap<u32, u32> = (0..5)
            .filter_map(|number| Some((number, map.get(&key(number))?)))
            .collect();
        assert_eq!(values.values().sum::<u32>(), threads * rounds);
    }
}
