//! Fields of one service in the other service: rows MAP-1, MAP-3, MAP-5 to MAP-10, MAP-12, MAP-15, MAP-17, ERR-2, CAU-5.

mod coding;
mod lifetime;
mod privacy;

use ipsmgw::interwork::{Input, Reason, Settings, TranslatedSm};
use ipsmgw::sip::{MessageIn, NameAddr, Uri};
use ipsmgw::wire::{EncodedText, RpMessage, TextCoding, TpAddress, Tpdu};

use crate::long_sm_to_im::parts;
use crate::to_service_centre;
use crate::world::{
    ALICE, BOB, SCTS, World, deliver_tpdu, field, from_phone, from_service_centre, hello, instant,
    rp_data_mo, rp_data_mt, settings, submit_tpdu,
};

fn prepared(world: &World, message: &MessageIn<'_>) -> TranslatedSm {
    let Ok(sm) = world.gateway.translate_sm(message, world.now) else {
        panic!("refused")
    };
    sm
}

/// TP-OA of the phone's short message, as text.
fn originator(world: &World, message: &MessageIn<'_>) -> String {
    let im = world.translate_im(message);
    let (direction, rp) = RpMessage::decode(im.parts[0].as_slice()).unwrap();
    let Some(Ok(Tpdu::Deliver(deliver))) = rp.tpdu(direction) else {
        panic!("no SMS-DELIVER")
    };
    deliver.originating_address.to_string()
}

#[test]
fn replace_types_are_ordinary_messages() {
    let world = World::new();
    for pid in 0x41..=0x47 {
        let octets = rp_data_mo(1, &submit_tpdu(0x07, pid, 0x00));
        let im = prepared(&world, &from_phone(ALICE, &octets)).translation;
        assert_eq!(im.body, b"hello");
    }
}

#[test]
fn a_flash_message_is_urgent() {
    let world = World::new();
    for (dcs, urgent) in [(0x00, false), (0x10, true), (0xF0, true), (0x11, false)] {
        let octets = rp_data_mo(1, &submit_tpdu(0x07, 0x00, dcs));
        let im = prepared(&world, &from_phone(ALICE, &octets)).translation;
        let priority = urgent.then_some("urgent");
        assert_eq!(field(&im.headers, "Priority"), priority, "{dcs:02x}");
        assert!(im.remove.contains(b"Priority"), "it would be there twice");
    }
    let dcs = |text: &str, priority| {
        let message = MessageIn {
            priority,
            ..instant(BOB, text)
        };
        delivered(&world, &message).0
    };
    assert_eq!(dcs("hi", Some("Urgent ")), 0x10);
    assert_eq!(dcs("Ж", Some("emergency")), 0x18);
    assert_eq!(dcs("hi", Some("normal")), 0x00);
    assert_eq!(dcs("hi", None), 0x00);
}

#[test]
fn message_waiting_indications() {
    let world = World::new();
    let with_element = |store: u8, dcs: u8| {
        let mut tpdu = submit_tpdu(0x07, 0x00, dcs);
        tpdu[0] |= 0x40; // TP-UDHI
        tpdu.truncate(10);
        // TP-UDL: the header fills 6 septets, and "a" is the one behind them.
        tpdu.extend([0x07, 0x04, 0x01, 0x02, store, 0x01, 0x84, 0x01]);
        tpdu
    };
    for (tpdu, kept) in [
        (submit_tpdu(0x07, 0x00, 0xC8), false),
        (submit_tpdu(0x07, 0x00, 0xC0), false),
        (submit_tpdu(0x07, 0x00, 0xD8), true),
        (with_element(0x00, 0x00), false),
        (with_element(0x80, 0x00), true),
        (with_element(0x80, 0xC8), true),
    ] {
        let octets = rp_data_mo(0x2A, &tpdu);
        let refusal = match world
            .gateway
            .translate_sm(&from_phone(ALICE, &octets), world.now)
        {
            Ok(_) => {
                assert!(kept, "{tpdu:02x?}");
                continue;
            }
            Err(refusal) => refusal,
        };
        assert!(!kept, "{tpdu:02x?}");
        assert_eq!(refusal.reason, Reason::MessageWaiting);
        assert_eq!(refusal.report.unwrap().body[..2], [0x03, 0x2A], "RP-ACK");
    }
}

