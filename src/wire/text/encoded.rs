//! Encodes a text as the user data of one short message (TS 23.040 clause 9.2.3.24).

use core::fmt;

use super::coding::TextCoding;
use crate::base::EncodeError;
use crate::wire::alphabet::TpDcs;
use crate::wire::alphabet::gsm7::{self, SeptetBuffer};
use crate::wire::alphabet::{Alphabet, ShiftTables, ucs2};
use crate::wire::parse;
use crate::wire::udh::{Concatenation, ConcatenationReference, UserDataHeader, user_data_header};
use crate::wire::user_data::{MAX_OCTETS, UserData, shift_tables};

/// User data made from a text. It owns the octets; [`user_data`](Self::user_data) borrows them for a TPDU.
#[derive(Clone, Debug)]
pub struct EncodedText {
    dcs: TpDcs,
    length: u8,
    header_count: usize,
    octet_count: usize,
    octets: [u8; MAX_OCTETS],
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
    /// Encodes `text` as one short message: in the GSM 7-bit default alphabet if it has all characters, else in UCS2.
    /// Nothing is cut or replaced.
    pub fn single(text: &str) -> Result<Self, TextTooLong> {
        match Self::with_coding(text, TextCoding::DEFAULT) {
            Err(TextTooLong) => Self::with_coding(text, TextCoding::of(text, &[])),
            encoded => encoded,
        }
    }

    /// Encodes `text` as one short message in this coding.
    pub fn with_coding(text: &str, coding: TextCoding) -> Result<Self, TextTooLong> {
        Self::part(text, coding, None)
    }

    /// Encodes `text` as this part of a concatenated short message, or as a single one.
    pub fn with_concatenation(
        text: &str,
        coding: TextCoding,
        part: Option<Concatenation>,
    ) -> Result<Self, TextTooLong> {
        let part = part.map(|part| (part.reference, part.total, part.sequence));
        Self::part(text, coding, part)
    }

    /// Encodes `text` as the part with this reference, total and sequence.
    pub(super) fn part(
        text: &str,
        coding: TextCoding,
        part: Option<(ConcatenationReference, u8, u8)>,
    ) -> Result<Self, TextTooLong> {
        Self::encode(
            text,
            coding.dcs(),
            coding.tables(),
            coding.header(part).octets(),
        )
    }

    /// Encodes `text` without a header, with this TP-DCS: for a message class, or a message waiting indication.
    pub fn with_dcs(text: &str, dcs: TpDcs) -> Result<Self, EncodeError> {
        Self::behind(text, dcs, &[])
    }

    /// Encodes `text` after a header with these elements. `dcs` and the national language elements choose the coding.
    pub fn with_header(text: &str, dcs: TpDcs, elements: &[u8]) -> Result<Self, EncodeError> {
        const TOO_LONG: EncodeError = EncodeError::TooLong {
            element: "UDH",
            limit: MAX_OCTETS,
        };
        let length = u8::try_from(elements.len()).map_err(|_| TOO_LONG)?;
        let header: Vec<u8> = [length].iter().chain(elements).copied().collect();
        Self::behind(text, dcs, &header)
    }

    /// `header` is UDHL and the elements, or empty.
    fn behind(text: &str, dcs: TpDcs, header: &[u8]) -> Result<Self, EncodeError> {
        let elements = if header.is_empty() {
            None
        } else {
            let elements = parse::whole(header, user_data_header);
            Some(elements.map_err(|_| EncodeError::Inconsistent { element: "UDHL" })?)
        };
        let tables = match (dcs.alphabet(), dcs.is_compressed()) {
            (Alphabet::Gsm7, false) => Some(shift_tables(elements)),
            (Alphabet::Ucs2, false) => None,
            _ => return Err(EncodeError::Inconsistent { element: "TP-DCS" }),
        };
        Self::encode(text, dcs, tables, header)
            .map_err(|TextTooLong| EncodeError::NotRepresentable { element: "TP-UD" })
    }

    /// An error if the coding lacks a character or the text is too long. `tables` is `None` for UCS2.
    fn encode(
        text: &str,
        dcs: TpDcs,
        tables: Option<ShiftTables>,
        header: &[u8],
    ) -> Result<Self, TextTooLong> {
        let octets = [0; MAX_OCTETS];
        let mut encoded = Self {
            dcs,
            length: 0,
            header_count: header.len(),
            octet_count: 0,
            octets,
        };
        encoded.fill(text, tables, header).ok_or(TextTooLong)?;
        Ok(encoded)
    }

    fn fill(&mut self, text: &str, tables: Option<ShiftTables>, header: &[u8]) -> Option<()> {
        self.octets.get_mut(..header.len())?.copy_from_slice(header);
        let length = match tables {
            Some(tables) => {
                let mut septets = SeptetBuffer::EMPTY;
                septets.push_text(text, tables)?;
                let first = gsm7::septet_count(header.len());
                let length = first + septets.len();
                if length > gsm7::MAX_SEPTETS {
                    return None;
                }
                septets.pack(&mut self.octets, first);
                self.octet_count = gsm7::octet_count(length);
                length
            }
            None => {
                let room = self.octets.get_mut(header.len()..)?;
                self.octet_count = header.len() + ucs2::encode(text, room)?;
                self.octet_count
            }
        };
        self.length = u8::try_from(length).ok()?;
        Some(())
    }

    /// TP-DCS for this text.
    pub const fn dcs(&self) -> TpDcs {
        self.dcs
    }

    /// TP-UDL and TP-UD.
    pub fn user_data(&self) -> UserData<'_> {
        let octets = self.octets.get(..self.octet_count).unwrap_or_default();
        let header = self
            .octets
            .get(1..self.header_count)
            .map(UserDataHeader::made);
        UserData::made(self.dcs, self.length, octets, header)
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
