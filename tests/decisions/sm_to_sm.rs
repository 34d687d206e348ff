//! Phone to phone: rows PTP-1 to PTP-5.

use ipsmgw::exchange::ExchangeKey;
use ipsmgw::interwork::{Counter, Input, SmIn, TranslatedSm, Verdict};
use ipsmgw::sip::{MessageIn, MessageOut};
use ipsmgw::wire::{RpMessage, SmsDeliver, TpScts, Tpdu};

use crate::long_sm_to_im::parts_that_ask;
use crate::status_reports::{asking, status_report};
use crate::stored_messages::{self, PHONE, comes, store_sm};
use crate::world::{
    ALICE, BOB, Done, SCTS, UNIX, World, deliver_tpdu, from_phone, from_service_centre, held_as,
    hello, rp_data_mo, rp_data_mt, submit_tpdu, to_bob,
};

fn translate(world: &World, octets: &[u8]) -> (TranslatedSm, SmIn) {
    let translated = world
        .gateway
        .translate_sm_to_phone(&to_bob(octets), world.now);
    translated.ok().expect("not refused")
}

pub(crate) fn submit(world: &mut World, octets: &[u8]) -> Done {
    let (sm, to) = translate(world, octets);
    world.handle(Input::SubmitToPhone {
        sm: &sm,
        to: &to,
        transaction: held_as(sm.rp_mr.into()),
    })
}

/// A short message that went to bob's phone, and its exchange there.
fn sent(world: &mut World, octets: &[u8]) -> ExchangeKey {
    let done = submit(world, octets);
    assert_eq!((done.reply(), done.replies[0].1), (202, Verdict::Taken));
    assert_eq!(done.message().identity, BOB);
    done.sent[0].0.unwrap()
}

fn bob(world: &mut World, octets: &[u8]) -> Done {
    world.report(&from_phone(BOB, octets))
}

fn deliver(body: &[u8]) -> SmsDeliver<'_> {
    let (direction, rp) = RpMessage::decode(body).unwrap();
    let Some(Ok(Tpdu::Deliver(deliver))) = rp.tpdu(direction) else {
        panic!("no SMS-DELIVER")
    };
    deliver
}

const RP_ACK: [u8; 6] = [0x03, 0x2A, 0x41, 0x09, 0x01, 0x00];

/// RP-ERROR with an SMS-SUBMIT-REPORT.
fn rp_error(cause: u8, fcs: u8) -> Vec<u8> {
    [
        &[0x05, 0x2A, 0x01, 0x80 | cause, 0x41, 0x0A, 0x01, fcs, 0x00][..],
        &SCTS,
    ]
    .concat()
}

#[test]
fn sms_submit_becomes_sms_deliver() {
    let mut world = World::new();
    let done = submit(&mut world, &hello(0x2A));
    assert_eq!(done.counted, [Counter::SmToSm]);
    let expected = [
        &[0x01, 0x01][..],                     // RP-DATA, network to MS
        &[0x05, 0x91, 0x51, 0x55, 0x99, 0x99], // RP-OA: +15559999
        &[0x00],                               // RP-DA: absent
        &[0x16],                               // RP-UD: 22 octets
        &[0x04],                               // SMS-DELIVER, no more messages
        &[0x08, 0x91, 0x51, 0x55, 0x00, 0x10], // TP-OA: +15550001
        &[0x00, 0x00],                         // TP-PID, TP-DCS
        &SCTS,
        &[0x05, 0xE8, 0x32, 0x9B, 0xFD, 0x06], // TP-UD: hello
    ]
    .concat();
    assert_eq!(done.message().body, expected);
}

