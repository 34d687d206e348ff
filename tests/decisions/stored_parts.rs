//! Long short messages for somebody who is away: their parts are kept, and stored as one message.

use ipsmgw::interwork::{Counter, Input};

use crate::long_sm_to_im::parts_that_ask;
use crate::status_reports::status_report;
use crate::stored_messages::{CLIENT, PHONE, comes, rp_ack, store_sm, text, world};
use crate::world::{ALICE, World, from_phone, held_as, to_bob};

/// A part for somebody who is away comes: it is written, then its sender has its RP-ACK.
fn kept_for_store(world: &mut World, part: &[u8]) {
    let done = store_sm(world, part);
    assert!(done.replies.is_empty() && done.sent.is_empty());
    let done = world.stored(done.asked[0].0);
    assert_eq!((done.reply(), done.message().body[0]), (202, 3));
}

/// The last part comes: the whole message is stored, then its sender has its RP-ACK.
fn completed_for_store(world: &mut World, part: &[u8]) {
    let done = store_sm(world, part);
    assert_eq!((done.reply(), done.sent.len()), (202, 0));
    let done = world.stored(done.asked[0].0);
    let exchange = done.asked[0].0;
    let done = world.stored(exchange);
    assert_eq!(done.message().body[..2], [3, part[1]]);
    world.leg(exchange, 200);
    assert_eq!((world.store.open(), world.store.rows.len()), (0, 1));
}

#[test]
fn a_long_short_message_for_somebody_away_is_stored_as_one() {
    let long = "0123456789".repeat(40);
    for (order, can) in [([0, 1, 2], CLIENT), ([2, 0, 1], CLIENT), ([1, 2, 0], PHONE)] {
        let mut world = world();
        let parts = parts_that_ask(&long, 7, 1, |_| true);
        kept_for_store(&mut world, &parts[order[0]]);
        world.crash(5_000);
        kept_for_store(&mut world, &parts[order[1]]);
        // The phone repeats a part: it gets its RP-ACK again.
        let again = store_sm(&mut world, &parts[order[1]]);
        assert_eq!((again.message().body[0], again.asked.len()), (3, 0));
        completed_for_store(&mut world, &parts[order[2]]);
        world.crash(5_000);
        let mut done = comes(&mut world, can);
        let mut got = String::new();
        if can.im {
            got = String::from_utf8(done.message().body.clone()).unwrap();
            done = world.leg(done.sent[0].0.unwrap(), 200);
        } else {
            for _ in 0..3 {
                let body = done.message().body.clone();
                got.push_str(&text(&body));
                done = rp_ack(&mut world, body[1]);
            }
        }
        assert_eq!(got, long);
        assert!(!done.sent.is_empty(), "a status report");
        let reports = world.store.all_im_to_sm();
        assert_eq!(reports.iter().filter(|im| im.is_status_report()).count(), 3);
    }
}

/// Some parts come when the recipient is away, and the last one when a client or a phone is there.
#[test]
fn the_last_part_for_somebody_who_is_back_takes_the_others_along() {
    let long = "0123456789".repeat(40);
    let mut world = world();
    let parts = parts_that_ask(&long, 7, 1, |_| false);
    kept_for_store(&mut world, &parts[0]);
    kept_for_store(&mut world, &parts[1]);
    let message = to_bob(&parts[2]);
    let (_, text) = crate::long_sm_to_im::whole(&world.submit(&message));
    assert_eq!(text, long);

    let mut world = self::world();
    kept_for_store(&mut world, &parts[0]);
    kept_for_store(&mut world, &parts[1]);
    let (sm, to) = world
        .gateway
        .translate_sm_to_phone(&message, world.now)
        .ok()
        .unwrap();
    let done = world.handle(Input::SubmitToPhone {
        sm: &sm,
        to: &to,
        transaction: held_as(3),
    });
    assert_eq!(
        (done.reply(), done.sent.len(), done.asked.len()),
        (202, 0, 1)
    );
    world.stored(done.asked[0].0);
    let done = comes(&mut world, PHONE);
    assert!(text.starts_with(&self::text(&done.message().body)));
}

