//! Exchanges in a database: what is promised when it is written, what a crash leaves.

use ipsmgw::exchange::{Exchange, ExchangeKey, Kind, ReplyTo, TransactionId};
use ipsmgw::interwork::{Counter, Input, Verdict};

use crate::long_im_to_sm::deliver;
use crate::long_sm_to_im::{parts, parts_that_ask, whole};
use crate::stored_messages::{CLIENT, comes};
use crate::world::{ALICE, BOB, Done, World, from_phone, instant, settings};

const RP_ACK: u8 = 0x03;
const RP_ERROR: u8 = 0x05;

fn world() -> World {
    World::with_database(&settings())
}

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
    world.handle(Input::ImAnswered {
        exchange: id,
        status: 200,
    });
    let done = world.handle(Input::FinalSent {
        exchange: id,
        status: 202,
        open: 0,
    });
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

#[test]
fn a_long_text_is_not_delivered_again_after_a_crash_behind_its_rp_ack() {
    let mut world = world();
    let parts = parts_that_ask(&long(), 7, 1, |_| true);
    kept(&mut world, &parts[0]);
    kept(&mut world, &parts[1]);
    let (id, _) = whole(&world.submit(&from_phone(ALICE, &parts[2])));
    delivered(&mut world, id);
    assert_eq!(world.stored(id).message().body[..2], [RP_ACK, 3]);
    world.crash(5_000);
    // The RP-ACK goes again, behind the start.
    assert_eq!(world.store.next_wake(), Some((world.now.unix_ms, id)));
    let done = world.handle(Input::Due { exchange: id });
    assert_eq!(done.message().body[..2], [RP_ACK, 3]);
    // Each part has its status report: received.
    let done = world.leg(id, 200);
    assert!(!done.counted.contains(&Counter::SmIncomplete));
    let reports = world.store.all_im_to_sm();
    assert_eq!(
        (reports.len(), world.store.open(), world.store.rows()),
        (3, 3, 3)
    );
    let first = done.message().body.clone();
    let tp_st = 0x00;
    assert_eq!(first.last(), Some(&tp_st));
    // The phone had no RP-ACK, and sends the last part once more.
    let done = world.submit(&from_phone(ALICE, &parts[2]));
    assert_eq!(done.counted, [Counter::SmRepeated]);
    assert_eq!(done.message().body[..2], [RP_ACK, 3]);
}

#[test]
fn a_part_that_comes_again_before_the_rp_ack_is_written_waits_for_it() {
    let mut world = world();
    let parts = parts(&long(), 7, 1);
    kept(&mut world, &parts[0]);
    kept(&mut world, &parts[1]);
    let (id, _) = whole(&world.submit(&from_phone(ALICE, &parts[2])));
    delivered(&mut world, id);
    let mut again = parts[2].clone();
    again[1] = 77;
    let message = ipsmgw::sip::MessageIn {
        call_id: "again@phone",
        ..from_phone(ALICE, &again)
    };
    // The RP-MR is a new one: it is a part whose message has its outcome.
    let done = world.submit(&message);
    assert_eq!(done.counted, [Counter::SmRepeated]);
    world.stored(id);
    world.leg(id, 200);
    assert_eq!((world.store.open(), world.store.rows()), (0, 0));
}

#[test]
fn the_rp_ack_of_a_long_text_does_not_need_the_database() {
    let mut world = world();
    let parts = parts(&long(), 7, 1);
    kept(&mut world, &parts[0]);
    kept(&mut world, &parts[1]);
    let (id, _) = whole(&world.submit(&from_phone(ALICE, &parts[2])));
    delivered(&mut world, id);
    let done = world.handle(Input::NotStored { exchange: id });
    assert_eq!(done.message().body[..2], [RP_ACK, 3]);
    world.leg(id, 200);
    assert_eq!((world.store.open(), world.store.rows()), (0, 0));
}

/// A short message that asks for a status report.
fn asking() -> Vec<u8> {
    let mut tpdu = crate::world::submit_tpdu(0x07, 0x00, 0x00);
    tpdu[0] |= 0x20;
    crate::world::rp_data_mo(9, &tpdu)
}

