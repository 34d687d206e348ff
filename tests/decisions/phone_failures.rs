//! IM to SM: phones that do not answer, refuse, or contradict themselves, and the messages that wait for them: rows
//! IM-8, IM-11, IM-12, IM-14, CON-1.

use ipsmgw::exchange::{Exchange, ExchangeKey, ImToSmState};
use ipsmgw::interwork::{Counter, Input, Settings, Unsent, Verdict};
use ipsmgw::mime::DeliveryStatus;
use ipsmgw::sip::MessageIn;

use crate::notifications::{asking, cpim, delivery};
use crate::world::{BOB, Done, World, from_phone, instant, settings};

fn ack<'m>(octets: &'m [u8], in_reply_to: Option<&'m str>) -> MessageIn<'m> {
    MessageIn {
        in_reply_to,
        ..from_phone(BOB, octets)
    }
}

fn sent(world: &mut World, text: &str) -> (ExchangeKey, u8) {
    let done = world.deliver(&instant(BOB, text));
    (done.held[0], done.message().body[1])
}

fn wanting(world: &mut World, wanted: &str) -> (ExchangeKey, u8, String) {
    let done = world.deliver(&cpim(&asking(wanted, "hello")));
    let message = done.message();
    (
        done.held[0],
        message.body[1],
        message.call_id.clone().unwrap(),
    )
}

fn hold_over(world: &mut World, exchange: ExchangeKey) -> Done {
    world.hold_timeout(exchange)
}

#[test]
fn the_sender_to_a_silent_phone_is_answered_before_the_hold_time_ends() {
    let mut world = World::new();
    let done = world.deliver(&instant(BOB, "hello"));
    let leg = done.legs[0];
    assert_eq!(leg.contact, 0);
    assert!(leg.other_ms < leg.last_ms && leg.last_ms < world.gateway.policy.hold_timeout_ms);
    world.pass(leg.last_ms);
    assert_eq!(world.leg(done.held[0], 408).answer(), 480);
    assert_eq!(world.store.open(), 0);
}

#[test]
fn lost_timeout_of_the_host_changes_nothing() {
    let mut world = World::new();
    let (id, _) = sent(&mut world, "hello");
    world.pass(20_000);
    assert_eq!(hold_over(&mut world, id).answer(), 480);
    // The transaction is still open: nothing else goes to the phone.
    let behind = world.deliver(&instant(BOB, "behind"));
    assert!(behind.sent.is_empty());
    assert_eq!(world.leg(id, 408).sent[0].0, Some(behind.held[0]));
    assert_eq!(world.store.ids(), behind.held);
}

#[test]
fn queued_message_is_not_reported_absent() {
    let mut world = World::new();
    let (first, _) = sent(&mut world, "first");
    let waits = world.deliver(&instant(BOB, "second")).held[0];
    world.pass(19_000);
    let done = world.leg(first, 200);
    assert!(done.sent.is_empty(), "the report has 3 s");
    world.pass(900);
    let done = world.report(&ack(&[0x02, 1], None));
    assert_eq!(done.sent[0].0, Some(waits));
    assert!(
        done.legs[0].last_ms > 10_000,
        "nobody waits for it any more"
    );
    world.pass(100);
    assert_eq!(hold_over(&mut world, waits).answer(), 202);
    let done = world.report(&ack(&[0x02, 2], None));
    assert_eq!(done.counted, [Counter::ImDelivered]);
}

#[test]
fn one_contact_after_the_other() {
    for status in [503, 480, 486, 500, 408] {
        let mut world = World::new();
        let first = world.deliver(&instant(BOB, "hello"));
        let exchange = first.held[0];
        let input = Input::OtherContacts { exchange, count: 2 };
        assert!(world.handle(input).is_nothing());
        let behind = world.deliver(&instant(BOB, "behind"));
        assert!(behind.sent.is_empty());
        let second = match status {
            503 => world.handle(Input::NotSent {
                exchange,
                attempt: 1,
                status,
            }),
            _ => world.leg(exchange, status),
        };
        assert_eq!((second.sent.len(), second.legs[0].contact), (1, 1));
        assert!(second.answered.is_empty());
        assert_eq!(second.message().body, first.message().body, "same RP-MR");
        assert_ne!(second.message().call_id, first.message().call_id);
        // The end of the first one is reported once more.
        let late = Input::RequestCompleted {
            exchange,
            attempt: 1,
            status: 408,
        };
        assert!(world.handle(late).is_nothing());
        let done = world.report(&ack(&[0x02, 1], second.message().call_id.as_deref()));
        assert_eq!((done.answer(), done.answered[0].0), (200, exchange));
        assert_eq!(done.sent[0].0, Some(behind.held[0]));
    }
}

