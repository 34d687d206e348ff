//! Frames, written.

use core::fmt::{self, Write as _};

use super::end_line::{Continuation, EndLine};
use super::field::Header;
use super::frame::Frame;
use super::head::{Method, Start, is_path};
use super::ident::Ident;
use super::uri::{Path, is_token_octet};
use crate::base::EncodeError;

/// Appends one frame to a buffer: start line and paths, then header fields, then the body or the end.
#[derive(Debug)]
pub struct FrameWriter<'o, 'a> {
    out: &'o mut Vec<u8>,
    transaction: Ident<'a>,
}

impl<'o, 'a> FrameWriter<'o, 'a> {
    /// Begins a request.
    pub fn request(
        out: &'o mut Vec<u8>,
        transaction: Ident<'a>,
        method: Method<'_>,
        to_path: Path<'_>,
        from_path: Path<'_>,
    ) -> Self {
        put(out, &["MSRP ", transaction.as_str(), " ", method.as_str()]);
        Self { out, transaction }.paths(to_path, from_path)
    }

    /// Begins the response to `request` (RFC 4975 clause 7.2). The response to a SEND goes to the previous hop, the
    /// response to any other request back along its whole path.
    pub fn response(
        out: &'o mut Vec<u8>,
        request: &Frame<'a>,
        code: u16,
        comment: &str,
    ) -> Result<Self, EncodeError> {
        let to_path = match request.start {
            Start::Request(Method::Send) => request.from_path.first(),
            _ => request.from_path,
        };
        let (transaction, from_path) = (request.transaction, request.to_path.first());
        Self::answer(out, transaction, code, comment, to_path, from_path)
    }

    /// Begins a response whose request is not at hand any more.
    pub fn answer(
        out: &'o mut Vec<u8>,
        transaction: Ident<'a>,
        code: u16,
        comment: &str,
        to_path: Path<'_>,
        from_path: Path<'_>,
    ) -> Result<Self, EncodeError> {
        if !(100..1000).contains(&code) || comment.chars().any(char::is_control) {
            return Err(EncodeError::NotRepresentable {
                element: "status-code",
            });
        }
        put(out, &["MSRP ", transaction.as_str(), " "]);
        _ = write!(Utf8(out), "{code}");
        if !comment.is_empty() {
            put(out, &[" ", comment]);
        }
        Ok(Self { out, transaction }.paths(to_path, from_path))
    }

    fn paths(self, to: Path<'_>, from: Path<'_>) -> Self {
        put(self.out, &["\r\nTo-Path: ", to.as_str()]);
        put(self.out, &["\r\nFrom-Path: ", from.as_str(), "\r\n"]);
        self
    }

    /// Appends a header field. Content-Type belongs to [`Self::body`].
    pub fn header(&mut self, header: Header<'_>) -> Result<(), EncodeError> {
        let name = header.name();
        let is_text = |value: &[u8]| {
            let is_control = |octet: &u8| octet.is_ascii_control() && *octet != b'\t';
            !value.iter().any(is_control) && value.trim_ascii().len() == value.len()
        };
        let element = "header field";
        let is_right = match header {
            Header::ContentType(_) => return Err(EncodeError::Inconsistent { element }),
            Header::ByteRange(range) => range.is_consistent(),
            Header::Status(status) => {
                let comment = status.comment.unwrap_or_default();
                status.namespace < 1000
                    && (100..1000).contains(&status.code)
                    && is_text(comment.as_bytes())
            }
            Header::Other { name, value } => is_extension(name) && is_text(value),
            _ => true,
        };
        if !is_right {
            return Err(EncodeError::NotRepresentable { element });
        }
        put(self.out, &[name, ": "]);
        let mut out = Utf8(self.out);
        _ = match header {
            Header::MessageId(ident) => write!(out, "{}", ident.as_str()),
            Header::ByteRange(range) => write!(out, "{range}"),
            Header::SuccessReport(wish) => write!(out, "{}", if wish { "yes" } else { "no" }),
            Header::FailureReport(wish) => write!(out, "{}", wish.as_str()),
            Header::Status(status) => {
                let comment = status.comment.unwrap_or_default();
                let space = if comment.is_empty() { "" } else { " " };
                let (namespace, code) = (status.namespace, status.code);
                write!(out, "{namespace:03} {code}{space}{comment}")
            }
            Header::Other { value, .. } => {
                self.out.extend_from_slice(value);
                Ok(())
            }
            Header::ContentType(_) => Ok(()),
        };
        put(self.out, &["\r\n"]);
        Ok(())
    }

