//! Lifetime of messages: Expires and Date on the IM side, TP-Validity-Period on the SMS side (rows MAP-7, MAP-8).

use crate::interwork::reason::Reason;
use crate::sip::{MessageIn, date, expires};
use crate::wire::{EnhancedVp, RelativeVp, TpVp};

/// Remaining lifetime of an instant message in seconds, if its sender sets one (RFC 3428 §4). 0: one attempt,
/// immediately.
pub(crate) fn of_im(message: &MessageIn<'_>, now: i64) -> Result<Option<u32>, Reason> {
    let Some(lifetime) = message.expires.and_then(expires).filter(|all| *all > 0) else {
        return Ok(message.expires.and_then(expires));
    };
    // If the sender's clock is ahead of ours, the message is not older for that.
    let sent = message.date.and_then(date).unwrap_or(now);
    let age = now.saturating_sub(sent).max(0);
    u32::try_from(i64::from(lifetime).saturating_sub(age))
        .ok()
        .filter(|rest| *rest > 0)
        .map(Some)
        .ok_or(Reason::Expired)
}

/// Lifetime of a short message in seconds, if its sender sets one.
pub(crate) fn of_sm(vp: TpVp, now: i64) -> Result<Option<u32>, Reason> {
    match (vp, vp.seconds(now)) {
        (TpVp::Absolute(_), Some(0)) => Err(Reason::Expired),
        // 0 seconds are reserved (TS 23.040 §9.2.3.12.3).
        (_, lifetime) => Ok(lifetime.filter(|seconds| *seconds > 0)),
    }
}

/// TP-Validity-Period for this lifetime: the shortest one that is long enough.
pub(crate) fn vp(lifetime: Option<u32>) -> TpVp {
    match lifetime {
        None => TpVp::Absent,
        Some(0) => TpVp::Enhanced(EnhancedVp([SINGLE_SHOT, 0, 0, 0, 0, 0, 0])),
        Some(seconds) => TpVp::Relative(RelativeVp::of_at_least(seconds)),
    }
}

/// Functionality indicator of one attempt, without a period (TS 23.040 §9.2.3.12.3).
const SINGLE_SHOT: u8 = 0b0100_0000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::TpScts;

    #[test]
    fn remaining_lifetime_of_an_instant_message() {
        // Sat, 13 Nov 2010 23:29:00 GMT
        let now = 1_289_690_940;
        for (expires, date, rest) in [
            (None, None, Ok(None)),
            (Some("soon"), None, Ok(None)),
            (Some("60"), None, Ok(Some(60))),
            (
                Some("60"),
                Some("Sat, 13 Nov 2010 23:28:50 GMT"),
                Ok(Some(50)),
            ),
            (Some("60"), Some("yesterday"), Ok(Some(60))),
            (
                Some("60"),
                Some("Sat, 13 Nov 2010 23:30:00 GMT"),
                Ok(Some(60)),
            ),
            (
                Some("60"),
                Some("Sat, 13 Nov 2010 23:28:00 GMT"),
                Err(Reason::Expired),
            ),
            (
                Some("0"),
                Some("Sat, 13 Nov 2010 23:28:00 GMT"),
                Ok(Some(0)),
            ),
            (Some("99999999999"), None, Ok(Some(u32::MAX))),
        ] {
            let message = MessageIn {
                expires,
                date,
                ..MessageIn::default()
            };
            assert_eq!(of_im(&message, now), rest, "{expires:?} {date:?}");
        }
    }

    #[test]
    fn a_validity_period_that_is_long_enough() {
        for (lifetime, seconds, format) in [
            (None, None, 0b00),
            (Some(1), Some(300), 0b10),
            (Some(301), Some(600), 0b10),
            (Some(u32::MAX), Some(63 * 7 * 86_400), 0b10),
            (Some(0), None, 0b01),
        ] {
            let vp = vp(lifetime);
            assert_eq!((vp.seconds(0), vp.format()), (seconds, format));
        }
    }

    #[test]
    fn remaining_lifetime_of_a_short_message() {
        let now = 1_289_690_940;
        let until = |seconds| TpVp::Absolute(TpScts::from_unix(now + seconds, 4));
        for (vp, rest) in [
            (TpVp::Absent, Ok(None)),
            (TpVp::Relative(RelativeVp(0)), Ok(Some(300))),
            (until(90), Ok(Some(90))),
            (until(0), Err(Reason::Expired)),
            (until(-1), Err(Reason::Expired)),
            (
                TpVp::Enhanced(EnhancedVp([0x42, 30, 0, 0, 0, 0, 0])),
                Ok(Some(30)),
            ),
            (
                TpVp::Enhanced(EnhancedVp([0x42, 0, 0, 0, 0, 0, 0])),
                Ok(None),
            ),
            (
                TpVp::Enhanced(EnhancedVp([0x40, 0, 0, 0, 0, 0, 0])),
                Ok(None),
            ),
        ] {
            assert_eq!(of_sm(vp, now), rest, "{vp:?}");
        }
    }
}
