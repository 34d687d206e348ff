//! Instant messages through a service centre: rows IM-5 to IM-7.

use ipsmgw::exchange::ExchangeKey;
use ipsmgw::interwork::{Counter, Input, Settings, Verdict};
use ipsmgw::sip::{Capabilities, MessageIn, Service};
use ipsmgw::wire::{RpMessage, SmsSubmit, Tpdu};

use crate::world::{ALICE, BOB, Done, SERVICE_CENTRE, World, field, from_phone, instant, settings};

const SC_URI: &str = "sip:192.0.2.9:5070;transport=tcp";

pub(crate) fn world() -> World {
    World::with(&Settings {
        sc_uri: SC_URI,
        ..settings()
    })
}

/// A report of the service centre on a message of Alice's.
pub(crate) fn from_centre<'m>(octets: &'m [u8], in_reply_to: Option<&'m str>) -> MessageIn<'m> {
    MessageIn {
        request_uri: ALICE,
        in_reply_to,
        ..from_phone(SERVICE_CENTRE, octets)
    }
}

pub(crate) fn submit(body: &[u8]) -> SmsSubmit<'_> {
    let (direction, rp) = RpMessage::decode(body).unwrap();
    let Some(Ok(Tpdu::Submit(submit))) = rp.tpdu(direction) else {
        panic!("no SMS-SUBMIT")
    };
    submit
}

fn sent(world: &mut World) -> (ExchangeKey, u8) {
    let done = world.deliver(&instant(BOB, "hello"));
    (done.held[0], done.message().body[1])
}

fn accepted(world: &mut World, rp_mr: u8) -> Done {
    world.report(&from_centre(&[0x03, rp_mr], None))
}

#[test]
fn unregistered_number_goes_to_the_service_centre() {
    let mut world = world();
    let done = world.deliver(&instant(BOB, "hello"));
    assert_eq!(done.counted, [Counter::ImToSm]);
    let message = done.message();
    let expected = [
        &[0x00, 0x01][..],                     // RP-DATA, MS to network
        &[0x00],                               // RP-OA: absent
        &[0x05, 0x91, 0x51, 0x55, 0x99, 0x99], // RP-DA: +15559999
        &[0x10],                               // RP-UD: 16 octets
        &[0x01, 0x01],                         // SMS-SUBMIT, no TP-VP, no TP-SRR; TP-MR
        &[0x08, 0x91, 0x51, 0x55, 0x00, 0x20], // TP-DA: +15550002
        &[0x00, 0x00],                         // TP-PID, TP-DCS
        &[0x05, 0xE8, 0x32, 0x9B, 0xFD, 0x06], // "hello"
    ]
    .concat();
    assert_eq!(message.body, expected);
    assert!(message.service == Service::ServiceCentre);
    assert_eq!(
        (message.identity.as_str(), message.fallback_hop.as_str()),
        (SERVICE_CENTRE, SC_URI)
    );
    assert_eq!(message.from, ALICE);
    for (name, value) in [
        ("P-Asserted-Identity", "<sip:+15550001@ims.example>"),
        ("Content-Type", "application/vnd.3gpp.sms"),
        ("Content-Transfer-Encoding", "binary"),
    ] {
        assert_eq!(field(&message.headers, name), Some(value));
    }
    assert_eq!(field(&message.headers, "Privacy"), None);
    // Another message has a TP-MR of its own.
    accepted(&mut world, message.body[1]);
    let done = world.deliver(&instant(BOB, "hello"));
    assert_eq!(submit(&done.message().body).mr.0, 2);
}

#[test]
fn registered_phone_is_written_to_directly() {
    let mut world = world();
    let done = world.deliver(&MessageIn {
        recipient: Capabilities {
            sm: true,
            ..Capabilities::default()
        },
        ..instant(BOB, "hello")
    });
    assert_eq!(done.message().body[0], 0x01);
    assert!(done.message().service == Service::Sm);
}

#[test]
fn taken_by_the_service_centre_is_a_202() {
    for named in [true, false] {
        let mut world = world();
        let done = world.deliver(&instant(BOB, "hello"));
        let message = done.message();
        let (rp_mr, call_id) = (message.body[1], message.call_id.clone());
        assert!(world.leg(done.held[0], 202).is_nothing());
        let octets = [0x03, rp_mr];
        let in_reply_to = call_id.as_deref().filter(|_| named);
        let done = world.report(&from_centre(&octets, in_reply_to));
        assert_eq!((done.reply(), done.replies[0].1), (202, Verdict::Taken));
        assert_eq!(done.answer(), 202);
        assert!(done.counted.is_empty(), "nobody knows that it is delivered");
        assert_eq!(world.store.open(), 0);
    }
}

#[test]
fn refused_by_the_service_centre() {
    for (octets, status) in [
        (&[0x05, 0, 0x01, 0x80 | 1][..], 404),
        (&[0x05, 0, 0x01, 0x80 | 21], 403),
        (&[0x05, 0, 0x01, 0x80 | 42], 480),
        (&[0x05, 0, 0x01, 0x80 | 38], 500),
        // SMS-SUBMIT-REPORT with TP-FCS C3
        (
            &[
                0x05,
                0,
                0x01,
                0x80 | 38,
                0x41,
                0x0A,
                0x01,
                0xC3,
                0x00,
                0x62,
                0x10,
                0x20,
                0x30,
                0x40,
                0x50,
                0x40,
            ],
            404,
        ),
    ] {
        let mut world = world();
        let (_, rp_mr) = sent(&mut world);
        let mut octets = octets.to_vec();
        octets[1] = rp_mr;
        let done = world.report(&from_centre(&octets, None));
        assert_eq!(done.answer(), status);
        assert_eq!(done.counted, [Counter::ImFailed]);
        assert_eq!(world.store.open(), 0);
    }
}

