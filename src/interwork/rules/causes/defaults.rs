//! Default mapping of results between the two sides. No standard defines this mapping. The tables are data, so that
//! they are easy to check and to change.

pub(crate) use crate::interwork::rules::answer::answer;

use crate::exchange::Party;
use crate::mime::DeliveryStatus::{self, Error, Failed, Forbidden};
use crate::mime::Disposition;
use crate::wire::TpSt;

/// Outcome for the SMS side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RpOutcome {
    /// RP-ACK.
    Ack,
    /// RP-ERROR.
    Error {
        /// RP-Cause (TS 24.011 §8.2.5.4).
        cause: u8,
        /// TP-Failure-Cause (TS 23.040 §9.2.3.22); without one there is no TPDU.
        fcs: Option<u8>,
    },
}

/// Outcome for the sender of an instant message: status code and whether Retry-After is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SipOutcome {
    pub(crate) status: u16,
    pub(crate) retry_after: bool,
}

/// Status code, Retry-After, and status of the delivery notification.
pub(crate) type FromRp = (u16, bool, DeliveryStatus);

/// RP-Causes that a network sends (TS 24.011 §8.2.5.4).
pub(crate) const FROM_NETWORK: [u8; 22] = [
    1, 8, 10, 21, 27, 28, 29, 30, 38, 41, 42, 47, 50, 69, 81, 95, 96, 97, 98, 99, 111, 127,
];
/// RP-Causes that a phone sends.
pub(crate) const FROM_PHONE: [u8; 8] = [22, 81, 95, 96, 97, 98, 99, 111];

/// One row of [`SIP_TO_RP`]: status codes; RP-Cause and TP-FCS to a phone; the same to a service centre; TP-Status in
/// a status report to a phone.
type DefaultSipRow = (&'static [u16], (u8, Option<u8>), (u8, Option<u8>), u8);

/// The IM side's final response as RP-Cause and TP-FCS, and as TP-Status.
///
/// To a phone, every cause of a network is allowed. To a service centre, the gateway acts as a phone, for which TS
/// 24.011 allows only 22, 81, 95 to 99 and 111. None of these means "absent subscriber": 22 comes close, but a
/// service centre would then wait for an RP-SMMA that never comes. So 111 is used; the service centre decides when to
/// try again.
const SIP_TO_RP: &[DefaultSipRow] = &[
    (&[300], (41, Some(0xC2)), (111, Some(0xFF)), 0x65),
    (&[301, 410], (1, Some(0xC3)), (111, Some(0xC3)), 0x43),
    (&[400, 416, 493], (111, Some(0xFF)), (111, Some(0xFF)), 0x40),
    (&[401, 407], (41, Some(0xC2)), (111, Some(0xFF)), 0x63),
    (&[402], (50, Some(0xC1)), (111, Some(0xFF)), 0x63),
    (&[403], (21, Some(0xC4)), (111, Some(0xC4)), 0x42),
    (&[404, 604], (1, Some(0xC3)), (111, Some(0xC3)), 0x43),
    (&[405, 501], (69, Some(0xB0)), (97, Some(0xB0)), 0x45),
    (&[406, 488, 606], (21, Some(0x8F)), (111, Some(0x8F)), 0x41),
    (&[415], (21, Some(0x90)), (111, Some(0x90)), 0x41),
    (&[408, 504], (27, Some(0xC2)), (111, Some(0xFF)), 0x62),
    (&[413, 513, 414], (21, Some(0xFF)), (111, Some(0xFF)), 0x41),
    (&[420, 421], (69, Some(0xB0)), (97, Some(0xB0)), 0x45),
    (&[422, 423], (41, Some(0xC2)), (111, Some(0xC2)), 0x65),
    (
        &[428, 436, 437, 438, 494],
        (38, Some(0xC2)),
        (111, None),
        0x63,
    ),
    (&[430, 480], (27, Some(0xC2)), (111, Some(0xFF)), 0x62),
    (&[433], (21, Some(0xC4)), (111, Some(0xC4)), 0x42),
    (&[440, 482, 483], (38, Some(0xC2)), (111, None), 0x40),
    (&[481], (41, None), (111, Some(0xFF)), 0x65),
    (&[484, 485], (1, Some(0xC3)), (111, Some(0xC3)), 0x43),
    (&[486, 600], (41, Some(0xC0)), (111, None), 0x61),
    (&[487, 491], (41, None), (111, None), 0x65),
    (&[489, 505, 580], (69, Some(0xB0)), (97, Some(0xB0)), 0x45),
    (&[500], (41, Some(0xC2)), (111, Some(0xC2)), 0x65),
    (&[502], (38, Some(0xC2)), (111, None), 0x64),
    (&[503], (42, Some(0xC0)), (111, Some(0xC0)), 0x60),
    (&[603, 607, 608], (21, Some(0xC4)), (111, Some(0xC4)), 0x42),
];

/// Rows for all other status codes of a class (RFC 3261 §8.1.3.2: an unknown status code counts as x00 of its class).
const CLASS_ROWS: &[(u16, u16)] = &[(3, 300), (4, 400), (5, 500), (6, 603)];

/// Outcome for the SMS side from the final response of the IM side.
pub(crate) fn sip_to_rp(status: u16, party: Party) -> RpOutcome {
    if (200..300).contains(&status) {
        return RpOutcome::Ack;
    }
    match (row_of(status), party) {
        (Some((_, (cause, fcs), ..)), Party::Phone) => RpOutcome::Error {
            cause: *cause,
            fcs: *fcs,
        },
        (Some((_, _, (cause, fcs), _)), Party::ServiceCentre) => RpOutcome::Error {
            cause: *cause,
            fcs: fcs.map(fcs_from_phone),
        },
        (None, _) => RpOutcome::Error {
            cause: 111,
            fcs: None,
        },
    }
}

/// TP-Status from the final response of the IM side (TS 23.040 §9.2.3.15).
pub(crate) fn sip_to_status(status: u16) -> TpSt {
    match status {
        // The recipient's device has it.
        200 => TpSt::Received,
        201..300 => TpSt::Forwarded,
        _ => row_of(status).map_or(TpSt::StoppedErrorInSme, |(.., status)| TpSt::from(*status)),
    }
}

/// TP-Status from a notification of the recipient; `None` for a notification that adds nothing to a `202` (RFC 5438
/// §8).
pub(crate) fn delivery_to_status(disposition: Disposition) -> Option<TpSt> {
    match disposition {
        Disposition::Delivery(DeliveryStatus::Delivered) => Some(TpSt::Received),
        Disposition::Delivery(Failed) => Some(TpSt::StoppedErrorInSme),
        Disposition::Delivery(Forbidden) => Some(TpSt::ConnectionRejected),
        Disposition::Delivery(Error) => Some(TpSt::RemoteProcedureError),
        Disposition::Processing(_) | Disposition::Display(_) => None,
    }
}

/// The row of a status code, or the one for its class.
fn row_of(status: u16) -> Option<&'static DefaultSipRow> {
    own_row_of(status).or_else(|| own_row_of(class_of(status)?))
}

