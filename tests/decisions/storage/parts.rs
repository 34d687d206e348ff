//! Parts of long short messages: what is acknowledged when it is written, what a crash leaves.

use ipsmgw::exchange::{ExchangeKey, ReplyTo, TransactionId};
use ipsmgw::interwork::{Counter, Input, Verdict};
use ipsmgw::sip::MessageIn;

use super::{RP_ACK, world};
use crate::long_sm_to_im::{parts, parts_that_ask, whole};
use crate::stored_messages::{CLIENT, comes};
use crate::world::{ALICE, Done, World, from_phone};

const RP_ERROR: u8 = 0x05;

/// A text of three parts.
pub(crate) fn long() -> String {
    "The quick brown fox jumps. ".repeat(15)
}

/// A part is to be written, and its sender has no report yet.
pub(crate) fn asked(done: &Done) -> (ExchangeKey, TransactionId) {
    assert!(done.replies.is_empty() && done.sent.is_empty() && done.relayed.is_empty());
    let [(exchange, Some(transaction))] = done.asked[..] else {
        panic!("one exchange is to be written")
    };
    (exchange, transaction)
}

/// The report: RP-ACK or RP-ERROR, RP-MR, behind the `202` to this transaction.
fn reported(done: &Done, transaction: TransactionId) -> (u8, u8) {
    assert_eq!(done.reply(), 202);
    assert_eq!(done.replied_to, [ReplyTo::Transaction(transaction)]);
    (done.message().body[0], done.message().body[1])
}

/// A part that is written and acknowledged.
pub(crate) fn kept(world: &mut World, part: &[u8]) -> ExchangeKey {
    let (exchange, transaction) = asked(&world.submit(&from_phone(ALICE, part)));
    let done = world.stored(exchange);
    assert_eq!(reported(&done, transaction), (RP_ACK, part[1]));
    exchange
}

/// The last part comes: the whole message is delivered, and no row is left.
fn completed_by(world: &mut World, part: &[u8]) {
    let (id, text) = whole(&world.submit(&from_phone(ALICE, part)));
    assert_eq!(text, long());
    delivered(world, id);
    world.stored(id);
    world.leg(id, 200);
    assert_eq!((world.store.open(), world.store.rows()), (0, 0));
}

/// The client has a message whose RP-ACK waits for the database.
pub(crate) fn delivered(world: &mut World, id: ExchangeKey) {
    let done = world.client_answers(id, 200);
    assert!(done.sent.is_empty());
    assert_eq!(done.asked, [(id, None)]);
}

#[test]
fn a_part_is_acknowledged_when_it_is_written() {
    let mut world = world();
    let parts = parts(&long(), 7, 1);
    let done = world.submit(&from_phone(ALICE, &parts[0]));
    assert_eq!(done.counted, [Counter::SmPart]);
    let (exchange, transaction) = asked(&done);
    assert_eq!(world.store.rows(), 0);
    let done = world.stored(exchange);
    assert_eq!(reported(&done, transaction), (RP_ACK, 1));
    assert_eq!(
        crate::world::field(&done.message().headers, "In-Reply-To"),
        Some("submission@phone")
    );
    // Said once.
    assert!(world.stored(exchange).is_nothing());
    kept(&mut world, &parts[1]);
    completed_by(&mut world, &parts[2]);
}

#[test]
fn a_part_that_cannot_be_written_is_refused() {
    let mut world = world();
    let parts = parts(&long(), 7, 1);
    let (exchange, transaction) = asked(&world.submit(&from_phone(ALICE, &parts[0])));
    let done = world.handle(Input::NotStored { exchange });
    assert_eq!(reported(&done, transaction), (RP_ERROR, 1));
    // RP-Cause 42: congestion.
    assert_eq!(done.message().body[3] & 0x7F, 42);
    assert_eq!((world.store.open(), world.store.rows()), (0, 0));
    // The sender sends it again.
    kept(&mut world, &parts[0]);
}

#[test]
fn the_sender_does_not_wait_for_a_slow_database() {
    let mut world = world();
    let parts = parts(&long(), 7, 1);
    let (exchange, transaction) = asked(&world.submit(&from_phone(ALICE, &parts[0])));
    let done = world.handle(Input::HoldTimeout {
        exchange,
        transaction,
    });
    assert_eq!(reported(&done, transaction), (RP_ERROR, 1));
    assert_eq!(world.store.open(), 0);
    // It is written too late, and the row goes.
    assert!(world.handle(Input::Stored { exchange }).is_nothing());
}