#[test]
fn a_status_report_is_owed_over_a_crash() {
    let mut world = world();
    let id = world.relay(&from_phone(ALICE, &asking()));
    delivered(&mut world, id);
    assert_eq!(world.store.rows(), 0);
    let done = world.stored(id);
    assert_eq!(done.message().body[..2], [RP_ACK, 9]);
    world.crash(5_000);
    world.handle(Input::Due { exchange: id });
    let done = world.leg(id, 200);
    assert!(done.counted.contains(&Counter::StatusReport));
    // It is in the database in place of the message.
    assert_eq!((world.store.open(), world.store.rows()), (1, 1));
    world.crash(5_000);
    assert_eq!((world.store.open(), world.store.rows()), (1, 1));
    assert!(world.store.all_im_to_sm()[0].is_status_report());
}

#[test]
fn a_slow_database_does_not_hold_up_an_rp_ack() {
    let mut world = world();
    let id = world.relay(&from_phone(ALICE, &asking()));
    delivered(&mut world, id);
    let (at, due) = world.store.next_wake().unwrap();
    assert_eq!((at, due), (world.now.unix_ms + 5_000, id));
    world.now.unix_ms = at;
    let done = world.handle(Input::Due { exchange: id });
    assert_eq!(done.message().body[..2], [RP_ACK, 9]);
    // It is written too late, and its row goes.
    assert!(world.handle(Input::Stored { exchange: id }).is_nothing());
}

