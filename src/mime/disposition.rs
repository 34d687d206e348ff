//! What became of a message (RFC 5438 §11.1.6, §11.1.7).

/// What became of a message: a disposition type and a status that it can have (RFC 5438 §11.1.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// `<delivery-notification>`
    Delivery(DeliveryStatus),
    /// `<processing-notification>`: only from those in between, never from a recipient.
    Processing(ProcessingStatus),
    /// `<display-notification>`
    Display(DisplayStatus),
}

/// Status of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryStatus {
    /// The recipient's device has it.
    Delivered,
    /// It has not, and will not.
    Failed,
    /// It was refused.
    Forbidden,
    /// Something went wrong where it was reported.
    Error,
}

/// Status on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessingStatus {
    /// It was passed on.
    Processed,
    /// It was kept for later.
    Stored,
    /// It was refused.
    Forbidden,
    /// Something went wrong, or nobody knows.
    Error,
}

/// Status of the display.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisplayStatus {
    /// It was shown.
    Displayed,
    /// The recipient does not tell.
    Forbidden,
    /// Nobody knows.
    Error,
}

impl Disposition {
    /// Every one there is: the schema's own rules of which status goes with which type.
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

    /// The names of the element of the type and of the one in its `<status>`.
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
