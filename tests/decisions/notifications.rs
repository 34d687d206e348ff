//! Disposition notifications to senders of instant messages: rows DLV-5 to DLV-8, DLV-11, DLV-12.

use ipsmgw::exchange::{ExchangeKey, Store as _};
use ipsmgw::interwork::{Charged, Counter, Input, Settings};
use ipsmgw::mime::{Cpim, DeliveryStatus, Disposition, IMDN_TYPE, Imdn, ProcessingStatus};
use ipsmgw::sip::{MessageIn, MessageOut, Service};

use crate::world::{ALICE, BOB, Done, World, field, from_phone, instant, settings};

/// A `message/cpim` that asks for these.
pub(crate) fn asking(wanted: &str, text: &str) -> String {
    format!(
        "From: Alice <im:+15550001@ims.example>\r\n\
         To: <im:+15550002@ims.example>\r\n\
         DateTime: 2026-01-02T03:00:00+01:00\r\n\
         NS: imdn <urn:ietf:params:imdn>\r\n\
         imdn.Message-ID: Abc.123\r\n\
         imdn.Disposition-Notification: {wanted}\r\n\
         \r\n\
         Content-Type: text/plain\r\n\
         \r\n\
         {text}"
    )
}

pub(crate) fn cpim(body: &str) -> MessageIn<'_> {
    MessageIn {
        content_type: Some("message/cpim"),
        body: body.as_bytes(),
        ..instant(BOB, "")
    }
}

/// An instant message on its way, its exchange and RP-MR.
fn sent(world: &mut World, wanted: &str) -> (ExchangeKey, u8) {
    let done = world.deliver(&cpim(&asking(wanted, "hello")));
    (done.held[0], done.message().body[1])
}

/// The phone has answered `200`, and no report has come.
fn hold_over(world: &mut World, exchange: ExchangeKey) -> Done {
    world.leg(exchange, 200);
    world.pass(20_000);
    world.hold_timeout(exchange)
}

fn ack(world: &mut World, rp_mr: u8) -> Done {
    world.report(&from_phone(BOB, &[0x02, rp_mr]))
}

/// The content of a notification.
fn disposition(message: &MessageOut) -> Disposition {
    let cpim = Cpim::decode(&message.body).unwrap();
    assert!(cpim.content.is(IMDN_TYPE));
    assert_eq!(cpim.content.disposition.as_deref(), Some("notification"));
    let imdn = Imdn::decode(&cpim.content.octets).unwrap();
    assert_eq!(imdn.message_id, "Abc.123");
    imdn.disposition
}

pub(crate) fn delivery(message: &MessageOut) -> DeliveryStatus {
    match disposition(message) {
        Disposition::Delivery(status) => status,
        _ => panic!("another type"),
    }
}

#[test]
fn delivered_when_the_phone_has_it() {
    let mut world = World::new();
    let (id, rp_mr) = sent(&mut world, "positive-delivery, display");
    assert!(world.leg(id, 200).is_nothing(), "no proof of anything");
    let done = ack(&mut world, rp_mr);
    assert_eq!(done.answer(), 200);
    assert_eq!(done.counted, [Counter::ImDelivered, Counter::Notification]);
    let message = done.message();
    assert!(message.service == Service::Im);
    assert_eq!(
        (message.identity.as_str(), message.from.as_str()),
        (ALICE, BOB)
    );
    for (name, value) in [
        ("Content-Type", "message/cpim"),
        ("P-Asserted-Identity", "<sip:+15550002@ims.example>"),
    ] {
        assert_eq!(field(&message.headers, name), Some(value));
    }
    assert_eq!(delivery(message), DeliveryStatus::Delivered);
    let cpim = Cpim::decode(&message.body).unwrap();
    assert_eq!(cpim.from.unwrap().uri, "im:+15550002@ims.example");
    assert_eq!(cpim.to[0].uri, "im:+15550001@ims.example");
    assert!(cpim.imdn.message_id.unwrap().len() >= 32);
    assert_eq!(cpim.imdn.wanted, Default::default());
    let imdn = Imdn::decode(&cpim.content.octets).unwrap();
    assert_eq!(imdn.recipient_uri.unwrap(), "im:+15550002@ims.example");
    assert_eq!(imdn.date_time.unwrap(), "2026-01-02T02:00:00Z");
}

