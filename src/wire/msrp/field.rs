//! Header fields of MSRP (RFC 4975 clause 9).

use core::fmt;

use super::ident::Ident;
use crate::base::Fault;

/// A header field that follows To-Path and From-Path, read or to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Header<'a> {
    /// Message-ID: the same in all chunks of a message, and in the reports about it.
    MessageId(Ident<'a>),
    /// Byte-Range: the place of a chunk in its message, or the octets that a report is about.
    ByteRange(ByteRange),
    /// Success-Report: whether the sender wants a report when the message is delivered.
    SuccessReport(bool),
    /// Failure-Report: which failures the sender wants to know.
    FailureReport(FailureReport),
    /// Status: the outcome in a REPORT.
    Status(Status<'a>),
    /// Content-Type: the media type of the body. The last header field of a frame with a body.
    ContentType(&'a str),
    /// Any other header field.
    Other {
        /// Its name.
        name: &'a str,
        /// Its value.
        value: &'a [u8],
    },
}

/// Octets of a message: `1-2048/9000`. The first octet of a message has number 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    /// Number of the first octet.
    pub start: u64,
    /// Number of the last octet; `None` (`*`) if it is unknown or the chunk may be interrupted.
    pub end: Option<u64>,
    /// Octets of the whole message; `None` (`*`) if unknown.
    pub total: Option<u64>,
}

/// Which failures the sender of a message wants to know (clause 7.1.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailureReport {
    /// `yes`: each request is answered, and a report tells of a later failure. The default.
    #[default]
    Yes,
    /// `no`: no answers and no reports.
    No,
    /// `partial`: errors alone.
    Partial,
}

/// The value of a Status header field (clause 7.1.2): `000 200 OK`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status<'a> {
    /// The namespace: 0 for the codes of RFC 4975.
    pub namespace: u16,
    /// The status code.
    pub code: u16,
    /// The comment.
    pub comment: Option<&'a str>,
}

impl<'a> Header<'a> {
    /// The name, as RFC 4975 writes it.
    pub const fn name(&self) -> &'a str {
        match self {
            Self::MessageId(_) => "Message-ID",
            Self::ByteRange(_) => "Byte-Range",
            Self::SuccessReport(_) => "Success-Report",
            Self::FailureReport(_) => "Failure-Report",
            Self::Status(_) => "Status",
            Self::ContentType(_) => "Content-Type",
            Self::Other { name, .. } => name,
        }
    }

    /// Reads the value of the header field `name`. An error has the name of the element.
    pub(super) fn read(name: &'a str, value: &'a [u8]) -> Result<Self, (&'static str, Fault)> {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        let malformed = |element| (element, Fault::Malformed);
        let text = |element| core::str::from_utf8(value).map_err(|_| malformed(element));
        let field = match () {
            () if is("Message-ID") => {
                let ident = Ident::new(text("Message-ID")?).ok_or(malformed("Message-ID"))?;
                Self::MessageId(ident)
            }
            () if is("Byte-Range") => {
                let range = ByteRange::parse(text("Byte-Range")?);
                Self::ByteRange(range.map_err(|fault| ("Byte-Range", fault))?)
            }
            () if is("Success-Report") => match text("Success-Report")? {
                yes if yes.eq_ignore_ascii_case("yes") => Self::SuccessReport(true),
                no if no.eq_ignore_ascii_case("no") => Self::SuccessReport(false),
                _ => return Err(malformed("Success-Report")),
            },
            () if is("Failure-Report") => {
                let wish = FailureReport::parse(text("Failure-Report")?);
                Self::FailureReport(wish.ok_or(malformed("Failure-Report"))?)
            }
            () if is("Status") => {
                let status = Status::parse(text("Status")?);
                Self::Status(status.ok_or(malformed("Status"))?)
            }
            () if is("Content-Type") => match text("Content-Type")? {
                "" => return Err(malformed("Content-Type")),
                media_type => Self::ContentType(media_type),
            },
            () => Self::Other { name, value },
        };
        Ok(field)
    }
}

impl ByteRange {
    /// Reads `1-2048/9000`, with `*` for an unknown end or total.
    fn parse(text: &str) -> Result<Self, Fault> {
        let (start, rest) = text.split_once('-').ok_or(Fault::Malformed)?;
        let (end, total) = rest.split_once('/').ok_or(Fault::Malformed)?;
        let known = |text: &str| match text {
            "*" => Ok(None),
            digits => number(digits).map(Some),
        };
        let range = Self {
            start: number(start)?,
            end: known(end)?,
            total: known(total)?,
        };
        match range.is_consistent() {
            true => Ok(range),
            false => Err(Fault::Inconsistent),
        }
    }

    /// Whether start, end and total fit each other. A range without octets ends before its start: `1-0/0` (clause
    /// 7.1.1).
    pub fn is_consistent(&self) -> bool {
        let Some(before) = self.start.checked_sub(1) else {
            return false;
        };
        let last = self.end.unwrap_or(before);
        last >= before && self.total.is_none_or(|total| last <= total)
    }
}

impl fmt::Display for ByteRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-", self.start)?;
        match self.end {
            Some(end) => write!(f, "{end}/")?,
            None => f.write_str("*/")?,
        }
        match self.total {
            Some(total) => write!(f, "{total}"),
            None => f.write_str("*"),
        }
    }
}

