//! TP-Originating-, TP-Destination- and TP-Recipient-Address (TS 23.040 clause 9.1.2.5).

use core::fmt::{self, Write as _};

use crate::base::{EncodeError, Fault, Text};
use crate::wire::address::{NumberingPlan, TypeOfNumber, type_of_address};
use crate::wire::alphabet::ShiftTables;
use crate::wire::alphabet::gsm7::{self, SeptetBuffer};
use crate::wire::parse::{self, Parsed, malformed};
use crate::wire::semi_octets::{self, FILLER, MAX_DIGITS};

const ELEMENT: &str = "TP-Address";

/// The largest number of septets of an alphanumeric address: 11 in 20 semi-octets.
const MAX_SEPTETS: usize = MAX_DIGITS * 4 / 7;

/// The address of a person or a service: up to 20 digits, or up to 11 characters of the GSM 7-bit default
/// alphabet.
///
/// Kept as sent, so that an unusual filler survives. Its length octet counts semi-octets.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TpAddress {
    length: u8,
    type_of_address: u8,
    octets: [u8; MAX_DIGITS / 2],
}

impl TpAddress {
    /// From a number: `+` in front makes it international, E.164.
    pub fn from_number(number: &str) -> Result<Self, EncodeError> {
        let (ton, digits) = match number.strip_prefix('+') {
            Some(digits) => (TypeOfNumber::International, digits),
            None => (TypeOfNumber::Unknown, number),
        };
        Self::from_digits(ton, NumberingPlan::E164, digits)
    }

    /// From its parts; `digits` are `0-9 * # a b c`.
    pub fn from_digits(
        ton: TypeOfNumber,
        npi: NumberingPlan,
        digits: &str,
    ) -> Result<Self, EncodeError> {
        if digits.len() > MAX_DIGITS {
            return Err(EncodeError::TooLong {
                element: ELEMENT,
                limit: MAX_DIGITS,
            });
        }
        let (length, octets) = semi_octets::pack(digits)
            .filter(|_| ton != TypeOfNumber::Alphanumeric)
            .ok_or(EncodeError::NotRepresentable { element: ELEMENT })?;
        Ok(Self {
            length,
            type_of_address: type_of_address(ton, npi),
            octets,
        })
    }

    /// From a name: up to 11 septets of the GSM 7-bit default alphabet.
    pub fn from_text(text: &str) -> Result<Self, EncodeError> {
        Self::alphanumeric(NumberingPlan::Unknown, text)
    }

    /// From a name with a numbering plan. The plan has no meaning for a name, but it is sent.
    pub fn alphanumeric(npi: NumberingPlan, text: &str) -> Result<Self, EncodeError> {
        if text.chars().count() > MAX_SEPTETS {
            return Err(EncodeError::TooLong {
                element: ELEMENT,
                limit: MAX_SEPTETS,
            });
        }
        let mut septets = SeptetBuffer::EMPTY;
        septets
            .push_text(text, ShiftTables::DEFAULT)
            .ok_or(EncodeError::NotRepresentable { element: ELEMENT })?;
        if septets.len() > MAX_SEPTETS {
            return Err(EncodeError::TooLong {
                element: ELEMENT,
                limit: MAX_SEPTETS,
            });
        }
        let mut octets = [0; MAX_DIGITS / 2];
        septets.pack(&mut octets, 0);
        // At most 20.
        let length = u8::try_from((septets.len() * 7).div_ceil(4)).unwrap_or(u8::MAX);
        Ok(Self {
            length,
            type_of_address: type_of_address(TypeOfNumber::Alphanumeric, npi),
            octets,
        })
    }

    /// Type of number.
    pub fn type_of_number(&self) -> TypeOfNumber {
        TypeOfNumber::from(self.type_of_address >> 4 & 0b111)
    }

    /// Numbering plan identification.
    pub fn numbering_plan(&self) -> NumberingPlan {
        NumberingPlan::from(self.type_of_address & 0b1111)
    }

    /// Whether it is a name (alphanumeric) and not a number.
    pub fn is_alphanumeric(&self) -> bool {
        self.type_of_number() == TypeOfNumber::Alphanumeric
    }

    /// The length as sent, in semi-octets.
    pub const fn semi_octets(&self) -> u8 {
        self.length
    }

    /// Writes the digits without a `+`, or the name. Only a name needs an allocation.
    pub fn write_value(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        if self.is_alphanumeric() {
            let mut text = String::new();
            let septets = usize::from(self.length) * 4 / 7;
            gsm7::decode(&self.octets, 0, septets, ShiftTables::DEFAULT, &mut text);
            return out.write_str(&text);
        }
        let mut text = Text::<MAX_DIGITS>::EMPTY;
        for digit in self.digits() {
            text.write_char(digit)?;
        }
        out.write_str(text.as_str())
    }