#[test]
fn when_all_contacts_fail_the_best_failure_counts() {
    for (first, second, told) in [
        (404, 486, 404),
        (486, 408, 480),
        (500, 404, 404),
        (480, 603, 480),
    ] {
        let mut world = World::new();
        let (exchange, _) = sent(&mut world, "hello");
        world.handle(Input::OtherContacts { exchange, count: 1 });
        assert_eq!(world.leg(exchange, first).sent.len(), 1);
        assert_eq!(world.leg_fails(exchange, second).answer(), told);
        assert_eq!(world.store.open(), 0);
    }
    // 6xx is the decision of the person.
    let mut world = World::new();
    let (exchange, _) = sent(&mut world, "hello");
    world.handle(Input::OtherContacts { exchange, count: 1 });
    let done = world.leg_fails(exchange, 603);
    assert_eq!((done.answer(), done.sent.len()), (480, 0));
}

#[test]
fn report_outweighs_the_failed_leg() {
    for status in [400, 404, 480, 486, 500, 503, 603] {
        let mut world = World::new();
        let (id, rp_mr, call_id) = wanting(&mut world, "positive-delivery");
        assert!(world.leg(id, status).answered.is_empty(), "{status}");
        world.pass(300);
        let done = world.report(&ack(&[0x02, rp_mr], Some(&call_id)));
        assert_eq!((done.answer(), done.replies[0].1), (200, Verdict::Taken));
        assert_eq!(delivery(done.message()), DeliveryStatus::Delivered);
        // The second one says otherwise, too late.
        let done = world.report(&ack(&[0x04, rp_mr, 0x01, 0x80 | 22], Some(&call_id)));
        assert_eq!(done.replies[0].1, Verdict::Refused);
    }
    // The phone says why.
    let mut world = World::new();
    let (id, rp_mr) = sent(&mut world, "hello");
    world.leg(id, 500);
    let done = world.report(&ack(&[0x04, rp_mr, 0x01, 0x80 | 21], None));
    assert_eq!(done.answer(), 403);
    let done = world.report(&ack(&[0x02, rp_mr], None));
    assert_eq!(done.replies[0].1, Verdict::Refused, "the first counts");
    // The sender's time is over first.
    let mut world = World::new();
    let (id, _) = sent(&mut world, "hello");
    world.pass(19_900);
    world.leg(id, 500);
    assert_eq!(hold_over(&mut world, id).answer(), 480);
    assert_eq!(world.store.open(), 0);
}

#[test]
fn report_after_the_answer_becomes_a_notification() {
    for (wanted, reported, notified) in [
        ("positive-delivery", 0x02, true),
        ("positive-delivery", 0x04, false),
        ("negative-delivery", 0x02, false),
    ] {
        let mut world = World::new();
        let (id, rp_mr, call_id) = wanting(&mut world, wanted);
        assert_eq!(world.leg_fails(id, 500).answer(), 480);
        // Nothing waits for that report.
        assert_eq!(world.deliver(&instant(BOB, "next")).sent.len(), 1);
        world.pass(20_000);
        let octets = [reported, rp_mr, 0x01, 0x80 | 22];
        let length = if reported == 0x02 { 2 } else { 4 };
        let done = world.report(&ack(&octets[..length], Some(&call_id)));
        assert!(done.answered.is_empty());
        assert_eq!(done.sent.len(), usize::from(notified), "{wanted}");
        if notified {
            assert_eq!(delivery(done.message()), DeliveryStatus::Delivered);
        }
    }
    // It never comes.
    let mut world = World::new();
    let (id, ..) = wanting(&mut world, "positive-delivery");
    world.leg_fails(id, 500);
    assert_eq!(world.store.open(), 1);
    assert!(world.next_due().is_nothing());
    assert_eq!(world.store.open(), 0);
}

