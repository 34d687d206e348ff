//! Any octets as an MSRP frame, or as a session description: the first octet chooses. A frame that was read is written
//! and read again.
#![no_main]

use ipsmgw::sip::{Sdp, push_rejected, push_session};
use ipsmgw::wire::msrp::{Frame, FrameWriter, Header, Start, TransactionId};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    match input.split_first() {
        Some((0, octets)) => frames(octets),
        Some((1, octets)) => description(octets),
        _ => {}
    }
});

fn frames(mut octets: &[u8]) {
    loop {
        match Frame::decode(octets) {
            Ok((rest, frame)) => {
                assert!(rest.len() < octets.len() && octets.ends_with(rest));
                again(&frame);
                octets = rest;
            }
            Err(error) => return assert!(error.offset <= octets.len()),
        }
    }
}

fn again(frame: &Frame<'_>) {
    let mut out = Vec::new();
    let Start::Request(method) = frame.start else {
        return;
    };
    FrameWriter::response(&mut out, frame, 200, "OK")
        .unwrap()
        .end();
    let (rest, response) = Frame::decode(&out).unwrap();
    assert_eq!((rest, response.transaction), (&[][..], frame.transaction));
    let body = frame.body.unwrap_or_default();
    let mut random = 0;
    let transaction = TransactionId::outside(body, || {
        random += 1;
        random
    });
    out.clear();
    let mut writer = FrameWriter::request(
        &mut out,
        transaction.as_ident(),
        method,
        frame.to_path,
        frame.from_path,
    );
    let mut media_type = "a/b";
    let mut written = Vec::new();
    for header in frame.headers() {
        match header {
            Ok(Header::ContentType(value)) => media_type = value,
            Ok(header) if writer.header(header).is_ok() => written.push(header),
            Ok(_) => {}
            Err(error) => assert_ne!(error.element, ""),
        }
    }
    match frame.body {
        Some(body) => {
            if writer.body(media_type, body, frame.continuation).is_err() {
                return;
            }
            written.push(Header::ContentType(media_type));
        }
        None => writer.end(),
    }
    let (rest, second) = Frame::decode(&out).unwrap();
    assert_eq!(
        (rest, second.start, second.body),
        (&[][..], frame.start, frame.body)
    );
    assert_eq!(
        (second.to_path, second.from_path),
        (frame.to_path, frame.from_path)
    );
    let read: Vec<_> = second.headers().map(Result::unwrap).collect();
    assert_eq!(read, written);
}

fn description(octets: &[u8]) {
    let sdp = match Sdp::parse(octets) {
        Ok(sdp) => sdp,
        Err(error) => return assert!(error.offset <= octets.len()),
    };
    let mut answer = String::new();
    push_session(&mut answer, 1, "192.0.2.1");
    for media in sdp.media() {
        let _ = (
            media.path(),
            media.accepts("text/plain"),
            media.accepts_wrapped("message/imdn+xml"),
        );
        let _ = (media.max_size(), media.direction(), media.setup());
        push_rejected(&mut answer, &media);
    }
    let answered = Sdp::parse(answer.as_bytes()).unwrap();
    assert_eq!(answered.media().count(), sdp.media().count());
    assert!(answered.media().all(|media| media.port == 0));
}
