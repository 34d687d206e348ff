//! Status reports of a service centre: rows MT-5, STA-1 to STA-4, STA-6, CAU-4.

use ipsmgw::exchange::Store as _;
use ipsmgw::interwork::{Counter, Input, Settings};
use ipsmgw::mime::{Cpim, DeliveryStatus, Imdn};
use ipsmgw::sip::MessageIn;
use ipsmgw::wire::{SmsStatusReport, TpAddress, TpMr, TpScts, TpSt, Tpdu};

use crate::notifications::{asking, cpim, delivery};
use crate::to_service_centre::{from_centre, submit, world};
use crate::world::{BOB, Done, UNIX, World, instant, rp_data_mt, settings};

const BOTH: &str = "positive-delivery,negative-delivery";

/// RP-ACK on the status report.
const RP_ACK: [u8; 2] = [0x02, 0x33];

/// Alice's message, taken by the service centre: TP-MRs of its parts.
fn taken(world: &mut World, wanted: &str, text: &str) -> Vec<u8> {
    let body = asking(wanted, text);
    let mut done = world.deliver(&cpim(&body));
    let mut tp_mrs = Vec::new();
    while let Some((_, message)) = done.sent.first() {
        let submit = submit(&message.body);
        assert!(submit.status_report_request);
        tp_mrs.push(submit.mr.0);
        let octets = [0x03, message.body[1]];
        done = world.report(&from_centre(&octets, None));
    }
    assert_eq!(done.answer(), 202);
    tp_mrs
}

/// RP-DATA with an SMS-STATUS-REPORT.
pub(crate) fn status_report(tp_mr: u8, recipient: &str, status: u8) -> Vec<u8> {
    let report = SmsStatusReport {
        more_messages: false,
        loop_prevention: false,
        on_command: false,
        mr: TpMr(tp_mr),
        recipient_address: TpAddress::from_number(recipient).unwrap(),
        scts: TpScts::from_unix(0, 0),
        discharge_time: TpScts::from_unix(UNIX + 60, 4),
        status: TpSt::from(status),
        parameters: None,
    };
    let mut tpdu = Vec::new();
    Tpdu::StatusReport(report).encode(&mut tpdu).unwrap();
    rp_data_mt(0x33, &tpdu)
}

/// A status report for Alice: it is always acknowledged.
pub(crate) fn reported(world: &mut World, octets: &[u8]) -> Done {
    let message = from_centre(octets, None);
    let Err(refusal) = world.gateway.translate_sm(&message, world.now) else {
        panic!("to be relayed")
    };
    assert_eq!(refusal.answer.status, 202);
    let Some(report) = &refusal.status_report else {
        assert_eq!(refusal.report.unwrap().body[..2], RP_ACK);
        return Done::default();
    };
    assert!(refusal.report.is_none());
    let mut done = world.handle(Input::StatusReport(report));
    let all = done.sent.len();
    done.sent
        .retain(|(exchange, message)| exchange.is_some() || !message.body.starts_with(&RP_ACK));
    // At once, or when the database has written an exchange.
    assert_eq!(all - done.sent.len() + done.asked.len(), 1);
    done
}

fn from_bob(tp_mr: u8, status: u8) -> Vec<u8> {
    status_report(tp_mr, "+15550002", status)
}

/// Table CAU-4: TP-ST, notification.
const B6: &[(u8, Option<DeliveryStatus>)] = &[
    (0x00, Some(DeliveryStatus::Delivered)),
    (0x01, None),
    (0x02, Some(DeliveryStatus::Failed)),
    (0x03, None),
    (0x1F, None),
    (0x40, Some(DeliveryStatus::Failed)),
    (0x41, Some(DeliveryStatus::Failed)),
    (0x42, Some(DeliveryStatus::Forbidden)),
    (0x43, Some(DeliveryStatus::Failed)),
    (0x44, Some(DeliveryStatus::Failed)),
    (0x45, Some(DeliveryStatus::Failed)),
    (0x46, Some(DeliveryStatus::Failed)),
    (0x47, None),
    (0x48, Some(DeliveryStatus::Forbidden)),
    (0x49, Some(DeliveryStatus::Error)),
    (0x4A, Some(DeliveryStatus::Failed)),
    (0x5F, Some(DeliveryStatus::Failed)),
    (0x60, Some(DeliveryStatus::Failed)),
    (0x61, Some(DeliveryStatus::Failed)),
    (0x62, Some(DeliveryStatus::Failed)),
    (0x63, Some(DeliveryStatus::Forbidden)),
    (0x64, Some(DeliveryStatus::Failed)),
    (0x65, Some(DeliveryStatus::Failed)),
    (0x7F, Some(DeliveryStatus::Failed)),
    (0x80, Some(DeliveryStatus::Forbidden)),
    (0xFF, Some(DeliveryStatus::Forbidden)),
];

