//! From text to user data (TS 23.038 clause 6, TS 23.040 clause 9.2.3.24).

use core::fmt;

use super::alphabet::gsm7::{self, SLACK, SeptetBuffer};
use super::alphabet::{Alphabet, ShiftTables, ucs2};
use super::tpdu::TpDcs;
use super::user_data::{MAX_OCTETS, UserData};

/// User data made from a text, in a place of its own: [`user_data`](Self::user_data) lends it to a TPDU.
#[derive(Clone, Debug)]
pub struct EncodedText {
    alphabet: Alphabet,
    length: u8,
    octet_count: usize,
    octets: [u8; MAX_OCTETS + SLACK],
}

/// The text does not fit one short message.
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
        let mut octets = [0; MAX_OCTETS + SLACK];
        let (alphabet, length, octet_count) =
            if let Some(septets) = SeptetBuffer::of(text, ShiftTables::DEFAULT) {
                septets.pack(&mut octets, 0);
                (
                    Alphabet::Gsm7,
                    septets.len(),
                    gsm7::octet_count(septets.len()),
                )
            } else {
                let room = octets.get_mut(..MAX_OCTETS).unwrap_or_default();
                let count = ucs2::encode(text, room).ok_or(TextTooLong)?;
                (Alphabet::Ucs2, count, count)
            };
        let length = u8::try_from(length).map_err(|_| TextTooLong)?;
        Ok(Self {
            alphabet,
            length,
            octet_count,
            octets,
        })
    }

    /// TP-DCS for this text.
    pub const fn dcs(&self) -> TpDcs {
        TpDcs::of(self.alphabet)
    }

    /// TP-UDL and TP-UD.
    pub fn user_data(&self) -> UserData<'_> {
        let octets = self.octets.get(..self.octet_count).unwrap_or_default();
        UserData::made(self.dcs(), self.length, octets, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
