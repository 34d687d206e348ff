//! How long a message is worth its delivery.

use super::*;

/// RP-DATA with an SMS-SUBMIT of "hello" that has this TP-VP in this format.
fn submit_with_vp(format: u8, vp: &[u8]) -> Vec<u8> {
    let mut tpdu = submit_tpdu(0x07, 0x00, 0x00);
    tpdu[0] |= format << 3;
    let behind_dcs = 10;
    tpdu.splice(behind_dcs..behind_dcs, vp.iter().copied());
    rp_data_mo(0x2A, &tpdu)
}

#[test]
fn validity_period_becomes_expires() {
    let world = World::new();
    for (format, vp, expires) in [
        (0b10, &[0x00][..], Some("300")),
        (0b10, &[0xFF], Some("38102400")),
        (0b01, &[0x43, 0x00, 0x10, 0x00, 0, 0, 0], Some("60")),
        (0b01, &[0x40, 0, 0, 0, 0, 0, 0], None),
        // 03:05:05 +01:00 is a minute from now.
        (
            0b11,
            &[0x62, 0x10, 0x20, 0x30, 0x50, 0x50, 0x40],
            Some("60"),
        ),
        (0b00, &[], None),
    ] {
        let octets = submit_with_vp(format, vp);
        let im = prepared(&world, &from_phone(ALICE, &octets)).translation;
        assert_eq!(field(&im.headers, "Expires"), expires, "{vp:02x?}");
        let date = Some("Fri, 02 Jan 2026 02:04:05 GMT");
        assert_eq!(field(&im.headers, "Date"), date);
        assert!(im.remove.contains(b"Expires"), "it would be there twice");
    }
}

#[test]
fn expired_short_message_is_refused() {
    let world = World::new();
    let octets = submit_with_vp(0b11, &SCTS);
    let Err(refusal) = world
        .gateway
        .translate_sm(&from_phone(ALICE, &octets), world.now)
    else {
        panic!("not refused")
    };
    assert_eq!(
        (refusal.answer.status, refusal.reason),
        (202, Reason::Expired)
    );
    let report = refusal.report.unwrap();
    assert_eq!(report.body[..4], [0x05, 0x2A, 0x01, 0x80 | 111]);
    assert_eq!(report.body[7], 0xFF, "TP-FCS");
}

fn expiring(expires: &str) -> MessageIn<'_> {
    MessageIn {
        expires: Some(expires),
        ..instant(BOB, "hi")
    }
}

#[test]
fn expired_instant_message_is_not_sent() {
    let world = World::new();
    let old = MessageIn {
        date: Some("Fri, 02 Jan 2026 02:03:05 GMT"),
        ..expiring("60")
    };
    let refusal = world.gateway.translate_im(&old, world.now).err().unwrap();
    assert_eq!(
        (refusal.answer.status, refusal.reason),
        (480, Reason::Expired)
    );

    // Over while it waits for its turn.
    let mut world = World::new();
    let first = world.deliver(&instant(BOB, "first"));
    for waiting in ["10", "0", "11"] {
        assert!(world.deliver(&expiring(waiting)).sent.is_empty());
    }
    let long = "x".repeat(200);
    world.deliver(&MessageIn {
        expires: Some("10"),
        ..instant(BOB, &long)
    });
    world.pass(10_001);
    let done = world.leg_fails(first.held[0], 404);
    let mut answers: Vec<_> = done
        .answered
        .iter()
        .map(|(_, transaction, outcome)| (transaction.label, outcome.answer.status))
        .collect();
    answers.sort_unstable();
    assert_eq!(answers, [(1, 404), (2, 480), (3, 480)]);
    assert_eq!(done.sent.len(), 1, "the one that is still of use");
    let (current, _) = done.sent[0];
    let done = world.leg_fails(current.unwrap(), 404);
    let mut answers: Vec<_> = done.answered.iter().map(|(_, t, _)| t.label).collect();
    answers.sort_unstable();
    assert_eq!(answers, [4, 5]);
    assert_eq!(world.store.open(), 0, "and no part is left");
}

#[test]
fn expires_zero_is_one_attempt() {
    for (expires, attempts) in [("0", 1), ("100", 2)] {
        let mut world = World::new();
        let done = world.deliver(&expiring(expires));
        let exchange = done.held[0];
        let mut sent = done.sent.len();
        world.leg(exchange, 200);
        world.hold_timeout(exchange);
        while let Some((at, exchange)) = world.store.next_wake() {
            world.now.unix_ms = at;
            sent += world.handle(Input::Due { exchange }).sent.len();
            world.leg(exchange, 200);
        }
        assert_eq!(sent, attempts, "Expires: {expires}");
    }
}

#[test]
fn begun_message_is_finished_after_its_expiry() {
    let mut world = World::new();
    let long = "x".repeat(200);
    let done = world.deliver(&MessageIn {
        expires: Some("0"),
        ..instant(BOB, &long)
    });
    let rp_mr = done.message().body[1];
    world.pass(5_000);
    let done = world.report(&from_phone(BOB, &[0x02, rp_mr]));
    assert_eq!(done.sent.len(), 1);
    assert!(done.answered.is_empty());
}
