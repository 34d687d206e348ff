//! Small types for all layers. This room has no code about messages and imports nothing from the other rooms.

mod bounded;
mod calendar;
mod error;
mod header_names;
mod hex;
mod parameter;
pub mod recent;

pub use bounded::{Octets, Text};
pub use calendar::{Date, SECONDS_PER_DAY};
pub use error::{DecodeError, EncodeError, Fault};
pub use header_names::HeaderNames;
pub(crate) use hex::{hex, hex_digit, hex_octet, push_hex};
pub(crate) use parameter::parameters;
pub use parameter::{Parameter, ParameterKind, ParameterSource, ParameterValue, wanted};
