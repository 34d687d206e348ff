//! RP-DATA to the SMS side: an instant message or a part of one, a short message of another phone, or a status report.

use super::{ExchangeKey, Header, NEVER, Party, TransactionId};

/// Milliseconds before a promise to the sender at which a message is written to the database.
const STORE_BEFORE_MS: u64 = 1_500;

/// RP-DATA to the SMS side. Its texts: [`ImToSmTexts`](super::ImToSmTexts).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImToSm {
    /// The fields that every exchange has.
    pub header: Header,
    /// Its state.
    pub state: ImToSmState,
    /// The type of message, and the sender that waits for it.
    pub role: Role,
    /// Who gets it.
    pub to: Party,
    /// RP-Message Reference (TS 24.011 §8.2.3) of the RP-DATA that was sent last.
    pub rp_mr: u8,
    /// To a service centre: TP-Message-Reference (TS 23.040 §9.2.3.6).
    pub tp_mr: u8,
    /// Whether the sender wants not to be known to the recipient.
    pub private: bool,
    /// How many RP-DATA were sent for it.
    pub attempts: u8,
    /// How many of these were refused, so that the next RP-DATA was changed or sent a little later; 0: none.
    pub refused_at: u8,
    /// How many RP-DATA after the refusal were accepted in SIP: then the phone may have the message.
    pub taken: u8,
    /// Whether the last of them waits for SIP's answer.
    pub in_transaction: bool,
    /// The contact of the recipient that gets it; the newest is 0.
    pub contact: u8,
    /// How many contacts are left that may get it instead.
    pub other_contacts: u8,
    /// Whether that contact has the part before: then no other contact may get this part.
    pub follows: bool,
    /// The best SIP failure since its turn came.
    pub sip_failure: Option<u16>,
    /// The RP-ERROR that has ended it.
    pub rp_error: Option<RpRefusal>,
    /// When the last RP-DATA went out, in milliseconds since 1970 UTC.
    pub sent_ms: u64,
    /// Until when it is sent, in milliseconds since 1970 UTC; [`NEVER`](super::NEVER).
    pub expires_ms: u64,
}

/// The origin of an RP-DATA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A whole instant message, or its last part.
    Message(Sender),
    /// A part that is not the last one.
    Part {
        /// The exchange of the last part, which has the sender; open or not.
        last: ExchangeKey,
    },
    /// A status report; no sender waits for its outcome.
    StatusReport,
    /// A stored message, or its last part.
    Stored {
        /// Its exchange.
        message: ExchangeKey,
    },
    /// A short message of another phone.
    ShortMessage {
        /// The exchange of its sender, open or not.
        from: ExchangeKey,
        /// When the sender gets its report, in milliseconds since 1970 UTC.
        until_ms: u64,
    },
}

/// The sender of an instant message, and the answers that it must still get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender {
    /// How it waits for the outcome.
    pub wait: SenderWait,
    /// Whether the message is to be written to the database before the sender gets a `202`, or in a session a `200`, so that this is
    /// a promise.
    pub to_be_stored: bool,
    /// Whether it is a stored message from now on, whose charging record of the delivery is another exchange's.
    pub is_stored: bool,
    /// The notifications that the sender wants.
    pub wants: Wants,
    /// The time of the message by its sender, else the time when it was accepted, in seconds since 1970 UTC.
    pub unix: i64,
}

/// How the sender of an instant message waits for the outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SenderWait {
    /// Not any longer.
    No,
    /// Its transaction is open.
    Held(Held),
    /// It came in an MSRP session of this start; the session sends the outcome to the sender.
    InSession {
        /// When the session answers the last chunk, in milliseconds since 1970 UTC.
        until_ms: u64,
    },
}

/// A transaction that waits for its final response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// The transaction.
    pub transaction: TransactionId,
    /// When the host answers it, in milliseconds since 1970 UTC.
    pub until_ms: u64,
}

/// The disposition notifications that the sender of an instant message wants (RFC 5438).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// The recipient's device has the message.
    pub positive_delivery: bool,
    /// The recipient's device will not get the message.
    pub negative_delivery: bool,
    /// The message was passed on.
    pub processing: bool,
}

impl Wants {
    /// None at all.
    pub const NOTHING: Self = Self {
        positive_delivery: false,
        negative_delivery: false,
        processing: false,
    };
}

/// What an RP-ERROR said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RpRefusal {
    /// RP-Cause (TS 24.011 §8.2.5.4).
    pub cause: u8,
    /// TP-Failure-Cause (TS 23.040 §9.2.3.22).
    pub fcs: Option<u8>,
}

/// How far an RP-DATA has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImToSmState {
    /// For one recipient of a list: the messages to the others are still being opened, and nothing is sent yet.
    Listed,
    /// It waits in the queue, for its first attempt or for another one (RFC 3428 §8).
    Queued,
    /// It was refused for a temporary cause, and is sent once more after a pause.
    Pausing,
    /// RP-DATA was sent; neither the SIP response nor the phone's report has come.
    Sent,
    /// The SIP response was 2xx, and the phone's report is missing. Other messages to the phone wait for the report.
    Taken,
    /// The same, and other messages do not wait for the report any more.
    Overdue,
    /// The SIP response was a failure. A report that shows the opposite may still come.
    Refused,
    /// The sender was answered with the SIP failure. If a report shows the opposite, a notification is sent.
    Failed {
        /// The status code that the sender got.
        status: u16,
    },
    /// The outcome is known; the sender's timer, about to fire, gives it to the sender. A part that is not the last one waits so for the
    /// last part, which has the sender and is taken up later.
    Settled {
        /// Status code for the sender.
        status: u16,
        /// Whether Retry-After goes with it.
        retry_after: bool,
    },
    /// The phone did not accept it, and the message is being stored.
    Storing {
        /// Status code for the sender if it cannot be stored.
        status: u16,
        /// Whether Retry-After goes with it.
        retry_after: bool,
    },
    /// The sender has the outcome, and the SIP response is still missing.
    Closing,
}

