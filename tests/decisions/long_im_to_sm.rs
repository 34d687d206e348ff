//! Long instant messages: rows IM-9, IM-10, CON-1, MAP-11.

use ipsmgw::exchange::ExchangeKey;
use ipsmgw::interwork::{Counter, Input, Settings, Verdict};
use ipsmgw::sip::MessageIn;
use ipsmgw::wire::{Parts, RpMessage, SmsDeliver, Tpdu};

use crate::world::{ALICE, BOB, Done, World, from_phone, held_as, instant, settings};

/// Three parts of 153 septets at most.
fn long() -> String {
    "The quick brown fox jumps. ".repeat(15)
}

/// The SMS-DELIVER in a MESSAGE of the gateway.
pub(crate) fn deliver(body: &[u8]) -> SmsDeliver<'_> {
    let (direction, rp) = RpMessage::decode(body).unwrap();
    let Some(Ok(Tpdu::Deliver(deliver))) = rp.tpdu(direction) else {
        panic!("no SMS-DELIVER")
    };
    deliver
}

/// The one RP-DATA sent: its exchange and octets.
fn part(done: &Done) -> (ExchangeKey, Vec<u8>) {
    let message = done.message();
    (done.sent[0].0.unwrap(), message.body.clone())
}

fn ack(world: &mut World, rp_mr: u8) -> Done {
    world.report(&from_phone(BOB, &[0x02, rp_mr]))
}

#[test]
fn parts_go_one_after_the_other() {
    let mut world = World::new();
    let text = long();
    let first = world.deliver(&instant(BOB, &text));
    assert_eq!(first.counted, [Counter::ImToSm]);
    let held = first.held[0];
    let (_, one) = part(&first);
    let done = ack(&mut world, one[1]);
    assert!(done.answered.is_empty() && done.counted.is_empty());
    let (_, two) = part(&done);
    let done = ack(&mut world, two[1]);
    assert!(done.answered.is_empty());
    let (id, three) = part(&done);
    assert_eq!(id, held, "the last part holds the sender");
    let done = ack(&mut world, three[1]);
    assert_eq!((done.answer(), done.answered[0].1), (200, held_as(1)));
    assert_eq!(done.counted, [Counter::ImDelivered]);
    assert_eq!(world.store.open(), 0);

    let delivers = [&one, &two, &three].map(|octets| deliver(octets));
    let mut parts = Parts::of(&delivers[0].user_data.concatenation().unwrap());
    for (deliver, sequence) in delivers.iter().zip(1..) {
        assert_eq!(
            deliver.user_data.concatenation().unwrap().sequence,
            sequence
        );
        parts.insert(deliver.user_data);
    }
    let mut whole = String::new();
    parts.text_into("", &mut whole).unwrap();
    assert_eq!(whole, text);
    // TP-MMS (TS 23.040 §9.2.3.2)
    assert_eq!(
        delivers.map(|deliver| deliver.more_messages),
        [true, true, false]
    );
    let rp_mrs = [one[1], two[1], three[1]];
    assert!(rp_mrs[0] != rp_mrs[1] && rp_mrs[1] != rp_mrs[2]);
}

#[test]
fn each_long_message_has_its_own_reference() {
    let mut world = World::new();
    let mut references = Vec::new();
    for _ in 0..3 {
        let mut done = world.deliver(&instant(BOB, &long()));
        while !done.sent.is_empty() {
            let (_, octets) = part(&done);
            let concatenation = deliver(&octets).user_data.concatenation();
            references.push(concatenation.unwrap().reference);
            done = ack(&mut world, octets[1]);
        }
    }
    assert_eq!(references.len(), 9);
    assert!(
        references
            .chunks(3)
            .all(|same| same[0] == same[1] && same[1] == same[2])
    );
    references.dedup();
    assert_eq!(references.len(), 3);
}

