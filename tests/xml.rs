//! The XML bodies of SIP: whatever a document is, it is read or refused, and an error says where.

use ipsmgw::base::{DecodeError, Fault};
use ipsmgw::mime::{Imdn, RegInfo, ServiceInfo, recipients};
use proptest::collection::vec;
use proptest::prelude::*;

/// Reads a document and says only whether it can be read.
type Reader = fn(&[u8]) -> Result<(), DecodeError>;

/// All readers of XML, by the name of the document.
const READERS: [(&str, Reader); 4] = [
    ("imdn", |document| Imdn::decode(document).map(drop)),
    ("reginfo", |document| RegInfo::decode(document).map(drop)),
    ("resource-lists", |document| {
        recipients(document, 20, |one, other| one == other).map(drop)
    }),
    ("ims-3gpp", |document| {
        ServiceInfo::decode(document).map(drop)
    }),
];

/// What documents are made of, well-formed or not.
const PIECES: &[&str] = &[
    "<imdn>",
    "</imdn>",
    "<reginfo state='full'>",
    "</reginfo>",
    "<resource-lists>",
    "</resource-lists>",
    "<list>",
    "</list>",
    "<entry uri='a:b'/>",
    "<ims-3gpp>",
    "</ims-3gpp>",
    "<service-info>",
    "</service-info>",
    "<registration aor='a:b' state='active'>",
    "</registration>",
    "<contact state='active'>",
    "</contact>",
    "<uri>",
    "</uri>",
    "<message-id>",
    "</message-id>",
    "<delivery-notification><status><delivered/></status>",
    "</delivery-notification>",
    " xmlns='urn:ietf:params:xml:ns:imdn'",
    "<p:imdn xmlns:p='u'>",
    "<a:b:c/>",
    "<xml:a/>",
    "&lt;",
    "&amp;",
    "&#65;",
    "&#x110000;",
    "&#0;",
    "&e;",
    "&",
    "<![CDATA[",
    "]]>",
    "<!--",
    "-->",
    "<?",
    "?>",
    "<?xml version='1.0' encoding='UTF-16'?>",
    "<!DOCTYPE a [<!ENTITY e '&e;&e;'>]>",
    "<!DOCTYPE",
    "<",
    ">",
    "/>",
    "=",
    "'",
    "\"",
    " ",
    "\r\n",
    "text",
    "é",
    "🍜",
    "\u{feff}",
    "\u{0}",
    "\u{ffff}",
];

fn document() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::sample::select(PIECES).prop_map(|piece| piece.as_bytes().to_vec());
    let octets = vec(any::<u8>(), 0..4);
    vec(prop_oneof![20 => pieces, 1 => octets], 0..20).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(5_000) })]

    #[test]
    fn any_document_is_read_or_refused(document in document()) {
        for (name, read) in READERS {
            if let Err(error) = read(&document) {
                prop_assert!(error.offset <= document.len(), "{}: {}", name, error);
            }
        }
    }
}

#[test]
fn hostile_documents_are_refused_in_every_kind() {
    let laughs: String = (1..10)
        .map(|n| format!("<!ENTITY l{n} '{}'>", format!("&l{};", n - 1).repeat(10)))
        .collect();
    for (name, read) in READERS {
        let deep = "<a>".repeat(10_000) + &"</a>".repeat(10_000);
        let attributes: String = (0..10_000).map(|n| format!(" a{n}=''")).collect();
        let declarations: String = (0..5_000).map(|n| format!(" xmlns:p{n}='u:{n}'")).collect();
        for (document, expected) in [
            (
                format!("<!DOCTYPE {name} [<!ENTITY l0 'ha'>{laughs}]><{name}>&l9;</{name}>"),
                Fault::Malformed,
            ),
            (
                format!("<!DOCTYPE {name} SYSTEM 'file:///etc/passwd'><{name}/>"),
                Fault::Malformed,
            ),
            (format!("<{name}{attributes}/>"), Fault::TooLong),
            (format!("<{name}{declarations}/>"), Fault::TooLong),
            (
                format!("<{name} state='full'>{deep}</{name}>"),
                Fault::TooLong,
            ),
            (
                format!("<{name} state='full'><!--{}", "-".repeat(50_000)),
                Fault::Truncated,
            ),
            (
                format!("<{name} state='full'><?{}", "?".repeat(50_000)),
                Fault::Truncated,
            ),
            (
                format!("<{name} state='full'><![CDATA[{}", "]".repeat(50_000)),
                Fault::Truncated,
            ),
        ] {
            let start: String = document.chars().take(50).collect();
            let fault = read(document.as_bytes()).map_err(|error| error.fault);
            assert_eq!(fault, Err(expected), "{name}: {start}");
        }
        for octets in [
            &b"\xff\xfe<\0a\0/\0>\0"[..],
            b"\0<\0a\0/\0>",
            b"<a>\xe9</a>",
            b"\xc0\xbca/>",
            b"",
            b"   ",
        ] {
            assert!(read(octets).is_err(), "{name}: {octets:x?}");
        }
    }
}

#[test]
fn an_error_names_the_path_of_the_element() {
    for (document, at, sentence) in [
        ("<reginfo/>", 1, "reginfo at octet 0: reserved"),
        (
            "<reginfo state='full'><registration state='active'/></reginfo>",
            1,
            "reginfo/registration at octet 22: too short",
        ),
        (
            "<reginfo state='full'><registration aor='a:b' state='active'><contact/></registration></reginfo>",
            1,
            "reginfo/registration/contact at octet 61: reserved",
        ),
        (
            "<imdn><message-id>1</message-id></imdn>",
            0,
            "imdn at octet 0: too short",
        ),
        (
            "<resource-lists><list><entry/></list></resource-lists>",
            2,
            "resource-lists/list/entry at octet 22: too short",
        ),
        ("<other/>", 3, "ims-3gpp at octet 0: reserved"),
        ("<imdn><a>", 0, "message/imdn+xml at octet 9: truncated"),
        (
            "<imdn>&e;</imdn>",
            0,
            "message/imdn+xml at octet 6: malformed",
        ),
    ] {
        let (_, read) = READERS[at];
        assert_eq!(read(document.as_bytes()).unwrap_err().to_string(), sentence);
    }
}
