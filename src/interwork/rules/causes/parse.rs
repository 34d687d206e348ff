//! The values of the rows that operators write (see [`causes`](crate::interwork::rules::causes::overrides)). An error says what they must be.

use core::ops::RangeInclusive;

use crate::base::hex_octet;
use crate::interwork::rules::causes::defaults::{
    FROM_NETWORK, FROM_PHONE, FromRp, RpOutcome, ScOutcome, SipOutcome, fcs_from_phone,
};
use crate::mime::DeliveryStatus;

/// Outcomes for the SMS side from one status code of the IM side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SipRow {
    pub(crate) status: u16,
    pub(crate) phone: RpOutcome,
    pub(crate) centre: Option<RpOutcome>,
    pub(crate) tp_st: Option<u8>,
}

impl SipRow {
    pub(crate) fn of<'v>(
        key: &str,
        mut values: impl Iterator<Item = &'v str>,
    ) -> Result<Self, &'static str> {
        let status = key.parse().ok().filter(|key| (300..=699).contains(key));
        let row = Self {
            status: status.ok_or("a row about a status code from 300 to 699")?,
            phone: to_phone(values.next())?,
            centre: to_centre(values.next())?,
            tp_st: values
                .next()
                .map(|value| {
                    hexadecimal(value, 0x00..=0x7F).ok_or(
                        "a row whose third value is a TP-Status from 00 to 7F, in hexadecimal",
                    )
                })
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

/// The first value of a row about the SMS side.
fn to_phone(value: Option<&str>) -> Result<RpOutcome, &'static str> {
    let told = value.and_then(|value| error(value, &FROM_NETWORK));
    told.ok_or("a row whose first value is an RP-Cause that a network sends (TS 24.011 table 8.4), with or without a TP-FCS in hexadecimal, such as 41/C0")
}

/// The optional second value.
fn to_centre(value: Option<&str>) -> Result<Option<RpOutcome>, &'static str> {
    const CENTRE: &str = "a row whose second value is \"ack\", or an RP-Cause that a phone sends (22, 81, 95 to 99, 111), with or without a TP-FCS from 80 to BF or D0 to FF, such as 111/FF";
    let is_phones = |told: &RpOutcome| !matches!(told, RpOutcome::Error { fcs: Some(fcs), .. } if fcs_from_phone(*fcs) != *fcs);
    match value {
        None => Ok(None),
        Some("ack") => Ok(Some(RpOutcome::Ack)),
        Some(value) => {
            let told = error(value, &FROM_PHONE).filter(is_phones);
            told.map(Some).ok_or(CENTRE)
        }
    }
}

/// `111/FF ack`.
pub(crate) fn to_sms_side<'v>(
    mut values: impl Iterator<Item = &'v str>,
) -> Result<(RpOutcome, Option<RpOutcome>), &'static str> {
    let row = (to_phone(values.next())?, to_centre(values.next())?);
    match values.next() {
        None => Ok(row),
        Some(_) => Err("a row of two values at most: to a phone, to a service centre"),
    }
}

/// `480 retry`.
pub(crate) fn to_sender<'v>(
    values: impl Iterator<Item = &'v str>,
) -> Result<SipOutcome, &'static str> {
    let mut values = values.peekable();
    let status = failure(values.next())
        .ok_or("a row whose first value is a status code from 400 to 699 but 408")?;
    let retry_after = values.next_if_eq(&"retry").is_some();
    match values.next() {
        None => Ok(SipOutcome {
            status,
            retry_after,
        }),
        Some(_) => Err("a row of two values at most: status code, \"retry\""),
    }
}

/// A 408 is never sent (RFC 4320 §4.2).
fn failure(value: Option<&str>) -> Option<u16> {
    let status = value?.parse().ok();
    status.filter(|status| (400..=699).contains(status) && *status != 408)
}

/// `failed` and `65`. Only a delivered message may get a TP-Status of success (TS 23.040 §9.2.3.15).
pub(crate) fn confirmed<'v>(
    key: &str,
    mut values: impl Iterator<Item = &'v str>,
) -> Result<(DeliveryStatus, u8), &'static str> {
    let key = match key {
        "delivered" => DeliveryStatus::Delivered,
        "failed" => DeliveryStatus::Failed,
        "forbidden" => DeliveryStatus::Forbidden,
        "error" => DeliveryStatus::Error,
        _ => return Err("a row about \"delivered\", \"failed\", \"forbidden\" or \"error\""),
    };
    let range = match key {
        DeliveryStatus::Delivered => 0x00..=0x1F,
        _ => 0x01..=0x7F,
    };
    let status = values.next().and_then(|value| hexadecimal(value, range));
    match (status, values.next()) {
        (Some(status), None) => Ok((key, status)),
        _ => Err(
            "a row of one value, a TP-Status in hexadecimal: from 00 to 1F for \"delivered\", else from 01 to 7F",
        ),
    }
}

/// `41/C0` or `41`.
fn error(text: &str, causes: &[u8]) -> Option<RpOutcome> {
    let (cause, fcs) = match text.split_once('/') {
        Some((cause, fcs)) => (cause, Some(hexadecimal(fcs, 0x80..=0xFF)?)),
        None => (text, None),
    };
    let cause = cause.parse().ok().filter(|cause| causes.contains(cause))?;
    Some(RpOutcome::Error { cause, fcs })
}

/// `480 retry failed`: the values after the status code are optional.
pub(crate) fn from_rp<'v>(values: impl Iterator<Item = &'v str>) -> Result<FromRp, &'static str> {
    let mut values = values.peekable();
    // An RP-ERROR is never a delivery.
    let status = values
        .next()
        .and_then(|value| match value {
            "202" => Some(202),
            _ => failure(Some(value)),
        })
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

/// The outcome for a TP-Status. Only a TP-Status of success may mean a delivery (TS 23.040 §9.2.3.15).
pub(crate) fn fate<'v>(
    key: u8,
    mut values: impl Iterator<Item = &'v str>,
) -> Result<ScOutcome, &'static str> {
    let fate = match values.next() {
        Some("open") => ScOutcome::Open,
        Some("none") => ScOutcome::Unknown,
        Some("delivered") if key < 0x20 => ScOutcome::Delivered,
        Some("failed") => ScOutcome::Not(DeliveryStatus::Failed),
        Some("forbidden") => ScOutcome::Not(DeliveryStatus::Forbidden),
        Some("error") => ScOutcome::Not(DeliveryStatus::Error),
        _ => return Err(FATE),
    };
    values.next().map_or(Ok(fate), |_| Err(FATE))
}

const FATE: &str = "a row whose value is \"open\", \"none\", \"failed\", \"forbidden\" or \"error\", or below 20 \"delivered\"";

pub(crate) fn hexadecimal(text: &str, range: RangeInclusive<u8>) -> Option<u8> {
    hex_octet(text).filter(|value| range.contains(value))
}
