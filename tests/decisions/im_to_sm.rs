//! IM to SM: rows IM-1 to IM-4, IM-8, IM-11 to IM-15, DLV-2 to DLV-4, CAU-2, CAU-3.

use ipsmgw::exchange::ExchangeKey;
use ipsmgw::interwork::{Counter, Input, Verdict};
use ipsmgw::sip::MessageIn;

use crate::world::{ALICE, BOB, SCTS, SERVICE_CENTRE, World, field, from_phone, held_as, instant};

mod causes;
mod queue;
mod reports;

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

#[test]
fn a_failed_sip_leg_is_the_outcome_unless_a_report_follows() {
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
    // A report that comes then is accepted, and the sender gets no other answer.
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
