//! Header lines of a `message/cpim` (RFC 3862 §2.2), and the namespaces of their names (RFC 3862 §3.4).

use std::borrow::Cow;

use crate::base::{DecodeError, EncodeError, Fault};

/// Media type of a `message/cpim` (RFC 3862 §2).
pub const CPIM_TYPE: &str = "message/cpim";

/// Namespace of the header fields that RFC 3862 clause 4 defines, and the default one.
pub const CPIM_HEADERS: &str = "urn:ietf:params:cpim-headers:";

/// Namespace of the header fields of RFC 5438 clause 10 in a `message/cpim`.
pub const IMDN_HEADERS: &str = "urn:ietf:params:imdn";

/// The largest number of lines of a header: each line may declare a namespace, and each name is searched in all of them.
const MAX_LINES: usize = 256;

/// The name of a header field with the namespace that its prefix stands for (RFC 3862 §3.4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderName<'a> {
    /// URI of the namespace; empty if the prefix was not declared.
    pub namespace: Cow<'a, str>,
    /// Name in that namespace; with its prefix if that was not declared.
    pub name: Cow<'a, str>,
}

impl<'a> HeaderName<'a> {
    /// `name` in `namespace`.
    pub const fn new(namespace: &'a str, name: &'a str) -> Self {
        Self {
            namespace: Cow::Borrowed(namespace),
            name: Cow::Borrowed(name),
        }
    }

    pub(super) fn push(&self, out: &mut String, declared: &[&str]) -> Result<(), EncodeError> {
        // A name that we write has no prefix in it.
        if !is_name(&self.name) || self.name.contains('.') {
            return Err(not_representable("CPIM header"));
        }
        if self.namespace != CPIM_HEADERS {
            push_prefix(out, declared, &self.namespace);
            out.push('.');
        }
        out.push_str(&self.name);
        Ok(())
    }
}

/// A line of a header.
pub(super) struct Line<'a> {
    at: usize,
    /// The text up to the first octet that is not allowed.
    pub(super) text: &'a str,
    /// Whether there is such an octet: then the line is incomplete.
    pub(super) is_cut: bool,
}

impl Line<'_> {
    pub(super) const fn error(&self, element: &'static str, fault: Fault) -> DecodeError {
        DecodeError {
            element,
            offset: self.at,
            fault,
        }
    }
}

/// A body and the position in it.
pub(super) struct Lines<'a> {
    octets: &'a [u8],
    at: usize,
}

impl<'a> Lines<'a> {
    /// At the beginning of a body.
    pub(super) const fn new(octets: &'a [u8]) -> Self {
        Self { octets, at: 0 }
    }

    /// The octets after the position.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.octets.get(self.at..).unwrap_or_default()
    }

    /// The lines up to the next empty line. Empty lines before them are skipped.
    pub(super) fn header(&mut self) -> Result<Vec<Line<'a>>, DecodeError> {
        loop {
            let block = self.block()?;
            if !block.is_empty() {
                return Ok(block);
            }
        }
    }

    /// The lines up to the next empty line; none if the first line is empty.
    pub(super) fn block(&mut self) -> Result<Vec<Line<'a>>, DecodeError> {
        let mut block = Vec::new();
        loop {
            let (at, rest) = (self.at, self.rest());
            let error = |offset, fault| DecodeError {
                element: "CPIM header",
                offset,
                fault,
            };
            let end = rest
                .iter()
                .position(|&octet| octet == b'\n')
                .ok_or_else(|| error(self.octets.len(), Fault::Truncated))?;
            let line = rest.get(..end).unwrap_or_default();
            self.at += end + 1;
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.is_empty() {
                return Ok(block);
            }
            if block.len() == MAX_LINES {
                return Err(error(at, Fault::TooLong));
            }
            let text = legal(line);
            let is_cut = text.len() < line.len();
            block.push(Line { at, text, is_cut });
        }
    }
}

/// The beginning of a line that is UTF-8 without control characters.
fn legal(line: &[u8]) -> &str {
    let text = match core::str::from_utf8(line) {
        Ok(text) => text,
        Err(error) => line
            .get(..error.valid_up_to())
            .and_then(|valid| core::str::from_utf8(valid).ok())
            .unwrap_or_default(),
    };
    let end = text.bytes().position(is_control);
    end.and_then(|end| text.get(..end)).unwrap_or(text)
}

