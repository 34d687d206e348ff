//! Status reports to phones: rows STA-5, CON-2, and TP-ST in table CAU-1.

use ipsmgw::exchange::ExchangeKey;
use ipsmgw::interwork::{Counter, Settings};
use ipsmgw::wire::{RpMessage, SmsStatusReport, TpScts, Tpdu};

use crate::long_sm_to_im::{parts_that_ask, whole};
use crate::world::{
    ALICE, BOB, Done, SCTS, SERVICE_CENTRE, UNIX, World, field, from_phone, from_service_centre,
    instant, rp_data_mo, settings, submit_tpdu,
};

/// "hello" with TP-MR 7 and TP-SRR.
pub(crate) fn asking(rp_mr: u8) -> Vec<u8> {
    let mut tpdu = submit_tpdu(0x07, 0x00, 0x00);
    tpdu[0] |= 0b0010_0000;
    rp_data_mo(rp_mr, &tpdu)
}

/// The IM side's outcome, and the phone's `200` to the submit report.
pub(crate) fn reported(world: &mut World, exchange: ExchangeKey, status: u16) -> Done {
    let mut report = world.client_answers(exchange, status);
    if !report.again.is_empty() {
        report = world.leg(exchange, status);
    }
    assert_eq!(report.sent.len(), 1, "the submit report goes first");
    world.leg(exchange, 200)
}

pub(crate) fn status_report(body: &[u8]) -> SmsStatusReport<'_> {
    let (direction, rp) = RpMessage::decode(body).unwrap();
    let Some(Ok(Tpdu::StatusReport(report))) = rp.tpdu(direction) else {
        panic!("no SMS-STATUS-REPORT")
    };
    report
}

#[test]
fn phone_with_tp_srr_gets_a_status_report() {
    let mut world = World::new();
    let exchange = world.relay(&from_phone(ALICE, &asking(0x2A)));
    world.pass(3_000);
    world.now.unix += 3;
    let done = reported(&mut world, exchange, 200);
    assert_eq!(done.counted, [Counter::StatusReport]);
    let message = done.message();
    let discharged = TpScts::from_unix(UNIX + 3, 4).octets();
    let expected = [
        &[0x01, 0x01][..],                     // RP-DATA, network to MS
        &[0x05, 0x91, 0x51, 0x55, 0x99, 0x99], // RP-OA: +15559999
        &[0x00],                               // RP-DA: absent
        &[0x17],                               // RP-UD: 23 octets
        &[0x06, 0x07],                         // SMS-STATUS-REPORT, no more; TP-MR
        &[0x08, 0x91, 0x51, 0x55, 0x00, 0x20], // TP-RA: +15550002
        &SCTS,                                 // as in the submit report
        &discharged,
        &[0x00], // TP-ST: received
    ]
    .concat();
    assert_eq!(message.body, expected);
    assert_eq!(
        (message.identity.as_str(), message.from.as_str()),
        (ALICE, SERVICE_CENTRE)
    );
    assert_eq!(
        field(&message.headers, "Request-Disposition"),
        Some("no-fork")
    );
    // The phone's RP-ACK is taken, and no exchange waits for it.
    let id = done.sent[0].0.unwrap();
    assert!(world.leg(id, 200).is_nothing());
    let done = world.report(&from_phone(ALICE, &[0x02, 0x01]));
    assert_eq!(done.reply(), 202);
    assert!(done.counted.is_empty() && done.answered.is_empty());
    assert_eq!(world.store.open(), 0);
}

#[test]
fn no_status_report_without_tp_srr() {
    let mut world = World::new();
    let exchange = world.relay(&from_phone(ALICE, &crate::world::hello(1)));
    assert!(reported(&mut world, exchange, 200).is_nothing());
    let tpdu = crate::world::deliver_tpdu(&[0x08, 0x91, 0x51, 0x55, 0x00, 0x10]);
    let octets = crate::world::rp_data_mt(1, &tpdu);
    let exchange = world.relay(&from_service_centre(&octets));
    assert!(reported(&mut world, exchange, 200).is_nothing());
    assert_eq!(world.store.open(), 0);
}

/// Table CAU-1: status, TP-ST.
const B3: &[(u16, u8)] = &[
    (200, 0x00),
    (202, 0x01),
    (204, 0x01),
    (302, 0x65),
    (301, 0x43),
    (410, 0x43),
    (400, 0x40),
    (416, 0x40),
    (493, 0x40),
    (499, 0x40),
    (401, 0x63),
    (407, 0x63),
    (402, 0x63),
    (403, 0x42),
    (404, 0x43),
    (604, 0x43),
    (405, 0x45),
    (501, 0x45),
    (406, 0x41),
    (488, 0x41),
    (606, 0x41),
    (415, 0x41),
    (408, 0x62),
    (504, 0x62),
    (413, 0x41),
    (513, 0x41),
    (414, 0x41),
    (420, 0x45),
    (421, 0x45),
    (423, 0x65),
    (422, 0x65),
    (428, 0x63),
    (436, 0x63),
    (438, 0x63),
    (494, 0x63),
    (430, 0x62),
    (480, 0x62),
    (433, 0x42),
    (440, 0x40),
    (482, 0x40),
    (483, 0x40),
    (481, 0x65),
    (484, 0x43),
    (485, 0x43),
    (486, 0x61),
    (600, 0x61),
    (487, 0x65),
    (491, 0x65),
    (489, 0x45),
    (505, 0x45),
    (580, 0x45),
    (500, 0x65),
    (599, 0x65),
    (502, 0x64),
    (503, 0x60),
    (603, 0x42),
    (607, 0x42),
    (608, 0x42),
    (699, 0x42),
];

