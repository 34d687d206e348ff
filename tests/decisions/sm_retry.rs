//! IM to SM: a second attempt after a refusal for the form, or for the moment (row IM-16).

use ipsmgw::exchange::ExchangeKey;
use ipsmgw::interwork::{Counter, Input, Settings};
use ipsmgw::sip::MessageIn;
use ipsmgw::wire::{Alphabet, RpMessage, SmsDeliver, Tpdu};

use crate::to_service_centre::{self, from_centre, submit};
use crate::world::{BOB, Done, World, from_phone, instant, settings};

fn deliver(body: &[u8]) -> SmsDeliver<'_> {
    let (direction, rp) = RpMessage::decode(body).unwrap();
    let Some(Ok(Tpdu::Deliver(deliver))) = rp.tpdu(direction) else {
        panic!("no SMS-DELIVER")
    };
    deliver
}

/// RP-ERROR 111 of a phone with this TP-FCS.
fn refused(world: &mut World, rp_mr: u8, fcs: u8) -> Done {
    let octets = [0x04, rp_mr, 0x01, 0x80 | 111, 0x41, 0x03, 0x00, fcs, 0x00];
    world.report(&from_phone(BOB, &octets))
}

/// RP-ERROR of a service centre with an SMS-SUBMIT-REPORT, or without (0).
fn refused_by_centre(world: &mut World, rp_mr: u8, cause: u8, fcs: u8) -> Done {
    let mut octets = vec![0x05, rp_mr, 0x01, 0x80 | cause];
    if fcs != 0 {
        octets.extend([
            0x41, 0x0A, 0x01, fcs, 0x00, 0x62, 0x10, 0x20, 0x30, 0x40, 0x50, 0x40,
        ]);
    }
    world.report(&from_centre(&octets, None))
}

fn sent(world: &mut World, message: &MessageIn<'_>) -> (ExchangeKey, u8) {
    let done = world.deliver(message);
    (done.held[0], done.message().body[1])
}

#[test]
fn in_the_other_alphabet_once() {
    let long = "x".repeat(70);
    for (text, fcs, alphabet) in [
        ("hello", 0x90, Alphabet::Ucs2),
        (&long, 0x9F, Alphabet::Ucs2),
        ("{€}", 0x90, Alphabet::Ucs2),
    ] {
        let mut world = World::new();
        let (id, rp_mr) = sent(&mut world, &instant(BOB, text));
        let done = refused(&mut world, rp_mr, fcs);
        assert_eq!(
            (done.reply(), done.counted.as_slice()),
            (202, &[Counter::Resent][..])
        );
        assert!(done.answered.is_empty());
        let again = deliver(&done.message().body);
        assert_eq!(again.user_data.text().unwrap(), text);
        assert_eq!(
            (again.dcs.alphabet(), done.message().body[1]),
            (alphabet, rp_mr + 1)
        );
        // A repetition of the first report is about nothing.
        assert!(refused(&mut world, rp_mr, fcs).sent.is_empty());
        world.leg(id, 200);
        assert_eq!(refused(&mut world, rp_mr + 1, 0x90).answer(), 415);
        assert_eq!(world.store.open(), 0);
    }
}

#[test]
fn out_of_a_national_table() {
    let mut world = World::with(&Settings {
        languages: "turkish",
        ..settings()
    });
    // The Turkish table holds it, the default alphabet does not.
    let (_, rp_mr) = sent(&mut world, &instant(BOB, "ışık ğ"));
    let first = refused(&mut world, rp_mr, 0x90);
    let again = deliver(&first.message().body);
    assert_eq!((again.dcs.0, again.user_data.header()), (0x08, None));
    assert_eq!(again.user_data.text().unwrap(), "ışık ğ");
}

#[test]
fn retry_with_more_parts_is_refused() {
    let mut world = World::new();
    let (_, rp_mr) = sent(&mut world, &instant(BOB, &"x".repeat(71)));
    assert_eq!(refused(&mut world, rp_mr, 0x90).answer(), 415);
    // UCS2 that the default alphabet lacks characters for.
    let (_, rp_mr) = sent(&mut world, &instant(BOB, "тест"));
    assert_eq!(refused(&mut world, rp_mr, 0x90).answer(), 415);
    // A part fits where there is room for it.
    let text = format!("{}{}", "x".repeat(153), "y".repeat(60));
    let (_, rp_mr) = sent(&mut world, &instant(BOB, &text));
    let second = world.report(&from_phone(BOB, &[0x02, rp_mr]));
    let concatenation = deliver(&second.message().body).user_data.concatenation();
    let again = refused(&mut world, second.message().body[1], 0x90);
    let part = deliver(&again.message().body);
    assert_eq!(part.user_data.concatenation(), concatenation);
    assert_eq!(part.user_data.text().unwrap(), "y".repeat(60));
    let done = world.report(&from_phone(BOB, &[0x02, again.message().body[1]]));
    assert_eq!((done.answer(), world.store.open()), (200, 0));
}

#[test]
fn without_its_class() {
    let mut world = World::new();
    let urgent = MessageIn {
        priority: Some("urgent"),
        ..instant(BOB, "now")
    };
    for (fcs, dcs) in [(0x91, 0x00), (0x90, 0x18)] {
        let (_, rp_mr) = sent(&mut world, &urgent);
        let done = refused(&mut world, rp_mr, fcs);
        let again = deliver(&done.message().body);
        assert_eq!(
            (again.dcs.0, again.user_data.text().unwrap()),
            (dcs, "now".to_owned())
        );
        let done = world.report(&from_phone(BOB, &[0x02, rp_mr + 1]));
        assert_eq!(done.answer(), 200);
    }
    // It has none.
    let (_, rp_mr) = sent(&mut world, &instant(BOB, "now"));
    assert_eq!(refused(&mut world, rp_mr, 0x91).answer(), 488);
}