#[test]
fn tp_pid_tp_dcs_and_tp_ud_are_kept_octet_for_octet() {
    let world = World::new();
    let head = |first: u8, pid: u8, dcs: u8| {
        [
            &[first, 0x07][..],
            &[0x08, 0x91, 0x51, 0x55, 0x00, 0x20],
            &[pid, dcs],
        ]
        .concat()
    };
    for (what, first, pid, dcs, tp_ud) in [
        (
            "a part of three, with a header",
            0x41,
            0x00,
            0x00,
            &[0x09, 0x05, 0x00, 0x03, 0x2A, 0x03, 0x02, 0x90, 0x65][..],
        ),
        (
            "an application port",
            0x41,
            0x00,
            0xF5,
            &[0x09, 0x06, 0x05, 0x04, 0x0B, 0x84, 0x23, 0xF0, 0x01, 0x02],
        ),
        ("UCS2", 0x01, 0x00, 0x08, &[0x04, 0x04, 0x42, 0x04, 0x35]),
        (
            "8-bit, class 2, (U)SIM data download",
            0x01,
            0x7F,
            0xF6,
            &[0x03, 0xD0, 0x00, 0xFF],
        ),
        ("type 0", 0x01, 0x40, 0x00, &[0x00]),
        ("replace type 1", 0x01, 0x41, 0x00, &[0x01, 0x61]),
        ("message waiting, discard", 0x01, 0x00, 0xC8, &[0x00]),
        ("class 0", 0x01, 0x00, 0x10, &[0x01, 0x61]),
        ("compressed", 0x01, 0x00, 0x20, &[0x02, 0x12, 0x34]),
        ("telematic", 0x01, 0x31, 0x00, &[0x01, 0x61]),
        ("reserved TP-DCS", 0x01, 0x00, 0x84, &[0x01, 0x61]),
    ] {
        let octets = rp_data_mo(1, &[head(first, pid, dcs), tp_ud.to_vec()].concat());
        let (sm, to) = translate(&world, &octets);
        let body = to.rp_data.as_slice();
        let got = deliver(body);
        assert_eq!((got.pid.0, got.dcs.0), (pid, dcs), "{what}");
        assert!(body.ends_with(tp_ud), "{what}");
        assert_eq!(
            got.user_data.header().is_some(),
            first & 0x40 != 0,
            "{what}"
        );
        assert_eq!(sm.part.is_some(), what.starts_with("a part"), "{what}");
    }
}

#[test]
fn sender_is_the_asserted_identity_or_hidden() {
    let world = World::new();
    let octets = hello(1);
    let of = |message: &MessageIn<'_>| {
        let (_, to) = world
            .gateway
            .translate_sm_to_phone(message, world.now)
            .ok()?;
        let got = deliver(to.rp_data.as_slice());
        Some(got.originating_address.to_string())
    };
    assert_eq!(of(&to_bob(&octets)).as_deref(), Some("+15550001"));
    let private = MessageIn {
        privacy: Some("id"),
        ..to_bob(&octets)
    };
    assert_eq!(of(&private).as_deref(), Some("Anonymous"));
    let nobody = MessageIn {
        identity: None,
        ..to_bob(&octets)
    };
    assert_eq!(of(&nobody), None);
}

#[test]
fn only_sms_submit_of_a_phone_is_taken() {
    let world = World::new();
    let reason = |message: &MessageIn<'_>| {
        let refused = world.gateway.translate_sm_to_phone(message, world.now);
        let refusal = refused.err().expect("refused");
        let report = refusal.report.map(|report| report.body);
        (refusal.answer.status, report.map(|body| body[3] & 0x7F))
    };
    let centre = rp_data_mt(1, &deliver_tpdu(&[0x08, 0x91, 0x51, 0x55, 0x00, 0x10]));
    assert_eq!(reason(&from_service_centre(&centre)).0, 202);
    let command = rp_data_mo(
        1,
        &[
            0x02, 0x01, 0x00, 0x00, 0x01, 0x08, 0x91, 0x51, 0x55, 0x00, 0x20, 0x00,
        ],
    );
    assert_eq!(reason(&to_bob(&command)), (202, Some(69)));
    let mut emergency = submit_tpdu(7, 0, 0);
    emergency.splice(2..8, [0x03, 0x81, 0x11, 0xF2]);
    assert_eq!(reason(&to_bob(&rp_data_mo(1, &emergency))), (202, Some(1)));
    assert_eq!(reason(&to_bob(&[0x00, 0x01])).0, 400);
}

