//! SM to IM: rows MO-1 to MO-5, MO-7, SR-1 to SR-5, MT-1 to MT-4, CAU-1.

mod early_answer;
mod repetitions;

use ipsmgw::exchange::ExchangeKey;
use ipsmgw::interwork::{Counter, Input, Verdict};
use ipsmgw::sip::MessageIn;

use crate::world::{
    ALICE, BOB, Done, SCTS, SERVICE_CENTRE, World, deliver_tpdu, field, from_phone,
    from_service_centre, hello, rp_data_mo, rp_data_mt, submit_tpdu,
};

/// The IM side answers `status`, and the SMS side has its 202.
fn answered(world: &mut World, exchange: ExchangeKey, status: u16) -> Done {
    assert!(
        world
            .handle(Input::ImAnswered { exchange, status })
            .is_nothing()
    );
    let done = world.handle(Input::FinalSent {
        exchange,
        status: 202,
        open: 0,
    });
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

/// Table CAU-1, for a phone: status, RP-Cause, TP-FCS.
const TO_PHONE: &[(u16, u8, u8)] = &[
    (300, 41, 0xC2),
    (301, 1, 0xC3),
    (302, 41, 0xC2),
    (305, 41, 0xC2),
    (380, 41, 0xC2),
    (400, 111, 0xFF),
    (401, 41, 0xC2),
    (402, 50, 0xC1),
    (403, 21, 0xC4),
    (404, 1, 0xC3),
    (405, 69, 0xB0),
    (406, 21, 0x8F),
    (407, 41, 0xC2),
    (408, 27, 0xC2),
    (410, 1, 0xC3),
    (413, 21, 0xFF),
    (414, 21, 0xFF),
    (415, 21, 0x90),
    (416, 111, 0xFF),
    (420, 69, 0xB0),
    (421, 69, 0xB0),
    (422, 41, 0xC2),
    (423, 41, 0xC2),
    (428, 38, 0xC2),
    (430, 27, 0xC2),
    (433, 21, 0xC4),
    (436, 38, 0xC2),
    (437, 38, 0xC2),
    (438, 38, 0xC2),
    (440, 38, 0xC2),
    (480, 27, 0xC2),
    (481, 41, 0),
    (482, 38, 0xC2),
    (483, 38, 0xC2),
    (484, 1, 0xC3),
    (485, 1, 0xC3),
    (486, 41, 0xC0),
    (487, 41, 0),
    (488, 21, 0x8F),
    (489, 69, 0xB0),
    (491, 41, 0),
    (493, 111, 0xFF),
    (494, 38, 0xC2),
    (499, 111, 0xFF),
    (500, 41, 0xC2),
    (501, 69, 0xB0),
    (502, 38, 0xC2),
    (503, 42, 0xC0),
    (504, 27, 0xC2),
    (505, 69, 0xB0),
    (513, 21, 0xFF),
    (580, 69, 0xB0),
    (599, 41, 0xC2),
    (600, 41, 0xC0),
    (603, 21, 0xC4),
    (604, 1, 0xC3),
    (606, 21, 0x8F),
    (607, 21, 0xC4),
    (608, 21, 0xC4),
    (699, 21, 0xC4),
];

#[test]
fn each_final_response_to_a_phone() {
    let mut world = World::new();
    for (rp_mr, &(status, cause, fcs)) in (0_u8..).zip(TO_PHONE) {
        let octets = hello(rp_mr);
        let id = world.relay(&from_phone(ALICE, &octets));
        let done = answered(&mut world, id, status);
        let fcs = Some(fcs).filter(|fcs| *fcs != 0);
        assert_eq!(done.message().body, rp_error(rp_mr, cause, fcs), "{status}");
        assert_eq!(done.counted, [Counter::SmFailed]);
    }
    for (rp_mr, status) in [(200, 200), (201, 202), (202, 299)] {
        let octets = hello(rp_mr);
        let id = world.relay(&from_phone(ALICE, &octets));
        let done = answered(&mut world, id, status);
        assert_eq!(done.message().body, rp_ack(rp_mr), "{status}");
        assert_eq!(done.counted, [Counter::SmDelivered]);
    }
}

/// Table CAU-1, for a service centre: status, RP-Cause, TP-FCS.
const TO_SERVICE_CENTRE: &[(u16, u8, u8)] = &[
    (302, 111, 0xFF),
    (410, 111, 0xFF),
    (400, 111, 0xFF),
    (401, 111, 0xFF),
    (402, 111, 0xFF),
    (403, 111, 0xFF),
    (404, 111, 0xFF),
    (405, 97, 0xB0),
    (406, 111, 0x8F),
    (415, 111, 0x90),
    (408, 111, 0xFF),
    (413, 111, 0xFF),
    (420, 97, 0xB0),
    (423, 111, 0xFF),
    (428, 111, 0),
    (480, 111, 0xFF),
    (433, 111, 0xFF),
    (482, 111, 0),
    (481, 111, 0xFF),
    (484, 111, 0xFF),
    (486, 111, 0),
    (487, 111, 0),
    (505, 97, 0xB0),
    (500, 111, 0xFF),
    (502, 111, 0),
    (503, 111, 0xFF),
    (603, 111, 0xFF),
];

#[test]
fn each_final_response_to_a_service_centre() {
    let mut world = World::new();
    let tpdu = deliver_tpdu(&[0x08, 0x91, 0x51, 0x55, 0x00, 0x10]);
    for (rp_mr, &(status, cause, fcs)) in (0_u8..).zip(TO_SERVICE_CENTRE) {
        let octets = rp_data_mt(rp_mr, &tpdu);
        let id = world.relay(&from_service_centre(&octets));
        let done = answered(&mut world, id, status);
        let expected = match fcs {
            0 => vec![0x04, rp_mr, 0x01, 0x80 | cause],
            fcs => vec![0x04, rp_mr, 0x01, 0x80 | cause, 0x41, 0x03, 0x00, fcs, 0x00],
        };
        assert_eq!(done.message().body, expected, "{status}");
    }
    let octets = rp_data_mt(0x63, &tpdu);
    let id = world.relay(&from_service_centre(&octets));
    let done = answered(&mut world, id, 200);
    assert_eq!(done.message().body, [0x02, 0x63, 0x41, 0x02, 0x00, 0x00]);
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
fn success_counts_else_the_first_outcome() {
    for (statuses, body) in [
        (&[486, 200][..], rp_ack(1)),
        (&[200, 486], rp_ack(1)),
        (&[180, 404, 486], rp_error(1, 1, Some(0xC3))),
    ] {
        let mut world = World::new();
        let octets = hello(1);
        let exchange = world.relay(&from_phone(ALICE, &octets));
        for &status in statuses {
            world.handle(Input::ImAnswered { exchange, status });
        }
        let done = world.handle(Input::FinalSent {
            exchange,
            status: 202,
            open: 0,
        });
        assert_eq!(done.message().body, body, "{statuses:?}");
        assert!(
            world
                .handle(Input::FinalSent {
                    exchange,
                    status: 202,
                    open: 0,
                })
                .is_nothing()
        );
    }
}

#[test]
fn a_sip_error_is_the_whole_answer() {
    let mut world = World::new();
    let octets = hello(1);
    let exchange = world.relay(&from_phone(ALICE, &octets));
    let done = world.handle(Input::FinalSent {
        exchange,
        status: 500,
        open: 0,
    });
    assert!(done.sent.is_empty());
    assert_eq!(world.store.open(), 0);
    // The same short message again is a new attempt.
    world.relay(&from_phone(ALICE, &octets));
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
    let done = world.handle(Input::Due { exchange: id });
    assert_eq!(
        (done.counted, world.store.open()),
        (vec![Counter::ReportLost], 0)
    );
}
