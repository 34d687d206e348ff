//! How long messages wait behind others to the same phone, and the answers to their senders (row CON-1).

use ipsmgw::exchange::{ExchangeKey, ImToSmState};
use ipsmgw::interwork::{Counter, Input, Settings};
use ipsmgw::mime::DeliveryStatus;
use ipsmgw::sip::MessageIn;

use crate::notifications::{asking, cpim, delivery};
use crate::recipient_lists::{PHONE, body, known, prepare};
use crate::status_reports::{asking as asks, reported};
use crate::world::{ALICE, BOB, Done, World, from_phone, instant, settings};

const CAROL: &str = "sip:carol@ims.example";

fn world(queue_timeout: i64) -> World {
    World::with(&Settings {
        queue_timeout,
        ..settings()
    })
}

/// Runs all timers that are due within this many milliseconds, in order.
fn pass(world: &mut World, milliseconds: u64) -> Vec<Done> {
    let until = world.now.unix_ms + milliseconds;
    let mut done = Vec::new();
    while let Some((at, exchange)) = world.store.next_wake().filter(|(at, _)| *at <= until) {
        world.now.unix_ms = world.now.unix_ms.max(at);
        world.store.clear_alarm(exchange);
        done.push(world.handle(Input::Due { exchange }));
    }
    world.now.unix_ms = until;
    done
}

/// A message on its way to a phone that does not answer, and one behind it.
fn behind_silence(world: &mut World, message: &MessageIn<'_>) -> ExchangeKey {
    world.deliver(&instant(BOB, "first"));
    let done = world.deliver(message);
    assert!(done.sent.is_empty());
    done.held[0]
}

fn counted(done: &[Done], counter: Counter) -> usize {
    let all = done.iter().flat_map(|done| &done.counted);
    all.filter(|counted| **counted == counter).count()
}

#[test]
fn waiting_sender_gets_an_error() {
    let mut world = world(5);
    behind_silence(&mut world, &instant(BOB, "second"));
    assert!(pass(&mut world, 4_999).is_empty());
    let done = pass(&mut world, 1);
    assert_eq!(done.len(), 1);
    assert!(done[0].sent.is_empty());
    let outcome = &done[0].answered[0].2;
    assert_eq!(outcome.answer.status, 480);
    assert!(outcome.answer.headers.starts_with("Retry-After: "));
    assert_eq!(done[0].counted, [Counter::QueueExpired, Counter::ImFailed]);
    assert_eq!(world.store.open(), 1);
}

#[test]
fn after_a_202_requested_notifications_are_sent() {
    for (wanted, notified) in [("negative-delivery", 1), ("positive-delivery", 0)] {
        let mut world = world(60);
        let text = asking(wanted, "second");
        let id = behind_silence(&mut world, &cpim(&text));
        world.pass(20_000);
        assert_eq!(world.hold_timeout(id).answer(), 202);
        // The phone does not answer in SIP, and the host does not report that.
        world.pass(40_000);
        world.store.clear_alarm(id);
        let done = world.handle(Input::Due { exchange: id });
        assert!(done.answered.is_empty());
        assert_eq!(done.sent.len(), notified);
        for (_, message) in &done.sent {
            assert_eq!(delivery(message), DeliveryStatus::Failed);
        }
    }
}

#[test]
fn waiting_message_ends_with_its_expiry() {
    let mut world = world(60);
    let text = "second";
    behind_silence(
        &mut world,
        &MessageIn {
            expires: Some("3"),
            ..instant(BOB, text)
        },
    );
    let done = pass(&mut world, 3_001);
    assert_eq!(done[0].answer(), 480);
    assert_eq!(counted(&done, Counter::QueueExpired), 1);
}

#[test]
fn all_parts_of_a_waiting_message_end() {
    let mut world = world(10);
    behind_silence(&mut world, &instant(BOB, &"hello ".repeat(70)));
    assert_eq!(world.store.open(), 4);
    let done = pass(&mut world, 10_000);
    assert_eq!(done[0].answer(), 480);
    assert_eq!(world.store.open(), 1);
}

#[test]
fn begun_message_is_finished() {
    let mut world = world(5);
    let done = world.deliver(&instant(BOB, &"hello ".repeat(70)));
    let (mut rp_mr, mut id) = (done.message().body[1], done.sent[0].0.unwrap());
    // Each part takes its time.
    for part in 0..3 {
        world.leg(id, 200);
        let done = pass(&mut world, 6_000);
        assert_eq!(counted(&done, Counter::QueueExpired), 0);
        let done = world.report(&from_phone(BOB, &[0x02, rp_mr]));
        match part {
            2 => assert_eq!(done.answer(), 200),
            _ => (rp_mr, id) = (done.message().body[1], done.sent[0].0.unwrap()),
        }
    }
}

#[test]
fn a_message_to_one_of_several_waits_as_long() {
    let mut world = world(20);
    world.deliver(&instant(BOB, "first"));
    let list = body(&format!("text/plain\r\n\r\n{}", "hello ".repeat(70)), "");
    let copies = prepare(&world, &list, &[known(BOB, PHONE), known(CAROL, PHONE)]).unwrap();
    let exchange = world.list(&copies[0]).enlisted[0];
    world.handle(Input::Begin {
        exchange,
        delivery: &copies[0],
    });
    // The alarm of those that are only enlisted is not theirs any more.
    let done = pass(&mut world, 12_000);
    assert_eq!(counted(&done, Counter::QueueExpired), 0);
    let id = world.store.ids()[1];
    assert_eq!(world.store.im_to_sm(id).unwrap().state, ImToSmState::Queued);
    let done = pass(&mut world, 8_000);
    assert_eq!(counted(&done, Counter::QueueExpired), 1);
}

#[test]
fn a_status_report_waits_as_long() {
    let mut world = world(5);
    // The phone that wants it is silent.
    world.deliver(&instant(ALICE, "first"));
    let octets = asks(1);
    let exchange = world.relay(&from_phone(ALICE, &octets));
    reported(&mut world, exchange, 200);
    let done = pass(&mut world, 5_000);
    assert_eq!(counted(&done, Counter::QueueExpired), 1);
    assert_eq!(counted(&done, Counter::ReportLost), 1);
}

/// A phone that takes everything in SIP and never reports.
#[test]
fn a_phone_without_reports_holds_up_little() {
    let mut world = world(180);
    let mut senders = Vec::new();
    for _ in 0..40 {
        let done = world.deliver(&instant(BOB, "hello"));
        senders.extend(done.held);
    }
    let (mut resent, mut expired, start) = (0, 0, world.now.unix_ms);
    while world.store.open() > 0 {
        let on_its_way = world.store.ids().into_iter().find(|id| {
            let open = world.store.im_to_sm(*id).unwrap();
            open.state == ImToSmState::Sent
        });
        if let Some(id) = on_its_way {
            world.leg(id, 200);
        }
        let done = pass(&mut world, 100);
        resent += counted(&done, Counter::Resent);
        expired += counted(&done, Counter::QueueExpired);
        let took = world.now.unix_ms - start;
        assert!(
            took < 300_000,
            "{} are open after {took} ms",
            world.store.open()
        );
    }
    // One of them shows from time to time whether the phone reports again.
    assert!((1..=4).contains(&resent), "{resent} were sent again");
    assert_eq!(expired, 0);
}
