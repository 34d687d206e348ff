//! The `202` that leaves before the IM side has answered.

use super::*;

#[test]
fn the_202_leaves_before_the_im_side_has_answered() {
    for (answers, body) in [
        (&[(0, 200)][..], rp_ack(1)),
        (&[(0, 202)], rp_ack(1)),
        (&[(0, 404)], rp_error(1, 1, Some(0xC3))),
        (&[(0, 603)], rp_error(1, 21, Some(0xC4))),
        // No answer means an absent client.
        (&[], rp_error(1, 27, Some(0xC2))),
        (&[(0, 180)], rp_error(1, 27, Some(0xC2))),
    ] {
        let mut world = World::new();
        let octets = hello(1);
        let exchange = world.relay(&from_phone(ALICE, &octets));
        accepted_early(&mut world, exchange, 0b1);
        for &(branch, status) in answers {
            world.pass(3_000);
            let done = world.handle(Input::BranchAnswered {
                exchange,
                branch,
                status,
                open: 0b1,
            });
            if status >= 200 {
                assert_eq!(done.message().body, body, "{answers:?}");
                // A client that got the request twice answers twice.
                let again = Input::BranchAnswered {
                    exchange,
                    branch,
                    status: 486,
                    open: 0b1,
                };
                assert!(world.handle(again).is_nothing());
                world.leg(exchange, 200);
                assert_eq!(world.store.open(), 0);
            }
        }
        if world.store.open() > 0 {
            let (at, _) = world.store.next_wake().unwrap();
            assert_eq!(at, 1_000_000 + 20_000, "im_timeout");
            world.now.unix_ms = at;
            let done = world.handle(Input::Due { exchange });
            assert_eq!(done.message().body, body, "{answers:?}");
        }
    }
}

/// The host gives the `202` while these branches are open.
fn accepted_early(world: &mut World, exchange: ExchangeKey, open: u32) {
    let (at, due) = world.store.next_wake().unwrap();
    assert_eq!((at, due), (world.now.unix_ms + 4_000, exchange));
    world.pass(4_000);
    let done = world.handle(Input::Due { exchange });
    assert_eq!((done.accepted.len(), done.sent.len()), (1, 0));
    let final_sent = Input::FinalSent {
        exchange,
        status: 202,
        open,
    };
    assert!(world.handle(final_sent).is_nothing());
}

#[test]
fn behind_the_early_202_every_branch_has_its_say() {
    for (answers, told_at, body) in [
        (&[(0, 486), (1, 200)][..], 1, rp_ack(1)),
        (&[(1, 200), (0, 486)], 0, rp_ack(1)),
        (&[(0, 486), (1, 404)], 1, rp_error(1, 1, Some(0xC3))),
        (&[(0, 603), (1, 404)], 1, rp_error(1, 21, Some(0xC4))),
        (
            &[(0, 486), (0, 486), (1, 503)],
            2,
            rp_error(1, 41, Some(0xC0)),
        ),
    ] {
        let mut world = World::new();
        let octets = hello(1);
        let exchange = world.relay(&from_phone(ALICE, &octets));
        accepted_early(&mut world, exchange, 0b11);
        for (place, &(branch, status)) in answers.iter().enumerate() {
            let done = world.handle(Input::BranchAnswered {
                exchange,
                branch,
                status,
                open: 0b11,
            });
            assert_eq!(done.sent.len(), usize::from(place == told_at));
            if place == told_at {
                assert_eq!(done.message().body, body, "{answers:?}");
            }
        }
    }
    // One that refused before the 202, one that is silent.
    let mut world = World::new();
    let octets = hello(1);
    let exchange = world.relay(&from_phone(ALICE, &octets));
    let refused = Input::BranchAnswered {
        exchange,
        branch: 0,
        status: 486,
        open: 0b10,
    };
    assert!(world.handle(refused).is_nothing());
    accepted_early(&mut world, exchange, 0b10);
    world.pass(16_000);
    let done = world.handle(Input::Due { exchange });
    assert_eq!(done.message().body, rp_error(1, 41, Some(0xC0)));
}

#[test]
fn an_answer_in_the_moment_of_the_202_is_not_lost() {
    for (status, body) in [(200, rp_ack(1)), (404, rp_error(1, 1, Some(0xC3)))] {
        let mut world = World::new();
        let octets = hello(1);
        let exchange = world.relay(&from_phone(ALICE, &octets));
        world.pass(4_000);
        world.handle(Input::Due { exchange });
        // tm drops it: the 202 is being sent by another process.
        let answered = Input::BranchAnswered {
            exchange,
            branch: 0,
            status,
            open: 0b1,
        };
        assert!(world.handle(answered).is_nothing());
        let done = world.handle(Input::FinalSent {
            exchange,
            status: 202,
            open: 0b1,
        });
        assert_eq!(done.message().body, body);
    }
}

#[test]
fn another_form_goes_out_behind_the_early_202_too() {
    let mut world = World::new();
    let octets = hello(1);
    let exchange = world.relay(&from_phone(ALICE, &octets));
    accepted_early(&mut world, exchange, 0b1);
    let done = world.handle(Input::BranchAnswered {
        exchange,
        branch: 0,
        status: 481,
        open: 0b1,
    });
    assert_eq!((done.again.len(), done.sent.len()), (1, 0));
    assert_eq!(world.leg(exchange, 200).message().body, rp_ack(1));
}

#[test]
fn a_repetition_behind_the_early_202_waits_with_the_first_one() {
    let mut world = World::new();
    let octets = hello(1);
    let exchange = world.relay(&from_phone(ALICE, &octets));
    accepted_early(&mut world, exchange, 0b1);
    let done = world.submit(&MessageIn {
        call_id: "again@phone",
        ..from_phone(ALICE, &octets)
    });
    assert_eq!((done.reply(), done.sent.len()), (202, 0));
    let done = world.handle(Input::BranchAnswered {
        exchange,
        branch: 0,
        status: 200,
        open: 0b1,
    });
    assert_eq!(done.sent.len(), 2, "each request has its report");
}
