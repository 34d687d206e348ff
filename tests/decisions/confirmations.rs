//! Notifications that clients are asked for, so that a phone gets its status report: rows MO-4, CON-2, STA-5, STA-6.

use ipsmgw::exchange::ExchangeKey;
use ipsmgw::interwork::{Counter, Input, Settings, Verdict};
use ipsmgw::mime::{
    Cpim, CpimAddress, DeliveryStatus, DisplayStatus, Disposition, Imdn, ImdnMessage,
    ProcessingStatus,
};
use ipsmgw::sip::{Capabilities, MessageIn};

use crate::long_sm_to_im::parts_that_ask;
use crate::status_reports::{asking, reported, status_report};
use crate::world::{ALICE, BOB, Done, UNIX, World, field, from_phone, hello, instant, settings};

/// To a recipient with an IM client that takes `message/cpim`.
pub(crate) fn to_cpim(octets: &[u8]) -> MessageIn<'_> {
    MessageIn {
        request_uri: BOB,
        retargeted: true,
        recipient: Capabilities {
            im: true,
            cpim: true,
            ..Capabilities::default()
        },
        ..from_phone(ALICE, octets)
    }
}

/// A short message that asks, relayed: its exchange and Message-ID.
fn relayed(world: &mut World) -> (ExchangeKey, String) {
    let done = world.submit(&to_cpim(&asking(0x2A)));
    (done.relayed[0], message_id(&done))
}

pub(crate) fn message_id(done: &Done) -> String {
    let cpim = Cpim::decode(&done.joined[0].body).unwrap();
    cpim.imdn.message_id.unwrap().into_owned()
}

/// A notification about this message.
pub(crate) fn imdn(message_id: &str, disposition: Disposition) -> Vec<u8> {
    let address = |uri: &'static str| CpimAddress {
        uri: uri.into(),
        ..CpimAddress::default()
    };
    let message = ImdnMessage {
        from: address(BOB),
        to: address(ALICE),
        message_id: "their-own".into(),
        route: Vec::new(),
        imdn: Imdn {
            message_id: message_id.into(),
            date_time: None,
            recipient_uri: None,
            original_recipient_uri: None,
            subject: None,
            disposition,
        },
    };
    let mut body = Vec::new();
    message.encode(&mut body).unwrap();
    body
}

pub(crate) fn from_bob(body: &[u8]) -> MessageIn<'_> {
    MessageIn {
        content_type: Some("message/cpim"),
        identity: Some(BOB),
        request_uri: ALICE,
        ..from_phone(BOB, body)
    }
}

const DELIVERED: Disposition = Disposition::Delivery(DeliveryStatus::Delivered);

/// TP-ST of the one status report.
fn tp_st(done: &Done) -> u8 {
    u8::from(status_report(&done.message().body).status)
}

#[test]
fn clients_that_take_cpim_are_asked() {
    let mut world = World::new();
    let done = world.submit(&to_cpim(&asking(1)));
    let translation = &done.joined[0];
    assert_eq!(
        field(&translation.headers, "Content-Type"),
        Some("message/cpim")
    );
    let cpim = Cpim::decode(&translation.body).unwrap();
    assert_eq!(cpim.from.unwrap().uri, ALICE);
    assert_eq!(cpim.to[0].uri, BOB);
    assert_eq!(cpim.date_time.unwrap(), "2026-01-02T02:04:05Z");
    assert_eq!(UNIX, 1_767_319_445);
    assert!(cpim.imdn.wanted.positive_delivery && cpim.imdn.wanted.negative_delivery);
    assert!(!cpim.imdn.wanted.display && !cpim.imdn.wanted.processing);
    assert_eq!(
        cpim.content.content_type.unwrap(),
        "text/plain;charset=UTF-8"
    );
    assert_eq!(&*cpim.content.octets, b"hello");
    let message_id = cpim.imdn.message_id.unwrap();
    assert!(
        message_id
            .bytes()
            .all(|c| c.is_ascii_hexdigit() || c == b'-')
    );
}