#[test]
fn converted_message_is_not_converted_back() {
    let world = World::new();
    let octets = hello(1);
    let im = prepared(&world, &from_phone(ALICE, &octets)).translation;
    let mark = field(&im.headers, "Interworked-By");
    assert_eq!(mark, Some("ims.example"));
    assert!(im.remove.contains(b"Interworked-By"), "nobody else's word");
    let of = |interworked_by| MessageIn {
        interworked_by,
        ..instant(BOB, "hi")
    };
    let refusal = world
        .gateway
        .translate_im(&of(mark), world.now)
        .err()
        .unwrap();
    assert_eq!((refusal.answer.status, refusal.reason), (482, Reason::Loop));
    assert_eq!(refusal.answer.reason, "Loop Detected");
    world.translate_im(&of(Some("elsewhere.example")));

    // RP-DATA of the gateway that comes back, with any asserted sender.
    let mut world = World::new();
    let done = world.deliver(&instant(BOB, "hi"));
    let message = done.message();
    let back = MessageIn {
        call_id: message.call_id.as_deref().unwrap(),
        ..from_service_centre(&message.body)
    };
    let refusal = world.gateway.translate_sm(&back, world.now).err().unwrap();
    assert_eq!((refusal.answer.status, refusal.reason), (482, Reason::Loop));
    assert!(refusal.report.is_none());
}

#[test]
fn forwarded_message_is_not_converted() {
    let world = World::new();
    let alice = instant(BOB, "hi");
    let forwarded = MessageIn {
        diversion: Some("<sip:+15550009@ims.example>;reason=unconditional"),
        ..alice
    };
    assert_eq!(delivered(&world, &alice).1, 0x04, "SMS-DELIVER, TP-MMS");
    assert_eq!(delivered(&world, &forwarded).1, 0x0C, "and TP-LP");

    let mut tpdu = deliver_tpdu(&[0x08, 0x91, 0x51, 0x55, 0x00, 0x10]);
    tpdu[0] |= 0x08;
    let octets = rp_data_mt(0x2A, &tpdu);
    let message = from_service_centre(&octets);
    let refusal = world
        .gateway
        .translate_sm(&message, world.now)
        .err()
        .unwrap();
    assert_eq!((refusal.answer.status, refusal.reason), (202, Reason::Loop));
    assert_eq!(refusal.report.unwrap().body, [0x04, 0x2A, 0x01, 0x80 | 111]);
}

/// TP-DCS and the first octet of the phone's TPDU.
fn delivered(world: &World, message: &MessageIn<'_>) -> (u8, u8) {
    let im = world.translate_im(message);
    let octets = im.parts[0].as_slice();
    (octets[18], octets[10])
}

#[test]
fn numbers_that_are_not_international() {
    let world = World::with(&Settings {
        sender_without_number: "reject",
        ..settings()
    });
    let octets = |identity| {
        let message = MessageIn {
            identity: Some(identity),
            ..instant(BOB, "hi")
        };
        world.translate_im(&message).parts[0].as_slice()[11..16].to_vec()
    };
    // TON unknown, ISDN numbering plan
    let short_code = [0x05, 0x81, 0x21, 0x43, 0xF5];
    for identity in [
        "tel:12345;phone-context=ims.example",
        "tel:123-45",
        "sip:12345;phone-context=ims.example@ims.example;user=phone",
        "sip:12345@ims.example",
    ] {
        assert_eq!(octets(identity), short_code, "{identity}");
    }
    assert_eq!(octets("tel:*1#a")[..4], [0x04, 0x81, 0x1A, 0xCB]);
    let too_long = MessageIn {
        identity: Some("tel:123456789012345678901"),
        ..instant(BOB, "hi")
    };
    let refusal = world
        .gateway
        .translate_im(&too_long, world.now)
        .err()
        .unwrap();
    assert_eq!(
        (refusal.answer.status, refusal.reason),
        (403, Reason::SenderWithoutNumber)
    );
}

#[test]
fn two_identities_give_number_and_address() {
    let world = World::new();
    let both = "<sip:alice@ims.example>, <tel:+1-555-0001>";
    let im = MessageIn {
        identity: Some(both),
        ..instant(BOB, "hi")
    };
    assert_eq!(originator(&world, &im), "+15550001");
    let octets = hello(1);
    for identity in [both, "<tel:+15550001>,\"Alice\" <sip:alice@ims.example>"] {
        let sm = prepared(&world, &from_phone(identity, &octets));
        assert_eq!(sm.identity.as_str(), "+15550001");
        assert_eq!(sm.address.as_str(), "sip:alice@ims.example");
        let shown = "sip:+15550001@ims.example;user=phone";
        assert_eq!(
            sm.translation.from.uri, shown,
            "never a name made of an IMSI"
        );
    }
    let sm = prepared(&world, &from_phone("<tel:+15550001>", &octets));
    assert_eq!(sm.address.as_str(), "tel:+15550001");
    assert_eq!(sm.translation.from.uri, "tel:+15550001");
}

