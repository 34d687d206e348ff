//! Which stored messages hold up new ones, and which do not.

use ipsmgw::exchange::{Exchange, StoredMessage};
use ipsmgw::interwork::{holds_up, is_taken_up};

use super::*;

const NETWORK_OUT_OF_ORDER: u8 = 38;
const MEMORY: u8 = 22;

/// The oldest message in the database.
fn oldest(world: &World) -> StoredMessage {
    let (row, _) = world.store.rows.values().next().expect("a row");
    let Exchange::StoredMessage(message) = row else {
        panic!("a stored message")
    };
    *message
}

/// The phone that has got this refuses it.
fn refuses(world: &mut World, done: &Done, cause: u8) -> Done {
    let rp_mr = done.message().body[1];
    world.report(&from_phone(BOB, &[0x04, rp_mr, 0x01, 0x80 | cause]))
}

/// The recipient has just registered with this.
fn registers(world: &mut World, can: Capabilities) -> Done {
    let looked_up = world.read_stored_of(true);
    found(world, &looked_up, can)
}

#[test]
fn a_message_that_is_refused_twice_holds_up_no_other_one() {
    let mut world = world();
    for text in ["one", "two", "three"] {
        stored(&mut world, &instant(BOB, text));
    }
    let done = comes(&mut world, PHONE);
    let done = refuses(&mut world, &done, NETWORK_OUT_OF_ORDER);
    assert_eq!(done.asked.len(), 3, "all of them wait");
    parked(&mut world, &done);
    assert!(holds_up(&oldest(&world)));

    let done = comes(&mut world, PHONE);
    let mut done = refuses(&mut world, &done, NETWORK_OUT_OF_ORDER);
    assert_eq!(done.asked.len(), 1, "it waits alone");
    assert!(world.stored(done.asked[0].0).is_nothing());
    for expected in ["two", "three"] {
        let sent = found(&mut world, &done, PHONE);
        assert_eq!(text(&sent.message().body), expected);
        done = rp_ack(&mut world, sent.message().body[1]);
    }
    assert_eq!((world.store.open(), world.store.rows.len()), (0, 1));

    let message = oldest(&world);
    assert!(!holds_up(&message));
    let (now, mut later) = (world.now, world.now);
    later.unix_ms = message.header.due_ms;
    assert!(!is_taken_up(&message, false, now), "left alone");
    assert!(is_taken_up(&message, false, later), "its time has come");
    assert!(is_taken_up(&message, true, now), "the recipient registers");
}

/// The host reads the messages behind it in the database: it may be the only one that was read.
#[test]
fn the_messages_behind_the_last_one_that_was_read_are_read() {
    let mut world = world();
    stored(&mut world, &instant(BOB, "one"));
    for is_last in [false, true] {
        let done = comes(&mut world, PHONE);
        let done = refuses(&mut world, &done, NETWORK_OUT_OF_ORDER);
        assert_eq!(done.reads.len(), usize::from(is_last));
        parked(&mut world, &done);
    }
}

#[test]
fn a_recipient_who_is_away_or_silent_or_has_no_memory_holds_up_new_messages() {
    let mut world = world();
    stored(&mut world, &instant(BOB, "one"));
    for _ in 0..3 {
        let done = registers(&mut world, NOBODY);
        parked(&mut world, &done);
        let done = comes(&mut world, PHONE);
        let done = refuses(&mut world, &done, MEMORY);
        parked(&mut world, &done);
        let done = comes(&mut world, PHONE);
        let done = world.leg_fails(done.sent[0].0.unwrap(), 480);
        parked(&mut world, &done);
        assert!(holds_up(&oldest(&world)));
    }
}

#[test]
fn a_message_that_fails_twice_behind_a_registration_holds_up_no_other_one() {
    let mut world = world();
    stored(&mut world, &instant(BOB, "one"));
    for passes in [false, true] {
        let done = registers(&mut world, PHONE);
        let done = world.leg_fails(done.sent[0].0.unwrap(), 480);
        parked(&mut world, &done);
        assert_eq!(!holds_up(&oldest(&world)), passes);
    }
}

/// A recipient who has just taken one message is here.
#[test]
fn a_message_that_fails_twice_behind_another_delivery_holds_up_no_other_one() {
    let mut world = world();
    stored(&mut world, &instant(BOB, "one"));
    stored(&mut world, &instant(BOB, "two"));
    let done = comes(&mut world, PHONE);
    let looked_up = rp_ack(&mut world, done.message().body[1]);
    let done = found(&mut world, &looked_up, PHONE);
    let done = world.leg_fails(done.sent[0].0.unwrap(), 480);
    parked(&mut world, &done);
    assert!(holds_up(&oldest(&world)));
    let done = registers(&mut world, PHONE);
    let done = world.leg_fails(done.sent[0].0.unwrap(), 480);
    parked(&mut world, &done);
    assert!(!holds_up(&oldest(&world)));
}

#[test]
fn a_message_that_no_device_can_have_holds_up_no_other_one() {
    let mut world = world();
    stored(&mut world, &instant(BOB, "one"));
    let looked_up = world.read_stored();
    let done = world.handle(Input::LookedUp {
        exchange: looked_up.looked_up[0].0,
        can: PHONE,
        may_convert: false,
    });
    parked(&mut world, &done);
    assert!(!holds_up(&oldest(&world)));
    // A client is here, and goes away again.
    let done = comes(&mut world, CLIENT);
    let done = world.leg(done.sent[0].0.unwrap(), 480);
    parked(&mut world, &done);
    assert!(holds_up(&oldest(&world)));
}

#[test]
fn the_refusal_before_a_message_is_stored_counts() {
    for (cause, passes) in [(NETWORK_OUT_OF_ORDER, true), (MEMORY, false)] {
        let mut world = world();
        let done = world.deliver(&instant(BOB, "hello"));
        let done = refuses(&mut world, &done, cause);
        assert_eq!(world.stored(done.asked[0].0).answer(), 202);
        assert!(holds_up(&oldest(&world)));
        let done = comes(&mut world, PHONE);
        let done = refuses(&mut world, &done, cause);
        parked(&mut world, &done);
        assert_eq!(!holds_up(&oldest(&world)), passes, "{cause}");
    }
}