#[test]
fn each_tp_status_has_its_notification() {
    for &(status, expected) in B6 {
        let mut world = world();
        let tp_mrs = taken(&mut world, BOTH, "hello");
        let done = reported(&mut world, &from_bob(tp_mrs[0], status));
        let said = done.sent.first().map(|(_, message)| delivery(message));
        assert_eq!(said, expected, "{status:02X}");
        world.notified();
        assert_eq!(world.store.open(), 0, "{status:02X} is the last word");
        // Another one comes too late.
        let done = reported(&mut world, &from_bob(tp_mrs[0], 0x00));
        assert_eq!(done.counted, [Counter::ReportUnknown]);
        assert!(done.sent.is_empty());
    }
}

#[test]
fn operator_row_replaces_a_status() {
    let mut world = World::with(&Settings {
        cause: &["st 10 = delivered", "st 46 = none"],
        sc_uri: "sip:192.0.2.9",
        ..settings()
    });
    for (status, expected) in [(0x10, Some(DeliveryStatus::Delivered)), (0x46, None)] {
        let tp_mrs = taken(&mut world, BOTH, "hello");
        let done = reported(&mut world, &from_bob(tp_mrs[0], status));
        let said = done.sent.first().map(|(_, message)| delivery(message));
        assert_eq!(said, expected, "{status:02X}");
    }
}

#[test]
fn notification_has_the_reported_recipient_and_time() {
    let mut world = world();
    let tp_mrs = taken(&mut world, BOTH, "hello");
    let done = reported(&mut world, &from_bob(tp_mrs[0], 0x00));
    let cpim = Cpim::decode(&done.message().body).unwrap();
    let imdn = Imdn::decode(&cpim.content.octets).unwrap();
    // TP-RA and TP-DT belong to the message to the recipient that the sender named.
    assert_eq!(imdn.recipient_uri.unwrap(), "tel:+15550002");
    assert_eq!(imdn.original_recipient_uri.unwrap(), cpim.from.unwrap().uri);
    assert_eq!(imdn.date_time.unwrap(), "2026-01-02T02:05:05Z");
}

#[test]
fn interim_status_changes_nothing() {
    let mut world = world();
    let tp_mrs = taken(&mut world, BOTH, "hello");
    for status in [0x20, 0x25, 0x3F] {
        assert!(reported(&mut world, &from_bob(tp_mrs[0], status)).is_nothing());
    }
    let done = reported(&mut world, &from_bob(tp_mrs[0], 0x00));
    assert_eq!(delivery(done.message()), DeliveryStatus::Delivered);
}

#[test]
fn only_requested_notifications_are_sent() {
    for (wanted, status) in [("positive-delivery", 0x43), ("negative-delivery", 0x00)] {
        let mut world = world();
        let tp_mrs = taken(&mut world, wanted, "hello");
        assert!(reported(&mut world, &from_bob(tp_mrs[0], status)).is_nothing());
        assert_eq!(world.store.open(), 0);
    }
}

#[test]
fn delivered_needs_all_parts() {
    let text = "x".repeat(400);
    let mut world = world();
    let tp_mrs = taken(&mut world, BOTH, &text);
    assert_eq!(tp_mrs.len(), 3);
    for at in [2, 0] {
        assert!(reported(&mut world, &from_bob(tp_mrs[at], 0x00)).is_nothing());
    }
    let done = reported(&mut world, &from_bob(tp_mrs[1], 0x00));
    assert_eq!(delivery(done.message()), DeliveryStatus::Delivered);
    world.notified();
    assert_eq!(world.store.open(), 0);

    // One that fails is the end of it, and is said once.
    let tp_mrs = taken(&mut world, BOTH, &text);
    reported(&mut world, &from_bob(tp_mrs[0], 0x00));
    let done = reported(&mut world, &from_bob(tp_mrs[1], 0x46));
    assert_eq!(delivery(done.message()), DeliveryStatus::Failed);
    let done = reported(&mut world, &from_bob(tp_mrs[2], 0x46));
    assert!(done.sent.is_empty());
    world.notified();
    assert_eq!(world.store.open(), 0);

    // A part with an unknown outcome prevents "delivered".
    let tp_mrs = taken(&mut world, BOTH, &text);
    for (tp_mr, status) in tp_mrs.iter().zip([0x01, 0x00, 0x00]) {
        assert!(reported(&mut world, &from_bob(*tp_mr, status)).is_nothing());
    }
    assert_eq!(world.store.open(), 0);
}