#[test]
fn refused_notification_is_sent_once_more() {
    for (first, second, counted) in [
        (200, None, vec![]),
        (480, Some(200), vec![]),
        (408, Some(503), vec![Counter::NotificationLost]),
        (403, Some(603), vec![Counter::NotificationLost]),
    ] {
        let mut world = World::new();
        let (_, rp_mr) = sent(&mut world, "positive-delivery");
        let mut done = ack(&mut world, rp_mr);
        let (id, message) = done.sent.remove(0);
        let id = id.unwrap();
        assert!(world.leg(id, first).is_nothing());
        // Later messages to the phone do not wait for it.
        assert_eq!(
            world
                .deliver(&instant("sip:carol@ims.example", "next"))
                .sent
                .len(),
            1
        );
        let Some(second) = second else {
            assert_eq!(world.store.open(), 1);
            continue;
        };
        world.pass(30_000);
        let again = world.handle(Input::Due { exchange: id });
        assert!(again.counted.is_empty());
        assert_eq!(again.message().body, message.body, "the same Message-ID");
        assert_ne!(again.message().call_id, message.call_id);
        assert_eq!(world.leg(id, second).counted, counted);
        assert_eq!(world.store.open(), 1);
    }
}

#[test]
fn a_notification_whose_leg_never_ends() {
    let mut world = World::new();
    let (_, rp_mr) = sent(&mut world, "positive-delivery");
    let exchange = ack(&mut world, rp_mr).sent[0].0.unwrap();
    world.pass(120_000);
    assert!(world.handle(Input::Due { exchange }).is_nothing());
    world.pass(30_000);
    assert_eq!(world.handle(Input::Due { exchange }).sent.len(), 1);
    world.pass(120_000);
    let done = world.handle(Input::Due { exchange });
    assert_eq!(done.counted, [Counter::NotificationLost]);
    assert_eq!(world.store.open(), 0);
}

#[test]
fn notification_without_room_is_sent_once() {
    let mut world = World::new();
    world.store.max = 1;
    let (id, rp_mr) = sent(&mut world, "negative-delivery");
    hold_over(&mut world, id);
    let done = world.report(&from_phone(BOB, &[0x04, rp_mr, 0x01, 0x80 | 22]));
    assert_eq!(
        (done.sent[0].0, delivery(done.message())),
        (None, DeliveryStatus::Failed)
    );
    assert_eq!(world.store.open(), 0);
}

#[test]
fn delivered_behind_a_202() {
    let mut world = World::new();
    let (id, rp_mr) = sent(&mut world, "positive-delivery");
    let done = hold_over(&mut world, id);
    assert_eq!(done.answer(), 202);
    assert!(done.sent.is_empty());
    let done = ack(&mut world, rp_mr);
    assert!(done.answered.is_empty());
    assert_eq!(delivery(done.message()), DeliveryStatus::Delivered);
}

#[test]
fn delivered_needs_all_parts() {
    let mut world = World::new();
    let body = asking("positive-delivery", &"x".repeat(200));
    let first = world.deliver(&cpim(&body));
    let second = ack(&mut world, first.message().body[1]);
    let rp_data = second.message();
    assert!(rp_data.service == Service::Sm && rp_data.body[0] == 0x01);
    let done = ack(&mut world, rp_data.body[1]);
    assert_eq!(delivery(done.message()), DeliveryStatus::Delivered);
}

#[test]
fn a_failure_answered_in_sip_is_not_notified() {
    for wanted in ["negative-delivery", "positive-delivery,negative-delivery"] {
        let mut world = World::new();
        let (_, rp_mr) = sent(&mut world, wanted);
        let octets = [0x04, rp_mr, 0x01, 0x80 | 27];
        let done = world.report(&from_phone(BOB, &octets));
        assert_eq!(done.answer(), 480);
        assert!(done.sent.is_empty());
        assert_eq!(done.counted, [Counter::ImFailed]);
    }
}

