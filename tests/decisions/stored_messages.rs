//! Store and forward: rows FWD-1 to FWD-9.

use ipsmgw::base::Text;
use ipsmgw::exchange::{Accepts, ReplyTo};
use ipsmgw::interwork::{Charged, Counter, Input, Interworking, Settings, Unsent, Verdict};
use ipsmgw::sip::{Capabilities, MessageIn};
use ipsmgw::wire::{ConcatenationReference, RpMessage, Tpdu};

use crate::long_sm_to_im::parts_that_ask;
use crate::status_reports::{asking, status_report};
use crate::world::{
    ALICE, BOB, Done, World, field, from_phone, held_as, hello, instant, rp_data_mo, settings,
    submit_tpdu,
};

const PHONE: Capabilities = Capabilities {
    sm: true,
    im: false,
    msrp: false,
    cpim: false,
};
const CLIENT: Capabilities = Capabilities {
    sm: false,
    im: true,
    ..PHONE
};
const BOTH: Capabilities = Capabilities { im: true, ..PHONE };
const NOBODY: Capabilities = Capabilities { sm: false, ..PHONE };

const CPIM: &str = "From: <sip:+15550001@ims.example>\r\n\
    To: <sip:+15550002@ims.example>\r\n\
    NS: imdn <urn:ietf:params:imdn>\r\n\
    imdn.Message-ID: m1\r\n\
    imdn.Disposition-Notification: positive-delivery, negative-delivery\r\n\
    \r\n\
    Content-Type: text/plain;charset=utf-8\r\n\
    \r\n\
    hello";

fn world() -> World {
    let mut world = World::with(&Settings {
        retry: "30,300",
        ..settings()
    });
    world.gateway.keeps = true;
    world
}

fn asks_for_notifications() -> MessageIn<'static> {
    MessageIn {
        content_type: Some("message/cpim"),
        body: CPIM.as_bytes(),
        from: Some("<sip:+15550001@ims.example>;tag=1"),
        ..instant(BOB, "")
    }
}

/// A message for somebody who is away.
fn store(world: &mut World, message: &MessageIn<'_>) -> Done {
    let message = world.gateway.translate_to_store(message, world.now);
    let message = message.ok().expect("not refused");
    world.handle(message.input(held_as(1)))
}

/// The same, and the database has it.
fn stored(world: &mut World, message: &MessageIn<'_>) {
    let done = store(world, message);
    let key = done.asked[0].0;
    assert_eq!(world.stored(key).reply(), 202);
}

/// A short message for somebody who is away.
fn store_sm(world: &mut World, octets: &[u8]) -> Done {
    let message = MessageIn {
        request_uri: BOB,
        retargeted: true,
        ..from_phone(ALICE, octets)
    };
    store(world, &message)
}

/// The same; the database has it, and the sender has its RP-ACK.
fn stored_sm(world: &mut World, octets: &[u8]) {
    let done = store_sm(world, octets);
    let done = world.stored(done.asked[0].0);
    assert_eq!(done.message().body[0], 3);
    world.leg(done.sent[0].0.unwrap(), 200);
    assert_eq!(world.store.open(), 0);
}

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

/// The recipient has this now.
fn found(world: &mut World, looked_up: &Done, can: Capabilities) -> Done {
    world.handle(Input::LookedUp {
        exchange: looked_up.looked_up[0].0,
        can,
        may_convert: true,
    })
}

/// The recipient registers, and the first message goes.
fn comes(world: &mut World, can: Capabilities) -> Done {
    let looked_up = world.read_stored();
    assert_eq!(looked_up.looked_up.len(), 1, "one at a time");
    found(world, &looked_up, can)
}

fn rp_ack(world: &mut World, rp_mr: u8) -> Done {
    world.report(&from_phone(BOB, &[0x02, rp_mr]))
}

/// The text in an RP-DATA.
fn text(body: &[u8]) -> String {
    let (direction, rp) = RpMessage::decode(body).unwrap();
    let Some(Ok(Tpdu::Deliver(deliver))) = rp.tpdu(direction) else {
        panic!("no SMS-DELIVER")
    };
    deliver.user_data.text().unwrap()
}

fn due_of_row(world: &World) -> Option<u64> {
    let row = world.store.rows.values().next()?;
    Some(row.0.header().due_ms - world.now.unix_ms)
}

