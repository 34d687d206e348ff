//! The frames of a session in which the gateway sends: rows MOD-2, DLV-9 (RFC 4975 §7.1).

use ipsmgw::base::Text;
use ipsmgw::exchange::ExchangeKey;
use ipsmgw::interwork::msrp::offer::OwnAddress;
use ipsmgw::interwork::msrp::{
    ClientAccepted, SendingSession, SendingState, Sent, SessionDialog, SessionFault, describe,
};
use ipsmgw::sip::Sdp;
use ipsmgw::wire::msrp::{Continuation, Frame};

const TOKEN: &str = "0000abcdef0123456789abcdef01234567";
const OWN: &str = "msrp://192.0.2.9:5060/0000abcdef0123456789abcdef01234567;tcp";
const PEER: &str = "msrp://192.0.2.1:7000/abc;tcp";
const RELAY: &str = "msrp://192.0.2.5:9000/r;tcp";

fn offered() -> SendingSession {
    let exchange = ExchangeKey::new(1, 1).unwrap();
    let text = Text::new(OWN).unwrap();
    SendingSession::new(Text::new(TOKEN).unwrap(), exchange, text, 1_000, 20_000)
}

fn answer(path: &str, lines: &str) -> Vec<u8> {
    format!(
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\nm=message 7000 TCP/MSRP *\r\n\
         a=accept-types:text/plain\r\na=path:{path}\r\n{lines}"
    )
    .into_bytes()
}

/// A session with a message of this length that is being sent.
struct Sending {
    session: SendingSession,
    octets: Vec<u8>,
    sent: Vec<Vec<u8>>,
    now_ms: u64,
}

impl Sending {
    fn new(length: usize, path: &str, setup: &str, wants_report: bool) -> Self {
        let mut session = offered();
        let accepts = session.accepted(&answer(path, setup)).unwrap();
        assert!(accepts.text && !accepts.cpim);
        assert_eq!(accepts.is_relayed, path.contains(' '));
        let octets: Vec<u8> = (0..length).map(|at| b'a' + (at % 26) as u8).collect();
        session.total = u32::try_from(length).unwrap();
        session.wants_report = wants_report;
        let mut this = Self {
            session,
            octets,
            sent: Vec::new(),
            now_ms: 2_000,
        };
        let octets = this.octets.clone();
        let begun = this.session.begin(this.now_ms, &reader(&octets));
        this.sent = begun.frames;
        this
    }

    fn receive(&mut self, frame: &str, connection: i32) -> Sent {
        let octets = self.octets.clone();
        let (_, frame) = Frame::decode(frame.as_bytes()).unwrap();
        self.session
            .receive(&frame, connection, self.now_ms, &reader(&octets))
    }

    fn transaction(&self, chunk: usize) -> String {
        let (_, frame) = Frame::decode(&self.sent[chunk]).unwrap();
        frame.transaction.as_str().to_owned()
    }

    /// The client answers a chunk.
    fn respond(&mut self, chunk: usize, code: &str) -> Sent {
        let transaction = self.transaction(chunk);
        let mut sent = self.receive(&response(&transaction, code, PEER), 5);
        self.sent.append(&mut sent.frames);
        sent
    }
}

fn reader(octets: &[u8]) -> impl Fn(u32, u32) -> Vec<u8> + '_ {
    |at, len| octets[at as usize..(at + len) as usize].to_vec()
}

fn response(transaction: &str, code: &str, from: &str) -> String {
    format!(
        "MSRP {transaction} {code}\r\nTo-Path: {OWN}\r\nFrom-Path: {from}\r\n-------{transaction}$\r\n"
    )
}

fn report(range: &str, status: &str) -> String {
    let id = &TOKEN[4..];
    format!(
        "MSRP report01 REPORT\r\nTo-Path: {OWN}\r\nFrom-Path: {PEER}\r\nMessage-ID: {id}\r\n\
         Byte-Range: {range}\r\nStatus: 000 {status}\r\n-------report01$\r\n"
    )
}

