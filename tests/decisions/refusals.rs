//! Messages that are refused: rows CLS-1 to CLS-6, AUT-1, MO-6, MT-5, MT-9, MAP-4, MAP-9, MAP-10.

use ipsmgw::interwork::{Class, Policy, Reason, Refusal, Settings};
use ipsmgw::sip::MessageIn;

use crate::world::{
    ALICE, BOB, SCTS, SMS, World, deliver_tpdu, from_phone, from_service_centre, hello, instant,
    rp_data_mo, rp_data_mt, settings, submit_tpdu,
};

const INTERNATIONAL: &[u8] = &[0x08, 0x91, 0x51, 0x55, 0x00, 0x10];

fn refused_sm(message: &MessageIn<'_>) -> Box<Refusal> {
    let world = World::new();
    match world.gateway.translate_sm(message, world.now) {
        Ok(_) => panic!("not refused"),
        Err(refusal) => refusal,
    }
}

fn refused_im(message: &MessageIn<'_>) -> Box<Refusal> {
    let world = World::new();
    match world.gateway.translate_im(message, world.now) {
        Ok(_) => panic!("not refused"),
        Err(refusal) => refusal,
    }
}

#[test]
fn classes() {
    let world = World::new();
    let class = |content_type, body: &[u8]| {
        let content_type = Some(content_type).filter(|value: &&str| !value.is_empty());
        let message = MessageIn {
            content_type,
            body,
            ..MessageIn::default()
        };
        world
            .gateway
            .classify(&message)
            .map_err(|refusal| refusal.answer.status)
    };
    let sms = hello(1);
    let cpim = |inner: &str| {
        ["From: <im:a@x>\r\n\r\nContent-Type: ", inner, "\r\n\r\nx"]
            .concat()
            .into_bytes()
    };
    for (content_type, body, expected) in [
        (SMS, &sms[..], Ok(Class::RpData)),
        ("Application/VND.3GPP.SMS; x=y", &sms, Ok(Class::RpData)),
        (SMS, &[0x02, 0x01], Ok(Class::RpReport)),
        (SMS, &[0x04, 0x01, 0x01, 0x96], Ok(Class::RpReport)),
        (SMS, &[0x06, 0x01], Ok(Class::RpSmma)),
        (SMS, &[0x07, 0x01], Err(400)),
        (SMS, &[0x00], Err(400)),
        (SMS, &[], Err(400)),
        (SMS, &sms[..sms.len() - 1], Err(400)),
        ("text/plain", b"x", Ok(Class::InstantMessage)),
        (
            "message/cpim",
            &cpim("text/plain"),
            Ok(Class::InstantMessage),
        ),
        ("message/cpim", &cpim("message/imdn+xml"), Ok(Class::Imdn)),
        (
            "message/cpim",
            &cpim("application/im-iscomposing+xml"),
            Ok(Class::IsComposing),
        ),
        ("message/imdn+xml", b"<imdn/>", Ok(Class::Imdn)),
        (
            "application/im-iscomposing+xml",
            b"<x/>",
            Ok(Class::IsComposing),
        ),
        ("text/html", b"x", Ok(Class::NotOurs)),
        ("", b"", Ok(Class::NotOurs)),
        ("multipart/mixed", b"x", Err(400)),
    ] {
        assert_eq!(class(content_type, body), expected, "{content_type}");
    }
}

#[test]
fn a_short_message_in_a_multipart_body_is_found() {
    let world = World::new();
    let sms = hello(1);
    let body = [
        b"--b\r\nContent-Type: text/plain\r\n\r\nsee also\r\n--b\r\nContent-Type: ",
        SMS.as_bytes(),
        b"\r\n\r\n",
        &sms,
        b"\r\n--b--\r\n",
    ]
    .concat();
    let content_type = Some("multipart/mixed;boundary=b");
    let message = MessageIn {
        content_type,
        ..from_phone(ALICE, &body)
    };
    assert_eq!(world.gateway.classify(&message).ok(), Some(Class::RpData));
    let Ok(sm) = world.gateway.translate_sm(&message, world.now) else {
        panic!()
    };
    assert_eq!(sm.translation.body, b"hello");

    let message = MessageIn {
        content_transfer_encoding: Some("Base64"),
        ..from_phone(ALICE, b"AgE=\r\n")
    };
    assert_eq!(world.gateway.classify(&message).ok(), Some(Class::RpReport));
    for (encoding, body, status) in [
        ("base64", &b"AgE!"[..], 400),
        ("quoted-printable", b"=0", 400),
        ("uuencode", b"x", 415),
    ] {
        let content_transfer_encoding = Some(encoding);
        let message = MessageIn {
            content_transfer_encoding,
            ..from_phone(ALICE, body)
        };
        assert_eq!(refused_sm(&message).answer.status, status);
    }
}

