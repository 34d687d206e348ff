use std::collections::HashMap;

use super::Serial;
use super::fixture::{KEYS, Letters, letter, letters, try_letters};
use crate::exchange::Full;
use crate::kamailio::sys::sharing::Heap;

#[test]
fn each_chain_is_oldest_first() {
    let table = letters(8, 8, 8);
    for (key, kind, text) in [
        (0, 0, 1),
        (1, 0, 2),
        (0, 1, 3),
        (0, 0, 4),
        (0, 1, 5),
        (1, 0, 6),
    ] {
        table.put(KEYS[key], kind, text).unwrap();
    }
    assert_eq!(table.texts(KEYS[0], 0), [1, 4]);
    assert_eq!(table.texts(KEYS[0], 1), [3, 5]);
    assert_eq!(table.texts(KEYS[1], 0), [2, 6]);
    assert_eq!(table.texts(KEYS[1], 1), [0; 0]);
    assert_eq!(table.texts(KEYS[0], 7), [0; 0], "no such kind");
    let locked = table.lock(KEYS[0], 1);
    let (oldest, _) = locked.of_kind(1).next().unwrap();
    let (newest, last) = locked.newest(1).unwrap();
    assert_eq!(last.text, 5);
    assert_eq!(
        locked.next_of(oldest).map(|(serial, _)| serial),
        Some(newest)
    );
    assert_eq!(locked.next_of(newest), None);
    assert_eq!(table.lock(KEYS[1], 1).newest(1), None);
}

#[test]
fn a_chain_stays_whole_wherever_a_record_ends() {
    for (ends, left) in [(0, [2, 3]), (1, [1, 3]), (2, [1, 2])] {
        let table = letters(8, 8, 8);
        let serials = [1, 2, 3].map(|text| table.put(KEYS[0], 0, text).unwrap());
        table.end(KEYS[0], serials[ends]);
        assert_eq!(table.texts(KEYS[0], 0), left);
        // The last one of the chain is known too.
        table.put(KEYS[0], 0, 4).unwrap();
        assert_eq!(table.texts(KEYS[0], 0), [left[0], left[1], 4]);
        for serial in serials {
            table.end(KEYS[0], serial);
        }
        assert_eq!(table.texts(KEYS[0], 0), [4]);
    }
}

#[test]
fn a_serial_number_is_void_when_its_record_has_ended() {
    let table = letters(1, 4, 4);
    let old = table.put(KEYS[0], 0, 1).unwrap();
    table.end(KEYS[0], old);
    assert!(table.lock_of(old, 1).is_none());
    // The place is taken again. There is only one.
    let new = table.put(KEYS[0], 0, 2).unwrap();
    assert!(table.lock_of(old, 1).is_none());
    table.lock(KEYS[0], 1).remove(old);
    table.lock(KEYS[0], 1).wake_at(old, 5);
    assert_eq!(table.places_due(5), [0; 0]);
    let mut locked = table.lock_of(new, 1).unwrap();
    assert_eq!(locked.get(new), Some(&letter(2)));
    assert_eq!(locked.get_mut(old), None);
    assert_eq!(locked.next_of(old), None);
}

#[test]
fn a_serial_number_is_given_once() {
    let table = letters(2, 2, 2);
    // It stays open, so the numbers that share its entry are left out.
    let stays = table.put(KEYS[0], 1, 7).unwrap();
    let (mut last, mut ended) = (stays, Vec::new());
    for text in 0..40 {
        let serial = table.put(KEYS[0], 0, text).unwrap();
        assert!(serial > last && serial.get() % 4 != stays.get() % 4);
        // Also those that had the entry of this one.
        assert!(ended.iter().all(|old| table.lock_of(*old, 1).is_none()));
        assert_eq!(
            table.lock_of(serial, 1).unwrap().get(serial),
            Some(&letter(text))
        );
        assert_eq!(
            table.lock_of(stays, 1).unwrap().get(stays),
            Some(&letter(7))
        );
        table.end(KEYS[0], serial);
        ended.push(serial);
        last = serial;
    }
}

