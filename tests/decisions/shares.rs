//! The share of open exchanges that one sender may have (row LIM-1).

use ipsmgw::exchange::ImToSm;
use ipsmgw::interwork::{Counter, Input};
use ipsmgw::sip::{Capabilities, MessageIn};

use crate::notifications::{asking, cpim};
use crate::recipient_lists::{PHONE, body, known, prepare};
use crate::status_reports::{asking as asks, reported};
use crate::to_service_centre::{from_centre, world as through_a_service_centre};
use crate::world::{
    ALICE, BOB, Done, World, deliver_tpdu, from_phone, from_service_centre, hello, instant,
    rp_data_mt,
};

const CAROL: &str = "sip:carol@ims.example";
const DAVE: &str = "sip:dave@ims.example";

fn world(most: u32) -> World {
    let mut world = World::new();
    world.store.max_of_sender = most;
    world
}

fn is_refused(done: &Done) {
    assert_eq!(done.reply(), 480);
    assert!(done.replies[0].0.headers.starts_with("Retry-After: "));
    assert_eq!(done.counted, [Counter::SenderFull]);
}

fn from_carol<'m>(to: &'m str, text: &'m str) -> MessageIn<'m> {
    MessageIn {
        identity: Some(CAROL),
        ..instant(to, text)
    }
}

#[test]
fn several_silent_phones_do_not_multiply_a_share() {
    let mut world = world(3);
    for phone in [BOB, CAROL, DAVE] {
        assert_eq!(world.deliver(&instant(phone, "hello")).held.len(), 1);
    }
    is_refused(&world.deliver(&instant(BOB, "hello")));
    is_refused(&world.deliver(&instant("sip:erin@ims.example", "hello")));
    // Another sender is not concerned, not even towards the same phones.
    for phone in [BOB, DAVE, ALICE] {
        assert_eq!(world.deliver(&from_carol(phone, "hello")).held.len(), 1);
    }
}

#[test]
fn a_place_is_free_again_whatever_the_outcome() {
    let mut world = world(1);
    for report in [&[0x02, 0][..], &[0x04, 0, 0x01, 0x80 | 22]] {
        let done = world.deliver(&instant(BOB, "hello"));
        let mut report = report.to_vec();
        report[1] = done.message().body[1];
        is_refused(&world.deliver(&instant(DAVE, "hello")));
        world.report(&from_phone(BOB, &report));
    }
    // The SIP leg fails; the sender's transaction goes; nothing ever comes.
    let done = world.deliver(&instant(BOB, "hello"));
    world.leg_fails(done.held[0], 480);
    assert_eq!(world.store.senders(), 0);
    world.deliver(&instant(BOB, "hello"));
    while let Some((at, exchange)) = world.store.next_wake() {
        world.now.unix_ms = world.now.unix_ms.max(at);
        world.hold_timeout(exchange);
        world.handle(Input::Due { exchange });
    }
    assert_eq!((world.store.senders(), world.store.open()), (0, 0));
}

#[test]
fn parts_count_and_all_of_them_fit_or_none() {
    let mut world = world(4);
    let three = "hello ".repeat(70);
    let done = world.deliver(&instant(BOB, &three));
    assert_eq!(done.held.len(), 1);
    is_refused(&world.deliver(&instant(DAVE, &three)));
    assert_eq!(world.store.open(), 3);
    assert_eq!(world.deliver(&instant(DAVE, "hello")).held.len(), 1);
}

#[test]
fn messages_to_each_of_a_list_count() {
    let mut world = world(2);
    let list = body("text/plain\r\n\r\nhello", "");
    let recipients = [known(BOB, PHONE), known(CAROL, PHONE), known(DAVE, PHONE)];
    let copies = prepare(&world, &list, &recipients).unwrap();
    let mut enlisted = Vec::new();
    for copy in &copies[..2] {
        enlisted.extend(world.list(copy).enlisted);
    }
    is_refused(&world.list(&copies[2]));
    for exchange in enlisted {
        world.handle(Input::Released { exchange });
    }
    assert_eq!((world.store.open(), world.store.senders()), (0, 0));
}

#[test]
fn a_phone_has_a_share_for_its_messages() {
    let mut world = world(1);
    world.relay(&from_phone(ALICE, &hello(1)));
    let octets = asks(2);
    let done = world.submit(&from_phone(ALICE, &octets));
    assert_eq!(done.reply(), 202);
    // RP-ERROR 42, congestion (TS 24.011 §8.2.5.4)
    assert_eq!(done.message().body[..4], [0x05, 0x02, 0x01, 0x80 | 42]);
    assert_eq!(done.counted, [Counter::SenderFull]);
    world.relay(&from_phone(BOB, &hello(1)));
}

#[test]
fn a_status_report_takes_the_share_of_the_phone_that_wants_it() {
    let mut world = world(2);
    let octets = asks(1);
    let exchange = world.relay(&from_phone(ALICE, &octets));
    reported(&mut world, exchange, 200);
    let mut open = world.store.all_im_to_sm();
    open.retain(ImToSm::is_status_report);
    assert_ne!(open[0].header.share, 0);
}

#[test]
fn a_service_centre_sends_for_many() {
    let mut world = world(1);
    for rp_mr in 1..=5 {
        let octets = rp_data_mt(rp_mr, &deliver_tpdu(&[0x08, 0x91, 0x51, 0x55, 0x00, rp_mr]));
        world.relay(&from_service_centre(&octets));
    }
    assert_eq!((world.store.open(), world.store.senders()), (5, 0));
}

/// News that may never come is waited for in half of a share: the rest is for messages.
#[test]
fn optional_waits_take_half_a_share() {
    let mut world = through_a_service_centre();
    world.store.max_of_sender = 8;
    for _ in 0..20 {
        let body = asking("positive-delivery", "hello");
        let done = world.deliver(&MessageIn {
            recipient: Capabilities::default(),
            ..cpim(&body)
        });
        let rp_mr = done.message().body[1];
        let done = world.report(&from_centre(&[0x03, rp_mr], None));
        assert_eq!(done.answer(), 202);
    }
    assert!(world.store.open() <= 5, "{}", world.store.open());
}