#[test]
fn part_without_status_report_prevents_delivered() {
    let text = "x".repeat(200);
    // There is no place to wait for its report.
    let body = asking(BOTH, &text);
    let mut world = world();
    let first = world.deliver(&cpim(&body));
    let octets = [0x03, first.message().body[1]];
    world.store.max = 3;
    let second = world.report(&from_centre(&octets, None));
    assert_eq!(second.counted, [Counter::Full]);
    world.store.max = 4096;
    let octets = [0x03, second.message().body[1]];
    assert_eq!(world.report(&from_centre(&octets, None)).answer(), 202);
    let tp_mr = submit(&second.message().body).mr.0;
    assert!(reported(&mut world, &from_bob(tp_mr, 0x00)).is_nothing());
    assert_eq!(world.store.open(), 0);

    // The time for its report is over.
    let tp_mrs = taken(&mut world, BOTH, &text);
    assert!(world.next_due().is_nothing());
    assert!(reported(&mut world, &from_bob(tp_mrs[1], 0x00)).is_nothing());
    assert_eq!(world.store.open(), 0);
}

#[test]
fn a_report_that_comes_before_all_parts_are_taken() {
    let body = asking(BOTH, &"x".repeat(200));
    let mut world = world();
    let first = world.deliver(&cpim(&body));
    let octets = [0x03, first.message().body[1]];
    let second = world.report(&from_centre(&octets, None));
    let tp_mr = submit(&first.message().body).mr.0;
    assert!(reported(&mut world, &from_bob(tp_mr, 0x00)).is_nothing());
    let octets = [0x03, second.message().body[1]];
    assert_eq!(world.report(&from_centre(&octets, None)).answer(), 202);
    let tp_mr = submit(&second.message().body).mr.0;
    let done = reported(&mut world, &from_bob(tp_mr, 0x00));
    assert_eq!(delivery(done.message()), DeliveryStatus::Delivered);
}

#[test]
fn a_status_report_before_the_rp_ack_counts_as_the_rp_ack() {
    for text in ["hello".to_owned(), "x".repeat(200)] {
        let mut world = world();
        let mut done = world.deliver(&cpim(&asking(BOTH, &text)));
        let mut rp_mr = 0;
        while done.answered.is_empty() {
            let body = done.message().body.clone();
            rp_mr = body[1];
            world.leg(done.sent[0].0.unwrap(), 202);
            done = reported(&mut world, &from_bob(submit(&body).mr.0, 0x00));
        }
        assert_eq!(done.answer(), 202);
        assert_eq!(delivery(done.message()), DeliveryStatus::Delivered);
        world.notified();
        // The RP-ACK is late, and says nothing new.
        let late = world.report(&from_centre(&[0x03, rp_mr], None));
        assert_eq!(late.counted, [Counter::ReportUnknown]);
        assert_eq!(late.reply(), 202);
    }
}

#[test]
fn only_a_status_report_on_the_same_message_counts_as_its_rp_ack() {
    let mut world = world();
    let done = world.deliver(&cpim(&asking(BOTH, "hello")));
    let body = done.message().body.clone();
    let tp_mr = submit(&body).mr.0;
    for octets in [
        from_bob(tp_mr.wrapping_add(1), 0x00),
        status_report(tp_mr, "+15550003", 0x00),
    ] {
        assert_eq!(
            reported(&mut world, &octets).counted,
            [Counter::ReportUnknown]
        );
    }
    // Refused in RP: a status report contradicts that.
    let done = world.report(&from_centre(&[0x05, body[1], 0x01, 0x80 | 38], None));
    assert_eq!(done.answer(), 500);
    assert_eq!(
        reported(&mut world, &from_bob(tp_mr, 0x00)).counted,
        [Counter::ReportUnknown]
    );
}

