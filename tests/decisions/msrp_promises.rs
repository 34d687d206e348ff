//! A message that came in an MSRP session, and whose last chunk is answered with 200 before the phone has it: a promise, which the
//! database keeps (RFC 4975 §7.1.4).

use ipsmgw::exchange::ExchangeKey;
use ipsmgw::interwork::msrp::{MsrpOutcome, outcome};
use ipsmgw::interwork::{Counter, Input, Verdict};
use ipsmgw::sip::MessageIn;

use crate::notifications::{asking, cpim};
use crate::world::{ALICE, BOB, Done, World, instant, settings};

const HOLD_MS: u64 = 20_000;

fn world() -> World {
    World::with_database(&settings())
}

/// A message that came in a session, and goes to the phone.
fn opened(world: &mut World, message: &MessageIn<'_>) -> Done {
    let im = world.translate_im(message);
    world.handle(Input::SessionMessage {
        im: &im,
        hold_ms: HOLD_MS,
    })
}

/// A message that came in a session, and that the phone takes in SIP: the exchange of its last part.
fn taken(world: &mut World, message: &MessageIn<'_>) -> ExchangeKey {
    let done = opened(world, message);
    world.leg(done.sent[0].0.unwrap(), 200);
    done.enlisted[0]
}

/// The same, a second and a half before the session answers: what is to be written.
fn asked(world: &mut World, message: &MessageIn<'_>) -> (ExchangeKey, Vec<ExchangeKey>) {
    let asked_ms = world.now.unix_ms + HOLD_MS - 1_500;
    let exchange = taken(world, message);
    loop {
        let done = world.next_due();
        if !done.asked.is_empty() {
            assert_eq!(world.now.unix_ms, asked_ms);
            let asked = done.asked.iter();
            return (exchange, asked.map(|(key, _)| *key).collect());
        }
    }
}

/// The session cannot hold the response any longer. Returns whether it is 200, and the outcomes.
fn hold_over(world: &mut World, exchange: ExchangeKey) -> (bool, Vec<MsrpOutcome>, Done) {
    world.pass(1_500);
    let done = world.handle(Input::SessionHoldTimeout { exchange });
    let told = done.ended.iter().map(outcome).collect();
    (done.verdict == Some(Verdict::Taken), told, done)
}

#[test]
fn a_message_is_written_before_its_200() {
    let mut world = world();
    let (exchange, written) = asked(&mut world, &instant(BOB, "hello"));
    assert_eq!(written, [exchange]);
    assert!(world.stored(exchange).is_nothing());
    let (is_promised, told, done) = hold_over(&mut world, exchange);
    assert!(is_promised && told.is_empty());
    assert_eq!(done.counted, [Counter::ImAccepted]);
    // The last chunk came again, and was held once more.
    let (is_promised, told, done) = hold_over(&mut world, exchange);
    assert!(is_promised && told.is_empty() && done.is_nothing());
    // The report comes after a crash: In-Reply-To names the message.
    let call_id = world.gateway_call_id(exchange, 1);
    world.crash(5_000);
    let done = world.report_on(BOB, &[0x02, 0x01], &call_id);
    assert_eq!(done.counted, [Counter::ImDelivered]);
    assert_eq!((world.store.open(), world.store.rows()), (0, 0));
}

#[test]
fn a_message_without_a_report_is_sent_again_after_a_crash() {
    let mut world = world();
    let (exchange, _) = asked(&mut world, &instant(BOB, "hello"));
    world.stored(exchange);
    assert!(hold_over(&mut world, exchange).0);
    world.crash(5_000);
    assert_eq!(world.until_sent().sent[0].0, Some(exchange));
}

#[test]
fn without_the_database_the_sender_gets_a_failure() {
    let mut world = world();
    let (exchange, _) = asked(&mut world, &instant(BOB, "hello"));
    world.handle(Input::NotStored { exchange });
    let (is_promised, told, _) = hold_over(&mut world, exchange);
    assert_eq!((is_promised, told), (false, vec![MsrpOutcome::Failed(408)]));
    assert_eq!((world.store.open(), world.store.rows()), (0, 0));
}

