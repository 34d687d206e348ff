//! The report for each final response of the IM side.

use super::*;

/// Table CAU-1, for a phone: status, RP-Cause, TP-FCS.
const TO_PHONE: &[(u16, u8, u8)] = &[
    (300, 41, 0xC2),
    (301, 1, 0xC3),
    (302, 41, 0xC2),
    (305, 41, 0xC2),
    (380, 41, 0xC2),
    (400, 111, 0xFF),
    (401, 41, 0xC2),
    (402, 50, 0xC1),
    (403, 21, 0xC4),
    (404, 1, 0xC3),
    (405, 69, 0xB0),
    (406, 21, 0x8F),
    (407, 41, 0xC2),
    (408, 27, 0xC2),
    (410, 1, 0xC3),
    (413, 21, 0xFF),
    (414, 21, 0xFF),
    (415, 21, 0x90),
    (416, 111, 0xFF),
    (420, 69, 0xB0),
    (421, 69, 0xB0),
    (422, 41, 0xC2),
    (423, 41, 0xC2),
    (428, 38, 0xC2),
    (430, 27, 0xC2),
    (433, 21, 0xC4),
    (436, 38, 0xC2),
    (437, 38, 0xC2),
    (438, 38, 0xC2),
    (440, 38, 0xC2),
    (480, 27, 0xC2),
    (481, 41, 0),
    (482, 38, 0xC2),
    (483, 38, 0xC2),
    (484, 1, 0xC3),
    (485, 1, 0xC3),
    (486, 41, 0xC0),
    (487, 41, 0),
    (488, 21, 0x8F),
    (489, 69, 0xB0),
    (491, 41, 0),
    (493, 111, 0xFF),
    (494, 38, 0xC2),
    (499, 111, 0xFF),
    (500, 41, 0xC2),
    (501, 69, 0xB0),
    (502, 38, 0xC2),
    (503, 42, 0xC0),
    (504, 27, 0xC2),
    (505, 69, 0xB0),
    (513, 21, 0xFF),
    (580, 69, 0xB0),
    (599, 41, 0xC2),
    (600, 41, 0xC0),
    (603, 21, 0xC4),
    (604, 1, 0xC3),
    (606, 21, 0x8F),
    (607, 21, 0xC4),
    (608, 21, 0xC4),
    (699, 21, 0xC4),
];

#[test]
fn each_final_response_to_a_phone() {
    let mut world = World::new();
    for (rp_mr, &(status, cause, fcs)) in (0_u8..).zip(TO_PHONE) {
        let octets = hello(rp_mr);
        let id = world.relay(&from_phone(ALICE, &octets));
        let done = answered(&mut world, id, status);
        let fcs = Some(fcs).filter(|fcs| *fcs != 0);
        assert_eq!(done.message().body, rp_error(rp_mr, cause, fcs), "{status}");
        assert_eq!(done.counted, [Counter::SmFailed]);
    }
    for (rp_mr, status) in [(200, 200), (201, 202), (202, 299)] {
        let octets = hello(rp_mr);
        let id = world.relay(&from_phone(ALICE, &octets));
        let done = answered(&mut world, id, status);
        assert_eq!(done.message().body, rp_ack(rp_mr), "{status}");
        assert_eq!(done.counted, [Counter::SmDelivered]);
    }
}

/// Table CAU-1, for a service centre: status, RP-Cause, TP-FCS.
const TO_SERVICE_CENTRE: &[(u16, u8, u8)] = &[
    (302, 111, 0xFF),
    (410, 111, 0xFF),
    (400, 111, 0xFF),
    (401, 111, 0xFF),
    (402, 111, 0xFF),
    (403, 111, 0xFF),
    (404, 111, 0xFF),
    (405, 97, 0xB0),
    (406, 111, 0x8F),
    (415, 111, 0x90),
    (408, 111, 0xFF),
    (413, 111, 0xFF),
    (420, 97, 0xB0),
    (423, 111, 0xFF),
    (428, 111, 0),
    (480, 111, 0xFF),
    (433, 111, 0xFF),
    (482, 111, 0),
    (481, 111, 0xFF),
    (484, 111, 0xFF),
    (486, 111, 0),
    (487, 111, 0),
    (505, 97, 0xB0),
    (500, 111, 0xFF),
    (502, 111, 0),
    (503, 111, 0xFF),
    (603, 111, 0xFF),
];

#[test]
fn each_final_response_to_a_service_centre() {
    let mut world = World::new();
    let tpdu = deliver_tpdu(&[0x08, 0x91, 0x51, 0x55, 0x00, 0x10]);
    for (rp_mr, &(status, cause, fcs)) in (0_u8..).zip(TO_SERVICE_CENTRE) {
        let octets = rp_data_mt(rp_mr, &tpdu);
        let id = world.relay(&from_service_centre(&octets));
        let done = answered(&mut world, id, status);
        let expected = match fcs {
            0 => vec![0x04, rp_mr, 0x01, 0x80 | cause],
            fcs => vec![0x04, rp_mr, 0x01, 0x80 | cause, 0x41, 0x03, 0x00, fcs, 0x00],
        };
        assert_eq!(done.message().body, expected, "{status}");
    }
    let octets = rp_data_mt(0x63, &tpdu);
    let id = world.relay(&from_service_centre(&octets));
    let done = answered(&mut world, id, 200);
    assert_eq!(done.message().body, [0x02, 0x63, 0x41, 0x02, 0x00, 0x00]);
}

#[test]
fn success_counts_else_the_first_outcome() {
    for (statuses, body) in [
        (&[486, 200][..], rp_ack(1)),
        (&[200, 486], rp_ack(1)),
        (&[180, 404, 486], rp_error(1, 1, Some(0xC3))),
    ] {
        let mut world = World::new();
        let octets = hello(1);
        let exchange = world.relay(&from_phone(ALICE, &octets));
        for &status in statuses {
            world.handle(Input::ImAnswered { exchange, status });
        }
        let done = world.handle(Input::FinalSent {
            exchange,
            status: 202,
            open: 0,
        });
        assert_eq!(done.message().body, body, "{statuses:?}");
        assert!(
            world
                .handle(Input::FinalSent {
                    exchange,
                    status: 202,
                    open: 0,
                })
                .is_nothing()
        );
    }
}

#[test]
fn a_sip_error_is_the_whole_answer() {
    let mut world = World::new();
    let octets = hello(1);
    let exchange = world.relay(&from_phone(ALICE, &octets));
    let done = world.handle(Input::FinalSent {
        exchange,
        status: 500,
        open: 0,
    });
    assert!(done.sent.is_empty());
    assert_eq!(world.store.open(), 0);
    // The same short message again is a new attempt.
    world.relay(&from_phone(ALICE, &octets));
}