#[test]
fn sender_without_identity_is_forbidden() {
    let octets = hello(1);
    let long = ["sip:", &"a".repeat(128), "@x"].concat();
    for identity in [
        None,
        Some(""),
        Some("alice"),
        Some("<sip:a@b"),
        Some("<sip:a@b>, <a>"),
        Some("sip:a@b\r\nVia: x"),
        Some(&long),
    ] {
        let message = MessageIn {
            identity,
            ..from_phone(ALICE, &octets)
        };
        let refusal = refused_sm(&message);
        assert_eq!(
            (refusal.answer.status, refusal.reason),
            (403, Reason::NoIdentity)
        );
        assert!(refusal.report.is_none());
        assert_eq!(
            refused_im(&MessageIn {
                identity,
                ..instant(BOB, "x")
            })
            .answer
            .status,
            403
        );
        let report = MessageIn {
            identity,
            ..from_phone(ALICE, &[0x02, 0x01])
        };
        assert!(
            World::new()
                .gateway
                .read_report(&report)
                .is_err_and(|r| r.answer.status == 403)
        );
    }
}

#[test]
fn malformed_rp_message_is_a_bad_request() {
    let whole = hello(1);
    let cut = MessageIn {
        truncated: true,
        ..from_phone(ALICE, &whole)
    };
    assert_eq!(refused_sm(&cut).answer.status, 400);
    assert_eq!(
        refused_im(&MessageIn {
            truncated: true,
            ..instant(BOB, "x")
        })
        .answer
        .status,
        400
    );
    for end in 0..whole.len() {
        let refusal = refused_sm(&from_phone(ALICE, &whole[..end]));
        assert_eq!(refusal.answer.status, 400, "{end} octets");
        assert!(refusal.report.is_none());
    }
    assert_eq!(
        refused_sm(&from_phone(ALICE, &[0x02, 0x01])).reason,
        Reason::NotRpData
    );
}

/// The report to a phone, after a 202, on an SMS-SUBMIT without text for a person.
#[test]
fn short_messages_without_text() {
    let with_header = |header: &[u8]| {
        let mut tpdu = submit_tpdu(0x07, 0x00, 0x04);
        tpdu[0] |= 0x40; // TP-UDHI
        tpdu.truncate(10);
        tpdu.push(u8::try_from(header.len()).unwrap());
        [&tpdu[..], header].concat()
    };
    let submit = |pid, dcs| submit_tpdu(0x07, pid, dcs);
    let truncated = submit(0, 0)[..12].to_vec();
    for (tpdu, cause, fcs, reason) in [
        (submit(0x20, 0x00), 69, 0x80, Reason::Pid),
        (submit(0x3F, 0x00), 69, 0x80, Reason::Pid),
        (submit(0x48, 0x00), 21, 0x8F, Reason::Pid),
        (submit(0x7D, 0x00), 21, 0x8F, Reason::Pid),
        (submit(0x7F, 0x00), 21, 0x8F, Reason::Pid),
        (submit(0x00, 0x04), 21, 0x90, Reason::EightBit),
        (submit(0x00, 0xF4), 21, 0x90, Reason::EightBit),
        (submit(0x00, 0x12), 21, 0x91, Reason::MessageClass),
        (submit(0x00, 0xF3), 21, 0x91, Reason::MessageClass),
        (
            with_header(&[0x06, 0x05, 0x04, 0x0B, 0x84, 0x23, 0xF0]),
            21,
            0x90,
            Reason::Ports,
        ),
        // SMS-COMMAND
        (
            vec![0x02, 0x07, 0x00, 0x02, 0x01, 0x01, 0x91, 0x01, 0x00],
            69,
            0xA1,
            Reason::Command,
        ),
        // SMS-DELIVER-REPORT
        (vec![0x00, 0x00], 97, 0xB0, Reason::TpduType),
    ] {
        let octets = rp_data_mo(0x2A, &tpdu);
        let refusal = refused_sm(&from_phone(ALICE, &octets));
        assert_eq!((refusal.answer.status, refusal.reason), (202, reason));
        let report = refusal.report.unwrap();
        let head = [0x05, 0x2A, 0x01, 0x80 | cause, 0x41, 0x0A, 0x01, fcs, 0x00];
        assert_eq!(report.body, [&head[..], &SCTS].concat(), "{reason:?}");
        assert!(report.headers.contains("In-Reply-To: submission@phone\r\n"));
    }
    for (tpdu, cause) in [(truncated, 96), (vec![0x03], 97), (vec![], 96)] {
        let octets = rp_data_mo(0x2A, &tpdu);
        let refusal = refused_sm(&from_phone(ALICE, &octets));
        assert_eq!(refusal.answer.status, 202);
        assert_eq!(
            refusal.report.unwrap().body[..4],
            [0x05, 0x2A, 0x01, 0x80 | cause]
        );
    }
}

