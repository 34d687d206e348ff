//! SM to IM: rows MO-1 to MO-5, MO-7, SR-1 to SR-5, MT-1 to MT-4, CAU-1.

use ipsmgw::exchange::ExchangeKey;
use ipsmgw::interwork::{Counter, Input, Verdict};
use ipsmgw::sip::MessageIn;

use crate::world::{
    ALICE, BOB, Done, SCTS, SERVICE_CENTRE, World, deliver_tpdu, field, from_phone,
    from_service_centre, hello, rp_data_mo, rp_data_mt, submit_tpdu,
};

mod early_answer;
mod repetitions;
mod responses;

/// The IM side answers `status`, and the SMS side has its 202.
fn answered(world: &mut World, exchange: ExchangeKey, status: u16) -> Done {
    let done = world.client_answers(exchange, status);
    // It answers a second attempt alike.
    if done.again.is_empty() {
        done
    } else {
        world.leg(exchange, status)
    }
}

/// Octets of RP-ACK with an SMS-SUBMIT-REPORT.
fn rp_ack(rp_mr: u8) -> Vec<u8> {
    [&[0x03, rp_mr, 0x41, 0x09, 0x01, 0x00][..], &SCTS].concat()
}

/// Octets of RP-ERROR with an SMS-SUBMIT-REPORT, or without.
fn rp_error(rp_mr: u8, cause: u8, fcs: Option<u8>) -> Vec<u8> {
    let head = [0x05, rp_mr, 0x01, 0x80 | cause];
    match fcs {
        Some(fcs) => [&head[..], &[0x41, 0x0A, 0x01, fcs, 0x00], &SCTS].concat(),
        None => head.to_vec(),
    }
}

#[test]
fn to_is_the_registered_name() {
    let world = World::new();
    let octets = hello(0x2A);
    let mut message = MessageIn {
        request_uri: BOB,
        retargeted: true,
        ..from_phone(ALICE, &octets)
    };
    let mut prepared = |name| {
        message.recipient_name = name;
        world
            .gateway
            .translate_sm(&message, world.now)
            .ok()
            .unwrap()
    };
    let by_number = prepared(None);
    let by_name = prepared(Some("sip:bob@ims.example"));
    assert_eq!(by_number.translation.to.uri, BOB);
    assert_eq!(by_name.translation.to.uri, "sip:bob@ims.example");
    // It is the same person, and the same message.
    assert_eq!(by_name.recipient.as_str(), BOB);
    assert_eq!(by_name.digest, by_number.digest);
}

#[test]
fn a_short_message_becomes_an_instant_message() {
    let world = World::new();
    let octets = hello(0x2A);
    let message = MessageIn {
        request_uri: BOB,
        retargeted: true,
        ..from_phone(ALICE, &octets)
    };
    let Ok(sm) = world.gateway.translate_sm(&message, world.now) else {
        panic!()
    };
    assert_eq!(sm.identity.as_str(), "+15550001");
    assert_eq!((sm.rp_mr, sm.reject_duplicates), (0x2A, false));
    let im = sm.translation;
    assert_eq!(im.request_uri, None, "the script has chosen");
    assert_eq!(
        (im.from.display.as_str(), im.from.uri.as_str()),
        ("", ALICE)
    );
    assert_eq!(im.to.uri, BOB);
    assert_eq!(im.body, b"hello");
    assert_eq!(
        field(&im.headers, "Content-Type"),
        Some("text/plain;charset=UTF-8")
    );
    assert_eq!(
        field(&im.headers, "P-Asserted-Identity"),
        Some("<sip:+15550001@ims.example>")
    );
    assert_eq!(
        field(&im.headers, "Date"),
        Some("Fri, 02 Jan 2026 02:04:05 GMT")
    );
    assert_eq!(
        field(&im.headers, "Accept-Contact"),
        Some("*;+g.oma.sip-im")
    );
    for name in [
        "Content-Type",
        "P-Asserted-Identity",
        "Accept-Contact",
        "Date",
    ] {
        assert!(
            im.remove.contains(name.as_bytes()),
            "{name} would be there twice"
        );
    }
}

