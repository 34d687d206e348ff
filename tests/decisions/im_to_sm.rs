//! IM to SM: rows IM-1 to IM-4, IM-8, IM-11 to IM-15, DLV-2 to DLV-4, CAU-2, CAU-3.

use ipsmgw::exchange::ExchangeKey;
use ipsmgw::interwork::{Counter, Input, Verdict};
use ipsmgw::sip::MessageIn;

use crate::world::{ALICE, BOB, SCTS, SERVICE_CENTRE, World, field, from_phone, held_as, instant};

/// Reporter, RP-MR, and In-Reply-To.
fn ack<'m>(octets: &'m [u8; 2], in_reply_to: Option<&'m str>) -> MessageIn<'m> {
    MessageIn {
        in_reply_to,
        ..from_phone(BOB, octets)
    }
}

/// An instant message on its way, its exchange, RP-MR and Call-ID.
fn sent(world: &mut World, text: &str) -> (ExchangeKey, u8, String) {
    let done = world.deliver(&instant(BOB, text));
    let (id, message) = &done.sent[0];
    assert_eq!(Some(done.held[0]), *id);
    (
        done.held[0],
        message.body[1],
        message.call_id.clone().unwrap(),
    )
}

#[test]
fn an_instant_message_becomes_rp_data() {
    let mut world = World::new();
    let done = world.deliver(&instant(BOB, "hello"));
    assert!(done.replies.is_empty(), "its sender waits");
    assert_eq!(done.counted, [Counter::ImToSm]);
    let message = done.message();
    let expected = [
        &[0x01, 0x01][..],                     // RP-DATA, network to MS
        &[0x05, 0x91, 0x51, 0x55, 0x99, 0x99], // RP-OA: +15559999
        &[0x00],                               // RP-DA: absent
        &[0x16],                               // RP-UD: 22 octets
        &[0x04],                               // SMS-DELIVER, no more messages
        &[0x08, 0x91, 0x51, 0x55, 0x00, 0x10], // TP-OA: +15550001
        &[0x00, 0x00],                         // TP-PID, TP-DCS
        &SCTS,
        &[0x05, 0xE8, 0x32, 0x9B, 0xFD, 0x06], // "hello"
    ]
    .concat();
    assert_eq!(message.body, expected);
    assert_eq!(
        (message.identity.as_str(), message.from.as_str()),
        (BOB, SERVICE_CENTRE)
    );
    for (name, value) in [
        ("P-Asserted-Identity", "<sip:+15559999@ims.example>"),
        ("Request-Disposition", "no-fork"),
        ("Accept-Contact", "*;+g.3gpp.smsip;require;explicit"),
        ("Content-Type", "application/vnd.3gpp.sms"),
        ("Content-Transfer-Encoding", "binary"),
    ] {
        assert_eq!(field(&message.headers, name), Some(value));
    }
}

#[test]
fn texts() {
    let world = World::new();
    let tpdu_tail = |content_type, body: &[u8]| {
        let message = MessageIn {
            content_type: Some(content_type),
            body,
            ..instant(BOB, "")
        };
        let im = world.translate_im(&message);
        // TP-DCS, and TP-UD behind TP-SCTS
        let octets = im.parts[0].as_slice();
        (octets[18], octets[26], octets[27..].to_vec())
    };
    let plain = tpdu_tail("text/plain", b"a\nb");
    assert_eq!(plain.0, 0x00);
    for (content_type, body) in [
        ("text/plain;charset=UTF-8", &b"\xEF\xBB\xBFa\nb"[..]),
        ("TEXT/PLAIN; charset=\"us-ascii\"", b"a\r\nb"),
        ("text/plain;format=flowed;charset=utf8", b"a\rb"),
        (
            "multipart/alternative;boundary=x",
            b"--x\r\n\r\na\nb\r\n--x--",
        ),
    ] {
        assert_eq!(tpdu_tail(content_type, body), plain, "{content_type}");
    }
    let emoji = tpdu_tail("text/plain", "🎉".as_bytes());
    assert_eq!(emoji, (0x08, 4, vec![0xD8, 0x3C, 0xDF, 0x89]));
    assert_eq!(tpdu_tail("text/plain", "€".repeat(80).as_bytes()).1, 160);
    assert_eq!(tpdu_tail("text/plain", "Ж".repeat(70).as_bytes()).1, 140);
}