/// The namespaces declared so far (RFC 3862 §3.4).
pub(super) struct Namespaces<'a> {
    default: &'a str,
    prefixes: Vec<(&'a str, &'a str)>,
}

impl<'a> Namespaces<'a> {
    /// Only the default namespace.
    pub(super) const fn new() -> Self {
        Self {
            default: CPIM_HEADERS,
            prefixes: Vec::new(),
        }
    }

    /// Reads the value of NS: `prefix <URI>`, or `<URI>` for names without a prefix. Any other value is ignored.
    pub(super) fn declare(&mut self, value: &'a str) {
        let value = value.strip_suffix('>');
        match value.and_then(|value| value.split_once('<')) {
            Some((prefix, uri)) if prefix.trim_end().is_empty() => self.default = uri,
            Some((prefix, uri)) => self.prefixes.push((prefix.trim_end(), uri)),
            None => {}
        }
    }

    /// Namespace and name, if the prefix has been declared.
    pub(super) fn resolve(&self, name: &'a str) -> Option<(&'a str, &'a str)> {
        let Some((prefix, local)) = name.split_once('.') else {
            return Some((self.default, name));
        };
        let mut newest_first = self.prefixes.iter().rev();
        newest_first
            .find(|(declared, _)| *declared == prefix)
            .map(|(_, uri)| (*uri, local))
    }
}

/// Splits `;lang=en Text` after the colon of a header field into parameters and value.
pub(super) fn split_parameters(after: &str) -> (&str, &str) {
    if !after.starts_with(';') {
        return ("", after.trim());
    }
    let mut quoted = false;
    let end = after.find(|c| {
        quoted ^= c == '"';
        c == ' ' && !quoted
    });
    let (parameters, value) = after.split_at(end.unwrap_or(after.len()));
    (parameters, value.trim())
}

pub(super) fn language(parameters: &str) -> Option<&str> {
    let mut parameters = parameters.split(';');
    parameters.find_map(|parameter| parameter.strip_prefix("lang="))
}

/// A header field's name: octets of NAMECHAR, and the dot behind a prefix (RFC 3862 §3.6).
pub(super) fn is_name(name: &str) -> bool {
    let is_name_octet =
        |octet: u8| octet.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&octet);
    !name.is_empty() && name.bytes().all(is_name_octet)
}

/// Whether this URI is safe between angle brackets in one line.
pub(super) fn is_uri(uri: &str) -> bool {
    let harmless = |c: char| !c.is_whitespace() && !c.is_control() && !"<>\"\\".contains(c);
    uri.contains(':') && uri.chars().all(harmless)
}

/// Control characters are not allowed in a line (RFC 3862 §2.2); MIME allows the tab.
const fn is_control(octet: u8) -> bool {
    octet.is_ascii_control() && octet != b'\t'
}

pub(super) const fn not_representable(element: &'static str) -> EncodeError {
    EncodeError::NotRepresentable { element }
}

/// Appends a header field; its value is not escaped.
pub(crate) fn push_line(
    out: &mut String,
    name: &'static str,
    value: &str,
) -> Result<(), EncodeError> {
    out.push_str(name);
    push_value(out, name, value)
}

/// Appends the colon, a value without escapes, and the end of the line.
pub(super) fn push_value(
    out: &mut String,
    name: &'static str,
    value: &str,
) -> Result<(), EncodeError> {
    if value.bytes().any(is_control) {
        return Err(not_representable(name));
    }
    out.push_str(": ");
    out.push_str(value.trim());
    out.push_str("\r\n");
    Ok(())
}

/// Appends the prefix that we declare for `namespace`: `imdn` (as all clients do), or `ns` and a number.
pub(super) fn push_prefix(out: &mut String, declared: &[&str], namespace: &str) {
    use core::fmt::Write as _;
    if namespace == IMDN_HEADERS {
        out.push_str("imdn");
    } else {
        let at = declared.iter().position(|other| *other == namespace);
        // Writing to a String cannot fail.
        let _ = write!(out, "ns{}", at.unwrap_or_default());
    }
}
