//! Fields of one service in the other service: rows MAP-1, MAP-3, MAP-5 to MAP-10, MAP-12, MAP-15, MAP-17, ERR-2, CAU-5.

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

const ANONYMOUS_FROM: Option<&str> = Some("\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=1");

#[test]
fn anonymous_client_is_hidden_from_the_phone() {
    let alice = instant(BOB, "hi");
    let by_privacy = MessageIn {
        privacy: Some("id"),
        from: Some("<sip:+15550001@ims.example>;tag=1"),
        ..alice
    };
    let by_from = MessageIn {
        from: ANONYMOUS_FROM,
        ..alice
    };
    let taken_back = MessageIn {
        privacy: Some("none"),
        ..alice
    };
    let world = World::new();
    assert_eq!(originator(&world, &by_privacy), "Anonymous");
    assert_eq!(originator(&world, &by_from), "Anonymous");
    assert_eq!(originator(&world, &taken_back), "+15550001");
    let world = World::with(&Settings {
        anonymous: "Unknown",
        sender_without_number: "reject",
        ..settings()
    });
    assert_eq!(originator(&world, &by_privacy), "Unknown");
    let nameless = MessageIn {
        identity: Some("sip:alice@ims.example"),
        ..by_privacy
    };
    assert_eq!(originator(&world, &nameless), "Unknown");
}

#[test]
fn anonymous_phone_is_hidden_from_the_client() {
    let world = World::new();
    let octets = hello(1);
    let phone = from_phone(ALICE, &octets);
    for private in [
        MessageIn {
            privacy: Some("id;critical"),
            ..phone
        },
        MessageIn {
            from: ANONYMOUS_FROM,
            ..phone
        },
    ] {
        let im = prepared(&world, &private).translation;
        assert_eq!(im.from.display, "\"Anonymous\"");
        assert_eq!(im.from.uri, "sip:anonymous@anonymous.invalid");
        assert_eq!(field(&im.headers, "Privacy"), Some("id"));
        assert!(im.remove.contains(b"Privacy"), "it would be there twice");
        assert!(!im.headers.contains("15550001"));
    }
    let open = prepared(&world, &phone).translation;
    assert_eq!(open.from.uri, ALICE);
    assert_eq!(field(&open.headers, "Privacy"), None);
    // A service centre says it with a TP-OA that is empty.
    let tpdu = deliver_tpdu(&[0x00, 0x80]);
    let octets = rp_data_mt(1, &tpdu);
    let im = prepared(&world, &from_service_centre(&octets)).translation;
    assert_eq!(im.from.uri, "sip:anonymous@anonymous.invalid");
    assert_eq!(field(&im.headers, "Privacy"), Some("id"));
    assert_eq!(field(&im.headers, "P-Asserted-Identity"), None);
}

#[test]
fn anonymous_phone_stays_hidden_in_an_incomplete_message() {
    let mut world = World::new();
    let parts = parts(&"x".repeat(200), 7, 0);
    world.submit(&MessageIn {
        privacy: Some("id"),
        ..from_phone(ALICE, &parts[0])
    });
    let (at, exchange) = world.store.next_wake().unwrap();
    world.now.unix_ms = at;
    let done = world.handle(Input::Due { exchange });
    assert_eq!(done.message().from, "sip:anonymous@anonymous.invalid");
    let headers = &done.message().headers;
    assert!(!headers.contains("15550001"));
    assert_eq!(field(headers, "Interworked-By"), Some("ims.example"));
}

/// RP-DATA with an SMS-SUBMIT of "hello" that has this TP-VP in this format.
fn submit_with_vp(format: u8, vp: &[u8]) -> Vec<u8> {
    let mut tpdu = submit_tpdu(0x07, 0x00, 0x00);
    tpdu[0] |= format << 3;
    let behind_dcs = 10;
    tpdu.splice(behind_dcs..behind_dcs, vp.iter().copied());
    rp_data_mo(0x2A, &tpdu)
}

