//! The parts of one long short message at two nodes with one database.

use ipsmgw::exchange::{Exchange, ExchangeKey, KeptPart};
use ipsmgw::interwork::Input;

use crate::long_sm_to_im::{parts, whole};
use crate::storage::held;
use crate::storage::parts::{asked, delivered, kept, long};
use crate::stored_messages::{CLIENT, comes};
use crate::world::{ALICE, World, from_phone, instant, settings};

/// A node. Its exchanges are numbered behind so many others: no exchange of another node has the same number.
fn node(skip: u32) -> World {
    let mut world = World::with_database(&settings());
    let other = parts("Another message of two parts. ".repeat(8).as_str(), 99, 90);
    for _ in 0..skip {
        let (exchange, _) = asked(&world.submit(&from_phone(ALICE, &other[0])));
        world.handle(Input::NotStored { exchange });
    }
    world
}

/// Two parts of a failed message wait at the first node, behind a crash. Its phone sends the last part to the other node.
fn last_part_at_the_other_node() -> (World, World, KeptPart) {
    let (mut first, mut second) = (node(0), node(10));
    let parts = parts(&long(), 7, 1);
    kept(&mut first, &parts[0]);
    kept(&mut first, &parts[1]);
    whole(&first.submit(&from_phone(ALICE, &parts[2])));
    first.crash(1_000);
    let last = kept(&mut second, &parts[2]);
    let (row, _) = second.store.rows[&last.serial()].clone();
    let Exchange::KeptPart(part) = row else {
        panic!("the row of a part")
    };
    (first, second, part)
}

/// The texts that go to clients in the next time.
fn sent_within(world: &mut World, ms: u64) -> Vec<String> {
    let until_ms = world.now.unix_ms + ms;
    let mut sent = Vec::new();
    while let Some((at, exchange)) = world.store.next_wake().filter(|(at, _)| *at <= until_ms) {
        world.now.unix_ms = world.now.unix_ms.max(at);
        let mut done = world.handle(Input::Due { exchange });
        // What the parts of a message have become is stored, and its recipient is there.
        if let [(stored, None)] = done.asked[..] {
            world.stored(stored);
            done = comes(world, CLIENT);
            world.leg(done.sent[0].0.unwrap(), 200);
        }
        let bodies = done.sent.into_iter().map(|(_, message)| message.body);
        sent.extend(bodies.map(|body| String::from_utf8(body).unwrap()));
    }
    world.now.unix_ms = until_ms;
    sent
}

/// One node leaves a part to the other one, which takes it up.
fn moves(from: &mut World, to: &mut World, exchange: ExchangeKey) {
    let rows = from.store.rows();
    assert!(from.handle(Input::HandOver { exchange }).is_nothing());
    assert_eq!(from.store.rows(), rows, "the row stays");
    assert!(!from.store.ids().contains(&exchange));
    assert!(to.takes_over(from, exchange).is_nothing());
}

/// A long instant message that is in the database, and whose sender has its `202`: the exchanges of its parts.
fn held_and_accepted(node: &mut World) -> Vec<ExchangeKey> {
    let (last, asked) = held(node, &"The quick brown fox jumps. ".repeat(20));
    let parts: Vec<ExchangeKey> = asked.asked.iter().map(|(part, _)| *part).collect();
    for part in &parts {
        node.stored(*part);
    }
    node.pass(1_500);
    assert_eq!(node.hold_timeout(last).answer(), 202);
    parts
}

#[test]
fn the_last_part_completes_a_message_with_a_part_of_another_node() {
    let (mut first, mut second) = (node(0), node(10));
    let parts = parts(&long(), 7, 1);
    let part = kept(&mut second, &parts[0]);
    moves(&mut second, &mut first, part);
    kept(&mut first, &parts[1]);
    let (_, text) = whole(&first.submit(&from_phone(ALICE, &parts[2])));
    assert_eq!(text, long());
    assert_eq!(sent_within(&mut second, 600_000), [""; 0]);
}

#[test]
fn a_part_of_another_node_completes_the_message() {
    let (mut first, mut second) = (node(0), node(10));
    let parts = parts(&long(), 7, 1);
    kept(&mut first, &parts[0]);
    let part = kept(&mut second, &parts[1]);
    kept(&mut first, &parts[2]);
    moves(&mut second, &mut first, part);
    assert_eq!(sent_within(&mut first, 2_000), [long()]);
    assert_eq!(first.store.open(), 0);
}

#[test]
fn a_part_that_is_being_written_completes_the_message_when_it_is_written() {
    let (mut first, mut second) = (node(0), node(10));
    let parts = parts(&long(), 7, 1);
    let part = kept(&mut second, &parts[0]);
    kept(&mut first, &parts[1]);
    let (last, _) = asked(&first.submit(&from_phone(ALICE, &parts[2])));
    moves(&mut second, &mut first, part);
    assert_eq!(sent_within(&mut first, 2_000), [""; 0]);
    first.stored(last);
    assert_eq!(sent_within(&mut first, 2_000), [long()]);
}