#[test]
fn a_message_in_chunks() {
    let mut it = Sending::new(5_000, PEER, "a=setup:passive\r\n", false);
    assert_eq!(
        (it.session.state, it.session.connection),
        (SendingState::Sending, None)
    );
    // The first one goes alone.
    assert_eq!(it.sent.len(), 1);
    assert_eq!(it.respond(0, "200 OK"), Sent::default());
    let mut whole = Vec::new();
    for (number, octets) in it.sent.iter().enumerate() {
        let (rest, frame) = Frame::decode(octets).unwrap();
        assert!(rest.is_empty());
        let range = frame.byte_range().unwrap().unwrap();
        assert_eq!(
            (range.start, range.total),
            (number as u64 * 2048 + 1, Some(5_000))
        );
        assert_eq!(
            frame.content_type().unwrap(),
            Some("text/plain;charset=UTF-8")
        );
        let is_last = frame.continuation == Continuation::Last;
        assert_eq!(is_last, number == 2);
        whole.extend_from_slice(frame.body.unwrap());
    }
    assert_eq!(whole, it.octets);
    // In any order, and twice.
    for chunk in [2, 0, 2] {
        assert_eq!(it.respond(chunk, "200 OK"), Sent::default());
    }
    assert_eq!(it.respond(1, "200").outcome, Some(200));
}

#[test]
fn a_slow_client_holds_the_rest_back() {
    let mut it = Sending::new(100_000, PEER, "", false);
    assert_eq!(it.sent.len(), 1);
    let mut outcome = None;
    for chunk in 0..49 {
        assert_eq!(outcome, None);
        it.now_ms += 29_000;
        assert_eq!(it.session.due(it.now_ms, true), Sent::default());
        outcome = it.respond(chunk, "200 OK").outcome;
        assert_eq!(it.sent.len(), 49.min(chunk + 9));
    }
    assert_eq!(outcome, Some(200));
}

#[test]
fn the_client_opens_the_connection() {
    let mut it = Sending::new(10, PEER, "a=setup:active\r\n", false);
    assert_eq!(
        (it.sent.len(), it.session.state),
        (0, SendingState::Waiting)
    );
    let hello = format!(
        "MSRP hello001 SEND\r\nTo-Path: {OWN}\r\nFrom-Path: {PEER}\r\nMessage-ID: abcd\r\n-------hello001$\r\n"
    );
    let stranger = hello.replace("/abc", "/xyz");
    assert!(String::from_utf8_lossy(&it.receive(&stranger, 4).frames[0]).contains(" 481 "));
    let sent = it.receive(&hello, 5);
    assert_eq!(sent.frames.len(), 2);
    assert!(sent.frames[0].starts_with(b"MSRP hello001 200"));
    it.sent.push(sent.frames[1].clone());
    let text = hello.replace(
        "\r\n-------",
        "\r\nContent-Type: text/plain\r\n\r\nx\r\n-------",
    );
    assert!(it.receive(&text, 5).frames[0].starts_with(b"MSRP hello001 403"));
    assert!(it.receive(&hello, 6).frames[0].starts_with(b"MSRP hello001 506"));
    assert_eq!(it.respond(0, "200 OK").outcome, Some(200));
    // The first frame overtakes the answer.
    let (_, early) = Frame::decode(hello.as_bytes()).unwrap();
    for (path, connection) in [(PEER, Some(5)), (RELAY, None)] {
        let mut session = offered();
        let sent = session.receive(&early, 5, 1_000, &|_, _| Vec::new());
        assert!(sent.frames[0].starts_with(b"MSRP hello001 200"));
        session
            .accepted(&answer(path, "a=setup:active\r\n"))
            .unwrap();
        assert_eq!(session.connection, connection);
        assert_eq!(
            session.begin(2_000, &|_, _| Vec::new()).frames.len(),
            usize::from(path == PEER)
        );
    }
    // It comes before the message is there.
    let mut session = offered();
    session
        .accepted(&answer(PEER, "a=setup:active\r\n"))
        .unwrap();
    let sent = session.receive(&early, 5, 1_000, &|_, _| Vec::new());
    assert!(sent.frames[0].starts_with(b"MSRP hello001 200"));
    assert_eq!(session.connection, Some(5));
    assert_eq!(session.begin(2_000, &|_, _| Vec::new()).frames.len(), 1);
    // Nobody opens one.
    let mut it = Sending::new(10, PEER, "a=setup:active\r\n", false);
    assert_eq!(it.session.due(31_999, false), Sent::default());
    assert_eq!(it.session.due(32_000, false).outcome, Some(408));
}

