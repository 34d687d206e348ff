//! Outcomes of messages, for operators and scripts.

use crate::exchange::{ExchangeKey, Kind};

/// Outcome of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The recipient's device has it.
    Delivered,
    /// It was accepted; the final outcome is not known yet.
    Accepted,
    /// It was not delivered.
    Failed,
}

impl Ending {
    /// Its name for operators and scripts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Accepted => "accepted",
            Self::Failed => "failed",
        }
    }

    /// The outcome for a SIP status code.
    pub(crate) const fn of(status: u16) -> Self {
        match status {
            202 => Self::Accepted,
            200..300 => Self::Delivered,
            _ => Self::Failed,
        }
    }
}

/// One outcome. A message that was accepted may have another one later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The exchange, which may be gone.
    pub exchange: ExchangeKey,
    /// Kind of the exchange.
    pub kind: Kind,
    /// Whether it is a short message from phone to phone.
    pub to_phone: bool,
    /// The outcome.
    pub ending: Ending,
    /// SM -> IM: status code of the IM side. IM -> SM: status code for the sender. SM -> SM: the outcome as a status
    /// code. 0: no answer.
    pub status: u16,
    /// IM -> SM: status code of the SMS side, if it refused the MESSAGE in SIP.
    pub sip_failure: Option<u16>,
    /// RP-Cause of the RP-ERROR that came from the SMS side, or goes to it.
    pub rp_cause: Option<u8>,
    /// TP-Failure-Cause beside it.
    pub tp_fcs: Option<u8>,
    /// IM -> SM: the phone took the short message in SIP, and sent no report. No further attempt follows.
    pub no_report: bool,
}

impl Ended {
    /// The outcome for this status code, without RP-Cause and SIP failure.
    pub(crate) const fn with(exchange: ExchangeKey, kind: Kind, status: u16) -> Self {
        Self {
            exchange,
            kind,
            to_phone: false,
            ending: Ending::of(status),
            status,
            sip_failure: None,
            rp_cause: None,
            tp_fcs: None,
            no_report: false,
        }
    }
}
