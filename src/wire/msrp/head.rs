//! The head of a frame: its start line and its header lines (RFC 4975 clause 9).

use nom::{FindSubstring as _, Offset as _};

use super::end_line::CRLF;
use super::field;
use super::ident::Ident;
use super::uri::{Path, is_token_octet};
use crate::base::Fault;
use crate::wire::parse::{Parsed, malformed};

/// The largest number of octets of the start line and the header section together. A sender cannot make us search for the end of an
/// endless line.
pub(super) const MAX_HEAD: usize = 8192;

/// The start of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start<'a> {
    /// A request.
    Request(Method<'a>),
    /// A response: a status code and its comment.
    Response(u16, Option<&'a str>),
}

/// The method of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method<'a> {
    /// SEND: a message or one chunk of it, or nothing but traffic.
    Send,
    /// REPORT: what became of a message. It is never answered (clause 7.1.2).
    Report,
    /// AUTH: a client authenticates at a relay (RFC 4976).
    Auth,
    /// A method that this specification does not know.
    Other(&'a str),
}

impl<'a> Method<'a> {
    /// The method, if the text is a name of one.
    pub fn new(name: &'a str) -> Option<Self> {
        let is_method = !name.is_empty() && name.bytes().all(|octet| octet.is_ascii_uppercase());
        is_method.then_some(match name {
            "SEND" => Self::Send,
            "REPORT" => Self::Report,
            "AUTH" => Self::Auth,
            other => Self::Other(other),
        })
    }

    /// The name.
    pub const fn as_str(self) -> &'a str {
        match self {
            Self::Send => "SEND",
            Self::Report => "REPORT",
            Self::Auth => "AUTH",
            Self::Other(name) => name,
        }
    }
}

/// `MSRP transact-id method` or `MSRP transact-id status-code comment`.
pub(super) fn start_line(i: &[u8]) -> Parsed<'_, (Ident<'_>, Start<'_>)> {
    const ELEMENT: &str = "start line";
    let begin = i;
    let (rest, octets) = line(begin, begin, ELEMENT)?;
    let Some(text) = core::str::from_utf8(octets).ok() else {
        return malformed(begin, ELEMENT, Fault::Malformed);
    };
    let Some((transaction, start)) = text
        .strip_prefix("MSRP ")
        .and_then(|text| text.split_once(' '))
    else {
        return malformed(begin, ELEMENT, Fault::Malformed);
    };
    let Some(transaction) = Ident::new(transaction) else {
        return malformed(begin, "transact-id", Fault::Malformed);
    };
    let response =
        || field::code_and_comment(start).map(|(code, text)| Start::Response(code, text));
    match Method::new(start).map(Start::Request).or_else(response) {
        Some(start) => Ok((rest, (transaction, start))),
        None => malformed(begin, ELEMENT, Fault::Malformed),
    }
}

/// To-Path or From-Path, which stand at the beginning of the header section in this order.
pub(super) fn path<'a>(i: &'a [u8], name: &'static str) -> Parsed<'a, Path<'a>> {
    let (rest, octets) = line(i, i, name)?;
    let value = match named(octets) {
        Some((field, value)) if field.eq_ignore_ascii_case(name) => value,
        _ => return malformed(i, name, Fault::Malformed),
    };
    let Ok(text) = core::str::from_utf8(value) else {
        return malformed(value, name, Fault::Malformed);
    };
    match Path::parse(text) {
        Ok(path) => Ok((rest, path)),
        Err(error) => malformed(
            value.get(error.offset..).unwrap_or(value),
            error.element,
            error.fault,
        ),
    }
}

/// The next line without its CRLF. `begin` is the beginning of the frame.
pub(super) fn line<'a>(
    begin: &'a [u8],
    i: &'a [u8],
    element: &'static str,
) -> Parsed<'a, &'a [u8]> {
    let budget = MAX_HEAD.saturating_sub(begin.offset(i));
    let near = i.get(..budget).unwrap_or(i);
    match near.find_substring("\r\n") {
        Some(end) => match (i.get(end + CRLF.len()..), i.get(..end)) {
            (Some(rest), Some(line)) => Ok((rest, line)),
            _ => malformed(i, element, Fault::Truncated),
        },
        None if near.len() < i.len() => malformed(i, element, Fault::TooLong),
        None => malformed(i.get(i.len()..).unwrap_or(i), element, Fault::Truncated),
    }
}

/// Name and value of a header field. The space after the colon may be missing.
pub(super) fn named(line: &[u8]) -> Option<(&str, &[u8])> {
    let colon = line.iter().position(|octet| *octet == b':')?;
    let (name, value) = line.split_at_checked(colon)?;
    let is_name = name.first()?.is_ascii_alphabetic() && name.iter().copied().all(is_token_octet);
    let name = core::str::from_utf8(name).ok().filter(|_| is_name)?;
    Some((name, value.get(1..)?.trim_ascii()))
}

/// The header fields of whole lines that were checked.
pub(super) fn lines(mut fields: &[u8]) -> impl Iterator<Item = (&str, &[u8])> {
    core::iter::from_fn(move || {
        let end = fields.find_substring("\r\n")?;
        let line = fields.get(..end)?;
        fields = fields.get(end + CRLF.len()..)?;
        named(line)
    })
}

/// Whether this is the name of a header field that occurs once, before all others.
pub(super) fn is_path(name: &str) -> bool {
    let mut paths = ["To-Path", "From-Path"].into_iter();
    paths.any(|path| name.eq_ignore_ascii_case(path))
}
