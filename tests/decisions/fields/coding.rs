//! Alphabets and character sets.

use super::*;

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
