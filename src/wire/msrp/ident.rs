//! Identifiers of transactions and messages (RFC 4975 clause 9, `ident`).

use core::fmt::Write as _;

use nom::FindSubstring as _;

use crate::base::Text;

/// Fewest and most characters of an identifier.
const LENGTH: core::ops::RangeInclusive<usize> = 4..=32;

/// An identifier: 4 to 32 letters, digits and marks; the first is a letter or a digit. Compared as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ident<'a>(&'a str);

/// A transaction identifier of our own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionId(Text<16>);

impl<'a> Ident<'a> {
    /// The identifier, if the text is one.
    pub fn new(text: &'a str) -> Option<Self> {
        let first = text.bytes().next()?;
        let is_ident = LENGTH.contains(&text.len())
            && first.is_ascii_alphanumeric()
            && text.bytes().all(is_ident_octet);
        is_ident.then_some(Self(text))
    }

    /// The characters.
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}

/// `ident-char`.
fn is_ident_octet(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-' | b'+' | b'%' | b'=')
}

impl TransactionId {
    /// An identifier that does not occur in `body`, so that no octets of the body can end the frame (clause 7.1).
    ///
    /// `random` gives 64 random bits at each call: as many as an identifier must have (clause 7.1).
    pub fn outside(body: &[u8], mut random: impl FnMut() -> u64) -> Self {
        loop {
            let mut text = Text::EMPTY;
            // Sixteen digits fit.
            _ = write!(text, "{:016x}", random());
            if body.find_substring(text.as_str()).is_none() {
                return Self(text);
            }
        }
    }

    /// The identifier.
    pub fn as_ident(&self) -> Ident<'_> {
        Ident(self.0.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_has_4_to_32_characters() {
        for good in ["abcd", "d93k", "0.-+%=", "a---", &"a".repeat(32)] {
            assert_eq!(Ident::new(good).map(Ident::as_str), Some(good));
        }
        for bad in [
            "",
            "abc",
            ".abcd",
            "-abcd",
            "ab cd",
            "ab/cd",
            "abc\u{e9}",
            "abcd\r",
            &"a".repeat(33),
        ] {
            assert_eq!(Ident::new(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_transaction_identifier_is_never_in_the_body() {
        let mut numbers = [1, 2, 0xfedc_ba98_7654_3210].into_iter();
        let body = b"-------0000000000000001$\r\n0000000000000002";
        let transaction = TransactionId::outside(body, || numbers.next().unwrap());
        assert_eq!(transaction.as_ident().as_str(), "fedcba9876543210");
        assert!(Ident::new(transaction.as_ident().as_str()).is_some());
    }
}
