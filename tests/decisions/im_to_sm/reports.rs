//! Reports of phones, and the messages that they belong to.

use super::*;

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
