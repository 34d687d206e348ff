//! Disposition notifications in MSRP sessions: for the client that wrote in the session, and of that client.

use ipsmgw::base::Text;
use ipsmgw::exchange::ExchangeKey;
use ipsmgw::interwork::msrp::{
    ByteRuns, MAX_MESSAGES, MsrpLimits, MsrpMessage, MsrpMessageState, MsrpSession, SessionFault,
};
use ipsmgw::interwork::{Counter, Input};
use ipsmgw::mime::{Cpim, DeliveryStatus, Disposition, IMDN_TYPE, Imdn};
use ipsmgw::sip::{Capabilities, Service};
use ipsmgw::wire::msrp::{Continuation, FailureReport, Frame};

use crate::confirmations::{imdn, message_id, to_cpim};
use crate::notifications::{asking, delivery};
use crate::status_reports;
use crate::world::{ALICE, BOB, Done, World, from_phone};

const TOKEN: &str = "0000aabbccddeeff00112233445566778";
const OWN: &str = "msrp://192.0.2.9:5060/0000aabbccddeeff00112233445566778;tcp";
const PEER: &str = "msrp://192.0.2.1:9/abc;tcp";

/// A session of ALICE's client with BOB's phone.
fn session() -> MsrpSession {
    let text = |text| Text::new(text).unwrap();
    MsrpSession {
        token: Text::new(TOKEN).unwrap(),
        own: Text::new(OWN).unwrap(),
        peer: text(PEER),
        path: Text::new(PEER).unwrap(),
        connection: Some(7),
        may_move: false,
        takes_notifications: true,
        dialog: 0,
        peer_dialog: None,
        identity: text(ALICE),
        from: Text::EMPTY,
        privacy: Text::EMPTY,
        recipient: text(BOB),
        active_ms: 0,
        messages: [None; MAX_MESSAGES],
        delivered: Default::default(),
        unanswered: Default::default(),
    }
}

fn whole(content_type: &str, octets: &[u8]) -> MsrpMessage {
    MsrpMessage {
        id: Text::new("id-1").unwrap(),
        content_type: Text::new(content_type).unwrap(),
        success_report: false,
        failure_report: FailureReport::Yes,
        received: ByteRuns::default(),
        total: u32::try_from(octets.len()).ok(),
        state: MsrpMessageState::Sent { exchange: None },
        held: None,
    }
}

/// A message of the session that asks for these; the phone answers with this RP message.
fn outcome(world: &mut World, session: &MsrpSession, wanted: &str, rp: &[u8]) -> Done {
    let body = asking(wanted, "hello");
    let message = whole("message/cpim", body.as_bytes());
    let (gateway, can) = (&world.gateway, Capabilities::default());
    let im = gateway.translate_session_message(session, &message, body.as_bytes(), can, world.now);
    let done = world.handle(Input::SessionMessage {
        im: &im.unwrap(),
        hold_ms: 20_000,
    });
    let rp_mr = done.message().body[1];
    let report = [&[rp[0], rp_mr], &rp[1..]].concat();
    world.report(&from_phone(BOB, &report))
}

fn answer(
    world: &World,
    session: &str,
    transaction: &str,
    code: u16,
) -> Option<(ExchangeKey, u16)> {
    let frame = format!(
        "MSRP {transaction} {code} OK\r\nTo-Path: {OWN}\r\nFrom-Path: {PEER}\r\n-------{transaction}$\r\n"
    );
    let (_, frame) = Frame::decode(frame.as_bytes()).unwrap();
    let answered = world.gateway.notification_answered(session, &frame, code);
    answered.map(|(exchange, input)| match input {
        Input::RequestCompleted { status, .. } => (exchange, status),
        _ => panic!("another input"),
    })
}

#[test]
fn the_client_gets_the_notification_in_its_session() {
    for (wanted, rp, told) in [
        ("positive-delivery", &[0x02][..], DeliveryStatus::Delivered),
        (
            "negative-delivery",
            &[0x04, 0x01, 21][..],
            DeliveryStatus::Forbidden,
        ),
    ] {
        let mut world = World::new();
        let mut session = session();
        let done = outcome(&mut world, &session, wanted, rp);
        let [(exchange, 1, token, body)] = &done.in_session[..] else {
            panic!("{} notifications", done.in_session.len());
        };
        assert_eq!(token, TOKEN);
        let cpim = Cpim::decode(body).unwrap();
        assert!(cpim.content.is(IMDN_TYPE));
        let imdn = Imdn::decode(&cpim.content.octets).unwrap();
        assert_eq!(imdn.disposition, Disposition::Delivery(told));
        assert_eq!(imdn.message_id, "Abc.123");
        let sent = world
            .gateway
            .notification_frame(&mut session, *exchange, 1, body, 0);
        let (octets, 7) = sent.unwrap() else {
            panic!("another connection");
        };
        let (rest, frame) = Frame::decode(&octets).unwrap();
        assert!(rest.is_empty() && frame.continuation == Continuation::Last);
        assert_eq!(frame.body, Some(&body[..]));
        let transaction = frame.transaction.as_str();
        let completed = answer(&world, TOKEN, transaction, 200);
        assert_eq!(completed, Some((*exchange, 200)));
        world.completed(*exchange, 1, 200);
        assert_eq!(world.store.open(), 0);
    }
}

