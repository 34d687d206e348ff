//! Long texts, and short messages in several parts.

use super::*;

#[test]
fn all_parts_of_a_long_text_are_stored_as_one_message() {
    let mut world = world();
    let long = "x".repeat(400);
    let done = world.deliver(&instant(BOB, &long));
    let exchange = done.sent[0].0.unwrap();
    let done = world.leg_fails(exchange, 480);
    assert_eq!(done.asked.len(), 1);
    assert_eq!(world.stored(done.asked[0].0).answer(), 202);
    assert_eq!(world.store.open(), 0);
    let done = comes(&mut world, CLIENT);
    assert_eq!(done.message().body, long.as_bytes());
    world.leg(done.sent[0].0.unwrap(), 200);

    // The phone has the first part: the rest cannot be stored alone.
    let done = world.deliver(&instant(BOB, &long));
    let done = rp_ack(&mut world, done.message().body[1]);
    let exchange = done.sent[0].0.unwrap();
    let done = world.leg_fails(exchange, 480);
    assert_eq!((done.answer(), done.asked.len()), (480, 0));
}

#[test]
fn new_texts_go_behind_stored_texts() {
    let world = world();
    let behind = |message: &MessageIn<'_>| world.gateway.goes_behind(message, false, world.now);
    assert!(behind(&instant(BOB, "hello")));
    assert!(behind(&asks_for_notifications()));
    assert!(behind(&from_phone(ALICE, &hello(1))));
    // For one attempt only.
    let once = MessageIn {
        expires: Some("0"),
        ..instant(BOB, "hello")
    };
    assert!(!behind(&once));
    // Parts for a client wait for each other in any case. To a phone, others may have gone already.
    let parts = parts_that_ask(&"0123456789".repeat(40), 7, 1, |_| false);
    for (part, to_phone, goes) in [
        (0, false, true),
        (1, false, true),
        (0, true, true),
        (1, true, false),
    ] {
        let part = from_phone(ALICE, &parts[part]);
        assert_eq!(world.gateway.goes_behind(&part, to_phone, world.now), goes);
    }
    // A report, no text, and what cannot be read.
    assert!(!behind(&from_phone(ALICE, &[0x02, 0x01])));
    let image = MessageIn {
        content_type: Some("image/png"),
        ..instant(BOB, "")
    };
    assert!(!behind(&image));
    assert!(!behind(&from_phone(ALICE, &[0x00, 0x01, 0x00])));
    // Without a store.
    let mut world = World::new();
    assert!(
        !world
            .gateway
            .goes_behind(&instant(BOB, "hello"), false, world.now)
    );
    world.gateway.keeps = true;
    assert!(
        world
            .gateway
            .goes_behind(&instant(BOB, "hello"), false, world.now)
    );
}

#[test]
fn the_longest_text_is_stored_whole() {
    let mut world = World::with_database(&Settings {
        max_segments: 255,
        ..settings()
    });
    // 255 short messages of 153 characters; two octets for each in UTF-8.
    let long = "é".repeat(39_015);
    stored(&mut world, &instant(BOB, &long));
    world.crash(5_000);
    let mut done = comes(&mut world, PHONE);
    let (mut got, mut count) = (String::new(), 0);
    while done.sent.len() == 1 {
        let body = done.message().body.clone();
        got.push_str(&text(&body));
        count += 1;
        done = rp_ack(&mut world, body[1]);
    }
    assert_eq!(count, 255);
    assert!(got == long, "the text");
    assert_eq!((world.store.open(), world.store.rows.len()), (0, 0));
    let too_long = "x".repeat(80_001);
    let refused = world
        .gateway
        .translate_to_store(&instant(BOB, &too_long), world.now);
    let (refusal, _) = refused.err().expect("refused");
    assert_eq!(refusal.answer.status, 413);
}

/// The parts are acknowledged, and the whole message is relayed with the last one.
fn relayed_from(world: &mut World, parts: &[Vec<u8>]) -> ExchangeKey {
    let (last, others) = parts.split_last().unwrap();
    for part in others {
        let part = world.submit(&to_bob(part)).asked[0].0;
        assert_eq!(world.stored(part).message().body[0], 3, "RP-ACK");
    }
    world.relay(&to_bob(last))
}

/// A long short message that asks for status reports, and whose recipient's client fails: it is stored.
fn stored_long_sm(world: &mut World, long: &str) {
    let exchange = relayed_from(world, &parts_that_ask(long, 7, 1, |_| true));
    let done = world.client_answers(exchange, 480);
    assert!(done.sent.is_empty());
    // The whole message, then that its parts are in it.
    let done = world.stored(done.asked[0].0);
    assert!(done.sent.is_empty());
    assert_eq!(done.asked, [(exchange, None)]);
    assert_eq!(world.stored(exchange).message().body[0], 3);
    world.leg(exchange, 200);
    assert_eq!((world.store.open(), world.store.rows.len()), (0, 1));
}