/// RP-Cause, TP-FCS (0: none), notification.
const TO_DELIVERY: &[(u8, u8, DeliveryStatus)] = &[
    (1, 0, DeliveryStatus::Failed),
    (30, 0, DeliveryStatus::Failed),
    (8, 0, DeliveryStatus::Forbidden),
    (10, 0, DeliveryStatus::Forbidden),
    (21, 0, DeliveryStatus::Forbidden),
    (22, 0, DeliveryStatus::Failed),
    (27, 0, DeliveryStatus::Failed),
    (28, 0, DeliveryStatus::Forbidden),
    (50, 0, DeliveryStatus::Forbidden),
    (29, 0, DeliveryStatus::Failed),
    (69, 0, DeliveryStatus::Failed),
    (38, 0, DeliveryStatus::Error),
    (41, 0, DeliveryStatus::Failed),
    (47, 0, DeliveryStatus::Failed),
    (42, 0, DeliveryStatus::Failed),
    (81, 0, DeliveryStatus::Error),
    (98, 0, DeliveryStatus::Error),
    (95, 0, DeliveryStatus::Error),
    (96, 0, DeliveryStatus::Error),
    (97, 0, DeliveryStatus::Error),
    (99, 0, DeliveryStatus::Error),
    (111, 0, DeliveryStatus::Failed),
    (127, 0, DeliveryStatus::Error),
    (77, 0, DeliveryStatus::Failed),
    (111, 0x80, DeliveryStatus::Failed),
    (111, 0x90, DeliveryStatus::Failed),
    (111, 0x91, DeliveryStatus::Failed),
    (111, 0xB0, DeliveryStatus::Failed),
    (22, 0xC1, DeliveryStatus::Forbidden),
    (22, 0xC2, DeliveryStatus::Error),
    (22, 0xC3, DeliveryStatus::Failed),
    (22, 0xC4, DeliveryStatus::Forbidden),
    (38, 0xD0, DeliveryStatus::Failed),
    (38, 0xD2, DeliveryStatus::Failed),
    (22, 0xE0, DeliveryStatus::Error),
    (22, 0xFE, DeliveryStatus::Error),
    (38, 0xFF, DeliveryStatus::Failed),
];

#[test]
fn a_failure_behind_a_202() {
    for &(cause, fcs, expected) in TO_DELIVERY {
        let mut world = World::new();
        let (id, rp_mr) = sent(&mut world, "negative-delivery");
        hold_over(&mut world, id);
        let mut octets = [0x04, rp_mr, 0x01, 0x80 | cause, 0x41, 0x03, 0x00, fcs, 0x00];
        let end = if fcs == 0 { 4 } else { 9 };
        let mut done = world.report(&from_phone(BOB, &octets[..end]));
        if fcs == 0x90 {
            // In the other alphabet, too.
            octets[1] = done.message().body[1];
            done = world.report(&from_phone(BOB, &octets));
        }
        assert_eq!(delivery(done.message()), expected, "{cause} {fcs:02X}");
    }
    // Not asked for.
    let mut world = World::new();
    let (id, rp_mr) = sent(&mut world, "positive-delivery");
    hold_over(&mut world, id);
    let done = world.report(&from_phone(BOB, &[0x04, rp_mr, 0x01, 0x80 | 27]));
    assert!(done.sent.is_empty());
}

#[test]
fn a_leg_that_fails_behind_a_202() {
    let mut world = World::new();
    // It has waited for its turn, so that its own time was short.
    let first = world.deliver(&instant(BOB, "first")).held[0];
    let waits = world.deliver(&cpim(&asking("negative-delivery", "hello")));
    let id = waits.held[0];
    world.pass(19_000);
    world.leg_fails(first, 404);
    let done = world.hold_timeout(id);
    assert_eq!(done.answer(), 202);
    let done = world.leg_fails(id, 480);
    assert_eq!(delivery(done.message()), DeliveryStatus::Failed);
}

#[test]
fn unknown_outcome_is_not_notified() {
    let mut world = World::new();
    let (id, _) = sent(&mut world, "positive-delivery,negative-delivery");
    hold_over(&mut world, id);
    world.no_report(id);
    world.leg(id, 200);
    let done = world.no_report(id);
    assert_eq!(done.counted, [Counter::ReportMissing]);
    assert!(done.sent.is_empty());
}

#[test]
fn processed_is_sent_once() {
    let processed = Disposition::Processing(ProcessingStatus::Processed);
    let mut world = World::new();
    let (id, rp_mr) = sent(&mut world, "processing");
    let done = hold_over(&mut world, id);
    assert_eq!(disposition(done.message()), processed);
    assert!(ack(&mut world, rp_mr).sent.is_empty());

    let (_, rp_mr) = sent(&mut world, "processing");
    let done = ack(&mut world, rp_mr);
    assert_eq!(disposition(done.message()), processed);

    // Delivered says more.
    let (_, rp_mr) = sent(&mut world, "processing, positive-delivery");
    let done = ack(&mut world, rp_mr);
    assert_eq!(delivery(done.message()), DeliveryStatus::Delivered);
}

#[test]
fn each_notification_has_its_own_message_id() {
    let mut world = World::new();
    let (id, rp_mr) = sent(&mut world, "processing, positive-delivery");
    let first = hold_over(&mut world, id);
    let second = ack(&mut world, rp_mr);
    let name = |done: &Done| {
        let cpim = Cpim::decode(&done.message().body).unwrap();
        cpim.imdn.message_id.unwrap().into_owned()
    };
    assert_ne!(name(&first), name(&second));
}

