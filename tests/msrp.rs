//! MSRP frames and session descriptions: a frame written and read is the same frame, and no octets make the readers
//! panic.

use ipsmgw::sip::Sdp;
use ipsmgw::wire::Fault;
use ipsmgw::wire::msrp::*;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn ident() -> impl Strategy<Value = String> {
    "[A-Za-z0-9][A-Za-z0-9.+%=-]{3,31}"
}

fn uri() -> impl Strategy<Value = String> {
    let host = prop_oneof!["[a-z0-9-]{1,9}\\.example", "\\[::[0-9a-f]{1,4}\\]"];
    (
        "msrps?",
        option::of("[a-z]{1,8}@"),
        host,
        1..=u16::MAX,
        "(/[A-Za-z0-9._~+=/-]{1,20})?",
        "(;[a-z]=[a-z])?",
    )
        .prop_map(|(scheme, user, host, port, session, more)| {
            format!(
                "{scheme}://{}{host}:{port}{session};tcp{more}",
                user.unwrap_or_default()
            )
        })
}

fn path() -> impl Strategy<Value = String> {
    vec(uri(), 1..4).prop_map(|uris| uris.join(" "))
}

fn range() -> impl Strategy<Value = ByteRange> {
    let octets = (1..u64::MAX, option::of(0..100_u64), option::of(0..100_u64));
    octets.prop_map(|(start, length, behind)| {
        let end = length.map(|length| (start - 1).saturating_add(length));
        let total = behind.map(|behind| end.unwrap_or(start - 1).saturating_add(behind));
        ByteRange { start, end, total }
    })
}

fn flag() -> impl Strategy<Value = Continuation> {
    use Continuation::{Abort, Last, More};
    prop::sample::select(vec![Last, More, Abort])
}

/// Octets in which lines like the end-line occur.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        vec(any::<u8>(), 0..20),
        Just(b"\r\n".to_vec()),
        Just(b"-------".to_vec()),
        Just(b"abcd$\r\n".to_vec()),
        Just(b"\r\n-------abcd".to_vec()),
    ];
    vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn frames(
        transaction in ident(), message_id in ident(), paths in [path(), path()], range in range(),
        flag in flag(), body in option::of(body()), success: bool, value in "[!-~]([ -~]*[!-~])?",
        random: u64
    ) {
        let [to, from] = [&paths[0], &paths[1]].map(|path| Path::parse(path).unwrap());
        let octets = body.as_deref().unwrap_or_default();
        let mut numbers = random..;
        let outside = TransactionId::outside(octets, || numbers.next().unwrap_or_default());
        let transaction = match octets.windows(transaction.len()).any(|part| part == transaction.as_bytes()) {
            true => outside.as_ident(),
            false => Ident::new(&transaction).unwrap(),
        };
        let headers = [
            Header::MessageId(Ident::new(&message_id).unwrap()),
            Header::ByteRange(range),
            Header::SuccessReport(success),
            Header::FailureReport(FailureReport::Partial),
            Header::Other { name: "Content-Description", value: value.as_bytes() },
        ];
        let mut out = b"before".to_vec();
        let mut send = FrameWriter::request(&mut out, transaction, Method::Send, to, from);
        for header in headers {
            send.header(header).unwrap();
        }
        match &body {
            Some(body) => send.body("text/plain", body, flag).unwrap(),
            None => send.end(),
        }
        out.extend(b"behind");
        let (rest, frame) = Frame::decode(&out[6..]).unwrap();
        prop_assert_eq!(rest, b"behind");
        prop_assert_eq!(frame.transaction, transaction);
        prop_assert_eq!(frame.start, Start::Request(Method::Send));
        prop_assert_eq!((frame.to_path, frame.from_path), (to, from));
        prop_assert_eq!(frame.body, body.as_deref());
        let wanted = if body.is_some() { flag } else { Continuation::Last };
        prop_assert_eq!(frame.continuation, wanted);
        let read: Vec<_> = frame.headers().map(Result::unwrap).collect();
        prop_assert_eq!(&read[..headers.len()], &headers);
        prop_assert_eq!(read.len(), headers.len() + usize::from(body.is_some()));
        prop_assert_eq!(frame.byte_range(), Ok(Some(range)));

        let mut out = Vec::new();
        FrameWriter::response(&mut out, &frame, 413, &value).unwrap().end();
        let (_, response) = Frame::decode(&out).unwrap();
        prop_assert_eq!(response.start, Start::Response(413, Some(&value)));
        prop_assert_eq!((response.to_path, response.from_path), (from.first(), to.first()));
    }

    /// A frame cut anywhere is incomplete, whatever its body is.
    #[test]
    fn cut_frames(body in body(), at in any::<prop::sample::Index>()) {
        let path = Path::parse("msrp://a:1/s;tcp").unwrap();
        let transaction = TransactionId::outside(&body, || 7);
        let mut out = Vec::new();
        let send = FrameWriter::request(&mut out, transaction.as_ident(), Method::Send, path, path);
        send.body("a/b", &body, Continuation::Last).unwrap();
        let cut = at.index(out.len());
        prop_assert_eq!(Frame::decode(&out[..cut]).unwrap_err().fault, Fault::Truncated);
    }

    #[test]
    fn any_octets(octets in prop_oneof![vec(any::<u8>(), 0..200), nearly_a_frame()]) {
        match Frame::decode(&octets) {
            Ok((rest, frame)) => {
                prop_assert!(octets.ends_with(rest));
                for header in frame.headers() {
                    if let Err(error) = header {
                        prop_assert!(error.offset <= octets.len());
                    }
                }
            }
            Err(error) => prop_assert!(error.offset <= octets.len()),
        }
    }

    #[test]
    fn any_description(text in "(v=0\r\n)?([a-z]=([a-z]+:)?[ -~]{0,20}\r?\n){0,6}(m=[a-z]{1,3} [0-9]{1,6} [A-Z/]{1,9} [*0-9 ]{1,3}\r\n){0,3}") {
        if let Ok(sdp) = Sdp::parse(text.as_bytes()) {
            let count = text.lines().filter(|line| line.starts_with("m=")).count();
            prop_assert_eq!(sdp.media().count(), count);
            for media in sdp.media() {
                let _ = (media.accepts("text/plain"), media.max_size(), media.direction(), media.setup());
            }
        }
    }
}

/// The octets of a frame with some of them changed.
fn nearly_a_frame() -> impl Strategy<Value = Vec<u8>> {
    let frame = b"MSRP abcd SEND\r\nTo-Path: msrp://a:1/s;tcp msrps://[::1]:2/t;tcp\r\nFrom-Path: msrp://b:1/s;tcp\r\n\
        Message-ID: abcd\r\nByte-Range: 1-*/8\r\nStatus: 000 200 OK\r\nContent-Type: a/b\r\n\r\nbody\r\n-------abcd$\r\n";
    let change = (any::<prop::sample::Index>(), any::<u8>());
    vec(change, 0..4).prop_map(move |changes| {
        let mut octets = frame.to_vec();
        for (at, value) in changes {
            let at = at.index(octets.len());
            octets[at] = value;
        }
        octets
    })
}