#[test]
fn rp_ack_delivers_before_or_after_the_200() {
    for leg_first in [true, false] {
        let mut world = World::new();
        let (id, rp_mr, call_id) = sent(&mut world, "hello");
        if leg_first {
            assert!(
                world.leg(id, 200).is_nothing(),
                "a 200 means that SIP worked"
            );
        }
        let done = world.report_before_200(&ack(&[0x02, rp_mr], Some(&call_id)));
        assert_eq!((done.reply(), done.replies[0].1), (202, Verdict::Taken));
        assert_eq!((done.answer(), done.answered[0].0), (200, id));
        assert_eq!(done.answered[0].1, held_as(1));
        assert_eq!(done.counted, [Counter::ImDelivered]);
        assert!(world.leg(id, 200).is_nothing());
        assert_eq!(world.store.open(), 0);
    }
}

/// Table CAU-2: RP-Cause, status, Retry-After.
const B4: &[(u8, u16, bool)] = &[
    (1, 404, false),
    (30, 404, false),
    (8, 403, false),
    (10, 403, false),
    (21, 403, false),
    (22, 480, true),
    (27, 480, false),
    (28, 403, false),
    (50, 403, false),
    (29, 501, false),
    (69, 501, false),
    (38, 500, false),
    (41, 500, true),
    (47, 500, true),
    (42, 480, true),
    (81, 500, false),
    (98, 500, false),
    (95, 500, false),
    (96, 500, false),
    (97, 500, false),
    (99, 500, false),
    (111, 500, false),
    (127, 502, false),
    (77, 500, false),
];

#[test]
fn each_rp_cause_has_its_status() {
    let mut world = World::new();
    for &(cause, status, retry_after) in B4 {
        let (_, rp_mr, call_id) = sent(&mut world, "hello");
        let octets = [0x04, rp_mr, 0x01, 0x80 | cause];
        let report = MessageIn {
            in_reply_to: Some(&call_id),
            ..from_phone(BOB, &octets)
        };
        let done = world.report(&report);
        let outcome = done.answered[0].2;
        assert_eq!((done.reply(), done.answer()), (202, status), "{cause}");
        assert_eq!(
            outcome.answer.headers.starts_with("Retry-After: "),
            retry_after,
            "{cause}"
        );
        assert_eq!((outcome.rp_cause, outcome.tp_fcs), (Some(cause), None));
        assert_eq!(done.counted, [Counter::ImFailed]);
    }
}

/// Table CAU-3: TP-FCS, status.
const B5: &[(u8, u16)] = &[
    (0x80, 488),
    (0x81, 488),
    (0x82, 488),
    (0x8F, 488),
    (0x90, 415),
    (0x9F, 415),
    (0x91, 488),
    (0xA0, 501),
    (0xA1, 501),
    (0xAF, 501),
    (0xB0, 501),
    (0xC0, 480),
    (0xC1, 403),
    (0xC2, 500),
    (0xC3, 404),
    (0xC4, 403),
    (0xC5, 202),
    (0xC6, 500),
    (0xC7, 500),
    (0xD0, 480),
    (0xD1, 480),
    (0xD3, 480),
    (0xD2, 500),
    (0xD5, 500),
    (0xD4, 480),
    (0xE0, 500),
    (0xFE, 500),
    (0xFF, 500),
    // Reserved: the RP-Cause decides, 22 here.
    (0x00, 480),
    (0x83, 480),
    (0xDF, 480),
];