fn own_row_of(status: u16) -> Option<&'static DefaultSipRow> {
    SIP_TO_RP.iter().find(|(codes, ..)| codes.contains(&status))
}

/// The status code whose row applies to a code without its own row. 2xx has no row.
pub(crate) fn class_of(status: u16) -> Option<u16> {
    if (200..300).contains(&status) || own_row_of(status).is_some() {
        return None;
    }
    let class = CLASS_ROWS.iter().find(|(class, _)| *class == status / 100);
    Some(class.map_or(500, |(_, status)| *status))
}

/// A TP-FCS that a phone may send: C0 to CF are reserved for a service centre and become FF.
pub(crate) const fn fcs_from_phone(fcs: u8) -> u8 {
    if matches!(fcs, 0xC0..=0xCF) {
        0xFF
    } else {
        fcs
    }
}

/// RP-Causes, and for the sender of an instant message: status code, Retry-After, delivery notification.
const RP_TO_SIP: &[(&[u8], u16, bool, DeliveryStatus)] = &[
    (&[1, 30], 404, false, Failed),
    (&[8, 10], 403, false, Forbidden),
    (&[21], 403, false, Forbidden),
    (&[22], 480, true, Failed),
    (&[27], 480, false, Failed),
    (&[28, 50], 403, false, Forbidden),
    (&[29, 69], 501, false, Failed),
    (&[38], 500, false, Error),
    (&[41, 47], 500, true, Failed),
    // A 503 would make other proxies stop sending to this gateway.
    (&[42], 480, true, Failed),
    (&[81, 98], 500, false, Error),
    (&[95, 96, 97, 99], 500, false, Error),
    (&[111], 500, false, Failed),
    (&[127], 502, false, Error),
];

