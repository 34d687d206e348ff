//! From text to the user data of one short message (TS 23.040 clause 9.2.3.24).

use core::fmt;

use super::alphabet::gsm7::{self, SLACK, SeptetBuffer};
use super::alphabet::ucs2;
use super::coding::TextCoding;
use super::tpdu::TpDcs;
use super::udh::{ConcatenationReference, UserDataHeader};
use super::user_data::{MAX_OCTETS, UserData};

/// User data made from a text, in a place of its own: [`user_data`](Self::user_data) lends it to a TPDU.
#[derive(Clone, Debug)]
pub struct EncodedText {
    coding: TextCoding,
    length: u8,
    header_count: usize,
    octet_count: usize,
    octets: [u8; MAX_OCTETS + SLACK],
}

/// The text does not fit one short message in this coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextTooLong;

impl fmt::Display for TextTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the text does not fit one short message")
    }
}

impl core::error::Error for TextTooLong {}

impl EncodedText {
    /// `text` as one short message: in the GSM 7-bit default alphabet when that has all its characters,
    /// else in UCS2. Nothing is cut and nothing is replaced.
    pub fn single(text: &str) -> Result<Self, TextTooLong> {
        Self::with_coding(text, TextCoding::DEFAULT)
            .or_else(|_| Self::with_coding(text, TextCoding::of(text, &[])))
    }

    /// `text` as one short message in a coding that has been chosen.
    pub fn with_coding(text: &str, coding: TextCoding) -> Result<Self, TextTooLong> {
        Self::part(text, coding, None)
    }

    /// `text` as the part of this reference, total and sequence.
    pub(super) fn part(
        text: &str,
        coding: TextCoding,
        part: Option<(ConcatenationReference, u8, u8)>,
    ) -> Result<Self, TextTooLong> {
        let mut octets = [0; MAX_OCTETS + SLACK];
        let header = coding.header(part);
        let header = header.octets();
        for (octet, value) in octets.iter_mut().zip(header) {
            *octet = *value;
        }
        let (length, octet_count) = match coding.tables() {
            Some(tables) => {
                let septets = SeptetBuffer::of(text, tables).ok_or(TextTooLong)?;
                let first = gsm7::septet_count(header.len());
                let length = first + septets.len();
                if length > gsm7::MAX_SEPTETS {
                    return Err(TextTooLong);
                }
                septets.pack(&mut octets, first);
                (length, gsm7::octet_count(length))
            }
            None => {
                let room = octets.get_mut(header.len()..MAX_OCTETS).unwrap_or_default();
                let length = header.len() + ucs2::encode(text, room).ok_or(TextTooLong)?;
                (length, length)
            }
        };
        let length = u8::try_from(length).map_err(|_| TextTooLong)?;
        Ok(Self {
            coding,
            length,
            header_count: header.len(),
            octet_count,
            octets,
        })
    }

    /// TP-DCS for this text.
    pub const fn dcs(&self) -> TpDcs {
        self.coding.dcs()
    }

    /// TP-UDL and TP-UD.
    pub fn user_data(&self) -> UserData<'_> {
        let octets = self.octets.get(..self.octet_count).unwrap_or_default();
        let header = self
            .octets
            .get(1..self.header_count)
            .map(UserDataHeader::made);
        UserData::made(self.dcs(), self.length, octets, header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::NationalLanguage::{Default, Portuguese};

    #[test]
    fn chooses_the_alphabet() {
        let encoded = |text: &str| {
            let text = EncodedText::single(text)?;
            Ok((
                text.dcs(),
                text.user_data().length(),
                text.user_data().text().unwrap(),
            ))
        };
        assert_eq!(encoded("{€}"), Ok((TpDcs(0), 6, "{€}".to_owned())));
        assert_eq!(encoded("Żółw 🐢"), Ok((TpDcs(8), 14, "Żółw 🐢".to_owned())));
        assert_eq!(encoded(""), Ok((TpDcs(0), 0, String::new())));
        for (fits, not) in [
            ("a".repeat(160), "a".repeat(161)),
            ("Ж".repeat(70), "Ж".repeat(71)),
        ] {
            assert_eq!(encoded(&fits).unwrap().2, fits);
            assert_eq!(encoded(&not), Err(TextTooLong));
        }
        assert_eq!(encoded(&"€".repeat(81)), Err(TextTooLong));
    }

    #[test]
    fn national_tables_stand_in_the_header() {
        let coding = TextCoding::Gsm7 {
            locking: Portuguese,
            single: Default,
        };
        let encoded = EncodedText::with_coding("não", coding).unwrap();
        let user_data = encoded.user_data();
        assert_eq!(user_data.octets()[..4], [0x03, 0x25, 0x01, 0x03]);
        assert_eq!(
            (user_data.length(), user_data.text().unwrap()),
            (5 + 3, "não".to_owned())
        );
        assert!(EncodedText::with_coding(&"a".repeat(156), coding).is_err());
    }
}
