//! The tables of [`cause`](super::cause) with the rows that the operator wrote over theirs.
//!
//! ```text
//! sip 486 = 41/C0 111 61      status codes = RP-Cause/TP-FCS to a phone, to a service centre, TP-Status
//! rp 22 = 480 retry failed    RP-Causes = status code, Retry-After, delivery notification
//! fcs D0,D3 = 480 failed      TP-FCSs = the same
//! st 46 = failed              TP-Statuses = delivery notification
//! ```

use core::ops::RangeInclusive;

use super::cause::{self, FROM_NETWORK, FROM_PHONE, Fate, FromRp, Told, fcs_from_phone};
use crate::host::Party;
use crate::wire::{DeliveryStatus, TpSt};

/// The tables.
#[derive(Clone, Debug, Default)]
pub(super) struct Causes {
    sip: Vec<SipRow>,
    rp: Vec<(u8, FromRp)>,
    fcs: Vec<(u8, FromRp)>,
    st: Vec<(u8, Fate)>,
}

/// What the SMS side is told about one final response of the IM side.
#[derive(Clone, Copy, Debug)]
struct SipRow {
    status: u16,
    phone: Told,
    centre: Option<Told>,
    tp_st: Option<u8>,
}

impl Causes {
    /// What the SMS side is told about the IM side's final response.
    pub(super) fn sip_to_rp(&self, status: u16, party: Party) -> Told {
        let row = self.sip_row(status);
        let told = match party {
            Party::Phone => row.map(|row| row.phone),
            Party::ServiceCentre => row.and_then(|row| row.centre),
        };
        told.unwrap_or_else(|| cause::sip_to_rp(status, party))
    }

    /// What a status report says of the IM side's final response.
    pub(super) fn sip_to_status(&self, status: u16) -> TpSt {
        let row = self.sip_row(status).and_then(|row| row.tp_st);
        row.map_or_else(|| cause::sip_to_status(status), TpSt::from)
    }

    /// A status code without a row of its own has that of its class.
    fn sip_row(&self, status: u16) -> Option<&SipRow> {
        let row_of = |status| self.sip.iter().find(|row| row.status == status);
        row_of(status).or_else(|| row_of(cause::class_of(status)?))
    }

    /// What the sender of an instant message is told about an RP-ERROR. TP-FCS, nearer to the phone, goes
    /// first; a reserved one says nothing.
    pub(super) fn rp_to_sip(&self, cause: u8, fcs: Option<u8>) -> FromRp {
        let row_of = |rows: &[(u8, FromRp)], value: u8| {
            let row = rows.iter().find(|(known, _)| *known == value);
            row.map(|(_, told)| *told)
        };
        fcs.and_then(|fcs| row_of(&self.fcs, fcs).or_else(|| cause::fcs_to_sip(fcs)))
            .or_else(|| row_of(&self.rp, cause))
            .unwrap_or_else(|| cause::rp_to_sip(cause))
    }

    /// What the sender of an instant message is told about a status report.
    pub(super) fn status_to_fate(&self, status: TpSt) -> Fate {
        let row = self.st.iter().find(|(known, _)| *known == u8::from(status));
        row.map_or_else(|| cause::status_to_fate(status), |(_, fate)| *fate)
    }

    /// Writes a row over the tables; the error says what it must be.
    pub(super) fn write(&mut self, row: &str) -> Result<(), &'static str> {
        const ROW: &str = "a row such as \"sip 486 = 41/C0 111 61\", \"rp 22 = 480 retry failed\", \"fcs D0 = 480 failed\" or \"st 46 = failed\"";
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
                _ => return Err(ROW),
            }
        }
        values.next().map(|_| ()).ok_or(ROW)
    }
}

/// The later row of two is the one that counts.
fn write<T>(rows: &mut Vec<(u8, T)>, key: u8, told: T) {
    rows.retain(|(known, _)| *known != key);
    rows.push((key, told));
}

impl SipRow {
    fn of<'v>(key: &str, mut values: impl Iterator<Item = &'v str>) -> Result<Self, &'static str> {
        let status = key.parse().ok().filter(|key| (300..=699).contains(key));
        let phone = values.next().and_then(|value| error(value, &FROM_NETWORK));
        let centre = |value: &str| {
            match value {
            "ack" => Some(Told::Ack),
            _ => error(value, &FROM_PHONE)
                .filter(|told| !matches!(told, Told::Error { fcs: Some(fcs), .. } if fcs_from_phone(*fcs) != *fcs)),
        }
        };
        let row = Self {
            status: status.ok_or("a row about a status code from 300 to 699")?,
            phone: phone.ok_or("a row whose first value is an RP-Cause that a network sends (TS 24.011 table 8.4), with or without a TP-FCS in hexadecimal, such as 41/C0")?,
            centre: values
                .next()
                .map(|value| centre(value).ok_or("a row whose second value is \"ack\", or an RP-Cause that a phone sends (22, 81, 95 to 99, 111), with or without a TP-FCS from 80 to BF or D0 to FF, such as 111/FF"))
                .transpose()?,
            tp_st: values
                .next()
                .map(|value| hexadecimal(value, 0x00..=0x7F).ok_or("a row whose third value is a TP-Status from 00 to 7F, in hexadecimal"))
                .transpose()?,
        };
        match values.next() {
            None => Ok(row),
            Some(_) => {
                Err("a row of three values at most: to a phone, to a service centre, TP-Status")
            }
        }
    }
}

