//! Alphabets (TS 23.038): which characters there are and how they lie in the octets.

mod default;
pub(crate) mod gsm7;
mod national;
mod table;
pub(crate) mod ucs2;

pub use national::NationalLanguage;
pub(crate) use table::{ESCAPE, SPACE, Septets, ShiftTables, Utf8};

/// The alphabet of user data, as TP-DCS tells it (TS 23.038 clause 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Alphabet {
    /// GSM 7-bit: the default alphabet with its extension, or national language tables (clause 6.2.1).
    Gsm7,
    /// 8-bit data, which is no text (clause 6.2.2).
    EightBit,
    /// UCS2 (clause 6.2.3), read and written as UTF-16.
    Ucs2,
}
