//! Hostile octets and header fields: no panic, no injected header field, nothing of a subscriber in the log
//! (rows BUG-1, OPS-2).

use ipsmgw::base::Text;
use ipsmgw::exchange::ReplyTo;
use ipsmgw::exchange::Store as _;
use ipsmgw::interwork::{Input, Refusal};
use ipsmgw::sip::{MessageIn, MessageOut, Uri};

use crate::world::{
    ALICE, BOB, Random, SERVICE_CENTRE, SMS, World, deliver_tpdu, from_phone, from_service_centre,
    hello, instant, rp_data_mo, rp_data_mt, submit_tpdu,
};

/// Every header field that we write.
const OURS: [&str; 13] = [
    "P-Asserted-Identity",
    "Privacy",
    "Date",
    "Accept-Contact",
    "Request-Disposition",
    "Content-Type",
    "Content-Transfer-Encoding",
    "In-Reply-To",
    "Accept",
    "Unsupported",
    "Expires",
    "Priority",
    "Interworked-By",
];

/// Whole lines: a known field name, and a value without control characters.
fn assert_lines(headers: &str) {
    let lines = headers.strip_suffix("\r\n").expect("ends with CRLF");
    for line in lines.split("\r\n") {
        let (name, value) = line.split_once(": ").expect(line);
        assert!(OURS.contains(&name), "{line:?}");
        assert!(!value.contains(char::is_control), "{line:?}");
    }
}

fn assert_sound(message: &MessageOut) {
    assert_lines(&message.headers);
    assert!(Uri::parse(&message.identity).is_some());
    assert!(Uri::parse(&message.from).is_some());
}

fn mutated(random: &mut Random, octets: &[u8]) -> Vec<u8> {
    let mut octets = octets.to_vec();
    for _ in 0..random.below(4) {
        if octets.is_empty() {
            break;
        }
        let at = random.below(octets.len());
        match random.below(4) {
            0 => octets[at] = random.octet(),
            1 => octets[at] ^= 1 << random.below(8),
            2 => octets.truncate(at),
            _ => octets.insert(at, random.octet()),
        }
    }
    octets
}

#[test]
fn mutated_bodies_neither_panic_nor_inject() {
    let mut random = Random(0x1234_5678_9ABC_DEF1);
    let alphanumeric = [0x0B, 0xD0, 0x3C, 0xD1, 0xD8, 0xF2, 0xD2, 0x28];
    let multipart = [
        b"--b\r\nContent-Type: application/vnd.3gpp.sms\r\n\r\n".as_slice(),
        &hello(1),
        b"\r\n--b--",
    ]
    .concat();
    let seeds = [
        hello(1),
        rp_data_mo(2, &submit_tpdu(7, 0, 8)),
        rp_data_mt(3, &deliver_tpdu(&[0x08, 0x91, 0x51, 0x55, 0x00, 0x10])),
        rp_data_mt(4, &deliver_tpdu(&alphanumeric)),
        vec![0x02, 0x01],
        vec![0x04, 0x01, 0x01, 0x96, 0x41, 0x03, 0x00, 0xD3, 0x00],
        vec![0x06, 0x01],
        multipart,
        "héllo 🎉\r\n".as_bytes().to_vec(),
        b"From: <im:a@b>\r\n\r\nContent-Type: message/imdn+xml\r\n\r\nx".to_vec(),
        b"From: <im:a@b>\r\nSubject: a\r\n\r\nContent-Type: text/plain\r\n\r\nx".to_vec(),
        b"--b\r\nContent-Type: multipart/alternative;boundary=c\r\n\r\n--c\r\n\r\nx\r\n--c--\r\n--b--".to_vec(),
    ];
    let types = [
        SMS,
        SMS,
        SMS,
        SMS,
        "text/plain",
        "text/plain;charset=utf-8",
        "text/plain;charset=utf-16",
        "message/cpim",
        "multipart/mixed;boundary=b",
        "multipart/mixed;boundary=\"",
        ";;;=",
        "",
    ];
    let mut world = World::new();
    let (mut translated, mut written) = (0, 0);
    for _ in 0..80_000 {
        let seed = random.pick(&seeds).clone();
        let body = mutated(&mut random, &seed);
        let request_uri = *random.pick(&[SERVICE_CENTRE, BOB, "sip:x", "tel:1", "?"]);
        let call_id = *random.pick(&["a@b", "a b", "a\r\nVia: x", ""]);
        let message = MessageIn {
            identity: Some(*random.pick(&[ALICE, SERVICE_CENTRE])),
            request_uri,
            retargeted: random.below(2) == 0,
            content_type: Some(*random.pick(&types)),
            call_id,
            in_reply_to: Some(*random.pick(&["0-1-1-b007@x", "-", ""])),
            content_transfer_encoding: *random.pick(&[None, None, None, Some("base64")]),
            source: "sip:192.0.2.7",
            body: &body,
            truncated: false,
            ..MessageIn::default()
        };
        let sound = |refusal: Box<Refusal>| {
            if let Some(report) = &refusal.report {
                assert_sound(report);
            }
            assert!(refusal.answer.headers.is_empty() || refusal.answer.status == 415);
        };
        let _ = world.gateway.classify(&message).map_err(sound);
        match world.gateway.translate_sm(&message, world.now) {
            Err(refusal) => sound(refusal),
            Ok(sm) => {
                translated += 1;
                assert_lines(&sm.translation.headers);
                assert!(Uri::parse(&sm.translation.from.uri).is_some());
                assert!(Uri::parse(&sm.translation.to.uri).is_some());
                assert!(!sm.translation.from.display.contains(char::is_control));
                assert!(std::str::from_utf8(&sm.translation.body).is_ok());
                let done = world.submit_prepared(&sm);
                done.sent
                    .iter()
                    .for_each(|(_, message)| assert_sound(message));
                for exchange in done.relayed {
                    world.handle(Input::Released { exchange });
                }
            }
        }
        if let Ok(im) = world.gateway.translate_im(&message, world.now) {
            written += 1;
            for part in &im.parts {
                assert!(part.as_slice().len() <= 180);
            }
        }
        if let Ok(Some(report)) = world.gateway.read_report(&message) {
            let done = world.handle(Input::Report {
                report: &report,
                request: ReplyTo::AtHand,
            });
            done.sent
                .iter()
                .for_each(|(_, message)| assert_lines(&message.headers));
        }
    }
    assert!(
        translated > 800,
        "only {translated} came as far as a translation"
    );
    assert!(written > 1_000, "only {written} came as far as RP-DATA");
}

