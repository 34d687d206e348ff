//! Frames, read (RFC 4975 clause 9).

use nom::Offset as _;

use super::end_line::{Continuation, EndLine};
use super::field::{ByteRange, FailureReport, Header, Status};
use super::head::{Start, is_path, line, lines, named, path, start_line};
use super::ident::Ident;
use super::uri::Path;
use crate::base::{DecodeError, Fault};
use crate::wire::parse::{self, Parsed, malformed};

/// A frame: a request or a response.
///
/// Start line, paths and end-line are read at once: they are needed to answer the frame. The other header fields are
/// read when they are asked for, so that a frame with a wrong one can still be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Transaction identifier: the same in a request and in its response.
    pub transaction: Ident<'a>,
    /// Method or status.
    pub start: Start<'a>,
    /// To-Path: where the frame goes; the leftmost URI is the next hop.
    pub to_path: Path<'a>,
    /// From-Path: where the frame comes from; the leftmost URI is the previous hop.
    pub from_path: Path<'a>,
    /// The other header fields: whole lines.
    fields: &'a [u8],
    /// Offset of `fields` in the octets of the frame.
    fields_at: usize,
    /// The body; `None` without one, which differs from an empty one.
    pub body: Option<&'a [u8]>,
    /// The flag of the end-line.
    pub continuation: Continuation,
}

impl<'a> Frame<'a> {
    /// Reads the first frame of `octets`; returns the octets after it.
    ///
    /// [`Fault::Truncated`] means that more octets can complete the frame.
    pub fn decode(octets: &'a [u8]) -> Result<(&'a [u8], Self), DecodeError> {
        let mut rest = octets;
        let frame = parse::whole(octets, |i| {
            let (i, frame) = frame(i)?;
            rest = i;
            Ok((i, frame))
        })?;
        Ok((rest, frame))
    }

    /// The header fields after the paths, in their order.
    pub fn headers(&self) -> impl Iterator<Item = Result<Header<'a>, DecodeError>> {
        let (all, fields_at) = (self.fields, self.fields_at);
        lines(all).map(move |(name, value)| {
            Header::read(name, value).map_err(|(element, fault)| DecodeError {
                element,
                offset: fields_at + all.offset(value),
                fault,
            })
        })
    }

    /// The value of the header field `name`, which occurs once at most.
    fn header(&self, name: &'static str) -> Result<Option<Header<'a>>, DecodeError> {
        let mut found = None;
        for (field, value) in lines(self.fields) {
            if !field.eq_ignore_ascii_case(name) {
                continue;
            }
            let fault = |(element, fault)| DecodeError {
                element,
                offset: self.fields_at + self.fields.offset(value),
                fault,
            };
            if found.is_some() {
                return Err(fault((name, Fault::Inconsistent)));
            }
            found = Some(Header::read(field, value).map_err(fault)?);
        }
        Ok(found)
    }

    /// Message-ID.
    pub fn message_id(&self) -> Result<Option<Ident<'a>>, DecodeError> {
        Ok(match self.header("Message-ID")? {
            Some(Header::MessageId(ident)) => Some(ident),
            _ => None,
        })
    }

    /// Byte-Range.
    pub fn byte_range(&self) -> Result<Option<ByteRange>, DecodeError> {
        Ok(match self.header("Byte-Range")? {
            Some(Header::ByteRange(range)) => Some(range),
            _ => None,
        })
    }

    /// Whether the sender wants a report of success. Without the header field it wants none (clause 7.1.1).
    pub fn success_report(&self) -> Result<bool, DecodeError> {
        Ok(self.header("Success-Report")? == Some(Header::SuccessReport(true)))
    }

    /// Which failures the sender wants to know.
    pub fn failure_report(&self) -> Result<FailureReport, DecodeError> {
        Ok(match self.header("Failure-Report")? {
            Some(Header::FailureReport(wish)) => wish,
            _ => FailureReport::default(),
        })
    }

    /// Status.
    pub fn status(&self) -> Result<Option<Status<'a>>, DecodeError> {
        Ok(match self.header("Status")? {
            Some(Header::Status(status)) => Some(status),
            _ => None,
        })
    }

    /// Content-Type.
    pub fn content_type(&self) -> Result<Option<&'a str>, DecodeError> {
        Ok(match self.header("Content-Type")? {
            Some(Header::ContentType(media_type)) => Some(media_type),
            _ => None,
        })
    }
}

