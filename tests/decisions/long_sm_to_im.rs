//! Long short messages: rows MT-6, MT-7, AUT-6.

use ipsmgw::exchange::{ExchangeKey, Store as _};
use ipsmgw::interwork::{Counter, Input, Settings, Verdict};
use ipsmgw::sip::{MessageIn, Service};
use ipsmgw::wire::{
    ConcatenationReference, Cut, Segments, SmsDeliver, SmsSubmit, TextCoding, TpAddress, TpMr,
    TpPid, TpScts, TpVp, Tpdu,
};

use crate::world::{
    ALICE, BOB, Done, Random, SERVICE_CENTRE, World, field, from_phone, from_service_centre,
    rp_data_mo, rp_data_mt, settings,
};

/// The RP-DATA of each part of a text to +15550002; RP-MR and TP-MR count from `mr`.
pub(crate) fn parts(text: &str, reference: u8, mr: u8) -> Vec<Vec<u8>> {
    parts_that_ask(text, reference, mr, |_| false)
}

/// The same, with TP-SRR in those that ask.
pub(crate) fn parts_that_ask(
    text: &str,
    reference: u8,
    mr: u8,
    asks: fn(u8) -> bool,
) -> Vec<Vec<u8>> {
    let reference = ConcatenationReference::Eight(reference);
    let coding = TextCoding::of(text, &[]);
    let segments = Segments::of(text, coding, reference, Cut::Characters).unwrap();
    let mut mr = mr;
    let part = |part: ipsmgw::wire::EncodedText| {
        let submit = SmsSubmit {
            reject_duplicates: false,
            status_report_request: asks(mr),
            reply_path: false,
            mr: TpMr(mr),
            destination_address: TpAddress::from_number("+15550002").unwrap(),
            pid: TpPid(0),
            dcs: part.dcs(),
            vp: TpVp::Absent,
            user_data: part.user_data(),
        };
        let mut tpdu = Vec::new();
        Tpdu::Submit(submit).encode(&mut tpdu).unwrap();
        let octets = rp_data_mo(mr, &tpdu);
        mr = mr.wrapping_add(1);
        octets
    };
    segments.parts().map(part).collect()
}

/// Takes three parts.
fn long() -> String {
    "The quick brown fox jumps. ".repeat(15)
}

/// The report on a part that does not complete its message: RP-ACK (3) or RP-ERROR (5), RP-MR.
fn report(done: &Done) -> (u16, Verdict, u8, u8) {
    assert!(done.relayed.is_empty());
    let body = &done.message().body;
    (done.reply(), done.replies[0].1, body[0], body[1])
}

/// The IM side's view of a relayed part: the exchange and the text.
pub(crate) fn whole(done: &Done) -> (ExchangeKey, String) {
    assert_eq!((done.relayed.len(), done.joined.len()), (1, 1));
    let body = String::from_utf8(done.joined[0].body.clone()).unwrap();
    (done.relayed[0], body)
}

/// The outcome on the IM side, and the report to the phone.
pub(crate) fn answered(world: &mut World, exchange: ExchangeKey, status: u16) -> Vec<u8> {
    let done = world.client_answers(exchange, status);
    let body = done.message().body.clone();
    world.leg(exchange, 200);
    body
}

#[test]
fn part_repeated_after_delivery() {
    let mut world = World::new();
    let parts = parts(&long(), 7, 1);
    world.submit(&from_phone(ALICE, &parts[0]));
    world.submit(&from_phone(ALICE, &parts[1]));
    let (id, _) = whole(&world.submit(&from_phone(ALICE, &parts[2])));
    answered(&mut world, id, 200);
    // Each of them with another RP-MR: the one that completed the message, too.
    for part in &parts {
        let mut again = part.clone();
        again[1] += 100;
        let done = world.submit(&from_phone(ALICE, &again));
        assert_eq!(report(&done), (202, Verdict::Answered, 0x03, again[1]));
        assert_eq!(done.counted, [Counter::SmRepeated]);
    }
    assert_eq!(world.store.open(), 0);
}