#[test]
fn a_record_is_reached_in_its_bucket_alone() {
    let table = letters(4, 4, 4);
    let serial = table.put(KEYS[0], 0, 1).unwrap();
    let mut other = table.lock(KEYS[1], 1);
    assert_eq!((other.get(serial), other.serial_at(0)), (None, None));
    assert_eq!(other.get_mut(serial), None);
    other.remove(serial);
    other.wake_at(serial, 5);
    drop(other);
    assert_eq!(table.places_due(5), [0; 0]);
    let mut locked = table.lock_of(serial, 1).unwrap();
    locked.get_mut(serial).unwrap().text = 7;
    assert_eq!(
        (*locked.beside(), locked.get(serial)),
        (0, Some(&letter(7)))
    );
    let nobody = Serial::MAX;
    assert_eq!(locked.get(nobody), None);
    drop(locked);
    assert!(table.lock_of(nobody, 1).is_none());
}

#[test]
fn a_full_table_and_a_full_chain() {
    let table = letters(4, 3, 9);
    let serials = [1, 2, 3].map(|text| table.put(KEYS[0], 0, text).unwrap());
    assert_eq!(
        table.put(KEYS[0], 0, 4),
        Err(Full::Table),
        "the chain is full"
    );
    assert_eq!(table.put(KEYS[0], 2, 4), Err(Full::Table), "no such kind");
    let other = table.put(KEYS[0], 1, 4).unwrap();
    assert_eq!(
        table.put(KEYS[1], 0, 5),
        Err(Full::Table),
        "the table is full"
    );
    assert_eq!(table.percent_open(), 100);
    table.end(KEYS[0], serials[1]);
    table.end(KEYS[0], other);
    assert_eq!(table.percent_open(), 50);
    table.put(KEYS[1], 0, 5).unwrap();
    table.put(KEYS[0], 0, 6).unwrap();
    assert_eq!(table.texts(KEYS[0], 0), [1, 3, 6]);
    assert_eq!(table.capacity(), 4);
}

#[test]
fn a_table_without_places_is_full() {
    let table = letters(0, 3, 9);
    assert_eq!(table.put(KEYS[0], 0, 1), Err(Full::Table));
    assert_eq!((table.capacity(), table.percent_open()), (0, 0));
    assert!(!table.may_be_due(u64::MAX - 1));
    assert!(table.lock_of(Serial::MIN, 1).is_none());
}

#[test]
fn a_sender_has_a_share_and_no_more() {
    let table = letters(12, 8, 3);
    let serials = [1, 2, 3].map(|text| table.put_of(KEYS[text as usize], 0, 5, text).unwrap());
    assert_eq!(table.put_of(KEYS[0], 0, 5, 4), Err(Full::Sender));
    assert_eq!(table.texts(KEYS[0], 0), [0; 0], "nothing of it stays");
    table.put_of(KEYS[0], 0, 6, 1).unwrap();
    table.put(KEYS[0], 0, 2).unwrap();
    assert_eq!(table.senders(), 2);
    assert!(table.lock(KEYS[0], 1).is_crowded(5));
    assert!(!table.lock(KEYS[0], 1).is_crowded(6));
    table.end(KEYS[1], serials[0]);
    table.end(KEYS[2], serials[1]);
    assert!(!table.lock(KEYS[0], 1).is_crowded(5));
    table.end(KEYS[3], serials[2]);
    assert_eq!(table.senders(), 1);
    // Over half of the table.
    for text in 0..5 {
        table.put(KEYS[0], 0, text).unwrap();
    }
    assert!(table.lock(KEYS[0], 1).is_crowded(9));
}

#[test]
fn a_record_gives_its_blocks_back() {
    let table = letters(4, 4, 4);
    let serials = [0, 1].map(|key| table.put_stamped(KEYS[key], 5).unwrap());
    assert_eq!(
        table.put_stamped(KEYS[2], 6),
        Err(Full::Table),
        "the stock is empty"
    );
    assert_eq!(
        (table.senders(), table.percent_open()),
        (1, 50),
        "nothing of it stays"
    );
    table.end(KEYS[0], serials[0]);
    // Without a stamp the place of one that had a stamp.
    let other = table.put(KEYS[2], 0, 1).unwrap();
    let new = table.put_stamped(KEYS[2], 6).unwrap();
    table.end(KEYS[2], other);
    assert_eq!(table.put_stamped(KEYS[2], 6), Err(Full::Table));
    table.end(KEYS[2], new);
    table.end(KEYS[1], serials[1]);
    assert_eq!(
        [0, 1].map(|key| table.put_stamped(KEYS[key], 5).is_ok()),
        [true; 2]
    );
}

