//! Exchanges in a database: what is promised when it is written, what a crash leaves. Here: instant messages behind their `202`.

pub(crate) mod parts;
mod rp_ack;
mod stored_instead;

use ipsmgw::exchange::ExchangeKey;
use ipsmgw::interwork::{Counter, Input};

use crate::world::{ALICE, BOB, Done, World, instant, settings};

const RP_ACK: u8 = 0x03;

fn world() -> World {
    World::with_database(&settings())
}

/// An instant message that waits for the phone's report, a second and a half before the sender's time is over.
pub(crate) fn held(world: &mut World, text: &str) -> (ExchangeKey, Done) {
    let done = world.deliver(&instant(ALICE, text));
    let exchange = done.held[0];
    let first = done.sent[0].0.unwrap();
    world.leg(first, 200);
    let store_ms = world.now.unix_ms + world.gateway.policy.hold_timeout_ms - 1_500;
    loop {
        let done = world.next_due();
        if !done.asked.is_empty() {
            assert_eq!(world.now.unix_ms, store_ms);
            return (exchange, done);
        }
    }
}

/// A message whose sender has its `202`, in the database. The phone has it, and its report is missing.
pub(crate) fn promised(world: &mut World, text: &str) -> ExchangeKey {
    let (exchange, done) = held(world, text);
    for (asked, _) in done.asked {
        world.stored(asked);
    }
    world.pass(1_500);
    assert_eq!(world.hold_timeout(exchange).answer(), 202);
    exchange
}

#[test]
fn a_message_is_written_before_its_202() {
    let mut world = world();
    let (exchange, done) = held(&mut world, "hello");
    assert_eq!(done.asked, [(exchange, None)]);
    assert!(done.sent.is_empty() && done.answered.is_empty());
    assert!(world.stored(exchange).is_nothing());
    world.pass(1_500);
    assert_eq!(world.hold_timeout(exchange).answer(), 202);
    assert_eq!(world.store.rows(), 1);
    // The report comes after a crash: In-Reply-To names the message.
    let call_id = world.gateway_call_id(exchange, 1);
    world.crash(5_000);
    let done = world.report_on(ALICE, &[0x02, 0x01], &call_id);
    assert_eq!(done.counted, [Counter::ImDelivered]);
    assert_eq!((world.store.open(), world.store.rows()), (0, 0));
}

#[test]
fn a_message_without_a_report_is_sent_again_after_a_crash() {
    let mut world = world();
    let exchange = promised(&mut world, "hello");
    world.crash(5_000);
    assert_eq!(world.until_sent().sent[0].0, Some(exchange));
}

/// Each crash may cut off a report. So the phone that has taken the message twice gets it once more behind the next one.
#[test]
fn each_crash_lets_a_message_without_a_report_go_again() {
    let mut world = world();
    promised(&mut world, "hello");
    for _ in 0..3 {
        world.crash(5_000);
        let sent = world.until_sent().sent;
        world.leg(sent[0].0.unwrap(), 200);
    }
}

/// Crashes in short succession: the time for the report goes on, and does not begin anew with each of them.
#[test]
fn a_missing_report_holds_up_nothing_after_its_time() {
    let mut world = world();
    let first = promised(&mut world, "one");
    let ends_ms = world.now.unix_ms + world.gateway.policy.report_timeout_ms;
    loop {
        world.crash(500);
        let second = world.deliver(&instant(ALICE, "two"));
        assert_eq!(second.sent.len(), 1, "other messages go at once");
        world.leg(second.held[0], 503);
        let again = world.sent_within(3_500);
        if !again.is_empty() {
            break assert_eq!(again, [first]);
        }
        assert!(world.now.unix_ms < ends_ms);
    }
}

/// The phone got the message just before the crash: its report has the rest of the three seconds before other messages go.
#[test]
fn a_report_has_the_rest_of_its_time_after_a_crash() {
    let mut settings = settings();
    settings.hold_timeout = 2;
    let mut world = World::with_database(&settings);
    promised(&mut world, "one");
    world.crash(400);
    let second = world.deliver(&instant(ALICE, "two"));
    assert!(second.sent.is_empty());
    assert_eq!(world.sent_within(500), []);
    assert_eq!(world.sent_within(200), [second.held[0]]);
}

/// The clock of the machine was set back while the gateway was down.
#[test]
fn a_clock_that_is_set_back_holds_up_nothing() {
    let mut world = world();
    world.pass(3_600_000);
    promised(&mut world, "one");
    world.now.unix_ms -= 3_600_000;
    world.crash(0);
    let second = world.deliver(&instant(ALICE, "two"));
    assert_eq!(world.sent_within(3_000), [second.held[0]]);
}

/// Of a phone without reports one message goes twice. The others are kept meanwhile, and go when that one has ended.
#[test]
fn a_promise_outlasts_a_message_whose_reports_are_missing() {
    let mut world = world();
    let first = promised(&mut world, "one");
    let second = promised(&mut world, "two");
    let mut sent = Vec::new();
    while let Some((at, due)) = world.store.next_wake() {
        world.now.unix_ms = world.now.unix_ms.max(at);
        for (exchange, _) in world.handle(Input::Due { exchange: due }).sent {
            let exchange = exchange.unwrap();
            sent.push(exchange);
            world.leg(exchange, 200);
        }
        assert!(sent.len() < 10, "it ends");
    }
    assert_eq!(sent, [first, second]);
    assert_eq!((world.store.open(), world.store.rows()), (0, 0));
}

