//! message/cpim (RFC 3862): an instant message with the header that travels with it end to end.

mod address;
mod content;
mod escape;
mod header;
mod reader;

pub use address::CpimAddress;
pub use content::CpimContent;
pub use header::HeaderName;
pub(crate) use header::push_line;

use std::borrow::Cow;

use super::imdn::{IMDN_HEADERS, ImdnHeaders};
use crate::base::{DecodeError, EncodeError};
use content::{is_content_field, is_wrapper};
use escape::push_escaped;
use header::{Lines, is_uri, not_representable, push_prefix, push_value};
use reader::read;

/// Namespace of the header fields that RFC 3862 clause 4 defines, and the default one.
pub const CPIM_HEADERS: &str = "urn:ietf:params:cpim-headers:";

/// The header fields of that namespace.
const HEADER_NAMES: [&str; 7] = ["From", "To", "cc", "DateTime", "Subject", "NS", "Require"];

/// A `message/cpim`: a message header and a MIME entity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cpim<'a> {
    /// Who wrote it (RFC 3862 §4.1).
    pub from: Option<CpimAddress<'a>>,
    /// Who it is for (RFC 3862 §4.2).
    pub to: Vec<CpimAddress<'a>>,
    /// Who gets a copy (RFC 3862 §4.3).
    pub cc: Vec<CpimAddress<'a>>,
    /// DateTime (RFC 3862 §4.4), as it stands there.
    pub date_time: Option<Cow<'a, str>>,
    /// Subject (RFC 3862 §4.5), perhaps in several languages.
    pub subjects: Vec<CpimSubject<'a>>,
    /// What a recipient must understand (RFC 3862 §4.7).
    pub required: Vec<HeaderName<'a>>,
    /// What it says of disposition notifications (RFC 5438).
    pub imdn: ImdnHeaders<'a>,
    /// All other header fields whose namespace is declared, in their order.
    pub extensions: Vec<CpimExtension<'a>>,
    /// What it wraps (RFC 3862 §2.4).
    pub content: CpimContent<'a>,
}

/// A subject and the language that it is in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CpimSubject<'a> {
    /// Language tag (RFC 3862 §3.3).
    pub language: Option<Cow<'a, str>>,
    /// What it says.
    pub text: Cow<'a, str>,
}

/// A header field that neither RFC 3862 nor RFC 5438 defines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CpimExtension<'a> {
    /// Its name.
    pub name: HeaderName<'a>,
    /// Its value as it stands in the line: what is escaped in it stays so.
    pub value: Cow<'a, str>,
}

impl<'a> Cpim<'a> {
    /// Reads a body. Lines may end in LF alone, the content's header may follow without an empty line,
    /// and a MIME header of the whole may stand in front. A field of the message header that cannot be read,
    /// or that says two things, is not used. An error is what leaves open which text is meant or what must be
    /// understood.
    pub fn decode(octets: &'a [u8]) -> Result<Self, DecodeError> {
        let mut lines = Lines::new(octets);
        let mut header = lines.header()?;
        if is_wrapper(&header) {
            header = lines.header()?;
        }
        // Some leave out the empty line before the content's header. No field of a message header
        // begins like those.
        let end = header
            .iter()
            .position(|line| is_content_field(line.text))
            .unwrap_or(header.len());
        let content_header = match header.split_off(end) {
            none if none.is_empty() => lines.block()?,
            found => found,
        };
        let mut message = read(&header)?;
        message.content = CpimContent::decode(&content_header)?;
        message.content.octets = Cow::Borrowed(lines.rest());
        Ok(message)
    }