impl FailureReport {
    fn parse(text: &str) -> Option<Self> {
        let all = [Self::Yes, Self::No, Self::Partial];
        all.into_iter()
            .find(|wish| text.eq_ignore_ascii_case(wish.as_str()))
    }

    /// The value as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Partial => "partial",
        }
    }
}

impl<'a> Status<'a> {
    /// The status of namespace 000 with this code.
    pub const fn of(code: u16) -> Self {
        Self {
            namespace: 0,
            code,
            comment: None,
        }
    }

    fn parse(text: &'a str) -> Option<Self> {
        let (namespace, rest) = text.split_once(' ')?;
        let (code, comment) = code_and_comment(rest)?;
        Some(Self {
            namespace: three_digits(namespace)?,
            code,
            comment,
        })
    }
}

/// `status-code [SP comment]`, in a response and in a Status.
pub(super) fn code_and_comment(text: &str) -> Option<(u16, Option<&str>)> {
    match text.split_once(' ') {
        Some((code, comment)) => Some((three_digits(code)?, Some(comment))),
        None => Some((three_digits(text)?, None)),
    }
}

fn three_digits(text: &str) -> Option<u16> {
    let is_code = text.len() == 3 && text.bytes().all(|octet| octet.is_ascii_digit());
    is_code.then(|| text.parse().ok()).flatten()
}

fn number(digits: &str) -> Result<u64, Fault> {
    match !digits.is_empty() && digits.bytes().all(|octet| octet.is_ascii_digit()) {
        true => digits.parse().map_err(|_| Fault::TooLong),
        false => Err(Fault::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'a>(name: &'a str, value: &'a str) -> Result<Header<'a>, String> {
        Header::read(name, value.as_bytes())
            .map_err(|(element, fault)| format!("{element}: {}", fault.as_str()))
    }

    fn range(start: u64, end: Option<u64>, total: Option<u64>) -> ByteRange {
        ByteRange { start, end, total }
    }

    #[test]
    fn values_are_read() {
        let ident = Ident::new("12339sdqwer").unwrap();
        let status = Status {
            namespace: 0,
            code: 413,
            comment: Some("Too large"),
        };
        for (name, value, field) in [
            ("Message-ID", "12339sdqwer", Header::MessageId(ident)),
            (
                "byte-range",
                "1-0/0",
                Header::ByteRange(range(1, Some(0), Some(0))),
            ),
            ("Success-Report", "yes", Header::SuccessReport(true)),
            ("Success-Report", "No", Header::SuccessReport(false)),
            (
                "Failure-Report",
                "yes",
                Header::FailureReport(FailureReport::Yes),
            ),
            (
                "Failure-Report",
                "no",
                Header::FailureReport(FailureReport::No),
            ),
            (
                "FAILURE-REPORT",
                "partial",
                Header::FailureReport(FailureReport::Partial),
            ),
            ("Status", "000 413 Too large", Header::Status(status)),
            ("Status", "000 200", Header::Status(Status::of(200))),
            (
                "Content-Type",
                "text/plain;charset=UTF-8",
                Header::ContentType("text/plain;charset=UTF-8"),
            ),
            (
                "Use-Path",
                "msrp://x",
                Header::Other {
                    name: "Use-Path",
                    value: b"msrp://x",
                },
            ),
        ] {
            assert_eq!(read(name, value), Ok(field), "{name}: {value}");
        }
    }

    #[test]
    fn what_is_no_value() {
        for (name, value, error) in [
            ("Message-ID", "abc", "Message-ID: malformed"),
            ("Success-Report", "partial", "Success-Report: malformed"),
            ("Failure-Report", "", "Failure-Report: malformed"),
            ("Status", "200 OK", "Status: malformed"),
            ("Status", "000 20", "Status: malformed"),
            ("Status", "000", "Status: malformed"),
            ("Content-Type", "", "Content-Type: malformed"),
        ] {
            assert_eq!(read(name, value).unwrap_err(), error, "{name}: {value}");
        }
    }

    #[test]
    fn byte_ranges() {
        for (text, expected) in [
            ("1-2048/9000", Ok(range(1, Some(2048), Some(9000)))),
            ("2049-*/9000", Ok(range(2049, None, Some(9000)))),
            ("1-*/*", Ok(range(1, None, None))),
            ("5-8/*", Ok(range(5, Some(8), None))),
            // A chunk without octets, after the last one.
            ("9-8/8", Ok(range(9, Some(8), Some(8)))),
            ("9-*/8", Ok(range(9, None, Some(8)))),
            ("0-5/5", Err(Fault::Inconsistent)),
            ("5-3/8", Err(Fault::Inconsistent)),
            ("5-9/8", Err(Fault::Inconsistent)),
            ("10-*/8", Err(Fault::Inconsistent)),
            ("18446744073709551616-*/*", Err(Fault::TooLong)),
            ("18446744073709551615-*/*", Ok(range(u64::MAX, None, None))),
            ("*-5/5", Err(Fault::Malformed)),
            ("+1-5/5", Err(Fault::Malformed)),
            ("1-5", Err(Fault::Malformed)),
            ("1 - 5/5", Err(Fault::Malformed)),
            ("-5/5", Err(Fault::Malformed)),
            ("", Err(Fault::Malformed)),
        ] {
            assert_eq!(ByteRange::parse(text), expected, "{text}");
            if let Ok(range) = expected {
                assert_eq!(range.to_string(), text);
            }
        }
    }
}