#[test]
fn tp_fcs_goes_before_rp_cause() {
    let mut world = World::new();
    for &(fcs, status) in B5 {
        let (_, rp_mr, _) = sent(&mut world, "hello");
        // RP-ERROR 22, SMS-DELIVER-REPORT with TP-FCS
        let mut octets = [0x04, rp_mr, 0x01, 0x80 | 22, 0x41, 0x03, 0x00, fcs, 0x00];
        let mut done = world.report(&from_phone(BOB, &octets));
        if matches!(fcs, 0x90 | 0x9F) {
            // In the other alphabet, too (tests/decisions/sm_retry.rs).
            octets[1] = done.message().body[1];
            done = world.report(&from_phone(BOB, &octets));
        }
        assert_eq!(done.answer(), status, "{fcs:02X}");
        assert_eq!(done.answered[0].2.tp_fcs, Some(fcs));
    }
    // A TPDU that cannot be read takes nothing from the RP-Cause.
    let (_, rp_mr, _) = sent(&mut world, "hello");
    let octets = [0x04, rp_mr, 0x01, 0x80 | 22, 0x41, 0x01, 0x00];
    assert_eq!(world.report(&from_phone(BOB, &octets)).answer(), 480);
}

#[test]
fn failed_sip_leg_is_told_unless_a_report_follows() {
    for (status, answer, retry_after) in [
        (408, 480, false),
        (430, 480, false),
        (480, 480, false),
        (503, 480, false),
        (504, 480, false),
        (404, 404, false),
        (410, 404, false),
        (484, 404, false),
        (604, 404, false),
        (400, 480, true),
        (403, 480, true),
        (415, 480, true),
        (486, 480, true),
        (500, 480, true),
        (477, 480, true),
        (599, 480, true),
        (600, 480, true),
        (603, 480, true),
        (302, 480, true),
    ] {
        let mut world = World::new();
        let (id, rp_mr, call_id) = sent(&mut world, "hello");
        assert!(world.leg(id, 100).is_nothing());
        let done = world.leg_fails(id, status);
        assert_eq!(done.answer(), answer, "{status}");
        let headers = done.answered[0].2.answer.headers;
        assert_eq!(headers.starts_with("Retry-After"), retry_after, "{status}");
        assert_eq!(
            (done.counted, world.store.open()),
            (vec![Counter::ImFailed], 0)
        );
        // A later report is about nothing: the sender has not asked for notifications.
        let done = world.report(&ack(&[0x02, rp_mr], Some(&call_id)));
        assert_eq!((done.reply(), done.replies[0].1), (202, Verdict::Refused));
    }
}

#[test]
fn hold_time_ends_with_202() {
    let mut world = World::new();
    let (id, rp_mr, call_id) = sent(&mut world, "hello");
    world.leg(id, 200);
    world.pass(20_000);
    let done = world.hold_timeout(id);
    assert_eq!(
        (done.answer(), done.counted),
        (202, vec![Counter::ImAccepted])
    );
    assert!(world.hold_timeout(id).is_nothing());
    // The report that comes then is taken, and its sender is told nothing more.
    world.pass(5_000);
    let done = world.report(&ack(&[0x02, rp_mr], Some(&call_id)));
    assert_eq!((done.reply(), done.replies[0].1), (202, Verdict::Taken));
    assert!(done.answered.is_empty());
    assert_eq!(
        (done.counted, world.store.open()),
        (vec![Counter::ImDelivered], 0)
    );
}