    /// Appends Content-Type, body and end-line. A body that contains the end-line is refused: see
    /// [`TransactionId::outside`](super::TransactionId::outside).
    pub fn body(
        self,
        media_type: &str,
        body: &[u8],
        continuation: Continuation,
    ) -> Result<(), EncodeError> {
        if media_type.is_empty() || media_type.chars().any(char::is_control) {
            return Err(EncodeError::NotRepresentable {
                element: "Content-Type",
            });
        }
        if EndLine::of(self.transaction).is_in(body) {
            let element = "end-line";
            return Err(EncodeError::Inconsistent { element });
        }
        put(self.out, &["Content-Type: ", media_type, "\r\n\r\n"]);
        self.out.extend_from_slice(body);
        put(self.out, &["\r\n"]);
        self.end_line(continuation);
        Ok(())
    }

    /// Ends a frame without a body.
    pub fn end(self) {
        self.end_line(Continuation::Last);
    }

    fn end_line(self, continuation: Continuation) {
        EndLine::of(self.transaction).write(continuation, self.out);
    }
}

/// Numbers and texts written into octets. This cannot fail.
struct Utf8<'o>(&'o mut Vec<u8>);

impl fmt::Write for Utf8<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

fn put(out: &mut Vec<u8>, texts: &[&str]) {
    for text in texts {
        out.extend_from_slice(text.as_bytes());
    }
}

/// A name that no other variant of [`Header`] has.
fn is_extension(name: &str) -> bool {
    let starts = name.starts_with(|first: char| first.is_ascii_alphabetic());
    starts
        && name.bytes().all(is_token_octet)
        && matches!(Header::read(name, b""), Ok(Header::Other { .. }))
        && !is_path(name)
}

#[cfg(test)]
mod tests {
    use super::super::{ByteRange, FailureReport, Status, TransactionId};
    use super::*;

    const ALICE: &str = "msrp://alice.example.com:7777/iau39soe2843z;tcp";
    const BOB: &str = "msrp://bob.example.com:8888/9di4eae923wzd;tcp";