fn parked(world: &mut World, done: &Done) {
    for (key, _) in &done.asked {
        assert!(world.stored(*key).is_nothing());
    }
    assert_eq!(world.store.open(), 0);
}

fn disposition(done: &Done) -> Option<&'static str> {
    let body =
        |message: &ipsmgw::sip::MessageOut| String::from_utf8_lossy(&message.body).into_owned();
    let bodies: Vec<String> = done.sent.iter().map(|(_, message)| body(message)).collect();
    ["<delivered", "<failed", "<processed"]
        .into_iter()
        .find(|word| bodies.iter().any(|body| body.contains(word)))
}

#[test]
fn nothing_is_said_before_the_database_has_the_message() {
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
fn a_database_that_does_not_take_it_is_a_refusal() {
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
        assert_eq!((world.store.open(), world.store.rows.len()), (0, 0));
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
fn it_goes_by_the_service_that_the_recipient_has_then() {
    for (can, is_rp) in [(PHONE, true), (CLIENT, false), (BOTH, false)] {
        let mut world = world();
        stored(&mut world, &asks_for_notifications());
        let done = comes(&mut world, can);
        let message = done.message();
        assert_eq!(message.identity, BOB);
        let done = if is_rp {
            assert_eq!(text(&message.body), "hello");
            rp_ack(&mut world, message.body[1])
        } else {
            assert_eq!(message.body, b"hello");
            assert_eq!(message.from, ALICE);
            let asserted = field(&message.headers, "P-Asserted-Identity");
            assert_eq!(asserted, Some("<sip:+15550001@ims.example>"));
            world.leg(done.sent[0].0.unwrap(), 200)
        };
        assert_eq!(disposition(&done), Some("<delivered"));
        assert!(done.counted.contains(&Counter::StoreDelivered));
        assert_eq!(done.reads.len(), 1, "there may be more");
        world.notified();
        assert_eq!((world.store.open(), world.store.rows.len()), (0, 0));
    }
}

#[test]
fn a_short_message_stays_one_where_it_can() {
    for (can, is_rp) in [(PHONE, true), (CLIENT, false), (BOTH, true)] {
        let mut world = world();
        stored_sm(&mut world, &asking(0x2A));
        let done = comes(&mut world, can);
        let message = done.message();
        let done = if is_rp {
            assert_eq!(text(&message.body), "hello");
            rp_ack(&mut world, message.body[1])
        } else {
            assert_eq!(message.body, b"hello");
            world.leg(done.sent[0].0.unwrap(), 200)
        };
        // The status report that the sender asked for.
        let mut sent = done.sent.iter();
        let (exchange, report) = sent.find(|(_, it)| it.identity == ALICE).unwrap();
        let (exchange, rp_mr) = (exchange.unwrap(), report.body[1]);
        let report = status_report(&report.body);
        assert_eq!((u8::from(report.status), report.mr.0), (0x00, 0x07));
        // It is owed, and the database has it in place of the message.
        assert_eq!(world.store.rows.len(), 1);
        world.leg(exchange, 200);
        world.report_before_200(&from_phone(ALICE, &[0x02, rp_mr]));
        assert_eq!((world.store.open(), world.store.rows.len()), (0, 0));
    }
}

#[test]
fn a_status_report_that_a_crash_cut_off_is_sent_after_it() {
    let mut world = world();
    stored_sm(&mut world, &asking(0x2A));
    let rp_mr = comes(&mut world, PHONE).message().body[1];
    let done = rp_ack(&mut world, rp_mr);
    assert_eq!(u8::from(status_report(&done.message().body).status), 0x00);
    world.crash(5_000);
    let mut sent = Vec::new();
    while sent.is_empty() {
        let (at, exchange) = world.store.next_wake().unwrap();
        world.now.unix_ms = world.now.unix_ms.max(at);
        sent = world.handle(Input::Due { exchange }).sent;
    }
    let (exchange, again) = &sent[0];
    assert_eq!(u8::from(status_report(&again.body).status), 0x00);
    world.leg(exchange.unwrap(), 200);
    world.report_before_200(&from_phone(ALICE, &[0x02, again.body[1]]));
    assert_eq!((world.store.open(), world.store.rows.len()), (0, 0));
}

/// A crash may cut off the end of the row: the sender knows the second notification by its Message-ID.
#[test]
fn a_notification_has_the_same_message_id_behind_a_crash() {
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
fn rp_ack_of_a_stored_short_message_comes_behind_the_database() {
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
fn oldest_first_and_one_at_a_time() {
    let mut world = world();
    for text in ["one", "two", "three"] {
        stored(&mut world, &instant(BOB, text));
    }
    let mut done = comes(&mut world, PHONE);
    for expected in ["one", "two", "three"] {
        let message = done.message().clone();
        assert_eq!(text(&message.body), expected);
        done = rp_ack(&mut world, message.body[1]);
        if expected != "three" {
            assert_eq!(done.looked_up.len(), 1);
            done = found(&mut world, &done, PHONE);
        }
    }
    assert_eq!((world.store.open(), world.store.rows.len()), (0, 0));
}

#[test]
fn a_recipient_who_is_still_away_is_tried_by_the_schedule() {
    let mut world = world();
    stored(&mut world, &instant(BOB, "one"));
    stored(&mut world, &instant(BOB, "two"));
    for wait in [300_000, 300_000] {
        let done = comes(&mut world, NOBODY);
        assert!(done.sent.is_empty());
        assert_eq!(done.asked.len(), 2, "the other one waits, too");
        parked(&mut world, &done);
        assert_eq!(due_of_row(&world), Some(wait));
    }
    assert_eq!(world.store.rows.len(), 2);
}

#[test]
fn full_memory_waits_and_other_causes_of_a_phone_are_final() {
    for (cause, waits) in [(22, true), (111, false)] {
        let mut world = world();
        stored(&mut world, &asks_for_notifications());
        let done = comes(&mut world, PHONE);
        let rp_mr = done.message().body[1];
        let done = world.report(&from_phone(BOB, &[0x04, rp_mr, 0x01, 0x80 | cause]));
        assert_eq!(done.asked.len(), usize::from(waits), "{cause}");
        if waits {
            assert_eq!(disposition(&done), None);
            parked(&mut world, &done);
            let done = comes(&mut world, PHONE);
            rp_ack(&mut world, done.message().body[1]);
        } else {
            assert_eq!(disposition(&done), Some("<failed"));
        }
        world.notified();
        assert_eq!(world.store.rows.len(), 0);
    }
}

#[test]
fn a_client_that_fails_leaves_it_to_the_phone_and_the_other_way() {
    let mut world = world();
    stored(&mut world, &instant(BOB, "hello"));
    let done = comes(&mut world, BOTH);
    assert_eq!(done.message().body, b"hello");
    let done = world.leg(done.sent[0].0.unwrap(), 415);
    assert_eq!(text(&done.message().body), "hello");
    rp_ack(&mut world, done.message().body[1]);
    assert_eq!(world.store.rows.len(), 0);

    stored_sm(&mut world, &hello(0x2A));
    let done = comes(&mut world, BOTH);
    let exchange = done.sent[0].0.unwrap();
    let done = world.leg_fails(exchange, 480);
    assert_eq!(done.sent[0].1.body, b"hello");
    world.leg(done.sent[0].0.unwrap(), 200);
    assert_eq!(world.store.rows.len(), 0);
}

#[test]
fn a_recipient_who_declines_is_not_asked_again() {
    let mut world = world();
    stored(&mut world, &asks_for_notifications());
    let done = comes(&mut world, BOTH);
    let done = world.leg(done.sent[0].0.unwrap(), 603);
    assert_eq!(disposition(&done), Some("<failed"));
    assert!(done.counted.contains(&Counter::StoreFailed));
    world.notified();
    assert_eq!(world.store.rows.len(), 0);
}

#[test]
fn without_authorisation_it_waits_for_its_own_service() {
    let mut world = world();
    stored(&mut world, &instant(BOB, "hello"));
    let looked_up = world.read_stored();
    let done = world.handle(Input::LookedUp {
        exchange: looked_up.looked_up[0].0,
        can: PHONE,
        may_convert: false,
    });
    assert!(done.sent.is_empty());
    parked(&mut world, &done);
    assert_eq!(world.store.rows.len(), 1);
}

#[test]
fn end_of_validity_is_told() {
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
fn what_is_over_ends_though_an_older_message_waits_on() {
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
    // Nothing is due at once.
    assert_eq!(due_of_row(&world), Some(300_000));
    assert_eq!(world.store.rows.len(), 2);
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
fn what_a_phone_could_not_take_is_stored_before_its_sender_hears_202() {
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
fn a_phone_without_memory_gets_it_later() {
    let mut world = world();
    let done = world.deliver(&instant(BOB, "hello"));
    let rp_mr = done.message().body[1];
    let done = world.report(&from_phone(BOB, &[0x04, rp_mr, 0x01, 0x80 | 22]));
    assert_eq!((done.answered.len(), done.asked.len()), (0, 1));
    assert_eq!(world.stored(done.asked[0].0).answer(), 202);
}

#[test]
fn a_phone_that_refuses_for_good_is_told_at_once() {
    let mut world = world();
    let done = world.deliver(&instant(BOB, "hello"));
    let rp_mr = done.message().body[1];
    let done = world.report(&from_phone(BOB, &[0x04, rp_mr, 0x01, 0x80 | 111]));
    assert_eq!((done.answer(), done.asked.len()), (500, 0));
}

#[test]
fn what_cannot_be_stored_gets_the_failure() {
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
fn texts_go_behind_stored_ones() {
    let world = world();
    let behind = |message: &MessageIn<'_>| world.gateway.goes_behind(message, world.now);
    assert!(behind(&instant(BOB, "hello")));
    assert!(behind(&asks_for_notifications()));
    assert!(behind(&from_phone(ALICE, &hello(1))));
    // For one attempt only.
    let once = MessageIn {
        expires: Some("0"),
        ..instant(BOB, "hello")
    };
    assert!(!behind(&once));
    // Other parts may be here already.
    let parts = parts_that_ask(&"0123456789".repeat(40), 7, 1, |_| false);
    assert!(!behind(&from_phone(ALICE, &parts[0])));
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
    assert!(!world.gateway.goes_behind(&instant(BOB, "hello"), world.now));
    world.gateway.keeps = true;
    assert!(world.gateway.goes_behind(&instant(BOB, "hello"), world.now));
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

/// A long short message that asks for status reports, and whose recipient's client fails: it is stored.
fn stored_long_sm(world: &mut World, long: &str) {
    let parts = parts_that_ask(long, 7, 1, |_| true);
    let mut exchange = None;
    for part in &parts {
        let message = MessageIn {
            request_uri: BOB,
            retargeted: true,
            ..from_phone(ALICE, part)
        };
        let done = world.submit(&message);
        match done.asked.first() {
            Some((part, _)) => assert_eq!(world.stored(*part).message().body[0], 3),
            None => exchange = Some(done.relayed[0]),
        }
    }
    let exchange = exchange.expect("the last part is relayed");
    world.handle(Input::ImAnswered {
        exchange,
        status: 480,
    });
    let done = world.handle(Input::FinalSent {
        exchange,
        status: 202,
        open: 0,
    });
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
    let message = MessageIn {
        request_uri: BOB,
        retargeted: true,
        ..from_phone(ALICE, &parts[0])
    };
    let part = world.submit(&message).asked[0].0;
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
    let mut relayed = Vec::new();
    for part in &parts {
        let message = MessageIn {
            request_uri: BOB,
            retargeted: true,
            ..from_phone(ALICE, part)
        };
        let done = world.submit(&message);
        for (part, _) in &done.asked {
            world.stored(*part);
        }
        relayed.extend(done.relayed);
    }
    let exchange = relayed[0];
    world.handle(Input::ImAnswered {
        exchange,
        status: 480,
    });
    let done = world.handle(Input::FinalSent {
        exchange,
        status: 202,
        open: 0,
    });
    let stored = done.asked[0].0;
    let done = world.handle(Input::NotStored { exchange: stored });
    assert_eq!(done.message().body[0], 5, "RP-ERROR");
    world.leg(exchange, 200);
    // The other parts wait for the last one.
    assert_eq!(world.store.rows.len(), 2);
}

#[test]
fn what_a_client_could_not_take_is_stored_before_the_rp_ack() {
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
        let message = MessageIn {
            request_uri: BOB,
            retargeted: true,
            ..from_phone(ALICE, &octets)
        };
        let exchange = world.relay(&message);
        world.handle(Input::ImAnswered { exchange, status });
        let done = world.handle(Input::FinalSent {
            exchange,
            status: 202,
            open: 0,
        });
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
fn what_one_phone_could_not_send_to_another_is_stored() {
    let mut world = world();
    let octets = hello(0x2A);
    let message = MessageIn {
        request_uri: BOB,
        retargeted: true,
        ..from_phone(ALICE, &octets)
    };
    let translated = world.gateway.translate_sm_to_phone(&message, world.now);
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

#[test]
fn without_a_validity_nothing_is_stored() {
    let mut world = World::with(&Settings {
        validity: 0,
        ..settings()
    });
    world.gateway.keeps = true;
    assert_eq!(store(&mut world, &instant(BOB, "hello")).reply(), 480);
    let done = world.deliver(&instant(BOB, "hello"));
    let exchange = done.sent[0].0.unwrap();
    let done = world.leg_fails(exchange, 480);
    assert_eq!((done.answer(), done.asked.len()), (480, 0));
}

#[test]
fn a_crash_loses_no_stored_message() {
    let mut world = world();
    stored(&mut world, &instant(BOB, "hello"));
    let done = comes(&mut world, PHONE);
    assert_eq!(done.sent.len(), 1, "on its way");
    // Memory is lost, the row is there: the host reads it when the recipient registers.
    world.crash(1_000);
    assert_eq!(world.store.open(), 0);
    let done = comes(&mut world, PHONE);
    rp_ack(&mut world, done.message().body[1]);
    assert_eq!(world.store.rows.len(), 0);
}

#[test]
fn a_phone_without_a_report_may_have_it() {
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
fn a_phone_that_is_gone_before_its_report_is_asked_when_it_is_back() {
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

#[test]
fn memory_available_reads_the_stored_messages() {
    let mut world = world();
    let done = world.report(&from_phone(BOB, &[0x06, 0x09]));
    assert_eq!(done.reply(), 202);
    assert_eq!(done.reads.len(), 1);
    assert_eq!(done.reads[0].0.as_str(), "+15550002");
}

/// tm may tell the end of a MESSAGE twice, and the second time late.
#[test]
fn each_client_counts_once_in_each_attempt() {
    let mut world = world();
    stored(&mut world, &instant(BOB, "hello"));
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
        for client in 0..attempt * 2 {
            assert!(world.completed(exchange, client, 480).is_nothing());
        }
        let first = 32 * attempt;
        for _ in 0..2 {
            assert!(world.completed(exchange, first, 480).asked.is_empty());
        }
        if attempt == 0 {
            let done = world.completed(exchange, 1, 480);
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

/// The database may take longer than the time to the next attempt; the host may crash at any time.
#[test]
fn each_row_has_a_time_for_the_next_attempt() {
    // While it is written for the first time.
    let mut world = world();
    let done = store(&mut world, &instant(BOB, "hello"));
    let exchange = done.asked[0].0;
    world.pass(30_000);
    world.handle(Input::Due { exchange });
    assert_eq!(world.stored(exchange).reply(), 202);
    assert_eq!(due_of_row(&world), Some(5_000));

    // On its way to the phone: not failed by that time, and tried again behind a crash.
    let done = comes(&mut world, PHONE);
    let rp_mr = done.message().body[1];
    assert_eq!(due_of_row(&world), Some(120_000));
    world.pass(120_000);
    assert!(world.handle(Input::Due { exchange }).is_nothing());
    assert_eq!(due_of_row(&world), Some(120_000));

    // Behind the one that is on its way.
    stored(&mut world, &instant(BOB, "second"));
    let second = world.take_up_stored();
    world.pass(120_000);
    assert!(world.handle(Input::Due { exchange: second }).is_nothing());
    let mut rows = world.store.rows.values();
    let row = rows.find(|(row, _)| row.key() == second).unwrap();
    assert_eq!(row.0.header().due_ms, world.now.unix_ms + 120_000);
    rp_ack(&mut world, rp_mr);
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

/// Nobody else answers the sender then: tm would say 408.
#[test]
fn what_fails_at_the_end_of_the_hold_time_is_not_stored_any_more() {
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

#[test]
fn the_sender_of_a_dropped_message_hears_of_it() {
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

    // Nobody tells the end.
    stored(&mut world, &instant(BOB, &long));
    let done = comes(&mut world, with_sessions);
    let exchange = done.offered[0].0;
    world.pass(120_000);
    let done = world.handle(Input::Due { exchange });
    assert_eq!(done.ended_sessions, [None]);
    parked(&mut world, &done);
}
