//! MSRP sessions: rows MOD-3, DLV-9, DLV-10 (RFC 4975 §7).

use ipsmgw::base::Text;
use ipsmgw::exchange::{ExchangeKey, ReplyTo};
use ipsmgw::interwork::msrp::offer::OwnAddress;
use ipsmgw::interwork::msrp::*;
use ipsmgw::interwork::{Effect, Input, Refusal};
use ipsmgw::sip::{Capabilities, MessageIn};
use ipsmgw::wire::msrp::{Frame, Start};

use crate::world::{ALICE, BOB, Done, World, from_phone};

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

    /// The responses to what is held too long so many milliseconds later, all of it promised.
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
    // It is on its way: more of it changes nothing.
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
    // The last chunk tells the length.
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
fn so_many_messages_at_once() {
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

/// The frames that tell an outcome: `true` for a report, and the status code.
fn told(frames: &[Vec<u8>]) -> Vec<(bool, u16)> {
    let is_report = |frame: &Vec<u8>| frame.windows(8).any(|part| part == b" REPORT\r");
    frames
        .iter()
        .map(|frame| (is_report(frame), status(frame)))
        .collect()
}

#[test]
fn a_response_goes_to_the_connection_of_its_request() {
    let bare = send(OWN, PEER, "", "", '$');
    let bare = String::from_utf8(bare).unwrap();
    let bare = bare.replace(
        "Content-Type: text/plain\r\n\r\n\r\n",
        "Message-ID: bare\r\n",
    );
    let fields = "Message-ID: id-1\r\nSuccess-Report: yes\r\n";
    for (refreshed, moved, resent, delivered, failed) in [
        (
            false,
            false,
            false,
            &[(false, 200), (true, 200)][..],
            &[(false, 408)][..],
        ),
        (
            true,
            false,
            false,
            &[(false, 200), (true, 200)],
            &[(false, 408)],
        ),
        (true, true, false, &[(true, 200)], &[(true, 408)]),
        (
            true,
            true,
            true,
            &[(false, 200), (true, 200)],
            &[(false, 408)],
        ),
    ] {
        for (outcome, frames) in [
            (MsrpOutcome::Delivered, delivered),
            (MsrpOutcome::Failed(408), failed),
        ] {
            let row = format!("{refreshed} {moved} {resent} {outcome:?}");
            let mut session = Session::new();
            assert_eq!(session.send(fields, "hello", '$'), Got::Whole(0), "{row}");
            let other = send(OWN, PEER, "Message-ID: id-2\r\n", "x", '+');
            assert_eq!(session.frame(&other, 2), Got::Status(506), "{row}");
            if refreshed {
                let (peer, path) = (session.session.peer, session.session.path);
                session.session.offered_again(peer, path, false);
            }
            assert_eq!(session.session.connection, Some(1), "{row}");
            if moved {
                let first = session.frame(bare.as_bytes(), 2);
                assert_eq!(first, Got::Status(200), "{row}");
                assert_eq!(session.frame(bare.as_bytes(), 1), Got::Status(506), "{row}");
            }
            if resent {
                let octets = send(OWN, PEER, fields, "hello", '$');
                assert_eq!(session.frame(&octets, 2), Got::Nothing, "{row}: held again");
            }
            let found = session.session.outcome(0, outcome, 7);
            assert_eq!(told(&found), frames, "{row}");
        }
    }
    let mut session = Session::new();
    assert_eq!(session.send(fields, "hello", '$'), Got::Whole(0));
    let (peer, path) = (
        session.session.peer,
        Text::new("msrp://192.0.2.1:9/new;tcp"),
    );
    session.session.offered_again(peer, path.unwrap(), false);
    let found = session.session.outcome(0, MsrpOutcome::Failed(408), 7);
    assert!(found[0].windows(8).any(|part| part == b" REPORT\r"));
}

/// A client that has lost its connection before the response sends the message again (RFC 4975 §5.4).
#[test]
fn a_delivered_message_that_comes_again_is_reported_again() {
    let mut session = Session::new();
    let fields = "Message-ID: id-1\r\nSuccess-Report: yes\r\n";
    assert_eq!(session.send(fields, "hello", '$'), Got::Whole(0));
    session.session.outcome(0, MsrpOutcome::Delivered, 7);
    for (range, body, flag, size) in [
        ("1-3/5", "hel", '+', None),
        ("4-5/5", "lo", '$', Some("1-5/5")),
        ("1-5/5", "hello", '$', Some("1-5/5")),
    ] {
        let octets = send(
            OWN,
            PEER,
            &format!("{fields}Byte-Range: {range}\r\n"),
            body,
            flag,
        );
        let (_, frame) = Frame::decode(&octets).unwrap();
        let arrival = Arrival {
            connection: 1,
            now_ms: 2_000,
            limits: LIMITS,
            random: 7,
        };
        let got = session
            .session
            .receive(&frame, &arrival, &mut session.octets);
        let Received::Answer(frames) = got else {
            panic!("{got:?}")
        };
        let (_, response) = Frame::decode(&frames[0]).unwrap();
        assert!(matches!(response.start, Start::Response(200, _)));
        let report = frames.get(1).map(|report| Frame::decode(report).unwrap().1);
        let about = report.map(|report| report.byte_range().unwrap().unwrap());
        assert_eq!(about.map(|range| range.to_string()).as_deref(), size);
    }
}

#[test]
fn at_the_end_of_the_gateway_each_sender_gets_its_word() {
    let mut session = Session::new();
    for (number, fields) in ["", "Failure-Report: partial\r\n", "Failure-Report: no\r\n"]
        .into_iter()
        .enumerate()
    {
        let fields = format!("Message-ID: id-{number}\r\n{fields}");
        assert_eq!(session.send(&fields, "hello", '$'), Got::Whole(number));
    }
    assert_eq!(session.late(LIMITS.hold_ms).len(), 1);
    assert_eq!(
        session.send("Message-ID: id-3\r\n", "hello", '$'),
        Got::Whole(3)
    );
    assert_eq!(session.chunk("part", "1-*/*", "a", '+'), Got::Status(200));
    let undecided = session.session.undecided();
    let mut frames = Vec::new();
    for (place, _) in &undecided {
        frames.extend(session.session.outcome(*place, MsrpOutcome::Failed(408), 7));
    }
    assert_eq!(told(&frames), [(true, 408), (true, 408), (false, 408)]);
    assert!(session.session.undecided().is_empty());
}

#[test]
fn who_is_told_of_the_outcome() {
    use MsrpOutcome::{Delivered, Failed, Unknown};
    // Success-Report, Failure-Report, whether the hold time is over, the outcome, the frames.
    for (success, failure, is_late, outcome, told) in [
        ("no", "yes", false, Delivered, &[200][..]),
        ("yes", "yes", false, Delivered, &[200, 200]),
        ("yes", "no", false, Delivered, &[200]),
        ("no", "no", false, Delivered, &[]),
        ("no", "partial", false, Delivered, &[]),
        ("yes", "yes", false, Unknown, &[200]),
        ("yes", "yes", false, Failed(408), &[408]),
        ("no", "partial", false, Failed(403), &[403]),
        ("no", "no", false, Failed(403), &[]),
        ("no", "yes", true, Delivered, &[]),
        ("yes", "yes", true, Delivered, &[200]),
        ("no", "yes", true, Failed(403), &[403]),
        ("no", "partial", true, Failed(403), &[403]),
        ("yes", "no", true, Failed(403), &[]),
        ("yes", "yes", true, Unknown, &[]),
    ] {
        let row = format!("{success} {failure} {is_late} {outcome:?}");
        let mut session = Session::new();
        let fields = format!(
            "Message-ID: id-1\r\nSuccess-Report: {success}\r\nFailure-Report: {failure}\r\n"
        );
        assert_eq!(session.send(&fields, "hello", '$'), Got::Whole(0), "{row}");
        assert!(session.late(LIMITS.hold_ms - 1).is_empty(), "{row}");
        if is_late {
            let held = session.late(LIMITS.hold_ms);
            let held: Vec<u16> = held.iter().map(|frame| status(frame)).collect();
            assert_eq!(
                held,
                if failure == "yes" { &[200][..] } else { &[] },
                "{row}"
            );
        }
        let frames = session.session.outcome(0, outcome, 7);
        let codes: Vec<u16> = frames.iter().map(|frame| status(frame)).collect();
        assert_eq!(codes, told, "{row}");
        assert!(
            session.session.outcome(0, outcome, 7).is_empty(),
            "told once"
        );
        // Delivered once: the same again is only acknowledged.
        let again = session.send(&fields, "hello", '$');
        match outcome {
            Delivered => assert!(!matches!(again, Got::Whole(_)), "{row}"),
            Failed(_) | Unknown => assert_eq!(again, Got::Whole(0), "{row}"),
        }
    }
}

#[test]
fn a_session_ends_without_traffic_but_not_before_the_outcome() {
    let mut session = Session::new();
    assert_eq!(session.chunk("id-1", "1-*/*", "a", '+'), Got::Status(200));
    assert_eq!(session.session.due_ms(&LIMITS), 61_000);
    assert!(!session.session.is_idle(60_999, &LIMITS));
    assert!(session.session.is_idle(61_000, &LIMITS));
    assert_eq!(
        session.send("Message-ID: id-2\r\n", "hello", '$'),
        Got::Whole(1)
    );
    assert_eq!(session.session.due_ms(&LIMITS), 21_000);
    assert!(!session.session.is_idle(61_000, &LIMITS));
    session.session.outcome(1, MsrpOutcome::Delivered, 7);
    assert!(session.session.is_idle(61_000, &LIMITS));
}

#[test]
fn a_session_without_a_first_frame_ends_soon() {
    let mut session = Session::new();
    session.session.active_ms = 1_000;
    let long = MsrpLimits {
        idle_ms: 600_000,
        ..LIMITS
    };
    assert_eq!(session.session.due_ms(&long), 33_000);
    assert!(session.session.is_idle(33_000, &long));
    assert_eq!(session.chunk("id-1", "1-*/*", "a", '+'), Got::Status(200));
    assert_eq!(session.session.due_ms(&long), 601_000);
    for (sessions, share) in [(0, 4), (3, 4), (1_000, 62), (65_536, 4_096)] {
        assert_eq!(share_of_sessions(sessions), share);
    }
}

#[test]
fn an_msrp_sender_gets_its_response_before_it_gives_up() {
    for (hold_timeout_ms, hold_ms) in [(20_000, 20_000), (25_000, 25_000), (30_000, 25_000)] {
        assert_eq!(
            MsrpLimits::new(80_000, hold_timeout_ms, 60_000).hold_ms,
            hold_ms
        );
    }
}

/// A whole message comes in a session, and goes to the phone.
fn send_hello(world: &mut World) -> Done {
    let mut session = Session::new();
    assert_eq!(
        session.send("Message-ID: id-1\r\n", "hello", '$'),
        Got::Whole(0)
    );
    let about = session.session.message(0).unwrap();
    let translated = world.gateway.translate_session_message(
        &session.session,
        about,
        b"hello",
        Capabilities::default(),
        world.now,
    );
    let im = translated.unwrap();
    world.handle(Input::SessionMessage {
        im: &im,
        hold_ms: LIMITS.hold_ms,
    })
}

#[test]
fn a_whole_message_becomes_short_messages_and_its_outcome_is_told() {
    let mut world = World::new();
    let done = send_hello(&mut world);
    assert_eq!(
        (done.held.len(), done.enlisted.len()),
        (0, 1),
        "nobody is held"
    );
    let exchange = done.enlisted[0];
    let message = done.message();
    let call_id = message.call_id.clone().unwrap();
    let done = world.report(&MessageIn {
        in_reply_to: Some(&call_id),
        ..from_phone(ALICE, &[0x02, message.body[1]])
    });
    let [ended] = done.ended[..] else {
        panic!("{} outcomes", done.ended.len())
    };
    assert_eq!(ended.exchange, exchange);
    assert_eq!(outcome(&ended), MsrpOutcome::Delivered);
    assert_eq!(world.store.open(), 0);
}

/// The phone takes each RP-DATA in SIP, and sends no report.
#[test]
fn a_silent_phone_is_a_failure() {
    let mut world = World::new();
    let exchange = send_hello(&mut world).enlisted[0];
    for is_last in [false, true] {
        world.leg(exchange, 200);
        let done = world.no_report(exchange);
        let outcomes: Vec<MsrpOutcome> = done.ended.iter().map(outcome).collect();
        let told: &[MsrpOutcome] = if is_last {
            &[MsrpOutcome::Failed(408)]
        } else {
            &[]
        };
        assert_eq!(outcomes, told, "once more, then the end");
    }
}

#[test]
fn a_text_that_cannot_be_converted() {
    let world = World::new();
    let mut session = Session::new();
    assert_eq!(
        session.send("Message-ID: id-1\r\n", "x", '$'),
        Got::Whole(0)
    );
    let about = *session.session.message(0).unwrap();
    let mut translate = |octets: &[u8], recipient: &str| {
        session.session.recipient = Text::new(recipient).unwrap();
        let capabilities = Capabilities::default();
        let session = &session.session;
        let made = world.gateway.translate_session_message(
            session,
            &about,
            octets,
            capabilities,
            world.now,
        );
        made.map(drop)
    };
    for (octets, recipient, code) in [
        (&b"\xff"[..], ALICE, 400),
        (b"", ALICE, 400),
        (&[b'x'; 1_531], ALICE, 413),
        (b"x", "urn:service:sos", 403),
        (b"x", "http://example.com", 403),
    ] {
        assert_eq!(
            translate(octets, recipient),
            Err(MsrpOutcome::Failed(code)),
            "{recipient}"
        );
    }
}

const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\nm=message 9 TCP/MSRP *\r\n\
    a=accept-types:text/plain\r\na=path:msrp://192.0.2.1:9/abc;tcp\r\n";

/// An offer of a session to ALICE's phone.
fn invite<'a>(from: Option<&'a str>, to: &'a str) -> MessageIn<'a> {
    MessageIn {
        request_uri: to,
        original_uri: to,
        identity: from,
        from,
        content_type: Some("application/sdp"),
        body: OFFER.as_bytes(),
        ..MessageIn::default()
    }
}

fn status_of(refusal: &Refusal) -> (u16, bool) {
    let answer = &refusal.answer;
    (answer.status, answer.header_lines().contains("Retry-After"))
}

#[test]
fn who_gets_a_session() {
    let world = World::new();
    let open = |of_sender| OpenSessions {
        of_sender,
        capacity: 1_000,
    };
    for (from, to, of_sender, refused) in [
        (Some(BOB), ALICE, 0, None),
        (Some(BOB), ALICE, 61, None),
        (Some(BOB), ALICE, 62, Some((480, true))),
        (None, ALICE, 0, Some((403, false))),
        (Some(BOB), "urn:service:sos", 0, Some((404, false))),
    ] {
        let checked = world
            .gateway
            .check_session(&invite(from, to), open(of_sender), world.now);
        assert_eq!(
            checked.err().map(|refusal| status_of(&refusal)),
            refused,
            "{from:?} {to}"
        );
    }
    for (why, status) in [
        (NoSession::Unreadable, (400, false)),
        (NoSession::Full, (480, true)),
        (NoSession::Ended, (481, false)),
    ] {
        assert_eq!(status_of(&Box::<Refusal>::from(why)), status);
    }
}

#[test]
fn what_an_offered_session_is() {
    let world = World::new();
    let own = [OwnAddress {
        address: "192.0.2.9",
        port: 5060,
        is_secure: false,
    }];
    let answerer = |signalling| Answerer {
        own: &own,
        signalling,
        id: 7,
        max_size: 100,
    };
    let of = |offer: &str, signalling| {
        let offer = offer.as_bytes();
        let accepted = world
            .gateway
            .answer_offer(offer, answerer(signalling), "0000aabb");
        accepted.map_err(|refusal| status_of(&refusal))
    };
    assert_eq!(of(OFFER, None).unwrap_err(), (500, false));
    assert_eq!(of("v=0\r\n", Some("a")).unwrap_err(), (488, false));
    assert_eq!(of("x", Some("a")).unwrap_err(), (400, false));
    let accepted = of(OFFER, Some("192.0.2.9")).unwrap();
    let token = Text::new("0000aabb").unwrap();
    let session = |to: &str| {
        let invite = invite(Some(BOB), to);
        MsrpSession::offered_by(&invite, &accepted, token, (7, None), world.now)
            .map_err(|refusal| status_of(&refusal))
    };
    let opened = session(ALICE).unwrap();
    let texts = [opened.own.as_str(), opened.peer.as_str()];
    assert_eq!(texts, [OWN, PEER]);
    assert_eq!((opened.identity.as_str(), opened.dialog), (BOB, 7));
    let long = format!("sip:{}@ims.example", "1".repeat(254));
    assert_eq!(session(&long).unwrap_err(), (414, false));
}

#[test]
fn requests_in_a_session() {
    let world = World::new();
    for (asked, status) in [(InSession::Bye, 200), (InSession::Other, 488)] {
        let step = world.gateway.answer_in_session(REQUEST, asked);
        let [Effect::Answer(REQUEST, answer)] = &step.effects[..] else {
            panic!("{} effects", step.effects.len());
        };
        assert_eq!(answer.status, status);
    }
}