    fn path(text: &str) -> Path<'_> {
        Path::parse(text).unwrap()
    }

    fn ident(text: &str) -> Ident<'_> {
        Ident::new(text).unwrap()
    }

    #[test]
    fn a_failure_report() {
        let mut out = Vec::new();
        let method = Method::Report;
        let mut report =
            FrameWriter::request(&mut out, ident("dkei38sd"), method, path(ALICE), path(BOB));
        let range = ByteRange {
            start: 1,
            end: Some(39),
            total: Some(39),
        };
        report
            .header(Header::MessageId(ident("12339sdqwer")))
            .unwrap();
        report.header(Header::ByteRange(range)).unwrap();
        report.header(Header::Status(Status::of(408))).unwrap();
        report.end();
        assert_eq!(
            core::str::from_utf8(&out).unwrap(),
            "MSRP dkei38sd REPORT\r\n\
             To-Path: msrp://alice.example.com:7777/iau39soe2843z;tcp\r\n\
             From-Path: msrp://bob.example.com:8888/9di4eae923wzd;tcp\r\n\
             Message-ID: 12339sdqwer\r\n\
             Byte-Range: 1-39/39\r\n\
             Status: 000 408\r\n\
             -------dkei38sd$\r\n"
        );
    }

    #[test]
    fn a_response_goes_to_the_previous_hop_and_any_other_along_the_whole_path() {
        let relayed = format!("msrp://relay.example.com:2855/r;tcp {ALICE}");
        for (method, to) in [
            ("SEND", "msrp://relay.example.com:2855/r;tcp"),
            ("AUTH", &relayed),
        ] {
            let request = format!(
                "MSRP abcd {method}\r\nTo-Path: {BOB}\r\nFrom-Path: {relayed}\r\n-------abcd$\r\n"
            );
            let (_, request) = Frame::decode(request.as_bytes()).unwrap();
            let mut out = Vec::new();
            FrameWriter::response(&mut out, &request, 501, "Unknown method")
                .unwrap()
                .end();
            assert_eq!(
                core::str::from_utf8(&out).unwrap(),
                format!(
                    "MSRP abcd 501 Unknown method\r\nTo-Path: {to}\r\nFrom-Path: {BOB}\r\n-------abcd$\r\n"
                )
            );
        }
    }

    #[test]
    fn header_fields_that_cannot_be_written() {
        let mut out = Vec::new();
        let mut send = FrameWriter::request(
            &mut out,
            ident("abcd"),
            Method::Send,
            path(ALICE),
            path(BOB),
        );
        let other = |name, value| Header::Other { name, value };
        let bad_range = ByteRange {
            start: 5,
            end: Some(3),
            total: None,
        };
        for bad in [
            other("X-Y", b"a\r\nStatus: 000 200"),
            other("X-Y", b" a"),
            other("X Y", b"a"),
            other("", b"a"),
            other("To-Path", b"a"),
            other("Status", b"a"),
            Header::ContentType("text/plain"),
            Header::ByteRange(bad_range),
            Header::Status(Status::of(20)),
        ] {
            assert!(send.header(bad).is_err(), "{bad:?}");
        }
        for good in [
            other("Content-Disposition", b"render"),
            Header::SuccessReport(true),
            Header::FailureReport(FailureReport::Partial),
        ] {
            send.header(good).unwrap();
        }
        send.end();
        let (_, frame) = Frame::decode(&out).unwrap();
        assert_eq!(frame.headers().count(), 3);
        assert_eq!(frame.success_report(), Ok(true));
        assert_eq!(frame.failure_report(), Ok(FailureReport::Partial));
    }

    #[test]
    fn a_body_that_contains_the_end_line_needs_another_transaction() {
        let body = b"-------abcd$\r\n\0\xff";
        fn send(out: &mut Vec<u8>, transaction: Ident<'_>, body: &[u8]) -> Result<(), EncodeError> {
            FrameWriter::request(out, transaction, Method::Send, path(ALICE), path(BOB)).body(
                "text/plain",
                body,
                Continuation::More,
            )
        }
        let refused = send(&mut Vec::new(), ident("abcd"), body);
        let element = "end-line";
        assert_eq!(refused, Err(EncodeError::Inconsistent { element }));
        let mut out = Vec::new();
        let transaction = TransactionId::outside(body, || 7);
        send(&mut out, transaction.as_ident(), body).unwrap();
        let (rest, frame) = Frame::decode(&out).unwrap();
        assert_eq!((rest, frame.body), (&[][..], Some(&body[..])));
        assert_eq!(frame.continuation, Continuation::More);
    }

    #[test]
    fn no_control_character_gets_into_a_start_line_or_a_content_type() {
        let request =
            format!("MSRP abcd SEND\r\nTo-Path: {BOB}\r\nFrom-Path: {ALICE}\r\n-------abcd$\r\n");
        let (_, request) = Frame::decode(request.as_bytes()).unwrap();
        assert!(FrameWriter::response(&mut Vec::new(), &request, 200, "O\nK").is_err());
        assert!(FrameWriter::response(&mut Vec::new(), &request, 99, "OK").is_err());
        for bad in ["", "text/plain\r\nX: y"] {
            let mut out = Vec::new();
            let send = FrameWriter::request(
                &mut out,
                ident("abcd"),
                Method::Send,
                path(ALICE),
                path(BOB),
            );
            assert!(send.body(bad, b"", Continuation::Last).is_err(), "{bad:?}");
        }
    }
}