fn frame(i: &[u8]) -> Parsed<'_, Frame<'_>> {
    let begin = i;
    let (i, (transaction, start)) = start_line(i)?;
    let (i, to_path) = path(i, "To-Path")?;
    let (i, from_path) = path(i, "From-Path")?;
    let fields_at = begin.offset(i);
    let end = EndLine::of(transaction);
    let mut rest = i;
    // The header section ends with an end-line, or with the empty line before a body.
    let (i, body, continuation) = loop {
        if let Some((behind, continuation)) = end.at(rest) {
            break (behind, None, continuation);
        }
        match line(begin, rest, "header section")? {
            (behind, []) => {
                let (behind, (body, continuation)) = end.after_body(rest, behind)?;
                break (behind, Some(body), continuation);
            }
            (behind, field) => match named(field) {
                Some((name, _)) if is_path(name) => {
                    return malformed(rest, "header section", Fault::Inconsistent);
                }
                Some(_) => rest = behind,
                None => return malformed(rest, "header section", Fault::Malformed),
            },
        }
    };
    let fields = begin.get(fields_at..begin.offset(rest)).unwrap_or_default();
    let frame = Frame {
        transaction,
        start,
        to_path,
        from_path,
        fields,
        fields_at,
        body,
        continuation,
    };
    Ok((i, frame))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::msrp::head::MAX_HEAD;
    use crate::wire::msrp::{FrameWriter, Method};

    /// The first chunk of RFC 4975 clause 5.1, with its paths, a MIME header field and octets that are no text.
    const CHUNK: &[u8] = b"MSRP dkei38sd SEND\r\n\
        To-Path: msrp://relay.example.com:2855/r9;tcp msrp://bob.example.com:8888/9di4eae923wzd;tcp\r\n\
        From-Path: msrps://alice@[2001:db8::1]:7777/iau39soe2843z;tcp\r\n\
        Message-ID: 4564dpWd\r\n\
        Byte-Range: 1-*/24\r\n\
        Success-Report: yes\r\n\
        Failure-Report: partial\r\n\
        Content-Disposition: render\r\n\
        Content-Type: text/plain;charset=UTF-8\r\n\
        \r\n\
        ab\0\xff\r\n-------dkei38sd?\r\n\
        \r\n\
        -------dkei38sd+\r\n";

    fn decode(octets: &[u8]) -> Frame<'_> {
        let (rest, frame) = Frame::decode(octets).unwrap();
        assert!(rest.is_empty());
        frame
    }

    fn error(octets: &[u8]) -> String {
        Frame::decode(octets).unwrap_err().to_string()
    }

    /// A SEND with these lines after the paths.
    fn send(lines: &str) -> Vec<u8> {
        let start =
            "MSRP abcd SEND\r\nTo-Path: msrp://b:2/t;tcp\r\nFrom-Path: msrp://a:1/s;tcp\r\n";
        format!("{start}{lines}").into_bytes()
    }

    #[test]
    fn a_chunk_both_ways() {
        let frame = decode(CHUNK);
        let transaction = Ident::new("dkei38sd").unwrap();
        let message_id = Ident::new("4564dpWd").unwrap();
        let range = ByteRange {
            start: 1,
            end: None,
            total: Some(24),
        };
        assert_eq!(frame.transaction, transaction);
        assert_eq!(frame.start, Start::Request(Method::Send));
        assert_eq!(frame.to_path.uris().count(), 2);
        assert_eq!(frame.from_path.endpoint().unwrap().host, "2001:db8::1");
        assert_eq!(frame.message_id(), Ok(Some(message_id)));
        assert_eq!(frame.byte_range(), Ok(Some(range)));
        assert_eq!(frame.success_report(), Ok(true));
        assert_eq!(frame.failure_report(), Ok(FailureReport::Partial));
        assert_eq!(frame.status(), Ok(None));
        assert_eq!(frame.content_type(), Ok(Some("text/plain;charset=UTF-8")));
        let body = b"ab\0\xff\r\n-------dkei38sd?\r\n";
        assert_eq!((frame.body, body.len()), (Some(&body[..]), 24));
        assert_eq!(frame.continuation, Continuation::More);

        let mut out = Vec::new();
        let method = Method::Send;
        // The body has the hyphens and the identifier, so it must be written with another identifier.
        let other = Ident::new("dkei38se").unwrap();
        let mut writer =
            FrameWriter::request(&mut out, other, method, frame.to_path, frame.from_path);
        for header in frame.headers() {
            match header.unwrap() {
                Header::ContentType(_) => {}
                header => writer.header(header).unwrap(),
            }
        }
        writer
            .body("text/plain;charset=UTF-8", body, frame.continuation)
            .unwrap();
        let first = CHUNK.len() - 20;
        let renamed = [&CHUNK[..first], b"\r\n-------dkei38se+\r\n"].concat();
        assert_eq!(out, [b"MSRP dkei38se", &renamed[13..]].concat());
    }

    #[test]
    fn a_response_and_a_frame_behind_it() {
        let octets = b"MSRP d93kswow 200 OK, fine\r\n\
            To-Path: msrp://alicepc.example.com:7777/iau39soe2843z;tcp\r\n\
            From-Path: msrp://bob.example.com:8888/9di4eae923wzd;tcp\r\n\
            -------d93kswow$\r\nMSRP ";
        let (rest, frame) = Frame::decode(octets).unwrap();
        assert_eq!(rest, b"MSRP ");
        assert_eq!(frame.start, Start::Response(200, Some("OK, fine")));
        assert_eq!((frame.body, frame.headers().count()), (None, 0));
        assert_eq!(Frame::decode(rest).unwrap_err().fault, Fault::Truncated);
    }

    #[test]
    fn a_report_of_a_method_that_is_unknown() {
        let octets = send("Message-ID: 12339sdqwer\r\nStatus: 000 200 OK\r\n-------abcd$\r\n");
        let status = decode(&octets).status().unwrap().unwrap();
        assert_eq!((status.code, status.comment), (200, Some("OK")));
        for (name, method) in [
            ("REPORT", Method::Report),
            ("AUTH", Method::Auth),
            ("NICKNAME", Method::Other("NICKNAME")),
        ] {
            let octets = [b"MSRP abcd ", name.as_bytes(), &octets[14..]].concat();
            assert_eq!(decode(&octets).start, Start::Request(method));
            assert_eq!(method.as_str(), name);
        }
    }

    #[test]
    fn no_body_differs_from_an_empty_one() {
        assert_eq!(decode(&send("-------abcd$\r\n")).body, None);
        let empty = "Content-Type: text/plain\r\n\r\n\r\n-------abcd#\r\n";
        let octets = send(empty);
        let frame = decode(&octets);
        assert_eq!(
            (frame.body, frame.continuation),
            (Some(&[][..]), Continuation::Abort)
        );
        // Without the CRLF that belongs to the end-line.
        let octets = send("Content-Type: text/plain\r\n\r\n-------abcd$\r\n");
        assert_eq!(decode(&octets).body, Some(&[][..]));
    }

    #[test]
    fn lines_that_look_like_an_end_line_are_body() {
        for body in [
            "-------abcd",
            "-------abcd$",
            "x-------abcd$\r\n",
            "-------abcd$\n\r\n",
            "-------abcd!\r\n",
            "-------abce$\r\n",
            "------abcd$\r\n",
            "\r\n\r\n",
        ] {
            let body = format!("x\n{body}");
            let octets = send(&format!(
                "Content-Type: a/b\r\n\r\n{body}\r\n-------abcd$\r\n"
            ));
            assert_eq!(decode(&octets).body, Some(body.as_bytes()), "{body:?}");
        }
    }

    #[test]
    fn a_frame_cut_anywhere_is_incomplete() {
        for length in 0..CHUNK.len() {
            let error = Frame::decode(&CHUNK[..length]).unwrap_err();
            assert_eq!(error.fault, Fault::Truncated, "{length}: {error}");
            assert!(error.offset <= length);
        }
    }

    #[test]
    fn errors_name_the_element_and_the_octet() {
        let end = "-------abcd$\r\n";
        for (octets, place) in [
            ("SIP/2.0 200 OK\r\n\r\n", "start line at octet 0: malformed"),
            ("MSRP abcd send\r\n", "start line at octet 0: malformed"),
            ("MSRP abcd 2000 OK\r\n", "start line at octet 0: malformed"),
            ("MSRP abcd\r\n", "start line at octet 0: malformed"),
            ("MSRP abc SEND\r\n", "transact-id at octet 0: malformed"),
            (
                "MSRP abcd SEND\r\nFrom-Path: msrp://a:1/s;tcp\r\n",
                "To-Path at octet 16: malformed",
            ),
            (
                "MSRP abcd SEND\r\nTo-Path: sip:a\r\n",
                "MSRP-URI at octet 25: malformed",
            ),
            (
                "MSRP abcd SEND\r\nTo-Path: msrp://a:1/s;tcp\r\nMessage-ID: abcd\r\n",
                "From-Path at octet 43: malformed",
            ),
        ] {
            assert_eq!(error(octets.as_bytes()), place, "{octets:?}");
        }
        for (lines, place) in [
            ("no field\r\n", "header section at octet 72: malformed"),
            (" folded: x\r\n", "header section at octet 72: malformed"),
            (
                "To-Path: msrp://a:1/s;tcp\r\n",
                "header section at octet 72: inconsistent",
            ),
            ("-------abce$\r\n", "header section at octet 72: malformed"),
            ("-------abcd*\r\n", "header section at octet 72: malformed"),
        ] {
            assert_eq!(error(&send(&format!("{lines}{end}"))), place, "{lines:?}");
        }
        let octets = send(&format!("Byte-Range: 1-x/y\r\nMessage-ID: a\r\n{end}"));
        let frame = decode(&octets);
        let fields = |error: DecodeError| error.to_string();
        assert_eq!(
            frame.byte_range().map_err(fields),
            Err("Byte-Range at octet 84: malformed".to_owned())
        );
        assert_eq!(
            frame.message_id().map_err(fields),
            Err("Message-ID at octet 103: malformed".to_owned())
        );
        assert!(frame.headers().all(|header| header.is_err()));
        let octets = send(&format!("Status: 000 200\r\nstatus: 000 200\r\n{end}"));
        assert_eq!(
            decode(&octets).status().map_err(fields),
            Err("Status at octet 97: inconsistent".to_owned())
        );
    }

    #[test]
    fn nobody_can_send_an_endless_header_section() {
        let long = send(&"X: y\r\n".repeat(MAX_HEAD / 6));
        assert_eq!(error(&long), "header section at octet 8190: too long");
        assert_eq!(
            error(&[b'M'; MAX_HEAD + 1]),
            "start line at octet 0: too long"
        );
    }
}
