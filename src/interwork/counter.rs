//! The events that are counted.

use crate::exchange::Full;

/// A counter of the statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Counter {
    /// Short messages relayed to the IM side.
    SmToIm,
    /// Short messages taken for another phone.
    SmToSm,
    /// Short messages acknowledged with RP-ACK.
    SmDelivered,
    /// Short messages refused with RP-ERROR.
    SmFailed,
    /// Repetitions of short messages.
    SmRepeated,
    /// Parts of long short messages that were stored until the other parts arrive.
    SmPart,
    /// Long short messages of which a part never arrived.
    SmIncomplete,
    /// Status reports to phones that asked for them.
    StatusReport,
    /// Notifications to senders of instant messages who asked for them.
    Notification,
    /// Notifications that could not be delivered.
    NotificationLost,
    /// Reports that never reached the sender of a short message.
    ReportLost,
    /// Instant messages taken for the SMS side.
    ImToSm,
    /// Instant messages that a phone acknowledged.
    ImDelivered,
    /// Instant messages that a phone or its SIP leg refused.
    ImFailed,
    /// Instant messages whose sender got a `202` because no report came in time.
    ImAccepted,
    /// Short messages sent again because no report came, or changed because they were refused.
    Resent,
    /// Short messages on which no report ever came.
    ReportMissing,
    /// Reports that fit no open exchange.
    ReportUnknown,
    /// Reports whose RP-MR is not that of the short message which In-Reply-To names.
    ReportOdd,
    /// RP-SMMA.
    MemoryAvailable,
    /// Messages to one recipient of a list.
    Copy,
    /// Messages to one recipient of a list that were sent as instant messages and refused.
    CopyFailed,
    /// Messages that were not sent because they waited too long in the queue.
    QueueExpired,
    /// Messages refused because `max_pending` exchanges are open.
    Full,
    /// Messages refused because their sender has `max_per_sender` exchanges open.
    SenderFull,
    /// Messages refused because they cannot or must not be converted.
    Refused,
    /// Requests refused under overload.
    Overload,
    /// Messages stored for a recipient who is away.
    Stored,
    /// Stored messages that a device has taken later.
    StoreDelivered,
    /// Stored messages that a phone took without a report.
    StoreUnconfirmed,
    /// Stored messages whose validity ended.
    StoreExpired,
    /// Stored messages that an operator has dropped.
    StoreDropped,
    /// Stored messages that failed for good.
    StoreFailed,
    /// Messages that the database did not take.
    StoreRefused,
}

impl Counter {
    /// All of them, in the order of their values.
    pub const ALL: [Self; 34] = [
        Self::SmToIm,
        Self::SmToSm,
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
        Self::Stored,
        Self::StoreDelivered,
        Self::StoreUnconfirmed,
        Self::StoreExpired,
        Self::StoreDropped,
        Self::StoreFailed,
        Self::StoreRefused,
    ];

    /// The warning for the log when this counter increases.
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
            Self::SmToSm => "sm_to_sm",
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
            Self::Stored => "message_stored",
            Self::StoreDelivered => "stored_delivered",
            Self::StoreUnconfirmed => "stored_unconfirmed",
            Self::StoreExpired => "stored_expired",
            Self::StoreDropped => "stored_dropped",
            Self::StoreFailed => "stored_failed",
            Self::StoreRefused => "store_refused",
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
