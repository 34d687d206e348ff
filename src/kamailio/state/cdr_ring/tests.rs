//! A ring in the heap, and later starts with it.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::kamailio::sys::sharing::Heap;

type Words = Box<[AtomicU64]>;
type Ring = CdrRing<Heap, Words>;

/// A record with this number. Its other fields are empty, or 0.
pub(in crate::kamailio::state) fn record(number: u64) -> ChargingRecord {
    let mut octets = vec![0];
    octets.extend(number.to_be_bytes());
    octets.extend([0; 40]);
    ChargingRecord::decode(&octets).unwrap()
}

fn words(places: u32) -> Words {
    (0..words_for(places)).map(|_| AtomicU64::new(0)).collect()
}

/// The ring of a later start.
fn again(ring: Ring) -> (Ring, Found) {
    Ring::new(ring.words).unwrap()
}

fn put(ring: &Ring, numbers: std::ops::Range<u64>) -> usize {
    let records: Vec<_> = numbers.map(record).collect();
    ring.put(records.iter())
}

fn numbers(ring: &Ring) -> Vec<u64> {
    ring.first(u64::MAX / 2)
        .records
        .iter()
        .map(|record| record.number)
        .collect()
}

fn take(ring: &Ring, most: u64) -> Vec<u64> {
    let group = ring.first(most);
    ring.done_with(&group);
    group.records.iter().map(|record| record.number).collect()
}

#[test]
fn the_ring_keeps_the_order_and_has_an_end() {
    let (ring, found) = Ring::new(words(4)).unwrap();
    assert_eq!(
        found,
        Found {
            left: 0,
            damaged: 0
        }
    );
    for round in 0..3 {
        assert_eq!(put(&ring, 10 * round..10 * round + 6), 2);
        assert_eq!(ring.len(), 4);
        assert_eq!(take(&ring, 3), [0, 1, 2].map(|n| 10 * round + n));
        assert_eq!(ring.len(), 1);
        assert_eq!(take(&ring, 3), [10 * round + 3]);
        assert_eq!(take(&ring, 3), [0; 0]);
    }
    assert!(!ring.is_left());
}

#[test]
fn an_empty_ring_begins_at_its_first_place() {
    let (ring, _) = Ring::new(words(8)).unwrap();
    for round in 0..3 {
        put(&ring, 1..4);
        assert_eq!(take(&ring, 2), [1, 2]);
        put(&ring, 4..5);
        assert_eq!(take(&ring, 2), [3, 4]);
        assert_eq!(ring.len(), 0);
        let used = (0..8).filter(|at| ring.place(*at)[2].load(Relaxed) > 0);
        assert_eq!(used.count(), 4, "round {round}");
    }
}

/// Threads stand for processes: each record comes once, in the order of its sender.
#[test]
fn processes_put_records_in_while_one_takes_them_out() {
    const EACH: u64 = 200;
    let (ring, _) = Ring::new(words(16)).unwrap();
    let mut taken = Vec::new();
    std::thread::scope(|scope| {
        for sender in 0..3 {
            let ring = &ring;
            scope.spawn(move || {
                for number in 0..EACH {
                    while ring.put(std::iter::once(&record(1_000 * sender + number))) > 0 {
                        std::thread::yield_now();
                    }
                }
            });
        }
        while taken.len() < 3 * EACH as usize {
            taken.extend(take(&ring, 5));
        }
    });
    for sender in 0..3 {
        let of_sender = taken.iter().filter(|number| **number / 1_000 == sender);
        assert!(of_sender.map(|number| number % 1_000).eq(0..EACH));
    }
    assert_eq!((taken.len() as u64, ring.len()), (3 * EACH, 0));
}

#[test]
fn a_later_start_finds_what_was_left() {
    let (mut ring, _) = Ring::new(words(4)).unwrap();
    for start in 0..10 {
        assert_eq!(put(&ring, 10 * start..10 * start + 3), 0);
        assert_eq!(take(&ring, 1), [10 * start]);
        // What the writer had in its hands stays.
        let _ = ring.first(1);
        let left = [1, 2].map(|n| 10 * start + n);
        let (next, found) = again(ring);
        ring = next;
        assert_eq!(
            found,
            Found {
                left: 2,
                damaged: 0
            }
        );
        assert_eq!(numbers(&ring), left);
        assert!(ring.is_left());
        // New records come behind them, and none takes their places.
        assert_eq!(put(&ring, 500..503), 1);
        assert_eq!(take(&ring, 2), left);
        assert!(!ring.is_left());
        assert_eq!(take(&ring, 4), [500, 501]);
    }
}