#[test]
fn in_reply_to_is_enough() {
    let mut world = World::new();
    let done = world.deliver(&instant(BOB, "hello"));
    let call_id = done.message().call_id.clone().unwrap();
    let done = world.report(&ack(&[0x02, 0x77], Some(&call_id)));
    assert_eq!((done.answer(), done.replies[0].1), (200, Verdict::Taken));
    assert_eq!(done.counted, [Counter::ReportOdd, Counter::ImDelivered]);
}

#[test]
fn each_message_is_reported_on_once() {
    // In another form it goes once more. The report on the first form comes again, in a MESSAGE of its own.
    let mut world = World::new();
    let first = world.deliver(&instant(BOB, "hello"));
    let call_id = first.message().call_id.clone().unwrap();
    let octets = [0x04, 1, 0x01, 0x80 | 111, 0x41, 0x03, 0x00, 0x90, 0x00];
    let again = world.report(&ack(&octets, Some(&call_id)));
    assert_eq!(again.sent.len(), 1);
    let done = world.report(&ack(&octets, Some(&call_id)));
    assert_eq!(done.replies[0].1, Verdict::Refused);
    assert!(done.answered.is_empty() && done.sent.is_empty());
    let call_id = again.message().call_id.clone().unwrap();
    let done = world.report(&ack(&[0x02, 2], Some(&call_id)));
    assert_eq!(done.answer(), 200);
}

#[test]
fn owed_report_delays_others_by_three_seconds() {
    let mut world = World::new();
    let (first, lost) = sent(&mut world, "first");
    world.leg(first, 200);
    let second = world.deliver(&instant(BOB, "second"));
    assert!(second.sent.is_empty());
    world.pass(3_000);
    assert_eq!(world.store.next_wake(), Some((world.now.unix_ms, first)));
    let done = world.handle(Input::Due { exchange: first });
    assert_eq!(done.sent[0].0, Some(second.held[0]));
    let rp_mr = done.message().body[1];
    assert_ne!(rp_mr, lost, "by it they are told apart");
    // Later messages do not wait for the first one at all.
    let done = world.report(&ack(&[0x02, rp_mr], None));
    assert_eq!((done.answer(), done.answered[0].0), (200, second.held[0]));
    let third = world.deliver(&instant(BOB, "third"));
    assert_eq!(third.sent.len(), 1);
    // Both of those that are open are reported on.
    world.leg(third.held[0], 200);
    let done = world.report(&ack(&[0x02, lost], None));
    assert_eq!((done.answer(), done.answered[0].0), (200, first));
    let done = world.report(&ack(&[0x02, third.message().body[1]], None));
    assert_eq!(done.answered[0].0, third.held[0]);
    assert_eq!(world.store.open(), 0);
}

#[test]
fn a_report_that_overtakes_its_200_lets_nothing_overtake_the_200() {
    let mut world = World::new();
    let (first, rp_mr) = sent(&mut world, "first");
    let second = world.deliver(&instant(BOB, "second"));
    let done = world.report_before_200(&ack(&[0x02, rp_mr], None));
    assert_eq!((done.answer(), done.sent.len()), (200, 0));
    assert_eq!(
        world.store.im_to_sm(first).unwrap().state,
        ImToSmState::Closing,
        "one transaction at a time (RFC 3428 §8)"
    );
    let done = world.leg(first, 200);
    assert_eq!(done.sent[0].0, Some(second.held[0]));
    assert_eq!(world.store.ids(), second.held);
}

#[test]
fn parts_wait_for_each_other_and_others_go_between() {
    let mut world = World::new();
    let long = world.deliver(&instant(BOB, &"x".repeat(300)));
    let (part, rp_mr) = (long.sent[0].0.unwrap(), long.message().body[1]);
    let other = world.deliver(&instant(BOB, "other"));
    world.leg(part, 200);
    world.pass(3_000);
    let done = world.handle(Input::Due { exchange: part });
    assert_eq!(
        done.sent[0].0,
        Some(other.held[0]),
        "not the part behind it"
    );
    let octets = [0x02, done.message().body[1]];
    let done = world.report(&ack(&octets, None));
    assert!(done.sent.is_empty());
    let done = world.report(&ack(&[0x02, rp_mr], None));
    assert_eq!(done.sent[0].0, Some(long.held[0]));
}

