//! End-lines (RFC 4975 clause 7.1): seven hyphens, the transaction identifier and a flag.

use nom::{FindSubstring as _, Offset as _};

use super::ident::Ident;
use crate::base::Fault;
use crate::wire::parse::{Parsed, malformed};

/// What ends each line.
pub(super) const CRLF: &[u8] = b"\r\n";

/// What an end-line starts with.
const HYPHENS: &[u8; 7] = b"-------";

/// The flag of an end-line (clause 7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continuation {
    /// `$`: the message ends here.
    Last,
    /// `+`: more chunks follow.
    More,
    /// `#`: the sender gives up the message.
    Abort,
}

impl Continuation {
    const fn from_octet(octet: u8) -> Option<Self> {
        match octet {
            b'$' => Some(Self::Last),
            b'+' => Some(Self::More),
            b'#' => Some(Self::Abort),
            _ => None,
        }
    }

    /// The flag as it is written.
    const fn octet(self) -> u8 {
        match self {
            Self::Last => b'$',
            Self::More => b'+',
            Self::Abort => b'#',
        }
    }
}

/// The end-line of a transaction, without its flag.
pub(super) struct EndLine {
    octets: [u8; CRLF.len() + HYPHENS.len() + 32],
    len: usize,
}

impl EndLine {
    /// CRLF, seven hyphens and the transaction identifier.
    pub(super) fn of(transaction: Ident<'_>) -> Self {
        let mut octets = [0; _];
        let parts = CRLF.iter().chain(HYPHENS);
        let all = parts.copied().chain(transaction.as_str().bytes());
        let mut len = 0;
        for (place, octet) in octets.iter_mut().zip(all) {
            *place = octet;
            len += 1;
        }
        Self { octets, len }
    }

    /// The octets, with the CRLF before the line.
    fn with_crlf(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or_default()
    }

    /// The octets of the line.
    fn line(&self) -> &[u8] {
        self.octets.get(CRLF.len()..self.len).unwrap_or_default()
    }

    /// Appends the line.
    pub(super) fn write(&self, continuation: Continuation, out: &mut Vec<u8>) {
        out.extend_from_slice(self.line());
        out.push(continuation.octet());
        out.extend_from_slice(CRLF);
    }

    /// Whether a receiver could take octets of this body for the end-line.
    pub(super) fn is_in(&self, body: &[u8]) -> bool {
        body.find_substring(self.line()).is_some()
    }

    /// The octets after an end-line at the beginning of `i`, and the flag of the end-line.
    pub(super) fn at<'a>(&self, i: &'a [u8]) -> Option<(&'a [u8], Continuation)> {
        flag(i.strip_prefix(self.line())?)
    }

    /// The body and the flag. `empty_line` stands before the body; its CRLF may be the one before the end-line.
    pub(super) fn after_body<'a>(
        &self,
        empty_line: &'a [u8],
        body: &'a [u8],
    ) -> Parsed<'a, (&'a [u8], Continuation)> {
        let mut i = empty_line;
        while let Some(at) = i.find_substring(self.with_crlf()) {
            let Some(behind) = i.get(at + self.len..) else {
                break;
            };
            if let Some((rest, continuation)) = flag(behind) {
                let len = empty_line.offset(i) + at;
                let body = body.get(..len.saturating_sub(CRLF.len()));
                return Ok((rest, (body.unwrap_or_default(), continuation)));
            }
            i = behind;
        }
        let end = body.get(body.len()..).unwrap_or(body);
        malformed(end, "end-line", Fault::Truncated)
    }
}

/// The flag of an end-line and its CRLF.
fn flag(i: &[u8]) -> Option<(&[u8], Continuation)> {
    let (octet, rest) = i.split_first()?;
    Some((rest.strip_prefix(CRLF)?, Continuation::from_octet(*octet)?))
}