#[test]
fn report_near_the_timer_leaves_the_answer_to_it() {
    for (octets, status) in [(&[0x02, 1][..], 200), (&[0x04, 1, 1, 0x80 | 22], 480)] {
        let mut world = World::new();
        let (id, ..) = sent(&mut world, "hello");
        world.pass(19_800);
        let done = world.report(&from_phone(BOB, octets));
        assert_eq!(done.reply(), 202);
        assert!(done.answered.is_empty(), "two would answer at once");
        // The same report again does not change it.
        assert_eq!(
            world
                .report(&from_phone(BOB, &[0x04, 1, 1, 0x80 | 21]))
                .replies[0]
                .1,
            Verdict::Refused
        );
        world.pass(150);
        let done = world.hold_timeout(id);
        assert_eq!((done.answer(), world.store.open()), (status, 0));
        if status == 480 {
            assert_eq!(done.answered[0].2.rp_cause, Some(22));
            assert!(done.answered[0].2.answer.headers.starts_with("Retry-After"));
        }
    }
}

#[test]
fn lost_timer_does_not_keep_the_sender_waiting() {
    let mut world = World::new();
    let (id, rp_mr, _) = sent(&mut world, "hello");
    world.pass(21_000);
    assert!(world.report(&ack(&[0x02, rp_mr], None)).answered.is_empty());
    let (at, due) = world.store.next_wake().unwrap();
    assert!(due == id && at > world.now.unix_ms);
    world.now.unix_ms = at;
    assert_eq!(world.handle(Input::Due { exchange: id }).answer(), 200);
    assert_eq!(world.store.open(), 0);
}

#[test]
fn the_same_report_again_changes_nothing() {
    let mut world = World::new();
    let (_, rp_mr, call_id) = sent(&mut world, "hello");
    assert_eq!(
        world.report(&ack(&[0x02, rp_mr], Some(&call_id))).answer(),
        200
    );
    let done = world.report(&ack(&[0x02, rp_mr], Some(&call_id)));
    assert_eq!((done.reply(), done.replies[0].1), (202, Verdict::Refused));
    assert!(done.answered.is_empty());
    assert_eq!(done.counted, [Counter::ReportUnknown]);
}

#[test]
fn reports_of_others_do_not_count() {
    let mut world = World::new();
    let (id, rp_mr, call_id) = sent(&mut world, "hello");
    let octets = [0x02, rp_mr];
    for foreign in [
        // The right Call-ID and RP-MR from the wrong phone.
        MessageIn {
            in_reply_to: Some(&call_id),
            ..from_phone("sip:+15550003@ims.example", &octets)
        },
        MessageIn {
            in_reply_to: Some(&call_id),
            ..from_phone(ALICE, &octets)
        },
        // The right phone with another RP-MR, and nothing else that names the message.
        ack(&[0x02, 0x77], None),
    ] {
        let done = world.report(&foreign);
        assert_eq!((done.reply(), done.replies[0].1), (202, Verdict::Refused));
        assert_eq!(done.counted, [Counter::ReportUnknown]);
        assert!(done.answered.is_empty());
    }
    assert_eq!(
        world.report(&ack(&octets, Some(&call_id))).answered[0].0,
        id
    );
}

#[test]
fn a_report_is_found_without_a_usable_in_reply_to() {
    for in_reply_to in [
        None,
        Some(""),
        Some("changed-by-a-b2bua@x"),
        Some("0-1-1-dead@elsewhere"),
        Some("0-1-1@ims.example"),
        Some("0-1-1-dead-beef@ims.example"),
        Some("ffffffffffffffff-1-1-b007@ims.example"),
    ] {
        let mut world = World::new();
        let (_, rp_mr, _) = sent(&mut world, "hello");
        assert_eq!(
            world.report(&ack(&[0x02, rp_mr], in_reply_to)).answer(),
            200
        );
    }
    // Another domain behind the "@", another Call-ID before it, a number written otherwise.
    let mut world = World::new();
    let (_, rp_mr, call_id) = sent(&mut world, "hello");
    let changed = ["x@y, ", call_id.split('@').next().unwrap(), "@elsewhere"].concat();
    let octets = [0x02, rp_mr];
    let report = MessageIn {
        identity: Some("tel:+1-555-0002"),
        ..ack(&octets, Some(&changed))
    };
    assert_eq!(world.report(&report).answer(), 200);
}