#[test]
fn the_last_part_brings_the_whole_text() {
    let mut world = World::new();
    let text = long();
    let parts = parts(&text, 7, 10);
    for (octets, rp_mr) in parts.iter().zip(10..12) {
        let done = world.submit(&from_phone(ALICE, octets));
        assert_eq!(report(&done), (202, Verdict::Answered, 0x03, rp_mr));
        assert_eq!(
            field(&done.message().headers, "In-Reply-To"),
            Some("submission@phone")
        );
        assert_eq!(done.counted, [Counter::SmPart]);
    }
    let done = world.submit(&from_phone(ALICE, &parts[2]));
    assert_eq!(done.counted, [Counter::SmToIm]);
    let (exchange, body) = whole(&done);
    assert_eq!(body, text);
    assert_eq!(done.joined[0].from.uri, ALICE);
    assert_eq!(answered(&mut world, exchange, 200)[..2], [0x03, 12]);
    assert_eq!(world.store.open(), 0);
}

#[test]
fn parts_in_any_order_are_delivered_once() {
    let emoji = "🎉é".repeat(335);
    let longest = "0123456789".repeat(255 * 153 / 10);
    for (seed, text) in (1..).zip([long(), emoji, longest]) {
        let mut random = Random::of(seed);
        let mut world = World::new();
        let parts = parts(&text, 7, 0);
        let mut order: Vec<usize> = (0..parts.len()).chain(0..parts.len()).collect();
        for at in (1..order.len()).rev() {
            order.swap(at, random.below(at + 1));
        }
        let mut bodies = Vec::new();
        for at in order {
            let done = world.submit(&from_phone(ALICE, &parts[at]));
            if done.relayed.is_empty() {
                assert_eq!(done.message().body[0], 0x03);
                continue;
            }
            let (exchange, body) = whole(&done);
            bodies.push(body);
            assert_eq!(answered(&mut world, exchange, 200)[0], 0x03);
        }
        assert_eq!(bodies, [text]);
        assert_eq!(world.store.open(), 0);
    }
}

#[test]
fn part_repeated_while_the_whole_is_relayed() {
    let mut world = World::new();
    let parts = parts(&long(), 7, 0);
    world.submit(&from_phone(ALICE, &parts[0]));
    world.submit(&from_phone(ALICE, &parts[1]));
    let (exchange, _) = whole(&world.submit(&from_phone(ALICE, &parts[2])));
    let done = world.submit(&from_phone(ALICE, &parts[0]));
    assert_eq!(report(&done), (202, Verdict::Answered, 0x03, 0));
    assert_eq!(done.counted, [Counter::SmRepeated]);
    // The completing one is answered when its outcome is known.
    let done = world.submit(&from_phone(ALICE, &parts[2]));
    assert!(done.sent.is_empty() && done.relayed.is_empty());
    answered(&mut world, exchange, 200);
    assert_eq!(world.store.open(), 0);
}

#[test]
fn parts_of_other_senders_do_not_fit() {
    let mut world = World::new();
    let text = long();
    let mut first = parts(&text, 7, 0);
    let mut done = Vec::new();
    for who in [ALICE, BOB] {
        for octets in &first[..2] {
            done.push(world.submit(&from_phone(who, octets)));
        }
    }
    // Another recipient, another total, another reference, 16 bits instead of 8.
    first[2][15] = 0x30;
    done.push(world.submit(&from_phone(ALICE, &first[2])));
    done.push(world.submit(&from_phone(ALICE, &parts(&"x".repeat(200), 7, 9)[1])));
    done.push(world.submit(&from_phone(ALICE, &parts(&text, 8, 9)[2])));
    assert!(done.iter().all(|done| done.relayed.is_empty()));
    let last = &parts(&text, 7, 2)[0][..];
    assert_eq!(
        world.submit(&from_phone(ALICE, last)).sent.len(),
        2,
        "the old text, and RP-ACK"
    );
}

#[test]
fn an_error_leaves_the_parts_for_another_attempt() {
    let mut world = World::new();
    let text = long();
    let parts = parts(&text, 7, 0);
    world.submit(&from_phone(ALICE, &parts[0]));
    world.submit(&from_phone(ALICE, &parts[2]));
    let (exchange, _) = whole(&world.submit(&from_phone(ALICE, &parts[1])));
    assert_eq!(
        answered(&mut world, exchange, 480)[..4],
        [0x05, 1, 1, 0x80 | 27]
    );
    assert_eq!(world.store.open(), 2);
    // The phone tries the same part again, with a new RP-MR and TP-RD.
    let mut again = parts[1].clone();
    again[1] = 0x77;
    again[10] |= 0b100;
    let done = world.submit(&from_phone(ALICE, &again));
    let (exchange, body) = whole(&done);
    assert_eq!(body, text);
    assert_eq!(answered(&mut world, exchange, 200)[..2], [0x03, 0x77]);
    assert_eq!(world.store.open(), 0);
}

