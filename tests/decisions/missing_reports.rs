//! Reports that pass the limit of requests from one address, because the gateway waits for them (row LIM-3).

use ipsmgw::interwork::{MissingReport, ReportedExchange, identity, missing_report};
use ipsmgw::mime::{DeliveryStatus, Disposition, ProcessingStatus};
use ipsmgw::sip::{Hop, MessageIn, Service};

use crate::confirmations::{from_bob, imdn, message_id, to_cpim};
use crate::status_reports::{asking, reported};
use crate::world::{ALICE, BOB, World, from_phone, instant};

const DELIVERED: Disposition = Disposition::Delivery(DeliveryStatus::Delivered);

/// What the gateway waits for, if this request may be it. Its sender is not authenticated yet.
fn missing(world: &mut World, request: &MessageIn<'_>) -> Option<MissingReport> {
    let unproved = MessageIn {
        identity: None,
        ..*request
    };
    let report = world.gateway.unproved_report(&unproved, identity)?;
    missing_report(&report, &mut world.store)
}

/// Who owes that report.
fn owed_by(world: &mut World, request: &MessageIn<'_>) -> Option<(String, Service)> {
    let missing = missing(world, request)?;
    Some((missing.owed_by, missing.service))
}

#[test]
fn a_phone_owes_a_report_until_it_has_come() {
    let mut world = World::new();
    let done = world.deliver(&instant(BOB, "hello"));
    let message = done.message();
    let (octets, call_id) = ([0x02, message.body[1]], message.call_id.clone().unwrap());
    let report = MessageIn {
        in_reply_to: Some(&call_id),
        ..from_phone(BOB, &octets)
    };
    assert_eq!(missing(&mut world, &report).unwrap().exchange, done.held[0]);
    let bob = (BOB.to_owned(), Service::Sm);
    assert_eq!(owed_by(&mut world, &report), Some(bob));
    for other in [
        MessageIn {
            in_reply_to: None,
            ..report
        },
        MessageIn {
            in_reply_to: Some(&call_id),
            ..instant(ALICE, "no report")
        },
        // RP-SMMA is no report on a message.
        MessageIn {
            body: &[0x06, 0x01],
            ..report
        },
    ] {
        assert_eq!(owed_by(&mut world, &other), None);
    }
    world.report(&report);
    assert_eq!(owed_by(&mut world, &report), None);
}

/// Some phones send no In-Reply-To.
#[test]
fn a_report_without_in_reply_to_is_known_by_from_and_reference() {
    let mut world = World::new();
    let done = world.deliver(&instant(BOB, "hello"));
    let rp_mr = done.message().body[1];
    let octets = [0x02, rp_mr];
    let from = format!("\"Bob\" <{BOB}>;tag=1");
    let report = MessageIn {
        from: Some(&from),
        ..from_phone(BOB, &octets)
    };
    let unproved = world.gateway.unproved_report(&report, identity).unwrap();
    assert!(matches!(
        unproved.about,
        ReportedExchange::Referred(phone, mr) if Some(phone) == identity(BOB) && mr == rp_mr
    ));
    let bob = (BOB.to_owned(), Service::Sm);
    assert_eq!(owed_by(&mut world, &report), Some(bob));
    let another = [0x02, rp_mr + 1];
    let alice = format!("<{ALICE}>;tag=1");
    for other in [
        MessageIn {
            body: &another,
            ..report
        },
        MessageIn {
            from: Some(&alice),
            ..report
        },
        MessageIn {
            from: Some("nobody"),
            ..report
        },
    ] {
        assert_eq!(owed_by(&mut world, &other), None);
    }
    world.report(&report);
    assert_eq!(owed_by(&mut world, &report), None);
}

