//! The text of an instant message, in every kind of body: rows CLS-2, CLS-3, MAP-13, MAP-14, MAP-16, MAP-18.

use flate2::{Compress, Compression, FlushCompress, Status};
use ipsmgw::interwork::{Class, Reason};
use ipsmgw::sip::MessageIn;
use ipsmgw::wire::{RpMessage, Tpdu};

use crate::world::{ALICE, BOB, SMS, World, from_phone, hello, instant};

/// The text that a phone gets of this message, or why it gets none.
fn text(message: &MessageIn<'_>) -> Result<String, (u16, Reason)> {
    let world = World::new();
    let im = world
        .gateway
        .translate_im(message, world.now)
        .map_err(|refusal| (refusal.answer.status, refusal.reason))?;
    assert_eq!(im.parts.len(), 1);
    let (direction, rp) = RpMessage::decode(im.parts[0].as_slice()).unwrap();
    let Some(Ok(Tpdu::Deliver(deliver))) = rp.tpdu(direction) else {
        panic!("no SMS-DELIVER")
    };
    Ok(deliver.user_data.text().unwrap())
}

fn body<'m>(content_type: &'m str, body: &'m [u8]) -> MessageIn<'m> {
    MessageIn {
        content_type: Some(content_type),
        body,
        ..instant(BOB, "")
    }
}

#[test]
fn charset_of_the_content_type() {
    for (charset, octets, expected) in [
        ("iso-8859-1", &b"caf\xE9"[..], "café"),
        ("\"ISO-8859-15\"", b"5 \xA4", "5 €"),
        ("windows-1252", b"\x93a\x94", "“a”"),
        ("utf-16", b"\xFF\xFEh\0\xAC\x20", "h€"),
        ("UTF-16BE", b"\xD8\x3C\xDF\x89", "🎉"),
        ("gb2312", b"\xC4\xE3\xBA\xC3", "你好"),
        ("koi8-r", b"\xF0\xD2\xC9", "При"),
    ] {
        let content_type = ["text/plain; charset=", charset].concat();
        let found = text(&body(&content_type, octets));
        assert_eq!(found.as_deref(), Ok(expected), "{charset}");
    }
    let cut = text(&body("text/plain;charset=utf-16", b"\0h\0"));
    assert_eq!(cut, Err((400, Reason::NotInItsCharset)));
}

#[test]
fn content_transfer_encodings() {
    let encoded = |encoding, octets| {
        text(&MessageIn {
            content_transfer_encoding: Some(encoding),
            ..body("text/plain", octets)
        })
    };
    assert_eq!(encoded("BASE64", b"Y2Fmw6k=").as_deref(), Ok("café"));
    let quoted = encoded("quoted-printable", b"caf=C3=\r\n=A9");
    assert_eq!(quoted.as_deref(), Ok("café"));
    let broken = encoded("base64", b"Y2F!");
    assert_eq!(broken, Err((400, Reason::NotInItsEncoding)));
    let unknown = encoded("uuencode", b"x");
    assert_eq!(unknown, Err((415, Reason::TransferEncoding)));
}

#[test]
fn unknown_transfer_encoding_is_left_to_the_recipient() {
    let world = World::new();
    for content_type in ["text/plain", "message/cpim"] {
        let message = MessageIn {
            content_transfer_encoding: Some("uuencode"),
            ..body(content_type, b"x")
        };
        let class = world.gateway.classify(&message).ok();
        assert_eq!(class, Some(Class::InstantMessage));
    }
}

fn deflated(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len() + 64);
    let mut state = Compress::new(Compression::best(), true);
    let result = state.compress_vec(octets, &mut out, FlushCompress::Finish);
    assert_eq!(result.unwrap(), Status::StreamEnd);
    out
}

/// The same message with its body packed.
fn packed<'m>(message: &MessageIn<'m>, body: &'m [u8]) -> MessageIn<'m> {
    MessageIn {
        content_encoding: Some("deflate"),
        body,
        ..*message
    }
}

