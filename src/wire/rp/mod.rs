//! The relay layer: RP messages between a phone and its service centre (TS 24.011 clauses 7.3 and 8.2).

mod address;
mod cause;
mod message;

pub use address::RpAddress;
pub use cause::RpCause;
pub use message::{RpAck, RpData, RpError, RpHeader, RpMessage, RpMessageType, RpMr, RpSmma};