#[test]
fn a_record_that_is_half_written_is_none() {
    for words_written in 0..PLACE {
        let (ring, _) = Ring::new(words(4)).unwrap();
        put(&ring, 1..3);
        // The second place as far as it was written: its number comes last.
        let second = ring.place(1);
        second[0].store(0, Relaxed);
        second[1 + words_written..]
            .iter()
            .for_each(|word| word.store(7, Relaxed));
        let (ring, found) = again(ring);
        assert_eq!(
            found,
            Found {
                left: 1,
                damaged: 0
            }
        );
        assert_eq!(numbers(&ring), [1]);
        assert_eq!(put(&ring, 3..6), 0);
        assert_eq!(numbers(&ring), [1, 3, 4, 5]);
    }
}

#[test]
fn a_group_that_is_half_written_is_none() {
    let (ring, _) = Ring::new(words(8)).unwrap();
    put(&ring, 1..3);
    put(&ring, 3..6);
    let begun = ring.place(2)[0].load(Relaxed);
    ring.words[BEGUN].store(begun, Relaxed);
    let (ring, found) = again(ring);
    assert_eq!(
        found,
        Found {
            left: 2,
            damaged: 0
        }
    );
    assert_eq!(numbers(&ring), [1, 2]);
    let (ring, found) = again(ring);
    assert_eq!(found.left, 2);
    put(&ring, 6..8);
    assert_eq!(numbers(&ring), [1, 2, 6, 7]);
}

#[test]
fn a_record_that_is_half_taken_out_is_found_or_not() {
    let (ring, _) = Ring::new(words(8)).unwrap();
    put(&ring, 1..6);
    // Killed while the writer frees the places of a group.
    ring.free(0);
    ring.free(1);
    let (ring, found) = again(ring);
    assert_eq!(found.left, 3);
    assert_eq!(numbers(&ring), [3, 4, 5]);
}

#[test]
fn each_changed_word_is_found() {
    for word in 1..20 {
        for bit in [0, 7, 31, 63] {
            let (ring, _) = Ring::new(words(4)).unwrap();
            put(&ring, 1..4);
            let second = ring.place(1);
            second[word].fetch_xor(1 << bit, Relaxed);
            // The record has fewer words.
            let is_used = word < BEFORE + record(2).encode().len().div_ceil(8);
            assert_eq!(ring.first(3).records.len(), 3 - usize::from(is_used));
            let (ring, found) = again(ring);
            assert_eq!(found.damaged, u64::from(is_used), "word {word}, bit {bit}");
            let left: &[u64] = if is_used { &[1, 3] } else { &[1, 2, 3] };
            assert_eq!(numbers(&ring), left);
            assert_eq!(take(&ring, 4), left);
            assert_eq!(ring.len(), 0);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..Default::default() })]

    /// Any words, with whole records in between: nothing panics, whole records alone are found, and the ring goes on.
    #[test]
    fn any_content_gives_whole_records_alone(
        places in vec(prop_oneof![2 => Just(None), 1 => vec(any::<u64>(), PLACE).prop_map(Some)], 1..9),
        hits in vec((0..9_usize * PLACE, any::<u64>()), 0..6),
        more in 0..12_u64,
    ) {
        let count = places.len() as u32;
        let (ring, _) = Ring::new(words(count)).unwrap();
        put(&ring, 100..100 + u64::from(count));
        for (at, place) in places.iter().enumerate() {
            for (word, value) in place.iter().flatten().enumerate() {
                ring.place(at as u64)[word].store(*value, Relaxed);
            }
        }
        for (at, value) in hits {
            if let Some(word) = ring.words.get(HEADER + at) {
                word.store(value, Relaxed);
            }
        }
        let (ring, found) = again(ring);
        let left = numbers(&ring);
        prop_assert_eq!(left.len() as u64, found.left);
        let whole: Vec<_> = (100..100 + u64::from(count)).map(|number| record(number).encode()).collect();
        for record in ring.first(u64::from(count)).records {
            prop_assert!(whole.contains(&record.encode()));
        }
        put(&ring, 1..1 + more);
        let mut all = Vec::new();
        while ring.len() > 0 {
            all.extend(take(&ring, 3));
        }
        prop_assert_eq!(&all[..left.len()], &left[..]);
        prop_assert!(all[left.len()..].iter().copied().eq(1..1 + (all.len() - left.len()) as u64));
        // Free again, as a whole.
        prop_assert_eq!(put(&ring, 0..u64::from(count)), 0);
    }
}