#[test]
fn failed_message_is_not_delivered_in_parts() {
    for (status, refused_in_sip) in [(603, false), (0, true)] {
        let mut world = World::new();
        let parts = parts(&long(), 7, 0);
        world.submit(&from_phone(ALICE, &parts[0]));
        world.submit(&from_phone(ALICE, &parts[1]));
        let (exchange, _) = whole(&world.submit(&from_phone(ALICE, &parts[2])));
        if refused_in_sip {
            let done = world.handle(Input::FinalSent {
                exchange,
                status: 500,
                open: 0,
            });
            assert!(done.sent.is_empty());
        } else {
            answered(&mut world, exchange, status);
        }
        world.pass(120_000);
        let (_, first) = world.store.next_wake().unwrap();
        let done = world.handle(Input::Due { exchange: first });
        assert_eq!(done.counted, [Counter::SmIncomplete]);
        assert!(done.sent.is_empty());
        assert_eq!(world.store.open(), 0);
    }
}

#[test]
fn incomplete_message_marks_its_gaps() {
    for (incomplete, delivered) in [("deliver", true), ("drop", false)] {
        let mut world = World::with(&Settings {
            concat_incomplete: incomplete,
            concat_timeout: 60,
            ..settings()
        });
        let text = format!("{}{}{}", "a".repeat(153), "b".repeat(153), "c".repeat(20));
        let parts = parts(&text, 7, 0);
        // The contact is found by the identity, whatever name the client has registered.
        let named = |part| MessageIn {
            recipient_name: Some("sip:bob@ims.example"),
            ..from_phone(ALICE, part)
        };
        world.submit(&named(&parts[2]));
        world.pass(50_000);
        world.submit(&named(&parts[0]));
        let (at, first) = world.store.next_wake().unwrap();
        assert_eq!(at, 1_060_000, "from the first one on");
        world.pass(10_000);
        let done = world.handle(Input::Due { exchange: first });
        assert_eq!(done.counted, [Counter::SmIncomplete]);
        assert_eq!(world.store.open(), 0);
        assert_eq!(done.sent.is_empty(), !delivered);
        if delivered {
            let message = done.message();
            assert_eq!(
                String::from_utf8(message.body.clone()).unwrap(),
                format!("{}[… 2/3 missing]{}", "a".repeat(153), "c".repeat(20))
            );
            assert!(message.service == Service::Im);
            assert_eq!(message.identity, "sip:+15550002@ims.example;user=phone");
            assert_eq!(message.from, ALICE);
            assert_eq!(
                field(&message.headers, "Content-Type"),
                Some("text/plain;charset=UTF-8")
            );
        }
        // A part that is repeated now is recognised, and no message is delivered twice.
        let done = world.submit(&from_phone(ALICE, &parts[0]));
        assert_eq!(report(&done).2, 0x03);
        assert_eq!(done.counted, [Counter::SmRepeated]);
    }
}

#[test]
fn reused_reference_is_another_message() {
    let mut world = World::new();
    let (one, other) = ("a".repeat(200), "b".repeat(200));
    let first = parts(&one, 7, 0);
    let second = parts(&other, 7, 2);
    world.submit(&from_phone(ALICE, &first[0]));
    let done = world.submit(&from_phone(ALICE, &second[0]));
    assert_eq!(done.counted, [Counter::SmIncomplete, Counter::SmPart]);
    let text = String::from_utf8(done.sent[0].1.body.clone()).unwrap();
    assert_eq!(text, format!("{}[… 2/2 missing]", "a".repeat(153)));
    let (exchange, body) = whole(&world.submit(&from_phone(ALICE, &second[1])));
    assert_eq!(body, other);
    answered(&mut world, exchange, 200);
    // And again, right after it was delivered.
    let third = parts(&one, 7, 4);
    world.submit(&from_phone(ALICE, &third[0]));
    let (_, body) = whole(&world.submit(&from_phone(ALICE, &third[1])));
    assert_eq!(body, one);
}

