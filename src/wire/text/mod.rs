//! Text of short messages: coding, cutting into parts, joining (TS 23.040 clause 9.2.3.24).

mod coding;
mod encoded;
mod join;
mod segment;
mod transliterate;

pub use coding::TextCoding;
pub use encoded::{EncodedText, TextTooLong};
pub use join::{Inserted, Parts};
pub use segment::{Cut, MAX_PARTS, Segments, TooManyParts};
pub use transliterate::transliterated;