#[test]
fn other_clients_are_not_asked() {
    let asking = asking(1);
    let hello = hello(1);
    let never = Settings {
        imdn: "never",
        ..settings()
    };
    for (settings, message) in [
        (settings(), to_cpim(&hello)),
        (never, to_cpim(&asking)),
        (
            settings(),
            MessageIn {
                recipient: Capabilities::default(),
                ..to_cpim(&asking)
            },
        ),
        (
            settings(),
            MessageIn {
                privacy: Some("id"),
                ..to_cpim(&asking)
            },
        ),
    ] {
        let mut world = World::with(&settings);
        let sm = world.gateway.translate_sm(&message, world.now);
        let sm = sm.unwrap_or_else(|_| panic!("refused"));
        assert_eq!(
            field(&sm.translation.headers, "Content-Type"),
            Some("text/plain;charset=UTF-8")
        );
        let done = world.submit_prepared(&sm);
        assert!(done.joined.is_empty());
        assert_eq!(done.relayed.len(), 1);
    }
}

#[test]
fn long_text_asks_once() {
    let mut world = World::new();
    let text = "x".repeat(300);
    let parts = parts_that_ask(&text, 7, 10, |_| true);
    world.submit(&to_cpim(&parts[0]));
    let done = world.submit(&to_cpim(&parts[1]));
    let cpim = Cpim::decode(&done.joined[0].body).unwrap();
    assert_eq!(&*cpim.content.octets, text.as_bytes());
    let (exchange, message_id) = (done.relayed[0], message_id(&done));
    assert!(reported(&mut world, exchange, 202).sent.is_empty());
    let done = world.report(&from_bob(&imdn(&message_id, DELIVERED)));
    assert_eq!(tp_st(&done), 0x00);
    let done = world.report(&from_phone(ALICE, &[0x02, done.message().body[1]]));
    assert_eq!(tp_st(&done), 0x00, "one for each part");
}

#[test]
fn a_200_needs_no_notification() {
    let mut world = World::new();
    let (exchange, message_id) = relayed(&mut world);
    let done = reported(&mut world, exchange, 200);
    assert_eq!(tp_st(&done), 0x00);
    let done = world.report(&from_bob(&imdn(&message_id, DELIVERED)));
    assert_eq!((done.reply(), done.replies[0].1), (200, Verdict::Refused));
    assert_eq!(done.counted, [Counter::ReportUnknown]);
    assert!(done.sent.is_empty());
}

#[test]
fn behind_a_202_the_notification_is_the_outcome() {
    for (status, expected) in [
        (DeliveryStatus::Delivered, 0x00),
        (DeliveryStatus::Failed, 0x65),
        (DeliveryStatus::Forbidden, 0x42),
        (DeliveryStatus::Error, 0x40),
    ] {
        let mut world = World::new();
        let (exchange, message_id) = relayed(&mut world);
        assert!(reported(&mut world, exchange, 202).is_nothing());
        world.pass(60_000);
        let body = imdn(&message_id, Disposition::Delivery(status));
        let done = world.report(&from_bob(&body));
        assert_eq!((done.reply(), done.replies[0].1), (200, Verdict::Taken));
        assert_eq!(done.counted, [Counter::StatusReport]);
        assert_eq!(tp_st(&done), expected);
        // The phone takes it, and a second one comes too late.
        world.report(&from_phone(ALICE, &[0x02, done.message().body[1]]));
        assert_eq!(world.store.open(), 0);
        let done = world.report(&from_bob(&body));
        assert_eq!(
            (done.reply(), done.counted),
            (200, vec![Counter::ReportUnknown])
        );
    }
}

#[test]
fn a_notification_that_overtakes_the_202() {
    let mut world = World::new();
    let (exchange, message_id) = relayed(&mut world);
    let done = world.report(&from_bob(&imdn(&message_id, DELIVERED)));
    assert_eq!(done.reply(), 200);
    assert!(done.sent.is_empty());
    assert_eq!(tp_st(&reported(&mut world, exchange, 202)), 0x00);
}