#[test]
fn each_status_code() {
    for (code, status) in [
        ("400 x", 400),
        ("403", 403),
        ("408", 408),
        ("413", 413),
        ("415", 415),
        ("423", 480),
        ("481", 481),
        ("501", 501),
        ("506", 480),
        ("599", 500),
        ("499", 400),
    ] {
        let mut it = Sending::new(3_000, PEER, "", false);
        assert_eq!(it.respond(0, code).outcome, Some(status), "{code}");
    }
}

#[test]
fn responses_of_others_count_for_nothing() {
    let mut it = Sending::new(10, PEER, "", false);
    let transaction = it.transaction(0);
    for (response, connection) in [
        (response("0000000000000000", "200 OK", PEER), 5),
        (response(&transaction, "200 OK", RELAY), 5),
        (
            response(&transaction, "200 OK", PEER).replace("0000abcd", "0000abce"),
            5,
        ),
    ] {
        assert_eq!(it.receive(&response, connection), Sent::default());
    }
    assert_eq!(it.session.connection, None, "nobody else binds the session");
    it.session.connection = Some(5);
    assert_eq!(
        it.receive(&response(&transaction, "200 OK", PEER), 6),
        Sent::default()
    );
    assert_eq!(it.respond(0, "200 OK").outcome, Some(200));
}

#[test]
fn reports() {
    // Behind the response, before it, and in two pieces.
    let mut it = Sending::new(10, PEER, "", true);
    assert_eq!(it.respond(0, "200 OK"), Sent::default());
    assert_eq!(it.session.state, SendingState::Confirming);
    assert_eq!(it.receive(&report("1-4/10", "200 OK"), 5), Sent::default());
    assert_eq!(
        it.receive(&report("5-10/10", "200 OK"), 5).outcome,
        Some(200)
    );
    let mut it = Sending::new(10, PEER, "", true);
    assert_eq!(
        it.receive(&report("1-10/10", "200 OK"), 5).outcome,
        Some(200)
    );
    for (status, outcome) in [("408 x", 408), ("415", 415), ("400", 400)] {
        let mut it = Sending::new(10, PEER, "", false);
        assert_eq!(
            it.receive(&report("1-10/10", status), 5).outcome,
            Some(outcome)
        );
    }
    // About another message, and beyond this one.
    let mut it = Sending::new(10, PEER, "", true);
    let other = report("1-10/10", "200 OK").replace(&TOKEN[4..], "other");
    assert_eq!(it.receive(&other, 5), Sent::default());
    assert_eq!(it.receive(&report("1-11/11", "200 OK"), 5), Sent::default());
    // None comes: the client has the message, or a relay has it.
    for (path, outcome) in [(PEER.to_owned(), 200), (format!("{RELAY} {PEER}"), 202)] {
        let mut it = Sending::new(10, &path, "", true);
        let from = path.split(' ').next().unwrap().to_owned();
        let transaction = it.transaction(0);
        assert_eq!(
            it.receive(&response(&transaction, "200 OK", &from), 5),
            Sent::default()
        );
        assert_eq!(it.session.ended_by_client(), outcome);
        assert_eq!(it.session.due(it.now_ms + 19_999, true), Sent::default());
        assert_eq!(
            it.session.due(it.now_ms + 20_000, true).outcome,
            Some(outcome)
        );
    }
}