/// `41/C0` or `41`.
fn error(text: &str, causes: &[u8]) -> Option<Told> {
    let (cause, fcs) = match text.split_once('/') {
        Some((cause, fcs)) => (cause, Some(hexadecimal(fcs, 0x80..=0xFF)?)),
        None => (text, None),
    };
    let cause = cause.parse().ok().filter(|cause| causes.contains(cause))?;
    Some(Told::Error { cause, fcs })
}

/// `480 retry failed`: what follows the status code may be left out.
fn from_rp<'v>(values: impl Iterator<Item = &'v str>) -> Result<FromRp, &'static str> {
    let mut values = values.peekable();
    // A 408 is never sent (RFC 4320 §4.2), and no RP-ERROR is a delivery.
    let status = values
        .next()
        .and_then(|value| value.parse().ok())
        .filter(|status| *status == 202 || (400..=699).contains(status) && *status != 408)
        .ok_or("a row whose first value is a status code: 202, or one from 400 to 699 but 408")?;
    let retry_after = values.next_if_eq(&"retry").is_some();
    let delivery = match values.next() {
        None | Some("failed") => DeliveryStatus::Failed,
        Some("forbidden") => DeliveryStatus::Forbidden,
        Some("error") => DeliveryStatus::Error,
        Some(_) => {
            return Err(
                "a row of a status code, \"retry\" or not, and \"failed\", \"forbidden\" or \"error\"",
            );
        }
    };
    match values.next() {
        None => Ok((status, retry_after, delivery)),
        Some(_) => Err("a row of three values at most: status code, \"retry\", notification"),
    }
}

/// What a TP-Status says. Only one that ends well may stand for a delivery (TS 23.040 §9.2.3.15).
fn fate<'v>(key: u8, mut values: impl Iterator<Item = &'v str>) -> Result<Fate, &'static str> {
    let fate = match values.next() {
        Some("open") => Fate::Open,
        Some("none") => Fate::Unknown,
        Some("delivered") if key < 0x20 => Fate::Delivered,
        Some("failed") => Fate::Not(DeliveryStatus::Failed),
        Some("forbidden") => Fate::Not(DeliveryStatus::Forbidden),
        Some("error") => Fate::Not(DeliveryStatus::Error),
        _ => return Err(FATE),
    };
    values.next().map_or(Ok(fate), |_| Err(FATE))
}

const FATE: &str = "a row whose value is \"open\", \"none\", \"failed\", \"forbidden\" or \"error\", or below 20 \"delivered\"";

fn hexadecimal(text: &str, range: RangeInclusive<u8>) -> Option<u8> {
    let digits = text.len() == 2 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    let value = u8::from_str_radix(text, 16).ok();
    value.filter(|value| digits && range.contains(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(rows: &[&str]) -> Causes {
        let mut causes = Causes::default();
        for row in rows {
            assert_eq!(causes.write(row), Ok(()), "{row}");
        }
        causes
    }

    fn error(cause: u8, fcs: Option<u8>) -> Told {
        Told::Error { cause, fcs }
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
        assert_eq!(causes.sip_to_rp(415, Party::ServiceCentre), Told::Ack);
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
    fn a_row_counts_for_the_unknown_codes_of_its_class() {
        let causes = with(&["sip 400 = 21/FF", "sip 603 = 1/C3"]);
        assert_eq!(causes.sip_to_rp(499, Party::Phone), error(21, Some(0xFF)));
        assert_eq!(causes.sip_to_rp(699, Party::Phone), error(1, Some(0xC3)));
        assert_eq!(causes.sip_to_rp(416, Party::Phone), error(111, Some(0xFF)));
    }

    #[test]
    fn a_failure_cause_still_goes_before_the_rp_cause() {
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
    fn no_rp_error_is_a_delivery_nor_a_timeout() {
        let causes = Causes::default();
        for cause in 0..=127 {
            let (status, ..) = causes.rp_to_sip(cause, None);
            assert!(status >= 400 && status != 408, "{cause}");
            for fcs in 0..=255 {
                // A 2xx only where the phone has it already.
                let (status, ..) = causes.rp_to_sip(cause, Some(fcs));
                assert!(status >= 400 && status != 408 || fcs == 0xC5, "{fcs}");
            }
        }
    }

    #[test]
    fn what_a_status_report_says() {
        let causes = with(&[
            "st 10,1F = delivered",
            "st 46 = none",
            "st 47 = open",
            "st 63 = error",
        ]);
        for (status, fate) in [
            (0x10, Fate::Delivered),
            (0x1F, Fate::Delivered),
            (0x46, Fate::Unknown),
            (0x47, Fate::Open),
            (0x63, Fate::Not(DeliveryStatus::Error)),
            (0x40, Fate::Not(DeliveryStatus::Failed)),
        ] {
            assert_eq!(causes.status_to_fate(TpSt::from(status)), fate);
        }
    }

    #[test]
    fn the_later_row_counts() {
        let causes = with(&["sip 486 = 21", "sip 486 = 41", "rp 1 = 404", "rp 1 = 410"]);
        assert_eq!(causes.sip_to_rp(486, Party::Phone), error(41, None));
        assert_eq!(causes.rp_to_sip(1, None).0, 410);
    }

    #[test]
    fn what_is_no_row() {
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
        ] {
            assert!(Causes::default().write(row).is_err(), "{row}");
        }
    }
}