#[test]
fn without_its_validity_period() {
    let mut world = to_service_centre::world();
    let hour = MessageIn {
        expires: Some("3600"),
        ..instant(BOB, "soon")
    };
    for fcs in [0xC6, 0xC7] {
        let (_, rp_mr) = sent(&mut world, &hour);
        let done = refused_by_centre(&mut world, rp_mr, 111, fcs);
        let again = submit(&done.message().body);
        assert_eq!(
            (again.vp.format(), again.user_data.text().unwrap()),
            (0, "soon".to_owned())
        );
        assert_eq!(
            refused_by_centre(&mut world, rp_mr + 1, 111, fcs).answer(),
            500
        );
    }
    let (_, rp_mr) = sent(&mut world, &instant(BOB, "it has none"));
    assert_eq!(
        refused_by_centre(&mut world, rp_mr, 111, 0xC6).answer(),
        500
    );
}

#[test]
fn temporary_refusal_is_retried_later() {
    for (cause, fcs) in [(41, 0), (47, 0), (41, 0xFF)] {
        let mut world = to_service_centre::world();
        let (id, rp_mr) = sent(&mut world, &instant(BOB, "hello"));
        let paused = refused_by_centre(&mut world, rp_mr, cause, fcs);
        assert!(paused.sent.is_empty() && paused.answered.is_empty());
        // Nothing overtakes it.
        assert!(world.deliver(&instant(BOB, "behind")).sent.is_empty());
        assert!(
            refused_by_centre(&mut world, rp_mr, cause, fcs)
                .sent
                .is_empty()
        );
        world.pass(2_000);
        assert_eq!(world.store.next_wake(), Some((world.now.unix_ms, id)));
        let again = world.handle(Input::Due { exchange: id });
        assert_eq!(
            (again.message().body[1], again.counted),
            (rp_mr + 1, vec![Counter::Resent])
        );
        let done = refused_by_centre(&mut world, rp_mr + 1, cause, fcs);
        assert_eq!(
            (done.answer(), done.sent.len()),
            (500, 1),
            "and the next one goes"
        );
    }
}

#[test]
fn no_retry_without_time() {
    let mut world = to_service_centre::world();
    let (_, rp_mr) = sent(&mut world, &instant(BOB, "hello"));
    world.pass(16_500);
    assert_eq!(refused_by_centre(&mut world, rp_mr, 41, 0).answer(), 500);
    // Other causes do not pass, nor does a phone say so.
    let (_, rp_mr) = sent(&mut world, &instant(BOB, "hello"));
    assert_eq!(refused_by_centre(&mut world, rp_mr, 38, 0).answer(), 500);
    let (_, rp_mr) = sent(&mut world, &instant(BOB, "hello"));
    assert_eq!(refused_by_centre(&mut world, rp_mr, 41, 0xC3).answer(), 404);
    let mut world = World::new();
    let (_, rp_mr) = sent(&mut world, &instant(BOB, "hello"));
    let done = world.report(&from_phone(BOB, &[0x04, rp_mr, 0x01, 0x80 | 41]));
    assert_eq!(done.answer(), 500);
}

#[test]
fn behind_a_202_there_is_time() {
    let mut world = to_service_centre::world();
    let (id, rp_mr) = sent(&mut world, &instant(BOB, "hello"));
    world.leg(id, 202);
    world.pass(20_000);
    assert_eq!(world.hold_timeout(id).answer(), 202);
    assert!(
        refused_by_centre(&mut world, rp_mr, 41, 0)
            .counted
            .is_empty()
    );
    world.pass(2_000);
    assert_eq!(world.handle(Input::Due { exchange: id }).sent.len(), 1);
    assert!(
        world
            .report(&from_centre(&[0x03, rp_mr + 1], None))
            .answered
            .is_empty()
    );
    assert_eq!(world.store.open(), 0);
}

#[test]
fn sender_goes_during_the_wait() {
    let mut world = to_service_centre::world();
    let (id, rp_mr) = sent(&mut world, &instant(BOB, "hello"));
    let (behind, text) = (world.deliver(&instant(BOB, "behind")).held[0], "behind");
    refused_by_centre(&mut world, rp_mr, 41, 0);
    let done = world.handle(Input::Released { exchange: id });
    assert_eq!(submit(&done.message().body).user_data.text().unwrap(), text);
    assert_eq!(world.store.ids(), [behind]);
}

#[test]
fn the_second_attempt_is_like_any_other() {
    let mut world = World::new();
    let (id, rp_mr) = sent(&mut world, &instant(BOB, "hello"));
    world.leg(id, 200);
    refused(&mut world, rp_mr, 0x90);
    // Its SIP leg fails: the message that was refused before has not arrived.
    assert_eq!(world.leg_fails(id, 480).answer(), 480);
    // No report: once more, as it is now.
    let (id, rp_mr) = sent(&mut world, &instant(BOB, "hello"));
    world.leg(id, 200);
    let second = refused(&mut world, rp_mr, 0x90).message().body.clone();
    world.leg(id, 200);
    world.hold_timeout(id);
    let third = world.no_report(id);
    assert_eq!(third.message().body, second);
    world.leg(id, 200);
    let done = world.no_report(id);
    assert_eq!(
        (done.counted, world.store.open()),
        (vec![Counter::ReportMissing], 0)
    );
}