/// The session has ended, the client refuses the frame, or does not answer it.
#[test]
fn a_notification_that_fails_in_the_session_goes_as_a_message() {
    for status in [Some(SessionFault::Ended.status()), Some(415), None] {
        let mut world = World::new();
        let done = outcome(&mut world, &session(), "positive-delivery", &[0x02]);
        let exchange = done.in_session[0].0;
        let done = match status {
            Some(status) => world.completed(exchange, 1, status),
            None => {
                world.pass(30_000);
                world.handle(Input::Due { exchange })
            }
        };
        assert!(done.in_session.is_empty());
        let message = done.message();
        assert!(message.service == Service::Im && message.identity == ALICE);
        assert_eq!(delivery(message), DeliveryStatus::Delivered);
        assert!(world.completed(exchange, 1, 200).is_nothing(), "too late");
        world.completed(exchange, 2, 200);
        assert_eq!(world.store.open(), 0);
    }
}

/// The client closes the connection or ends the session instead of responding: the gateway does not wait 30 s.
#[test]
fn without_a_connection_the_notification_goes_as_a_message_at_once() {
    let mut world = World::new();
    let mut session = session();
    let done = outcome(&mut world, &session, "positive-delivery", &[0x02]);
    let (exchange, 1, _, body) = &done.in_session[0] else {
        panic!("another attempt");
    };
    let (gateway, now_ms) = (&world.gateway, world.now.unix_ms);
    session.active_ms = now_ms;
    let sent = gateway.notification_frame(&mut session, *exchange, 1, body, now_ms);
    assert_eq!(sent.unwrap().1, 7);
    let limits = MsrpLimits {
        max_size: 1_000,
        hold_ms: 20_000,
        idle_ms: 600_000,
    };
    let due_ms = session.due_ms(&limits);
    assert!(due_ms <= now_ms + 1_000);
    assert_eq!(session.unanswered.connections_to_look_at(due_ms), [7]);
    let lost = session.unanswered.without_response(&[7], due_ms);
    let [lost] = &lost[..] else {
        panic!("{} are lost", lost.len());
    };
    assert_eq!((lost.exchange, lost.attempt), (*exchange, 1));
    let fault = SessionFault::NoConnection;
    let done = world.completed(lost.exchange, lost.attempt, fault.status());
    assert_eq!(delivery(done.message()), DeliveryStatus::Delivered);
    assert!(session.unanswered.all().next().is_none());
    world.completed(*exchange, 2, 200);
    assert_eq!(world.store.open(), 0);
}

#[test]
fn a_client_that_does_not_take_them_in_the_session() {
    let mut world = World::new();
    let deaf = MsrpSession {
        takes_notifications: false,
        ..session()
    };
    let done = outcome(&mut world, &deaf, "positive-delivery", &[0x02]);
    assert!(done.in_session.is_empty());
    assert_eq!(delivery(done.message()), DeliveryStatus::Delivered);
    let key = ExchangeKey::new(1, 1).unwrap();
    let unconnected = MsrpSession {
        connection: None,
        ..session()
    };
    for mut session in [deaf, unconnected] {
        let (gateway, session) = (&world.gateway, &mut session);
        let frame = gateway.notification_frame(session, key, 1, b"x", 0);
        assert_eq!(session.unanswered.all().count(), 0);
        assert_eq!(frame, Err(SessionFault::Ended));
    }
}

#[test]
fn no_client_answers_for_another_one() {
    let world = World::new();
    let key = ExchangeKey::new(1, 77).unwrap();
    let (octets, _) = world
        .gateway
        .notification_frame(&mut session(), key, 1, b"x", 0)
        .unwrap();
    let (_, frame) = Frame::decode(&octets).unwrap();
    let transaction = frame.transaction.as_str();
    let other = transaction.replacen("-4d-", "-4e-", 1);
    assert_ne!(other, transaction);
    for (session, transaction) in [
        (TOKEN, &*other),
        ("0001aabb", transaction),
        (TOKEN, "1-4d-1-0"),
        (TOKEN, "abcd"),
    ] {
        assert_eq!(answer(&world, session, transaction, 200), None);
    }
    assert_eq!(answer(&world, TOKEN, transaction, 481), Some((key, 481)));
}

/// The phone's short message was a MESSAGE; the client's notification comes in a session that it has with the phone.
#[test]
fn a_notification_of_the_client_completes_the_status_report() {
    let mut world = World::new();
    let done = world.submit(&to_cpim(&status_reports::asking(0x2A)));
    let (exchange, id) = (done.relayed[0], message_id(&done));
    world.handle(Input::ResponseForwarded {
        exchange,
        status: 202,
    });
    let status = 202;
    world.handle(Input::FinalSent {
        exchange,
        status,
        open: 0,
    });
    let from_client = MsrpSession {
        identity: Text::new(BOB).unwrap(),
        recipient: Text::new(ALICE).unwrap(),
        ..session()
    };
    let read = |world: &World, session: &MsrpSession, body: &[u8]| {
        let message = whole("message/cpim", body);
        let report = world.gateway.session_notification(session, &message, body);
        report.map(|report| (report.reporter, report.named))
    };
    let delivered = Disposition::Delivery(DeliveryStatus::Delivered);
    let body = imdn(&id, delivered);
    let message = whole("message/cpim", &body);
    let report = world
        .gateway
        .session_notification(&from_client, &message, &body)
        .unwrap();
    let request = ipsmgw::exchange::ReplyTo::AtHand;
    let done = world.handle(Input::Report {
        report: &report,
        request,
    });
    assert!(!done.counted.contains(&Counter::ReportUnknown));
    // A notification about another message, and a body that is no notification: not for the gateway.
    let foreign = imdn("other", delivered);
    assert!(read(&world, &from_client, &foreign).is_none());
    let text = asking("positive-delivery", "hello");
    assert!(read(&world, &from_client, text.as_bytes()).is_none());
}