#[test]
fn rp_ack_waits_for_the_rp_ack_of_the_recipient() {
    let mut world = World::new();
    sent(&mut world, &hello(0x2A));
    world.pass(3_000);
    let done = bob(&mut world, &[0x02, 0x01]);
    assert_eq!(done.reply(), 202);
    assert_eq!(done.counted, [Counter::SmDelivered]);
    assert_eq!(done.message().body, [&RP_ACK[..], &SCTS].concat());
    assert_eq!(done.message().identity, ALICE);
    assert!(done.ended[0].to_phone && done.ended[0].status == 200);
    let report = done.sent[0].0.unwrap();
    assert!(world.leg(report, 200).is_nothing());
    assert_eq!(world.store.open(), 0);
}

#[test]
fn rp_error_has_the_cause_of_the_recipient() {
    for (octets, cause, fcs) in [
        // Memory capacity exceeded: "destination out of order".
        (&[0x04, 0x01, 0x01, 0x96][..], 27, 0xC2),
        (&[0x04, 0x01, 0x01, 0xEF], 41, 0xC2),
        // TP-FCS D0: (U)SIM SMS storage full.
        (
            &[0x04, 0x01, 0x01, 0x96, 0x41, 0x03, 0x00, 0xD0, 0x00],
            27,
            0xC2,
        ),
    ] {
        let mut world = World::new();
        sent(&mut world, &hello(0x2A));
        let done = bob(&mut world, octets);
        assert_eq!(done.counted, [Counter::SmFailed]);
        assert_eq!(done.message().body, rp_error(cause, fcs));
    }
}

#[test]
fn an_unsupported_alphabet_is_not_changed() {
    let mut world = World::new();
    sent(&mut world, &hello(0x2A));
    // TP-FCS 90: data coding scheme not supported.
    let octets = [0x04, 0x01, 0x01, 0xEF, 0x41, 0x03, 0x00, 0x90, 0x00];
    let done = bob(&mut world, &octets);
    assert_eq!(done.message().identity, ALICE);
    assert_eq!(done.message().body[3] & 0x7F, 21);
}

#[test]
fn a_stored_one_in_an_unsupported_alphabet_is_not_changed_either() {
    let long = "0123456789".repeat(30);
    let parts = parts_that_ask(&long, 7, 1, |_| true);
    for octets in [vec![asking(0x2A)], parts] {
        let mut world = stored_messages::world();
        for part in &octets {
            let done = store_sm(&mut world, part);
            let mut next = Some(done.asked[0].0);
            while let Some(exchange) = next {
                let done = world.stored(exchange);
                next = done.asked.first().map(|(exchange, _)| *exchange);
            }
        }
        let done = comes(&mut world, PHONE);
        let first = done.message().body.clone();
        let refused = [0x04, first[1], 0x01, 0xEF, 0x41, 0x03, 0x00, 0x90, 0x00];
        let done = bob(&mut world, &refused);
        let is_to_bob = |message: &MessageOut| message.identity == BOB;
        assert!(!done.sent.iter().any(|(_, message)| is_to_bob(message)));
        assert!(done.counted.contains(&Counter::StoreFailed));
    }
}

#[test]
fn a_part_that_the_script_refuses_is_not_kept() {
    let mut world = World::new();
    let parts = parts_that_ask(&"0123456789".repeat(30), 7, 0x2A, |_| false);
    let translated = world
        .gateway
        .translate_sm(&to_bob(&parts[0]), world.now)
        .ok();
    let mut sm = translated.expect("not refused");
    sm.outcome = Some(480);
    let done = world.submit_prepared(&sm);
    assert_eq!((done.reply(), done.replies[0].1), (202, Verdict::Answered));
    assert_eq!(done.message().body[..4], [0x05, 0x2A, 0x01, 0x80 | 27]);
    assert_eq!(world.store.open(), 0);
    // The recipient's phone is back.
    assert_eq!(submit(&mut world, &parts[0]).message().identity, BOB);
}

#[test]
fn failure_in_sip_is_an_rp_error() {
    for (status, cause) in [(480, 27), (408, 27), (404, 1), (500, 27)] {
        let mut world = World::new();
        let exchange = sent(&mut world, &hello(0x2A));
        let done = world.leg_fails(exchange, status);
        assert_eq!(done.counted, [Counter::SmFailed], "{status}");
        let report = &done.sent[0].1;
        assert_eq!(
            (report.body[0], report.body[3] & 0x7F),
            (5, cause),
            "{status}"
        );
        world.leg(done.sent[0].0.unwrap(), 200);
        assert_eq!(world.store.open(), 0);
    }
}

