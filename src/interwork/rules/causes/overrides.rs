//! The tables of [`cause`](crate::interwork::rules::causes::defaults) with the rows that the operator wrote over theirs.
//!
//! ```text
//! sip 486 = 41/C0 111 61      status codes = RP-Cause/TP-FCS to a phone, to a service centre, TP-Status
//! rp 22 = 480 retry failed    RP-Causes = status code, Retry-After, delivery notification
//! fcs D0,D3 = 480 failed      TP-FCSs = the same
//! st 46 = failed              TP-Statuses = delivery notification
//! leg 404 = 404 retry         final responses of the phone itself = status code, Retry-After
//! expired im = 480 retry      an instant message whose time is over = the same
//! expired sm = 111/FF ack     a short message whose time is over = to a phone, to a service centre
//! imdn failed = 65            delivery notifications = TP-Status
//! ```

use crate::exchange::Party;
use crate::interwork::rules::causes::defaults::{
    self as cause, FromRp, RpOutcome, ScOutcome, SipOutcome,
};
use crate::interwork::rules::causes::parse::{
    SipRow, confirmed, fate, from_rp, hexadecimal, to_sender, to_sms_side,
};
use crate::mime::{DeliveryStatus, Disposition};
use crate::wire::TpSt;

/// The default tables with the operator's rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Causes {
    sip: Vec<SipRow>,
    rp: Vec<(u8, FromRp)>,
    fcs: Vec<(u8, FromRp)>,
    st: Vec<(u8, ScOutcome)>,
    leg: Vec<(u16, SipOutcome)>,
    expired_im: Option<SipOutcome>,
    expired_sm: Option<(RpOutcome, Option<RpOutcome>)>,
    imdn: Vec<(DeliveryStatus, u8)>,
}

impl Causes {
    /// Outcome for the SMS side from the final response of the IM side.
    pub(crate) fn sip_to_rp(&self, status: u16, party: Party) -> RpOutcome {
        let row = self.sip_row(status);
        let told = match party {
            Party::Phone => row.map(|row| row.phone),
            Party::ServiceCentre => row.and_then(|row| row.centre),
        };
        told.unwrap_or_else(|| cause::sip_to_rp(status, party))
    }

    /// TP-Status from the final response of the IM side.
    pub(crate) fn sip_to_status(&self, status: u16) -> TpSt {
        let row = self.sip_row(status).and_then(|row| row.tp_st);
        row.map_or_else(|| cause::sip_to_status(status), TpSt::from)
    }

    /// The row of a status code, or of its class.
    fn sip_row(&self, status: u16) -> Option<&SipRow> {
        let row_of = |status| self.sip.iter().find(|row| row.status == status);
        row_of(status).or_else(|| row_of(cause::class_of(status)?))
    }

    /// Outcome for the sender of an instant message from an RP-ERROR. A TP-FCS counts before the RP-Cause, because it
    /// is more precise; a reserved one is ignored.
    pub(crate) fn rp_to_sip(&self, cause: u8, fcs: Option<u8>) -> FromRp {
        let row_of = |rows: &[(u8, FromRp)], value: u8| {
            let row = rows.iter().find(|(known, _)| *known == value);
            row.map(|(_, told)| *told)
        };
        fcs.and_then(|fcs| row_of(&self.fcs, fcs).or_else(|| cause::fcs_to_sip(fcs)))
            .or_else(|| row_of(&self.rp, cause))
            .unwrap_or_else(|| cause::rp_to_sip(cause))
    }

    /// Outcome from a status report.
    pub(crate) fn status_to_outcome(&self, status: TpSt) -> ScOutcome {
        let row = self.st.iter().find(|(known, _)| *known == u8::from(status));
        row.map_or_else(|| cause::status_to_outcome(status), |(_, fate)| *fate)
    }

    /// Outcome for the sender of an instant message if the MESSAGE to the phone failed in SIP.
    pub(crate) fn leg_to_sip(&self, status: u16) -> SipOutcome {
        let row = self.leg.iter().find(|(known, _)| *known == status);
        row.map_or_else(|| cause::leg_to_sip(status), |(_, told)| *told)
    }

    /// Outcome for the sender of an expired instant message.
    pub(crate) fn expired_to_sip(&self) -> SipOutcome {
        self.expired_im.unwrap_or(cause::EXPIRED)
    }