#[test]
fn delivered_notification_outweighs_the_response() {
    for status in [408, 415, 480, 503] {
        let mut world = World::new();
        let (exchange, message_id) = relayed(&mut world);
        world.report(&from_bob(&imdn(&message_id, DELIVERED)));
        let done = world.client_answers(exchange, status);
        assert!(done.again.is_empty());
        assert_eq!(done.message().body[0], 0x03, "{status}");
        assert_eq!(tp_st(&world.leg(exchange, 200)), 0x00, "{status}");
    }
    // A notification that says otherwise adds nothing to a failure.
    let mut world = World::new();
    let (exchange, message_id) = relayed(&mut world);
    let failed = Disposition::Delivery(DeliveryStatus::Failed);
    world.report(&from_bob(&imdn(&message_id, failed)));
    assert!(reported(&mut world, exchange, 480).is_nothing());
}

#[test]
fn a_notification_without_an_outcome_changes_nothing() {
    let mut world = World::new();
    let (exchange, message_id) = relayed(&mut world);
    reported(&mut world, exchange, 202);
    for disposition in [
        Disposition::Processing(ProcessingStatus::Processed),
        Disposition::Processing(ProcessingStatus::Stored),
        Disposition::Display(DisplayStatus::Displayed),
    ] {
        let done = world.report(&from_bob(&imdn(&message_id, disposition)));
        assert_eq!((done.reply(), done.replies[0].1), (200, Verdict::Taken));
        assert!(done.sent.is_empty());
    }
    assert_eq!(world.store.open(), 1);
}

#[test]
fn missing_notification_ends_the_wait() {
    let mut world = World::new();
    let (exchange, message_id) = relayed(&mut world);
    reported(&mut world, exchange, 202);
    let (at, id) = world.store.next_wake().unwrap();
    assert_eq!((at, id), (1_600_000, exchange));
    world.now.unix_ms = at;
    let done = world.handle(Input::Due { exchange });
    assert_eq!(tp_st(&done), 0x01);
    let done = world.report(&from_bob(&imdn(&message_id, DELIVERED)));
    assert_eq!(done.counted, [Counter::ReportUnknown]);
}

#[test]
fn optional_waits_end_when_the_table_fills() {
    let mut world = World::new();
    world.store.max = 8;
    let mut octets = asking(1);
    for (open, waits) in [(0, true), (1, true), (2, true), (3, true), (4, false)] {
        assert_eq!(world.store.open(), open);
        octets[1] += 1;
        let exchange = world.relay(&to_cpim(&octets));
        let done = reported(&mut world, exchange, 202);
        assert_eq!(done.is_nothing(), waits);
        if !waits {
            // The meaning of a 202.
            assert_eq!(tp_st(&done), 0x01);
        }
    }
}

#[test]
fn transaction_may_end_before_the_notification() {
    let mut world = World::new();
    let (exchange, message_id) = relayed(&mut world);
    reported(&mut world, exchange, 202);
    assert!(world.handle(Input::Released { exchange }).is_nothing());
    // A repetition gets its report again, and is no second message.
    let done = world.submit(&to_cpim(&asking(0x2A)));
    assert_eq!(done.message().body[..2], [0x03, 0x2A]);
    assert!(done.relayed.is_empty());
    let done = world.report(&from_bob(&imdn(&message_id, DELIVERED)));
    assert_eq!(tp_st(&done), 0x00);
}

