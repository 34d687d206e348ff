//! The outcome of a stored message: notifications, status reports, the end of its validity.

use ipsmgw::exchange::{Clients, Exchange, Store as _};

use super::*;

#[test]
fn a_status_report_that_a_crash_cut_off_is_sent_after_it() {
    let mut world = world();
    stored_sm(&mut world, &asking(0x2A));
    let rp_mr = comes(&mut world, PHONE).message().body[1];
    let done = rp_ack(&mut world, rp_mr);
    assert_eq!(u8::from(status_report(&done.message().body).status), 0x00);
    world.crash(5_000);
    let sent = world.until_sent().sent;
    let (exchange, again) = &sent[0];
    assert_eq!(u8::from(status_report(&again.body).status), 0x00);
    world.leg(exchange.unwrap(), 200);
    world.report_before_200(&from_phone(ALICE, &[0x02, again.body[1]]));
    assert_eq!((world.store.open(), world.store.rows.len()), (0, 0));
}

/// A crash may cut off the end of the row: the sender knows the second notification by its Message-ID.
#[test]
fn a_notification_has_the_same_message_id_after_a_crash() {
    let notified = |crashes| {
        let mut world = world();
        stored(&mut world, &asks_for_notifications());
        if crashes {
            comes(&mut world, PHONE);
            world.crash(5_000);
        }
        let rp_mr = comes(&mut world, PHONE).message().body[1];
        rp_ack(&mut world, rp_mr).message().body.clone()
    };
    assert_eq!(notified(true), notified(false));
}

#[test]
fn the_sender_is_notified_of_the_end_of_validity() {
    let mut world = world();
    let message = MessageIn {
        expires: Some("60"),
        ..asks_for_notifications()
    };
    stored(&mut world, &message);
    world.pass(60_000);
    let done = world.read_stored();
    assert_eq!(disposition(&done), Some("<failed"));
    assert!(done.counted.contains(&Counter::StoreExpired));
    world.notified();
    assert_eq!(world.store.rows.len(), 0);

    // Enhanced TP-VP: 60 s.
    let mut tpdu = submit_tpdu(0x07, 0, 0);
    tpdu[0] |= 0b0010_1000;
    tpdu.splice(10..10, [0x02, 60, 0, 0, 0, 0, 0]);
    stored_sm(&mut world, &rp_data_mo(0x2B, &tpdu));
    assert_eq!(due_of_row(&world), Some(30_000));
    world.pass(61_000);
    let done = world.read_stored();
    let rp_mr = done.message().body[1];
    let report = status_report(&done.message().body);
    assert_eq!(u8::from(report.status), 0x46);
    world.leg(done.sent[0].0.unwrap(), 200);
    world.report_before_200(&from_phone(ALICE, &[0x02, rp_mr]));
    assert_eq!(world.store.rows.len(), 0);
}

/// Its time is over, but an older one is before it.
#[test]
fn an_expired_message_ends_while_an_older_one_waits() {
    let mut world = world();
    stored(&mut world, &instant(BOB, "one"));
    let short = MessageIn {
        expires: Some("60"),
        ..instant(BOB, "two")
    };
    stored(&mut world, &short);
    stored(&mut world, &instant(BOB, "three"));
    world.pass(61_000);
    let looked_up = world.read_stored();
    let done = found(&mut world, &looked_up, NOBODY);
    assert_eq!(done.counted, [Counter::StoreExpired]);
    assert_eq!(done.asked.len(), 2);
    parked(&mut world, &done);
    // No timer is due at once.
    assert_eq!(due_of_row(&world), Some(300_000));
    assert_eq!(world.store.rows.len(), 2);
}

#[test]
fn a_phone_without_a_report_may_have_the_message() {
    let mut world = world();
    stored(&mut world, &asks_for_notifications());
    let done = comes(&mut world, PHONE);
    let exchange = done.sent[0].0.unwrap();
    world.leg(exchange, 200);
    let done = world.no_report(exchange);
    assert_eq!(done.sent.len(), 1, "once more");
    world.leg(exchange, 200);
    let done = world.no_report(exchange);
    assert!(done.counted.contains(&Counter::StoreUnconfirmed));
    assert_eq!(disposition(&done), None);
    assert_eq!(world.store.rows.len(), 0);
}