#[test]
fn report_on_an_earlier_message_does_not_count() {
    // The reference is the same: after 256 messages, or after a start.
    for in_reply_to in [
        "0-1-1-dead@ims.example",
        "7-1-1-b007@ims.example",
        "0-9-1-b007@ims.example",
    ] {
        let mut world = World::new();
        let (_, rp_mr, call_id) = sent(&mut world, "hello");
        let done = world.report(&ack(&[0x02, rp_mr], Some(in_reply_to)));
        assert_eq!((done.reply(), done.replies[0].1), (202, Verdict::Refused));
        assert!(done.answered.is_empty());
        assert_eq!(
            world.report(&ack(&[0x02, rp_mr], Some(&call_id))).answer(),
            200
        );
    }
}

#[test]
fn one_at_a_time_and_in_order() {
    let mut world = World::new();
    let (first, rp_mr, _) = sent(&mut world, "one");
    let second = world.deliver(&instant(BOB, "two"));
    let third = world.deliver(&instant(BOB, "three"));
    assert!(second.sent.is_empty() && third.sent.is_empty());
    assert_eq!(second.held.len(), 1);
    // Another recipient does not wait.
    assert_eq!(
        world
            .deliver(&instant("sip:+15550003@ims.example", "one"))
            .sent
            .len(),
        1
    );

    world.leg(first, 200);
    let done = world.report(&ack(&[0x02, rp_mr], None));
    assert_eq!((done.answer(), done.sent[0].0), (200, Some(second.held[0])));
    assert_ne!(done.message().body[1], rp_mr);
    // The second one's leg fails: the third has its turn.
    let done = world.leg_fails(second.held[0], 480);
    assert_eq!((done.answer(), done.sent[0].0), (480, Some(third.held[0])));
    // After its hold time a sender keeps its place in the queue.
    let fourth = world.deliver(&instant(BOB, "four"));
    world.pass(20_000);
    assert_eq!(world.hold_timeout(fourth.held[0]).answer(), 202);
    let done = world.leg(third.held[0], 500);
    assert_eq!(done.sent[0].0, Some(fourth.held[0]));
}

#[test]
fn next_message_does_not_wait_for_a_settled_one() {
    let mut world = World::new();
    let (_, rp_mr, _) = sent(&mut world, "one");
    let second = world.deliver(&instant(BOB, "two"));
    world.pass(19_900);
    let done = world.report(&ack(&[0x02, rp_mr], None));
    assert!(done.answered.is_empty());
    assert_eq!(done.sent[0].0, Some(second.held[0]));
}

#[test]
fn no_rp_mr_is_open_twice() {
    let mut world = World::new();
    let (_, mut rp_mr, _) = sent(&mut world, "0");
    for _ in 0..600 {
        world.deliver(&instant(BOB, "n"));
    }
    let mut seen = vec![rp_mr];
    while world.store.open() > 1 {
        let done = world.report(&ack(&[0x02, rp_mr], None));
        assert_eq!((done.answer(), done.sent.len()), (200, 1));
        let next = done.message().body[1];
        assert_ne!(next, rp_mr);
        rp_mr = next;
        seen.push(rp_mr);
    }
    assert_eq!(seen.len(), 601);
    for window in seen.windows(256) {
        let mut references = window.to_vec();
        references.sort_unstable();
        references.dedup();
        assert_eq!(
            references.len(),
            256,
            "a late report would find another message"
        );
    }
}

