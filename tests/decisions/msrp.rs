//! MSRP sessions: rows MOD-3, DLV-9, DLV-10 (RFC 4975 §7).

use ipsmgw::base::Text;
use ipsmgw::exchange::{ExchangeKey, ReplyTo};
use ipsmgw::interwork::msrp::offer::OwnAddress;
use ipsmgw::interwork::msrp::*;
use ipsmgw::interwork::{Effect, Input, Refusal};
use ipsmgw::sip::{Capabilities, MessageIn};
use ipsmgw::wire::msrp::{Frame, Start};

use crate::world::{ALICE, BOB, Done, World, from_phone};

mod delivery;
mod offers;
mod outcomes;

const REQUEST: ReplyTo = ReplyTo::AtHand;

const OWN: &str = "msrp://192.0.2.9:5060/0000aabb;tcp";

const PEER: &str = "msrp://192.0.2.1:9/abc;tcp";

const LIMITS: MsrpLimits = MsrpLimits {
    max_size: 100,
    hold_ms: 20_000,
    idle_ms: 60_000,
};

/// The octets of messages in plain vectors.
#[derive(Default)]
struct Octets([Vec<u8>; MAX_MESSAGES]);

impl Rooms for Octets {
    fn write(&mut self, message: usize, at: u32, octets: &[u8]) -> bool {
        let (room, at) = (&mut self.0[message], at as usize);
        room.resize(room.len().max(at + octets.len()), 0);
        room[at..at + octets.len()].copy_from_slice(octets);
        true
    }

    fn clear(&mut self, message: usize) {
        self.0[message].clear();
    }
}

struct Session {
    session: MsrpSession,
    octets: Octets,
    now_ms: u64,
}

/// What became of a frame: the status code of the response, or the place of a whole message.
#[derive(Debug, PartialEq)]
enum Got {
    Nothing,
    Status(u16),
    Whole(usize),
    Response(u16),
}

impl Session {
    fn new() -> Self {
        let text = |text| Text::new(text).unwrap();
        let session = MsrpSession {
            token: Text::new("0000aabb").unwrap(),
            own: Text::new(OWN).unwrap(),
            peer: text(PEER),
            path: Text::new(PEER).unwrap(),
            connection: None,
            may_move: false,
            takes_notifications: false,
            dialog: 0,
            peer_dialog: None,
            identity: text(BOB),
            from: Text::EMPTY,
            privacy: Text::EMPTY,
            recipient: text(ALICE),
            active_ms: 0,
            messages: [None; MAX_MESSAGES],
            delivered: Default::default(),
            unanswered: Default::default(),
        };
        Self {
            session,
            octets: Octets::default(),
            now_ms: 1_000,
        }
    }

    fn frame(&mut self, octets: &[u8], connection: i32) -> Got {
        let (_, frame) = Frame::decode(octets).unwrap();
        let arrival = Arrival {
            connection,
            now_ms: self.now_ms,
            limits: LIMITS,
            random: 7,
        };
        match self.session.receive(&frame, &arrival, &mut self.octets) {
            Received::Nothing => Got::Nothing,
            Received::Answer(frames) => Got::Status(status(&frames[0])),
            Received::Message(place) => Got::Whole(place),
            Received::Response(code) => Got::Response(code),
        }
    }

    /// A SEND with these header fields, a body and a flag.
    fn send(&mut self, fields: &str, body: &str, flag: char) -> Got {
        self.frame(&send(OWN, PEER, fields, body, flag), 1)
    }

    /// The responses that were held too long, this many milliseconds later, if all messages are promised.
    fn late(&mut self, wait_ms: u64) -> Vec<Vec<u8>> {
        for (place, _) in self.session.undecided() {
            let exchange = ExchangeKey::new(1, 1 + place as u64).unwrap();
            self.session.sent_as(place, exchange);
        }
        let late = self.session.held_too_long(self.now_ms + wait_ms);
        let places = late.into_iter();
        places
            .filter_map(|late| self.session.promised(late.place))
            .collect()
    }

    fn chunk(&mut self, id: &str, range: &str, body: &str, flag: char) -> Got {
        self.send(
            &format!("Message-ID: {id}\r\nByte-Range: {range}\r\n"),
            body,
            flag,
        )
    }
}

fn send(to: &str, from: &str, fields: &str, body: &str, flag: char) -> Vec<u8> {
    format!(
        "MSRP tran1 SEND\r\nTo-Path: {to}\r\nFrom-Path: {from}\r\n{fields}Content-Type: text/plain\r\n\r\n{body}\r\n-------tran1{flag}\r\n"
    )
    .into_bytes()
}

fn status(frame: &[u8]) -> u16 {
    let (_, frame) = Frame::decode(frame).unwrap();
    assert_eq!(
        (frame.to_path.as_str(), frame.from_path.as_str()),
        (PEER, OWN)
    );
    match frame.start {
        Start::Response(status, _) => status,
        Start::Request(_) => frame.status().unwrap().unwrap().code,
    }
}

#[test]
fn chunks_in_any_order_are_one_message() {
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [2, 0, 1]] {
        let mut session = Session::new();
        for (count, part) in order.into_iter().enumerate() {
            let (range, body, flag) = [
                ("1-*/9", "abc", '+'),
                ("4-6/9", "def", '+'),
                ("7-9/9", "ghi", '$'),
            ][part];
            let got = session.chunk("id-1", range, body, flag);
            let wanted = if count == 2 {
                Got::Whole(0)
            } else {
                Got::Status(200)
            };
            assert_eq!(got, wanted, "{order:?}");
        }
        assert_eq!(session.octets.0[0], b"abcdefghi");
        assert_eq!(session.session.message(0).unwrap().size(), 9);
    }
}

