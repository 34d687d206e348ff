//! The lock protocol in every order in which two threads can run.

use super::Serial;
use super::fixture::{KEYS, Letters, letters};
use crate::kamailio::sys::sharing::race;

/// A table of two places and two buckets, with a record in the first bucket and the first place.
fn with_one() -> (Letters, Serial) {
    let table = letters(2, 2, 2);
    let serial = table.put(KEYS[0], 0, 1).unwrap();
    (table, serial)
}

/// The same, and its alarm.
fn with_alarm() -> (Letters, Serial) {
    let (table, serial) = with_one();
    table.lock(KEYS[0], 1).wake_at(serial, 5);
    (table, serial)
}

/// The record ends, and its place goes to another bucket.
fn move_place((table, old): &(Letters, Serial)) {
    table.end(KEYS[0], *old);
    table.put(KEYS[1], 1, 2).unwrap();
}

fn set_alarm((table, serial): &(Letters, Serial)) {
    table.lock(KEYS[0], 1).wake_at(*serial, 5);
}

#[test]
fn a_record_is_found_or_has_ended() {
    let find = |(table, serial): &(Letters, Serial)| {
        if let Some(mut locked) = table.lock_of(*serial, 1) {
            assert_eq!(locked.get_mut(*serial).unwrap().text, 1);
        }
    };
    race(with_one, move_place, find, |(table, serial), (), ()| {
        assert!(table.lock_of(*serial, 1).is_none());
        assert_eq!(table.texts(KEYS[0], 0), [0; 0]);
        assert_eq!(table.texts(KEYS[1], 1), [2]);
    });
}

#[test]
fn an_alarm_is_that_of_its_record() {
    let look = |(table, serial): &(Letters, Serial)| {
        if let Some((locked, due)) = table.lock_due(0, 5) {
            assert_eq!(due, *serial);
            assert_eq!(locked.get(due).unwrap().text, 1);
        }
    };
    race(with_alarm, move_place, look, |(table, _), (), ()| {
        assert!(table.lock_due(0, 5).is_none());
    });
}

#[test]
fn an_alarm_is_taken_once() {
    let take = |(table, _): &(Letters, Serial)| table.lock_due(0, 5).is_some();
    race(with_alarm, take, take, |_, one, other| {
        assert!(one != other);
    });
}

#[test]
fn an_open_place_holds_a_whole_record() {
    let look = |(table, serial): &(Letters, Serial)| {
        if let Some((locked, open)) = table.lock_open(0, 1) {
            let text = if open == *serial { 1 } else { 2 };
            assert_eq!(locked.get(open).unwrap().text, text);
        }
    };
    race(with_one, move_place, look, |_, (), ()| {});
}

#[test]
fn no_alarm_is_lost() {
    // The timer looks while the alarm is set.
    let look = |(table, _): &(Letters, Serial)| {
        table.may_be_due(5) && table.due(5).any(|place| table.lock_due(place, 5).is_some())
    };
    // It sees the alarm now or at its next check.
    race(with_one, set_alarm, look, |(table, _), (), taken| {
        assert!(taken || table.may_be_due(5));
    });
}

#[test]
fn a_look_that_finds_nothing_loses_no_alarm() {
    let make = || {
        let (table, serial) = with_one();
        let other = table.put(KEYS[1], 0, 2).unwrap();
        table.lock(KEYS[1], 1).wake_at(other, 3);
        assert!(table.lock_due(1, 3).is_some());
        (table, serial)
    };
    // The word with the earliest alarm still says 3. The timer makes it anew while the alarm for 5 is set.
    let look = |(table, _): &(Letters, Serial)| assert!(table.may_be_due(3));
    race(make, set_alarm, look, |(table, _), (), ()| {
        assert!(table.may_be_due(5));
        assert_eq!(table.places_due(5), [0]);
    });
}

#[test]
fn two_take_different_places() {
    let one = |table: &Letters| table.put(KEYS[0], 0, 1).unwrap();
    let other = |table: &Letters| table.put(KEYS[1], 0, 2).unwrap();
    race(
        || letters(2, 2, 2),
        one,
        other,
        |table, one, other| {
            assert_ne!(one, other);
            assert_eq!(table.texts(KEYS[0], 0), [1]);
            assert_eq!(table.texts(KEYS[1], 0), [2]);
            assert_eq!(table.percent_open(), 100);
        },
    );
}

#[test]
fn one_of_two_ends_a_record() {
    let end = |(table, serial): &(Letters, Serial)| match table.lock_of(*serial, 1) {
        Some(mut locked) => {
            locked.remove(*serial);
            1
        }
        None => 0,
    };
    race(with_one, end, end, |(table, _), one, other| {
        assert_eq!(one + other, 1);
        assert_eq!(table.percent_open(), 0);
    });
}