impl ImToSmState {
    /// Its name for operators.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Listed => "Listed",
            Self::Queued => "Queued",
            Self::Pausing => "Pausing",
            Self::Sent => "Sent",
            Self::Taken => "Taken",
            Self::Overdue => "Overdue",
            Self::Refused => "Refused",
            Self::Failed { .. } => "Failed",
            Self::Settled { .. } => "Settled",
            Self::Storing { .. } => "Storing",
            Self::Closing => "Closing",
        }
    }

    /// Whether the sender knows the outcome.
    pub const fn is_told(&self) -> bool {
        matches!(self, Self::Failed { .. } | Self::Closing)
    }
}

impl Sender {
    /// No sender waits, and none wants a notification.
    pub const NOBODY: Self = Self {
        wait: SenderWait::No,
        to_be_stored: false,
        is_stored: false,
        wants: Wants::NOTHING,
        unix: 0,
    };
}

impl ImToSm {
    /// An RP-DATA before its first attempt.
    pub const fn new(header: Header, state: ImToSmState, role: Role, to: Party) -> Self {
        Self {
            header,
            state,
            role,
            to,
            rp_mr: 0,
            tp_mr: 0,
            private: false,
            attempts: 0,
            refused_at: 0,
            taken: 0,
            in_transaction: false,
            contact: 0,
            other_contacts: 0,
            follows: false,
            sip_failure: None,
            rp_error: None,
            sent_ms: 0,
            expires_ms: NEVER,
        }
    }

    /// The sender's transaction, as long as it waits for its answer.
    pub const fn held(&self) -> Option<Held> {
        match self.sender().wait {
            SenderWait::Held(held) => Some(held),
            SenderWait::No | SenderWait::InSession { .. } => None,
        }
    }

    /// Whether an MSRP session sends the outcome to the sender.
    pub const fn is_in_session(&self) -> bool {
        matches!(self.sender().wait, SenderWait::InSession { .. })
    }

    /// When it is to be written to the database, in milliseconds since 1970 UTC; [`NEVER`].
    pub const fn store_ms(&self) -> u64 {
        let sender = self.sender();
        match sender.wait {
            SenderWait::Held(Held { until_ms, .. }) | SenderWait::InSession { until_ms }
                if sender.to_be_stored =>
            {
                until_ms.saturating_sub(STORE_BEFORE_MS)
            }
            _ => NEVER,
        }
    }

    /// Whether the sender waits for its answer.
    pub const fn is_held(&self) -> bool {
        self.held().is_some()
    }

    /// The sender of an instant message; an empty sender for other messages.
    pub const fn sender(&self) -> Sender {
        match self.role {
            Role::Message(sender) => sender,
            Role::Part { .. }
            | Role::StatusReport
            | Role::Stored { .. }
            | Role::ShortMessage { .. } => Sender::NOBODY,
        }
    }

    /// The same, to be changed.
    pub const fn sender_mut(&mut self) -> Option<&mut Sender> {
        match &mut self.role {
            Role::Message(sender) => Some(sender),
            Role::Part { .. }
            | Role::StatusReport
            | Role::Stored { .. }
            | Role::ShortMessage { .. } => None,
        }
    }

    /// If other parts follow: the exchange of the last part.
    pub const fn last_part(&self) -> Option<ExchangeKey> {
        match self.role {
            Role::Part { last } => Some(last),
            Role::Message(_)
            | Role::StatusReport
            | Role::Stored { .. }
            | Role::ShortMessage { .. } => None,
        }
    }

    /// The exchange of the phone that sent it, and when that phone gets its report.
    pub const fn short_message(&self) -> Option<(ExchangeKey, u64)> {
        match self.role {
            Role::ShortMessage { from, until_ms } => Some((from, until_ms)),
            Role::Message(_) | Role::Part { .. } | Role::StatusReport | Role::Stored { .. } => None,
        }
    }

    /// Whether it is a status report.
    pub const fn is_status_report(&self) -> bool {
        matches!(self.role, Role::StatusReport)
    }

    /// Whether an RP-DATA was sent and not refused.
    pub const fn is_out(&self) -> bool {
        self.attempts > self.refused_at
    }

    /// Whether a report on it may still come.
    pub const fn awaits_report(&self) -> bool {
        match self.state {
            ImToSmState::Sent
            | ImToSmState::Taken
            | ImToSmState::Overdue
            | ImToSmState::Refused
            | ImToSmState::Failed { .. } => true,
            ImToSmState::Queued => self.is_out(),
            ImToSmState::Listed
            | ImToSmState::Pausing
            | ImToSmState::Settled { .. }
            | ImToSmState::Storing { .. }
            | ImToSmState::Closing => false,
        }
    }
}
