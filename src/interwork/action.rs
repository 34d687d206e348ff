//! What the core wants done.

use core::fmt;

use super::ended::Ended;
use super::input::StatusReportIn;
use crate::host::{ExchangeId, Full, TransactionId};
use crate::interwork::rules::causes::defaults as cause;
use crate::sip::{Answer, MessageOut, Translation};
use crate::wire::DecodeError;

/// What to do, in this order.
pub type Actions = Vec<Action>;

/// One thing to do.
pub enum Action {
    /// Answer the request at hand.
    Reply(Answer, Verdict),
    /// Rewrite the request at hand by [`PreparedSm::translation`](super::PreparedSm::translation), tie
    /// its transaction to this exchange and let the script relay it.
    Relay {
        /// The exchange.
        exchange: ExchangeId,
        /// Rewrite it by this instead: the request completes a message that came in parts.
        translation: Option<Box<Translation>>,
    },
    /// Answer a relayed request `202` now: its sender cannot wait for the IM side's answer. What its transaction has
    /// open goes on.
    Accept {
        /// The exchange of the request.
        exchange: ExchangeId,
        /// The transaction.
        transaction: TransactionId,
    },
    /// Hold the request at hand: tie its transaction's timer to this exchange.
    Hold {
        /// The exchange.
        exchange: ExchangeId,
    },
    /// An instant message to several will go to this one, too.
    Enlisted {
        /// The exchange to name in [`Input::Begin`](super::Input::Begin), or in
        /// [`Input::Released`](super::Input::Released) where the message is refused after all.
        exchange: ExchangeId,
    },
    /// Answer a held transaction. This comes exactly once for every one that is held, unless the
    /// host has said that the transaction is gone.
    AnswerHeld {
        /// The exchange of the transaction; it may have ended with this.
        exchange: ExchangeId,
        /// The transaction.
        transaction: TransactionId,
        /// With what.
        outcome: Outcome,
    },
    /// Send a MESSAGE.
    Send {
        /// The exchange to name in [`Input::LegCompleted`](super::Input::LegCompleted); nobody waits
        /// for the response where there is none.
        exchange: Option<ExchangeId>,
        /// The request.
        message: MessageOut,
    },
    /// Send RP-DATA to one contact of its recipient: that one alone (row IM-2). Where others are left,
    /// [`Input::OtherContacts`](super::Input::OtherContacts) comes first. Then comes
    /// [`Input::LegCompleted`](super::Input::LegCompleted), or [`Input::NotSent`](super::Input::NotSent).
    SendRpData {
        /// The exchange to name in them.
        exchange: ExchangeId,
        /// Which of its MESSAGEs it is, to be named in the first.
        attempt: u8,
        /// The request.
        message: MessageOut,
        /// Which contact, and how long it has.
        leg: Leg,
    },
    /// Send a MESSAGE to the client that answered the exchange's relayed request so, and to no other. It
    /// is the same message in another form, which a client that may have the first must not get.
    SendAgain {
        /// The exchange to name in [`Input::LegCompleted`](super::Input::LegCompleted).
        exchange: ExchangeId,
        /// What the client answered: the outcome where there is no such client.
        refused: u16,
        /// The request; its Request-URI is the client's.
        message: MessageOut,
    },
    /// Send a MESSAGE to every client of its recipient. Where there is more than one,
    /// [`Input::Forked`](super::Input::Forked) comes first, then a
    /// [`LegCompleted`](super::Input::LegCompleted) of each.
    Fork {
        /// The exchange to name in both.
        exchange: ExchangeId,
        /// The request.
        message: MessageOut,
    },
    /// Tell the operator and the script what became of a message.
    Ended(Ended),
    /// Count something.
    Count(Counter),
}

/// One of our MESSAGEs to one contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    /// Which contact: 0 is the one that was registered or refreshed last, 1 the one before.
    pub contact: u8,
    /// Milliseconds for the final response, where no other contact is left.
    pub last_ms: u64,
    /// The same where another one is left.
    pub other_ms: u64,
}