#[test]
fn a_delivery_that_waits_for_a_notification_waits_over_a_crash() {
    let mut world = world();
    let id = world.relay(&crate::confirmations::to_cpim(&asking()));
    world.handle(Input::ImAnswered {
        exchange: id,
        status: 202,
    });
    world.handle(Input::FinalSent {
        exchange: id,
        status: 202,
        open: 0,
    });
    world.stored(id);
    world.leg(id, 200);
    let wakes = world.store.next_wake();
    world.crash(5_000);
    assert_eq!(world.store.next_wake(), wakes);
    world.now.unix_ms = wakes.unwrap().0;
    let done = world.handle(Input::Due { exchange: id });
    assert!(done.counted.contains(&Counter::StatusReport));
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

/// The reports of a step, by the RP-MR of the part.
fn reports(done: &Done) -> Vec<(u8, u8)> {
    let bodies = done.sent.iter().map(|(_, message)| &message.body);
    bodies.map(|body| (body[0], body[1])).collect()
}

#[test]
fn a_part_that_is_not_written_is_delivered_with_its_message() {
    let mut world = world();
    let (id, transaction) = relayed_early(&mut world);
    world.handle(Input::ImAnswered {
        exchange: id,
        status: 200,
    });
    let done = world.handle(Input::FinalSent {
        exchange: id,
        status: 202,
        open: 0,
    });
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
    world.handle(Input::ImAnswered {
        exchange: id,
        status: 404,
    });
    let done = world.handle(Input::FinalSent {
        exchange: id,
        status: 202,
        open: 0,
    });
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

/// An instant message that waits for the phone's report, a second and a half before the sender's time is over.
pub(crate) fn held(world: &mut World, text: &str) -> (ExchangeKey, Done) {
    let done = world.deliver(&instant(ALICE, text));
    let exchange = done.held[0];
    let first = done.sent[0].0.unwrap();
    world.leg(first, 200);
    let store_ms = world.now.unix_ms + world.gateway.policy.hold_timeout_ms - 1_500;
    loop {
        let (at, due) = world.store.next_wake().unwrap();
        world.now.unix_ms = at;
        let done = world.handle(Input::Due { exchange: due });
        if !done.asked.is_empty() {
            assert_eq!(at, store_ms);
            return (exchange, done);
        }
    }
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
    let (exchange, _) = held(&mut world, "hello");
    world.stored(exchange);
    world.pass(1_500);
    assert_eq!(world.hold_timeout(exchange).answer(), 202);
    world.crash(5_000);
    let mut sent = Vec::new();
    while sent.is_empty() {
        let (at, exchange) = world.store.next_wake().unwrap();
        world.now.unix_ms = world.now.unix_ms.max(at);
        sent = world.handle(Input::Due { exchange }).sent;
    }
    assert_eq!(sent[0].0, Some(exchange));
}

/// Each crash may cut off a report. So the phone that has taken the message twice gets it once more behind the next one.
#[test]
fn each_crash_lets_a_message_without_a_report_go_again() {
    let mut world = world();
    let (exchange, _) = held(&mut world, "hello");
    world.stored(exchange);
    world.pass(1_500);
    assert_eq!(world.hold_timeout(exchange).answer(), 202);
    for _ in 0..3 {
        world.crash(5_000);
        let sent = loop {
            let (at, due) = world.store.next_wake().expect("it is not given up");
            world.now.unix_ms = world.now.unix_ms.max(at);
            let sent = world.handle(Input::Due { exchange: due }).sent;
            if !sent.is_empty() {
                break sent;
            }
        };
        world.leg(sent[0].0.unwrap(), 200);
    }
}

/// Of a phone without reports one message goes twice. The others are kept meanwhile, and go when that one has ended.
#[test]
fn a_promise_outlasts_a_message_whose_reports_are_missing() {
    let mut world = world();
    let (first, _) = held(&mut world, "one");
    world.stored(first);
    world.pass(1_500);
    assert_eq!(world.hold_timeout(first).answer(), 202);
    let (second, _) = held(&mut world, "two");
    world.stored(second);
    world.pass(1_500);
    assert_eq!(world.hold_timeout(second).answer(), 202);
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
        let (at, due) = world.store.next_wake().expect("it ends");
        world.now.unix_ms = world.now.unix_ms.max(at);
        let done = world.handle(Input::Due { exchange: due });
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
    let first = loop {
        let (at, due) = world.store.next_wake().expect("it goes on");
        world.now.unix_ms = world.now.unix_ms.max(at);
        let done = world.handle(Input::Due { exchange: due });
        if let Some((_, message)) = done.sent.first() {
            break message.body.clone();
        }
    };
    let text = long();
    let sent = deliver(&first).user_data.text().unwrap();
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
    let (exchange, _) = held(&mut world, "hello");
    world.stored(exchange);
    world.pass(1_500);
    assert_eq!(world.hold_timeout(exchange).answer(), 202);
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
    let (exchange, _) = held(&mut world, "hello");
    world.stored(exchange);
    world.pass(1_500);
    assert_eq!(world.hold_timeout(exchange).answer(), 202);
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
    loop {
        let (at, due) = world.store.next_wake().unwrap();
        world.now.unix_ms = at;
        if !world.handle(Input::Due { exchange: due }).asked.is_empty() {
            break;
        }
    }
    world.stored(exchange);
    world.pass(1_500);
    let first = world.hold_timeout(exchange).sent.remove(0);
    world.crash(1_000);
    world.pass(30_000);
    let exchange = first.0.unwrap();
    let again = world.handle(Input::Due { exchange }).sent.remove(0);
    assert_eq!(again.1.body, first.1.body);
}

#[test]
fn parts_that_came_to_two_nodes_are_joined_when_one_takes_over() {
    let (mut first, mut second) = (world(), world());
    let message = parts(&long(), 7, 1);
    // The keys of the first node are above those of the second one.
    for part in &parts(&long(), 9, 1)[..2] {
        kept(&mut first, part);
    }
    let key = kept(&mut first, &message[0]);
    kept(&mut second, &message[1]);
    kept(&mut second, &message[2]);
    let taken_up = second.takes_over(&first, key);
    assert!(taken_up.is_nothing());
    let soon = second.now.unix_ms + 1_000;
    assert_eq!(second.store.next_wake(), Some((soon, key)));
    let done = second.handle(Input::Due { exchange: key });
    second.stored(done.asked[0].0);
    let done = comes(&mut second, CLIENT);
    let body = String::from_utf8_lossy(&done.message().body);
    assert!(body.ends_with(&long()), "{body}");
    second.leg(done.sent[0].0.unwrap(), 200);
    assert_eq!((second.store.open(), second.store.rows()), (0, 0));
}