    /// Outcome for the sender of an expired short message.
    pub(crate) fn expired_to_rp(&self, party: Party) -> RpOutcome {
        let told = match (self.expired_sm, party) {
            (Some((phone, _)), Party::Phone) => Some(phone),
            (Some((_, centre)), Party::ServiceCentre) => centre,
            (None, _) => None,
        };
        told.unwrap_or(cause::EXPIRED_SM)
    }

    /// TP-Status from a notification of the recipient.
    pub(crate) fn delivery_to_status(&self, disposition: Disposition) -> Option<TpSt> {
        let row = self
            .imdn
            .iter()
            .find(|(known, _)| disposition == Disposition::Delivery(*known));
        match row {
            Some((_, status)) => Some(TpSt::from(*status)),
            None => cause::delivery_to_status(disposition),
        }
    }

    /// Adds a row of the operator; the error says what the row must be.
    pub(crate) fn write(&mut self, row: &str) -> Result<(), &'static str> {
        const ROW: &str = "a row such as \"sip 486 = 41/C0 111 61\", \"rp 22 = 480 retry failed\", \"fcs D0 = 480 failed\", \"st 46 = failed\", \"leg 404 = 404\", \"expired im = 480\", \"expired sm = 111/FF\" or \"imdn failed = 65\"";
        let (keys, values) = row.split_once('=').ok_or(ROW)?;
        let (table, keys) = keys.trim().split_once(' ').ok_or(ROW)?;
        let mut values = values.split_ascii_whitespace();
        for key in keys.split(',').map(str::trim) {
            let values = values.clone();
            match table {
                "sip" => {
                    let row = SipRow::of(key, values)?;
                    self.sip.retain(|known| known.status != row.status);
                    self.sip.push(row);
                }
                "rp" => {
                    let key = key.parse().ok().filter(|key| (1..=127).contains(key));
                    let key = key.ok_or("a row about an RP-Cause from 1 to 127")?;
                    write(&mut self.rp, key, from_rp(values)?);
                }
                "fcs" => {
                    let key = hexadecimal(key, 0x80..=0xFF);
                    let key = key.ok_or("a row about a TP-FCS from 80 to FF, in hexadecimal")?;
                    write(&mut self.fcs, key, from_rp(values)?);
                }
                "st" => {
                    let key = hexadecimal(key, 0x00..=0xFF);
                    let key = key.ok_or("a row about a TP-Status from 00 to FF, in hexadecimal")?;
                    write(&mut self.st, key, fate(key, values)?);
                }
                "leg" => {
                    let key = key.parse().ok().filter(|key| (300..=699).contains(key));
                    let key = key.ok_or("a row about a status code from 300 to 699")?;
                    write(&mut self.leg, key, to_sender(values)?);
                }
                "expired" => match key {
                    "im" => self.expired_im = Some(to_sender(values)?),
                    "sm" => self.expired_sm = Some(to_sms_side(values)?),
                    _ => return Err("a row about \"im\" or \"sm\""),
                },
                "imdn" => {
                    let (key, status) = confirmed(key, values)?;
                    write(&mut self.imdn, key, status);
                }
                _ => return Err(ROW),
            }
        }
        values.next().map(|_| ()).ok_or(ROW)
    }
}

