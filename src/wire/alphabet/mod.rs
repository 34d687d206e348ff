//! Alphabets (TS 23.038): their characters, and how characters are packed into octets.

mod dcs;
mod default;
pub(crate) mod gsm7;
mod national;
mod shift;
mod table;
pub(crate) mod ucs2;

pub use dcs::{Alphabet, MessageClass, MessageWaiting, TpDcs, WaitingKind};
pub use national::NationalLanguage;
pub(crate) use shift::{ESCAPE, SPACE, Septets, ShiftTables};
pub(crate) use table::Utf8;
