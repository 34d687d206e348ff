//! A short message that comes again.

use super::*;

#[test]
fn a_repetition_while_it_is_open_gets_no_second_instant_message() {
    let mut world = World::new();
    let octets = hello(1);
    let id = world.relay(&from_phone(ALICE, &octets));
    let again = MessageIn {
        call_id: "again@phone",
        ..from_phone(ALICE, &octets)
    };
    let done = world.submit(&again);
    assert_eq!((done.reply(), done.replies[0].1), (202, Verdict::Answered));
    assert!(done.relayed.is_empty() && done.sent.is_empty());
    // The same once more; then the first one.
    for message in [again, from_phone(ALICE, &octets)] {
        assert!(world.submit(&message).sent.is_empty());
    }
    assert_eq!(world.store.open(), 2);
    // Each request gets its report.
    let done = answered(&mut world, id, 200);
    let in_reply_to = done.sent.iter();
    let in_reply_to = in_reply_to.map(|(_, report)| field(&report.headers, "In-Reply-To"));
    assert!(in_reply_to.eq([Some("submission@phone"), Some("again@phone")]));
    for (_, report) in &done.sent {
        assert_eq!(report.body, rp_ack(1));
    }
    // While it is on its way it is not sent a second time.
    assert!(world.submit(&from_phone(ALICE, &octets)).sent.is_empty());
    for (id, _) in done.sent {
        world.leg(id.unwrap(), 200);
    }
    assert_eq!(world.store.open(), 0);
}

#[test]
fn two_phones_of_one_person_that_send_the_same() {
    let other_phone = |octets| MessageIn {
        call_id: "other@phone",
        source: "sip:192.0.2.9:5060;transport=udp",
        ..from_phone(ALICE, octets)
    };
    let octets = hello(1);
    // Before the outcome is known, and after.
    for status in [200, 480] {
        let mut world = World::new();
        let id = world.relay(&from_phone(ALICE, &octets));
        world.submit(&other_phone(&octets));
        let done = answered(&mut world, id, status);
        for (report, hop) in done.sent.iter().zip(["192.0.2.7", "192.0.2.9"]) {
            assert!(report.1.fallback_hop.contains(hop));
            assert_eq!(report.1.body, done.sent[0].1.body);
        }
        let third = MessageIn {
            call_id: "third@phone",
            ..other_phone(&octets)
        };
        let late = world.submit(&third);
        assert_eq!(late.message().body, done.sent[0].1.body);
        assert_eq!(
            field(&late.message().headers, "In-Reply-To"),
            Some("third@phone")
        );
        for (id, _) in done.sent {
            world.leg(id.unwrap(), 200);
        }
        assert_eq!(world.store.open(), 0);
    }
    // The first request was refused in SIP; the second one has its 202.
    for input in [true, false] {
        let mut world = World::new();
        let exchange = world.relay(&from_phone(ALICE, &octets));
        world.submit(&other_phone(&octets));
        world.handle(Input::ImAnswered {
            exchange,
            status: 480,
        });
        let done = match input {
            true => world.handle(Input::FinalSent {
                exchange,
                status: 480,
                open: 0,
            }),
            false => world.handle(Input::Released { exchange }),
        };
        assert_eq!(done.message().body, rp_error(1, 27, Some(0xC2)));
        assert_eq!(
            field(&done.message().headers, "In-Reply-To"),
            Some("other@phone")
        );
    }
}

#[test]
fn waiting_repetitions_are_limited() {
    let mut world = World::new();
    let octets = hello(1);
    let id = world.relay(&from_phone(ALICE, &octets));
    let call_ids: Vec<String> = (0..100).map(|n| format!("{n}@phone")).collect();
    for call_id in &call_ids {
        let done = world.submit(&MessageIn {
            call_id,
            ..from_phone(ALICE, &octets)
        });
        assert_eq!(done.reply(), 202);
    }
    assert_eq!(world.store.open(), 5);
    let done = answered(&mut world, id, 200);
    assert_eq!(done.sent.len(), 5);
    // The newest is among them.
    let mut reports = done.sent.iter();
    assert!(reports.any(|(_, report)| report.headers.contains("In-Reply-To: 99@phone")));
}