/// First and last TP-Failure-Cause, and for the sender of an instant message: status code, Retry-After, delivery
/// notification.
const FCS_TO_SIP: &[(u8, u8, u16, bool, DeliveryStatus)] = &[
    (0x80, 0x82, 488, false, Failed),
    (0x8F, 0x8F, 488, false, Failed),
    (0x90, 0x90, 415, false, Failed),
    (0x91, 0x91, 488, false, Failed),
    (0x9F, 0x9F, 415, false, Failed),
    (0xA0, 0xA1, 501, false, Failed),
    (0xAF, 0xB0, 501, false, Failed),
    (0xC0, 0xC0, 480, true, Failed),
    (0xC1, 0xC1, 403, false, Forbidden),
    (0xC2, 0xC2, 500, false, Error),
    (0xC3, 0xC3, 404, false, Failed),
    (0xC4, 0xC4, 403, false, Forbidden),
    (0xC5, 0xC5, 202, false, Failed),
    (0xC6, 0xC7, 500, false, Failed),
    (0xD0, 0xD1, 480, false, Failed),
    (0xD2, 0xD2, 500, false, Failed),
    (0xD3, 0xD3, 480, false, Failed),
    (0xD4, 0xD4, 480, true, Failed),
    (0xD5, 0xD5, 500, false, Failed),
    (0xE0, 0xFE, 500, false, Error),
    (0xFF, 0xFF, 500, false, Failed),
];

/// Outcome for the sender of an instant message from an RP-Cause. An unknown one counts as 111 (TS 24.011 §8.2.5.4).
pub(crate) fn rp_to_sip(cause: u8) -> FromRp {
    let row = RP_TO_SIP
        .iter()
        .find(|(causes, ..)| causes.contains(&cause));
    row.map_or(
        (500, false, Failed),
        |&(_, status, retry_after, delivery)| (status, retry_after, delivery),
    )
}

/// The same from a TP-Failure-Cause; `None` for a reserved one.
pub(crate) fn fcs_to_sip(fcs: u8) -> Option<FromRp> {
    let mut rows = FCS_TO_SIP.iter();
    let row = rows.find(|(first, last, ..)| (*first..=*last).contains(&fcs));
    row.map(|&(_, _, status, retry_after, delivery)| (status, retry_after, delivery))
}

/// Outcome that a service centre reports for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScOutcome {
    /// The service centre still tries.
    Open,
    /// The recipient's phone has it.
    Delivered,
    /// It has ended with an unknown outcome, or with one that needs no notification.
    Unknown,
    /// It was not delivered.
    Not(DeliveryStatus),
}

/// Outcome for a TP-Status. A reserved value with bit 8 counts as 63, service rejected (TS 23.040 §9.2.3.15).
pub(crate) fn status_to_outcome(status: TpSt) -> ScOutcome {
    match u8::from(status) {
        0x00 => ScOutcome::Delivered,
        0x02 => ScOutcome::Not(Failed),
        0x20..=0x3F => ScOutcome::Open,
        0x42 | 0x48 | 0x63 | 0x80.. => ScOutcome::Not(Forbidden),
        // Deleted by the originator: no notification is needed.
        0x01..=0x1F | 0x47 => ScOutcome::Unknown,
        0x49 => ScOutcome::Not(Error),
        0x40..=0x7F => ScOutcome::Not(Failed),
    }
}

/// Failures of a MESSAGE to a phone in SIP, and for the sender of an instant message: status code, Retry-After. All
/// other failures are temporary: 480 with Retry-After.
const LEG_TO_SIP: &[(&[u16], u16, bool)] = &[
    // Absent: no contact, or no answer. A 408 is never passed on (RFC 4320 §4.2).
    (&[408, 430, 480, 503, 504], 480, false),
    (&[404, 410, 484, 485, 604], 404, false),
];

/// Outcome for the sender of an instant message if the MESSAGE to the phone failed in SIP.
pub(crate) fn leg_to_sip(status: u16) -> SipOutcome {
    let mut rows = LEG_TO_SIP.iter();
    let row = rows.find(|(codes, ..)| codes.contains(&status));
    let (status, retry_after) = row.map_or((480, true), |&(_, status, retry_after)| {
        (status, retry_after)
    });
    SipOutcome {
        status,
        retry_after,
    }
}