#[test]
fn a_tp_mr_is_not_used_again_while_a_status_report_is_awaited() {
    let mut world = world();
    let first = taken(&mut world, BOTH, "hello")[0];
    for _ in 0..256 {
        let other = taken(&mut world, "negative-delivery", "hello")[0];
        assert_ne!(other, first);
        assert!(reported(&mut world, &from_bob(other, 0x00)).sent.is_empty());
    }
    let done = reported(&mut world, &from_bob(first, 0x46));
    assert_eq!(delivery(done.message()), DeliveryStatus::Failed);
}

#[test]
fn a_crash_among_the_parts_leaves_no_false_delivered() {
    for (status, told) in [(0x00, None), (0x46, Some(DeliveryStatus::Failed))] {
        let mut world = World::with_database(&Settings {
            sc_uri: "sip:192.0.2.9",
            ..settings()
        });
        let first = world.deliver(&cpim(&asking(BOTH, &"x".repeat(200))));
        let octets = [0x03, first.message().body[1]];
        world.report(&from_centre(&octets, None));
        // The other part is in memory alone.
        world.crash(1_000);
        assert_eq!(world.store.open(), 1);
        let tp_mr = submit(&first.message().body).mr.0;
        let done = reported(&mut world, &from_bob(tp_mr, status));
        let said = done.sent.first().map(|(_, message)| delivery(message));
        assert_eq!(said, told);
    }
}

/// A message that the service centre has taken, and its TP-MR. There is a database.
fn taken_with_database() -> (World, u8) {
    let mut world = World::with_database(&Settings {
        sc_uri: "sip:192.0.2.9",
        ..settings()
    });
    let tp_mr = taken(&mut world, BOTH, "hello")[0];
    (world, tp_mr)
}

#[test]
fn the_rp_ack_on_a_status_report_waits_for_the_notification_in_the_database() {
    let (mut world, tp_mr) = taken_with_database();
    let octets = from_bob(tp_mr, 0x00);
    let done = reported(&mut world, &octets);
    assert_eq!(delivery(done.message()), DeliveryStatus::Delivered);
    // An S-CSCF has sent it on twice: the second one waits, too.
    let second = reported(&mut world, &octets);
    assert_eq!(second.counted, [Counter::ReportUnknown]);
    for (exchange, waits) in [done.asked[0], second.asked[0]] {
        assert_eq!(waits, None);
        assert_eq!(world.stored(exchange).message().body[..2], RP_ACK);
        world.leg(exchange, 200);
    }
    // Nothing is written for a later one.
    assert!(reported(&mut world, &octets).asked.is_empty());
    world.notified();
    assert_eq!((world.store.open(), world.store.rows()), (0, 0));
}

#[test]
fn a_crash_or_a_slow_database_leaves_no_status_report_without_its_rp_ack() {
    let (mut world, tp_mr) = taken_with_database();
    let done = reported(&mut world, &from_bob(tp_mr, 0x46));
    world.stored(done.asked[0].0);
    world.crash(5_000);
    assert_eq!(world.until_sent().message().body[..2], RP_ACK);

    let (mut world, tp_mr) = taken_with_database();
    let exchange = reported(&mut world, &from_bob(tp_mr, 0x46)).asked[0].0;
    world.pass(5_000);
    let done = world.handle(Input::Due { exchange });
    assert_eq!(done.message().body[..2], RP_ACK);
    // The service centre does not answer, and repeats.
    world.leg(exchange, 408);
    world.leg(exchange, 408);
    assert_eq!(world.store.open(), 1, "the notification");
}

#[test]
fn refused_part_ends_the_wait() {
    let body = asking(BOTH, &"x".repeat(200));
    let mut world = world();
    let first = world.deliver(&cpim(&body));
    let octets = [0x03, first.message().body[1]];
    let second = world.report(&from_centre(&octets, None));
    let octets = [0x05, second.message().body[1], 0x01, 0x80 | 38];
    let done = world.report(&from_centre(&octets, None));
    assert_eq!((done.answer(), world.store.open()), (500, 0));
    assert!(done.sent.is_empty());
}