#[test]
fn a_client_owes_the_notification_that_it_was_asked_for() {
    let mut world = World::new();
    let done = world.submit(&to_cpim(&asking(0x2A)));
    let (exchange, message_id) = (done.relayed[0], message_id(&done));
    let body = imdn(&message_id, DELIVERED);
    let bob = Some((BOB.to_owned(), Service::Im));
    assert_eq!(owed_by(&mut world, &from_bob(&body)), bob);
    assert!(reported(&mut world, exchange, 202).is_nothing());
    let found = missing(&mut world, &from_bob(&body)).unwrap();
    assert_eq!((found.exchange, found.service), (exchange, Service::Im));
    // Without its wrapper.
    let start = body.windows(5).position(|octets| octets == b"<?xml");
    let bare = MessageIn {
        content_type: Some("message/imdn+xml"),
        ..from_bob(&body[start.unwrap()..])
    };
    assert_eq!(owed_by(&mut world, &bare), bob);
    // One that says nothing of the delivery completes nothing.
    let processed = imdn(
        &message_id,
        Disposition::Processing(ProcessingStatus::Processed),
    );
    world.report(&from_bob(&processed));
    assert_eq!(owed_by(&mut world, &from_bob(&body)), bob);
    // An RP-ACK is no notification.
    let call_id = format!("{message_id}@ims.example");
    let ack = MessageIn {
        in_reply_to: Some(&call_id),
        ..from_phone(BOB, &[0x02, 0x2A])
    };
    assert_eq!(owed_by(&mut world, &ack), None);
    let theirs = imdn("theirs", DELIVERED);
    assert_eq!(owed_by(&mut world, &from_bob(&theirs)), None);
    world.report(&from_bob(&body));
    assert_eq!(owed_by(&mut world, &from_bob(&body)), None);
}

#[test]
fn nobody_owes_a_second_notification() {
    // It overtakes the client's answer.
    let mut world = World::new();
    let done = world.submit(&to_cpim(&asking(0x2A)));
    let body = imdn(&message_id(&done), DELIVERED);
    world.report(&from_bob(&body));
    assert_eq!(world.store.open(), 1);
    assert_eq!(owed_by(&mut world, &from_bob(&body)), None);
    // Nobody was asked.
    let mut world = World::new();
    let octets = asking(0x2A);
    let message = MessageIn {
        request_uri: BOB,
        retargeted: true,
        ..from_phone(ALICE, &octets)
    };
    let exchange = world.submit(&message).relayed[0];
    let call_id = world.gateway_call_id(exchange, 0);
    let body = imdn(call_id.split('@').next().unwrap(), DELIVERED);
    assert_eq!(owed_by(&mut world, &from_bob(&body)), None);
}

#[test]
fn a_notification_is_no_report_of_a_phone() {
    let mut world = World::new();
    let done = world.deliver(&instant(BOB, "hello"));
    let call_id = done.message().call_id.clone().unwrap();
    let body = imdn(call_id.split('@').next().unwrap(), DELIVERED);
    assert_eq!(owed_by(&mut world, &from_bob(&body)), None);
}

#[test]
fn a_report_counts_from_the_address_of_a_contact() {
    let mut world = World::new();
    let done = world.deliver(&instant(BOB, "hello"));
    let call_id = done.message().call_id.clone().unwrap();
    let report = MessageIn {
        in_reply_to: Some(&call_id),
        ..from_phone(BOB, &[0x02, 0x01])
    };
    let missing = missing(&mut world, &report).unwrap();
    let contacts = [
        "sip:bob@192.0.2.7:5060;transport=tcp",
        "sip:bob@[2001:db8::7]:5060",
    ];
    let may_come_from =
        |source| missing.may_come_from(source, contacts.iter().filter_map(|uri| Hop::of(uri)));
    for there in [
        "sip:192.0.2.7:49152;transport=udp",
        "sip:[2001:db8::7]:49152;transport=tcp",
    ] {
        assert!(may_come_from(there), "{there}");
    }
    for elsewhere in ["sip:192.0.2.70:5060", "sip:[2001:db8::8]:5060", ""] {
        assert!(!may_come_from(elsewhere), "{elsewhere}");
    }
    // The phone has signed off.
    assert!(!missing.may_come_from("sip:192.0.2.7:5060", []));
}

#[test]
fn a_member_cannot_send_any_number_of_reports() {
    let mut passed = 0;
    while let Some(more) = MissingReport::passed(passed) {
        assert_eq!(more, passed + 1);
        passed = more;
    }
    assert_eq!(passed, 24);
}