#[test]
fn alarms_are_due_in_time() {
    let table = letters(4, 4, 4);
    let [first, second] = [1, 2].map(|text| table.put(KEYS[0], 0, text).unwrap());
    assert!(!table.may_be_due(1_000_000));
    table.lock(KEYS[0], 1).wake_at(first, 100);
    table.lock(KEYS[0], 1).wake_at(second, 50);
    assert!(!table.may_be_due(49));
    assert!(table.may_be_due(50));
    assert_eq!(table.places_due(50), [1]);
    assert!(table.lock_due(0, 50).is_none(), "too early");
    let (locked, serial) = table.lock_due(1, 50).unwrap();
    assert_eq!(serial, second);
    drop(locked);
    assert!(table.lock_due(1, 50).is_none(), "once");
    // Of those that are left the earliest.
    assert!(
        table.may_be_due(60),
        "the look was before the alarm was taken"
    );
    assert!(!table.may_be_due(99));
    // A later time in place of an earlier one, and the other way round.
    table.lock(KEYS[0], 1).wake_at(first, 200);
    assert!(table.may_be_due(100), "there was an alarm");
    assert_eq!(table.places_due(100), [0; 0]);
    assert!(!table.may_be_due(199));
    table.lock(KEYS[0], 1).wake_at(first, 150);
    assert!(table.may_be_due(150));
    assert_eq!(table.places_due(150), [0]);
    table.end(KEYS[0], first);
    assert_eq!(table.places_due(150), [0; 0]);
    assert!(table.lock_due(0, 150).is_none());
}

#[test]
fn an_alarm_for_the_time_zero_is_one() {
    let table = letters(4, 4, 4);
    let serial = table.put(KEYS[0], 0, 1).unwrap();
    table.lock(KEYS[0], 1).wake_at(serial, 0);
    assert!(table.may_be_due(1));
    assert!(table.lock_due(0, 1).is_some());
}

#[test]
fn a_place_is_not_due_for_the_record_that_takes_it() {
    let table = letters(4, 4, 4);
    let old = table.put(KEYS[0], 0, 1).unwrap();
    table.lock(KEYS[0], 1).wake_at(old, 5);
    let due = table.places_due(5);
    table.end(KEYS[0], old);
    table.put(KEYS[1], 0, 2).unwrap();
    assert_eq!(due, [0]);
    assert!(table.lock_due(0, 5).is_none());
}

#[test]
fn open_records_are_counted() {
    let table = letters(4, 4, 4);
    let serials = [(0, 0), (1, 1)].map(|(key, kind)| {
        let mut locked = table.lock(KEYS[key], 10 + key as u64);
        locked.insert(kind, 0, |_, _| true).unwrap()
    });
    assert_eq!(table.census().collect::<Vec<_>>(), [(0, 10), (1, 11)]);
    assert_eq!(table.open().collect::<Vec<_>>(), [0, 1]);
    let (_, serial) = table
        .lock_open(1, 12)
        .map(|(locked, serial)| (drop(locked), serial))
        .unwrap();
    assert_eq!(serial, serials[1]);
    table.end(KEYS[0], serials[0]);
    assert_eq!(table.open().collect::<Vec<_>>(), [1]);
    assert!(table.lock_open(0, 12).is_none());
    assert!(table.lock_open(9, 12).is_none());
}

#[test]
fn a_look_up_takes_one_lock_and_a_change_of_hands_two() {
    let table = letters(4, 4, 4);
    let serial = table.put(KEYS[0], 0, 1).unwrap();
    assert_eq!(
        Heap::locks_taken(|| assert!(table.put(KEYS[1], 0, 1).is_ok())),
        2
    );
    assert_eq!(
        Heap::locks_taken(|| assert!(table.lock_of(serial, 1).is_some())),
        1
    );
    let mut locked = table.lock(KEYS[0], 1);
    let work = || {
        locked.wake_at(serial, 5);
        locked.get_mut(serial).unwrap().text += 1;
        assert_eq!(locked.of_kind(0).count(), 1);
    };
    assert_eq!(Heap::locks_taken(work), 0);
    drop(locked);
    assert_eq!(Heap::locks_taken(|| assert!(table.may_be_due(9))), 0);
    assert_eq!(
        Heap::locks_taken(|| assert_eq!(table.census().count(), 2)),
        0
    );
    assert_eq!(Heap::locks_taken(|| table.end(KEYS[0], serial)), 2);
    assert_eq!(
        Heap::locks_taken(|| assert!(table.lock_of(serial, 1).is_none())),
        0
    );
}

#[test]
fn too_little_memory_is_an_error() {
    let make = |pieces| {
        Heap::leaves(pieces);
        try_letters(4, 4, 4)
    };
    let needs = (0..).find(|pieces| make(*pieces).is_some()).unwrap();
    assert!(needs > 1 && make(needs - 1).is_none());
    Heap::leaves(usize::MAX);
}