#[test]
fn the_clock_of_a_message_goes_on_without_its_first_part() {
    let mut world = world();
    let parts = parts(&long(), 7, 1);
    let (first, _) = asked(&world.submit(&from_phone(ALICE, &parts[0])));
    let second = kept(&mut world, &parts[1]);
    world.handle(Input::NotStored { exchange: first });
    let (_, wakes) = world.store.next_wake().unwrap();
    assert_eq!(wakes, second);
}

#[test]
fn a_part_that_comes_again_waits_for_the_database() {
    let mut world = world();
    let parts = parts(&long(), 7, 1);
    let (exchange, first) = asked(&world.submit(&from_phone(ALICE, &parts[0])));
    let mut again = parts[0].clone();
    again[1] = 77;
    let message = ipsmgw::sip::MessageIn {
        call_id: "again@phone",
        ..from_phone(ALICE, &again)
    };
    let done = world.submit(&message);
    assert_eq!(done.replied_to, [ReplyTo::Transaction(first)]);
    assert_eq!(done.replies[0].1, Verdict::Answered);
    assert!(done.sent.is_empty());
    let [(same, Some(second))] = done.asked[..] else {
        panic!("it waits, too")
    };
    assert_eq!(same, exchange);
    let done = world.stored(exchange);
    assert_eq!(reported(&done, second), (RP_ACK, 77));
    assert_eq!(
        crate::world::field(&done.message().headers, "In-Reply-To"),
        Some("again@phone")
    );
}

#[test]
fn a_message_may_be_delivered_before_its_parts_are_written() {
    let mut world = world();
    let parts = parts(&long(), 7, 1);
    let owed: Vec<_> = parts[..2]
        .iter()
        .map(|part| asked(&world.submit(&from_phone(ALICE, part))))
        .collect();
    let (id, _) = whole(&world.submit(&from_phone(ALICE, &parts[2])));
    // One part is written, one is not; both senders get a report.
    let done = world.stored(owed[0].0);
    assert_eq!(reported(&done, owed[0].1), (RP_ACK, 1));
    delivered(&mut world, id);
    world.stored(id);
    world.leg(id, 200);
    assert_eq!((world.store.open(), world.store.rows()), (0, 0));
}

/// The last part of a message goes with the first one, whose sender waits for the database. The exchange of the message, and the
/// transaction of the first part.
fn relayed_early(world: &mut World) -> (ExchangeKey, TransactionId) {
    let parts = parts(&long(), 7, 1);
    let (exchange, transaction) = asked(&world.submit(&from_phone(ALICE, &parts[0])));
    kept(world, &parts[1]);
    let (id, _) = whole(&world.submit(&from_phone(ALICE, &parts[2])));
    let done = world.handle(Input::HoldTimeout {
        exchange,
        transaction,
    });
    // Only SIP cannot wait.
    assert_eq!(done.reply(), 202);
    assert_eq!(done.replied_to, [ReplyTo::Transaction(transaction)]);
    assert!(done.sent.is_empty());
    // It is written too late.
    assert!(world.stored(exchange).is_nothing());
    (id, transaction)
}

#[test]
fn a_part_that_is_not_written_and_comes_again_is_answered_at_once() {
    let mut world = world();
    let (id, _) = relayed_early(&mut world);
    let parts = parts(&long(), 7, 1);
    let again = MessageIn {
        call_id: "again@phone",
        ..from_phone(ALICE, &parts[0])
    };
    let done = world.submit(&again);
    assert_eq!(done.reply(), 202);
    assert!(done.asked.is_empty() && done.sent.is_empty());
    // Its report is the outcome of the message.
    world.handle(Input::ImAnswered {
        exchange: id,
        status: 404,
    });
    let done = world.handle(Input::FinalSent {
        exchange: id,
        status: 202,
        open: 0,
    });
    let report = done.sent.iter().find(|(_, message)| message.body[1] == 1);
    let (_, report) = report.expect("a report on this part");
    assert_eq!(report.body[0], RP_ERROR);
    let to = crate::world::field(&report.headers, "In-Reply-To");
    assert_eq!(to, Some("again@phone"));
}

