//! Instant Message Disposition Notification (RFC 5438): how one is asked for, and what it says.

mod disposition;
mod headers;
mod notification;

pub use disposition::{DeliveryStatus, DisplayStatus, Disposition, ProcessingStatus};
pub use headers::{ImdnHeaders, Wanted};
pub use notification::{IMDN_TYPE, Imdn, ImdnMessage};

/// Namespace of the header fields of RFC 5438 clause 10 in a `message/cpim`.
pub const IMDN_HEADERS: &str = "urn:ietf:params:imdn";