#[test]
fn tp_da_is_the_default_recipient() {
    let world = World::new();
    let to = |address: &[u8]| {
        let tpdu = [&[0x01, 0x07][..], address, &[0x00, 0x00, 0x00]].concat();
        let octets = rp_data_mo(1, &tpdu);
        let sm = world
            .gateway
            .translate_sm(&from_phone(ALICE, &octets), world.now)
            .ok()?;
        assert_eq!(
            sm.translation.request_uri.as_deref(),
            Some(sm.translation.to.uri.as_str())
        );
        sm.translation.request_uri
    };
    for (address, uri) in [
        (
            &[0x08, 0x91, 0x51, 0x55, 0x00, 0x20][..],
            "sip:+15550002@ims.example;user=phone",
        ),
        (
            &[0x05, 0x81, 0x21, 0x43, 0xF5],
            "sip:12345;phone-context=ims.example@ims.example;user=phone",
        ),
        (
            &[0x04, 0x81, 0x1A, 0xB2],
            "sip:*12%23;phone-context=ims.example@ims.example;user=phone",
        ),
    ] {
        assert_eq!(to(address).as_deref(), Some(uri));
    }
    assert_eq!(to(&[0x00, 0x81]), None);
    assert_eq!(to(&[0x04, 0xD0, 0x41, 0x61]), None);
}

#[test]
fn the_report_is_a_message_of_its_own() {
    let mut world = World::new();
    let octets = hello(0x2A);
    let id = world.relay(&from_phone(ALICE, &octets));
    let done = answered(&mut world, id, 200);
    assert_eq!(done.sent[0].0, Some(id));
    let report = done.message();
    assert_eq!(report.identity, ALICE);
    assert_eq!(report.fallback_hop, "sip:192.0.2.7:5060;transport=udp");
    assert_eq!(report.from, SERVICE_CENTRE);
    assert!(
        report
            .call_id
            .as_ref()
            .unwrap()
            .ends_with("-b007@ims.example")
    );
    for (name, value) in [
        ("In-Reply-To", "submission@phone"),
        ("P-Asserted-Identity", "<sip:+15559999@ims.example>"),
        ("Request-Disposition", "no-fork"),
        ("Accept-Contact", "*;+g.3gpp.smsip;require;explicit"),
        ("Content-Type", "application/vnd.3gpp.sms"),
        ("Content-Transfer-Encoding", "binary"),
    ] {
        assert_eq!(field(&report.headers, name), Some(value));
    }
    assert!(report.headers.ends_with("\r\n"));
}

#[test]
fn the_report_to_a_service_centre_comes_from_the_recipient() {
    let mut world = World::new();
    let octets = rp_data_mt(0x63, &deliver_tpdu(&[0x08, 0x91, 0x51, 0x55, 0x00, 0x10]));
    let id = world.relay(&from_service_centre(&octets));
    let done = answered(&mut world, id, 200);
    let report = done.message();
    assert_eq!(
        (report.identity.as_str(), report.from.as_str()),
        (SERVICE_CENTRE, "sip:bob@ims.example")
    );
    assert_eq!(
        field(&report.headers, "P-Asserted-Identity"),
        Some("<sip:bob@ims.example>")
    );
    assert_eq!(
        field(&report.headers, "In-Reply-To"),
        Some("submission@phone")
    );
    assert_eq!(field(&report.headers, "Accept-Contact"), None);
}

#[test]
fn the_person_in_the_originating_address_stands_in_from() {
    let world = World::new();
    let translated = |originator: &[u8]| {
        let octets = rp_data_mt(1, &deliver_tpdu(originator));
        let message = from_service_centre(&octets);
        let Ok(sm) = world.gateway.translate_sm(&message, world.now) else {
            panic!()
        };
        assert_eq!(sm.identity.as_str(), "bob@ims.example");
        assert_eq!(sm.translation.to.uri, "sip:bob@ims.example");
        assert_eq!(sm.translation.request_uri, None);
        sm.translation
    };
    let international = translated(&[0x08, 0x91, 0x51, 0x55, 0x00, 0x10]);
    assert_eq!(
        international.from.uri,
        "sip:+15550001@ims.example;user=phone"
    );
    assert_eq!(
        field(&international.headers, "Date"),
        Some("Fri, 14 Nov 2025 11:30:00 GMT")
    );
    assert_eq!(
        field(&international.headers, "P-Asserted-Identity"),
        Some("<sip:+15550001@ims.example;user=phone>")
    );
    let national = translated(&[0x05, 0xA1, 0x21, 0x43, 0xF5]);
    assert_eq!(
        national.from.uri,
        "sip:12345;phone-context=ims.example@ims.example;user=phone"
    );
    // `<"a\` CR LF
    let name = translated(&[0x0B, 0xD0, 0x3C, 0xD1, 0xD8, 0xF2, 0xD2, 0x28]);
    assert!(!name.from.display.contains(['\r', '\n']) && !name.from.uri.contains(['\r', '\n']));
    let nobody = translated(&[0x00, 0x80]);
    assert_eq!(nobody.from.uri, "sip:anonymous@anonymous.invalid");
    assert_eq!(field(&nobody.headers, "Privacy"), Some("id"));
    assert_eq!(field(&nobody.headers, "P-Asserted-Identity"), None);
    assert_eq!(
        translated(&[0x00, 0xD0]).from.uri,
        "sip:anonymous@anonymous.invalid"
    );
}