#[test]
fn only_the_recipient_may_notify() {
    let mut world = World::new();
    let (exchange, message_id) = relayed(&mut world);
    reported(&mut world, exchange, 202);
    let body = imdn(&message_id, DELIVERED);
    let done = world.report(&MessageIn {
        identity: Some("sip:mallory@ims.example"),
        ..from_bob(&body)
    });
    assert_eq!(
        (done.reply(), done.counted),
        (200, vec![Counter::ReportUnknown])
    );
    assert!(done.sent.is_empty());
    // Nor is a notification about a message in the other direction.
    let im = world.deliver(&instant(ALICE, "hello"));
    let call_id = im.message().call_id.clone().unwrap();
    let (local, _) = call_id.split_once('@').unwrap();
    let done = world.report(&from_bob(&imdn(local, DELIVERED)));
    assert!(done.answered.is_empty());
    assert_eq!(done.counted, [Counter::ReportUnknown]);
}

#[test]
fn notification_to_another_identity_of_the_sender() {
    let mut world = World::new();
    let (exchange, message_id) = relayed(&mut world);
    reported(&mut world, exchange, 202);
    let body = imdn(&message_id, DELIVERED);
    let done = world.report(&MessageIn {
        request_uri: "sip:alice@ims.example",
        ..from_bob(&body)
    });
    assert_eq!(tp_st(&done), 0x00);
}

#[test]
fn notification_without_cpim() {
    let alone = |message_id: &str| {
        let body = imdn(message_id, DELIVERED);
        let at = body.windows(6).position(|octets| octets == b"<?xml ");
        body[at.unwrap()..].to_vec()
    };
    let mut world = World::new();
    let (exchange, message_id) = relayed(&mut world);
    reported(&mut world, exchange, 202);
    let body = alone(&message_id);
    let done = world.report(&MessageIn {
        content_type: Some("message/imdn+xml"),
        ..from_bob(&body)
    });
    assert_eq!(tp_st(&done), 0x00);

    // On a message of our own, by its Call-ID.
    let mut world = World::new();
    let exchange = world.relay(&to_cpim(&asking(1)));
    let done = world.client_answers(exchange, 415);
    let call_id = done.again[0].2.call_id.clone();
    let body = alone("their-own");
    let done = world.report(&MessageIn {
        content_type: Some("message/imdn+xml"),
        in_reply_to: call_id.as_deref(),
        ..from_bob(&body)
    });
    assert_eq!(
        (done.reply(), done.replies[0].1, done.sent.len()),
        (200, Verdict::Taken, 0)
    );
    assert_eq!(world.leg(exchange, 480).message().body[0], 0x03);
    assert_eq!(tp_st(&world.leg(exchange, 200)), 0x00);
}

#[test]
fn notification_about_another_message_is_left_alone() {
    let world = World::new();
    for (message_id, ours) in [
        ("1-1-0-b007", true),
        ("1-1-0-dead", false),
        ("34jk324j", false),
        ("1-1-0", false),
        ("1-1-0-b007-1", false),
    ] {
        let body = imdn(message_id, DELIVERED);
        let message = from_bob(&body);
        let report = world.gateway.read_report(&message);
        let report = report.unwrap_or_else(|_| panic!("refused"));
        assert_eq!(report.is_some(), ours, "{message_id}");
    }
    // A phone's report without In-Reply-To counts, too.
    let message = from_phone(BOB, &[0x02, 0x01]);
    assert!(
        world
            .gateway
            .read_report(&message)
            .is_ok_and(|report| report.is_some())
    );
}

#[test]
fn malformed_notification() {
    let world = World::new();
    let body = imdn("1-1-0-b007", DELIVERED);
    let cut = String::from_utf8(body.clone())
        .unwrap()
        .replace("</imdn>", "");
    let read = |message: &MessageIn<'_>| match world.gateway.read_report(message) {
        Ok(report) => Ok(report.is_some()),
        Err(refusal) => Err(refusal.answer.status),
    };
    // It may or may not be about a message of the gateway.
    assert_eq!(read(&from_bob(cut.as_bytes())), Ok(false));
    let nobody = MessageIn {
        identity: None,
        ..from_bob(&body)
    };
    assert_eq!(read(&nobody), Err(403));
}