#[test]
fn the_connection_is_lost_or_silent() {
    let mut it = Sending::new(10, PEER, "", false);
    assert_eq!(it.session.ended_by_client(), 480);
    assert_eq!(it.session.due(2_500, true), Sent::default());
    assert_eq!(it.session.due(3_000, false).outcome, Some(408));
    let mut it = Sending::new(10, PEER, "", false);
    assert_eq!(it.session.due(32_000, true).outcome, Some(408));
}

#[test]
fn answers_that_cannot_be_used() {
    let good = String::from_utf8(answer(PEER, "")).unwrap();
    for (from, to) in [
        ("m=message 7000", "m=message 0"),
        ("m=message", "m=audio"),
        ("TCP/MSRP", "TCP/TLS/MSRP"),
        ("a=accept-types", "a=sendonly\r\na=accept-types"),
        ("a=accept-types", "a=inactive\r\na=accept-types"),
        ("a=path:", "a=other:"),
        (":7000/abc", "/abc"),
        ("/abc;", ";"),
        ("v=0", "x"),
    ] {
        let bad = good.replace(from, to);
        assert_eq!(offered().accepted(bad.as_bytes()), Err(488), "{to}");
    }
    assert!(offered().accepted(good.as_bytes()).is_ok());
}

fn dialog(peer_tag: &str) -> Option<SessionDialog> {
    Some(SessionDialog {
        call_id: Text::new("id").unwrap(),
        from: Text::new("sip:a@b").unwrap(),
        to: Text::new("sip:c@d").unwrap(),
        peer_tag: Text::new(peer_tag).unwrap(),
        target: Text::new("sip:e@f").unwrap(),
        routes: Text::EMPTY,
    })
}

#[test]
fn the_first_2xx_counts() {
    let good = answer(PEER, "");
    let mut session = offered();
    let first = session.client_accepted(dialog("one"), &good);
    assert!(matches!(first, ClientAccepted::First(Ok(_))), "{first:?}");
    for (peer_tag, found) in [
        ("one", ClientAccepted::Repeated),
        ("two", ClientAccepted::OtherClient),
    ] {
        assert_eq!(session.client_accepted(dialog(peer_tag), &good), found);
    }
    assert_eq!(session.dialog.unwrap().peer_tag.as_str(), "one");
    let not_sent = SendingState::Accepted { opens: false };
    for (dialog, description, status) in [(dialog("one"), &b"x"[..], 488), (None, &good, 500)] {
        let mut session = offered();
        let refused = session.client_accepted(dialog, description);
        assert_eq!(refused, ClientAccepted::First(Err(status)));
        assert_eq!(session.state, not_sent);
    }
    let mut session = offered();
    session.state = SendingState::Cancelled;
    let late = session.client_accepted(dialog("one"), &good);
    assert_eq!(late, ClientAccepted::TooLate);
    assert_eq!(session.state, not_sent);
    assert!(session.dialog.is_some(), "it gets a BYE");
}

#[test]
fn each_fault_of_a_session_has_a_status() {
    for (fault, status) in [
        (SessionFault::NoMemory, 503),
        (SessionFault::Ended, 480),
        (SessionFault::NoConnection, 408),
    ] {
        assert_eq!(Sent::failed(fault).outcome, Some(status));
    }
}

#[test]
fn the_offer() {
    let own = OwnAddress {
        address: "192.0.2.9",
        port: 5060,
        is_secure: false,
    };
    let sdp = describe(&own, OWN, 7);
    let sdp = Sdp::parse(sdp.as_bytes()).unwrap();
    let media = sdp.media().next().unwrap();
    assert!(media.is_msrp() && !media.is_secure());
    assert_eq!((media.port, media.path()), (5060, Some(OWN)));
    assert_eq!(media.attribute("sendonly"), Some(""));
    assert_eq!(media.attribute("setup"), Some("actpass"));
}
