//! Which failures are temporary, and after which failures another service may succeed. No standard defines this.

/// Status codes after which the same message may succeed later.
const LATER: &[u16] = &[408, 422, 423, 430, 480, 486, 487, 491, 500, 502, 503, 504];

/// Of these, the status codes of a device that is here and does not take this message now.
const HERE: &[u16] = &[422, 423, 487, 491, 500, 502];

/// Status codes of the IM side after which a phone of the recipient may take the message.
const OTHER: &[u16] = &[
    300, 302, 305, 380, 404, 405, 406, 408, 415, 430, 480, 488, 501, 504, 604, 606,
];

/// Temporary RP-Causes of a phone (TS 24.011 §8.2.5.4): memory capacity exceeded, and those of a network in between.
const RP_LATER: &[u8] = &[22, 27, 38, 41, 42, 47];

/// Memory capacity exceeded: the message is for this phone, and for no other device (TS 29.002 §23.3.7).
const MEMORY: u8 = 22;

/// The intervals between attempts, in seconds; the last one repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    seconds: Vec<u32>,
}

impl Retry {
    /// From `30,300,1800`: numbers from 1 to 86,400, separated by commas.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let seconds = text
            .split(',')
            .map(|number| {
                let number = number.trim().parse().ok()?;
                (1..=86_400).contains(&number).then_some(number)
            })
            .collect::<Option<Vec<u32>>>()?;
        (!seconds.is_empty()).then_some(Self { seconds })
    }

    /// Milliseconds until the next attempt, after this many failed attempts.
    pub(crate) fn after(&self, tries: u8) -> u64 {
        let place = usize::from(tries);
        let seconds = self.seconds.get(place).or_else(|| self.seconds.last());
        seconds.map_or(3_600_000, |seconds| u64::from(*seconds) * 1000)
    }
}

/// The attempts that may follow a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Next {
    /// Another attempt, later.
    pub(crate) later: bool,
    /// Another service, now.
    pub(crate) other: bool,
    /// Whether the recipient was here, and did not take this message.
    pub(crate) was_here: bool,
}

/// After this final response of a client, or of a phone to an RP-DATA.
pub(crate) fn after_sip(status: u16) -> Next {
    Next {
        later: LATER.contains(&status),
        other: OTHER.contains(&status),
        was_here: HERE.contains(&status),
    }
}

/// After this RP-Cause of a phone.
pub(crate) fn after_rp(cause: u8) -> Next {
    Next {
        later: RP_LATER.contains(&cause),
        other: cause != MEMORY,
        was_here: cause != MEMORY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_interval_repeats() {
        let retry = Retry::parse("30, 300,1800").unwrap();
        let after: Vec<u64> = (0..5).map(|tries| retry.after(tries)).collect();
        assert_eq!(after, [30_000, 300_000, 1_800_000, 1_800_000, 1_800_000]);
        for wrong in ["", "30,", "0", "x", "-1", "86401", "30;300"] {
            assert_eq!(Retry::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_refusal_of_the_recipient_is_final() {
        for status in [600, 603, 607, 608, 403, 402, 410, 484] {
            let next = after_sip(status);
            assert!(!next.later && !next.other, "{status}");
        }
        assert_eq!(
            after_rp(22),
            Next {
                later: true,
                other: false,
                was_here: false
            }
        );
        assert!(!after_rp(111).later);
    }
}
