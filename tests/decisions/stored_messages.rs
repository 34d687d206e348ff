//! Store and forward: rows FWD-1 to FWD-9 of doc/behaviour.md.

use ipsmgw::base::Text;
use ipsmgw::exchange::{Accepts, ExchangeKey, ReplyTo};
use ipsmgw::interwork::{Charged, Counter, Input, Interworking, Settings, Unsent, Verdict};
use ipsmgw::sip::{Capabilities, MessageIn};
use ipsmgw::wire::{ConcatenationReference, RpMessage, Tpdu};

use crate::long_sm_to_im::parts_that_ask;
use crate::status_reports::{asking, status_report};
use crate::world::{
    ALICE, BOB, Done, World, field, from_phone, held_as, hello, instant, rp_data_mo, settings,
    submit_tpdu, to_bob,
};

mod after_failures;
mod long_texts;
mod order;
mod outcomes;
mod reading;
mod storing;

pub(crate) const PHONE: Capabilities = Capabilities {
    sm: true,
    im: false,
    msrp: false,
    cpim: false,
};

pub(crate) const CLIENT: Capabilities = Capabilities {
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

pub(crate) fn world() -> World {
    World::with_database(&Settings {
        retry: "30,300",
        ..settings()
    })
}

fn asks_for_notifications() -> MessageIn<'static> {
    MessageIn {
        content_type: Some("message/cpim"),
        body: CPIM.as_bytes(),
        from: Some("<sip:+15550001@ims.example>;tag=1"),
        ..instant(BOB, "")
    }
}

/// A message for an absent recipient.
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

/// The sender's timer ends when its message is refused, or accepted, and the answer has not left.
#[test]
fn two_answers_to_a_sender_are_the_same() {
    for is_written in [true, false] {
        let mut world = world();
        let done = store(&mut world, &instant(BOB, "hello"));
        let exchange = done.asked[0].0;
        let answer = match is_written {
            true => world.stored(exchange).reply(),
            false => world.handle(Input::NotStored { exchange }).reply(),
        };
        let late = world.handle(Input::HoldTimeout {
            exchange,
            transaction: held_as(1),
        });
        assert_eq!(late.reply(), answer);
        assert_eq!(answer, if is_written { 202 } else { 480 });
        world.pass(1_000);
        if let Some((_, exchange)) = world.store.next_wake() {
            assert!(world.handle(Input::Due { exchange }).is_nothing());
        }
        assert_eq!(world.store.open(), 0);
    }
}

/// A short message for an absent recipient.
pub(crate) fn store_sm(world: &mut World, octets: &[u8]) -> Done {
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

/// The recipient has this now.
fn found(world: &mut World, looked_up: &Done, can: Capabilities) -> Done {
    world.handle(Input::LookedUp {
        exchange: looked_up.looked_up[0].0,
        can,
        may_convert: true,
    })
}

/// The recipient registers, and the first message goes.
pub(crate) fn comes(world: &mut World, can: Capabilities) -> Done {
    let looked_up = world.read_stored();
    assert_eq!(looked_up.looked_up.len(), 1, "one at a time");
    found(world, &looked_up, can)
}

pub(crate) fn rp_ack(world: &mut World, rp_mr: u8) -> Done {
    world.report(&from_phone(BOB, &[0x02, rp_mr]))
}

/// The text in an RP-DATA.
pub(crate) fn text(body: &[u8]) -> String {
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
fn a_message_goes_by_the_service_of_the_registered_device() {
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
        // There may be more, if the recipient is still here.
        assert_eq!((done.reads.len(), done.reads[0].1), (1, true));
        world.notified();
        assert_eq!((world.store.open(), world.store.rows.len()), (0, 0));
    }
}

#[test]
fn a_short_message_is_converted_only_if_needed() {
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
        // The report must still come: the database has it instead of the message.
        assert_eq!(world.store.rows.len(), 1);
        world.leg(exchange, 200);
        world.report_before_200(&from_phone(ALICE, &[0x02, rp_mr]));
        assert_eq!((world.store.open(), world.store.rows.len()), (0, 0));
    }
}

#[test]
fn the_oldest_message_goes_first_and_one_at_a_time() {
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
fn an_absent_recipient_is_tried_by_the_schedule() {
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
fn after_a_failed_client_the_phone_is_tried_and_vice_versa() {
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
fn after_a_decline_there_is_no_other_attempt() {
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
fn without_authorisation_a_message_waits_for_its_own_service() {
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
fn memory_available_reads_the_stored_messages() {
    let mut world = world();
    let done = world.report(&from_phone(BOB, &[0x06, 0x09]));
    assert_eq!(done.reply(), 202);
    assert_eq!(done.reads.len(), 1);
    assert_eq!(done.reads[0].0.as_str(), "+15550002");
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