/// What a script function gives back with a [`Action::Reply`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The message is taken: 1.
    Taken,
    /// The message is dealt with and there is nothing to relay: 2.
    Answered,
    /// The message is refused: below 0.
    Refused,
}

/// What became of an instant message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What its sender is told.
    pub answer: Answer,
    /// RP-Cause of the phone's RP-ERROR.
    pub rp_cause: Option<u8>,
    /// TP-Failure-Cause of the phone's SMS-DELIVER-REPORT.
    pub tp_fcs: Option<u8>,
}

/// A message that goes no further, and how its sender is told.
pub struct Refusal {
    /// The final response.
    pub answer: Answer,
    /// The report to a sender on the SMS side, behind a `202`.
    pub report: Option<MessageOut>,
    /// What else the message brought, to be given to [`Gateway::handle`](super::Gateway::handle).
    pub status_report: Option<StatusReportIn>,
    /// Why, for log and counters.
    pub reason: Reason,
}

impl Refusal {
    /// Told in SIP alone.
    pub(crate) fn sip(status: u16, reason: Reason) -> Box<Self> {
        Box::new(Self {
            answer: cause::answer(status, false),
            report: None,
            status_report: None,
            reason,
        })
    }
}

impl From<Reason> for Box<Refusal> {
    /// A message that cannot be read, or is of no use any more.
    fn from(reason: Reason) -> Self {
        Refusal::sip(reason.status(), reason)
    }
}

/// Why a message goes no further. Shown in words of the specification, with nothing of the message
/// itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Nobody vouches for the sender.
    NoIdentity,
    /// The Request-URI names nobody whom we can write to.
    Recipient,
    /// A body shorter than its Content-Length.
    ContentLength,
    /// A multipart body without a boundary.
    Multipart,
    /// A body that is not in the Content-Transfer-Encoding that it claims.
    NotInItsEncoding,
    /// A Content-Transfer-Encoding that we do not know.
    TransferEncoding,
    /// A Content-Encoding that is not supported.
    ContentEncoding,
    /// A body that is not in the Content-Encoding that it claims.
    NotInItsContentEncoding,
    /// A body that its Content-Encoding makes larger than any that is read.
    UnpackedTooLarge,
    /// An RP message or TPDU that cannot be read.
    Undecodable(DecodeError),
    /// An RP message that this sender does not send.
    Direction,
    /// No RP-DATA.
    NotRpData,
    /// No RP-ACK, RP-ERROR or RP-SMMA.
    NotAReport,
    /// A TPDU that this RP message does not carry.
    TpduType,
    /// SMS-COMMAND, which only a service centre's store could obey.
    Command,
    /// SMS-STATUS-REPORT: acknowledged, whatever it is about.
    StatusReport,
    /// Short message type 0: acknowledged and discarded (TS 23.040 §9.2.3.9).
    Type0,
    /// A message waiting indication whose text is to be discarded: acknowledged, and of no use to an
    /// instant messaging client.
    MessageWaiting,
    /// A TP-PID that asks for more than text.
    Pid,
    /// A message class for the (U)SIM or for terminal equipment.
    MessageClass,
    /// 8-bit data.
    EightBit,
    /// Compressed text.
    Compressed,
    /// User data that cannot be what TP-DCS says.
    Dcs,
    /// User data for an application port.
    Ports,
    /// A TP-DA that is no number.
    DestinationAddress,
    /// A media type that is not converted.
    MediaType,
    /// A charset that is not converted.
    Charset,
    /// Text that is not in the charset that it claims.
    NotInItsCharset,
    /// A list of recipients, which is a list server's business, or that we cannot follow.
    RecipientList,
    /// A list of more recipients than `max_recipients`.
    TooManyRecipients,
    /// A list of nobody.
    NoRecipient,
    /// A `message/cpim` that requires something of its reader that we do not know.
    CpimRequire,
    /// Text with a NUL in it.
    Nul,
    /// No text.
    Empty,
    /// Text that takes more short messages than `max_segments`.
    TextTooLong,
    /// A message to an emergency service.
    Emergency,
    /// A message that was converted once already.
    Loop,
    /// A message whose time is over.
    Expired,
    /// A sender who has no number, nor a name that a phone could show.
    SenderWithoutNumber,
    /// A value that has no place in the TPDU.
    NotRepresentable,
}