#[test]
fn refusals_to_a_service_centre() {
    let deliver = |pid, dcs| {
        let mut tpdu = deliver_tpdu(INTERNATIONAL);
        (tpdu[7], tpdu[8]) = (pid, dcs);
        tpdu
    };
    for (tpdu, cause, fcs) in [
        (deliver(0x7F, 0x00), 111, 0xD5),
        (deliver(0x48, 0x00), 111, 0x8F),
        (deliver(0x3D, 0x00), 111, 0x8F),
        (deliver(0x00, 0x04), 111, 0x90),
        (deliver(0x00, 0x12), 111, 0x91),
    ] {
        let octets = rp_data_mt(0x2A, &tpdu);
        let refusal = refused_sm(&from_service_centre(&octets));
        let expected = [0x04, 0x2A, 0x01, 0x80 | cause, 0x41, 0x03, 0x00, fcs, 0x00];
        assert_eq!(refusal.report.unwrap().body, expected);
    }
    // Text that a telematic service sent is text.
    let world = World::new();
    let octets = rp_data_mt(0x2A, &deliver(0x32, 0x00));
    assert!(
        world
            .gateway
            .translate_sm(&from_service_centre(&octets), world.now)
            .is_ok()
    );
}

#[test]
fn acknowledged_and_dropped() {
    let mut type0 = deliver_tpdu(INTERNATIONAL);
    type0[7] = 0x40;
    let status_report = [
        &[0x06, 0x07][..],
        INTERNATIONAL,
        &[0x52, 0x11, 0x41, 0x21, 0x03, 0x00, 0x40],
        &[0x52, 0x11, 0x41, 0x21, 0x03, 0x10, 0x40],
        &[0x00],
    ]
    .concat();
    // The exchanges of the message that it is about send the RP-ACK on a status report; without a recipient there are none.
    for (tpdu, request_uri, reason) in [
        (type0, BOB, Reason::Type0),
        (status_report, "urn:nobody", Reason::StatusReport),
    ] {
        let octets = rp_data_mt(0x2A, &tpdu);
        let refusal = refused_sm(&MessageIn {
            request_uri,
            ..from_service_centre(&octets)
        });
        assert_eq!((refusal.answer.status, refusal.reason), (202, reason));
        assert_eq!(
            refusal.report.unwrap().body,
            [0x02, 0x2A, 0x41, 0x02, 0x00, 0x00]
        );
    }
    let octets = rp_data_mo(0x2A, &submit_tpdu(0x07, 0x40, 0x00));
    let refusal = refused_sm(&from_phone(ALICE, &octets));
    assert_eq!(refusal.report.unwrap().body[..4], [0x03, 0x2A, 0x41, 0x09]);
}

#[test]
fn only_a_service_centre_names_the_sender() {
    let forged = rp_data_mt(0x2A, &deliver_tpdu(INTERNATIONAL));
    let refusal = refused_sm(&from_phone(ALICE, &forged));
    assert_eq!(
        (refusal.answer.status, refusal.reason),
        (202, Reason::Direction)
    );
    assert_eq!(
        refusal.report.unwrap().body[..4],
        [0x05, 0x2A, 0x01, 0x80 | 97]
    );
    let octets = hello(0x2A);
    let refusal = refused_sm(&from_service_centre(&octets));
    assert_eq!(refusal.reason, Reason::Direction);
    // A report in the direction of the network is no report of a phone.
    let report = from_phone(ALICE, &[0x03, 0x01]);
    assert!(
        World::new()
            .gateway
            .read_report(&report)
            .is_err_and(|r| r.answer.status == 400)
    );
}

