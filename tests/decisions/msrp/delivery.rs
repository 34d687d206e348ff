//! A whole message of a session becomes short messages.

use super::*;

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
fn a_whole_message_becomes_short_messages_and_the_sender_gets_the_outcome() {
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