impl Reason {
    /// How a message that cannot be read, or is of no use any more, is answered in SIP.
    pub(crate) const fn status(self) -> u16 {
        match self {
            Self::MediaType | Self::TransferEncoding | Self::ContentEncoding | Self::Charset => 415,
            Self::UnpackedTooLarge => 413,
            Self::CpimRequire => 488,
            _ => 400,
        }
    }

    /// What the script function gives back: some messages are not refused, but dealt with.
    pub const fn verdict(self) -> Verdict {
        match self {
            Self::StatusReport | Self::Type0 | Self::MessageWaiting => Verdict::Answered,
            _ => Verdict::Refused,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Undecodable(error) => return error.fmt(f),
            Self::NoIdentity => "no asserted identity",
            Self::Recipient => "Request-URI names nobody",
            Self::ContentLength => "body shorter than Content-Length",
            Self::Multipart => "multipart without boundary",
            Self::NotInItsEncoding => "body is not in its Content-Transfer-Encoding",
            Self::TransferEncoding => "unknown Content-Transfer-Encoding",
            Self::ContentEncoding => "unsupported Content-Encoding",
            Self::NotInItsContentEncoding => "body is not in its Content-Encoding",
            Self::UnpackedTooLarge => "body too large without its Content-Encoding",
            Self::Direction => "RP-MTI: wrong direction",
            Self::NotRpData => "RP-MTI: not RP-DATA",
            Self::NotAReport => "RP-MTI: not RP-ACK, RP-ERROR or RP-SMMA",
            Self::TpduType => "TP-MTI: not SMS-SUBMIT or SMS-DELIVER",
            Self::Command => "SMS-COMMAND",
            Self::StatusReport => "SMS-STATUS-REPORT",
            Self::Type0 => "TP-PID: short message type 0",
            Self::MessageWaiting => "message waiting indication without text to keep",
            Self::Pid => "TP-PID: not convertible",
            Self::MessageClass => "TP-DCS: message class not convertible",
            Self::EightBit => "TP-DCS: 8-bit data",
            Self::Compressed => "TP-DCS: compressed",
            Self::Dcs => "TP-DCS: user data is not in this coding",
            Self::Ports => "TP-UD: application port",
            Self::DestinationAddress => "TP-DA: not a number",
            Self::MediaType => "unsupported media type",
            Self::Charset => "unsupported charset",
            Self::NotInItsCharset => "text is not in its charset",
            Self::RecipientList => "recipient list",
            Self::TooManyRecipients => "recipient list: too many",
            Self::NoRecipient => "recipient list: nobody",
            Self::CpimRequire => "CPIM Require: not understood",
            Self::Nul => "text holds a NUL",
            Self::Empty => "no text",
            Self::TextTooLong => "text takes too many short messages",
            Self::Emergency => "emergency service",
            Self::Loop => "converted once already",
            Self::Expired => "expired before delivery",
            Self::SenderWithoutNumber => "sender has no number",
            Self::NotRepresentable => "not representable in a TPDU",
        })
    }
}