/// The time until the report of the sender is over.
fn overdue(world: &mut World) -> Done {
    let (at, exchange) = world.store.next_wake().unwrap();
    world.now.unix_ms = world.now.unix_ms.max(at);
    world.store.clear_alarm(exchange);
    world.handle(Input::Due { exchange })
}

#[test]
fn a_phone_that_accepts_in_sip_only_may_have_the_message() {
    let mut world = World::new();
    let exchange = sent(&mut world, &asking(0x2A));
    assert!(world.leg(exchange, 200).is_nothing());
    world.pass(20_000);
    let sender = world.store.ids()[0];
    let done = world.handle(Input::Due { exchange: sender });
    assert_eq!(done.message().body[0], 3, "RP-ACK");
    assert_eq!(done.ended[0].status, 202);
    // The status report waits for the phone's report.
    assert!(world.leg(done.sent[0].0.unwrap(), 200).is_nothing());
    world.pass(5_000);
    let done = bob(&mut world, &[0x02, 0x01]);
    let report = status_report(&done.message().body);
    assert_eq!((u8::from(report.status), report.mr.0), (0x00, 0x07));
    assert_eq!(done.message().identity, ALICE);
}

#[test]
fn a_silent_phone_does_not_have_it() {
    let mut world = World::new();
    sent(&mut world, &hello(0x2A));
    let done = overdue(&mut world);
    assert_eq!(done.message().body, rp_error(27, 0xC2));
    assert_eq!(done.message().identity, ALICE);
}

/// A phone that is silent, and a second message to it a second later: the time of its sender is over when it has just left.
#[test]
fn a_message_that_has_just_left_is_not_acknowledged() {
    for answers in [false, true] {
        let mut world = World::new();
        let first = sent(&mut world, &hello(0x2A));
        world.pass(1_000);
        submit(&mut world, &rp_data_mo(0x2B, &submit_tpdu(0x08, 0, 0)));
        let sender = world.store.ids()[2];
        world.pass(18_500);
        let done = world.leg(first, 408);
        let mut to_bob = done.sent.iter().filter(|(_, sent)| sent.identity == BOB);
        let second = to_bob.next().unwrap().0.unwrap();
        world.pass(1_500);
        let due = Input::Due { exchange: sender };
        assert!(world.handle(due).sent.is_empty(), "no report yet");
        if answers {
            world.leg(second, 200);
        }
        world.pass(2_000);
        let done = world.handle(Input::Due { exchange: sender });
        let expected = if answers { [3, 0x2B] } else { [5, 0x2B] };
        assert_eq!(done.message().body[..2], expected);
    }
}

#[test]
fn a_message_that_waited_for_others_all_the_time_is_not_sent_any_more() {
    let mut world = World::new();
    let first = sent(&mut world, &hello(0x2A));
    let done = submit(&mut world, &rp_data_mo(0x2B, &submit_tpdu(0x08, 0, 0)));
    assert_eq!((done.reply(), done.sent.len()), (202, 0), "it waits");
    // The first one is still in its SIP transaction when the second one's time is over.
    world.pass(20_000);
    let second = world.store.ids()[2];
    let done = world.handle(Input::Due { exchange: second });
    assert_eq!(done.message().body[..4], [0x05, 0x2B, 0x01, 0x80 | 27]);
    assert!(world.leg(first, 200).sent.is_empty(), "it is gone");
}

#[test]
fn order_of_messages_is_kept() {
    let mut world = World::new();
    let first = sent(&mut world, &hello(0x2A));
    assert!(
        submit(&mut world, &rp_data_mo(0x2B, &submit_tpdu(8, 0, 0)))
            .sent
            .is_empty()
    );
    assert!(
        submit(&mut world, &rp_data_mo(0x2C, &submit_tpdu(9, 0, 0)))
            .sent
            .is_empty()
    );
    assert!(world.leg(first, 200).is_nothing());
    // The report on the first one starts the second.
    let done = bob(&mut world, &[0x02, 0x01]);
    let to: Vec<&str> = done.sent.iter().map(|(_, it)| &*it.identity).collect();
    assert_eq!(to, [BOB, ALICE]);
    assert_eq!(done.sent[0].1.body[1], 2, "RP-MR");
}