#[test]
fn a_long_short_message_is_stored_with_its_parts() {
    let long = "0123456789".repeat(40);
    for (can, is_rp) in [(CLIENT, false), (PHONE, true)] {
        let mut world = world();
        stored_long_sm(&mut world, &long);
        let (row, texts) = world.store.rows.values().next().unwrap();
        let ipsmgw::exchange::Exchange::StoredMessage(message) = row else {
            panic!("a stored message")
        };
        let texts = ipsmgw::exchange::StoredMessageTexts::of(texts);
        assert_eq!(world.gateway.stored_text(message, &texts), long);
        world.crash(5_000);
        let mut done = comes(&mut world, can);
        if is_rp {
            let mut got = String::new();
            for sequence in 1..=3 {
                let body = done.message().body.clone();
                got.push_str(&text(&body));
                let (direction, rp) = RpMessage::decode(&body).unwrap();
                let Some(Ok(Tpdu::Deliver(deliver))) = rp.tpdu(direction) else {
                    panic!("no SMS-DELIVER")
                };
                let place = deliver.user_data.concatenation().unwrap();
                assert_eq!((place.sequence, place.total), (sequence, 3));
                assert_eq!(place.reference, ConcatenationReference::Eight(7));
                done = rp_ack(&mut world, body[1]);
            }
            assert_eq!(got, long);
        } else {
            assert_eq!(done.message().body, long.as_bytes());
            done = world.leg(done.sent[0].0.unwrap(), 200);
        }
        // A status report on each part: the first is on its way.
        let reports = world.store.all_im_to_sm();
        let reports = reports.iter().filter(|im| im.is_status_report()).count();
        assert_eq!((reports, world.store.rows.len()), (3, 3));
        assert_eq!(status_report(&done.sent.last().unwrap().1.body).mr.0, 1);
    }
}

/// Its recipient went away between the first copy of the part and the second one.
#[test]
fn a_repeated_part_that_waits_for_others_is_not_stored_as_well() {
    let mut world = world();
    let parts = parts_that_ask(&"0123456789".repeat(40), 7, 1, |_| true);
    let part = world.submit(&to_bob(&parts[0])).asked[0].0;
    // The database does not have it yet.
    let again = store_sm(&mut world, &parts[0]);
    assert_eq!((again.reply(), again.sent.len()), (202, 0));
    assert_eq!(again.asked, [(part, Some(held_as(1)))]);
    assert_eq!(world.stored(part).message().body[0], 3);
    let again = store_sm(&mut world, &parts[0]);
    assert_eq!((again.reply(), again.message().body[0]), (202, 3));
    assert_eq!((again.asked.len(), world.store.open()), (0, 1));
}

#[test]
fn the_parts_of_a_message_that_is_stored_are_not_delivered_after_a_crash() {
    let mut world = world();
    let long = "0123456789".repeat(40);
    stored_long_sm(&mut world, &long);
    world.crash(5_000);
    assert_eq!((world.store.open(), world.store.rows.len()), (0, 1));
}

#[test]
fn a_full_store_leaves_a_long_short_message_to_its_sender() {
    let mut world = world();
    let parts = parts_that_ask(&"0123456789".repeat(40), 7, 1, |_| false);
    let exchange = relayed_from(&mut world, &parts);
    let done = world.client_answers(exchange, 480);
    let stored = done.asked[0].0;
    let done = world.handle(Input::NotStored { exchange: stored });
    assert_eq!(done.message().body[0], 5, "RP-ERROR");
    world.leg(exchange, 200);
    // The other parts wait for the last one.
    assert_eq!(world.store.rows.len(), 2);
}

#[test]
fn a_text_too_long_for_a_message_goes_by_msrp() {
    let with_sessions = Capabilities {
        msrp: true,
        ..CLIENT
    };
    let long = "The quick brown fox. ".repeat(50);
    let accepts = Accepts {
        text: true,
        cpim: false,
        max_size: None,
        is_relayed: false,
    };
    let answered = |world: &mut World, exchange, answer| {
        world.handle(Input::OfferAnswered {
            exchange,
            session: Text::new("one").unwrap(),
            answer,
        })
    };
    let mut world = world();
    stored(&mut world, &instant(BOB, &long));
    // The client is busy, and then it loses the connection: the message stays.
    let done = comes(&mut world, with_sessions);
    let exchange = done.offered[0].0;
    assert_eq!(done.offered[0].1.from, ALICE);
    let done = answered(&mut world, exchange, Err(486));
    parked(&mut world, &done);
    world.pass(30_000);
    // No session is left.
    let exchange = comes(&mut world, with_sessions).offered[0].0;
    let why = Unsent::NoSessionLeft;
    let done = world.handle(Input::NotOffered { exchange, why });
    parked(&mut world, &done);
    world.pass(300_000);
    let done = comes(&mut world, with_sessions);
    let done = answered(&mut world, done.offered[0].0, Ok(accepts));
    assert_eq!(done.begun[0].1, long.as_bytes());
    let status = 408;
    let done = world.handle(Input::SessionEnded { exchange, status });
    parked(&mut world, &done);
    world.pass(300_000);
    let done = comes(&mut world, with_sessions);
    answered(&mut world, done.offered[0].0, Ok(accepts));
    let status = 200;
    let done = world.handle(Input::SessionEnded { exchange, status });
    assert!(done.counted.contains(&Counter::StoreDelivered));
    assert_eq!((world.store.open(), world.store.rows.len()), (0, 0));

    // A client without sessions after all, and a text that fits.
    stored(&mut world, &instant(BOB, &long));
    let done = comes(&mut world, with_sessions);
    let exchange = done.offered[0].0;
    let done = answered(&mut world, exchange, Err(488));
    assert_eq!(done.message().body, long.as_bytes());
    world.leg(exchange, 200);
    stored(&mut world, &instant(BOB, "short"));
    let done = comes(&mut world, with_sessions);
    assert!(done.offered.is_empty() && done.sent.len() == 1);
    world.leg(done.sent[0].0.unwrap(), 200);

    // The host does not report the end.
    stored(&mut world, &instant(BOB, &long));
    let done = comes(&mut world, with_sessions);
    let exchange = done.offered[0].0;
    world.pass(120_000);
    let done = world.handle(Input::Due { exchange });
    assert_eq!(done.ended_sessions, [None]);
    parked(&mut world, &done);
}
