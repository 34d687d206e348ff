//! Notes about recent requests, found by the digest of the request: a memory that processes share without a lock.
//!
//! Each digest belongs to one set. A set is one line of the processor's cache. A full set forgets its oldest entry.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How many requests a set remembers.
const PLACES: usize = 8;

/// One set. A set of zero octets is empty.
#[repr(C, align(64))]
#[derive(Debug, Default)]
pub struct Set([AtomicU64; PLACES]);

/// A note about a request: a number below 2,048.
pub type Note = u16;

const NOTE_BITS: u32 = 11;

/// Resolution of the stored times, in milliseconds.
pub const UNIT_MS: u64 = 250;

/// The time starts again at 0 after 2^12 units, 17 minutes.
const TIME_BITS: u32 = 12;
const TIME_MASK: u64 = (1 << TIME_BITS) - 1;

/// The high 40 bits of a digest identify a request within its set, so two different requests in 10^12 have the same
/// bits. The low bits choose the set.
const TAG_SHIFT: u32 = NOTE_BITS + TIME_BITS + 1;

/// The largest number of sets: the index of a set uses only bits that are not part of the tag.
const MOST_SETS: usize = 1 << TAG_SHIFT;

/// Marks a place that is in use: such a place is never 0.
const IN_USE: u64 = 1 << (NOTE_BITS + TIME_BITS);

/// How often a process tries when another process writes into the set at the same time. Then the note is lost.
const TRIES: usize = 4;

/// The set of a digest; `None` if there is no set at all. The number of sets is a power of two.
fn set(sets: &[Set], digest: u64) -> Option<&Set> {
    debug_assert!(sets.len().is_power_of_two() && sets.len() <= MOST_SETS);
    sets.get(digest as usize & sets.len().wrapping_sub(1))
}

const fn same_tag(place: u64, digest: u64) -> bool {
    place & IN_USE != 0 && place >> TAG_SHIFT == digest >> TAG_SHIFT
}

/// How long ago a place was written, in units.
const fn age(place: u64, now: u64) -> u64 {
    now.wrapping_sub(place >> NOTE_BITS) & TIME_MASK
}

/// Stores the note about the request with this digest. It replaces an earlier note about that request.
pub fn remember(sets: &[Set], digest: u64, note: Note, now_ms: u64) {
    let Some(Set(places)) = set(sets, digest) else {
        return;
    };
    let now = now_ms / UNIT_MS;
    let new = (digest >> TAG_SHIFT << TAG_SHIFT)
        | IN_USE
        | (now & TIME_MASK) << NOTE_BITS
        | u64::from(note) & ((1 << NOTE_BITS) - 1);
    for _ in 0..TRIES {
        // The place of the same digest first, then a free place, then the oldest one.
        let rank = |old: u64| match old {
            _ if same_tag(old, digest) => u64::MAX,
            0 => u64::MAX - 1,
            _ => age(old, now),
        };
        let best = places
            .iter()
            .map(|place| (place, place.load(Relaxed)))
            .max_by_key(|(_, old)| rank(*old));
        let Some((place, old)) = best else { return };
        if place.compare_exchange(old, new, Relaxed, Relaxed).is_ok() {
            return;
        }
    }
}

/// The note about the request with this digest, and how many milliseconds ago, to [`UNIT_MS`].
pub fn recall(sets: &[Set], digest: u64, now_ms: u64) -> Option<(Note, u64)> {
    let Set(places) = set(sets, digest)?;
    let now = now_ms / UNIT_MS;
    places
        .iter()
        .map(|place| place.load(Relaxed))
        .filter(|place| same_tag(*place, digest))
        // Two processes may have written the digest into two places at once: the later entry counts.
        .min_by_key(|place| age(*place, now))
        .map(|place| {
            let note = (place & ((1 << NOTE_BITS) - 1)) as Note;
            (note, age(place, now) * UNIT_MS)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sets(number: usize) -> Vec<Set> {
        (0..number).map(|_| Set::default()).collect()
    }

    /// A digest in the first set of any table.
    const fn digest(number: u64) -> u64 {
        number << TAG_SHIFT
    }

    #[test]
    fn a_set_is_one_line_of_the_cache() {
        assert_eq!((size_of::<Set>(), align_of::<Set>()), (64, 64));
    }

    #[test]
    fn a_request_is_known_with_its_age() {
        let sets = sets(4);
        assert_eq!(recall(&sets, 7, 1_000), None);
        remember(&sets, 7, 2_047, 1_000);
        assert_eq!(recall(&sets, 7, 1_000), Some((2_047, 0)));
        assert_eq!(recall(&sets, 7, 33_000), Some((2_047, 32_000)));
        // Another digest of the same set, and a digest of another set.
        assert_eq!(recall(&sets, digest(1) | 7, 1_000), None);
        assert_eq!(recall(&sets, 6, 1_000), None);
    }

    #[test]
    fn all_digests_can_be_remembered() {
        let sets = sets(2);
        for digest in [0, 1, u64::MAX, 1 << 63] {
            remember(&sets, digest, 200, 0);
            assert_eq!(recall(&sets, digest, 0), Some((200, 0)), "{digest:x}");
        }
    }

    #[test]
    fn the_newest_entry_counts() {
        let sets = sets(1);
        for note in [0, 202, 503] {
            remember(&sets, digest(9), note, 5_000);
        }
        assert_eq!(recall(&sets, digest(9), 5_000), Some((503, 0)));
        let used = sets.iter().flat_map(|set| &set.0);
        assert_eq!(used.filter(|place| place.load(Relaxed) != 0).count(), 1);
    }

    #[test]
    fn a_full_set_forgets_the_oldest() {
        let sets = sets(1);
        for number in 0..9_u64 {
            remember(&sets, digest(number), 200, number * 1_000);
        }
        assert_eq!(recall(&sets, digest(0), 9_000), None);
        for number in 1..9 {
            assert!(recall(&sets, digest(number), 9_000).is_some(), "{number}");
        }
    }

    #[test]
    fn the_stored_time_may_wrap_around() {
        let sets = sets(1);
        let before = (UNIT_MS << TIME_BITS) - UNIT_MS;
        remember(&sets, digest(1), 200, before);
        let seen = recall(&sets, digest(1), before + 10 * UNIT_MS);
        assert_eq!(seen, Some((200, 10 * UNIT_MS)));
    }
}
