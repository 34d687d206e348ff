//! `message/cpim` (RFC 3862): an instant message with a message header that stays unchanged from end to end.

mod address;
mod content;
mod escape;
mod header;
mod imdn;
mod message;
mod reader;

pub use address::CpimAddress;
pub use content::CpimContent;
pub use header::{CPIM_HEADERS, CPIM_TYPE, HeaderName, IMDN_HEADERS};
pub use imdn::{ImdnHeaders, Wanted};
pub use message::{Cpim, CpimExtension, CpimSubject};

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::base::Fault;

    const MESSAGE: &str = "From: MR SANDERS <im:piglet@100akerwood.com>\r\n\
        To: \"Dopey \\\"D\\\" \\u0044onkey\" <im:eeyore@100akerwood.com>\r\n\
        To: <im:kanga@100akerwood.com>\r\n\
        cc: sip:owl@100akerwood.com\r\n\
        DateTime: 2000-12-13T13:40:00-08:00\r\n\
        Subject: fine\\tweather \\ud83c\\udf89\\u0021\r\n\
        Subject:;lang=fr beau temps\r\n\
        NS: MyFeatures <mid:MessageFeatures@id.foo.com>\r\n\
        Require: MyFeatures.VitalMessageOption, Subject\r\n\
        MyFeatures.VitalMessageOption: \\u0043onfirm\r\n\
        other.Option: nobody declared it\r\n\
        NS: <mid:default@id.foo.com>\r\n\
        From: in another namespace\r\n\
        \r\n\
        Content-type: text/plain;\r\n\tcharset=utf-8\r\n\
        Content-ID: <1234567890@foo.com>\r\n\
        Content-Length: 2\r\n\
        \r\n\
        \r\nHi\r\n\r\nthere";

    fn address<'a>(name: &'a str, uri: &'a str) -> CpimAddress<'a> {
        CpimAddress {
            name: name.into(),
            uri: uri.into(),
        }
    }

    fn message() -> Cpim<'static> {
        let vital = HeaderName::new("mid:MessageFeatures@id.foo.com", "VitalMessageOption");
        Cpim {
            from: Some(address("MR SANDERS", "im:piglet@100akerwood.com")),
            to: vec![
                address("Dopey \"D\" Donkey", "im:eeyore@100akerwood.com"),
                address("", "im:kanga@100akerwood.com"),
            ],
            cc: vec![address("", "sip:owl@100akerwood.com")],
            date_time: Some("2000-12-13T13:40:00-08:00".into()),
            subjects: vec![
                CpimSubject {
                    language: None,
                    text: "fine\tweather 🎉!".into(),
                },
                CpimSubject {
                    language: Some("fr".into()),
                    text: "beau temps".into(),
                },
            ],
            required: vec![vital.clone(), HeaderName::new(CPIM_HEADERS, "Subject")],
            extensions: vec![
                CpimExtension {
                    name: vital,
                    value: "\\u0043onfirm".into(),
                },
                CpimExtension {
                    name: HeaderName::new("mid:default@id.foo.com", "From"),
                    value: "in another namespace".into(),
                },
            ],
            imdn: ImdnHeaders::default(),
            content: CpimContent {
                content_type: Some("text/plain; charset=utf-8".into()),
                content_id: Some("<1234567890@foo.com>".into()),
                octets: Cow::Borrowed(b"\r\nHi\r\n\r\nthere"),
                ..CpimContent::default()
            },
        }
    }

    #[test]
    fn every_field_is_read() {
        assert_eq!(Cpim::decode(MESSAGE.as_bytes()), Ok(message()));
    }

    #[test]
    fn every_field_is_written() {
        let mut out = Vec::new();
        message().encode(&mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "From: \"MR SANDERS\" <im:piglet@100akerwood.com>\r\n\
             To: \"Dopey \\\"D\\\" Donkey\" <im:eeyore@100akerwood.com>\r\n\
             To: <im:kanga@100akerwood.com>\r\n\
             cc: <sip:owl@100akerwood.com>\r\n\
             DateTime: 2000-12-13T13:40:00-08:00\r\n\
             Subject: fine\\tweather 🎉!\r\n\
             Subject:;lang=fr beau temps\r\n\
             NS: ns0 <mid:MessageFeatures@id.foo.com>\r\n\
             NS: ns1 <mid:default@id.foo.com>\r\n\
             Require: ns0.VitalMessageOption,Subject\r\n\
             ns0.VitalMessageOption: \\u0043onfirm\r\n\
             ns1.From: in another namespace\r\n\
             \r\n\
             Content-Type: text/plain; charset=utf-8\r\n\
             Content-ID: <1234567890@foo.com>\r\n\
             \r\n\
             \r\nHi\r\n\r\nthere"
        );
    }

    #[test]
    fn other_spellings() {
        let content = |text: &str| {
            let message = Cpim::decode(text.as_bytes()).unwrap();
            assert_eq!(message.from, Some(address("", "sip:a@x")), "{text}");
            assert!(message.content.is("Text/Plain"));
            message.content.octets.into_owned()
        };
        for text in [
            // As in RFC 3862, with LF alone, and without the space after the colon.
            "From: <sip:a@x>\r\n\r\nContent-Type: text/plain\r\n\r\nHi",
            "From: <sip:a@x>\n\nContent-Type: text/plain\n\nHi",
            "From:<sip:a@x>;tag=1\r\n\r\nContent-type:text/plain; charset=us-ascii\r\n\r\nHi",
            // No empty line before the content's header; no content header at all.
            "From: <sip:a@x>\r\nContent-Type: text/plain\r\n\r\nHi",
            "From: <sip:a@x>\r\n\r\n\r\nHi",
            // The MIME header of the whole body first (as in RFC 5438 §8.1), or an empty line.
            "Content-type: Message/CPIM\r\n\r\nFrom: <sip:a@x>\r\n\r\nContent-Type: text/plain\r\n\r\nHi",
            "\r\nFrom: sip:a@x\r\n\r\nContent-Type: text/plain\r\n\r\nHi",
        ] {
            assert_eq!(content(text), b"Hi", "{text}");
        }
    }

    #[test]
    fn ambiguous_bodies_are_refused() {
        let fault = |text: &[u8]| match Cpim::decode(text) {
            Err(error) => Err((error.element, error.offset, error.fault)),
            Ok(_) => Ok(()),
        };
        let content = "\r\n\r\nContent-Type: text/plain\r\n\r\nHi";
        for (header, element, offset, expected) in [
            ("no colon", "CPIM header", 0, Fault::Malformed),
            ("no colon\r\nat all", "CPIM header", 0, Fault::Malformed),
            (
                "Require: Subject,\r\n Kanji",
                "CPIM Require",
                19,
                Fault::Malformed,
            ),
            ("Require: \rSubject", "CPIM Require", 0, Fault::Malformed),
        ] {
            let text = [header, content].concat();
            assert_eq!(
                fault(text.as_bytes()),
                Err((element, offset, expected)),
                "{header}"
            );
        }
        for (text, element, offset, expected) in [
            (&b""[..], "CPIM header", 0, Fault::Truncated),
            (b"From: <sip:a@x>\r\n", "CPIM header", 17, Fault::Truncated),
            (
                b"From: <sip:a@x>\r\n\r\n",
                "CPIM header",
                19,
                Fault::Truncated,
            ),
            (
                b"A: b\r\n\r\nHello\r\n\r\n",
                "CPIM content header",
                8,
                Fault::Malformed,
            ),
            (
                b"A: b\r\n\r\nNote: x\r\n\r\n",
                "CPIM Content-Type",
                8,
                Fault::Malformed,
            ),
            (
                b"Require: \xff\r\n\r\n\r\n",
                "CPIM Require",
                0,
                Fault::Malformed,
            ),
            (
                b"A: b\r\n\r\nContent-Type: text/plain;charset=\xff\r\n\r\n",
                "CPIM content header",
                8,
                Fault::Inconsistent,
            ),
            (
                b"A: b\r\n\r\nContent-Type: a/b\r\nContent-Type: a/c\r\n\r\n",
                "CPIM content header",
                27,
                Fault::Inconsistent,
            ),
        ] {
            assert_eq!(fault(text), Err((element, offset, expected)));
        }
        let many = "A: b\r\n".repeat(257);
        assert!(matches!(
            fault(many.as_bytes()),
            Err((_, _, Fault::TooLong))
        ));
    }

    #[test]
    fn unreadable_fields_are_ignored() {
        let with = |header: &[u8]| {
            let content = &b"\r\n\r\nContent-Type: text/plain\r\n\r\nHi"[..];
            let octets = [b"NS: imdn <urn:ietf:params:imdn>\r\n", header, content].concat();
            let message = Cpim::decode(&octets).unwrap();
            assert_eq!(&*message.content.octets, b"Hi");
            let is_set = [
                message.from.is_some(),
                !message.to.is_empty(),
                message.date_time.is_some(),
                !message.subjects.is_empty(),
                message.imdn.message_id.is_some(),
            ];
            (is_set, message.not_understood().is_none())
        };
        const NOTHING: ([bool; 5], bool) = ([false; 5], true);
        for header in [
            &b"From: Alice"[..],
            b"From:",
            b"From: <>",
            b"From: <sip:a@x>\r\nFrom: <sip:b@x>",
            b"From: <sip:a@x>\r\nFrom: <sip:b@x>\r\nFrom: <sip:a@x>",
            b"From: caf\xe9 <sip:a@x>",
            b"To: <sip:a b@x>",
            b"To: \"a <sip:a@x>",
            b"DateTime: 1\r\nDateTime: 2",
            b"Subject: caf\xe9",
            b"Subject: \x01",
            b"A: b\r\n folded",
            b"no colon",
            b"bad name: x",
            b"NS: other",
            b"NS: other <u:n\xff>",
            b"imdn.Message-ID:",
            b"imdn.Message-ID: 1\r\nimdn.Message-ID: 2",
            b"imdn.Original-To: nobody",
        ] {
            assert_eq!(with(header), NOTHING, "{}", header.escape_ascii());
        }
        let all =
            b"From: <sip:a@x>\r\nFrom: <sip:a@x>\r\nTo: nobody\r\nTo: <sip:b@x>\r\nDateTime: 1\r\n\
            DateTime: 1\r\nSubject: \xff\r\nSubject: s\r\nimdn.Message-ID: 1\r\nimdn.Message-ID: 1";
        assert_eq!(with(all), ([true; 5], true));
        // Require is never ignored.
        assert!(!with(b"NS: other\r\nRequire: other.Option").1);
        let content = "A: b\r\n\r\nContent-Type: a/b\r\nContent-ID: 1\r\nContent-ID: 2\r\n\r\nHi";
        let message = Cpim::decode(content.as_bytes()).unwrap();
        assert_eq!(message.content.content_id.as_deref(), Some("1"));
    }

    #[test]
    fn no_value_can_end_its_line() {
        let refused = |message: &Cpim<'_>| message.encode(&mut Vec::new()).is_err();
        for evil in [
            "sip:a@x>\r\nTo: <sip:b@x",
            "sip:a@x\n",
            "sip:a@x> <sip:b@x",
            "nobody",
            "",
        ] {
            let from = Some(address("", evil));
            assert!(
                refused(&Cpim {
                    from,
                    ..Cpim::default()
                }),
                "{evil:?}"
            );
        }
        let date_time = Some("1\r\nTo: <sip:b@x>".into());
        assert!(refused(&Cpim {
            date_time,
            ..Cpim::default()
        }));
        let subjects = vec![CpimSubject {
            language: Some("a b".into()),
            text: "".into(),
        }];
        assert!(refused(&Cpim {
            subjects,
            ..Cpim::default()
        }));
        for name in [
            HeaderName::new("no uri", "A"),
            HeaderName::new("u:n", "A: b\r\nB"),
        ] {
            let extensions = vec![CpimExtension {
                name,
                value: "".into(),
            }];
            assert!(refused(&Cpim {
                extensions,
                ..Cpim::default()
            }));
        }
        let content = CpimContent {
            content_type: Some("a/b\r\n\r\nx".into()),
            ..CpimContent::default()
        };
        assert!(refused(&Cpim {
            content,
            ..Cpim::default()
        }));
    }

    #[test]
    fn required_header_fields() {
        let message = message();
        assert_eq!(message.not_understood(), message.required.first());
        for (require, known) in [
            ("Subject,From", true),
            ("i.Message-ID", true),
            ("i.Message-Id", false),
            ("x.Message-ID", false),
            ("Kanji", false),
        ] {
            let text =
                format!("NS: i <urn:ietf:params:imdn>\nRequire: {require}\nContent-Type: a/b\n\n");
            let message = Cpim::decode(text.as_bytes()).unwrap();
            assert_eq!(message.not_understood().is_none(), known, "{require}");
        }
    }
}
