//! Status codes of MSRP for the outcome of a short message (rows B.4, B.5 of the tables of causes).

use crate::interwork::ended::Ended;

/// The outcome of a message that came by MSRP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MsrpOutcome {
    /// The phone has the whole message.
    Delivered,
    /// It was sent on, and nothing more will be known.
    Unknown,
    /// It is not delivered: the status code (RFC 4975 §10).
    Failed(u16),
}

impl MsrpOutcome {
    /// The gateway takes no new messages: it is stopping or draining.
    pub const STOPPING: Self = Self::Failed(408);
    /// There is no place for the message among the open exchanges.
    pub const NO_PLACE: Self = Self::Failed(408);
    /// The exchange has ended, and its outcome did not reach the session.
    pub const LOST: Self = Self::Failed(408);
}

/// Why a message cannot be sent in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionFault {
    /// There is no memory for the message.
    NoMemory,
    /// The session has ended.
    Ended,
    /// The connection to the client is closed, or cannot be opened.
    NoConnection,
}

impl SessionFault {
    /// The outcome as a SIP status code.
    pub const fn status(self) -> u16 {
        match self {
            Self::NoMemory => 503,
            Self::Ended => 480,
            Self::NoConnection => 408,
        }
    }
}

/// The outcome in MSRP of an instant message that became short messages.
pub fn outcome(ended: &Ended) -> MsrpOutcome {
    match ended.status {
        200 => MsrpOutcome::Delivered,
        // The sender has a 200 by now, and may believe that the phone has the message (RFC 4975 §7.1.4).
        202 if ended.no_report => MsrpOutcome::Failed(408),
        202 => MsrpOutcome::Unknown,
        status => MsrpOutcome::Failed(match ended.rp_cause {
            Some(cause) => of_rp_cause(cause),
            None => of_sip(status),
        }),
    }
}

/// The status code for an RP-Cause (TS 24.011 §8.2.5.4).
const fn of_rp_cause(cause: u8) -> u16 {
    match cause {
        1 | 8 | 10 | 21 | 28 | 30 | 50 => 403,
        29 | 69 => 501,
        81 | 98 => 481,
        95 | 96 | 97 | 99 | 111 => 400,
        _ => 408,
    }
}

/// The status code for a SIP status code. 408 is used for all temporary failures: the text may be sent again.
pub(crate) const fn of_sip(status: u16) -> u16 {
    match status {
        400 => 400,
        402..=404 | 410 | 416 | 433 | 484 | 485 | 600.. => 403,
        413 | 513 => 413,
        415 | 488 => 415,
        405 | 420 | 501 => 501,
        _ => 408,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::{ExchangeKey, Kind};

    #[test]
    fn outcomes() {
        let of = |status, rp_cause| {
            let key = ExchangeKey::new(1, 1).unwrap();
            outcome(&Ended {
                rp_cause,
                ..Ended::with(key, Kind::ImToSm, status)
            })
        };
        assert_eq!(of(200, None), MsrpOutcome::Delivered);
        assert_eq!(of(202, None), MsrpOutcome::Unknown);
        let key = ExchangeKey::new(1, 1).unwrap();
        let silent = Ended {
            no_report: true,
            ..Ended::with(key, Kind::ImToSm, 202)
        };
        assert_eq!(outcome(&silent), MsrpOutcome::Failed(408));
        for (status, rp_cause, code) in [
            (480, Some(22), 408),
            (403, Some(21), 403),
            (500, Some(111), 400),
            (501, Some(69), 501),
            (480, None, 408),
            (404, None, 403),
            (413, None, 413),
            (415, None, 415),
            (500, None, 408),
        ] {
            assert_eq!(of(status, rp_cause), MsrpOutcome::Failed(code), "{status}");
        }
    }
}