/// This many milliseconds pass; all changes are written.
fn written_until(world: &mut World, ms: u64) {
    let until_ms = world.now.unix_ms + ms;
    while let Some((at, exchange)) = world.store.next_wake().filter(|(at, _)| *at < until_ms) {
        world.now.unix_ms = world.now.unix_ms.max(at);
        for (asked, _) in world.handle(Input::Due { exchange }).asked {
            world.stored(asked);
        }
    }
    world.now.unix_ms = until_ms;
}

/// Its RP-DATA was under way in the crash, and there is no time left to send it again.
#[test]
fn a_message_that_no_phone_has_taken_fails_after_a_crash() {
    let mut world = world();
    let notify = crate::notifications::asking("negative-delivery", "hello");
    let mut message = crate::notifications::cpim(&notify);
    message.expires = Some("22");
    // The phone is busy with another message nearly all the time.
    let before = world.deliver(&instant(BOB, "first")).held[0];
    let exchange = world.deliver(&message).held[0];
    let hold_ms = world.gateway.policy.hold_timeout_ms;
    world.pass(hold_ms - 4_800);
    world.leg(before, 200);
    written_until(&mut world, 4_800);
    assert_eq!(world.hold_timeout(exchange).answer(), 202);
    world.crash(5_000);
    let failed = loop {
        let done = world.next_due();
        if done.counted.contains(&Counter::ImFailed) {
            break done;
        }
    };
    let notification = String::from_utf8_lossy(&failed.message().body);
    assert!(notification.contains("<failed/>"), "{notification}");
}

/// The notification is in the database before the row of its message goes, though that one waits for the SIP response.
#[test]
fn a_delivered_message_leaves_its_notification_alone() {
    let mut world = world();
    let notify = crate::notifications::asking("positive-delivery", "hello");
    let exchange = world.deliver(&crate::notifications::cpim(&notify)).held[0];
    let hold_ms = world.gateway.policy.hold_timeout_ms;
    written_until(&mut world, hold_ms - 1_000);
    let call_id = world.gateway_call_id(exchange, 1);
    let done = world.report_on(BOB, &[0x02, 0x01], &call_id);
    assert_eq!(done.answer(), 200);
    let notification = done.sent[0].0.unwrap();
    let rows: Vec<u64> = world.store.rows.keys().copied().collect();
    assert_eq!(rows, [notification.serial()]);
    assert_eq!(world.store.open(), 2);
}

#[test]
fn without_the_database_the_sender_hears_503() {
    let mut world = world();
    let (exchange, _) = held(&mut world, "hello");
    world.handle(Input::NotStored { exchange });
    world.pass(1_500);
    assert_eq!(world.hold_timeout(exchange).answer(), 503);
    assert_eq!((world.store.open(), world.store.rows()), (0, 0));
}

#[test]
fn all_parts_that_the_phone_has_not_are_written() {
    let mut world = world();
    let (exchange, done) = held(&mut world, &"long ".repeat(80));
    let asked: Vec<ExchangeKey> = done.asked.iter().map(|(key, _)| *key).collect();
    assert_eq!(asked.len(), 3);
    assert_eq!(asked[2], exchange);
    for key in &asked[1..] {
        world.stored(*key);
    }
    // One is missing: no promise.
    world.pass(1_500);
    assert_eq!(world.hold_timeout(exchange).answer(), 503);
    assert_eq!((world.store.open(), world.store.rows()), (0, 0));
}

#[test]
fn a_message_that_is_delivered_at_once_is_never_written() {
    let mut world = world();
    let done = world.deliver(&instant(ALICE, "hello"));
    let exchange = done.held[0];
    let call_id = world.gateway_call_id(exchange, 1);
    world.leg(exchange, 200);
    let done = world.report_on(ALICE, &[0x02, 0x01], &call_id);
    assert_eq!(done.answer(), 200);
    assert_eq!((world.store.open(), world.store.rows()), (0, 0));
}

#[test]
fn the_submission_of_a_message_can_be_recorded_again_after_a_crash() {
    let mut world = world();
    promised(&mut world, "hello");
    let records = world.books.take();
    let [record] = &records[..] else {
        panic!("one record")
    };
    let (row, texts) = world.store.rows.values().next().unwrap();
    let again = world.gateway.submission_again(row, texts, world.now);
    // The number is the host's.
    assert!(again == Some(*record), "the same record");
}

#[test]
fn a_stop_leaves_what_is_promised_to_the_next_start() {
    let mut world = world();
    let exchange = promised(&mut world, "hello");
    assert!(world.handle(Input::Stop { exchange }).is_nothing());
    assert_eq!((world.store.open(), world.store.rows()), (1, 1));
}

/// A client that has the notification knows it again.
#[test]
fn a_notification_keeps_its_message_id_over_a_crash() {
    let mut world = world();
    let notify = crate::notifications::asking("processing", "hello");
    let done = world.deliver(&crate::notifications::cpim(&notify));
    let exchange = done.held[0];
    world.leg(done.sent[0].0.unwrap(), 200);
    while world.next_due().asked.is_empty() {}
    world.stored(exchange);
    world.pass(1_500);
    let first = world.hold_timeout(exchange).sent.remove(0);
    world.crash(1_000);
    world.pass(30_000);
    let exchange = first.0.unwrap();
    let again = world.handle(Input::Due { exchange }).sent.remove(0);
    assert_eq!(again.1.body, first.1.body);
}