/// The reports of a step, by the RP-MR of the part.
fn reports(done: &Done) -> Vec<(u8, u8)> {
    let bodies = done.sent.iter().map(|(_, message)| &message.body);
    bodies.map(|body| (body[0], body[1])).collect()
}

#[test]
fn a_part_that_is_not_written_is_delivered_with_its_message() {
    let mut world = world();
    let (id, transaction) = relayed_early(&mut world);
    let done = world.client_answers(id, 200);
    assert_eq!(done.asked, [(id, None)]);
    // tm reports the end of an earlier MESSAGE again.
    let earlier = Input::RequestCompleted {
        exchange: id,
        attempt: 0,
        status: 200,
    };
    assert!(world.handle(earlier).is_nothing());
    let mut done = world.stored(id);
    done.sent.extend(world.leg(id, 200).sent);
    let mut reports = reports(&done);
    reports.sort_unstable();
    assert_eq!(reports, [(RP_ACK, 1), (RP_ACK, 3)]);
    assert!(!done.replied_to.contains(&ReplyTo::Transaction(transaction)));
    assert_eq!((world.store.open(), world.store.rows()), (0, 0));
}

#[test]
fn a_part_that_is_not_written_fails_with_its_message() {
    let mut world = world();
    let (id, _) = relayed_early(&mut world);
    let done = world.client_answers(id, 404);
    let mut reports = reports(&done);
    reports.sort_unstable();
    assert_eq!(reports, [(RP_ERROR, 1), (RP_ERROR, 3)]);
    world.leg(id, 200);
    // The part that is written waits for another attempt.
    assert_eq!((world.store.open(), world.store.rows()), (1, 1));
    let mut parts = parts(&long(), 7, 1);
    kept(&mut world, &parts[0]);
    // As a new attempt.
    parts[2][1] = 9;
    completed_by(&mut world, &parts[2]);
}

#[test]
fn a_part_that_is_not_written_fails_though_another_message_has_its_reference() {
    let mut world = world();
    let (id, _) = relayed_early(&mut world);
    let other = parts(&"Another text of three parts. ".repeat(13), 7, 11);
    kept(&mut world, &other[0]);
    let mut reports = reports(&world.client_answers(id, 404));
    reports.sort_unstable();
    assert_eq!(reports, [(RP_ERROR, 1), (RP_ERROR, 3)]);
}

#[test]
fn a_part_that_comes_when_the_time_is_over_is_refused() {
    let mut world = world();
    let parts = parts(&long(), 7, 1);
    let first = kept(&mut world, &parts[0]);
    world.pass(world.gateway.policy.concat_timeout_ms);
    let (_, transaction) = asked(&world.submit(&from_phone(ALICE, &parts[1])));
    let done = world.handle(Input::Due { exchange: first });
    assert_eq!(done.replied_to, [ReplyTo::Transaction(transaction)]);
    assert_eq!(reports(&done)[0], (RP_ERROR, 2));
    // The text is stored with a gap where its sender knows that the part is missing.
    world.stored(done.asked[0].0);
    let done = comes(&mut world, CLIENT);
    let text = String::from_utf8_lossy(&done.message().body);
    assert!(text.contains("2/3 missing"), "{text}");
    world.leg(done.sent[0].0.unwrap(), 200);
    assert_eq!((world.store.open(), world.store.rows()), (0, 0));
}

#[test]
fn acknowledged_parts_survive_a_crash() {
    let mut world = world();
    let parts = parts(&long(), 7, 1);
    kept(&mut world, &parts[0]);
    // Not written yet: nothing was said, and the phone sends it again.
    asked(&world.submit(&from_phone(ALICE, &parts[1])));
    world.crash(5_000);
    assert_eq!(world.store.open(), 1);
    kept(&mut world, &parts[1]);
    completed_by(&mut world, &parts[2]);
}

#[test]
fn a_message_that_was_on_its_way_goes_when_its_last_part_comes_again() {
    let mut world = world();
    let parts = parts(&long(), 7, 1);
    kept(&mut world, &parts[0]);
    kept(&mut world, &parts[1]);
    whole(&world.submit(&from_phone(ALICE, &parts[2])));
    world.crash(5_000);
    assert_eq!(world.store.open(), 2);
    // The phone got no RP-ACK for its last part.
    completed_by(&mut world, &parts[2]);
}

