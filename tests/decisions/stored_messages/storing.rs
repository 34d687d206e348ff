//! Which messages are stored, and when their senders are answered.

use super::*;

#[test]
fn the_script_stores_a_message_that_it_has_relayed() {
    let mut world = world();
    let exchange = world.relay(&from_phone(ALICE, &hello(1)));
    let done = world.handle(Input::ScriptStores {
        exchange,
        request: ReplyTo::AtHand,
    });
    assert_eq!(done.reply(), 202);
    let done = world.handle(Input::FinalSent {
        exchange,
        status: 202,
        open: 0,
    });
    assert_eq!(done.asked.len(), 1, "the database is asked");
    assert_eq!(world.stored(done.asked[0].0).message().body[0], 3, "RP-ACK");
}

#[test]
fn a_refused_message_for_the_store_has_the_way_of_its_kind() {
    let world = world();
    let way = |message| {
        let refused = world.gateway.translate_to_store(&message, world.now);
        refused.err().expect("refused").1
    };
    let broken = [0, 1, 0];
    assert_eq!(way(from_phone(ALICE, &broken)), Interworking::ImToIm);
    let no_tpdu = rp_data_mo(1, &[0x3F]);
    assert_eq!(way(from_phone(ALICE, &no_tpdu)), Interworking::SmToSm);
    let image = MessageIn {
        content_type: Some("image/png"),
        ..instant(BOB, "")
    };
    assert_eq!(way(image), Interworking::ImToIm);
}

#[test]
fn no_answer_before_the_database_has_the_message() {
    let mut world = world();
    let done = store(&mut world, &instant(BOB, "hello"));
    assert!(done.replies.is_empty() && done.sent.is_empty());
    assert_eq!(done.asked[0].1, Some(held_as(1)), "its sender waits");
    let done = world.stored(done.asked[0].0);
    assert_eq!((done.reply(), done.replies[0].1), (202, Verdict::Taken));
    assert_eq!(done.counted, [Counter::Stored]);
    assert_eq!(done.reads.len(), 1, "the recipient may have come back");
    assert_eq!((world.store.open(), world.store.rows.len()), (0, 1));
    assert_eq!(due_of_row(&world), Some(30_000));
}

#[test]
fn a_database_that_refuses_the_message_is_a_refusal() {
    for too_slow in [false, true] {
        let mut world = world();
        let done = store(&mut world, &instant(BOB, "hello"));
        let exchange = done.asked[0].0;
        let done = match too_slow {
            false => world.handle(Input::NotStored { exchange }),
            true => world.handle(Input::HoldTimeout {
                exchange,
                transaction: held_as(1),
            }),
        };
        assert_eq!((done.reply(), done.replies[0].1), (480, Verdict::Refused));
        assert_eq!(world.store.rows.len(), 0);
        // The answer has left.
        world.pass(1_000);
        assert!(world.handle(Input::Due { exchange }).is_nothing());
        assert_eq!(world.store.open(), 0);
    }
}

#[test]
fn without_a_database_nothing_is_stored() {
    let mut world = world();
    world.gateway.keeps = false;
    assert_eq!(store(&mut world, &instant(BOB, "hello")).reply(), 480);
    let done = store_sm(&mut world, &hello(0x2A));
    assert_eq!(done.message().body[..4], [5, 0x2A, 1, 0x80 | 27]);
}

#[test]
fn a_short_message_that_the_database_does_not_take_is_refused() {
    let mut world = world();
    let done = store_sm(&mut world, &hello(0x2A));
    assert_eq!((done.reply(), done.sent.len()), (202, 0));
    let exchange = done.asked[0].0;
    let done = world.handle(Input::NotStored { exchange });
    assert_eq!(done.message().body[..4], [5, 0x2A, 1, 0x80 | 27]);
    assert_eq!(world.store.rows.len(), 0);
}

#[test]
fn the_rp_ack_on_a_stored_short_message_waits_for_the_database() {
    let mut world = world();
    let done = store_sm(&mut world, &asking(0x2A));
    assert_eq!((done.reply(), done.sent.len()), (202, 0));
    let done = world.stored(done.asked[0].0);
    assert_eq!(done.message().body[..2], [3, 0x2A]);
    // No status report yet: its outcome is open.
    let done = world.leg(done.sent[0].0.unwrap(), 200);
    assert!(done.sent.is_empty());
    // The phone repeats: it is not stored twice.
    let again = store_sm(&mut world, &asking(0x2A));
    assert_eq!(again.message().body[..2], [3, 0x2A]);
    assert_eq!(world.store.rows.len(), 1);
}

#[test]
fn the_default_validity_counts_without_expires() {
    let mut world = world();
    stored(&mut world, &instant(BOB, "hello"));
    world.pass(72 * 3_600_000 - 1);
    let looked_up = world.read_stored();
    let done = found(&mut world, &looked_up, NOBODY);
    parked(&mut world, &done);
    world.pass(1);
    let done = world.read_stored();
    assert_eq!(done.counted, [Counter::StoreExpired]);
}

#[test]
fn a_message_for_one_attempt_is_not_stored() {
    let mut world = world();
    let once = MessageIn {
        expires: Some("0"),
        ..instant(BOB, "now or never")
    };
    assert_eq!(store(&mut world, &once).reply(), 480);
    let mut tpdu = submit_tpdu(0x07, 0, 0);
    tpdu[0] |= 0b0000_1000;
    tpdu.splice(10..10, [0x40, 0, 0, 0, 0, 0, 0]);
    let done = store_sm(&mut world, &rp_data_mo(0x2B, &tpdu));
    assert_eq!(done.message().body[..2], [5, 0x2B]);
    assert_eq!(world.store.rows.len(), 0);
}

#[test]
fn without_a_validity_nothing_is_stored() {
    let mut world = World::with_database(&Settings {
        validity: 0,
        ..settings()
    });
    assert_eq!(store(&mut world, &instant(BOB, "hello")).reply(), 480);
    let done = world.deliver(&instant(BOB, "hello"));
    let exchange = done.sent[0].0.unwrap();
    let done = world.leg_fails(exchange, 480);
    assert_eq!((done.answer(), done.asked.len()), (480, 0));
}

#[test]
fn the_sender_of_a_short_message_does_not_wait_for_a_slow_database_for_ever() {
    let mut world = world();
    let done = store_sm(&mut world, &hello(0x2B));
    let exchange = done.asked[0].0;
    world.pass(30_000);
    let done = world.handle(Input::Due { exchange });
    assert_eq!(done.message().body[..2], [5, 0x2B]);
    // The database has it nevertheless: it is not delivered behind the RP-ERROR.
    assert!(world.handle(Input::Stored { exchange }).is_nothing());
    assert_eq!(world.store.rows.len(), 0);
}