#[test]
fn octets_that_come_twice_are_overwritten_and_an_end_that_is_wrong_does_not_count() {
    let mut session = Session::new();
    assert_eq!(
        session.chunk("id-1", "1-6/8", "abcXY", '+'),
        Got::Status(200)
    );
    assert_eq!(session.chunk("id-1", "4-*/*", "defgh", '$'), Got::Whole(0));
    assert_eq!(session.octets.0[0], b"abcdefgh");
    // The message is being delivered: further chunks change nothing.
    assert_eq!(session.chunk("id-1", "1-3/8", "zzz", '+'), Got::Status(200));
    assert_eq!(session.octets.0[0], b"abcdefgh");
}

#[test]
fn messages_that_are_refused() {
    for (range, body, flag, code) in [
        ("1-1/101", "x", '+', 413),
        ("101-*/*", "x", '+', 413),
        ("3-4/3", "x", '$', 400),
        ("2-*/2", "xx", '$', 400),
        ("0-1/1", "x", '$', 400),
        ("99999999999-*/*", "x", '+', 413),
    ] {
        let mut session = Session::new();
        assert_eq!(
            session.chunk("id-1", range, body, flag),
            Got::Status(code),
            "{range}"
        );
        // Its other chunks, too, until its end.
        if flag == '+' {
            assert_eq!(
                session.chunk("id-1", "2-*/*", "x", '$'),
                Got::Status(code),
                "{range}"
            );
        }
        assert!(session.session.message(0).is_none(), "{range}");
    }
    let mut session = Session::new();
    assert_eq!(
        session.send("", "x", '$'),
        Got::Status(400),
        "no Message-ID"
    );
    // The last chunk has the length.
    assert_eq!(
        session.chunk("id-1", "1-*/*", "abcdef", '+'),
        Got::Status(200)
    );
    assert_eq!(session.chunk("id-1", "3-*/*", "x", '$'), Got::Status(400));
}

#[test]
fn frames_of_others() {
    let mut session = Session::new();
    let whole = "Message-ID: id-1\r\n";
    let other = "msrp://192.0.2.1:9/other;tcp";
    for (to, from) in [
        (OWN, other),
        ("msrp://192.0.2.8:5060/0000aabb;tcp", PEER),
        (&format!("{OWN} {other}"), PEER),
    ] {
        let octets = send(to, from, whole, "x", '$');
        let (_, frame) = Frame::decode(&octets).unwrap();
        let arrival = Arrival {
            connection: 1,
            now_ms: 1_000,
            limits: LIMITS,
            random: 7,
        };
        let received = session
            .session
            .receive(&frame, &arrival, &mut session.octets);
        let Received::Answer(frames) = received else {
            panic!("{received:?}")
        };
        assert!(frames[0].starts_with(b"MSRP tran1 481 "), "{to} {from}");
    }
    assert_eq!(session.chunk("id-1", "1-*/*", "a", '+'), Got::Status(200));
    let octets = send(OWN, PEER, whole, "x", '$');
    assert_eq!(
        session.frame(&octets, 2),
        Got::Status(506),
        "another connection"
    );
}

#[test]
fn the_number_of_incomplete_messages_is_limited() {
    let mut session = Session::new();
    for number in 0..4 {
        assert_eq!(
            session.chunk(&format!("id-{number}"), "1-*/*", "a", '+'),
            Got::Status(200)
        );
    }
    assert_eq!(session.chunk("more", "1-*/*", "a", '+'), Got::Status(408));
    assert_eq!(
        session.chunk("id-2", "2-*/*", "", '#'),
        Got::Status(200),
        "given up"
    );
    assert_eq!(session.chunk("more", "1-*/*", "a", '+'), Got::Status(200));

    let mut session = Session::new();
    for number in 0..MAX_MESSAGES {
        let fields = format!("Message-ID: id-{number}\r\n");
        assert_eq!(session.send(&fields, "a", '$'), Got::Whole(number));
    }
    let more = "Message-ID: more\r\n";
    assert_eq!(session.send(more, "a", '$'), Got::Status(408));
    session.session.outcome(5, MsrpOutcome::Delivered, 7);
    assert_eq!(session.send(more, "a", '$'), Got::Whole(5));
}

/// A sender obeys `413` and sends no further chunk of the message: neither its last one nor one that gives it up.
#[test]
fn refused_messages_take_no_place_from_others() {
    let mut session = Session::new();
    for number in 0..3 * MAX_MESSAGES {
        let too_large = format!("1-*/{}", LIMITS.max_size + 1);
        assert_eq!(
            session.chunk(&format!("large-{number}"), &too_large, "a", '+'),
            Got::Status(413)
        );
    }
    for number in 0..MAX_MESSAGES {
        let fields = format!("Message-ID: id-{number}\r\n");
        assert!(matches!(session.send(&fields, "a", '$'), Got::Whole(_)));
    }
}

/// The frames with an outcome: `true` for a report, and the status code.
fn told(frames: &[Vec<u8>]) -> Vec<(bool, u16)> {
    let is_report = |frame: &Vec<u8>| frame.windows(8).any(|part| part == b" REPORT\r");
    frames
        .iter()
        .map(|frame| (is_report(frame), status(frame)))
        .collect()
}