#[test]
fn a_report_about_something_else() {
    let mut world = world();
    let tp_mrs = taken(&mut world, BOTH, "hello");
    for octets in [
        from_bob(tp_mrs[0] + 1, 0x00),
        status_report(tp_mrs[0], "+15550003", 0x00),
    ] {
        let done = reported(&mut world, &octets);
        assert_eq!(done.counted, [Counter::ReportUnknown]);
        assert!(done.sent.is_empty());
    }
    // A report on another message, and one on an SMS-COMMAND.
    let octets = from_bob(tp_mrs[0], 0x00);
    let message = MessageIn {
        request_uri: "sip:+15550003@ims.example",
        ..from_centre(&octets, None)
    };
    let Err(refusal) = world.gateway.translate_sm(&message, world.now) else {
        panic!("to be relayed")
    };
    let done = world.handle(Input::StatusReport(&refusal.status_report.unwrap()));
    assert_eq!(done.counted, [Counter::ReportUnknown]);
    let mut on_command = octets.clone();
    on_command[10] |= 0b0010_0000;
    assert!(reported(&mut world, &on_command).is_nothing());
    assert_eq!(world.store.open(), 1);
}

#[test]
fn a_report_may_never_come() {
    for (expires, seconds) in [(None, 24 * 3600), (Some("3600"), 3600)] {
        let mut world = world();
        let body = asking(BOTH, "hello");
        let done = world.deliver(&MessageIn {
            expires,
            ..cpim(&body)
        });
        let octets = [0x03, done.message().body[1]];
        world.report(&from_centre(&octets, None));
        let (at, id) = world.store.next_wake().unwrap();
        assert_eq!(at, 1_000_000 + (seconds + 600) * 1000);
        world.now.unix_ms = at;
        assert!(world.handle(Input::Due { exchange: id }).is_nothing());
        assert!(world.store.by_key(id).is_none());
    }
}

#[test]
fn nothing_is_kept_without_a_request() {
    let mut world = world();
    let done = world.deliver(&instant(BOB, "hello"));
    assert!(!submit(&done.message().body).status_report_request);
    let octets = [0x03, done.message().body[1]];
    world.report(&from_centre(&octets, None));
    assert_eq!(world.store.open(), 0);
}

#[test]
fn recipient_in_another_spelling_is_matched_by_tp_mr() {
    // As a national number, as a number of the network's, without one.
    let with_recipient = |tp_mr: u8, address: &[u8]| {
        let tpdu = [
            &[0x06, tp_mr][..], // SMS-STATUS-REPORT, no more messages
            address,
            &[0x62, 0x11, 0x28, 0x12, 0x00, 0x00, 0x00], // TP-SCTS
            &[0x62, 0x11, 0x28, 0x12, 0x00, 0x00, 0x00], // TP-DT
            &[0x00],
        ]
        .concat();
        rp_data_mt(0x33, &tpdu)
    };
    for address in [
        &[0x07, 0x81, 0x55, 0x00, 0x20, 0xF0][..],
        &[0x07, 0xA1, 0x55, 0x00, 0x20, 0xF0],
        &[0x00, 0x80],
    ] {
        let mut world = world();
        let tp_mr = taken(&mut world, BOTH, "hello")[0];
        let done = reported(&mut world, &with_recipient(tp_mr.wrapping_add(1), address));
        assert_eq!(done.counted, [Counter::ReportUnknown]);
        let done = reported(&mut world, &with_recipient(tp_mr, address));
        assert_eq!(delivery(done.message()), DeliveryStatus::Delivered);
        let cpim = Cpim::decode(&done.message().body).unwrap();
        let imdn = Imdn::decode(&cpim.content.octets).unwrap();
        assert_eq!(imdn.recipient_uri.unwrap(), "tel:+15550002");
        assert_eq!(world.store.ids().len(), 1, "the notification alone");
    }
    // All references are awaited, and two messages have this one: it may be about either.
    let mut world = world();
    let tp_mr = taken(&mut world, BOTH, "hello")[0];
    for _ in 0..255 {
        taken(&mut world, BOTH, "hello");
    }
    assert_eq!(taken(&mut world, BOTH, "hello")[0], tp_mr);
    let done = reported(&mut world, &with_recipient(tp_mr, &[0x00, 0x80]));
    assert_eq!(done.counted, [Counter::ReportUnknown]);
}

#[test]
fn a_gateway_knows_which_reports_are_on_its_messages() {
    let mut world = world();
    let tp_mrs = taken(&mut world, BOTH, "hello");
    for (tp_mr, is_known) in [(tp_mrs[0], true), (tp_mrs[0].wrapping_add(1), false)] {
        let octets = from_bob(tp_mr, 0x00);
        let message = from_centre(&octets, None);
        let refusal = world
            .gateway
            .translate_sm(&message, world.now)
            .err()
            .unwrap();
        let report = refusal.status_report.unwrap();
        assert_eq!(
            ipsmgw::interwork::is_reported(&report, &mut world.store),
            is_known
        );
    }
}