#[test]
fn reused_reference_while_the_first_is_relayed() {
    let mut world = World::new();
    let (one, other) = ("a".repeat(200), "b".repeat(200));
    let first = parts(&one, 7, 0);
    let second = parts(&other, 7, 2);
    world.submit(&from_phone(ALICE, &first[0]));
    let (exchange, _) = whole(&world.submit(&from_phone(ALICE, &first[1])));
    world.submit(&from_phone(ALICE, &second[0]));
    answered(&mut world, exchange, 480);
    let (_, body) = whole(&world.submit(&from_phone(ALICE, &second[1])));
    assert_eq!(body, other);
}

#[test]
fn a_service_centre_delivers_parts() {
    let mut world = World::new();
    let text = long();
    let coding = TextCoding::of(&text, &[]);
    let reference = ConcatenationReference::Sixteen(0x1234);
    let segments = Segments::of(&text, coding, reference, Cut::Characters).unwrap();
    let mut last = None;
    for (part, rp_mr) in segments.parts().zip(1..) {
        let deliver = SmsDeliver {
            more_messages: true,
            loop_prevention: false,
            status_report_indication: false,
            reply_path: false,
            originating_address: TpAddress::from_text("Bank").unwrap(),
            pid: TpPid(0),
            dcs: part.dcs(),
            scts: TpScts::from_unix(0, 0),
            user_data: part.user_data(),
        };
        let mut tpdu = Vec::new();
        Tpdu::Deliver(deliver).encode(&mut tpdu).unwrap();
        let octets = rp_data_mt(rp_mr, &tpdu);
        let done = world.submit(&from_service_centre(&octets));
        if rp_mr < 3 {
            // RP-ACK in the direction of a phone, as the gateway sends it to a service centre
            assert_eq!(report(&done), (202, Verdict::Answered, 0x02, rp_mr));
            assert_eq!(done.message().identity, SERVICE_CENTRE);
        }
        last = Some(done);
    }
    let (_, body) = whole(&last.unwrap());
    assert_eq!(body, text);
}

#[test]
fn kept_parts_are_limited() {
    let mut world = World::new();
    let text = "a".repeat(255 * 153);
    let mut refused = 0;
    for reference in 0..3 {
        for octets in &parts(&text, reference, 0)[1..] {
            let done = world.submit(&from_phone(ALICE, octets));
            let (_, verdict, rp, _) = report(&done);
            if verdict == Verdict::Refused {
                assert_eq!((rp, done.message().body[3]), (0x05, 0x80 | 42));
                assert_eq!(done.counted, [Counter::Full]);
                refused += 1;
            }
        }
    }
    assert_eq!((world.store.open(), refused), (510, 3 * 254 - 510));
    // Others have room.
    let done = world.submit(&from_phone(BOB, &parts(&long(), 1, 0)[0]));
    assert_eq!(report(&done).1, Verdict::Answered);
}

#[test]
fn a_claimed_part_waits_for_the_exchange_that_claims_it() {
    let mut world = World::new();
    let parts = parts(&long(), 7, 0);
    world.submit(&from_phone(ALICE, &parts[0]));
    let (_, first) = world.store.next_wake().unwrap();
    world.submit(&from_phone(ALICE, &parts[1]));
    world.pass(119_000);
    let (exchange, _) = whole(&world.submit(&from_phone(ALICE, &parts[2])));
    world.pass(1_000);
    assert!(world.handle(Input::Due { exchange: first }).is_nothing());
    assert!(world.store.by_key(first).is_some());
    answered(&mut world, exchange, 200);
    assert_eq!(world.store.open(), 0);
}

#[test]
fn script_may_retarget_a_long_message() {
    let mut world = World::new();
    let text = "x".repeat(200);
    let parts = parts(&text, 7, 0);
    let to = |octets| MessageIn {
        request_uri: "sip:bob@ims.example",
        retargeted: true,
        ..from_phone(ALICE, octets)
    };
    world.submit(&to(&parts[0]));
    let done = world.submit(&to(&parts[1]));
    assert_eq!(done.joined[0].to.uri, "sip:bob@ims.example");
    assert!(done.joined[0].request_uri.is_none());
}
