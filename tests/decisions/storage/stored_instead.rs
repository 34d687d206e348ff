//! Instant messages behind their `202` that become stored messages, because their phone is gone or has no memory.

use ipsmgw::exchange::{Exchange, ExchangeKey, Kind};
use ipsmgw::interwork::{Counter, Input};

use super::parts::long;
use super::{held, world};
use crate::long_im_to_sm::deliver;
use crate::stored_messages::{CLIENT, comes};
use crate::world::{ALICE, BOB, World, settings};

/// A long message behind its `202` whose phone has no memory: the stored message that the database is to write.
fn long_message_is_refused(world: &mut World) -> ExchangeKey {
    let (last, done) = held(world, &long());
    let parts: Vec<ExchangeKey> = done.asked.iter().map(|(key, _)| *key).collect();
    for key in &parts {
        world.stored(*key);
    }
    world.pass(1_500);
    assert_eq!(world.hold_timeout(last).answer(), 202);
    let call_id = world.gateway_call_id(parts[0], 1);
    let done = world.report_on(ALICE, &[0x04, 0x01, 0x01, 0x80 | 22], &call_id);
    done.asked[0].0
}

/// A crash leaves its parts, or the whole of it as a stored message: never some of its parts, and never both.
#[test]
fn a_crash_leaves_a_message_that_becomes_a_stored_one_whole() {
    let rows = |world: &World| -> Vec<Kind> {
        let rows = world.store.rows.values();
        rows.map(|(row, _)| row.kind()).collect()
    };
    let parts = [Kind::ImToSm; 3];
    // Before the database has the stored message: its parts go on.
    let mut world = world();
    long_message_is_refused(&mut world);
    assert_eq!(rows(&world), parts);
    world.crash(5_000);
    let first = world.until_sent();
    let text = long();
    let sent = deliver(&first.sent[0].1.body).user_data.text().unwrap();
    assert!(text.starts_with(&*sent) && !sent.is_empty(), "{sent}");

    // The database has it, and the core does not know that yet.
    let mut world = self::world();
    let stored = long_message_is_refused(&mut world);
    world.store.write(stored);
    assert_eq!(rows(&world), [Kind::StoredMessage]);
    world.crash(5_000);
    assert_eq!((world.store.open(), world.store.rows()), (0, 1));

    // And without a crash.
    let mut world = self::world();
    let stored = long_message_is_refused(&mut world);
    world.stored(stored);
    assert_eq!(world.store.open(), 0);
    assert_eq!(rows(&world), [Kind::StoredMessage]);
}

/// Behind its `202` the phone takes a message once, sends no report, and is gone when it is asked again: the message is stored.
#[test]
fn a_message_whose_phone_is_gone_before_its_report_is_stored() {
    for text in ["hello", &long()] {
        let mut world = world();
        let (last, done) = held(&mut world, text);
        let first = done.asked[0].0;
        for (key, _) in done.asked {
            world.stored(key);
        }
        world.pass(1_500);
        assert_eq!(world.hold_timeout(last).answer(), 202);
        assert_eq!(world.no_report(first).sent.len(), 1, "once more");
        let done = world.leg(first, 480);
        assert_eq!((done.sent.len(), done.asked.len()), (0, 1));
        world.stored(done.asked[0].0);
        assert_eq!((world.store.open(), world.store.rows()), (0, 1));
        let Some((Exchange::StoredMessage(message), _)) = world.store.rows.values().next() else {
            panic!("a stored message")
        };
        // At the end of its validity, "failed" would be wrong.
        assert!(message.may_be_there);
        let done = comes(&mut world, CLIENT);
        assert_eq!(done.message().body, text.as_bytes());
    }
}

/// The same without a database for it: the sender, which has its `202`, hears that it failed.
#[test]
fn a_message_whose_phone_is_gone_before_its_report_fails_without_a_store() {
    let mut world = World::with(&settings());
    let notify = crate::notifications::asking("positive-delivery, negative-delivery", "hello");
    let exchange = world.deliver(&crate::notifications::cpim(&notify)).held[0];
    world.leg(exchange, 200);
    let hold_ms = world.gateway.policy.hold_timeout_ms;
    world.pass(hold_ms);
    assert_eq!(world.hold_timeout(exchange).answer(), 202);
    assert_eq!(world.no_report(exchange).sent.len(), 1, "once more");
    let call_id = world.gateway_call_id(exchange, 1);
    let done = world.leg(exchange, 480);
    let body = String::from_utf8_lossy(&done.message().body);
    assert!(body.contains("<failed/>"), "{body}");
    // The report comes after all.
    let done = world.report_on(BOB, &[0x02, 0x01], &call_id);
    assert!(done.counted.contains(&Counter::ImDelivered) || !done.sent.is_empty());
    assert_eq!(world.store.all_im_to_sm().len(), 0);
}

/// Its parts end with it if the database does not take it.
#[test]
fn a_long_message_that_cannot_become_a_stored_one_ends() {
    let mut world = world();
    let stored = long_message_is_refused(&mut world);
    let done = world.handle(Input::NotStored { exchange: stored });
    assert!(done.sent.is_empty());
    assert_eq!((world.store.open(), world.store.rows()), (0, 0));
}