#[test]
fn a_repetition_is_delivered_once_and_gets_its_report() {
    let mut world = World::new();
    sent(&mut world, &hello(0x2A));
    let again = submit(&mut world, &hello(0x2A));
    assert_eq!(again.counted, [Counter::SmRepeated]);
    assert_eq!((again.reply(), again.sent.len()), (202, 0));
    let done = bob(&mut world, &[0x02, 0x01]);
    assert_eq!(done.message().body[..2], [0x03, 0x2A]);
    world.leg(done.sent[0].0.unwrap(), 200);
    let again = submit(&mut world, &hello(0x2A));
    assert_eq!(again.message().body[..2], [0x03, 0x2A], "the same report");
    assert_eq!(world.store.open(), 0);
}

#[test]
fn status_report_after_rp_ack_only_when_asked_for() {
    for (octets, reports) in [(asking(0x2A), 1), (hello(0x2A), 0)] {
        let mut world = World::new();
        let done = submit(&mut world, &octets);
        let asked = deliver(&done.message().body).status_report_indication;
        assert_eq!(asked, reports == 1, "TP-SRI");
        let done = bob(&mut world, &[0x02, 0x01]);
        let done = world.leg(done.sent[0].0.unwrap(), 200);
        assert_eq!(done.sent.len(), reports);
        if let Some((_, message)) = done.sent.first() {
            let report = status_report(&message.body);
            assert_eq!(u8::from(report.status), 0x00);
            assert_eq!(report.scts, TpScts::from_unix(UNIX, 4));
            assert_eq!(report.recipient_address.to_string(), "+15550002");
        }
    }
}

#[test]
fn an_expired_message_is_not_sent() {
    let mut world = World::new();
    let first = sent(&mut world, &hello(0x2A));
    // Enhanced TP-VP: 10 s.
    let mut tpdu = submit_tpdu(0x08, 0, 0);
    tpdu[0] |= 0b01 << 3;
    tpdu.splice(10..10, [0x02, 10, 0, 0, 0, 0, 0]);
    assert!(submit(&mut world, &rp_data_mo(0x2B, &tpdu)).sent.is_empty());
    world.pass(11_000);
    let done = world.leg(first, 200);
    assert!(done.sent.is_empty());
    let done = bob(&mut world, &[0x02, 0x01]);
    let bodies: Vec<&[u8]> = done.sent.iter().map(|(_, it)| &it.body[..2]).collect();
    assert_eq!(bodies, [&[0x03, 0x2A], &[0x05, 0x2B]]);
}

#[test]
fn to_oneself() {
    let mut world = World::new();
    let octets = hello(0x2A);
    let message = MessageIn {
        request_uri: ALICE,
        ..to_bob(&octets)
    };
    let translated = world.gateway.translate_sm_to_phone(&message, world.now);
    let (sm, to) = translated.ok().unwrap();
    let done = world.handle(Input::SubmitToPhone {
        sm: &sm,
        to: &to,
        transaction: held_as(1),
    });
    assert_eq!(done.message().identity, ALICE);
    let done = world.report(&from_phone(ALICE, &[0x02, 0x01]));
    assert_eq!(done.message().body[..2], [0x03, 0x2A]);
}

#[test]
fn a_full_table_is_an_rp_error() {
    for places in [0, 1] {
        let mut world = World::new();
        world.store.max = places;
        let done = submit(&mut world, &hello(0x2A));
        assert_eq!(done.reply(), 202);
        assert!(done.counted.contains(&Counter::Full));
        assert_eq!(done.message().body[..4], [0x05, 0x2A, 0x01, 0x80 | 42]);
    }
}

#[test]
fn when_the_gateway_stops_the_sender_gets_its_report() {
    let mut world = World::new();
    let exchange = sent(&mut world, &hello(0x2A));
    world.leg(exchange, 200);
    let sender = world.store.ids()[0];
    let done = world.handle(Input::Stop { exchange: sender });
    assert_eq!(done.message().identity, ALICE);
    assert_eq!(done.message().body[0], 3);
}
