//! The outcome of a message in a session, and the end of a session.

use super::*;

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
fn at_the_stop_each_sender_gets_its_outcome() {
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
fn the_outcome_goes_to_senders_that_want_it() {
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