/// The database has the whole message, and a crash cuts off the news about that: the parts do not come once more.
#[test]
fn a_crash_leaves_the_parts_or_the_whole_stored_message() {
    let long = "0123456789".repeat(40);
    for is_written in [false, true] {
        let mut world = world();
        let parts = parts_that_ask(&long, 7, 1, |_| true);
        kept_for_store(&mut world, &parts[0]);
        kept_for_store(&mut world, &parts[1]);
        let stored = store_sm(&mut world, &parts[2]).asked[0].0;
        if is_written {
            world.store.write(stored);
        }
        world.crash(5_000);
        let left = match is_written {
            true => (0, 1),
            false => (2, 2),
        };
        assert_eq!((world.store.open(), world.store.rows.len()), left);
    }
}

/// No other part comes: what was acknowledged is stored, and a client gets it with its gap. A crash in between leaves the parts or the
/// stored message.
#[test]
fn acknowledged_parts_for_somebody_away_are_stored_though_the_last_never_comes() {
    let long = "0123456789".repeat(40);
    for crashes in [false, true] {
        let mut world = world();
        let parts = parts_that_ask(&long, 7, 1, |_| true);
        kept_for_store(&mut world, &parts[0]);
        kept_for_store(&mut world, &parts[2]);
        let over = |world: &mut World| {
            let concat_ms = world.gateway.policy.concat_timeout_ms;
            world.pass(concat_ms);
            let (_, exchange) = world.store.next_wake().unwrap();
            let done = world.handle(Input::Due { exchange });
            assert!(done.sent.is_empty());
            done.asked[0].0
        };
        let mut stored = over(&mut world);
        if crashes {
            // The database does not have it yet: the parts go on.
            world.crash(5_000);
            assert_eq!((world.store.open(), world.store.rows.len()), (2, 2));
            stored = over(&mut world);
        }
        // The database does not take it: the parts wait on.
        let done = world.handle(Input::NotStored { exchange: stored });
        assert!(done.sent.is_empty());
        assert_eq!((world.store.open(), world.store.rows.len()), (2, 2));
        stored = over(&mut world);
        if crashes {
            // The database has it, and the core has not heard of that.
            world.store.write(stored);
            world.crash(5_000);
            assert_eq!((world.store.open(), world.store.rows.len()), (0, 1));
        } else {
            let done = world.stored(stored);
            assert_eq!(done.counted, [Counter::Stored, Counter::SmIncomplete]);
        }
        let done = comes(&mut world, CLIENT);
        let got = String::from_utf8(done.message().body.clone()).unwrap();
        assert!(got.contains("[… 2/3 missing]"), "{got}");
        world.leg(done.sent[0].0.unwrap(), 200);
        let reports = world.store.all_im_to_sm();
        assert_eq!(reports.iter().filter(|im| im.is_status_report()).count(), 2);
    }
}

/// The store has no place for acknowledged parts until their validity is over: their sender hears that, and nobody gets them.
#[test]
fn acknowledged_parts_that_are_never_stored_expire_with_their_validity() {
    let long = "0123456789".repeat(40);
    let mut world = world();
    world.gateway.policy.validity_ms = 300_000;
    let parts = parts_that_ask(&long, 7, 1, |_| true);
    kept_for_store(&mut world, &parts[0]);
    kept_for_store(&mut world, &parts[2]);
    let mut refused = 0;
    let done = loop {
        world.pass(120_000);
        world.now.unix += 120;
        let (_, exchange) = world.store.next_wake().unwrap();
        let done = world.handle(Input::Due { exchange });
        let Some((stored, _)) = done.asked.first() else {
            break done;
        };
        refused += 1;
        world.handle(Input::NotStored { exchange: *stored });
    };
    assert_eq!(refused, 2);
    // Nothing goes to the recipient.
    let [(Some(_), first)] = &done.sent[..] else {
        panic!("one status report at a time")
    };
    assert_eq!(first.identity, ALICE);
    assert_eq!(u8::from(status_report(&first.body).status), 0x46);
    let rp_mr = first.body[1];
    let done = world.report(&from_phone(ALICE, &[0x02, rp_mr]));
    let second = status_report(&done.message().body);
    assert_eq!((u8::from(second.status), second.mr.0), (0x46, 3));
}