#[test]
fn random_header_fields_never_panic() {
    let mut random = Random(0xFEDC_BA98_7654_3211);
    let world = World::new();
    let alphabet: Vec<char> = "sip:tel+15@;=%<>\"\\[]?,./-\r\n\0 aZé€".chars().collect();
    let body = hello(1);
    for _ in 0..40_000 {
        let mut text = || -> String {
            let length = random.below(24);
            (0..length).map(|_| *random.pick(&alphabet)).collect()
        };
        let (identity, uri) = (text(), ["sip:", &text()].concat());
        let (kind, in_reply_to) = (["multipart/x;boundary", &text()].concat(), text());
        let others: [String; 9] = std::array::from_fn(|_| text());
        let [
            from,
            subject,
            priority,
            privacy,
            date,
            expires,
            diversion,
            history,
            by,
        ] = &others;
        let message = MessageIn {
            identity: Some(&uri),
            request_uri: &identity,
            retargeted: true,
            content_type: Some(&kind),
            in_reply_to: Some(&in_reply_to),
            from: Some(from),
            subject: Some(subject),
            priority: Some(priority),
            privacy: Some(privacy),
            date: Some(date),
            expires: Some(expires),
            diversion: Some(diversion.as_str()).filter(|value| !value.is_empty()),
            history_info: Some(history),
            interworked_by: Some(by),
            ..from_phone(&uri, &body)
        };
        let _ = world.gateway.classify(&message);
        let message = MessageIn {
            content_type: Some(SMS),
            ..message
        };
        if let Ok(sm) = world.gateway.translate_sm(&message, world.now) {
            assert_lines(&sm.translation.headers);
        }
        let _ = world.gateway.read_report(&message);
        let message = MessageIn {
            content_type: Some("text/plain"),
            body: b"x",
            ..message
        };
        let _ = world.gateway.translate_im(&message, world.now);
    }
}

/// Must not be in a log: sender, recipient, text.
const PRIVATE: [&str; 5] = ["15550001", "15550002", "hello", "submission@phone", "alice"];

fn assert_private(shown: &str) {
    for word in PRIVATE {
        assert!(!shown.contains(word), "{shown}");
    }
}

#[test]
fn log_lines_hold_no_subscriber_data() {
    let mut random = Random(0x0123_4567_89AB_CDE1);
    let mut world = World::new();
    let octets = hello(1);
    for _ in 0..5_000 {
        let body = mutated(&mut random, &octets);
        if let Err(refusal) = world
            .gateway
            .translate_sm(&from_phone(ALICE, &body), world.now)
        {
            assert_private(&format!(
                "{} {:?} {:?}",
                refusal.reason, refusal.reason, refusal.answer
            ));
        }
    }
    let foreign = rp_data_mt(1, &deliver_tpdu(&[0x08, 0x91, 0x51, 0x55, 0x00, 0x10]));
    for message in [
        MessageIn {
            identity: Some("alice"),
            ..from_phone(ALICE, &octets)
        },
        from_phone(ALICE, &foreign),
        from_service_centre(&octets),
        MessageIn {
            request_uri: "alice",
            ..from_service_centre(&foreign)
        },
    ] {
        let Err(refusal) = world.gateway.translate_sm(&message, world.now) else {
            panic!()
        };
        assert_private(&format!("{} {:?}", refusal.reason, refusal.reason));
    }
    // An exchange as a whole, too.
    let id = world.relay(&from_phone(ALICE, &octets));
    assert_private(&format!("{:?}", world.store.by_key(id).unwrap()));
    let id = world.deliver(&instant(BOB, "hello")).held[0];
    assert_private(&format!("{:?}", world.store.by_key(id).unwrap()));
    assert_private(&format!("{:?}", Text::<32>::new("alice").unwrap()));
}
