//! Messages that are stored after a failed delivery.

use super::*;

#[test]
fn a_message_that_a_phone_could_not_take_is_stored_before_the_202() {
    let mut world = world();
    let done = world.deliver(&asks_for_notifications());
    let exchange = done.sent[0].0.unwrap();
    let done = world.leg_fails(exchange, 480);
    assert!(done.answered.is_empty());
    let done = world.stored(done.asked[0].0);
    assert_eq!(done.answer(), 202);
    assert_eq!((world.store.open(), world.store.rows.len()), (0, 1));
    let done = comes(&mut world, PHONE);
    assert_eq!(text(&done.message().body), "hello");
    let done = rp_ack(&mut world, done.message().body[1]);
    assert_eq!(disposition(&done), Some("<delivered"));
}

#[test]
fn a_phone_without_memory_gets_the_message_later() {
    let mut world = world();
    let done = world.deliver(&instant(BOB, "hello"));
    let rp_mr = done.message().body[1];
    let done = world.report(&from_phone(BOB, &[0x04, rp_mr, 0x01, 0x80 | 22]));
    assert_eq!((done.answered.len(), done.asked.len()), (0, 1));
    assert_eq!(world.stored(done.asked[0].0).answer(), 202);
}

#[test]
fn a_final_refusal_of_a_phone_is_reported_at_once() {
    let mut world = world();
    let done = world.deliver(&instant(BOB, "hello"));
    let rp_mr = done.message().body[1];
    let done = world.report(&from_phone(BOB, &[0x04, rp_mr, 0x01, 0x80 | 111]));
    assert_eq!((done.answer(), done.asked.len()), (500, 0));
}

#[test]
fn a_message_that_cannot_be_stored_has_failed() {
    for slow in [false, true] {
        let mut world = world();
        let done = world.deliver(&instant(BOB, "hello"));
        let exchange = done.sent[0].0.unwrap();
        let done = world.leg_fails(exchange, 480);
        let asked = done.asked[0].0;
        let done = match slow {
            false => world.handle(Input::NotStored { exchange: asked }),
            true => {
                world.pass(19_000);
                let transaction = held_as(1);
                world.handle(Input::HoldTimeout {
                    exchange,
                    transaction,
                })
            }
        };
        assert_eq!(done.answer(), 480, "slow: {slow}");
        assert_eq!((world.store.open(), world.store.rows.len()), (0, 0));
    }
}

#[test]
fn a_message_that_a_client_could_not_take_is_stored_before_the_rp_ack() {
    for (status, is_stored) in [
        (480, true),
        (408, true),
        (486, true),
        (503, true),
        (404, false),
        (603, false),
    ] {
        let mut world = world();
        let octets = hello(0x2A);
        let exchange = world.relay(&to_bob(&octets));
        let done = world.client_answers(exchange, status);
        assert_eq!(done.asked.len(), usize::from(is_stored), "{status}");
        if is_stored {
            assert!(done.sent.is_empty());
            let done = world.stored(done.asked[0].0);
            assert_eq!(done.message().body[..2], [3, 0x2A]);
        } else {
            assert_eq!(done.message().body[..2], [5, 0x2A]);
        }
    }
}

#[test]
fn a_message_between_phones_is_stored_after_a_failure() {
    let mut world = world();
    let octets = hello(0x2A);
    let translated = world
        .gateway
        .translate_sm_to_phone(&to_bob(&octets), world.now);
    let (sm, to) = translated.ok().unwrap();
    let done = world.handle(Input::SubmitToPhone {
        sm: &sm,
        to: &to,
        transaction: held_as(3),
    });
    let exchange = done.sent[0].0.unwrap();
    let done = world.leg_fails(exchange, 480);
    let done = world.stored(done.asked[0].0);
    assert_eq!(done.message().body[..2], [3, 0x2A]);
    assert_eq!(world.store.rows.len(), 1);
}

/// The sender gets no other answer then: tm would send 408.
#[test]
fn a_failure_at_the_end_of_the_hold_time_is_not_stored() {
    let mut world = world();
    let done = world.deliver(&instant(BOB, "hello"));
    let exchange = done.sent[0].0.unwrap();
    world.pass(19_950);
    let transaction = held_as(1);
    let done = world.handle(Input::HoldTimeout {
        exchange,
        transaction,
    });
    assert_eq!(done.answer(), 480);
    assert_eq!(world.store.rows.len(), 0);
}