#[test]
fn missing_report_is_repeated_once_and_never_delivered() {
    let mut world = World::new();
    let first = world.deliver(&instant(BOB, "hello"));
    let id = first.held[0];
    world.leg(id, 200);
    world.pass(20_000);
    assert_eq!(world.hold_timeout(id).answer(), 202);
    let again = world.no_report(id);
    assert_eq!(again.counted, [Counter::Resent]);
    assert_eq!(
        again.message().body,
        first.message().body,
        "same RP-MR, same TP content"
    );
    assert_ne!(again.message().call_id, first.message().call_id);
    world.leg(id, 200);
    let done = world.no_report(id);
    assert_eq!(
        (done.counted, world.store.open()),
        (vec![Counter::ReportMissing], 0)
    );
    assert!(done.answered.is_empty() && done.sent.is_empty());
}

#[test]
fn a_report_on_the_repetition_counts() {
    let mut world = World::new();
    let (id, rp_mr, first_call_id) = sent(&mut world, "hello");
    world.leg(id, 200);
    world.hold_timeout(id);
    world.no_report(id);
    // Even when it answers the first one.
    let done = world.report(&ack(&[0x02, rp_mr], Some(&first_call_id)));
    assert_eq!(done.counted, [Counter::ImDelivered]);
}

#[test]
fn accepted_message_is_never_reported_failed() {
    let mut world = World::with(&ipsmgw::interwork::Settings {
        report_timeout: 5,
        ..crate::world::settings()
    });
    let (id, ..) = sent(&mut world, "hello");
    world.leg(id, 200);
    assert_eq!(world.no_report(id).sent.len(), 1);
    let done = world.leg(id, 480);
    assert_eq!(
        (done.answer(), done.counted),
        (202, vec![Counter::ReportMissing])
    );
}

#[test]
fn endless_leg_is_an_absent_phone() {
    let mut world = World::new();
    let (id, ..) = sent(&mut world, "hello");
    world.pass(45_000);
    // The host's timer was lost, too.
    assert!(
        world
            .handle(Input::Due { exchange: id })
            .answered
            .is_empty()
    );
    world.pass(5_000);
    assert_eq!(world.handle(Input::Due { exchange: id }).answer(), 480);
}

#[test]
fn full_table_answers_with_retry_after() {
    let mut world = World::new();
    world.store.max = 1;
    sent(&mut world, "one");
    let done = world.deliver(&instant(BOB, "two"));
    assert_eq!((done.reply(), done.replies[0].1), (480, Verdict::Refused));
    assert!(done.replies[0].0.headers.starts_with("Retry-After: "));
    assert!(done.held.is_empty() && done.sent.is_empty());
    assert_eq!(done.counted, [Counter::Full]);
}

#[test]
fn gone_sender_is_not_answered() {
    let mut world = World::new();
    let (first, rp_mr, _) = sent(&mut world, "one");
    let second = world.deliver(&instant(BOB, "two"));
    // Not sent yet: its sender was told that it failed, so it is not sent.
    assert!(
        world
            .handle(Input::Released {
                exchange: second.held[0]
            })
            .is_nothing()
    );
    assert!(
        world
            .handle(Input::Released { exchange: first })
            .is_nothing()
    );
    let done = world.report(&ack(&[0x02, rp_mr], None));
    assert_eq!(done.counted, [Counter::ImDelivered]);
    assert!(done.answered.is_empty() && done.sent.is_empty());
    assert_eq!(world.store.open(), 0);

    // After its answer a transaction goes, and the exchange goes on.
    let (id, ..) = sent(&mut world, "three");
    world.hold_timeout(id);
    world.handle(Input::Released { exchange: id });
    assert_eq!(world.store.open(), 1);
}

#[test]
fn memory_available_is_acknowledged() {
    let mut world = World::new();
    let done = world.report(&from_phone(BOB, &[0x06, 0x2A]));
    assert_eq!((done.reply(), done.replies[0].1), (202, Verdict::Taken));
    assert_eq!(done.message().body, [0x03, 0x2A]);
    assert_eq!(done.message().identity, BOB);
    assert_eq!(
        field(&done.message().headers, "In-Reply-To"),
        Some("submission@phone")
    );
    assert_eq!(done.counted, [Counter::MemoryAvailable]);
}
