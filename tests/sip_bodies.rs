//! Bodies and header fields in SIP: properties for any octets.

use std::fs;
use std::path::Path;

use flate2::{Compress, Compression, FlushCompress};
use ipsmgw::mime::{
    ContentEncodingError, Entity, MediaType, base64, content_decoded, decode_text, parts,
    quoted_printable, split_header, transfer_decoded,
};
use ipsmgw::sip::{RegisterBody, date, date_time, expires, is_private, push_date, push_date_time};
use proptest::collection::vec;
use proptest::prelude::*;

#[test]
fn a_quoted_printable_body_behind_a_folded_content_type() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/sip/folded_qp.sip");
    let message = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let message = split_header(&message);
    let media_type = MediaType::parse(message.field("c").unwrap());
    assert!(media_type.is("application/vnd.3gpp.sms"));
    // Content-Length is 6: the rest is not part of the body.
    let encoding = message.field("Content-Transfer-Encoding");
    let octets = transfer_decoded(encoding, &message.body[..6]);
    assert_eq!(octets.as_deref(), Ok(&b"\r\n"[..]));
}

/// Text that looks like header fields and their values.
fn hostile() -> impl Strategy<Value = String> {
    let token = prop::sample::select(vec![
        "REGISTER sip:x SIP/2.0",
        "SIP/2.0 200 OK",
        "\r\n",
        "\n ",
        "\r\n\r\n",
        "Contact:",
        "m: ",
        "Expires: 0",
        "--b",
        "--b--",
        "Content-Type: message/sip",
        "Content-Transfer-Encoding: base64",
        "<sip:a@x>",
        ";expires=",
        ";+g.3gpp.smsip",
        "\"",
        "\\",
        "<",
        ">",
        ",",
        ";",
        "=",
        "é",
        "\0",
        "1",
        "=3D",
        "=\r\n",
        "2010-11-13T23:29:00",
        "Sat, 13 Nov 2010 23:29:00 GMT",
        "+01:00",
        "Z",
    ]);
    let piece = prop_oneof![8 => token.prop_map(str::to_owned), 1 => "\\PC{0,3}"];
    vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

fn escaped(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("={octet:02X}")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn hostile_text_is_read_or_refused(text in hostile()) {
        let octets = text.as_bytes();
        for content_type in ["message/sip", "multipart/mixed;boundary=b", &text] {
            let body = Entity {
                content_type: content_type.into(),
                body: octets.into(),
                ..Entity::default()
            };
            for contact in RegisterBody::decode(body).contacts().named() {
                prop_assert!(!contact.uri.is_empty());
                prop_assert!(contact.expires != Some(0));
            }
        }
        prop_assert!(parts(octets, "b").all(|part| part.body.len() < octets.len()));
        if let Some(decoded) = quoted_printable(octets) {
            prop_assert!(decoded.len() <= octets.len());
        }
        if let Some(decoded) = base64(octets) {
            prop_assert!(decoded.len() <= octets.len());
        }
        for encoding in ["deflate", "gzip", &text] {
            if let Ok(unpacked) = content_decoded(Some(encoding), octets.into()) {
                prop_assert!(unpacked.len() <= octets.len().max(8 * 1024));
            }
        }
        let _ = (date(&text), date_time(&text), expires(&text), is_private(Some(&text), Some(&text)));
        let media_type = MediaType::parse(&text);
        let _ = media_type.parameter("expires");
    }

    #[test]
    fn any_octets_in_any_character_set(octets: Vec<u8>) {
        prop_assert_eq!(
            decode_text(&octets, None).is_ok(),
            std::str::from_utf8(&octets).is_ok()
        );
        let latin1 = decode_text(&octets, Some("iso-8859-1")).unwrap();
        prop_assert_eq!(latin1.chars().count(), octets.len());
        let back: Vec<u8> = latin1.chars().map(|c| u8::try_from(c).unwrap()).collect();
        prop_assert_eq!(back, &*octets);
        prop_assert!(decode_text(&octets, Some("iso-8859-15")).is_ok());
        for charset in [
            "windows-1252", "utf-16", "utf-16be", "utf-16le", "gbk", "gb18030", "windows-1251",
            "koi8-r", "shift_jis", "euc-jp", "iso-2022-jp", "euc-kr", "big5", "iso-8859-7",
        ] {
            if let Ok(text) = decode_text(&octets, Some(charset)) {
                // Big5 has two characters of two octets that are a letter and an accent.
                prop_assert!(text.chars().count() <= octets.len());
            }
        }
    }

    #[test]
    fn packed_octets_both_ways(octets in vec(any::<u8>(), 0..3000), repeat in 1_usize..40) {
        let octets = octets.repeat(repeat);
        for has_header in [true, false] {
            let mut packed = Vec::with_capacity(octets.len() + 128);
            Compress::new(Compression::default(), has_header)
                .compress_vec(&octets, &mut packed, FlushCompress::Finish)
                .unwrap();
            let allowed = octets.len() <= (packed.len() * 32).clamp(8 * 1024, 64 * 1024);
            match content_decoded(Some("deflate"), (&*packed).into()) {
                Ok(unpacked) => prop_assert!(allowed && *unpacked == octets),
                Err(error) => prop_assert!(!allowed && error == ContentEncodingError::TooLarge),
            }
        }
    }

    #[test]
    fn utf_16_both_ways(text in "\\PC{0,20}") {
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let marked = [b"\xff\xfe".as_slice(), &little].concat();
        for (charset, octets) in [("utf-16be", &big), ("utf-16le", &little), ("utf-16", &marked)] {
            let decoded = decode_text(octets, Some(charset)).unwrap();
            prop_assert_eq!(&*decoded, &text);
        }
    }

    #[test]
    fn quoted_printable_of_any_octets(octets: Vec<u8>) {
        prop_assert_eq!(quoted_printable(escaped(&octets).as_bytes()), Some(octets));
    }

    #[test]
    fn points_in_time_both_ways(unix in -62_000_000_000..250_000_000_000_i64) {
        let (mut day, mut point) = (String::new(), String::new());
        push_date(&mut day, unix);
        push_date_time(&mut point, unix);
        prop_assert_eq!(date(&day), Some(unix));
        prop_assert_eq!(date_time(&point), Some(unix));
    }
}
