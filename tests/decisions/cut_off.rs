//! A node that is cut off from the database and from the other nodes.

use ipsmgw::exchange::ExchangeKey;
use ipsmgw::interwork::{Counter, Input};
use ipsmgw::sip::MessageIn;

use crate::long_sm_to_im::{parts, whole};
use crate::storage::parts::{asked, delivered, kept, long};
use crate::storage::promised;
use crate::world::{
    ALICE, BOB, World, from_phone, held_as, instant, rp_data_mo, settings, submit_tpdu,
};

#[test]
fn messages_that_another_node_may_deliver_wait_for_the_database() {
    let mut world = World::with_database(&settings());
    let exchange = promised(&mut world, "hello");
    world.now.is_cut_off = true;
    assert_eq!(world.sent_within(120_000), []);
    // Messages without a promise go on.
    assert_eq!(world.deliver(&instant(BOB, "no promise")).sent.len(), 1);
    world.now.is_cut_off = false;
    assert_eq!(world.sent_within(2_000), [exchange]);
}

#[test]
fn a_stored_message_of_several_parts_waits_too() {
    let mut world = crate::stored_messages::world();
    let text = "The quick brown fox jumps. ".repeat(15);
    let stored = world
        .gateway
        .translate_to_store(&instant(BOB, &text), world.now);
    let stored = stored.ok().unwrap();
    let asked = world.handle(stored.input(held_as(1))).asked[0].0;
    world.stored(asked);
    let done = crate::stored_messages::comes(&mut world, crate::stored_messages::PHONE);
    let first = done.sent[0].0.unwrap();
    world.leg(first, 200);
    let rp_mr = world.store.im_to_sm(first).unwrap().rp_mr;
    let call_id = world.gateway_call_id(first, 1);
    world.now.is_cut_off = true;
    let done = world.report_on(BOB, &[0x02, rp_mr], &call_id);
    assert!(done.sent.is_empty(), "the second part");
    assert_eq!(world.sent_within(120_000), []);
    world.now.is_cut_off = false;
    assert_eq!(world.sent_within(2_000).len(), 1);
}

#[test]
fn an_rp_report_that_another_node_may_send_waits_too() {
    let mut world = World::with_database(&settings());
    // It asks for a status report: after a crash this node, or another one, sends the RP-ACK once more.
    let mut tpdu = submit_tpdu(0x07, 0x00, 0x00);
    tpdu[0] |= 0x20;
    let exchange = world.relay(&from_phone(ALICE, &rp_data_mo(9, &tpdu)));
    world.client_answers(exchange, 200);
    assert_eq!(world.stored(exchange).message().body[..2], [0x03, 9]);
    world.now.is_cut_off = true;
    assert!(world.completed(exchange, 1, 408).sent.is_empty());
    assert_eq!(world.sent_within(600_000), []);
    world.now.is_cut_off = false;
    assert_eq!(world.sent_within(2_000), [exchange]);
    // It was lost twice.
    world.completed(exchange, 2, 408);
    assert_eq!(world.store.rows(), 1, "the status report alone");
}

#[test]
fn an_rp_report_of_an_earlier_start_waits_too() {
    let mut world = World::with_database(&settings());
    let mut tpdu = submit_tpdu(0x07, 0x00, 0x00);
    tpdu[0] |= 0x20;
    let exchange = world.relay(&from_phone(ALICE, &rp_data_mo(9, &tpdu)));
    world.client_answers(exchange, 200);
    world.stored(exchange);
    world.crash(5_000);
    world.now.is_cut_off = true;
    assert_eq!(world.sent_within(600_000), []);
    world.now.is_cut_off = false;
    assert_eq!(world.sent_within(2_000), [exchange]);
}

#[test]
fn a_report_still_counts() {
    let mut world = World::with_database(&settings());
    let exchange = promised(&mut world, "hello");
    world.now.is_cut_off = true;
    world.sent_within(120_000);
    let call_id = world.gateway_call_id(exchange, 1);
    world.report_on(ALICE, &[0x02, 0x01], &call_id);
    assert_eq!((world.store.open(), world.store.rows()), (0, 0));
}

/// A stored message of an earlier start is on its way to the phone; then the node is cut off.
fn cut_off_on_its_way() -> (World, ExchangeKey) {
    let mut world = World::with_database(&settings());
    let exchange = promised(&mut world, "hello");
    world.crash(5_000);
    assert_eq!(world.until_sent().sent[0].0, Some(exchange));
    world.now.is_cut_off = true;
    (world, exchange)
}

#[test]
fn a_message_that_another_node_may_have_delivered_does_not_fail_without_a_response() {
    let (mut world, exchange) = cut_off_on_its_way();
    // The process stood still: nobody has reported the end of the transaction.
    world.pass(60_000);
    assert!(world.handle(Input::Due { exchange }).is_nothing());
    assert_eq!(world.sent_within(60_000), []);
    assert_eq!((world.store.open(), world.store.rows()), (1, 1));
    world.now.is_cut_off = false;
    let done = world.next_due();
    assert_eq!(done.counted, [Counter::ReportMissing]);
}

