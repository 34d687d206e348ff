//! The lock protocol in every order in which two threads can run.

use loom::sync::Arc;
use loom::thread::spawn;

use super::Serial;
use super::fixture::{KEYS, Letters, letters};

/// A table of two places and two buckets, with a record in the first bucket and the first place.
fn with_one() -> (Arc<Letters>, Serial) {
    let table = Arc::new(letters(2, 2, 2));
    let serial = table.put(KEYS[0], 0, 1).unwrap();
    (table, serial)
}

/// The record ends, and its place goes to another bucket.
fn move_place(table: &Letters, old: Serial) {
    table.end(KEYS[0], old);
    table.put(KEYS[1], 1, 2).unwrap();
}

#[test]
fn a_record_is_found_or_has_ended() {
    loom::model(|| {
        let (table, serial) = with_one();
        let mover = {
            let table = table.clone();
            spawn(move || move_place(&table, serial))
        };
        if let Some(mut locked) = table.lock_of(serial, 1) {
            assert_eq!(locked.get_mut(serial).unwrap().text, 1);
        }
        mover.join().unwrap();
        assert!(table.lock_of(serial, 1).is_none());
        assert_eq!(
            (table.texts(KEYS[0], 0), table.texts(KEYS[1], 1)),
            (vec![], vec![2])
        );
    });
}

#[test]
fn an_alarm_is_that_of_its_record() {
    loom::model(|| {
        let (table, serial) = with_one();
        table.lock(KEYS[0], 1).wake_at(serial, 5);
        let mover = {
            let table = table.clone();
            spawn(move || move_place(&table, serial))
        };
        if let Some((locked, due)) = table.lock_due(0, 5) {
            assert_eq!(due, serial);
            assert_eq!(locked.get(serial).unwrap().text, 1);
        }
        mover.join().unwrap();
        assert!(table.lock_due(0, 5).is_none());
    });
}

#[test]
fn an_open_place_holds_a_whole_record() {
    loom::model(|| {
        let (table, serial) = with_one();
        let mover = {
            let table = table.clone();
            spawn(move || move_place(&table, serial))
        };
        if let Some((locked, open)) = table.lock_open(0, 1) {
            let letter = locked.get(open).unwrap();
            assert_eq!(letter.text, if open == serial { 1 } else { 2 });
        }
        mover.join().unwrap();
    });
}

#[test]
fn no_alarm_is_lost() {
    loom::model(|| {
        let (table, serial) = with_one();
        let setter = {
            let table = table.clone();
            spawn(move || table.lock(KEYS[0], 1).wake_at(serial, 5))
        };
        // The timer looks while the alarm is set.
        let mut taken = false;
        if table.may_be_due(5) {
            for place in table.due(5) {
                taken |= table.lock_due(place, 5).is_some();
            }
        }
        setter.join().unwrap();
        // It sees the alarm now or at its next look.
        assert!(taken || table.may_be_due(5));
    });
}

#[test]
fn a_look_that_begins_anew_loses_no_alarm() {
    loom::model(|| {
        let (table, serial) = with_one();
        let other = table.put(KEYS[1], 0, 2).unwrap();
        table.lock(KEYS[1], 1).wake_at(other, 3);
        let setter = {
            let table = table.clone();
            spawn(move || table.lock(KEYS[0], 1).wake_at(serial, 5))
        };
        // Something else is due, so the timer makes the word anew.
        assert!(table.may_be_due(3));
        assert!(table.lock_due(1, 3).is_some());
        setter.join().unwrap();
        assert!(table.may_be_due(5));
        assert_eq!(table.places_due(5), [0]);
    });
}

#[test]
fn two_take_different_places() {
    loom::model(|| {
        let table = Arc::new(letters(2, 2, 2));
        let other = {
            let table = table.clone();
            spawn(move || table.put(KEYS[1], 0, 2).unwrap())
        };
        let mine = table.put(KEYS[0], 0, 1).unwrap();
        assert_ne!(other.join().unwrap(), mine);
        assert_eq!(
            (table.texts(KEYS[0], 0), table.texts(KEYS[1], 0)),
            (vec![1], vec![2])
        );
        assert_eq!(table.percent_open(), 100);
    });
}

#[test]
fn one_of_two_ends_a_record() {
    loom::model(|| {
        let (table, serial) = with_one();
        let end = move |table: &Letters| match table.lock_of(serial, 1) {
            Some(mut locked) => {
                locked.remove(serial);
                1
            }
            None => 0,
        };
        let other = {
            let table = table.clone();
            spawn(move || end(&table))
        };
        let mine = end(&table);
        assert_eq!(other.join().unwrap() + mine, 1);
        assert_eq!(table.percent_open(), 0);
    });
}