/// A later row replaces an earlier one.
fn write<K: PartialEq, T>(rows: &mut Vec<(K, T)>, key: K, told: T) {
    rows.retain(|(known, _)| *known != key);
    rows.push((key, told));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mime::ProcessingStatus;

    fn with(rows: &[&str]) -> Causes {
        let mut causes = Causes::default();
        for row in rows {
            assert_eq!(causes.write(row), Ok(()), "{row}");
        }
        causes
    }

    fn error(cause: u8, fcs: Option<u8>) -> RpOutcome {
        RpOutcome::Error { cause, fcs }
    }

    #[test]
    fn a_row_counts_for_its_status_codes_and_no_others() {
        let causes = with(&["sip 486,600 = 27/C2 97/FF 62", "sip  415=21 ack"]);
        for status in [486, 600] {
            assert_eq!(
                causes.sip_to_rp(status, Party::Phone),
                error(27, Some(0xC2))
            );
            let centre = causes.sip_to_rp(status, Party::ServiceCentre);
            assert_eq!(centre, error(97, Some(0xFF)));
            assert_eq!(u8::from(causes.sip_to_status(status)), 0x62);
        }
        assert_eq!(causes.sip_to_rp(415, Party::Phone), error(21, None));
        assert_eq!(causes.sip_to_rp(415, Party::ServiceCentre), RpOutcome::Ack);
        let (plain, status) = (Causes::default(), causes.sip_to_status(415));
        assert_eq!(status, plain.sip_to_status(415), "what is left out stays");
        for status in (200..700).filter(|status| ![415, 486, 600].contains(status)) {
            for party in [Party::Phone, Party::ServiceCentre] {
                let told = causes.sip_to_rp(status, party);
                assert_eq!(told, plain.sip_to_rp(status, party), "{status}");
            }
        }
    }

    #[test]
    fn rows_of_failures_do_not_change_2xx() {
        let rows = [
            "sip 300 = 21/FF",
            "sip 400 = 21/FF",
            "sip 500 = 27/C2 111/FF 62",
        ];
        let (causes, plain) = (with(&rows), Causes::default());
        for status in 200..300 {
            for party in [Party::Phone, Party::ServiceCentre] {
                assert_eq!(causes.sip_to_rp(status, party), RpOutcome::Ack, "{status}");
            }
            assert_eq!(causes.sip_to_status(status), plain.sip_to_status(status));
        }
    }

    #[test]
    fn a_row_counts_for_the_unknown_codes_of_its_class() {
        let causes = with(&["sip 400 = 21/FF", "sip 603 = 1/C3"]);
        assert_eq!(causes.sip_to_rp(499, Party::Phone), error(21, Some(0xFF)));
        assert_eq!(causes.sip_to_rp(699, Party::Phone), error(1, Some(0xC3)));
        assert_eq!(causes.sip_to_rp(416, Party::Phone), error(111, Some(0xFF)));
    }

    #[test]
    fn a_failure_cause_counts_before_the_rp_cause() {
        let failed = |status| (status, false, DeliveryStatus::Failed);
        let plain = Causes::default();
        let told = (403, false, DeliveryStatus::Forbidden);
        assert_eq!(plain.rp_to_sip(111, Some(0xC4)), told);
        let told = (480, true, DeliveryStatus::Failed);
        assert_eq!(plain.rp_to_sip(22, None), told);
        assert_eq!(plain.rp_to_sip(22, Some(0x00)), told);
        assert_eq!(plain.rp_to_sip(77, None), failed(500));
        let causes = with(&[
            "rp 22 = 486",
            "rp 77 = 503 retry error",
            "fcs d3 = 480 retry forbidden",
        ]);
        assert_eq!(causes.rp_to_sip(22, None), failed(486));
        assert_eq!(causes.rp_to_sip(22, Some(0xD0)), failed(480));
        assert_eq!(causes.rp_to_sip(22, Some(0x00)), failed(486));
        let told = (480, true, DeliveryStatus::Forbidden);
        assert_eq!(causes.rp_to_sip(22, Some(0xD3)), told);
        let told = (503, true, DeliveryStatus::Error);
        assert_eq!(causes.rp_to_sip(77, None), told);
    }

    #[test]
    fn no_rp_error_is_a_delivery_or_a_timeout() {
        let causes = Causes::default();
        for cause in 0..=127 {
            let (status, ..) = causes.rp_to_sip(cause, None);
            assert!(status >= 400 && status != 408, "{cause}");
            for fcs in 0..=255 {
                // A 2xx only for C5: the phone has the message already.
                let (status, ..) = causes.rp_to_sip(cause, Some(fcs));
                assert!(status >= 400 && status != 408 || fcs == 0xC5, "{fcs}");
            }
        }
    }

    #[test]
    fn rows_of_status_reports() {
        let causes = with(&[
            "st 10,1F = delivered",
            "st 46 = none",
            "st 47 = open",
            "st 63 = error",
        ]);
        for (status, fate) in [
            (0x10, ScOutcome::Delivered),
            (0x1F, ScOutcome::Delivered),
            (0x46, ScOutcome::Unknown),
            (0x47, ScOutcome::Open),
            (0x63, ScOutcome::Not(DeliveryStatus::Error)),
            (0x40, ScOutcome::Not(DeliveryStatus::Failed)),
        ] {
            assert_eq!(causes.status_to_outcome(TpSt::from(status)), fate);
        }
    }

    #[test]
    fn rows_of_sip_failures_and_expired_messages() {
        let told = |status, retry_after| SipOutcome {
            status,
            retry_after,
        };
        let plain = Causes::default();
        assert_eq!(plain.leg_to_sip(486), told(480, true));
        assert_eq!(plain.expired_to_sip(), told(480, false));
        for party in [Party::Phone, Party::ServiceCentre] {
            assert_eq!(plain.expired_to_rp(party), error(111, Some(0xFF)));
        }
        let causes = with(&[
            "leg 486,600 = 486 retry",
            "expired im = 410",
            "expired sm = 27/C2",
        ]);
        assert_eq!(causes.leg_to_sip(486), told(486, true));
        assert_eq!(causes.leg_to_sip(600), told(486, true));
        assert_eq!(causes.leg_to_sip(404), told(404, false));
        assert_eq!(causes.expired_to_sip(), told(410, false));
        assert_eq!(causes.expired_to_rp(Party::Phone), error(27, Some(0xC2)));
        let centre = causes.expired_to_rp(Party::ServiceCentre);
        assert_eq!(centre, error(111, Some(0xFF)), "what is left out stays");
        let causes = with(&["expired sm = 27 ack"]);
        assert_eq!(causes.expired_to_rp(Party::ServiceCentre), RpOutcome::Ack);
    }

    #[test]
    fn rows_of_notifications() {
        let of = |causes: &Causes, status| {
            let status = causes.delivery_to_status(Disposition::Delivery(status));
            status.map(u8::from)
        };
        let causes = with(&["imdn failed,error = 62", "imdn delivered = 01"]);
        for (delivery, default, written) in [
            (DeliveryStatus::Delivered, 0x00, 0x01),
            (DeliveryStatus::Failed, 0x65, 0x62),
            (DeliveryStatus::Forbidden, 0x42, 0x42),
            (DeliveryStatus::Error, 0x40, 0x62),
        ] {
            assert_eq!(of(&Causes::default(), delivery), Some(default));
            assert_eq!(of(&causes, delivery), Some(written));
        }
        let processed = Disposition::Processing(ProcessingStatus::Processed);
        assert_eq!(causes.delivery_to_status(processed), None);
    }

    #[test]
    fn the_later_row_counts() {
        let causes = with(&["sip 486 = 21", "sip 486 = 41", "rp 1 = 404", "rp 1 = 410"]);
        assert_eq!(causes.sip_to_rp(486, Party::Phone), error(41, None));
        assert_eq!(causes.rp_to_sip(1, None).0, 410);
    }

    #[test]
    fn invalid_rows() {
        for row in [
            "",
            "sip",
            "sip 486",
            "sip = 41",
            "sip 486 =",
            "sip486 = 41",
            "map 1 = 2",
            "sip 200 = 41",
            "sip 700 = 41",
            "sip 486, = 41",
            "sip x = 41",
            "sip 486 = 22",
            "sip 486 = ack",
            "sip 486 = 41/",
            "sip 486 = 41/7F",
            "sip 486 = 41/C",
            "sip 486 = 41/0C0",
            "sip 486 = 41/+F",
            "sip 486 = 41 41",
            "sip 486 = 41 111/C0",
            "sip 486 = 41 111 80",
            "sip 486 = 41 111 61 x",
            "rp 0 = 480",
            "rp 128 = 480",
            "rp 22 =",
            "rp 22 = 200",
            "rp 22 = 408",
            "rp 22 = 399",
            "rp 22 = 700",
            "rp 22 = 480 delivered",
            "rp 22 = 480 failed retry",
            "rp 22 = 480 retry failed x",
            "fcs 7F = 480",
            "fcs 100 = 480",
            "fcs D = 480",
            "fcs D0 = retry",
            "st 46 =",
            "st 100 = failed",
            "st 20 = delivered",
            "st 46 = failed x",
            "st 46 = 480",
            "leg 200 = 480",
            "leg 486 = 202",
            "leg 486 = 408",
            "leg 486 = 480 failed",
            "leg 486 = 480 retry retry",
            "expired = 480",
            "expired mms = 480",
            "expired im = 111",
            "expired sm = 480",
            "expired sm = 111/FF 27",
            "expired sm = 111/FF ack ack",
            "imdn displayed = 00",
            "imdn delivered = 20",
            "imdn failed = 00",
            "imdn failed = 80",
            "imdn failed = 65 x",
        ] {
            assert!(Causes::default().write(row).is_err(), "{row}");
        }
    }
}