    /// The digits of a number.
    fn digits(&self) -> impl Iterator<Item = char> + '_ {
        semi_octets::semi_octets(&self.octets)
            .take(usize::from(self.length))
            .map_while(semi_octets::digit)
    }

    /// Whether these are the digits without a `+`, or the name.
    pub fn has_value(&self, value: &str) -> bool {
        match self.is_alphanumeric() {
            true => self.value() == value,
            false => self.digits().eq(value.chars()),
        }
    }

    /// The digits without a `+`, or the name.
    pub fn value(&self) -> String {
        let mut value = String::new();
        // Writing to a String cannot fail.
        let _ = self.write_value(&mut value);
        value
    }

    pub(crate) fn decode<'a>(i: &'a [u8], element: &'static str) -> Parsed<'a, Self> {
        let (rest, length) = parse::octet(i, element)?;
        if usize::from(length) > MAX_DIGITS {
            return malformed(i, element, Fault::TooLong);
        }
        let (rest, type_of_address) = parse::octet(rest, element)?;
        let (rest, value) = parse::octets(rest, usize::from(length).div_ceil(2), element)?;
        let mut octets = [0; MAX_DIGITS / 2];
        for (octet, value) in octets.iter_mut().zip(value) {
            *octet = *value;
        }
        let address = Self {
            length,
            type_of_address,
            octets,
        };
        // Some senders count the filler as a digit. A filler before a digit is an error.
        let mut behind_filler = semi_octets::semi_octets(value)
            .take(usize::from(length))
            .skip_while(|semi_octet| *semi_octet != FILLER);
        if !address.is_alphanumeric() && behind_filler.any(|semi_octet| semi_octet != FILLER) {
            return malformed(i, element, Fault::Inconsistent);
        }
        Ok((rest, address))
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend([self.length, self.type_of_address]);
        let count = usize::from(self.length).div_ceil(2);
        out.extend_from_slice(self.octets.get(..count).unwrap_or_default());
    }
}

/// The digits with a `+` in front of an international number, or the name.
impl fmt::Display for TpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.type_of_number() == TypeOfNumber::International {
            f.write_str("+")?;
        }
        self.write_value(f)
    }
}

/// Shows no digits: they must not get into a log line.
impl fmt::Debug for TpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TpAddress")
            .field("length", &self.length)
            .field("ton", &self.type_of_number())
            .field("npi", &self.numbering_plan())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(octets: &[u8]) -> TpAddress {
        let (rest, address) = TpAddress::decode(octets, "TP-OA").unwrap();
        assert!(rest.is_empty());
        let mut out = Vec::new();
        address.encode(&mut out);
        assert_eq!(out, octets);
        address
    }

    #[test]
    fn numbers() {
        let address = round_trip(&[
            0x0b, // 11 digits
            0x91, // international, E.164
            0x51, 0x55, 0x00, 0x00, 0x10, 0xf6, // 15550000016
        ]);
        assert_eq!(address.to_string(), "+15550000016");
        assert_eq!(address, TpAddress::from_number("+15550000016").unwrap());
        assert_eq!(round_trip(&[0x05, 0x80, 0xa1, 0xcb, 0xfe]).value(), "1*#ac");
        assert_eq!(round_trip(&[0x00, 0x81]).value(), "");
        assert!(address.has_value("15550000016"));
        for other in ["", "+15550000016", "1555000001", "155500000160"] {
            assert!(!address.has_value(other), "{other}");
        }
    }

    #[test]
    fn an_odd_number_without_a_filler_ends_where_its_length_says() {
        assert_eq!(round_trip(&[0x03, 0x81, 0x21, 0x43]).value(), "123");
    }

    #[test]
    fn a_counted_filler_is_not_a_digit() {
        assert_eq!(round_trip(&[0x04, 0x81, 0x21, 0xf3]).value(), "123");
        let filled = round_trip(&[0x06, 0x81, 0x11, 0xf2, 0xff]);
        assert!(filled.has_value("112") && !filled.has_value("11"));
    }

    #[test]
    fn names() {
        let octets = [
            0x0d, // 7 characters are 49 bits: 13 semi-octets
            0xd0, // alphanumeric
            0xcf, 0xb4, 0xba, 0x3c, 0x0f, 0xa6, 0x01,
        ];
        let address = round_trip(&octets);
        assert_eq!(TpAddress::from_text(&address.value()).unwrap(), address);
        assert!(address.has_value(&address.value()) && !address.has_value(""));
        assert_eq!(
            TpAddress::from_text("Elevenchars").unwrap().semi_octets(),
            20
        );
        assert!(TpAddress::from_text("Twelve chars").is_err());
        assert!(TpAddress::from_text("€€€€€€").is_err(), "12 septets");
        assert!(TpAddress::from_text("Жук").is_err());
    }

    #[test]
    fn refuses() {
        let fault = |octets: &[u8]| match TpAddress::decode(octets, "TP-DA") {
            Ok(_) => None,
            Err(_) => Some(
                parse::whole(octets, |i| TpAddress::decode(i, "TP-DA"))
                    .unwrap_err()
                    .fault,
            ),
        };
        assert_eq!(fault(&[0x0c, 0x91, 0x21, 0x43]), Some(Fault::Truncated));
        assert_eq!(fault(&[0x15, 0x91]), Some(Fault::TooLong));
        assert_eq!(fault(&[0x04, 0x91, 0xf1, 0x32]), Some(Fault::Inconsistent));
        assert!(TpAddress::from_number("+1 555").is_err());
        assert!(TpAddress::from_number("+123456789012345678901").is_err());
    }
}