#[test]
fn emergency_services_get_no_converted_message() {
    let world = World::new();
    for uri in [
        "urn:service:sos",
        "URN:service:SOS.police",
        "sip:112@ims.example",
        "tel:911;phone-context=ims.example",
    ] {
        let refusal = world.gateway.translate_im(&instant(uri, "help"), world.now);
        let refusal = refusal.err().unwrap();
        let what = (refusal.answer.status, refusal.reason);
        assert_eq!(what, (404, Reason::Emergency), "{uri}");
    }
    let other = world
        .gateway
        .translate_im(&instant("urn:service:sosx", "x"), world.now);
    assert_eq!(other.err().unwrap().reason, Reason::Recipient);
    world.translate_im(&instant("sip:1120@ims.example", "x"));

    let tpdu = [
        &[0x01, 0x07, 0x03, 0x81, 0x11, 0xF2][..], // SMS-SUBMIT to 112
        &[0x00, 0x00, 0x00],
    ]
    .concat();
    let octets = rp_data_mo(0x2A, &tpdu);
    let to_112 = from_phone(ALICE, &octets);
    let hello = hello(0x2A);
    let by_the_script = MessageIn {
        request_uri: "urn:service:sos.fire",
        retargeted: true,
        ..from_phone(ALICE, &hello)
    };
    for message in [
        to_112,
        MessageIn {
            request_uri: BOB,
            retargeted: true,
            ..to_112
        },
        by_the_script,
    ] {
        let refusal = world
            .gateway
            .translate_sm(&message, world.now)
            .err()
            .unwrap();
        let what = (refusal.answer.status, refusal.reason);
        assert_eq!(what, (202, Reason::Emergency));
        let report = refusal.report.unwrap().body;
        assert_eq!(report[..4], [0x05, 0x2A, 0x01, 0x80 | 1]);
    }
    let world = World::with(&Settings {
        emergency: "",
        ..settings()
    });
    prepared(&world, &to_112);
    world.translate_im(&instant("sip:112@ims.example", "x"));
}

#[test]
fn short_code_keeps_its_type() {
    let mut world = to_service_centre::world();
    let done = world.deliver(&instant("tel:12345;phone-context=ims.example", "hi"));
    let message = done.message();
    let destination = to_service_centre::submit(&message.body).destination_address;
    assert_eq!(destination.to_string(), "12345");
}

#[test]
fn operator_rows_without_a_report() {
    let mut world = World::with(&Settings {
        cause: &[
            "leg 486 = 486 retry",
            "expired im = 410",
            "expired sm = 27/C2 ack",
        ],
        ..settings()
    });
    let done = world.deliver(&instant(BOB, "hi"));
    let done = world.leg_fails(done.held[0], 486);
    let answer = done.answered[0].2.answer;
    assert_eq!((answer.status, answer.headers.is_empty()), (486, false));

    let late = MessageIn {
        expires: Some("60"),
        date: Some("Fri, 02 Jan 2026 02:00:00 GMT"),
        ..instant(BOB, "hi")
    };
    let refusal = world.gateway.translate_im(&late, world.now).err().unwrap();
    assert_eq!(refusal.answer.status, 410);
    // One that waits behind another for too long.
    let first = world.deliver(&instant(BOB, "first")).held[0];
    let waits = MessageIn {
        expires: Some("10"),
        ..instant(BOB, "late")
    };
    world.deliver(&waits);
    world.pass(11_000);
    assert_eq!(world.leg(first, 480).answer(), 410);

    let mut tpdu = submit_tpdu(0x07, 0x00, 0x00);
    tpdu[0] |= 0b0001_1000; // TP-VPF: absolute
    let over = [0x52, 0x11, 0x41, 0x21, 0x03, 0x00, 0x40]; // TP-VP: 2025-11-14
    tpdu.splice(10..10, over);
    let octets = rp_data_mo(0x2A, &tpdu);
    let message = from_phone(ALICE, &octets);
    let refusal = world
        .gateway
        .translate_sm(&message, world.now)
        .err()
        .unwrap();
    let report = refusal.report.unwrap();
    assert_eq!(report.body[..4], [0x05, 0x2A, 0x01, 0x80 | 27]);
}

#[test]
fn operator_rows() {
    let mut world = World::with(&Settings {
        cause: &["sip 486 = 27/C2", "rp 22 = 486", "fcs D0 = 503 retry"],
        ..settings()
    });
    let octets = hello(0x2A);
    let exchange = world.relay(&from_phone(ALICE, &octets));
    let done = world.client_answers(exchange, 486);
    assert_eq!(done.message().body[..4], [0x05, 0x2A, 0x01, 0x80 | 27]);

    for (error, status, reason, retry_after) in [
        (&[0x04, 1, 0x01, 0x80 | 22][..], 486, "Busy Here", false),
        (
            &[0x04, 1, 0x01, 0x80 | 22, 0x41, 0x03, 0x00, 0xD0, 0x00],
            503,
            "Service Unavailable",
            true,
        ),
    ] {
        let done = world.deliver(&instant(BOB, "hi"));
        let mut error = error.to_vec();
        error[1] = done.message().body[1];
        let done = world.report(&from_phone(BOB, &error));
        let answer = done.answered[0].2.answer;
        assert_eq!((answer.status, answer.reason), (status, reason));
        assert_eq!(answer.headers.starts_with("Retry-After: "), retry_after);
    }
}