#[test]
fn an_alphanumeric_name_is_shown_and_escaped() {
    let world = World::new();
    // "B&B \"x\"": 7 septets, 13 semi-octets used.
    let septets = b"B&B \"x\"";
    let mut octets = [0_u8; 7];
    for (at, septet) in septets.iter().enumerate() {
        let bit = at * 7;
        octets[bit / 8] |= septet << (bit % 8);
        if bit % 8 > 1 {
            octets[bit / 8 + 1] |= septet >> (8 - bit % 8);
        }
    }
    let originator = [&[0x0D, 0xD0][..], &octets].concat();
    let octets = rp_data_mt(1, &deliver_tpdu(&originator));
    let Ok(sm) = world
        .gateway
        .translate_sm(&from_service_centre(&octets), world.now)
    else {
        panic!()
    };
    let from = sm.translation.from;
    assert_eq!(from.display, "\"B&B \\\"x\\\"\"");
    assert_eq!(from.uri, "sip:B%26B%20%22x%22@sms.invalid");
    let asserted = field(&sm.translation.headers, "P-Asserted-Identity");
    assert_eq!(asserted, None, "a name is nobody's identity");
}

#[test]
fn a_report_is_tried_twice() {
    for (first, second, counted) in [
        (200, None, vec![]),
        (480, Some(200), vec![]),
        (408, Some(480), vec![Counter::ReportLost]),
        (503, None, vec![Counter::ReportLost]),
    ] {
        let mut world = World::new();
        let octets = hello(1);
        let id = world.relay(&from_phone(ALICE, &octets));
        let report = answered(&mut world, id, 200);
        let mut done = world.leg(id, first);
        if let Some(second) = second {
            assert_eq!(done.message().body, report.message().body);
            assert_ne!(done.message().call_id, report.message().call_id);
            done = world.leg(id, second);
        }
        assert!(done.sent.is_empty());
        assert_eq!(done.counted, counted, "{first}");
        assert_eq!(world.store.open(), 0);
        assert!(world.leg(id, 200).is_nothing());
    }
}

#[test]
fn no_room_is_congestion() {
    let mut world = World::new();
    world.store.max = 1;
    let octets = hello(1);
    world.relay(&from_phone(ALICE, &octets));
    let octets = hello(2);
    let done = world.submit(&from_phone(ALICE, &octets));
    assert_eq!((done.reply(), done.replies[0].1), (202, Verdict::Refused));
    assert_eq!(done.message().body, rp_error(2, 42, Some(0xC0)));
    assert_eq!(done.counted, [Counter::Full]);
}

#[test]
fn abandoned_exchange_ends_by_itself() {
    let mut world = World::new();
    let octets = hello(1);
    let id = world.relay(&from_phone(ALICE, &octets));
    world.handle(Input::Released { exchange: id });
    assert_eq!(world.store.open(), 0);

    let id = world.relay(&from_phone(ALICE, &octets));
    // Even where the host does not tell that the `202` is on the wire.
    for (after, accepted) in [(4_000, 1), (18_000, 0)] {
        let (at, due) = world.store.next_wake().unwrap();
        assert_eq!((at, due), (world.now.unix_ms + after, id));
        world.pass(after);
        let done = world.handle(Input::Due { exchange: id });
        assert_eq!(done.accepted.len(), accepted);
        assert_eq!(done.sent.len(), 1 - accepted, "the report");
    }
    world.leg(id, 200);
    assert_eq!(world.store.open(), 0);

    let octets = hello(2);
    let id = world.relay(&from_phone(ALICE, &octets));
    answered(&mut world, id, 200);
    world.handle(Input::Released { exchange: id });
    assert_eq!(world.store.open(), 1, "the report is still on its way");
    // The host does not tell its end, neither the first time nor the second time.
    let done = world.handle(Input::Due { exchange: id });
    assert_eq!((done.sent.len(), done.counted), (1, vec![]));
    let done = world.handle(Input::Due { exchange: id });
    assert_eq!(
        (done.counted, world.store.open()),
        (vec![Counter::ReportLost], 0)
    );
}