#[test]
fn a_message_that_another_node_may_have_delivered_does_not_fail_in_sip() {
    for status in [408, 500, 604] {
        let (mut world, exchange) = cut_off_on_its_way();
        assert!(world.leg(exchange, status).is_nothing());
        assert_eq!(world.sent_within(60_000), []);
        assert_eq!((world.store.open(), world.store.rows()), (1, 1));
        world.now.is_cut_off = false;
        assert_eq!(world.sent_within(2_000), [exchange]);
    }
}

#[test]
fn a_message_that_another_node_may_have_delivered_does_not_expire() {
    let mut world = World::with_database(&settings());
    let first = promised(&mut world, "hello");
    let second = world
        .deliver(&MessageIn {
            expires: Some("60"),
            ..instant(ALICE, "for a minute")
        })
        .sent[0]
        .0
        .unwrap();
    world.leg(second, 200);
    while world.store.rows() < 2 {
        for (asked, _) in world.next_due().asked {
            world.stored(asked);
        }
    }
    world.pass(1_500);
    assert_eq!(world.hold_timeout(second).answer(), 202);
    world.crash(5_000);
    assert_eq!(world.until_sent().sent[0].0, Some(first));
    world.now.is_cut_off = true;
    world.pass(120_000);
    let call_id = world.gateway_call_id(first, 1);
    let done = world.report_on(ALICE, &[0x02, 0x01], &call_id);
    assert_eq!(done.counted, [Counter::ImDelivered]);
    assert_eq!(world.sent_within(60_000), []);
    assert_eq!((world.store.open(), world.store.rows()), (1, 1));
    world.now.is_cut_off = false;
    assert_eq!(world.next_due().counted, [Counter::ReportMissing]);
}

#[test]
fn a_sender_who_cannot_wait_hears_of_no_failure_that_another_node_may_belie() {
    for (is_cut_off, answer) in [(false, 480), (true, 202)] {
        let mut world = World::with_database(&settings());
        // The phone is silent.
        let exchange = world.deliver(&instant(ALICE, "hello")).held[0];
        let done = world.next_due();
        assert_eq!(done.asked, [(exchange, None)]);
        world.stored(exchange);
        world.now.is_cut_off = is_cut_off;
        world.pass(1_500);
        assert_eq!(world.hold_timeout(exchange).answer(), answer);
        let left = usize::from(is_cut_off);
        assert_eq!(world.store.rows(), left);
    }
}

#[test]
fn a_taken_over_exchange_is_forgotten_and_its_row_stays() {
    let mut world = World::with_database(&settings());
    let exchange = promised(&mut world, "hello");
    let done = world.handle(Input::TakenOver { exchange });
    assert!(done.sent.is_empty() && done.answered.is_empty());
    assert_eq!((world.store.open(), world.store.rows()), (0, 1));
    assert!(world.handle(Input::TakenOver { exchange }).is_nothing());
}

#[test]
fn parts_of_a_long_message_that_another_node_has_taken_over_are_not_sent() {
    let mut world = World::with_database(&settings());
    let text = "The quick brown fox jumps. ".repeat(15);
    let last = promised(&mut world, &text);
    let rows = world.store.rows();
    assert!(rows > 1, "several parts");
    let keys: Vec<ExchangeKey> = world
        .store
        .rows
        .values()
        .map(|(row, _)| row.key())
        .collect();
    for exchange in keys {
        assert!(world.handle(Input::TakenOver { exchange }).sent.is_empty());
    }
    assert_eq!(world.sent_within(120_000), []);
    assert_eq!(world.store.rows(), rows);
    assert!(world.handle(Input::Due { exchange: last }).is_nothing());
}

#[test]
fn a_part_that_was_not_written_gets_the_outcome_of_its_message_that_another_node_has() {
    let mut world = World::with_database(&settings());
    let parts = parts(&long(), 7, 1);
    kept(&mut world, &parts[0]);
    let (part, _) = asked(&world.submit(&from_phone(ALICE, &parts[1])));
    let (exchange, _) = whole(&world.submit(&from_phone(ALICE, &parts[2])));
    assert_eq!(
        world.handle(Input::NotStored { exchange: part }).reply(),
        202
    );
    delivered(&mut world, exchange);
    world.stored(exchange);
    // The node stood still, and another one has taken over the message and its RP-ACK.
    let done = world.handle(Input::TakenOver { exchange });
    assert_eq!(done.message().body[..2], [0x03, parts[1][1]]);
    assert!(!world.store.ids().contains(&part));
    // Its sender has not heard the RP-ACK.
    let again = world.submit(&from_phone(ALICE, &parts[1]));
    assert_eq!(again.message().body[..2], [0x03, parts[1][1]]);
}