#[test]
fn no_rp_mr_is_reused_while_a_report_is_owed() {
    let mut world = World::new();
    let (first, rp_mr) = sent(&mut world, "first");
    world.leg(first, 200);
    world.pass(3_000);
    world.handle(Input::Due { exchange: first });
    for _ in 0..600 {
        let done = world.deliver(&instant(BOB, "next"));
        let octets = [0x02, done.message().body[1]];
        assert_ne!(octets[1], rp_mr);
        assert_eq!(world.report(&ack(&octets, None)).answer(), 200);
    }
    // And where all are, the next one waits.
    let mut owed = vec![(first, rp_mr)];
    for _ in 1..256 {
        let (id, rp_mr) = sent(&mut world, "next");
        world.leg(id, 200);
        world.pass(3_000);
        world.handle(Input::Due { exchange: id });
        owed.push((id, rp_mr));
    }
    let last = world.deliver(&instant(BOB, "last"));
    assert!(last.sent.is_empty());
    let done = world.report(&ack(&[0x02, owed[7].1], None));
    assert_eq!(done.sent[0].0, Some(last.held[0]));
    assert_eq!(done.message().body[1], owed[7].1);
}

#[test]
fn answers_match_the_outcome() {
    // Five at once to a phone that needs 1.5 s for each, behind a peer whose own timer is 5 s.
    let mut world = World::with(&ipsmgw::interwork::Settings {
        hold_timeout: 4,
        ..crate::world::settings()
    });
    let all: Vec<_> = (0..5).map(|_| world.deliver(&instant(BOB, "x"))).collect();
    let mut answers = vec![0; 5];
    let mut note = |done: &Done| {
        for (_, transaction, outcome) in &done.answered {
            let label = usize::try_from(transaction.label).unwrap();
            answers[label - 1] = outcome.answer.status;
        }
    };
    let (mut open, mut delivered) = (all[0].message().body[1], 0);
    for tick in 1..=20 {
        world.pass(500);
        if tick % 3 == 0 && delivered < 5 {
            let done = world.report(&ack(&[0x02, open], None));
            delivered += 1;
            note(&done);
            if let Some((_, next)) = done.sent.first() {
                open = next.body[1];
            }
        }
        if tick == 8 {
            for im in &all {
                note(&hold_over(&mut world, im.held[0]));
            }
        }
    }
    assert_eq!((delivered, world.store.open()), (5, 0));
    assert_eq!(answers, [200, 200, 202, 202, 202]);
}

/// Only a phone that has all parts can show the text.
#[test]
fn all_parts_of_a_message_go_to_one_contact() {
    let text = "The quick brown fox jumps. ".repeat(15);
    // The contact that has the first part is the second one, or the first one, whose report comes late.
    for (attempt, contact) in [(2, 1), (1, 0)] {
        let mut world = World::new();
        let first = world.deliver(&instant(BOB, &text));
        let exchange = first.sent[0].0.unwrap();
        world.handle(Input::OtherContacts { exchange, count: 2 });
        let second = world.leg(exchange, 408);
        let messages = [first.message(), second.message()];
        let call_id = messages[attempt - 1].call_id.as_deref();
        let next = world.report(&ack(&[0x02, 1], call_id));
        assert_eq!(next.legs[0].contact, contact);
        let exchange = next.sent[0].0.unwrap();
        world.handle(Input::OtherContacts { exchange, count: 2 });
        // Sent again because no report came, it goes to the same contact; so does the part behind it.
        world.leg(exchange, 200);
        assert_eq!(world.no_report(exchange).legs[0].contact, contact);
        assert_eq!(world.hold_timeout(first.held[0]).answer(), 202);
        let call_id = next.message().call_id.as_deref();
        let next = world.report(&ack(&[0x02, 2], call_id));
        assert_eq!(next.legs[0].contact, contact);
        let exchange = next.sent[0].0.unwrap();
        world.handle(Input::OtherContacts { exchange, count: 2 });
        // No other contact gets it: the message has failed.
        let done = world.leg_fails(exchange, 503);
        assert_eq!((done.ended[0].status, done.sent.len()), (480, 0));
        assert_eq!(world.store.open(), 0);
    }
}

/// The message is stored, and its sender gets 202.
fn promised(world: &mut World, held: ExchangeKey) {
    let mut done = world.next_due();
    while done.asked.is_empty() {
        done = world.next_due();
    }
    for (asked, _) in done.asked {
        world.stored(asked);
    }
    world.pass(1_500);
    assert_eq!(world.hold_timeout(held).answer(), 202);
}