const NOTIFICATION: &[u8] = b"From: <sip:a@x>\r\nTo: <sip:b@x>\r\n\r\n\
    Content-Type: message/imdn+xml\r\n\r\n<imdn/>";

#[test]
fn content_encodings() {
    let world = World::new();
    let class = |message: &MessageIn<'_>| world.gateway.classify(message).ok();
    let plain = deflated(b"hello");
    let message = packed(&body("text/plain", b""), &plain);
    assert_eq!(text(&message).as_deref(), Ok("hello"));
    assert_eq!(class(&message), Some(Class::InstantMessage));
    // The transfer encoding was applied behind the content encoding.
    let message = MessageIn {
        content_transfer_encoding: Some("base64"),
        ..packed(&message, b"eJzLSM3JyQcABiwCFQ==")
    };
    assert_eq!(text(&message).as_deref(), Ok("hello"));
    let cpim = |content: &[u8]| [b"From: <sip:a@x>\r\n\r\n", content].concat();
    let wrapped = deflated(&cpim(b"Content-Type: text/plain\r\n\r\nhello"));
    let message = packed(&body("message/cpim", b""), &wrapped);
    assert_eq!(text(&message).as_deref(), Ok("hello"));
    let inner = cpim(
        &[
            b"Content-Type: text/plain\r\nContent-Encoding: deflate\r\n\r\n",
            &*plain,
        ]
        .concat(),
    );
    assert_eq!(text(&body("message/cpim", &inner)).as_deref(), Ok("hello"));
    let report = deflated(NOTIFICATION);
    let message = packed(&body("message/cpim", b""), &report);
    assert_eq!(class(&message), Some(Class::Imdn));
    let octets = deflated(&hello(1));
    let message = packed(&from_phone(ALICE, b""), &octets);
    assert_eq!(class(&message), Some(Class::RpData));
    let sm = world.gateway.translate_sm(&message, world.now);
    assert_eq!(
        sm.ok().map(|sm| sm.translation.body).as_deref(),
        Some(&b"hello"[..])
    );
}

#[test]
fn broken_cpim_field_keeps_the_text() {
    let content = "\r\n\r\nContent-Type: text/plain\r\n\r\nhello";
    for header in [
        "From: Alice",
        "From: <sip:a@x>\r\nFrom: <sip:b@x>",
        "To: nobody\r\nDateTime: yesterday",
        "NS: imdn\r\nimdn.Message-ID: 1",
        "From: <sip:a@x>\r\nno field",
    ] {
        let cpim = [header, content].concat();
        let found = text(&body("message/cpim", cpim.as_bytes()));
        assert_eq!(found.as_deref(), Ok("hello"), "{header}");
    }
    let required = ["NS: x\r\nRequire: x.Vital", content].concat();
    let refused = text(&body("message/cpim", required.as_bytes()));
    assert_eq!(refused, Err((488, Reason::CpimRequire)));
}

#[test]
fn parts_in_a_content_encoding() {
    let plain = deflated(b"hello");
    let part = |encoding: &str, octets: &[u8]| {
        let header = ["--b\r\nContent-Encoding: ", encoding, "\r\n\r\n"].concat();
        [header.as_bytes(), octets, b"\r\n--b--"].concat()
    };
    let parts = part("deflate", &plain);
    let mixed = body("multipart/mixed;boundary=b", &parts);
    assert_eq!(text(&mixed).as_deref(), Ok("hello"));
    let whole = deflated(&part("identity", b"hello"));
    assert_eq!(text(&packed(&mixed, &whole)).as_deref(), Ok("hello"));
    // Packed twice, it could grow twice.
    let twice = deflated(&parts);
    let refused = text(&packed(&mixed, &twice));
    assert_eq!(refused, Err((413, Reason::UnpackedTooLarge)));
    let unknown = part("br", b"x");
    let refused = text(&body("multipart/mixed;boundary=b", &unknown));
    assert_eq!(refused, Err((415, Reason::MediaType)));
}

