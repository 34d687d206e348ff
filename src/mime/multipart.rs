//! Multipart bodies (RFC 2046 §5.1.1) with binary parts.
//!
//! A part with a short message is binary: it may contain single CRs, NULs, and octets that look like header lines.
//! Only CRLF, two hyphens and the boundary end a part.

use std::borrow::Cow;

use super::header;

/// One part of a multipart body.
#[derive(Clone, Copy)]
pub struct Part<'a> {
    /// Its header lines.
    header: &'a str,
    /// Its octets, in its own transfer encoding.
    pub body: &'a [u8],
}

impl<'a> Part<'a> {
    /// One of its header fields.
    pub fn field(&self, name: &str) -> Option<&'a str> {
        header::field(self.header, name)
    }

    /// All of its header fields.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&'a str, Cow<'a, str>)> + use<'a> {
        header::fields(self.header)
    }
}

/// The parts between the delimiter lines of `boundary`. A part without a delimiter line after it is ignored.
pub fn parts<'a>(body: &'a [u8], boundary: &str) -> impl Iterator<Item = Part<'a>> {
    let delimiter: Vec<u8> = [b"\r\n--", boundary.as_bytes()].concat();
    // Without a preamble, the first delimiter has no CRLF before it.
    let first = delimiter
        .get(2..)
        .and_then(|first| body.strip_prefix(first));
    let mut rest = match first.and_then(line_end) {
        Some(Line::Another(rest)) => Some(rest),
        Some(Line::Last) => None,
        None => split_at_line(body, &delimiter).and_then(|(_, line)| line.rest()),
    };
    core::iter::from_fn(move || {
        let (part, line) = split_at_line(rest.take()?, &delimiter)?;
        rest = line.rest();
        Some(split_header(part))
    })
}

/// The meaning of a delimiter line.
enum Line<'a> {
    /// Another part follows.
    Another(&'a [u8]),
    /// The last part has ended.
    Last,
}

impl<'a> Line<'a> {
    fn rest(self) -> Option<&'a [u8]> {
        match self {
            Self::Another(rest) => Some(rest),
            Self::Last => None,
        }
    }
}

/// Reads the rest of a delimiter line: spaces and CRLF, or two hyphens. If something else follows, it is not a
/// delimiter line but content.
fn line_end(octets: &[u8]) -> Option<Line<'_>> {
    if octets.starts_with(b"--") {
        return Some(Line::Last);
    }
    let padding = octets
        .iter()
        .take_while(|octet| matches!(octet, b' ' | b'\t'))
        .count();
    octets
        .get(padding..)?
        .strip_prefix(b"\r\n")
        .map(Line::Another)
}

/// The octets before the next delimiter line, and the meaning of that line.
fn split_at_line<'a>(octets: &'a [u8], delimiter: &[u8]) -> Option<(&'a [u8], Line<'a>)> {
    octets
        .windows(delimiter.len())
        .enumerate()
        .find_map(|(at, window)| {
            let behind = octets.get(at + delimiter.len()..)?;
            let line = (window == delimiter).then(|| line_end(behind))??;
            Some((octets.get(..at)?, line))
        })
}

/// Splits octets into a header and the octets after the empty line.
pub fn split_header(octets: &[u8]) -> Part<'_> {
    let (header, body) = match octets.strip_prefix(b"\r\n") {
        Some(body) => (&[][..], body),
        None => split_at(octets, b"\r\n\r\n").unwrap_or((octets, &[])),
    };
    Part {
        header: core::str::from_utf8(header).unwrap_or_default(),
        body,
    }
}

/// The octets before and after the first `mark`.
fn split_at<'a>(octets: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = octets
        .windows(mark.len())
        .position(|window| window == mark)?;
    Some((octets.get(..at)?, octets.get(at + mark.len()..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMS: &[u8] = b"\x00\x01\r\r\n--no\0\x02\r\n\r\n--";

    fn body() -> Vec<u8> {
        [
            b"preamble\r\n--b1 \t\r\nContent-Type: application/pidf+xml\r\n\r\n<x/>".as_slice(),
            b"\r\n--b1\r\ncontent-type : application/vnd.3gpp.sms\r\nContent-Transfer-Encoding: binary\r\n\r\n",
            SMS,
            b"\r\n--b1\r\n\r\nbare\r\n--b1--\r\nepilogue\r\n--b1\r\n\r\nno\r\n--b1--",
        ]
        .concat()
    }

    #[test]
    fn binary_parts_survive() {
        let body = body();
        let found: Vec<_> = parts(&body, "b1").collect();
        assert_eq!(found.len(), 3);
        assert_eq!(found[0].body, b"<x/>");
        assert_eq!(
            found[1].field("Content-Type"),
            Some("application/vnd.3gpp.sms")
        );
        assert_eq!(found[1].body, SMS);
        assert_eq!(
            (found[2].body, found[2].field("Content-Type")),
            (&b"bare"[..], None)
        );
    }

    #[test]
    fn of_truncated_bodies_only_whole_parts_are_found() {
        let body = body();
        for end in 0..body.len() {
            for part in parts(&body[..end], "b1") {
                assert!([b"<x/>", SMS, b"bare"].contains(&part.body));
            }
        }
        assert_eq!(parts(b"--b1\r\n\r\nx\r\n--b1--", "b1").count(), 1);
        assert_eq!(parts(b"--b1x\r\n\r\nx\r\n--b1--", "b1").count(), 0);
    }

    #[test]
    fn text_that_only_begins_like_a_delimiter_is_content() {
        let body = b"--b\r\n\r\n\r\n--bx\r\n--b-\r\n--b--";
        let found: Vec<_> = parts(body, "b").map(|part| part.body).collect();
        assert_eq!(found, [b"\r\n--bx\r\n--b-"]);
        assert_eq!(parts(b"--bx\r\n--b\r\n\r\ny\r\n--b--", "b").count(), 1);
        assert_eq!(parts(b"--b--\r\n--b\r\n\r\ny\r\n--b--", "b").count(), 0);
        // With an empty boundary, the delimiter is two hyphens.
        assert_eq!(parts(b"--\r\n\r\nx\r\n--\r\n", "").count(), 1);
    }
}
