//! Disposition types and their statuses (RFC 5438 §11.1.6, §11.1.7).

/// A disposition type with one of its statuses (RFC 5438 §11.1.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// `<delivery-notification>`
    Delivery(DeliveryStatus),
    /// `<processing-notification>`: sent by intermediaries only, never by a recipient.
    Processing(ProcessingStatus),
    /// `<display-notification>`
    Display(DisplayStatus),
}

/// Status of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryStatus {
    /// `delivered`: the recipient's device has the message.
    Delivered,
    /// `failed`: the message was not delivered and will not be.
    Failed,
    /// It was refused.
    Forbidden,
    /// `error`: the reporting system had an error.
    Error,
}

/// Status of the processing by an intermediary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessingStatus {
    /// `processed`: the message was forwarded.
    Processed,
    /// `stored`: the message is stored for later delivery.
    Stored,
    /// It was refused.
    Forbidden,
    /// `error`: an error occurred, or the status is unknown.
    Error,
}

/// Status of the display.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisplayStatus {
    /// `displayed`: the message was displayed.
    Displayed,
    /// `forbidden`: the recipient does not allow the notification.
    Forbidden,
    /// `error`: the status is unknown.
    Error,
}

impl Disposition {
    /// All pairs that the schema of RFC 5438 allows.
    pub(super) const ALL: [Self; 11] = [
        Self::Delivery(DeliveryStatus::Delivered),
        Self::Delivery(DeliveryStatus::Failed),
        Self::Delivery(DeliveryStatus::Forbidden),
        Self::Delivery(DeliveryStatus::Error),
        Self::Processing(ProcessingStatus::Processed),
        Self::Processing(ProcessingStatus::Stored),
        Self::Processing(ProcessingStatus::Forbidden),
        Self::Processing(ProcessingStatus::Error),
        Self::Display(DisplayStatus::Displayed),
        Self::Display(DisplayStatus::Forbidden),
        Self::Display(DisplayStatus::Error),
    ];

    /// The element names of the type, and of the status inside `<status>`.
    pub(super) const fn elements(self) -> (&'static str, &'static str) {
        match self {
            Self::Delivery(status) => (
                "delivery-notification",
                match status {
                    DeliveryStatus::Delivered => "delivered",
                    DeliveryStatus::Failed => "failed",
                    DeliveryStatus::Forbidden => "forbidden",
                    DeliveryStatus::Error => "error",
                },
            ),
            Self::Processing(status) => (
                "processing-notification",
                match status {
                    ProcessingStatus::Processed => "processed",
                    ProcessingStatus::Stored => "stored",
                    ProcessingStatus::Forbidden => "forbidden",
                    ProcessingStatus::Error => "error",
                },
            ),
            Self::Display(status) => (
                "display-notification",
                match status {
                    DisplayStatus::Displayed => "displayed",
                    DisplayStatus::Forbidden => "forbidden",
                    DisplayStatus::Error => "error",
                },
            ),
        }
    }
}