#[test]
fn unusable_content_encodings() {
    let world = World::new();
    for content_type in [
        "text/plain",
        "message/cpim",
        "message/imdn+xml",
        "multipart/mixed;boundary=b",
        SMS,
    ] {
        let message = MessageIn {
            content_encoding: Some("br"),
            ..body(content_type, b"x")
        };
        let class = world.gateway.classify(&message).ok();
        assert_eq!(class, Some(Class::NotOurs), "{content_type}");
        let refusal = world
            .gateway
            .translate_im(&message, world.now)
            .err()
            .unwrap();
        assert_eq!(refusal.answer.status, 415, "{content_type}");
        let headers = refusal.answer.headers;
        assert!(headers.contains("Accept: ") && headers.contains("Accept-Encoding: "));
    }
    let broken = text(&packed(&body("text/plain", b""), b"hello"));
    assert_eq!(broken, Err((400, Reason::NotInItsContentEncoding)));
    let bomb = deflated(&[b'a'; 1 << 20]);
    let refused = text(&packed(&body("text/plain", b""), &bomb));
    assert_eq!(refused, Err((413, Reason::UnpackedTooLarge)));
    let refused = world
        .gateway
        .classify(&packed(&from_phone(ALICE, b""), &bomb));
    assert!(refused.is_err());
}

#[test]
fn texts_of_a_multipart_body() {
    let html = "--b\r\nContent-Type: text/html\r\n\r\n<b>hi</b>\r\n";
    let plain = "--b\r\nContent-Type: text/plain\r\n\r\nhi\r\n";
    let other = "--b\r\nContent-Type: text/plain\r\n\r\nsecond\r\n";
    for (kind, expected) in [
        ("mixed", "[text/html]\nhi\nsecond"),
        ("related;type=\"text/html\"", "hi\nsecond"),
        ("alternative", "hi"),
    ] {
        let content_type = ["multipart/", kind, ";boundary=b"].concat();
        let whole = [html, plain, other, "--b--"].concat();
        let found = text(&body(&content_type, whole.as_bytes()));
        assert_eq!(found.as_deref(), Ok(expected), "{kind}");
        let without = [html, "--b--"].concat();
        let found = text(&body(&content_type, without.as_bytes()));
        assert_eq!(found, Err((415, Reason::MediaType)), "{kind}");
    }
    // An alternative, encoded, beside where the sender is.
    let nested = "--a\r\nContent-Type: application/pidf+xml\r\n\r\n<presence/>\r\n\
        --a\r\nContent-Type: multipart/alternative; boundary=\"b\"\r\n\r\n\
        --b\r\nContent-Type: text/html\r\n\r\n<b>caf&eacute;</b>\r\n\
        --b\r\nContent-Type: text/plain;charset=iso-8859-1\r\n\
        Content-Transfer-Encoding: quoted-printable\r\n\r\ncaf=E9\r\n--b--\r\n\
        --a--\r\n";
    let found = text(&body("multipart/mixed;boundary=a", nested.as_bytes()));
    assert_eq!(found.as_deref(), Ok("[application/pidf+xml]\ncafé"));
}

