//! The message header of a `message/cpim` (RFC 3862 §2.2), line by line. Only what must be understood is essential:
//! any other field that cannot be read is not used.

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
}

/// What the lines of a message header say.
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
        // It is text that stands where the header should be.
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
    /// Fields that may stand once, and said two things.
    contradicted: Vec<(&'static str, &'static str)>,
    /// Whether the line before was a Require.
    in_require: bool,
    /// Whether the way of notifications cannot be read: then none is sent.
    way_is_lost: bool,
}

impl<'a> Reader<'a> {
    /// Takes in one line. False for one that is no header field.
    fn field(&mut self, line: &Line<'a>) -> Result<bool, DecodeError> {
        let field = line.text.split_once(':').filter(|(name, _)| is_name(name));
        let Some((name, after)) = field else {
            // Perhaps more of the line before, which may not be folded (RFC 3862 §2.2).
            return match self.in_require && line.text.starts_with([' ', '\t']) {
                true => Err(line.error("CPIM Require", Fault::Malformed)),
                false => Ok(false),
            };
        };
        self.in_require = false;
        let (parameters, value) = split_parameters(after);
        if name == "NS" {
            // A prefix that is not declared means nothing, and is not understood where that is required.
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

    /// A field that a message may lack.
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

/// Takes in a field that may stand once. It is not used where it says two things.
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
