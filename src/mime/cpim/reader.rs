//! Reads a `message/cpim` line by line (RFC 3862 §2.2). Only Require must be readable; any other field that cannot be
//! read is ignored.

use std::borrow::Cow;

use super::address::CpimAddress;
use super::content::{CpimContent, is_content_field, is_wrapper};
use super::escape::unescaped;
use super::header::{
    CPIM_HEADERS, HeaderName, IMDN_HEADERS, Line, Lines, Namespaces, is_name, language,
    split_parameters,
};
use super::imdn::Wanted;
use super::message::{Cpim, CpimExtension, CpimSubject};
use crate::base::{DecodeError, Fault};

impl<'a> Cpim<'a> {
    /// Reads a body. Lines may end in LF alone, the header of the content may follow without an empty line, and the
    /// MIME header of the whole body may come first. A field of the message header that cannot be read, or that
    /// occurs twice with different values, is ignored. It is an error if the text or the required header fields would
    /// be ambiguous.
    pub fn decode(octets: &'a [u8]) -> Result<Self, DecodeError> {
        let mut lines = Lines::new(octets);
        let mut header = lines.header()?;
        if is_wrapper(&header) {
            header = lines.header()?;
        }
        // Some clients omit the empty line before the header of the content. No field of a message header begins with
        // the same name.
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
}

/// Reads the lines of a message header.
fn read<'a>(lines: &[Line<'a>]) -> Result<Cpim<'a>, DecodeError> {
    let mut reader = Reader {
        message: Cpim::default(),
        namespaces: Namespaces::new(),
        contradicted: Vec::new(),
        in_require: false,
        way_is_lost: false,
    };
    let mut has_fields = false;
    for line in lines {
        has_fields |= reader.field(line)?;
    }
    if let (false, Some(first)) = (has_fields, lines.first()) {
        // The body has text instead of a header.
        return Err(first.error("CPIM header", Fault::Malformed));
    }
    let mut message = reader.message;
    if reader.way_is_lost {
        message.imdn.wanted = Wanted::default();
    }
    Ok(message)
}

/// A message header as far as it has been read.
struct Reader<'a> {
    message: Cpim<'a>,
    namespaces: Namespaces<'a>,
    /// Fields that may occur once, but occurred with different values.
    contradicted: Vec<(&'static str, &'static str)>,
    /// Whether the previous line was a Require.
    in_require: bool,
    /// Whether the route of notifications cannot be read: then none is sent.
    way_is_lost: bool,
}

impl<'a> Reader<'a> {
    /// Reads one line; false if it is not a header field.
    fn field(&mut self, line: &Line<'a>) -> Result<bool, DecodeError> {
        let field = line.text.split_once(':').filter(|(name, _)| is_name(name));
        let Some((name, after)) = field else {
            // This may continue the previous line, but folding is not allowed (RFC 3862 §2.2).
            return match self.in_require && line.text.starts_with([' ', '\t']) {
                true => Err(line.error("CPIM Require", Fault::Malformed)),
                false => Ok(false),
            };
        };
        self.in_require = false;
        let (parameters, value) = split_parameters(after);
        if name == "NS" {
            // An undeclared prefix has no namespace; a required header field with such a prefix is unknown.
            if !line.is_cut {
                self.namespaces.declare(value);
            }
            return Ok(true);
        }
        match self.namespaces.resolve(name) {
            Some((CPIM_HEADERS, "Require")) if line.is_cut => {
                return Err(line.error("CPIM Require", Fault::Malformed));
            }
            Some((CPIM_HEADERS, "Require")) => {
                self.in_require = true;
                self.require(value);
            }
            Some((namespace, local)) if !line.is_cut => {
                self.optional(namespace, local, parameters, value);
            }
            _ => {}
        }
        Ok(true)
    }

    fn require(&mut self, value: &'a str) {
        let names = value.split(',').map(str::trim).map(|name| {
            let (namespace, name) = self.namespaces.resolve(name).unwrap_or(("", name));
            HeaderName::new(namespace, name)
        });
        self.message.required.extend(names);
    }

    /// Reads an optional field.
    fn optional(
        &mut self,
        namespace: &'a str,
        local: &'a str,
        parameters: &'a str,
        value: &'a str,
    ) {
        let message = &mut self.message;
        let contradicted = &mut self.contradicted;
        match (namespace, local) {
            (CPIM_HEADERS, "From") => once(
                (CPIM_HEADERS, "From"),
                &mut message.from,
                CpimAddress::parse(value),
                contradicted,
            ),
            (CPIM_HEADERS, "To") => message.to.extend(CpimAddress::parse(value)),
            (CPIM_HEADERS, "cc") => message.cc.extend(CpimAddress::parse(value)),
            (CPIM_HEADERS, "DateTime") => once(
                (CPIM_HEADERS, "DateTime"),
                &mut message.date_time,
                Some(Cow::Borrowed(value)),
                contradicted,
            ),
            (CPIM_HEADERS, "Subject") => message.subjects.push(CpimSubject {
                language: language(parameters).map(Cow::Borrowed),
                text: unescaped(value),
            }),
            (IMDN_HEADERS, "Message-ID") => once(
                (IMDN_HEADERS, "Message-ID"),
                &mut message.imdn.message_id,
                Some(value)
                    .filter(|value| !value.is_empty())
                    .map(Cow::Borrowed),
                contradicted,
            ),
            (IMDN_HEADERS, "Original-To") => once(
                (IMDN_HEADERS, "Original-To"),
                &mut message.imdn.original_to,
                CpimAddress::parse(value),
                contradicted,
            ),
            (IMDN_HEADERS, name) => self.way_is_lost |= !message.imdn.field(name, value),
            _ => message.extensions.push(CpimExtension {
                name: HeaderName::new(namespace, local),
                value: Cow::Borrowed(value),
            }),
        }
    }
}

/// Reads a field that may occur once. It is ignored if it occurs with different values.
fn once<T: PartialEq>(
    name: (&'static str, &'static str),
    place: &mut Option<T>,
    value: Option<T>,
    contradicted: &mut Vec<(&'static str, &'static str)>,
) {
    let Some(value) = value.filter(|_| !contradicted.contains(&name)) else {
        return;
    };
    if place.as_ref().is_some_and(|before| *before != value) {
        contradicted.push(name);
        *place = None;
    } else {
        *place = Some(value);
    }
}