#[test]
fn all_parts_that_the_phone_has_not_are_written() {
    let mut world = world();
    let long = "long ".repeat(80);
    let (exchange, written) = asked(&mut world, &instant(BOB, &long));
    assert_eq!((written.len(), written[2]), (3, exchange));
    for key in &written[1..] {
        world.stored(*key);
    }
    // One is missing: no promise.
    let (is_promised, told, _) = hold_over(&mut world, exchange);
    assert_eq!((is_promised, told), (false, vec![MsrpOutcome::Failed(408)]));
    assert_eq!((world.store.open(), world.store.rows()), (0, 0));
}

#[test]
fn messages_in_memory_are_answered_at_the_same_time() {
    let mut world = World::new();
    let exchange = taken(&mut world, &instant(BOB, "hello"));
    world.pass(HOLD_MS - 1_500);
    let (is_promised, told, _) = hold_over(&mut world, exchange);
    assert!(is_promised && told.is_empty());
}

#[test]
fn a_known_failure_is_the_response() {
    let mut world = world();
    let exchange = opened(&mut world, &instant(BOB, "hello")).enlisted[0];
    // The phone's report may still come.
    world.leg(exchange, 403);
    let (is_promised, told, done) = hold_over(&mut world, exchange);
    assert_eq!((is_promised, told.len()), (false, 1));
    assert_eq!(done.ended[0].sip_failure, Some(403));
    let (is_promised, told, _) = hold_over(&mut world, exchange);
    assert!(!is_promised && told.is_empty(), "told once");
}

/// The message is stored, and is delivered later: a sender that hears of a failure would send it again.
#[test]
fn a_message_that_is_stored_has_not_failed() {
    // The phone is gone, or is gone when it is asked for its report.
    for is_taken in [false, true] {
        let mut world = world();
        let exchange = opened(&mut world, &instant(BOB, "hello")).enlisted[0];
        if is_taken {
            world.leg(exchange, 200);
            assert_eq!(world.no_report(exchange).sent.len(), 1, "once more");
        }
        let done = world.leg(exchange, 408);
        assert!(done.ended.is_empty());
        let done = world.stored(done.asked[0].0);
        let told: Vec<MsrpOutcome> = done.ended.iter().map(outcome).collect();
        assert_eq!(told, [MsrpOutcome::Unknown], "taken: {is_taken}");
        assert_eq!((world.store.open(), world.store.rows()), (0, 1));
    }
}

#[test]
fn a_stop_keeps_promised_messages_and_answers_the_others() {
    let mut world = world();
    let (exchange, _) = asked(&mut world, &instant(BOB, "kept"));
    world.stored(exchange);
    let long = taken(&mut world, &instant(ALICE, &"long ".repeat(80)));
    assert!(world.handle(Input::Stop { exchange }).is_nothing());
    let done = world.handle(Input::Stop { exchange: long });
    let told: Vec<MsrpOutcome> = done.ended.iter().map(outcome).collect();
    assert_eq!(told, [MsrpOutcome::Failed(408)]);
    assert!(hold_over(&mut world, exchange).0, "it may be answered now");
    assert!(!hold_over(&mut world, long).0);
    assert_eq!(world.store.rows(), 1);
}

/// The session is gone then.
#[test]
fn after_a_crash_the_sender_gets_the_notification_that_it_asked_for() {
    for (report, wanted, word) in [
        (&[0x02, 0x01][..], "positive-delivery", "<delivered/>"),
        (
            &[0x04, 0x01, 0x01, 0x15],
            "negative-delivery",
            "<forbidden/>",
        ),
    ] {
        let mut world = world();
        let body = asking(wanted, "hello");
        let (exchange, _) = asked(&mut world, &cpim(&body));
        world.stored(exchange);
        assert!(hold_over(&mut world, exchange).0);
        let call_id = world.gateway_call_id(exchange, 1);
        world.crash(5_000);
        let done = world.report_on(BOB, report, &call_id);
        let body = String::from_utf8_lossy(&done.message().body);
        assert!(body.contains(word), "{body}");
    }
}
