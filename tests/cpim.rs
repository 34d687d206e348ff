//! `message/cpim`, disposition notifications and their XML: examples of other programs, and properties for any octets.

use std::fs;
use std::path::Path;

use ipsmgw::mime::{
    CPIM_HEADERS, Cpim, CpimAddress, CpimContent, CpimExtension, CpimSubject, DeliveryStatus,
    DisplayStatus, Disposition, HeaderName, IMDN_TYPE, Imdn, ImdnHeaders, ImdnMessage,
    ProcessingStatus, ServiceInfo, Wanted, recipients,
};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

/// The body of a SIP message of `tests/vectors/sip`.
fn body(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vectors/sip")
        .join(name);
    let message = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let end = message.windows(4).position(|window| window == b"\r\n\r\n");
    message[end.unwrap() + 4..].to_vec()
}

#[test]
fn a_short_message_in_cpim() {
    let body = body("cpim_base64.sip");
    let message = Cpim::decode(&body).unwrap();
    assert_eq!(message.from.unwrap().uri, "sip:+8615556250521@ims.example");
    assert_eq!(message.to[0].uri, "sip:subscriber@ims.example");
    assert_eq!(message.date_time.as_deref(), Some("2026-08-08T10:00:00Z"));
    assert!(message.content.is("application/vnd.3gpp.sms"));
    assert_eq!(message.content.transfer_encoding.as_deref(), Some("base64"));
    assert_eq!(&*message.content.octets, b"ASoAAAEA");
}

#[test]
fn a_notification_without_cpim() {
    let body = body("im_imdn.sip");
    let imdn = Imdn::decode(&body).unwrap();
    assert_eq!(imdn.message_id, "34jk324j");
    assert_eq!(
        imdn.disposition,
        Disposition::Delivery(DeliveryStatus::Delivered)
    );
}

/// A header field value: without blanks around it, which do not belong to it.
fn text() -> impl Strategy<Value = String> {
    "\\PC{0,12}|[\\x00-\\x7f\u{e9}\u{1F389}]{0,12}".prop_map(|text| text.trim().to_owned())
}

fn uri() -> impl Strategy<Value = String> {
    "(sip|tel|im):[a-zA-Z0-9+@.;=%-]{0,20}"
}

fn address() -> impl Strategy<Value = CpimAddress<'static>> {
    (text(), uri()).prop_map(|(name, uri)| CpimAddress {
        name: name.into(),
        uri: uri.into(),
    })
}

fn value() -> impl Strategy<Value = String> {
    "[!-~\u{e9}]([ -~\u{e9}]{0,12}[!-~])?"
}

fn subject() -> impl Strategy<Value = CpimSubject<'static>> {
    (of("[a-z]{2}(-[A-Z]{2})?"), text()).prop_map(|(language, text)| CpimSubject {
        language: language.map(Into::into),
        text: text.into(),
    })
}

fn name() -> impl Strategy<Value = HeaderName<'static>> {
    (0..4_usize, "X[a-zA-Z-]{0,6}").prop_map(|(namespace, name)| HeaderName {
        namespace: [CPIM_HEADERS, "urn:a", "urn:b", "mid:c@d"][namespace].into(),
        name: name.into(),
    })
}

fn wanted() -> impl Strategy<Value = Wanted> {
    any::<[bool; 4]>().prop_map(
        |[positive_delivery, negative_delivery, processing, display]| Wanted {
            positive_delivery,
            negative_delivery,
            processing,
            display,
        },
    )
}

fn headers() -> impl Strategy<Value = ImdnHeaders<'static>> {
    let route = || vec(address(), 0..3);
    (of("[!-~]{1,20}"), wanted(), of(address()), route(), route()).prop_map(
        |(message_id, wanted, original_to, record_route, route)| ImdnHeaders {
            message_id: message_id.map(Into::into),
            wanted,
            original_to,
            record_route,
            route,
        },
    )
}

fn content() -> impl Strategy<Value = CpimContent<'static>> {
    let field = || of(value().prop_map(Into::into));
    let fields = (field(), field(), field(), field());
    (value(), fields, any::<Vec<u8>>()).prop_map(|(content_type, fields, octets)| {
        let (content_id, disposition, transfer_encoding, content_encoding) = fields;
        CpimContent {
            content_type: Some(content_type.into()),
            content_id,
            disposition,
            transfer_encoding,
            content_encoding,
            octets: octets.into(),
        }
    })
}

fn message() -> impl Strategy<Value = Cpim<'static>> {
    let extension = (name(), value()).prop_map(|(name, value)| CpimExtension {
        name,
        value: value.into(),
    });
    let people = || vec(address(), 0..3);
    (
        (of(address()), people(), people()),
        of(value().prop_map(Into::into)),
        vec(subject(), 0..3),
        vec(name(), 0..3),
        headers(),
        vec(extension, 0..4),
        content(),
    )
        .prop_map(
            |((from, to, cc), date_time, subjects, required, imdn, extensions, content)| Cpim {
                from,
                to,
                cc,
                date_time,
                subjects,
                required,
                imdn,
                extensions,
                content,
            },
        )
        // A header needs a line: an empty one in front of the content's would be passed over.
        .prop_filter("no header", |message| {
            *message
                != Cpim {
                    content: message.content.clone(),
                    ..Cpim::default()
                }
        })
}