/// The better of two failures; 0 means none (RFC 3261 §16.7). A 6xx is the decision of the recipient and counts; else
/// the lower status code.
pub(crate) fn better_failure(one: u16, other: u16) -> u16 {
    match (one, other) {
        (0, only) | (only, 0) => only,
        (600.., _) => one,
        (_, 600..) => other,
        _ => one.min(other),
    }
}

/// Outcome for the sender of an expired instant message.
pub(crate) const EXPIRED: SipOutcome = SipOutcome {
    status: 480,
    retry_after: false,
};

/// Outcome for the sender of an expired short message.
pub(crate) const EXPIRED_SM: RpOutcome = RpOutcome::Error {
    cause: 111,
    fcs: Some(0xFF),
};

#[cfg(test)]
mod tests {
    use super::*;

    fn error(cause: u8, fcs: impl Into<Option<u8>>) -> RpOutcome {
        RpOutcome::Error {
            cause,
            fcs: fcs.into(),
        }
    }

    #[test]
    fn every_status_has_a_report_within_its_direction() {
        const FCS_FROM_PHONE: &[u8] = &[0x81, 0x82, 0x8F, 0x90, 0x91, 0x9F, 0xB0, 0xFF];
        for status in 0..=999 {
            let success = (200..300).contains(&status);
            match sip_to_rp(status, Party::Phone) {
                RpOutcome::Ack => assert!(success, "{status}"),
                RpOutcome::Error { cause, .. } => {
                    assert!(!success && FROM_NETWORK.contains(&cause), "{status}");
                }
            }
            match sip_to_rp(status, Party::ServiceCentre) {
                RpOutcome::Ack => assert!(success, "{status}"),
                RpOutcome::Error { cause, fcs } => {
                    assert!(!success && FROM_PHONE.contains(&cause), "{status}");
                    assert!(
                        fcs.is_none_or(|fcs| FCS_FROM_PHONE.contains(&fcs)),
                        "{status}"
                    );
                }
            }
        }
    }

    #[test]
    fn no_status_stands_in_two_rows() {
        let mut all: Vec<u16> = SIP_TO_RP
            .iter()
            .flat_map(|(codes, ..)| *codes)
            .copied()
            .collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn unknown_status_codes_count_as_their_class() {
        assert_eq!(sip_to_rp(299, Party::Phone), RpOutcome::Ack);
        assert_eq!(sip_to_rp(302, Party::Phone), error(41, 0xC2));
        assert_eq!(sip_to_rp(499, Party::Phone), error(111, 0xFF));
        assert_eq!(sip_to_rp(599, Party::Phone), error(41, 0xC2));
        assert_eq!(sip_to_rp(699, Party::Phone), error(21, 0xC4));
        assert_eq!(sip_to_rp(0, Party::Phone), error(41, 0xC2));
    }

    #[test]
    fn phone_and_service_centre_get_causes_of_their_direction() {
        assert_eq!(sip_to_rp(480, Party::Phone), error(27, 0xC2));
        assert_eq!(sip_to_rp(480, Party::ServiceCentre), error(111, 0xFF));
        assert_eq!(sip_to_rp(503, Party::Phone), error(42, 0xC0));
        assert_eq!(sip_to_rp(503, Party::ServiceCentre), error(111, 0xFF));
        assert_eq!(sip_to_rp(486, Party::ServiceCentre), error(111, None));
    }

    #[test]
    fn a_leg_that_fails_is_never_a_timeout_to_the_sender() {
        for status in 300..700 {
            assert!([404, 480].contains(&leg_to_sip(status).status), "{status}");
        }
        for (status, retry_after) in [
            (408, false),
            (503, false),
            (486, true),
            (600, true),
            (603, true),
            (500, true),
            (477, true),
        ] {
            let told = leg_to_sip(status);
            assert_eq!(
                (told.status, told.retry_after),
                (480, retry_after),
                "{status}"
            );
        }
    }

    #[test]
    fn a_6xx_counts_then_the_lowest_failure() {
        for (one, other, better) in [
            (0, 486, 486),
            (486, 0, 486),
            (486, 480, 480),
            (503, 404, 404),
            (404, 603, 603),
            (603, 404, 603),
            (603, 600, 603),
        ] {
            assert_eq!(better_failure(one, other), better);
        }
    }
}