#[test]
fn others_wait_for_all_parts() {
    let mut world = World::new();
    let mut done = world.deliver(&instant(BOB, &long()));
    assert!(world.deliver(&instant(BOB, "hello")).sent.is_empty());
    for more in [true, true, false, false] {
        let (_, octets) = part(&done);
        assert_eq!(deliver(&octets).more_messages, more);
        done = ack(&mut world, octets[1]);
    }
    assert_eq!(done.answer(), 200);
    assert_eq!(world.store.open(), 0);
}

#[test]
fn failed_part_ends_the_rest() {
    let mut world = World::new();
    let first = world.deliver(&instant(BOB, &long()));
    world.deliver(&instant(BOB, "hello"));
    let (_, one) = part(&first);
    let (_, two) = part(&ack(&mut world, one[1]));
    let full = [0x04, two[1], 0x01, 0x80 | 22];
    let done = world.report(&from_phone(BOB, &full));
    assert_eq!((done.answer(), done.answered[0].1), (480, held_as(1)));
    assert_eq!(done.answered[0].2.rp_cause, Some(22));
    assert_eq!(done.counted, [Counter::ImFailed]);
    // The next message has its turn.
    let (_, next) = part(&done);
    assert_eq!(deliver(&next).user_data.text().unwrap(), "hello");
    assert_eq!(world.store.open(), 1);
}

#[test]
fn failed_leg_ends_the_rest() {
    let mut world = World::new();
    let first = world.deliver(&instant(BOB, &long()));
    let (id, _) = part(&first);
    let done = world.leg_fails(id, 404);
    assert_eq!((done.answer(), world.store.open()), (404, 0));
}

#[test]
fn part_without_report_ends_the_rest_as_accepted() {
    let mut world = World::new();
    let first = world.deliver(&instant(BOB, &long()));
    let (id, _) = part(&first);
    world.leg(id, 200);
    let done = world.hold_timeout(first.held[0]);
    assert_eq!(done.answer(), 202);
    assert_eq!(world.no_report(id).counted, [Counter::Resent]);
    world.leg(id, 200);
    let done = world.no_report(id);
    assert_eq!(done.counted, [Counter::ReportMissing]);
    assert!(done.answered.is_empty());
    assert_eq!(world.store.open(), 0);
}

#[test]
fn the_rest_goes_on_when_the_sender_has_its_202() {
    let mut world = World::new();
    let first = world.deliver(&instant(BOB, &long()));
    let mut done = world.hold_timeout(first.held[0]);
    assert_eq!(done.answer(), 202);
    let (_, octets) = part(&first);
    done = ack(&mut world, octets[1]);
    for _ in 0..2 {
        let (_, octets) = part(&done);
        done = ack(&mut world, octets[1]);
    }
    assert!(done.answered.is_empty());
    assert_eq!(done.counted, [Counter::ImDelivered]);
    assert_eq!(world.store.open(), 0);
}

/// A crash must not leave later parts in the database without an earlier one.
#[test]
fn the_parts_of_a_held_message_are_written_in_one_transaction() {
    let mut world = World::with_database(&settings());
    let first = world.deliver(&instant(BOB, &long()));
    let (early, _) = part(&first);
    let mut done = world.leg(early, 200);
    while done.asked.is_empty() {
        done = world.next_due();
    }
    let parts: Vec<ExchangeKey> = done.asked.iter().map(|(part, _)| *part).collect();
    assert_eq!((parts[0], parts.len()), (early, 3));
    assert_eq!(done.asked_together, [parts]);
}