#[test]
fn parts_without_text_are_named() {
    let mixed = |parts: &[(&str, &str)]| {
        let mut out = String::new();
        for (header, body) in parts {
            out += &format!("--b\r\nContent-Type: {header}\r\n\r\n{body}\r\n");
        }
        text(&body(
            "multipart/mixed;boundary=b",
            (out + "--b--").as_bytes(),
        ))
    };
    let look = ("text/plain", "look");
    let jpeg = ("Image/JPEG; name=\"x.jpg\"", "\u{1}\u{2}");
    let subject = MessageIn {
        subject: Some("sea"),
        ..body(
            "multipart/mixed;boundary=b",
            b"--b\r\nContent-Type: image/png\r\n\r\n1\r\n--b\r\n\r\nlook\r\n--b--",
        )
    };
    assert_eq!(
        text(&subject).as_deref(),
        Ok("Subject: sea\n[image/png]\nlook")
    );
    for (parts, expected) in [
        (&[look, jpeg][..], Ok("look\n[image/jpeg]")),
        (
            &[look, jpeg, jpeg, look],
            Ok("look\n[image/jpeg]\n[image/jpeg]\nlook"),
        ),
        (
            &[
                look,
                (
                    "text/plain\r\nContent-Disposition: attachment; filename=a.txt",
                    "all of it",
                ),
            ],
            Ok("look\n[text/plain]"),
        ),
        // For the machines on the way.
        (
            &[
                look,
                ("application/x\r\nContent-Disposition: by-reference", "x"),
            ],
            Ok("look"),
        ),
        (
            &[
                look,
                ("application/sdp\r\nContent-Disposition: session", "v=0"),
            ],
            Ok("look"),
        ),
        (
            &[
                ("message/cpim", "\r\nContent-Type: text/plain\r\n\r\nlook"),
                jpeg,
            ],
            Ok("look\n[image/jpeg]"),
        ),
        (&[("text/plain", ""), jpeg], Err(415)),
        (&[jpeg], Err(415)),
        (&[("text/plain", "")], Err(400)),
        (&[("text/plain", "a\0b"), look], Err(400)),
    ] {
        let found = mixed(parts).map_err(|(status, _)| status);
        assert_eq!(
            found.as_deref(),
            expected.as_ref().map(|text| *text),
            "{parts:?}"
        );
    }
    // However long a name is, and however deep they stand.
    let long = ["x/", &"y".repeat(300)].concat();
    let found = mixed(&[look, (&long, "")]).unwrap();
    assert_eq!(found.len(), "look\n[]".len() + 40);
    let mut deep = String::from("text/plain\r\n\r\nhi");
    for level in 0..200 {
        deep = match level % 2 {
            0 => format!(
                "multipart/mixed;boundary=b{level}\r\n\r\n--b{level}\r\nContent-Type: {deep}\r\n--b{level}--"
            ),
            _ => format!("message/cpim\r\n\r\n\r\nContent-Type: {deep}"),
        };
    }
    let whole = format!("--b\r\nContent-Type: {deep}\r\n--b--");
    assert!(text(&body("multipart/mixed;boundary=b", whole.as_bytes())).is_err());
}

#[test]
fn rp_message_in_any_part_keeps_all_octets() {
    let world = World::new();
    // A lone CR in the middle of TP-UD.
    let mut sms = hello(0x0D);
    *sms.last_mut().unwrap() = 0x0D;
    let part = [
        b"Content-Type: ",
        SMS.as_bytes(),
        b"\r\nContent-Transfer-Encoding: binary\r\n\r\n",
        &sms,
    ]
    .concat();
    let outer = [
        b"--a\r\nContent-Type: text/plain\r\n\r\nno\r\n--a\r\nContent-Type: multipart/related;boundary=b\r\n\r\n--b\r\n",
        &part[..],
        b"\r\n--b--\r\n--a--",
    ]
    .concat();
    let message = MessageIn {
        content_type: Some("multipart/mixed;boundary=a"),
        ..from_phone(ALICE, &outer)
    };
    assert_eq!(world.gateway.classify(&message).ok(), Some(Class::RpData));
    let translated = |message: &MessageIn<'_>| {
        let Ok(sm) = world.gateway.translate_sm(message, world.now) else {
            panic!("refused")
        };
        (sm.digest, sm.translation.body)
    };
    assert_eq!(translated(&message), translated(&from_phone(ALICE, &sms)));
}

const CPIM: &str = "From: Mallory <sip:mallory@elsewhere.example>\r\n\
    To: <sip:+15550002@ims.example>\r\n\
    DateTime: 2026-01-02T02:04:05Z\r\n\
    Subject: lunch\\r\\nor not\r\n\
    Subject:;lang=fr d\u{e9}jeuner\r\n\
    \r\n\
    Content-Type: text/plain; charset=utf-8\r\n\
    \r\n\
    caf\u{e9}\r\nat noon";