    /// Appends the body to `out`. Every namespace is declared with a prefix of ours.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let mut text = String::with_capacity(512);
        if let Some(from) = &self.from {
            from.push_line(&mut text, "From")?;
        }
        for to in &self.to {
            to.push_line(&mut text, "To")?;
        }
        for cc in &self.cc {
            cc.push_line(&mut text, "cc")?;
        }
        if let Some(date_time) = &self.date_time {
            push_line(&mut text, "DateTime", date_time)?;
        }
        for subject in &self.subjects {
            text.push_str("Subject:");
            if let Some(language) = &subject.language {
                if !language
                    .bytes()
                    .all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
                {
                    return Err(not_representable("Subject"));
                }
                text.push_str(";lang=");
                text.push_str(language);
            }
            text.push(' ');
            push_escaped(&mut text, subject.text.trim(), false);
            text.push_str("\r\n");
        }
        let declared = self.namespaces();
        for &namespace in &declared {
            if !is_uri(namespace) {
                return Err(not_representable("NS"));
            }
            text.push_str("NS: ");
            push_prefix(&mut text, &declared, namespace);
            text.push_str(" <");
            text.push_str(namespace);
            text.push_str(">\r\n");
        }
        for (at, name) in self.required.iter().enumerate() {
            text.push_str(if at == 0 { "Require: " } else { "," });
            name.push(&mut text, &declared)?;
        }
        if !self.required.is_empty() {
            text.push_str("\r\n");
        }
        self.imdn.push(&mut text)?;
        for extension in &self.extensions {
            extension.name.push(&mut text, &declared)?;
            push_value(&mut text, "CPIM header", &extension.value)?;
        }
        text.push_str("\r\n");
        self.content.push_header(&mut text)?;
        text.push_str("\r\n");
        out.extend_from_slice(text.as_bytes());
        out.extend_from_slice(&self.content.octets);
        Ok(())
    }

    /// The namespaces that must be declared.
    fn namespaces(&self) -> Vec<&str> {
        let mut found = Vec::new();
        if self.imdn != ImdnHeaders::default() {
            found.push(IMDN_HEADERS);
        }
        let extensions = self.extensions.iter().map(|extension| &extension.name);
        for name in self.required.iter().chain(extensions) {
            let namespace = &*name.namespace;
            if namespace != CPIM_HEADERS && !found.contains(&namespace) {
                found.push(namespace);
            }
        }
        found
    }

    /// The first thing that must be understood (RFC 3862 §3.5) and that we do not know.
    pub fn not_understood(&self) -> Option<&HeaderName<'a>> {
        self.required.iter().find(|required| {
            let name = &*required.name;
            match &*required.namespace {
                CPIM_HEADERS => !HEADER_NAMES.contains(&name),
                IMDN_HEADERS => !ImdnHeaders::NAMES.contains(&name),
                _ => true,
            }
        })
    }
}

#[cfg(test)]
mod tests {
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
    fn other_spellings_of_the_same() {
        let content = |text: &str| {
            let message = Cpim::decode(text.as_bytes()).unwrap();
            assert_eq!(message.from, Some(address("", "sip:a@x")), "{text}");
            assert!(message.content.is("Text/Plain"));
            message.content.octets.into_owned()
        };
        for text in [
            // As RFC 3862 has it, with LF alone, and without the blank behind the colon.
            "From: <sip:a@x>\r\n\r\nContent-Type: text/plain\r\n\r\nHi",
            "From: <sip:a@x>\n\nContent-Type: text/plain\n\nHi",
            "From:<sip:a@x>;tag=1\r\n\r\nContent-type:text/plain; charset=us-ascii\r\n\r\nHi",
            // No empty line before the content's header; no content header at all.
            "From: <sip:a@x>\r\nContent-Type: text/plain\r\n\r\nHi",
            "From: <sip:a@x>\r\n\r\n\r\nHi",
            // The MIME header of the whole in front (as in RFC 5438 §8.1), or an empty line.
            "Content-type: Message/CPIM\r\n\r\nFrom: <sip:a@x>\r\n\r\nContent-Type: text/plain\r\n\r\nHi",
            "\r\nFrom: sip:a@x\r\n\r\nContent-Type: text/plain\r\n\r\nHi",
        ] {
            assert_eq!(content(text), b"Hi", "{text}");
        }
    }

    #[test]
    fn what_would_have_to_be_guessed_is_refused() {
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
    fn a_field_that_cannot_be_read_is_not_used() {
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
        // What must be understood is never left out.
        assert!(!with(b"NS: other\r\nRequire: other.Option").1);
        let content = "A: b\r\n\r\nContent-Type: a/b\r\nContent-ID: 1\r\nContent-ID: 2\r\n\r\nHi";
        let message = Cpim::decode(content.as_bytes()).unwrap();
        assert_eq!(message.content.content_id.as_deref(), Some("1"));
    }

    #[test]
    fn nothing_written_breaks_out_of_its_line() {
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
    fn what_must_be_understood() {
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
