//! RP-ACKs and status reports that wait for the database: what is owed to the sender over a crash.

use ipsmgw::interwork::{Counter, Input};

use super::parts::{delivered, kept, long};
use super::{RP_ACK, world};
use crate::long_sm_to_im::{parts, parts_that_ask, whole};
use crate::world::{ALICE, from_phone};

#[test]
fn a_long_text_is_not_delivered_again_after_a_crash_behind_its_rp_ack() {
    let mut world = world();
    let parts = parts_that_ask(&long(), 7, 1, |_| true);
    kept(&mut world, &parts[0]);
    kept(&mut world, &parts[1]);
    let (id, _) = whole(&world.submit(&from_phone(ALICE, &parts[2])));
    delivered(&mut world, id);
    assert_eq!(world.stored(id).message().body[..2], [RP_ACK, 3]);
    world.crash(5_000);
    // The RP-ACK goes again, behind the start.
    assert_eq!(world.store.next_wake(), Some((world.now.unix_ms, id)));
    let done = world.handle(Input::Due { exchange: id });
    assert_eq!(done.message().body[..2], [RP_ACK, 3]);
    // Each part has its status report: received.
    let done = world.leg(id, 200);
    assert!(!done.counted.contains(&Counter::SmIncomplete));
    let reports = world.store.all_im_to_sm();
    assert_eq!(
        (reports.len(), world.store.open(), world.store.rows()),
        (3, 3, 3)
    );
    let first = done.message().body.clone();
    let tp_st = 0x00;
    assert_eq!(first.last(), Some(&tp_st));
    // The phone had no RP-ACK, and sends the last part once more.
    let done = world.submit(&from_phone(ALICE, &parts[2]));
    assert_eq!(done.counted, [Counter::SmRepeated]);
    assert_eq!(done.message().body[..2], [RP_ACK, 3]);
}

#[test]
fn a_part_that_comes_again_before_the_rp_ack_is_written_waits_for_it() {
    let mut world = world();
    let parts = parts(&long(), 7, 1);
    kept(&mut world, &parts[0]);
    kept(&mut world, &parts[1]);
    let (id, _) = whole(&world.submit(&from_phone(ALICE, &parts[2])));
    delivered(&mut world, id);
    let mut again = parts[2].clone();
    again[1] = 77;
    let message = ipsmgw::sip::MessageIn {
        call_id: "again@phone",
        ..from_phone(ALICE, &again)
    };
    // The RP-MR is a new one: it is a part whose message has its outcome.
    let done = world.submit(&message);
    assert_eq!(done.counted, [Counter::SmRepeated]);
    world.stored(id);
    world.leg(id, 200);
    assert_eq!((world.store.open(), world.store.rows()), (0, 0));
}

#[test]
fn the_rp_ack_of_a_long_text_does_not_need_the_database() {
    let mut world = world();
    let parts = parts(&long(), 7, 1);
    kept(&mut world, &parts[0]);
    kept(&mut world, &parts[1]);
    let (id, _) = whole(&world.submit(&from_phone(ALICE, &parts[2])));
    delivered(&mut world, id);
    let done = world.handle(Input::NotStored { exchange: id });
    assert_eq!(done.message().body[..2], [RP_ACK, 3]);
    world.leg(id, 200);
    assert_eq!((world.store.open(), world.store.rows()), (0, 0));
}

/// A short message that asks for a status report.
fn asking() -> Vec<u8> {
    let mut tpdu = crate::world::submit_tpdu(0x07, 0x00, 0x00);
    tpdu[0] |= 0x20;
    crate::world::rp_data_mo(9, &tpdu)
}

#[test]
fn a_status_report_is_owed_over_a_crash() {
    let mut world = world();
    let id = world.relay(&from_phone(ALICE, &asking()));
    delivered(&mut world, id);
    assert_eq!(world.store.rows(), 0);
    let done = world.stored(id);
    assert_eq!(done.message().body[..2], [RP_ACK, 9]);
    world.crash(5_000);
    world.handle(Input::Due { exchange: id });
    let done = world.leg(id, 200);
    assert!(done.counted.contains(&Counter::StatusReport));
    // It is in the database in place of the message.
    assert_eq!((world.store.open(), world.store.rows()), (1, 1));
    world.crash(5_000);
    assert_eq!((world.store.open(), world.store.rows()), (1, 1));
    assert!(world.store.all_im_to_sm()[0].is_status_report());
}

#[test]
fn a_slow_database_does_not_hold_up_an_rp_ack() {
    let mut world = world();
    let id = world.relay(&from_phone(ALICE, &asking()));
    delivered(&mut world, id);
    let (at, due) = world.store.next_wake().unwrap();
    assert_eq!((at, due), (world.now.unix_ms + 5_000, id));
    world.now.unix_ms = at;
    let done = world.handle(Input::Due { exchange: id });
    assert_eq!(done.message().body[..2], [RP_ACK, 9]);
    // It is written too late, and its row goes.
    assert!(world.handle(Input::Stored { exchange: id }).is_nothing());
}

#[test]
fn a_delivery_that_waits_for_a_notification_waits_over_a_crash() {
    let mut world = world();
    let id = world.relay(&crate::confirmations::to_cpim(&asking()));
    world.client_answers(id, 202);
    world.stored(id);
    world.leg(id, 200);
    let wakes = world.store.next_wake();
    world.crash(5_000);
    assert_eq!(world.store.next_wake(), wakes);
    world.now.unix_ms = wakes.unwrap().0;
    let done = world.handle(Input::Due { exchange: id });
    assert!(done.counted.contains(&Counter::StatusReport));
}