/// Something worth counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Counter {
    /// Short messages relayed to the IM side.
    SmToIm,
    /// Short messages acknowledged with RP-ACK.
    SmDelivered,
    /// Short messages refused with RP-ERROR.
    SmFailed,
    /// Short messages that came again.
    SmRepeated,
    /// Parts of long short messages that were kept until the others come.
    SmPart,
    /// Long short messages of which a part never came.
    SmIncomplete,
    /// Status reports to phones that asked for them.
    StatusReport,
    /// Notifications to senders of instant messages who asked for them.
    Notification,
    /// Notifications that could not be brought to their recipient.
    NotificationLost,
    /// Reports that never reached the sender of a short message.
    ReportLost,
    /// Instant messages taken for the SMS side.
    ImToSm,
    /// Instant messages that a phone acknowledged.
    ImDelivered,
    /// Instant messages that a phone or its SIP leg refused.
    ImFailed,
    /// Instant messages whose sender got a `202` for want of a report in time.
    ImAccepted,
    /// Short messages sent again because no report came, or in another form because they were refused.
    Resent,
    /// Short messages on which no report ever came.
    ReportMissing,
    /// Reports that fit no open exchange.
    ReportUnknown,
    /// Reports whose RP-MR is not that of the short message which In-Reply-To names.
    ReportOdd,
    /// RP-SMMA.
    MemoryAvailable,
    /// Messages to one of several.
    Copy,
    /// Of these that stay instant messages: refused.
    CopyFailed,
    /// Messages that were not sent because their turn did not come in time.
    QueueExpired,
    /// Messages refused because `max_pending` exchanges are open.
    Full,
    /// Messages refused because their sender has `max_per_sender` exchanges open.
    SenderFull,
    /// Messages refused for what they are.
    Refused,
    /// Requests refused because there is too much to do.
    Overload,
}

impl Counter {
    /// All of them, in the order of their values.
    pub const ALL: [Self; 26] = [
        Self::SmToIm,
        Self::SmDelivered,
        Self::SmFailed,
        Self::SmRepeated,
        Self::SmPart,
        Self::SmIncomplete,
        Self::StatusReport,
        Self::Notification,
        Self::NotificationLost,
        Self::ReportLost,
        Self::ImToSm,
        Self::ImDelivered,
        Self::ImFailed,
        Self::ImAccepted,
        Self::Resent,
        Self::ReportMissing,
        Self::ReportUnknown,
        Self::ReportOdd,
        Self::MemoryAvailable,
        Self::Copy,
        Self::CopyFailed,
        Self::QueueExpired,
        Self::Full,
        Self::SenderFull,
        Self::Refused,
        Self::Overload,
    ];

    /// What an operator is to read in the log when it counts one more.
    pub const fn warning(self) -> Option<&'static str> {
        match self {
            Self::NotificationLost => {
                Some("a notification is dropped: its recipient did not take it")
            }
            Self::ReportOdd => Some(
                "a report has another RP-MR than the short message that its In-Reply-To names: In-Reply-To counts",
            ),
            _ => None,
        }
    }

    /// Its name in statistics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SmToIm => "sm_to_im",
            Self::SmDelivered => "sm_delivered",
            Self::SmFailed => "sm_failed",
            Self::SmRepeated => "sm_repeated",
            Self::SmPart => "sm_part",
            Self::SmIncomplete => "sm_incomplete",
            Self::StatusReport => "status_report",
            Self::Notification => "notification",
            Self::NotificationLost => "notification_lost",
            Self::ReportLost => "report_lost",
            Self::ImToSm => "im_to_sm",
            Self::ImDelivered => "im_delivered",
            Self::ImFailed => "im_failed",
            Self::ImAccepted => "im_accepted",
            Self::Resent => "resent",
            Self::ReportMissing => "report_missing",
            Self::ReportUnknown => "report_unknown",
            Self::ReportOdd => "report_odd",
            Self::MemoryAvailable => "memory_available",
            Self::Copy => "copy",
            Self::CopyFailed => "copy_failed",
            Self::QueueExpired => "queue_expired",
            Self::Full => "full",
            Self::SenderFull => "sender_full",
            Self::Refused => "refused",
            Self::Overload => "overload",
        }
    }
}

impl From<Full> for Counter {
    fn from(full: Full) -> Self {
        match full {
            Full::Table => Self::Full,
            Full::Sender => Self::SenderFull,
        }
    }
}

impl Outcome {
    /// In one word, for the script.
    pub const fn result(&self) -> &'static str {
        match self.answer.status {
            202 => "accepted",
            200..300 => "delivered",
            _ => "failed",
        }
    }
}