#[test]
fn every_outcome_has_its_status() {
    for &(status, tp_st) in B3 {
        let mut world = World::new();
        let exchange = world.relay(&from_phone(ALICE, &asking(1)));
        let done = reported(&mut world, exchange, status);
        if status < 300 {
            let body = &done.message().body;
            assert_eq!(u8::from(status_report(body).status), tp_st, "{status}");
        } else {
            // The RP-ERROR said it all.
            assert!(done.is_nothing(), "{status}");
            assert_eq!(world.store.open(), 0);
        }
    }
}

#[test]
fn a_part_that_was_acknowledged_is_reported_on_though_the_whole_was_refused() {
    for &(status, tp_st) in B3.iter().filter(|(status, _)| *status >= 300) {
        let mut world = World::new();
        let parts = parts_that_ask(&"x".repeat(200), 7, 10, |_| true);
        world.submit(&from_phone(ALICE, &parts[0]));
        let exchange = world.relay(&from_phone(ALICE, &parts[1]));
        assert!(reported(&mut world, exchange, status).is_nothing());
        // The sender does not try the second one again.
        let done = world.next_due();
        let report = status_report(&done.message().body);
        assert_eq!(
            (report.mr.0, u8::from(report.status)),
            (10, tp_st),
            "{status}"
        );
    }
}

#[test]
fn each_part_that_asks_gets_its_status_report_in_order() {
    let mut world = World::new();
    let parts = parts_that_ask(&"x".repeat(400), 7, 10, |mr| mr != 11);
    world.submit(&from_phone(ALICE, &parts[0]));
    world.pass(1_000);
    world.now.unix += 1;
    world.submit(&from_phone(ALICE, &parts[1]));
    let (exchange, _) = whole(&world.submit(&from_phone(ALICE, &parts[2])));
    let mut done = reported(&mut world, exchange, 200);
    assert_eq!(done.counted, [Counter::StatusReport, Counter::StatusReport]);
    for (tp_mr, sent) in [(10, UNIX), (12, UNIX + 1)] {
        let body = done.message().body.clone();
        let report = status_report(&body);
        assert_eq!((report.mr.0, u8::from(report.status)), (tp_mr, 0x00));
        assert_eq!(report.scts.unix_seconds(), Some(sent));
        done = world.report(&from_phone(ALICE, &[0x02, body[1]]));
    }
    assert!(done.sent.is_empty());
    assert_eq!(world.store.open(), 0);
}

#[test]
fn parts_that_never_became_a_message() {
    for (incomplete, tp_st) in [("deliver", 0x01), ("drop", 0x46)] {
        let mut world = World::with(&Settings {
            concat_incomplete: incomplete,
            ..settings()
        });
        let parts = parts_that_ask(&"x".repeat(400), 7, 10, |_| true);
        world.submit(&from_phone(ALICE, &parts[0]));
        let done = world.next_due();
        let body = &done.sent.last().unwrap().1.body;
        assert_eq!(u8::from(status_report(body).status), tp_st);
    }
}

#[test]
fn a_status_report_waits_its_turn() {
    let mut world = World::new();
    let im = world.deliver(&instant(ALICE, "hello"));
    let exchange = world.relay(&from_phone(ALICE, &asking(1)));
    assert!(reported(&mut world, exchange, 200).sent.is_empty());
    let rp_mr = im.message().body[1];
    let done = world.report(&from_phone(ALICE, &[0x02, rp_mr]));
    assert_eq!(done.answer(), 200);
    assert_eq!(status_report(&done.message().body).mr.0, 7);
}

#[test]
fn a_status_report_that_does_not_arrive() {
    for fails in [0, 1] {
        let mut world = World::new();
        let exchange = world.relay(&from_phone(ALICE, &asking(1)));
        let done = reported(&mut world, exchange, 200);
        world.deliver(&instant(ALICE, "hello"));
        let done = match fails {
            0 => world.leg(done.sent[0].0.unwrap(), 480),
            _ => {
                let rp_mr = done.message().body[1];
                world.report(&from_phone(ALICE, &[0x04, rp_mr, 0x01, 0x80 | 111]))
            }
        };
        assert_eq!(done.counted, [Counter::ReportLost]);
        assert!(done.answered.is_empty());
        assert_eq!(done.sent.len(), 1, "the next one goes");
    }
}

#[test]
fn a_repetition_brings_no_second_status_report() {
    let mut world = World::new();
    let exchange = world.relay(&from_phone(ALICE, &asking(1)));
    let done = reported(&mut world, exchange, 200);
    world.report(&from_phone(ALICE, &[0x02, done.message().body[1]]));
    let done = world.submit(&from_phone(ALICE, &asking(1)));
    assert_eq!(done.message().body[0], 0x03);
    assert_eq!(world.store.open(), 0);
    assert!(world.submit(&from_phone(BOB, &asking(1))).sent.is_empty());
}