#[test]
fn the_parts_of_a_failed_message_have_one_deadline() {
    let mut world = world();
    world.gateway.policy.concat_timeout_ms = 15_000;
    let mut parts = parts(&long(), 7, 1);
    kept(&mut world, &parts[0]);
    kept(&mut world, &parts[1]);
    // Each part that is taken up has a deadline of its own.
    world.crash(5_000);
    let (id, _) = whole(&world.submit(&from_phone(ALICE, &parts[2])));
    assert_eq!(reports(&world.client_answers(id, 404)), [(RP_ERROR, 3)]);
    world.leg(id, 200);
    assert!(world.sent_within(45_000).is_empty());
    // As a new attempt.
    parts[2][1] = 9;
    completed_by(&mut world, &parts[2]);
}

#[test]
fn the_parts_of_a_failed_message_that_come_again_are_new_ones() {
    let mut world = world();
    let mut parts = parts(&long(), 7, 1);
    kept(&mut world, &parts[0]);
    kept(&mut world, &parts[1]);
    let (id, _) = whole(&world.submit(&from_phone(ALICE, &parts[2])));
    world.client_answers(id, 404);
    world.leg(id, 200);
    // The last part does not come again.
    world.sent_within(130_000);
    assert_eq!((world.store.open(), world.store.rows()), (0, 0));
    kept(&mut world, &parts[0]);
    kept(&mut world, &parts[1]);
    // As a new attempt.
    parts[2][1] = 9;
    completed_by(&mut world, &parts[2]);
}

#[test]
fn parts_wait_for_the_repetition_of_the_last_one_after_each_crash() {
    for crashes in [&[5_000][..], &[5_000, 20_000]] {
        let mut world = world();
        world.gateway.policy.concat_timeout_ms = 15_000;
        let parts = parts(&long(), 7, 1);
        kept(&mut world, &parts[0]);
        kept(&mut world, &parts[1]);
        whole(&world.submit(&from_phone(ALICE, &parts[2])));
        for away_ms in crashes {
            world.crash(*away_ms);
        }
        // The phone waits up to 45 s for the report on its last part.
        world.pass(40_000);
        assert!(world.store.next_wake().unwrap().0 > world.now.unix_ms);
        completed_by(&mut world, &parts[2]);
    }
}

#[test]
fn what_was_on_its_way_is_not_delivered_twice() {
    let mut world = world();
    let parts = parts_that_ask(&long(), 7, 1, |_| true);
    kept(&mut world, &parts[0]);
    kept(&mut world, &parts[1]);
    whole(&world.submit(&from_phone(ALICE, &parts[2])));
    world.crash(5_000);
    // The last part does not come again: the sender gets the failure.
    let concat_ms = world.gateway.policy.concat_timeout_ms;
    world.pass(concat_ms);
    let (_, exchange) = world.store.next_wake().unwrap();
    let done = world.handle(Input::Due { exchange });
    assert!(done.sent.iter().all(|(exchange, _)| exchange.is_some()));
    assert!(done.counted.contains(&Counter::StatusReport));
    assert_eq!(world.store.all_im_to_sm().len(), 2);
}

#[test]
fn acknowledged_parts_are_delivered_after_a_crash_though_the_last_never_comes() {
    let mut world = world();
    let parts = parts(&long(), 7, 1);
    kept(&mut world, &parts[0]);
    kept(&mut world, &parts[1]);
    world.crash(5_000);
    let concat_ms = world.gateway.policy.concat_timeout_ms;
    world.pass(concat_ms);
    let (_, exchange) = world.store.next_wake().unwrap();
    let done = world.handle(Input::Due { exchange });
    let done = world.stored(done.asked[0].0);
    assert!(done.counted.contains(&Counter::SmIncomplete));
    let done = comes(&mut world, CLIENT);
    assert!(String::from_utf8_lossy(&done.message().body).starts_with("The quick"));
    world.leg(done.sent[0].0.unwrap(), 200);
    assert_eq!((world.store.open(), world.store.rows()), (0, 0));
}
