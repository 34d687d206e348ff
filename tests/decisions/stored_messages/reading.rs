//! The process that reads stored messages takes them up one after the other, and the timer process runs beside it.

use super::*;

/// With sessions and in pager mode, as a short message, and as an instant message.
const ALL: [Capabilities; 3] = [
    PHONE,
    CLIENT,
    Capabilities {
        msrp: true,
        ..CLIENT
    },
];

const fn read(exchange: ExchangeKey) -> Input<'static> {
    let is_here = false;
    Input::StoredRead { exchange, is_here }
}

/// All messages are taken up before the first one begins: else the first may fail, and the second overtakes it.
#[test]
fn no_deadline_passes_while_messages_are_taken_up() {
    let mut world = world();
    stored(&mut world, &instant(BOB, "first"));
    stored(&mut world, &instant(BOB, "second"));
    world.take_up_stored();
    let (wakes_ms, _) = world.store.next_wake().unwrap();
    assert!(wakes_ms >= world.now.unix_ms + 60_000);
}

#[test]
fn a_read_does_not_end_a_delivery_that_has_begun() {
    let long = "x".repeat(1_400);
    for can in ALL {
        let mut world = world();
        stored(&mut world, &instant(BOB, &long));
        let exchange = world.take_up_stored();
        // The timer process is first.
        world.pass(120_000);
        let looked_up = world.handle(Input::Due { exchange });
        assert_eq!(looked_up.looked_up.len(), 1);
        assert!(world.handle(read(exchange)).is_nothing());
        let done = found(&mut world, &looked_up, can);
        assert_eq!(done.sent.len() + done.offered.len(), 1, "{can:?}");
        assert!(world.handle(read(exchange)).is_nothing());
    }
}

#[test]
fn a_read_begins_with_the_oldest_message_that_is_left() {
    let mut world = world();
    stored(&mut world, &instant(BOB, "first"));
    stored(&mut world, &instant(BOB, "second"));
    let exchange = world.take_up_stored();
    let drop = world.handle(Input::Drop { exchange });
    assert!(drop.counted.contains(&Counter::StoreDropped));
    // The first one has ended: its key names nothing any more.
    assert!(world.handle(read(exchange)).is_nothing());
    let second = world.store.ids()[0];
    let done = world.handle(read(second));
    assert_eq!(done.looked_up[0].0, second);
}

/// A recipient who is here does not register again soon.
#[test]
fn a_full_table_is_no_failed_attempt() {
    let mut world = world();
    stored(&mut world, &instant(BOB, "first"));
    stored(&mut world, &instant(BOB, "second"));
    let looked_up = world.read_stored();
    world.store.max = world.store.open();
    let done = found(&mut world, &looked_up, PHONE);
    assert!(done.sent.is_empty());
    assert!(done.counted.contains(&Counter::Full));
    parked(&mut world, &done);
    for (row, _) in world.store.rows.values() {
        let ipsmgw::exchange::Exchange::StoredMessage(message) = row else {
            panic!("a stored message")
        };
        let wait_ms = message.header.due_ms - world.now.unix_ms;
        assert_eq!((message.tries, wait_ms), (0, 30_000));
    }
    world.store.max = usize::MAX;
    let done = comes(&mut world, PHONE);
    assert_eq!(text(&done.message().body), "first");
}
