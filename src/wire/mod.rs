//! Octets <-> values: the RP layer (TS 24.011), TPDUs (TS 23.040), alphabets (TS 23.038) and MSRP frames (RFC 4975).
//!
//! This layer decides nothing and does no I/O. Decoding borrows from the octets given; encoding appends to a `Vec` of
//! the caller. Reserved and unknown values survive a round trip. A [`DecodeError`] has the wrong element, the octet
//! and the reason, and knows its RP-Cause.
//!
//! RP-DATA from a phone, decoded to text, and the report for it:
//!
//! ```
//! use ipsmgw::wire::{Direction, RpAck, RpMessage, SmsSubmitReport, TpScts, Tpdu};
//!
//! let body = [
//!     0x00, 0x01, // RP-DATA from a phone, RP-MR 1
//!     0x00, // RP-OA: absent in this direction
//!     0x07, 0x91, 0x51, 0x55, 0x00, 0x00, 0x01, 0xf5, // RP-DA: +15550000105
//!     0x19, // RP-UD: 25 octets
//!     0x01, 0xff, // SMS-SUBMIT, TP-MR 255
//!     0x0b, 0x91, 0x51, 0x55, 0x00, 0x00, 0x01, 0xf6, // TP-DA: +15550000106
//!     0x00, 0x00, 0x0d, // TP-PID, TP-DCS, TP-UDL: 13 septets
//!     0xc7, 0xf7, 0x9b, 0x0c, 0x6a, 0xbf, 0xe5, 0xee, 0xb4, 0xfb, 0x1c, 0x02,
//! ];
//! let (direction, message) = RpMessage::decode(&body)?;
//! assert_eq!(direction, Direction::MsToNetwork);
//! let Some(Tpdu::Submit(submit)) = message.tpdu(direction).transpose()? else { panic!() };
//! assert_eq!(submit.destination_address.to_string(), "+15550000106");
//! assert_eq!(submit.user_data.text(), Ok("Good morning!".to_owned()));
//!
//! let ack = RpMessage::Ack(RpAck { mr: message.mr(), user_data: None });
//! let report = SmsSubmitReport {
//!     fcs: None,
//!     scts: TpScts::from_unix(1_767_225_600, 4),
//!     parameters: Default::default(),
//! };
//! let mut out = Vec::new();
//! ack.encode_with(Direction::NetworkToMs, &Tpdu::SubmitReport(report), &mut out)?;
//! assert_eq!(out[..4], [0x03, 0x01, 0x41, 0x09]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A text to a phone:
//!
//! ```
//! use ipsmgw::wire::*;
//!
//! let text = EncodedText::single("Grüße 🎉")?;
//! let deliver = SmsDeliver {
//!     more_messages: false,
//!     loop_prevention: false,
//!     status_report_indication: false,
//!     reply_path: false,
//!     originating_address: TpAddress::from_number("+15550001")?,
//!     pid: TpPid(0),
//!     dcs: text.dcs(),
//!     scts: TpScts::from_unix(1_767_225_600, 4),
//!     user_data: text.user_data(),
//! };
//! let data = RpMessage::Data(RpData {
//!     mr: RpMr(7),
//!     originator: Some(RpAddress::from_number("+15559999")?),
//!     destination: None,
//!     user_data: &[],
//! });
//! let mut out = Vec::with_capacity(255);
//! data.encode_with(Direction::NetworkToMs, &Tpdu::Deliver(deliver), &mut out)?;
//! # let (direction, message) = RpMessage::decode(&out)?;
//! # let Some(Tpdu::Deliver(back)) = message.tpdu(direction).transpose()? else { panic!() };
//! # assert_eq!(back, deliver);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A long text is cut into parts. The parts are joined in any order of arrival:
//!
//! ```
//! use ipsmgw::wire::*;
//!
//! let text = "Merhaba, akşam yemeğe geliyor musun? ".repeat(5);
//! let coding = TextCoding::of(&text, &[NationalLanguage::Turkish]);
//! let reference = ConcatenationReference::Eight(42);
//! let segments = Segments::of(&text, coding, reference, Cut::Graphemes)?;
//! assert_eq!((coding.alphabet(), segments.total()), (Alphabet::Gsm7, 2));
//!
//! let encoded: Vec<EncodedText> = segments.parts().collect();
//! let mut parts = Parts::of(&encoded[1].user_data().concatenation().unwrap());
//! for part in encoded.iter().rev() {
//!     assert_eq!(parts.insert(part.user_data()), Inserted::New);
//! }
//! let mut joined = String::new();
//! parts.text_into("(...)", &mut joined).unwrap();
//! assert_eq!(joined, text);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::cast_possible_truncation
    )
)]

mod address;
mod alphabet;
pub mod describe;
mod direction;
pub mod msrp;
mod parse;
mod rp;
mod semi_octets;
mod text;
mod tpdu;
mod udh;
mod user_data;
mod values;

pub use crate::base::{DecodeError, EncodeError, Fault};
pub use address::{NumberingPlan, TypeOfNumber};
pub use alphabet::{Alphabet, MessageClass, MessageWaiting, NationalLanguage, TpDcs, WaitingKind};
pub use direction::{Carrier, Direction};
pub use rp::*;
pub use text::{
    Cut, EncodedText, Inserted, MAX_PARTS, Parts, Segments, TextCoding, TextTooLong, TooManyParts,
    transliterated,
};
pub use tpdu::*;
pub use udh::{
    Concatenation, ConcatenationReference, Iei, InformationElement, Ports, UserDataHeader,
};
pub use user_data::{NotText, UserData};