#[test]
fn cpim_subject_comes_before_the_text() {
    let found = text(&body("message/cpim", CPIM.as_bytes()));
    assert_eq!(
        found.as_deref(),
        Ok("Subject: lunch  or not\ncafé\nat noon")
    );
    let world = World::new();
    let of_cpim = world.translate_im(&body("message/cpim", CPIM.as_bytes()));
    assert_eq!(
        of_cpim.parts[0].as_slice()[11..17],
        [0x08, 0x91, 0x51, 0x55, 0x00, 0x10],
        "TP-OA is the asserted sender, not From in the body"
    );
    let inner = |header: &str, content: &str| {
        let cpim = ["From: <im:a@x>\r\n", header, "\r\n", content].concat();
        text(&body("message/cpim", cpim.as_bytes()))
    };
    assert_eq!(inner("", "\r\nbare").as_deref(), Ok("bare"));
    let quoted = "Content-Transfer-Encoding: quoted-printable\r\n\
        Content-Type: text/plain;charset=iso-8859-1\r\n\r\ncaf=E9";
    assert_eq!(inner("", quoted).as_deref(), Ok("café"));
    let mixed = "Content-Type: multipart/alternative;boundary=b\r\n\r\n\
        --b\r\nContent-Type: text/html\r\n\r\n<p>\r\n--b\r\n\r\nhi\r\n--b--";
    assert_eq!(inner("", mixed).as_deref(), Ok("hi"));
    let html = "Content-Type: text/html\r\n\r\n<p>";
    assert_eq!(inner("", html), Err((415, Reason::MediaType)));
    let required = "NS: X <urn:x>\r\nRequire: X.Fonts\r\n";
    assert_eq!(inner(required, "\r\nbare"), Err((488, Reason::CpimRequire)));
    assert_eq!(
        inner("Require: Subject\r\n", "\r\nbare").as_deref(),
        Ok("bare")
    );
    assert_eq!(inner("no field\r\n", "\r\nbare").as_deref(), Ok("bare"));
    let text_alone = text(&body("message/cpim", b"no field\r\n\r\n\r\nbare"));
    assert!(matches!(text_alone, Err((400, Reason::Undecodable(_)))));
}

#[test]
fn a_cpim_in_a_multipart_body() {
    let whole = [
        "--b\r\nContent-Type: message/cpim\r\n\r\n",
        CPIM,
        "\r\n--b--",
    ]
    .concat();
    let found = text(&body("multipart/mixed;boundary=b", whole.as_bytes()));
    assert!(found.is_ok_and(|text| text.ends_with("\ncafé\nat noon")));
}

#[test]
fn the_subject_of_the_request() {
    let with = |subject| {
        text(&MessageIn {
            subject: Some(subject),
            ..instant(BOB, "hi")
        })
    };
    assert_eq!(with(" lunch ").as_deref(), Ok("Subject: lunch\nhi"));
    assert_eq!(with("").as_deref(), Ok("hi"));
    let both = text(&MessageIn {
        subject: Some("outside"),
        ..body("message/cpim", CPIM.as_bytes())
    });
    assert!(both.is_ok_and(|text| text.starts_with("Subject: lunch ")));
}

#[test]
fn recipient_list_to_a_phone_is_refused() {
    let body_of = |disposition: &str| {
        [
            "--b\r\nContent-Type: text/plain\r\n\r\nhi\r\n\
             --b\r\nContent-Type: application/resource-lists+xml\r\nContent-Disposition: ",
            disposition,
            "\r\n\r\n<resource-lists/>\r\n--b--",
        ]
        .concat()
    };
    let whole = body_of("Recipient-List; handling=required");
    let message = body("multipart/mixed;boundary=b", whole.as_bytes());
    let world = World::new();
    let refusal = world
        .gateway
        .translate_im(&message, world.now)
        .err()
        .unwrap();
    assert_eq!(
        (refusal.answer.status, refusal.reason),
        (420, Reason::RecipientList)
    );
    assert_eq!(
        refusal.answer.headers,
        "Unsupported: recipient-list-message\r\n"
    );
    let class = world.gateway.classify(&message).ok();
    assert_eq!(class, Some(Class::InstantMessage), "which others may take");
    // Only the others in the list.
    let whole = body_of("recipient-list-history; handling=optional");
    let found = text(&body("multipart/mixed;boundary=b", whole.as_bytes()));
    assert_eq!(found.as_deref(), Ok("hi"));
}