#[test]
fn validity_period_becomes_expires() {
    let world = World::new();
    for (format, vp, expires) in [
        (0b10, &[0x00][..], Some("300")),
        (0b10, &[0xFF], Some("38102400")),
        (0b01, &[0x43, 0x00, 0x10, 0x00, 0, 0, 0], Some("60")),
        (0b01, &[0x40, 0, 0, 0, 0, 0, 0], None),
        // 03:05:05 +01:00 is a minute from now.
        (
            0b11,
            &[0x62, 0x10, 0x20, 0x30, 0x50, 0x50, 0x40],
            Some("60"),
        ),
        (0b00, &[], None),
    ] {
        let octets = submit_with_vp(format, vp);
        let im = prepared(&world, &from_phone(ALICE, &octets)).translation;
        assert_eq!(field(&im.headers, "Expires"), expires, "{vp:02x?}");
        let date = Some("Fri, 02 Jan 2026 02:04:05 GMT");
        assert_eq!(field(&im.headers, "Date"), date);
        assert!(im.remove.contains(b"Expires"), "it would be there twice");
    }
}

#[test]
fn expired_short_message_is_refused() {
    let world = World::new();
    let octets = submit_with_vp(0b11, &SCTS);
    let Err(refusal) = world
        .gateway
        .translate_sm(&from_phone(ALICE, &octets), world.now)
    else {
        panic!("not refused")
    };
    assert_eq!(
        (refusal.answer.status, refusal.reason),
        (202, Reason::Expired)
    );
    let report = refusal.report.unwrap();
    assert_eq!(report.body[..4], [0x05, 0x2A, 0x01, 0x80 | 111]);
    assert_eq!(report.body[7], 0xFF, "TP-FCS");
}

fn expiring(expires: &str) -> MessageIn<'_> {
    MessageIn {
        expires: Some(expires),
        ..instant(BOB, "hi")
    }
}

#[test]
fn expired_instant_message_is_not_sent() {
    let world = World::new();
    let old = MessageIn {
        date: Some("Fri, 02 Jan 2026 02:03:05 GMT"),
        ..expiring("60")
    };
    let refusal = world.gateway.translate_im(&old, world.now).err().unwrap();
    assert_eq!(
        (refusal.answer.status, refusal.reason),
        (480, Reason::Expired)
    );

    // Over while it waits for its turn.
    let mut world = World::new();
    let first = world.deliver(&instant(BOB, "first"));
    for waiting in ["10", "0", "11"] {
        assert!(world.deliver(&expiring(waiting)).sent.is_empty());
    }
    let long = "x".repeat(200);
    world.deliver(&MessageIn {
        expires: Some("10"),
        ..instant(BOB, &long)
    });
    world.pass(10_001);
    let done = world.leg_fails(first.held[0], 404);
    let mut answers: Vec<_> = done
        .answered
        .iter()
        .map(|(_, transaction, outcome)| (transaction.label, outcome.answer.status))
        .collect();
    answers.sort_unstable();
    assert_eq!(answers, [(1, 404), (2, 480), (3, 480)]);
    assert_eq!(done.sent.len(), 1, "the one that is still of use");
    let (current, _) = done.sent[0];
    let done = world.leg_fails(current.unwrap(), 404);
    let mut answers: Vec<_> = done.answered.iter().map(|(_, t, _)| t.label).collect();
    answers.sort_unstable();
    assert_eq!(answers, [4, 5]);
    assert_eq!(world.store.open(), 0, "and no part is left");
}

#[test]
fn expires_zero_is_one_attempt() {
    for (expires, attempts) in [("0", 1), ("100", 2)] {
        let mut world = World::new();
        let done = world.deliver(&expiring(expires));
        let exchange = done.held[0];
        let mut sent = done.sent.len();
        world.leg(exchange, 200);
        world.hold_timeout(exchange);
        while let Some((at, exchange)) = world.store.next_wake() {
            world.now.unix_ms = at;
            sent += world.handle(Input::Due { exchange }).sent.len();
            world.leg(exchange, 200);
        }
        assert_eq!(sent, attempts, "Expires: {expires}");
    }
}

