//! The queue of a phone, and phones that send no report.

use super::*;

#[test]
fn one_at_a_time_and_in_order() {
    let mut world = World::new();
    let (first, rp_mr, _) = sent(&mut world, "one");
    let second = world.deliver(&instant(BOB, "two"));
    let third = world.deliver(&instant(BOB, "three"));
    assert!(second.sent.is_empty() && third.sent.is_empty());
    assert_eq!(second.held.len(), 1);
    // Another recipient does not wait.
    assert_eq!(
        world
            .deliver(&instant("sip:+15550003@ims.example", "one"))
            .sent
            .len(),
        1
    );

    world.leg(first, 200);
    let done = world.report(&ack(&[0x02, rp_mr], None));
    assert_eq!((done.answer(), done.sent[0].0), (200, Some(second.held[0])));
    assert_ne!(done.message().body[1], rp_mr);
    // The second one's leg fails: the third has its turn.
    let done = world.leg_fails(second.held[0], 480);
    assert_eq!((done.answer(), done.sent[0].0), (480, Some(third.held[0])));
    // After its hold time a sender keeps its place in the queue.
    let fourth = world.deliver(&instant(BOB, "four"));
    world.pass(20_000);
    assert_eq!(world.hold_timeout(fourth.held[0]).answer(), 202);
    let done = world.leg(third.held[0], 500);
    assert_eq!(done.sent[0].0, Some(fourth.held[0]));
}

#[test]
fn next_message_does_not_wait_for_a_settled_one() {
    let mut world = World::new();
    let (_, rp_mr, _) = sent(&mut world, "one");
    let second = world.deliver(&instant(BOB, "two"));
    world.pass(19_900);
    let done = world.report(&ack(&[0x02, rp_mr], None));
    assert!(done.answered.is_empty());
    assert_eq!(done.sent[0].0, Some(second.held[0]));
}

#[test]
fn no_rp_mr_is_open_twice() {
    let mut world = World::new();
    let (_, mut rp_mr, _) = sent(&mut world, "0");
    for _ in 0..600 {
        world.deliver(&instant(BOB, "n"));
    }
    let mut seen = vec![rp_mr];
    while world.store.open() > 1 {
        let done = world.report(&ack(&[0x02, rp_mr], None));
        assert_eq!((done.answer(), done.sent.len()), (200, 1));
        let next = done.message().body[1];
        assert_ne!(next, rp_mr);
        rp_mr = next;
        seen.push(rp_mr);
    }
    assert_eq!(seen.len(), 601);
    for window in seen.windows(256) {
        let mut references = window.to_vec();
        references.sort_unstable();
        references.dedup();
        assert_eq!(
            references.len(),
            256,
            "a late report would find another message"
        );
    }
}

#[test]
fn missing_report_is_repeated_once_and_never_delivered() {
    let mut world = World::new();
    let first = world.deliver(&instant(BOB, "hello"));
    let id = first.held[0];
    world.leg(id, 200);
    world.pass(20_000);
    assert_eq!(world.hold_timeout(id).answer(), 202);
    let again = world.no_report(id);
    assert_eq!(again.counted, [Counter::Resent]);
    assert_eq!(
        again.message().body,
        first.message().body,
        "same RP-MR, same TP content"
    );
    assert_ne!(again.message().call_id, first.message().call_id);
    world.leg(id, 200);
    let done = world.no_report(id);
    assert_eq!(
        (done.counted, world.store.open()),
        (vec![Counter::ReportMissing], 0)
    );
    assert!(done.answered.is_empty() && done.sent.is_empty());
}

#[test]
fn a_report_on_the_repetition_counts() {
    let mut world = World::new();
    let (id, rp_mr, first_call_id) = sent(&mut world, "hello");
    world.leg(id, 200);
    world.hold_timeout(id);
    world.no_report(id);
    // Even when it answers the first one.
    let done = world.report(&ack(&[0x02, rp_mr], Some(&first_call_id)));
    assert_eq!(done.counted, [Counter::ImDelivered]);
}

#[test]
fn accepted_message_is_never_reported_failed() {
    let mut world = World::with(&ipsmgw::interwork::Settings {
        report_timeout: 5,
        ..crate::world::settings()
    });
    let (id, ..) = sent(&mut world, "hello");
    world.leg(id, 200);
    assert_eq!(world.no_report(id).sent.len(), 1);
    let done = world.leg(id, 480);
    assert_eq!(
        (done.answer(), done.counted),
        (202, vec![Counter::ReportMissing])
    );
}

#[test]
fn endless_leg_is_an_absent_phone() {
    let mut world = World::new();
    let (id, ..) = sent(&mut world, "hello");
    world.pass(45_000);
    // The host's timer was lost, too.
    assert!(
        world
            .handle(Input::Due { exchange: id })
            .answered
            .is_empty()
    );
    world.pass(5_000);
    assert_eq!(world.handle(Input::Due { exchange: id }).answer(), 480);
}

#[test]
fn full_table_answers_with_retry_after() {
    let mut world = World::new();
    world.store.max = 1;
    sent(&mut world, "one");
    let done = world.deliver(&instant(BOB, "two"));
    assert_eq!((done.reply(), done.replies[0].1), (480, Verdict::Refused));
    assert!(done.replies[0].0.headers.starts_with("Retry-After: "));
    assert!(done.held.is_empty() && done.sent.is_empty());
    assert_eq!(done.counted, [Counter::Full]);
}

#[test]
fn gone_sender_is_not_answered() {
    let mut world = World::new();
    let (first, rp_mr, _) = sent(&mut world, "one");
    let second = world.deliver(&instant(BOB, "two"));
    // Not sent yet: its sender was answered with a failure, so it is not sent.
    assert!(
        world
            .handle(Input::Released {
                exchange: second.held[0]
            })
            .is_nothing()
    );
    assert!(
        world
            .handle(Input::Released { exchange: first })
            .is_nothing()
    );
    let done = world.report(&ack(&[0x02, rp_mr], None));
    assert_eq!(done.counted, [Counter::ImDelivered]);
    assert!(done.answered.is_empty() && done.sent.is_empty());
    assert_eq!(world.store.open(), 0);

    // After its answer a transaction goes, and the exchange goes on.
    let (id, ..) = sent(&mut world, "three");
    world.hold_timeout(id);
    world.handle(Input::Released { exchange: id });
    assert_eq!(world.store.open(), 1);
}