#[test]
fn a_part_that_came_to_both_nodes_counts_once() {
    let (mut first, mut second) = (node(0), node(10));
    let parts = parts(&long(), 7, 1);
    let part = kept(&mut second, &parts[0]);
    kept(&mut first, &parts[0]);
    kept(&mut first, &parts[1]);
    moves(&mut second, &mut first, part);
    assert_eq!(first.store.open(), 2);
    assert_eq!(sent_within(&mut first, 2_000), [""; 0]);
    let (_, text) = whole(&first.submit(&from_phone(ALICE, &parts[2])));
    assert_eq!(text, long());
}

#[test]
fn a_part_of_a_message_that_was_delivered_is_forgotten() {
    let (mut first, mut second) = (node(0), node(10));
    let parts = parts(&long(), 7, 1);
    let part = kept(&mut second, &parts[0]);
    kept(&mut first, &parts[0]);
    kept(&mut first, &parts[1]);
    let (id, _) = whole(&first.submit(&from_phone(ALICE, &parts[2])));
    delivered(&mut first, id);
    first.stored(id);
    first.leg(id, 200);
    moves(&mut second, &mut first, part);
    assert_eq!(first.store.open(), 0);
}

#[test]
fn a_part_that_is_not_in_the_database_yet_stays() {
    let (mut first, mut second) = (node(0), node(10));
    let parts = parts(&long(), 7, 1);
    let one = kept(&mut second, &parts[0]);
    let (two, _) = asked(&second.submit(&from_phone(ALICE, &parts[1])));
    moves(&mut second, &mut first, one);
    assert!(
        second
            .handle(Input::HandOver { exchange: two })
            .is_nothing()
    );
    assert_eq!(second.store.ids(), [two]);
    // It has the clock of the message now.
    assert_eq!(second.store.next_wake().unwrap().1, two);
    second.stored(two);
    moves(&mut second, &mut first, two);
    let (_, text) = whole(&first.submit(&from_phone(ALICE, &parts[2])));
    assert_eq!(text, long());
}

#[test]
fn parts_that_have_gone_with_their_message_stay() {
    let mut world = node(0);
    let parts = parts(&long(), 7, 1);
    let exchange = kept(&mut world, &parts[0]);
    kept(&mut world, &parts[1]);
    whole(&world.submit(&from_phone(ALICE, &parts[2])));
    assert!(world.handle(Input::HandOver { exchange }).is_nothing());
    assert_eq!(world.store.open(), 3);
}

#[test]
fn the_last_part_at_another_node_completes_a_message_that_was_on_its_way() {
    let (mut first, mut second) = (node(10), node(0));
    let parts = parts(&long(), 7, 1);
    let early: Vec<_> = parts[..2]
        .iter()
        .map(|part| kept(&mut first, part))
        .collect();
    whole(&first.submit(&from_phone(ALICE, &parts[2])));
    // The node dies, and the phone sends the last part again.
    kept(&mut second, &parts[2]);
    for part in early {
        second.takes_over(&first, part);
    }
    assert_eq!(sent_within(&mut second, 2_000), [long()]);
    assert_eq!(second.store.open(), 0);
}

#[test]
fn a_message_whose_parts_were_taken_over_is_stored_with_them() {
    let (mut first, mut second) = (node(0), node(10));
    let parts = parts(&long(), 7, 1);
    let early: Vec<_> = parts[..2]
        .iter()
        .map(|part| kept(&mut first, part))
        .collect();
    let (id, _) = whole(&first.submit(&from_phone(ALICE, &parts[2])));
    // The node stands still. The client does not answer, and another node takes over what is in the database.
    for exchange in early {
        second.takes_over(&first, exchange);
        first.handle(Input::TakenOver { exchange });
    }
    let done = first.client_answers(id, 480);
    let (stored, _) = done.asked[0];
    first.stored(stored);
    let sent = comes(&mut first, CLIENT);
    assert_eq!(sent.message().body, long().into_bytes());
}

#[test]
fn the_parts_of_a_failed_message_wait_for_one_that_has_no_place_yet() {
    let (mut first, mut second, part) = last_part_at_the_other_node();
    let last = part.header.key;
    // The other node leaves the part to the first one, whose table is full.
    second.handle(Input::HandOver { exchange: last });
    for _ in 0..25 {
        let waits = first.handle(Input::PartHasNoPlace { part: &part });
        assert!(waits.is_nothing());
        assert!(sent_within(&mut first, 20_000).is_empty());
    }
    assert_eq!(first.store.open(), 2);
    first.takes_over(&second, last);
    assert_eq!(sent_within(&mut first, 2_000), [long()]);
    assert_eq!(first.store.open(), 0);
}

