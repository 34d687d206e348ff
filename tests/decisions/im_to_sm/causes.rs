//! The answer to the sender for each RP-Cause and TP-FCS.

use super::*;

/// Table CAU-2: RP-Cause, status, Retry-After.
const B4: &[(u8, u16, bool)] = &[
    (1, 404, false),
    (30, 404, false),
    (8, 403, false),
    (10, 403, false),
    (21, 403, false),
    (22, 480, true),
    (27, 480, false),
    (28, 403, false),
    (50, 403, false),
    (29, 501, false),
    (69, 501, false),
    (38, 500, false),
    (41, 500, true),
    (47, 500, true),
    (42, 480, true),
    (81, 500, false),
    (98, 500, false),
    (95, 500, false),
    (96, 500, false),
    (97, 500, false),
    (99, 500, false),
    (111, 500, false),
    (127, 502, false),
    (77, 500, false),
];

#[test]
fn each_rp_cause_has_its_status() {
    let mut world = World::new();
    for &(cause, status, retry_after) in B4 {
        let (_, rp_mr, call_id) = sent(&mut world, "hello");
        let octets = [0x04, rp_mr, 0x01, 0x80 | cause];
        let report = MessageIn {
            in_reply_to: Some(&call_id),
            ..from_phone(BOB, &octets)
        };
        let done = world.report(&report);
        let outcome = done.answered[0].2;
        assert_eq!((done.reply(), done.answer()), (202, status), "{cause}");
        assert_eq!(
            outcome.answer.headers.starts_with("Retry-After: "),
            retry_after,
            "{cause}"
        );
        assert_eq!((outcome.rp_cause, outcome.tp_fcs), (Some(cause), None));
        assert_eq!(done.counted, [Counter::ImFailed]);
    }
}

/// Table CAU-3: TP-FCS, status.
const B5: &[(u8, u16)] = &[
    (0x80, 488),
    (0x81, 488),
    (0x82, 488),
    (0x8F, 488),
    (0x90, 415),
    (0x9F, 415),
    (0x91, 488),
    (0xA0, 501),
    (0xA1, 501),
    (0xAF, 501),
    (0xB0, 501),
    (0xC0, 480),
    (0xC1, 403),
    (0xC2, 500),
    (0xC3, 404),
    (0xC4, 403),
    (0xC5, 202),
    (0xC6, 500),
    (0xC7, 500),
    (0xD0, 480),
    (0xD1, 480),
    (0xD3, 480),
    (0xD2, 500),
    (0xD5, 500),
    (0xD4, 480),
    (0xE0, 500),
    (0xFE, 500),
    (0xFF, 500),
    // Reserved: the RP-Cause decides, 22 here.
    (0x00, 480),
    (0x83, 480),
    (0xDF, 480),
];

#[test]
fn tp_fcs_goes_before_rp_cause() {
    let mut world = World::new();
    for &(fcs, status) in B5 {
        let (_, rp_mr, _) = sent(&mut world, "hello");
        // RP-ERROR 22, SMS-DELIVER-REPORT with TP-FCS
        let mut octets = [0x04, rp_mr, 0x01, 0x80 | 22, 0x41, 0x03, 0x00, fcs, 0x00];
        let mut done = world.report(&from_phone(BOB, &octets));
        if matches!(fcs, 0x90 | 0x9F) {
            // In the other alphabet, too (tests/decisions/sm_retry.rs).
            octets[1] = done.message().body[1];
            done = world.report(&from_phone(BOB, &octets));
        }
        assert_eq!(done.answer(), status, "{fcs:02X}");
        assert_eq!(done.answered[0].2.tp_fcs, Some(fcs));
    }
    // The RP-Cause counts even if the TPDU cannot be read.
    let (_, rp_mr, _) = sent(&mut world, "hello");
    let octets = [0x04, rp_mr, 0x01, 0x80 | 22, 0x41, 0x01, 0x00];
    assert_eq!(world.report(&from_phone(BOB, &octets)).answer(), 480);
}