fn disposition() -> impl Strategy<Value = Disposition> {
    prop_oneof![
        Just(Disposition::Delivery(DeliveryStatus::Delivered)),
        Just(Disposition::Delivery(DeliveryStatus::Failed)),
        Just(Disposition::Delivery(DeliveryStatus::Forbidden)),
        Just(Disposition::Processing(ProcessingStatus::Stored)),
        Just(Disposition::Display(DisplayStatus::Displayed)),
    ]
}

fn notification() -> impl Strategy<Value = Imdn<'static>> {
    let text = || "([!-~\u{e9}\u{1F389}]([ -~\r\n]{0,8}[!-~])?)?";
    let field = || of(text().prop_map(Into::into));
    (
        "[!-~]{1,16}",
        field(),
        field(),
        field(),
        field(),
        disposition(),
    )
        .prop_map(
            |(
                message_id,
                date_time,
                recipient_uri,
                original_recipient_uri,
                subject,
                disposition,
            )| {
                Imdn {
                    message_id: message_id.into(),
                    date_time,
                    recipient_uri,
                    original_recipient_uri,
                    subject,
                    disposition,
                }
            },
        )
}

/// Octets that resemble valid input, so that more than the first line of a decoder runs.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let token = prop::sample::select(vec![
        "From: ",
        "To:",
        "cc: ",
        "DateTime: ",
        "Subject:;lang=",
        "NS: imdn <urn:ietf:params:imdn>",
        "Require: ",
        "imdn.Message-ID: ",
        "imdn.Disposition-Notification: ",
        "imdn.IMDN-Route: ",
        "Content-Type: ",
        "message/cpim",
        "text/plain",
        "\r\n",
        "\n",
        "\r\n\r\n",
        "\"",
        "\\",
        "\\u",
        "\\ud83c",
        "<",
        ">",
        "sip:a@x",
        ";",
        ":",
        ",",
        " ",
        "\t",
        "é",
        "\0",
        "<imdn>",
        "</imdn>",
        "<message-id>",
        "</message-id>",
        "<delivery-notification>",
        "</delivery-notification>",
        "<status>",
        "</status>",
        "<delivered/>",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "<?",
        "?>",
        "&lt;",
        "<ims-3gpp>",
        "<service-info>",
        "</service-info>",
        "<resource-lists>",
        "<list>",
        "<entry uri='",
        "&#x41;",
        "&",
        "xmlns=",
        "'",
        "=",
        "/>",
    ]);
    let piece = prop_oneof![
        8 => token.prop_map(|token| token.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..4),
    ];
    vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_message_that_is_written_is_read_again(message in message()) {
        let mut out = Vec::new();
        message.encode(&mut out).unwrap();
        prop_assert_eq!(Cpim::decode(&out), Ok(message));
    }

    #[test]
    fn a_notification_that_is_written_is_read_again(
        (from, to, route) in (address(), address(), vec(address(), 0..3)),
        message_id in "[!-~]{1,20}",
        imdn in notification(),
    ) {
        let message = ImdnMessage { from, to, message_id: message_id.into(), route, imdn };
        let mut out = Vec::new();
        message.encode(&mut out).unwrap();
        let back = Cpim::decode(&out).unwrap();
        prop_assert!(back.content.is(IMDN_TYPE));
        prop_assert_eq!(back.from, Some(message.from));
        prop_assert_eq!(back.imdn.route, message.route);
        prop_assert_eq!(back.imdn.message_id, Some(message.message_id));
        prop_assert_eq!(Imdn::decode(&back.content.octets), Ok(message.imdn));
    }

    #[test]
    fn hostile_octets_are_read_or_refused(octets in hostile()) {
        for result in [
            Cpim::decode(&octets).map(|_| ()),
            Imdn::decode(&octets).map(|_| ()),
            ServiceInfo::decode(&octets).map(|_| ()),
            recipients(&octets, 100, |a, b| a == b).map(|_| ()),
        ] {
            if let Err(error) = result {
                prop_assert!(error.offset <= octets.len(), "{}", error);
            }
        }
    }

    #[test]
    fn a_message_that_was_read_is_written_with_the_same_content(octets in hostile()) {
        if let Ok(message) = Cpim::decode(&octets) {
            let mut out = Vec::new();
            // An undeclared prefix cannot be written.
            if message.encode(&mut out).is_ok() {
                let back = Cpim::decode(&out).unwrap();
                prop_assert_eq!(&back.from, &message.from);
                prop_assert_eq!(&back.to, &message.to);
                prop_assert_eq!(&back.subjects, &message.subjects);
                prop_assert_eq!(&back.imdn, &message.imdn);
                prop_assert_eq!(&back.content.octets, &message.content.octets);
            }
        }
    }
}