#[test]
fn instant_messages_that_are_refused() {
    let plain = |body| MessageIn {
        body,
        ..instant(BOB, "")
    };
    let typed = |content_type| MessageIn {
        content_type,
        ..instant(BOB, "x")
    };
    let long = "a".repeat(1531);
    let long_ucs2 = "Ж".repeat(671);
    let long_uri = ["sip:", &"a".repeat(300), "@x"].concat();
    for (message, status, reason) in [
        (typed(None), 415, Reason::MediaType),
        (typed(Some("text/html")), 415, Reason::MediaType),
        (typed(Some(SMS)), 415, Reason::MediaType),
        (
            typed(Some("text/plain;charset=utf-7")),
            415,
            Reason::Charset,
        ),
        (typed(Some("multipart/mixed")), 400, Reason::Multipart),
        (plain(b"caf\xE9"), 400, Reason::NotInItsCharset),
        (plain(b"\xED\xA0\x80"), 400, Reason::NotInItsCharset),
        (plain(b""), 400, Reason::Empty),
        (plain(b"\xEF\xBB\xBF"), 400, Reason::Empty),
        (plain(b"a\0b"), 400, Reason::Nul),
        (instant(BOB, &long), 413, Reason::TextTooLong),
        (instant(BOB, &long_ucs2), 413, Reason::TextTooLong),
        (instant("http://x", "x"), 416, Reason::Recipient),
        (instant("", "x"), 416, Reason::Recipient),
        (instant(&long_uri, "x"), 414, Reason::Recipient),
    ] {
        let refusal = refused_im(&message);
        assert_eq!((refusal.answer.status, refusal.reason), (status, reason));
        assert!(refusal.report.is_none());
        let accept = "Accept: application/vnd.3gpp.sms, text/plain, message/cpim, multipart/mixed\r\n\
             Accept-Encoding: gzip, deflate\r\n";
        assert_eq!(
            refusal.answer.headers,
            if status == 415 { accept } else { "" },
            "{reason}"
        );
    }
}

#[test]
fn a_sender_without_a_number() {
    let oa = |identity, setting| {
        let settings = Settings {
            sender_without_number: setting,
            ..settings()
        };
        let world = World::with(&settings);
        assert!(Policy::check(&settings).is_ok());
        let message = MessageIn {
            identity: Some(identity),
            ..instant(BOB, "x")
        };
        match world.gateway.translate_im(&message, world.now) {
            Ok(im) => Ok(im.parts[0].as_slice()[11..].to_vec()),
            Err(refusal) => Err((refusal.answer.status, refusal.reason)),
        }
    };
    let refused = Err((403, Reason::SenderWithoutNumber));
    assert_eq!(oa("sip:alice@ims.example", "reject"), refused);
    assert!(oa("sip:+15550001@ims.example", "reject").is_ok());
    // "alice": 5 septets are 9 semi-octets.
    let alice = oa("sip:alice@ims.example", "alphanumeric").unwrap();
    assert_eq!(alice[..7], [0x09, 0xD0, 0x61, 0x76, 0x7A, 0x5C, 0x06]);
    // As much as there is room for: 11 septets are 20 semi-octets.
    let long = oa("sip:abcdefghijklmnop@x", "alphanumeric").unwrap();
    assert_eq!(long, oa("sip:abcdefghijk@x", "alphanumeric").unwrap());
    assert_eq!(long[..2], [0x14, 0xD0]);
    // Up to the first character that a phone could not show.
    let cut = oa("sip:al%D0%B6ice@x", "alphanumeric").unwrap();
    assert_eq!(cut, oa("sip:al@x", "alphanumeric").unwrap());
    assert_eq!(oa("sip:%D0%B6@x", "alphanumeric"), refused);
    assert_eq!(oa("sip:%0D%0A@x", "alphanumeric"), refused);
    assert_eq!(oa("sip:x", "alphanumeric"), refused);
}

#[test]
fn long_call_id_is_not_repeated() {
    for (call_id, repeated) in [("c".repeat(254), true), ("c".repeat(255), false)] {
        let octets = rp_data_mo(0x2A, &[0x00, 0x00]);
        let message = MessageIn {
            call_id: &call_id,
            ..from_phone(ALICE, &octets)
        };
        let report = refused_sm(&message).report.unwrap();
        assert_eq!(report.headers.contains("In-Reply-To: "), repeated);
    }
}
