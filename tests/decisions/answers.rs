//! All answers are the core's: those that no exchange decides, and those of a step.

use ipsmgw::exchange::{Change, Exchange, ExchangeKey, NothingOpen, ReplyTo, TransactionId};
use ipsmgw::interwork::{Counter, Effect, Input, Step, Verdict};
use ipsmgw::sip::Answer;

use crate::world::{
    ALICE, BOB, World, from_phone, held_as, hello, instant, rp_data_mo, submit_tpdu,
};

const REQUEST: ReplyTo = ReplyTo::Transaction(TransactionId { entry: 3, label: 4 });

/// The one answer of a step, and the request that it is for.
fn answer(step: &Step) -> (ReplyTo, Answer) {
    let mut answers = step.effects.iter().filter_map(|effect| match effect {
        Effect::Answer(to, answer) => Some((*to, *answer)),
        _ => None,
    });
    let only = answers.next().unwrap();
    assert!(answers.next().is_none());
    only
}

fn counted(step: &Step) -> Vec<Counter> {
    let counted = step.effects.iter().filter_map(|effect| match effect {
        Effect::Count(counter) => Some(*counter),
        _ => None,
    });
    counted.collect()
}

#[test]
fn answers_that_need_no_exchange() {
    let world = World::new();
    let gateway = &world.gateway;
    let stopping = gateway.refuse_while_stopping(REQUEST);
    assert_eq!(counted(&stopping), [Counter::Refused]);
    assert_eq!(stopping.verdict, Verdict::Refused);
    let overload = gateway.refuse_overload(ReplyTo::AtHand, 7);
    assert_eq!(counted(&overload), [Counter::Overload]);
    for (step, to, status, lines) in [
        (&stopping, REQUEST, 503, "Retry-After: 10\r\n"),
        (&gateway.refuse_without_means(REQUEST), REQUEST, 500, ""),
        (&gateway.list_taken(REQUEST, Vec::new()), REQUEST, 202, ""),
    ] {
        let (request, answer) = answer(step);
        assert_eq!((request, answer.status), (to, status));
        assert_eq!(answer.header_lines(), lines);
        assert!(step.changes.is_empty());
    }
    let (to, answer) = answer(&overload);
    assert_eq!((to, answer.status), (ReplyTo::AtHand, 503));
    let seconds = gateway.retry_after(7);
    assert_eq!(answer.header_lines(), format!("Retry-After: {seconds}\r\n"));
    for (written, status, lines) in [(true, 200, ""), (false, 503, "Retry-After: 5\r\n")] {
        let answer = gateway.registration_answer(written);
        assert_eq!((answer.status, &*answer.header_lines()), (status, lines));
    }
}

#[test]
fn a_refused_short_message_is_answered_and_reported_on() {
    let world = World::new();
    // TP-DCS: 8-bit data.
    let octets = rp_data_mo(0x2A, &submit_tpdu(7, 0x00, 0x04));
    let message = from_phone(ALICE, &octets);
    let Err(refusal) = world.gateway.translate_sm(&message, world.now) else {
        panic!("accepted")
    };
    let step = world.gateway.refuse(*refusal, REQUEST);
    let (to, answer) = answer(&step);
    assert_eq!((to, answer.status), (REQUEST, 202));
    assert_eq!(step.verdict, Verdict::Refused);
    let report = step.effects.iter().find_map(|effect| match effect {
        Effect::Send {
            exchange: None,
            message,
            ..
        } => Some(message.body[..2].to_vec()),
        _ => None,
    });
    assert_eq!(report.unwrap(), [0x05, 0x2A], "RP-ERROR behind the 202");
}

#[test]
fn the_timer_of_a_sender_whose_exchange_has_ended_answers_202() {
    let world = World::new();
    let exchange = ExchangeKey::new(1, 77).unwrap();
    let input = Input::HoldTimeout {
        exchange,
        transaction: held_as(5),
    };
    let step = world.gateway.handle(input, world.now, &mut NothingOpen);
    let (to, answer) = answer(&step);
    assert_eq!((to, answer.status), (ReplyTo::Transaction(held_as(5)), 202));
    assert!(step.changes.is_empty());
}

#[test]
fn a_timer_that_is_late_answers_before_the_report() {
    let mut world = World::new();
    let exchange = world.relay(&from_phone(ALICE, &hello(1)));
    world.handle(Input::BranchAnswered {
        exchange,
        branch: 0,
        status: 200,
        open: 0,
    });
    // The gateway stood still.
    world.pass(60_000);
    let done = world.handle(Input::Due { exchange });
    assert_eq!(done.accepted.len(), 1);
    assert!(done.sent.is_empty());
    let sent = Input::FinalSent {
        exchange,
        status: 202,
        open: 0,
    };
    let report = world.handle(sent).message().body[..2].to_vec();
    assert_eq!(report, [0x03, 1], "RP-ACK");
    // If the answer cannot leave, the report goes nevertheless.
    let exchange = world.relay(&from_phone(ALICE, &hello(2)));
    world.pass(60_000);
    assert_eq!(world.handle(Input::Due { exchange }).accepted.len(), 1);
    world.pass(2_000);
    let report = world.handle(Input::Due { exchange }).message().body[..2].to_vec();
    assert_eq!(report, [0x05, 2], "RP-ERROR");
}

#[test]
fn a_success_of_the_im_side_is_forwarded_as_202() {
    let mut world = World::new();
    let exchange = world.relay(&from_phone(ALICE, &hello(1)));
    for status in [200, 202] {
        let done = world.handle(Input::ResponseForwarded { exchange, status });
        assert_eq!(done.forwarded, [202]);
    }
    // The status that the script sets instead of the IM side is answered in the same way.
    let done = world.handle(Input::ScriptAnswered {
        exchange,
        request: REQUEST,
        status: 486,
    });
    assert_eq!(done.reply(), 202);
}

/// A host can write all changes of a step before it executes the effects.
#[test]
fn promised_exchanges_are_among_the_changes() {
    let mut world = World::new();
    let im = world.translate_im(&instant(BOB, "hello"));
    let input = Input::Deliver {
        im: &im,
        transaction: held_as(1),
        hold_ms: 20_000,
        route: "",
    };
    let step = world.gateway.handle(input, world.now, &mut world.store);
    let [Change::Opened(Exchange::ImToSm(opened), texts)] = &step.changes[..] else {
        panic!("{:?}", step.changes)
    };
    // It is open as it stands behind all effects of the step: its RP-DATA is on its way.
    assert_eq!((opened.attempts, opened.is_held()), (1, true));
    assert!(!texts.as_octets().is_empty());
    let sent = step.effects.iter().any(|effect| {
        matches!(effect, Effect::SendRpData { exchange, .. } if *exchange == opened.header.key)
    });
    assert!(sent);
}
