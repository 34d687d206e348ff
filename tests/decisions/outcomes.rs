//! Outcomes as operators and scripts get them (row OPS-1).

use ipsmgw::exchange::Kind;
use ipsmgw::interwork::{Ending, Input};
use ipsmgw::sip::MessageIn;

use crate::world::{ALICE, BOB, Done, World, from_phone, hello, instant};

/// The only outcome: ending, status, SIP's failure, RP-Cause.
fn only(done: &Done) -> (Kind, Ending, u16, u16, Option<u8>) {
    let [ended] = done.ended[..] else {
        panic!("{} outcomes", done.ended.len())
    };
    (
        ended.kind,
        ended.ending,
        ended.status,
        ended.sip_failure.unwrap_or(0),
        ended.rp_cause,
    )
}

#[test]
fn of_an_instant_message() {
    for (report, wanted) in [
        (&[0x02, 1][..], (Ending::Delivered, 200, None)),
        (&[0x04, 1, 1, 22][..], (Ending::Failed, 480, Some(22))),
    ] {
        let mut world = World::new();
        let done = world.deliver(&instant(BOB, "hello"));
        assert!(done.ended.is_empty(), "nothing is known yet");
        let call_id = done.message().call_id.clone();
        let done = world.report(&MessageIn {
            in_reply_to: call_id.as_deref(),
            ..from_phone(BOB, report)
        });
        let (ending, status, cause) = wanted;
        assert_eq!(only(&done), (Kind::ImToSm, ending, status, 0, cause));
    }
}

#[test]
fn of_an_instant_message_without_a_report() {
    let mut world = World::new();
    let exchange = world.deliver(&instant(BOB, "hello")).held[0];
    world.leg(exchange, 200);
    let done = world.hold_timeout(exchange);
    assert_eq!(only(&done), (Kind::ImToSm, Ending::Accepted, 202, 0, None));
}

#[test]
fn of_a_short_message() {
    for (answer, ending, cause) in [
        (200, Ending::Delivered, None),
        (202, Ending::Accepted, None),
        (486, Ending::Failed, Some(41)),
    ] {
        let mut world = World::new();
        let exchange = world.relay(&from_phone(ALICE, &hello(1)));
        let status = answer;
        let done = world.handle(Input::ImAnswered { exchange, status });
        let mut all = done.ended;
        let status = 202;
        all.extend(
            world
                .handle(Input::FinalSent {
                    exchange,
                    status,
                    open: 0,
                })
                .ended,
        );
        let done = Done {
            ended: all,
            ..Done::default()
        };
        assert_eq!(only(&done), (Kind::SmToIm, ending, answer, 0, cause));
    }
}