/// The phone has it, its report is lost, and the phone is gone when it is asked again.
#[test]
fn a_phone_that_is_gone_before_its_report_gets_the_message_again() {
    for comes_back in [true, false] {
        let mut world = world();
        stored(&mut world, &asks_for_notifications());
        let done = comes(&mut world, PHONE);
        let exchange = done.sent[0].0.unwrap();
        world.leg(exchange, 200);
        assert_eq!(world.no_report(exchange).sent.len(), 1, "once more");
        let done = world.leg(exchange, 480);
        assert_eq!((disposition(&done), done.asked.len()), (None, 1));
        parked(&mut world, &done);
        world.crash(1_000);
        let done = if comes_back {
            let again = comes(&mut world, PHONE);
            rp_ack(&mut world, again.message().body[1])
        } else {
            world.now.unix_ms += 1_000 * 86_400 * 30;
            world.read_stored()
        };
        // At the end of its validity, "failed" would be wrong.
        assert_eq!(disposition(&done), comes_back.then_some("<delivered"));
        world.notified();
        assert_eq!((world.store.open(), world.store.rows.len()), (0, 0));
    }
}

/// The attempt number of the first client that a stored message goes to now.
fn first_attempt(world: &World, exchange: ExchangeKey) -> u8 {
    match world.store.by_key(exchange) {
        Some(Exchange::StoredMessage(message)) => Clients::round(message.round),
        _ => panic!("a stored message"),
    }
}

/// The message is read again with the row that it had before.
#[test]
fn the_end_of_an_attempt_whose_failure_was_not_written_counts_once() {
    let mut world = world();
    stored(&mut world, &instant(BOB, "hello"));
    let done = comes(&mut world, CLIENT);
    let exchange = done.sent[0].0.unwrap();
    let first = first_attempt(&world, exchange);
    let done = world.completed(exchange, first, 408);
    assert_eq!(done.asked.len(), 1);
    world.handle(Input::NotStored { exchange });
    assert_eq!(world.store.open(), 0);
    comes(&mut world, CLIENT);
    // tm tells the end of the first attempt once more.
    assert!(world.completed(exchange, first, 408).is_nothing());
    let done = world.leg(exchange, 200);
    assert!(done.counted.contains(&Counter::StoreDelivered));
    assert_eq!(world.store.rows.len(), 0);
}

/// tm may tell the end of a MESSAGE twice, and the second time late.
#[test]
fn each_client_counts_once_in_each_attempt() {
    let mut world = world();
    stored(&mut world, &instant(BOB, "hello"));
    let mut before = Vec::new();
    for attempt in 0..2 {
        let done = comes(&mut world, CLIENT);
        let exchange = done.sent[0].0.unwrap();
        let clients = 2;
        assert!(
            world
                .handle(Input::Forked { exchange, clients })
                .is_nothing()
        );
        // Those of the attempt before.
        for client in before {
            assert!(world.completed(exchange, client, 480).is_nothing());
        }
        let first = first_attempt(&world, exchange);
        before = vec![first, first + 1];
        for _ in 0..2 {
            assert!(world.completed(exchange, first, 480).asked.is_empty());
        }
        if attempt == 0 {
            let done = world.completed(exchange, first + 1, 480);
            parked(&mut world, &done);
        } else {
            let done = world.completed(exchange, first + 1, 200);
            assert!(done.counted.contains(&Counter::StoreDelivered));
        }
    }
    assert_eq!(world.store.rows.len(), 0);
}

#[test]
fn the_submission_of_a_stored_message_can_be_recorded_again() {
    let mut world = world();
    stored(&mut world, &asks_for_notifications());
    let records = world.books.take();
    let [record] = &records[..] else {
        panic!("one record")
    };
    let (row, texts) = world.store.rows.values().next().unwrap();
    let again = world.gateway.submission_again(row, texts, world.now);
    assert!(again == Some(*record), "the same record");
    // The submission of a short message belongs to the exchange of its sender, and the delivery to this one.
    world.store.rows.clear();
    stored_sm(&mut world, &asking(0x2A));
    let records = world.books.take();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].about, Charged::Submission);
    let (row, texts) = world.store.rows.values().next().unwrap();
    let again = world.gateway.submission_again(row, texts, world.now);
    assert_eq!(again.unwrap().exchange, records[0].exchange);
}

#[test]
fn the_sender_of_a_dropped_message_is_notified() {
    let mut world = world();
    stored(&mut world, &asks_for_notifications());
    let exchange = world.take_up_stored();
    let done = world.handle(Input::Drop { exchange });
    assert_eq!(disposition(&done), Some("<failed"));
    assert!(done.counted.contains(&Counter::StoreDropped));
    world.notified();
    assert_eq!((world.store.open(), world.store.rows.len()), (0, 0));
    // One that is being delivered stays.
    stored(&mut world, &asks_for_notifications());
    let exchange = world.read_stored().looked_up[0].0;
    assert!(world.handle(Input::Drop { exchange }).is_nothing());
    assert_eq!(world.store.rows.len(), 1);
}