#[test]
fn parts_do_not_wait_for_ever_for_one_that_has_no_place_and_are_not_lost() {
    let (mut first, _, part) = last_part_at_the_other_node();
    let part = KeptPart {
        unix: i64::try_from(first.now.unix_ms / 1_000).unwrap(),
        ..part
    };
    let mut sent = Vec::new();
    for _ in 0..45 {
        first.handle(Input::PartHasNoPlace { part: &part });
        sent.extend(sent_within(&mut first, 20_000));
    }
    assert_eq!(sent.len(), 1);
    assert!(sent[0].contains("3/3 missing"), "{sent:?}");
    assert_eq!(first.store.open(), 0);
}

#[test]
fn a_part_that_stays_behind_gets_a_deadline() {
    let (mut first, mut second) = (node(10), node(0));
    let parts = parts(&long(), 7, 1);
    let early = kept(&mut first, &parts[0]);
    // The node stood still. Another part comes before the node knows that the first part was taken over.
    kept(&mut first, &parts[1]);
    second.takes_over(&first, early);
    assert!(
        first
            .handle(Input::TakenOver { exchange: early })
            .is_nothing()
    );
    let sent = sent_within(&mut first, 600_000);
    assert!(sent.concat().contains("1/3 missing"), "{sent:?}");
    assert_eq!(first.store.open(), 0);
}

#[test]
fn parts_that_are_taken_up_late_follow_those_before_them() {
    let (mut first, mut second) = (node(0), node(30));
    let parts = held_and_accepted(&mut first);
    let [now, late @ ..] = &parts[..] else {
        panic!("several parts")
    };
    assert!(late.len() > 1);
    second.now.unix_ms = first.now.unix_ms;
    second.takes_over(&first, *now);
    let between = second.deliver(&instant(ALICE, "between")).held[0];
    for part in late {
        second.takes_over(&first, *part);
    }
    // The message in between ends first, and no part overtakes another one.
    let mut order = delivered_in_turn(&mut second, parts.len() + 1);
    order.retain(|exchange| *exchange != between);
    assert_eq!(order, parts);
}

/// The phone takes one short message after the other, so many: in which order.
fn delivered_in_turn(world: &mut World, count: usize) -> Vec<ExchangeKey> {
    let mut order = Vec::new();
    while let Some((at, exchange)) = world.store.next_wake()
        && order.len() < count
    {
        world.now.unix_ms = world.now.unix_ms.max(at);
        let done = world.handle(Input::Due { exchange });
        let mut sent: Vec<_> = done.sent.iter().filter_map(|(of, _)| *of).collect();
        while let Some(exchange) = sent.pop() {
            order.push(exchange);
            world.leg(exchange, 200);
            let attempt = world.store.im_to_sm(exchange).unwrap().attempts;
            let call_id = world.gateway_call_id(exchange, attempt);
            let rp_mr = world.store.im_to_sm(exchange).unwrap().rp_mr;
            let done = world.report_on(ALICE, &[0x02, rp_mr], &call_id);
            sent.extend(done.sent.iter().filter_map(|(of, _)| *of));
        }
    }
    order
}

#[test]
fn a_part_that_is_taken_up_behind_later_ones_goes_before_them() {
    let (mut first, mut second) = (node(0), node(30));
    let parts = held_and_accepted(&mut first);
    assert!(parts.len() > 2);
    second.now.unix_ms = first.now.unix_ms;
    // There was no place for it.
    let late = parts[0];
    for part in &parts[1..] {
        second.takes_over(&first, *part);
    }
    second.takes_over(&first, late);
    assert_eq!(delivered_in_turn(&mut second, parts.len()), parts);
}

#[test]
fn a_message_behind_a_part_of_another_one_that_was_taken_up_goes_in_its_turn() {
    let (mut first, mut second) = (node(0), node(30));
    let parts = held_and_accepted(&mut first);
    second.now.unix_ms = first.now.unix_ms;
    // The phone has it, and its report is missing. There is no place yet for the other parts.
    second.takes_over(&first, parts[0]);
    assert_eq!(second.deliver(&instant(ALICE, "its turn")).sent.len(), 1);
}

#[test]
fn a_message_that_was_delivered_is_not_joined_again() {
    let mut first = node(10);
    let parts = parts(&long(), 7, 1);
    let early: Vec<_> = parts[..2]
        .iter()
        .map(|part| kept(&mut first, part))
        .collect();
    let (id, _) = whole(&first.submit(&from_phone(ALICE, &parts[2])));
    delivered(&mut first, id);
    first.stored(id);
    // The node dies, and the RP-ACK is lost.
    for order in [[early[0], early[1], id], [id, early[0], early[1]]] {
        let mut second = node(0);
        kept(&mut second, &parts[2]);
        for exchange in order {
            second.takes_over(&first, exchange);
        }
        let sent = sent_within(&mut second, 1_500);
        assert!(sent.iter().all(|body| !body.contains("fox")), "the text");
        second.leg(id, 200);
        assert_eq!((second.store.open(), second.store.rows()), (0, 0));
    }
}

#[test]
fn parts_that_came_to_two_nodes_are_joined_when_one_takes_over() {
    // The keys of the first node are above those of the second one.
    let (mut first, mut second) = (node(10), node(0));
    let message = parts(&long(), 7, 1);
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
