//! The content of a `message/cpim` (RFC 3862 §2.4).

use std::borrow::Cow;

use super::header::{Line, is_name, push_line};
use crate::base::{DecodeError, EncodeError, Fault};

/// The MIME entity in a `message/cpim` (RFC 3862 §2.4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CpimContent<'a> {
    /// Content-Type with its parameters; `None` means `text/plain` (RFC 2045 §5.2).
    pub content_type: Option<Cow<'a, str>>,
    /// Content-ID.
    pub content_id: Option<Cow<'a, str>>,
    /// Content-Disposition.
    pub disposition: Option<Cow<'a, str>>,
    /// Content-Transfer-Encoding of the octets.
    pub transfer_encoding: Option<Cow<'a, str>>,
    /// Content-Encoding of the octets. MIME has no such field, but senders that compress content use the one of SIP.
    pub content_encoding: Option<Cow<'a, str>>,
    /// The octets, to the end of the body. A Content-Length in this header is ignored: it is not a MIME field, and
    /// some clients count characters instead of octets.
    pub octets: Cow<'a, [u8]>,
}

impl<'a> CpimContent<'a> {
    /// Whether type and subtype are `essence`; parameters are ignored.
    pub fn is(&self, essence: &str) -> bool {
        let content_type = self.content_type.as_deref().unwrap_or("text/plain");
        first_of(content_type).eq_ignore_ascii_case(essence)
    }

    /// Reads the fields of a MIME header, which may be folded (RFC 5322 §2.2.3).
    pub(super) fn decode(lines: &[Line<'a>]) -> Result<Self, DecodeError> {
        let mut content = Self::default();
        let mut lines = lines.iter().peekable();
        let any = lines
            .peek()
            .map(|line| line.error("CPIM Content-Type", Fault::Malformed));
        while let Some(line) = lines.next() {
            let (name, value) = line
                .text
                .split_once(':')
                .filter(|(name, _)| is_name(name))
                .ok_or_else(|| line.error("CPIM content header", Fault::Malformed))?;
            let mut value = Cow::Borrowed(value.trim());
            while let Some(folded) = lines.next_if(|line| line.text.starts_with([' ', '\t'])) {
                let value = value.to_mut();
                value.push(' ');
                value.push_str(folded.text.trim());
            }
            let is = |field: &str| name.eq_ignore_ascii_case(field);
            // These two do not change how the content is read.
            let is_essential = !(is("Content-ID") || is("Content-Disposition"));
            let place = if is("Content-Type") {
                &mut content.content_type
            } else if is("Content-ID") {
                &mut content.content_id
            } else if is("Content-Disposition") {
                &mut content.disposition
            } else if is("Content-Transfer-Encoding") {
                &mut content.transfer_encoding
            } else if is("Content-Encoding") {
                &mut content.content_encoding
            } else {
                continue;
            };
            let repeated = place.as_ref().is_some_and(|before| *before != value);
            if repeated || line.is_cut {
                if is_essential {
                    return Err(line.error("CPIM content header", Fault::Inconsistent));
                }
                continue;
            }
            *place = Some(value);
        }
        // Lines without a Content-Type are text and not a header.
        match any {
            Some(error) if content.content_type.is_none() => Err(error),
            _ => Ok(content),
        }
    }

    pub(super) fn push_header(&self, out: &mut String) -> Result<(), EncodeError> {
        let content_type = self.content_type.as_deref().unwrap_or("text/plain");
        push_line(out, "Content-Type", content_type)?;
        for (name, value) in [
            ("Content-ID", &self.content_id),
            ("Content-Disposition", &self.disposition),
            ("Content-Transfer-Encoding", &self.transfer_encoding),
            ("Content-Encoding", &self.content_encoding),
        ] {
            if let Some(value) = value {
                push_line(out, name, value)?;
            }
        }
        Ok(())
    }
}

/// Whether this is the MIME header of the whole body. It belongs in the SIP header, but some clients repeat it here.
pub(super) fn is_wrapper(header: &[Line<'_>]) -> bool {
    header.iter().all(|line| is_content_field(line.text))
        && header.iter().any(|line| {
            line.text.split_once(':').is_some_and(|(name, value)| {
                name.eq_ignore_ascii_case("Content-Type")
                    && first_of(value).eq_ignore_ascii_case("message/cpim")
            })
        })
}

pub(super) fn is_content_field(line: &str) -> bool {
    line.get(..8)
        .is_some_and(|start| start.eq_ignore_ascii_case("Content-"))
}

/// The value without its parameters.
fn first_of(value: &str) -> &str {
    value.split(';').next().unwrap_or_default().trim()
}
