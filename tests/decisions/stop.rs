//! The gateway stops: waiting senders get an answer (row STP-1).

use ipsmgw::interwork::Input;

use crate::world::{ALICE, BOB, World, from_phone, hello, instant};

#[test]
fn held_sender_gets_503() {
    let mut world = World::new();
    let id = world.deliver(&instant(BOB, "hello")).held[0];
    let behind = world.deliver(&instant(BOB, "again")).held[0];
    let long = world.deliver(&instant(BOB, &"long ".repeat(100))).held[0];
    for exchange in [id, behind, long] {
        let done = world.handle(Input::Stop { exchange });
        let (answered, _, outcome) = &done.answered[0];
        assert_eq!(*answered, exchange);
        assert_eq!(outcome.answer.status, 503);
        assert!(outcome.answer.headers.contains("Retry-After"));
        assert!(done.sent.is_empty(), "nothing new goes out");
        let again = world.handle(Input::Stop { exchange });
        assert!(again.answered.is_empty(), "once");
    }
}

#[test]
fn a_sender_with_202_is_not_answered_again() {
    let mut world = World::new();
    let exchange = world.deliver(&instant(BOB, "hello")).held[0];
    world.hold_timeout(exchange);
    let done = world.handle(Input::Stop { exchange });
    assert!(done.answered.is_empty());
    assert!(done.sent.is_empty());
}

#[test]
fn a_report_that_is_owed_stays_so() {
    let mut world = World::new();
    let exchange = world.relay(&from_phone(ALICE, &hello(1)));
    let done = world.handle(Input::Stop { exchange });
    assert!(done.sent.is_empty(), "without a 202 nothing is owed");
    assert_eq!(world.store.open(), 0);
}