#[test]
fn a_repetition_of_a_settled_one_gets_the_same_report() {
    let mut world = World::new();
    let octets = hello(1);
    let id = world.relay(&from_phone(ALICE, &octets));
    let report = answered(&mut world, id, 480);
    world.leg(id, 200);
    world.pass(170_000);
    world.now.unix += 170;
    let again = MessageIn {
        call_id: "again@phone",
        ..from_phone(ALICE, &octets)
    };
    let done = world.submit(&again);
    assert_eq!((done.reply(), done.replies[0].1), (202, Verdict::Answered));
    assert_eq!(done.message().body, report.message().body);
    assert_eq!(
        field(&done.message().headers, "In-Reply-To"),
        Some("again@phone")
    );
    assert_eq!((done.sent[0].0, world.store.open()), (None, 0));
    // Much later it is a new one.
    world.pass(20_000);
    world.relay(&again);
}

#[test]
fn a_sender_whose_report_was_lost_may_take_a_new_reference() {
    // The second time TP-MMS of a service centre says that more wait.
    let from_centre = |rp_mr, more: u8| {
        let mut tpdu = deliver_tpdu(&[0x08, 0x91, 0x51, 0x55, 0x00, 0x10]);
        tpdu[0] &= !more;
        rp_data_mt(rp_mr, &tpdu)
    };
    for (who, first, again) in [
        (ALICE, hello(1), hello(2)),
        (SERVICE_CENTRE, from_centre(1, 0), from_centre(2, 0x04)),
    ] {
        for (report_answered, delivered, is_known) in [
            (480, 200, true),
            (200, 200, false),
            // It was not delivered: a new attempt.
            (480, 486, false),
        ] {
            let mut world = World::new();
            let message = MessageIn {
                request_uri: BOB,
                retargeted: true,
                ..from_phone(who, &first)
            };
            let id = world.relay(&message);
            answered(&mut world, id, delivered);
            for _ in 0..2 {
                world.leg(id, report_answered);
            }
            assert_eq!(world.store.open(), 0);
            let done = world.submit(&MessageIn {
                call_id: "again@sender",
                body: &again,
                ..message
            });
            assert_eq!(done.relayed.is_empty(), is_known, "{who} {report_answered}");
            if is_known {
                assert_eq!(done.message().body[1], 2, "the report on the new reference");
            }
        }
    }
}

#[test]
fn another_sender_or_reference_is_no_repetition() {
    let mut world = World::new();
    let octets = hello(1);
    world.relay(&from_phone(ALICE, &octets));
    world.relay(&from_phone("sip:+15550003@ims.example", &octets));
    let other_reference = hello(2);
    world.relay(&from_phone(ALICE, &other_reference));
    let other_message = rp_data_mo(1, &submit_tpdu(0x08, 0x00, 0x00));
    world.relay(&from_phone(ALICE, &other_message));
    assert_eq!(world.store.open(), 4);
}

#[test]
fn tp_rd_allows_a_new_reference() {
    let rejecting_duplicates = |rp_mr| {
        let mut tpdu = submit_tpdu(0x07, 0x00, 0x00);
        tpdu[0] |= 0x04; // TP-RD
        rp_data_mo(rp_mr, &tpdu)
    };
    let (first, again) = (hello(1), rejecting_duplicates(2));
    let first = from_phone(ALICE, &first);
    let again = MessageIn {
        call_id: "again@phone",
        ..from_phone(ALICE, &again)
    };

    let mut world = World::new();
    let id = world.relay(&first);
    assert!(world.submit(&again).relayed.is_empty());
    let done = answered(&mut world, id, 200);
    for (report, rp_mr) in done.sent.iter().zip([1, 2]) {
        assert_eq!(report.1.body, rp_ack(rp_mr), "each has its own reference");
    }
    let third = rejecting_duplicates(3);
    assert_eq!(
        world.submit(&from_phone(ALICE, &third)).message().body,
        rp_ack(3)
    );

    // An undelivered message is a new attempt.
    let mut world = World::new();
    let id = world.relay(&first);
    answered(&mut world, id, 480);
    world.leg(id, 200);
    world.relay(&again);
}