/// Numbers that look like chance, and are the same each time.
fn random(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    move |below| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 16) % below
    }
}

const fn rounds(normally: u64, under_miri: u64) -> u64 {
    if cfg!(miri) { under_miri } else { normally }
}

/// An open letter of the model.
struct Open {
    key: usize,
    kind: usize,
    sender: u64,
    text: u32,
    serial: Serial,
}

#[test]
fn the_table_behaves_as_a_plain_list() {
    for seed in 1..=rounds(40, 2) {
        let mut random = random(seed);
        let table = letters(16, 6, 5);
        // The oldest first.
        let mut open: Vec<Open> = Vec::new();
        for text in 0..rounds(600, 60) as u32 {
            if random(5) < 3 {
                let (key, kind, sender) = (random(4) as usize, random(2) as usize, random(4));
                let in_chain = open.iter().filter(|it| (it.key, it.kind) == (key, kind));
                let of_sender = open.iter().filter(|it| it.sender == sender && sender != 0);
                let expected = match (in_chain.count(), open.len(), of_sender.count()) {
                    (6.., ..) | (_, 16, _) => Err(Full::Table),
                    (.., 5..) => Err(Full::Sender),
                    _ => Ok(()),
                };
                let inserted = table.put_of(KEYS[key], kind, sender, text);
                assert_eq!(inserted.map(|_| ()), expected, "seed {seed}");
                open.extend(inserted.map(|serial| Open {
                    key,
                    kind,
                    sender,
                    text,
                    serial,
                }));
            } else if !open.is_empty() {
                let ended = open.remove(random(open.len() as u64) as usize);
                table.end(KEYS[ended.key], ended.serial);
            }
            for (key, kind) in (0..4).flat_map(|key| [(key, 0), (key, 1)]) {
                let chain = open.iter().filter(|it| (it.key, it.kind) == (key, kind));
                let texts: Vec<u32> = chain.map(|it| it.text).collect();
                assert_eq!(table.texts(KEYS[key], kind), texts, "seed {seed}");
            }
            assert_eq!(table.census().count(), open.len(), "seed {seed}");
        }
    }
}

/// Each letter says which thread has put it where; nobody else changes it.
#[test]
fn threads_do_not_disturb_each_other() {
    const THREADS: u32 = 4;
    let table = letters(8, 8, 8);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let table = &table;
            scope.spawn(move || worker(table, thread));
        }
        // The timer, and somebody who looks.
        scope.spawn(|| {
            for _ in 0..rounds(2_000, 40) {
                if table.may_be_due(10) {
                    for place in table.due(10) {
                        if let Some((mut locked, serial)) = table.lock_due(place, 10) {
                            let letter = locked.get_mut(serial).unwrap();
                            assert!(letter.text < THREADS);
                        }
                    }
                }
                for place in table.open() {
                    if let Some((locked, serial)) = table.lock_open(place, 10) {
                        assert!(locked.get(serial).is_some());
                    }
                }
                assert!(table.percent_open() <= 100);
                std::thread::yield_now();
            }
        });
    });
    assert_eq!((table.percent_open(), table.senders()), (0, 0));
    assert_eq!(table.census().count(), 0);
    assert_eq!(table.places_due(u64::MAX), [0; 0]);
    for text in 0..8 {
        table.put(KEYS[0], 0, text).unwrap();
    }
}

fn worker(table: &Letters, thread: u32) {
    let mut random = random(thread.into());
    let mut open: HashMap<Serial, usize> = HashMap::new();
    for _ in 0..rounds(2_000, 30) {
        let key = random(4) as usize;
        {
            let mut locked = table.lock(KEYS[key], 1);
            if let Ok(serial) = locked.insert(random(2) as usize, random(3), |_, _| true) {
                locked.get_mut(serial).unwrap().text = thread;
                locked.wake_at(serial, 1 + random(20));
                assert!(open.insert(serial, key).is_none(), "a number is given once");
            }
        }
        let ended: Vec<Serial> = open.keys().copied().filter(|_| random(2) == 0).collect();
        for serial in ended {
            let mut locked = table.lock_of(serial, 1).unwrap();
            assert_eq!(locked.get(serial), Some(&letter(thread)));
            locked.remove(serial);
            drop(locked);
            assert!(table.lock_of(serial, 1).is_none());
            open.remove(&serial);
        }
    }
    for (serial, key) in open {
        table.end(KEYS[key], serial);
    }
}