/// A node takes over a message of two parts, and has no place for the last one yet.
#[test]
fn a_part_that_fails_before_the_last_one_is_taken_up_waits_for_it() {
    let mut world = World::with_database(&settings());
    let first = world.deliver(&instant(BOB, &"long ".repeat(60)));
    let (early, _) = part(&first);
    let mut done = world.leg(early, 200);
    while done.asked.is_empty() {
        done = world.next_due();
    }
    for (asked, _) in done.asked {
        world.stored(asked);
    }
    world.pass(1_500);
    let last = first.held[0];
    assert_eq!(world.hold_timeout(last).answer(), 202);
    let mut second = World::with_database(&settings());
    second.now = world.now;
    second.takes_over(&world, early);
    second.until_sent();
    assert!(second.leg(early, 480).sent.is_empty());
    second.next_due();
    second.takes_over(&world, last);
    // The last part does not go alone: the message is stored.
    let mut done = second.next_due();
    while done.asked.is_empty() {
        assert!(done.sent.is_empty());
        done = second.next_due();
    }
    second.stored(done.asked[0].0);
    assert_eq!((second.store.open(), second.store.rows()), (0, 1));
}

#[test]
fn gone_sender_stops_further_parts() {
    let mut world = World::new();
    let first = world.deliver(&instant(BOB, &long()));
    let gone = world.handle(Input::Released {
        exchange: first.held[0],
    });
    assert!(gone.is_nothing());
    let (_, octets) = part(&first);
    let done = ack(&mut world, octets[1]);
    assert!(done.sent.is_empty() && done.answered.is_empty());
    assert_eq!(world.store.open(), 0);
}

#[test]
fn all_parts_have_room_or_none() {
    let mut world = World::new();
    world.store.max = 2;
    let done = world.deliver(&instant(BOB, &long()));
    assert_eq!((done.reply(), done.replies[0].1), (480, Verdict::Refused));
    assert_eq!(done.counted, [Counter::Full]);
    assert!(done.sent.is_empty());
    assert_eq!(world.store.open(), 0);
}

#[test]
fn max_segments_limits_the_parts() {
    for (max_segments, characters, fits) in [
        (1, 160, true),
        (1, 161, false),
        (10, 1530, true),
        (10, 1531, false),
        (255, 255 * 153, true),
        (255, 255 * 153 + 1, false),
    ] {
        let world = World::with(&Settings {
            max_segments,
            ..settings()
        });
        let text = "a".repeat(characters);
        match world.gateway.translate_im(&instant(BOB, &text), world.now) {
            Ok(im) => assert!(fits && i64::try_from(im.parts.len()) == Ok(max_segments)),
            Err(refusal) => assert!(!fits && refusal.answer.status == 413),
        }
    }
}

#[test]
fn languages_allow_national_alphabets() {
    let dcs_and_length = |settings: &Settings<'_>, text: &str| {
        let world = World::with(settings);
        let im = world.translate_im(&instant(BOB, text));
        let user_data = deliver(im.parts[0].as_slice()).user_data;
        (user_data.dcs().0, user_data.length())
    };
    let turkish = Settings {
        languages: "turkish",
        ..settings()
    };
    let typewriter = Settings {
        transliterate: true,
        ..settings()
    };
    assert_eq!(dcs_and_length(&settings(), "ş"), (0x08, 2));
    // UDHL and one element of 3 octets: 5 septets; ESC and s
    assert_eq!(dcs_and_length(&turkish, "ş"), (0x00, 7));
    assert_eq!(dcs_and_length(&settings(), "“a”"), (0x08, 6));
    assert_eq!(dcs_and_length(&typewriter, "“a”"), (0x00, 3));
    assert_eq!(dcs_and_length(&typewriter, "“ş”"), (0x08, 6));
}

#[test]
fn parts_are_reported_on_by_their_own_phone_only() {
    let mut world = World::new();
    let first = world.deliver(&instant(BOB, &long()));
    let (_, octets) = part(&first);
    let call_id = first.message().call_id.clone().unwrap();
    let report = [0x02, octets[1]];
    let done = world.report(&MessageIn {
        in_reply_to: Some(&call_id),
        ..from_phone(ALICE, &report)
    });
    assert_eq!(done.counted, [Counter::ReportUnknown]);
    assert!(done.sent.is_empty());
}