#[test]
fn begun_message_is_finished_after_its_expiry() {
    let mut world = World::new();
    let long = "x".repeat(200);
    let done = world.deliver(&MessageIn {
        expires: Some("0"),
        ..instant(BOB, &long)
    });
    let rp_mr = done.message().body[1];
    world.pass(5_000);
    let done = world.report(&from_phone(BOB, &[0x02, rp_mr]));
    assert_eq!(done.sent.len(), 1);
    assert!(done.answered.is_empty());
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
    world.handle(Input::ImAnswered {
        exchange,
        status: 486,
    });
    let done = world.handle(Input::FinalSent {
        exchange,
        status: 202,
        open: 0,
    });
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

/// RP-DATA with SMS-DELIVER from +15550001 in this coding: TP-UDL and TP-UD.
fn coded(dcs: u8, user_data: &[u8]) -> Vec<u8> {
    let mut tpdu = deliver_tpdu(&[0x08, 0x91, 0x51, 0x55, 0x00, 0x10]);
    tpdu.truncate(tpdu.len() - 6);
    tpdu[8] = dcs;
    tpdu.extend(user_data);
    rp_data_mt(1, &tpdu)
}

/// The same without its header of a concatenated message.
fn text_of(world: &World, dcs: u8, user_data: &[u8]) -> Result<String, (Reason, u8, u8)> {
    let octets = coded(dcs, user_data);
    match world
        .gateway
        .translate_sm(&from_service_centre(&octets), world.now)
    {
        Ok(sm) => Ok(String::from_utf8(sm.translation.body).unwrap()),
        Err(refusal) => {
            let report = refusal.report.unwrap().body;
            // RP-MTI, RP-MR, length of RP-Cause, RP-Cause; IEI and length of RP-User-Data; TP-MTI, TP-FCS.
            Err((refusal.reason, report[3] & 0x7F, report[7]))
        }
    }
}

/// "안녕하세요" in KS C 5601: ten octets, and TP-UDL counts them.
const KOREAN: &[u8] = b"\x0a\xbe\xc8\xb3\xe7\xc7\xcf\xbc\xbc\xbf\xe4";

#[test]
fn invalid_septets_are_refused() {
    let world = World::new();
    let refused = Err((Reason::Dcs, 111, 0x9F));
    for (dcs, user_data) in [
        (0x84, KOREAN),
        (0x94, KOREAN),
        (0x8F, KOREAN),
        (0xBF, KOREAN),
        (0x0C, KOREAN),
        (0x1D, KOREAN),
        // TP-UDL counts characters.
        (0x84, &[&[5], &KOREAN[1..]].concat()),
        // So short that septets would fill as many octets.
        (0x84, b"\x02\xbe\xc8"),
        (0x84, b"\x04\xbe\xc8\xb3\xe7"),
        (0x84, b"\x03\xbe\xc8!"),
        // Octets in the alphabet of septets.
        (0x00, KOREAN),
        (0xF1, b"\x09some text"),
        // Half a character.
        (0x08, b"\x03\0h\0"),
        (0xE0, b"\x01h"),
    ] {
        assert_eq!(
            text_of(&world, dcs, user_data),
            refused,
            "{dcs:02x} {user_data:02x?}"
        );
    }
    // Eight septets in seven octets, and an octet of padding.
    let padded = [&[8], &*packed("hello yo"), &[0]].concat();
    assert_eq!(text_of(&world, 0x00, &padded).as_deref(), Ok("hello yo"));
    // A reserved value means the default alphabet (TS 23.038 §4), and may be in it.
    for dcs in [0x84, 0x94, 0x0C, 0xB0, 0x00] {
        let hello = b"\x05\xe8\x32\x9b\xfd\x06";
        assert_eq!(
            text_of(&world, dcs, hello).as_deref(),
            Ok("hello"),
            "{dcs:02x}"
        );
        assert_eq!(text_of(&world, dcs, b"\0").as_deref(), Ok(""), "{dcs:02x}");
    }
}

#[test]
fn agreed_charset() {
    let world = World::with(&Settings {
        dcs_charset: "84=euc-kr, 94=EUC-KR,04=gbk",
        ..settings()
    });
    for (dcs, user_data, expected) in [
        (0x84, KOREAN, "안녕하세요"),
        (0x94, KOREAN, "안녕하세요"),
        (0x84, &[&[5], &KOREAN[1..]].concat(), "안녕하세요"),
        (0x84, b"\x02\xbe\xc8", "안"),
        (0x84, b"\x06hello!", "hello!"),
        (0x04, b"\x04\xc4\xe3\xba\xc3", "你好"),
    ] {
        let found = text_of(&world, dcs, user_data);
        assert_eq!(found.as_deref(), Ok(expected), "{dcs:02x} {user_data:02x?}");
    }
    // Packed septets, as TS 23.038 has it.
    let septets = [&[11], &*packed("hello world")].concat();
    let found = text_of(&world, 0x84, &septets);
    assert_eq!(found.as_deref(), Ok("hello world"));
    let refused = Err((Reason::Dcs, 111, 0x9F));
    assert_eq!(text_of(&world, 0x84, b"\x03\xbe\xc8\xb3"), refused);
    assert_eq!(text_of(&world, 0x8C, KOREAN), refused, "another value");
    let submitted = {
        let mut tpdu = submit_tpdu(1, 0, 0x84);
        tpdu.truncate(tpdu.len() - 6);
        tpdu.extend(KOREAN);
        rp_data_mo(1, &tpdu)
    };
    let sm = prepared(&world, &from_phone(ALICE, &submitted));
    assert_eq!(sm.translation.body, "안녕하세요".as_bytes());
}

#[test]
fn alphanumeric_sender_is_no_person_of_the_domain() {
    let world = World::new();
    let from = |name: &str| {
        let mut tpdu = deliver_tpdu(&[]);
        let mut octets = Vec::new();
        // Length, type and septets of the address.
        let address = TpAddress::from_text(name).unwrap();
        let semi_octets = address.semi_octets();
        octets.extend([semi_octets, 0xD0]);
        octets.extend(packed(name));
        octets.truncate(2 + usize::from(semi_octets).div_ceil(2));
        tpdu.splice(1..1, octets);
        let octets = rp_data_mt(1, &tpdu);
        let sm = prepared(&world, &from_service_centre(&octets));
        let asserted = field(&sm.translation.headers, "P-Asserted-Identity").is_some();
        let private = field(&sm.translation.headers, "Privacy").is_some();
        let NameAddr { display, uri } = sm.translation.from;
        (display, uri, asserted, private)
    };
    for (name, display, uri) in [
        ("carol", "\"carol\"", "sip:carol@sms.invalid"),
        ("My Bank", "\"My Bank\"", "sip:My%20Bank@sms.invalid"),
        (
            "+15550003",
            "\"+15550003\"",
            "sip:name-+15550003@sms.invalid",
        ),
        ("15550003", "\"15550003\"", "sip:name-15550003@sms.invalid"),
        (
            "1-555 0003",
            "\"1-555 0003\"",
            "sip:name-1-555%200003@sms.invalid",
        ),
        ("*100#", "\"*100#\"", "sip:name-*100%23@sms.invalid"),
        ("a@b", "\"a@b\"", "sip:a%40b@sms.invalid"),
        ("a\r\nb", "\"a  b\"", "sip:a%20%20b@sms.invalid"),
        (" x ", "\"x\"", "sip:x@sms.invalid"),
        ("Ωmega", "\"Ωmega\"", "sip:%CE%A9mega@sms.invalid"),
    ] {
        let expected = (display.to_owned(), uri.to_owned(), false, false);
        assert_eq!(from(name), expected, "{name:?}");
        let uri = Uri::parse(uri).unwrap();
        assert!(uri.global_number().is_none() && uri.local_number().is_none());
    }
    for nothing in ["", " ", "\r\n"] {
        let (_, uri, asserted, private) = from(nothing);
        assert_eq!(
            (&*uri, asserted, private),
            ("sip:anonymous@anonymous.invalid", false, true)
        );
    }
}

/// Septets of the default alphabet in octets.
fn packed(text: &str) -> Vec<u8> {
    let encoded = EncodedText::with_coding(text, TextCoding::DEFAULT).unwrap();
    encoded.user_data().octets().to_vec()
}