/// A long text to a phone that has another contact, too.
fn long_to_two_contacts(world: &mut World) -> (Done, ExchangeKey) {
    let first = world.deliver(&instant(BOB, &"long ".repeat(80)));
    let exchange = first.sent[0].0.unwrap();
    world.handle(Input::OtherContacts { exchange, count: 1 });
    (first, exchange)
}

/// RP-ACK on this part: the next part, also if it has to wait first.
fn next_part(world: &mut World, part: &Done) -> Done {
    let message = part.message();
    let octets = [0x02, message.body[1]];
    let next = world.report(&ack(&octets, message.call_id.as_deref()));
    match next.sent.is_empty() {
        true => world.until_sent(),
        false => next,
    }
}

/// The report on the first part comes behind a crash, when the other parts still wait.
#[test]
fn all_parts_of_a_message_go_to_one_contact_behind_a_crash_too() {
    let mut world = World::with_database(&settings());
    let (first, exchange) = long_to_two_contacts(&mut world);
    let mut part = world.leg(exchange, 408);
    world.leg(exchange, 200);
    promised(&mut world, first.held[0]);
    world.crash(0);
    for _ in 0..2 {
        let next = next_part(&mut world, &part);
        assert_eq!(next.legs[0].contact, 1);
        world.leg(next.sent[0].0.unwrap(), 200);
        part = next;
    }
}

/// The crash comes before the database knows of the attempt that the report is about.
#[test]
fn the_report_names_the_contact_of_an_attempt_that_the_database_does_not_know() {
    let mut world = World::with_database(&settings());
    let (first, exchange) = long_to_two_contacts(&mut world);
    let second = world.leg(exchange, 408);
    assert_eq!(second.legs[0].contact, 1);
    world.leg(exchange, 200);
    promised(&mut world, first.held[0]);
    let (row, _) = world.store.rows.get_mut(&exchange.serial()).unwrap();
    let Exchange::ImToSm(im) = row else {
        panic!("the row of an RP-DATA")
    };
    (im.attempts, im.contact, im.other_contacts) = (1, 0, 1);
    world.crash(0);
    let next = next_part(&mut world, &second);
    assert_eq!(next.legs[0].contact, 1);
}

#[test]
fn the_later_parts_go_to_the_newest_contact_if_theirs_is_not_registered_any_more() {
    let mut world = World::new();
    let (_, exchange) = long_to_two_contacts(&mut world);
    let second = world.leg(exchange, 408);
    world.leg(exchange, 200);
    let next = next_part(&mut world, &second);
    assert_eq!(next.legs[0].contact, 1);
    let part = next.sent[0].0.unwrap();
    let not_sent = Input::NotSent {
        exchange: part,
        attempt: 1,
        status: Unsent::NoDestination.status(),
    };
    let again = world.handle(not_sent);
    assert_eq!(again.legs[0].contact, 0);
    assert_eq!(again.message().body, next.message().body);
}

#[test]
fn behind_a_crash_an_attempt_goes_to_the_first_contact_and_so_do_the_later_parts() {
    let mut world = World::with_database(&settings());
    let (first, exchange) = long_to_two_contacts(&mut world);
    world.leg(exchange, 200);
    promised(&mut world, first.held[0]);
    let known = world.store.rows.clone();
    let again = world.until_sent();
    assert_eq!(again.legs[0].contact, 0);
    world.store.rows = known;
    world.crash(0);
    let next = next_part(&mut world, &again);
    assert_eq!(next.legs[0].contact, 0);
}

/// The wait for a report that belies the failure is shorter than the SIP transaction.
#[test]
fn next_message_waits_for_the_end_of_a_failed_one() {
    let mut world = World::with(&Settings {
        report_timeout: 3,
        ..settings()
    });
    let (first, ..) = wanting(&mut world, "positive-delivery");
    let behind = world.deliver(&instant(BOB, "behind"));
    world.pass(20_000);
    assert_eq!(world.hold_timeout(first).answer(), 480);
    world.pass(3_000);
    let due = world.handle(Input::Due { exchange: first });
    assert!(
        due.sent.is_empty(),
        "SIP's answer to the first one is missing"
    );
    let done = world.leg(first, 408);
    assert_eq!(done.sent[0].0, Some(behind.held[0]));
}
