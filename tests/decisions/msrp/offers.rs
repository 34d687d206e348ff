//! Offers of sessions, and requests in a session.

use super::*;

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
fn accepted_and_refused_offers() {
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
fn the_values_of_an_accepted_offer() {
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