#[test]
fn senders_without_notifications() {
    let all = "positive-delivery,negative-delivery,processing";
    let body = asking(all, "hello");
    let without_id = body.replace("imdn.Message-ID: Abc.123\r\n", "");
    let display = asking("display", "hello");
    let never = Settings {
        imdn: "never",
        ..settings()
    };
    let anonymous = Some("Anonymous <sip:anonymous@anonymous.invalid>;tag=1");
    for (settings, message) in [
        (never, cpim(&body)),
        (settings(), cpim(&without_id)),
        (settings(), cpim(&display)),
        (settings(), instant(BOB, "hello")),
        (
            settings(),
            MessageIn {
                privacy: Some("id"),
                ..cpim(&body)
            },
        ),
        (
            settings(),
            MessageIn {
                from: anonymous,
                ..cpim(&body)
            },
        ),
    ] {
        let mut world = World::with(&settings);
        let done = world.deliver(&message);
        let done = ack(&mut world, done.message().body[1]);
        assert_eq!(done.answer(), 200);
        assert!(done.sent.is_empty());
    }
}

#[test]
fn answered_sender_gets_no_contradiction() {
    let mut world = World::new();
    let (id, rp_mr) = sent(&mut world, "positive-delivery,negative-delivery");
    world.handle(Input::Released { exchange: id });
    assert!(ack(&mut world, rp_mr).sent.is_empty());
}

#[test]
fn a_report_at_the_end_of_the_hold_time() {
    let mut world = World::new();
    let (id, rp_mr) = sent(&mut world, "positive-delivery");
    world.pass(19_900);
    assert!(ack(&mut world, rp_mr).sent.is_empty());
    let done = world.hold_timeout(id);
    assert_eq!(done.answer(), 200);
    assert_eq!(delivery(done.message()), DeliveryStatus::Delivered);
}

/// tm may tell the end of a MESSAGE twice, and the second time late.
#[test]
fn the_end_of_the_first_notification_says_nothing_about_the_second() {
    let mut world = World::new();
    let (_, rp_mr) = sent(&mut world, "positive-delivery");
    let id = ack(&mut world, rp_mr).sent[0].0.unwrap();
    assert!(world.completed(id, 1, 480).is_nothing());
    world.pass(30_000);
    assert_eq!(world.handle(Input::Due { exchange: id }).sent.len(), 1);
    assert!(world.completed(id, 1, 480).is_nothing());
    assert!(world.completed(id, 2, 200).counted.is_empty());
    assert_eq!(world.store.open(), 0);
}

/// A failed message whose phone has it after all. The notification of the failure is not delivered yet.
fn failed_and_delivered(refused_before: bool) -> (World, ExchangeKey, Done) {
    let mut world = World::new();
    let first = world.deliver(&instant(BOB, "first")).held[0];
    let both = "positive-delivery, negative-delivery";
    let waits = world.deliver(&cpim(&asking(both, "hello")));
    let id = waits.held[0];
    world.pass(19_000);
    let rp_data = world.leg_fails(first, 404);
    assert_eq!(world.hold_timeout(id).answer(), 202);
    let done = world.leg_fails(id, 480);
    assert_eq!(delivery(done.message()), DeliveryStatus::Failed);
    let failed = done.sent[0].0.unwrap();
    if refused_before {
        assert!(world.completed(failed, 1, 480).is_nothing());
    }
    let octets = [0x02, rp_data.message().body[1]];
    let message = MessageIn {
        in_reply_to: rp_data.message().call_id.as_deref(),
        ..from_phone(BOB, &octets)
    };
    let done = world.report_before_200(&message);
    assert_eq!(delivery(done.message()), DeliveryStatus::Delivered);
    (world, failed, done)
}

#[test]
fn a_failure_is_not_notified_again_behind_the_delivery() {
    // It waits for its second attempt, or has not failed yet.
    for refused_before in [true, false] {
        let (mut world, failed, done) = failed_and_delivered(refused_before);
        if !refused_before {
            assert!(world.completed(failed, 1, 480).sent.is_empty());
        }
        assert!(
            world
                .completed(done.sent[0].0.unwrap(), 1, 200)
                .is_nothing()
        );
        assert!(world.store.by_key(failed).is_none());
    }
}

#[test]
fn a_notification_that_is_not_repeated_has_its_charging_record() {
    // The books in `world` look at the records of each exchange that ends; this one ended in the last step.
    let (mut world, failed, _) = failed_and_delivered(true);
    assert!(world.store.by_key(failed).is_none());
    let reports = world
        .books
        .take()
        .into_iter()
        .filter(|record| record.exchange == Some(failed));
    let records: Vec<_> = reports.map(|record| record.about).collect();
    assert_eq!(records, [Charged::Report]);
}