#[test]
fn a_service_centre_that_says_nothing_is_asked_once() {
    let mut world = world();
    let (id, _) = sent(&mut world);
    world.leg(id, 202);
    assert_eq!(world.hold_timeout(id).answer(), 202);
    let done = world.no_report(id);
    assert!(done.sent.is_empty());
    assert_eq!(done.counted, [Counter::ReportMissing]);
    assert_eq!(world.store.open(), 0);
}

#[test]
fn a_part_without_an_rp_ack_does_not_hold_up_the_others() {
    let mut world = world();
    let text = "x".repeat(400);
    let done = world.deliver(&instant(BOB, &text));
    let mut id = done.sent[0].0.unwrap();
    assert_eq!(world.hold_timeout(done.held[0]).answer(), 202);
    for sequence in 2..=3 {
        world.leg(id, 202);
        let done = world.no_report(id);
        assert_eq!(done.counted, [Counter::ReportMissing]);
        let body = done.message().body.clone();
        let place = submit(&body).user_data.concatenation().unwrap();
        assert_eq!(place.sequence, sequence);
        id = done.sent[0].0.unwrap();
    }
    world.leg(id, 202);
    assert!(world.no_report(id).sent.is_empty());
    assert_eq!(world.store.open(), 0);
}

#[test]
fn a_service_centre_that_is_not_there() {
    let mut world = world();
    let (id, _) = sent(&mut world);
    let done = world.handle(Input::NotSent {
        exchange: id,
        attempt: 1,
        status: 503,
    });
    assert_eq!(done.answer(), 480, "at once");
}

#[test]
fn a_long_text_goes_part_by_part() {
    let mut world = world();
    let text = "x".repeat(400);
    let mut done = world.deliver(&instant(BOB, &text));
    for sequence in 1..=3 {
        assert!(done.answered.is_empty());
        let body = done.message().body.clone();
        let submit = submit(&body);
        let place = submit.user_data.concatenation().unwrap();
        assert_eq!((place.sequence, place.total), (sequence, 3));
        assert_eq!(submit.mr.0, sequence);
        done = accepted(&mut world, body[1]);
    }
    assert_eq!(done.answer(), 202);
    assert_eq!(world.store.open(), 0);
    // A part that is refused ends the rest.
    let done = world.deliver(&instant(BOB, &text));
    let octets = [0x05, done.message().body[1], 0x01, 0x80 | 1];
    let done = world.report(&from_centre(&octets, None));
    assert_eq!((done.answer(), world.store.open()), (404, 0));
}

#[test]
fn directions_do_not_block_each_other() {
    let mut world = world();
    let (_, to_centre) = sent(&mut world);
    let to_alice = MessageIn {
        identity: Some(BOB),
        recipient: Capabilities {
            sm: true,
            ..Capabilities::default()
        },
        ..instant(ALICE, "hello")
    };
    let done = world.deliver(&to_alice);
    let to_phone = done.message().body[1];
    assert_ne!(to_centre, to_phone);
    // Neither answers for the other.
    let done = world.report(&from_phone(ALICE, &[0x02, to_centre]));
    assert_eq!(done.counted, [Counter::ReportUnknown]);
    assert_eq!(
        accepted(&mut world, to_phone).counted,
        [Counter::ReportUnknown]
    );
    assert_eq!(accepted(&mut world, to_centre).answer(), 202);
    let done = world.report(&from_phone(ALICE, &[0x02, to_phone]));
    assert_eq!(done.answer(), 200);
}

#[test]
fn sender_and_recipient_need_numbers() {
    let world = world();
    let status = |message: &MessageIn<'_>| match world.gateway.translate_im(message, world.now) {
        Ok(_) => panic!("taken"),
        Err(refusal) => refusal.answer.status,
    };
    assert_eq!(status(&instant("sip:bob@ims.example", "hello")), 404);
    let without = MessageIn {
        identity: Some("sip:alice@ims.example"),
        ..instant(BOB, "hello")
    };
    assert_eq!(status(&without), 403);
}

#[test]
fn submit_has_validity_and_recipient() {
    let mut world = world();
    let done = world.deliver(&MessageIn {
        expires: Some("3600"),
        privacy: Some("id"),
        ..instant(BOB, "hello")
    });
    let message = done.message();
    assert_eq!(submit(&message.body).vp.seconds(0), Some(3600));
    // The service centre gets the subscriber's identity, and Privacy for others.
    assert_eq!(message.from, ALICE);
    assert_eq!(field(&message.headers, "Privacy"), Some("id"));
}

#[test]
fn only_a_service_centre_sends_network_reports() {
    let mut world = world();
    let (_, rp_mr) = sent(&mut world);
    let octets = [0x03, rp_mr];
    let forged = MessageIn {
        identity: Some(BOB),
        ..from_centre(&octets, None)
    };
    assert!(world.gateway.read_report(&forged).is_err());
    let other = MessageIn {
        request_uri: "sip:+15550003@ims.example",
        ..from_centre(&octets, None)
    };
    assert_eq!(world.report(&other).counted, [Counter::ReportUnknown]);
}
