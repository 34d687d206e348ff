//! A `message/cpim`, and how it is written.

use std::borrow::Cow;

use super::address::CpimAddress;
use super::content::CpimContent;
use super::escape::push_escaped;
use super::header::{
    CPIM_HEADERS, HeaderName, IMDN_HEADERS, is_uri, not_representable, push_line, push_prefix,
    push_value,
};
use super::imdn::ImdnHeaders;
use crate::base::EncodeError;

/// The header fields of the namespace [`CPIM_HEADERS`].
const HEADER_NAMES: [&str; 7] = ["From", "To", "cc", "DateTime", "Subject", "NS", "Require"];

/// A `message/cpim`: a message header and a MIME entity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cpim<'a> {
    /// From: the author (RFC 3862 §4.1).
    pub from: Option<CpimAddress<'a>>,
    /// To: the recipients (RFC 3862 §4.2).
    pub to: Vec<CpimAddress<'a>>,
    /// cc: recipients of a copy (RFC 3862 §4.3).
    pub cc: Vec<CpimAddress<'a>>,
    /// DateTime (RFC 3862 §4.4), unchanged.
    pub date_time: Option<Cow<'a, str>>,
    /// Subject (RFC 3862 §4.5), perhaps in several languages.
    pub subjects: Vec<CpimSubject<'a>>,
    /// Require: header fields that a recipient must understand (RFC 3862 §4.7).
    pub required: Vec<HeaderName<'a>>,
    /// Header fields for disposition notifications (RFC 5438).
    pub imdn: ImdnHeaders<'a>,
    /// All other header fields whose namespace is declared, in their order.
    pub extensions: Vec<CpimExtension<'a>>,
    /// The content (RFC 3862 §2.4).
    pub content: CpimContent<'a>,
}

/// A subject and its language.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CpimSubject<'a> {
    /// Language tag (RFC 3862 §3.3).
    pub language: Option<Cow<'a, str>>,
    /// The text.
    pub text: Cow<'a, str>,
}

/// A header field that neither RFC 3862 nor RFC 5438 defines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CpimExtension<'a> {
    /// Its name.
    pub name: HeaderName<'a>,
    /// Its value; escapes are not decoded.
    pub value: Cow<'a, str>,
}

impl<'a> Cpim<'a> {
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

    /// The first required header field (RFC 3862 §3.5) that we do not know.
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
