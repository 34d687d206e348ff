//! RP-Originator-Address and RP-Destination-Address (TS 24.011 clauses 8.2.5.1 and 8.2.5.2).

use core::fmt;

use crate::base::{EncodeError, Fault};
use crate::wire::address::{NumberingPlan, TypeOfNumber, type_of_address};
use crate::wire::parse::{self, Parsed, malformed};
use crate::wire::semi_octets::{self, MAX_DIGITS};

/// The address of a service centre: type of number, numbering plan and up to 20 digits.
///
/// Its length octet counts octets, unlike that of a [`TpAddress`](crate::wire::TpAddress).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RpAddress {
    type_of_address: u8,
    octet_count: u8,
    octets: [u8; MAX_DIGITS / 2],
}

impl RpAddress {
    /// From a number: `+` in front makes it international, E.164.
    pub fn from_number(number: &str) -> Result<Self, EncodeError> {
        let (ton, digits) = match number.strip_prefix('+') {
            Some(digits) => (TypeOfNumber::International, digits),
            None => (TypeOfNumber::Unknown, number),
        };
        Self::new(ton, NumberingPlan::E164, digits)
    }

    /// From its parts; `digits` are at least one of `0-9 * # a b c`.
    pub fn new(ton: TypeOfNumber, npi: NumberingPlan, digits: &str) -> Result<Self, EncodeError> {
        const ELEMENT: &str = "RP-Address";
        if digits.len() > MAX_DIGITS {
            return Err(EncodeError::TooLong {
                element: ELEMENT,
                limit: MAX_DIGITS,
            });
        }
        let (count, octets) = semi_octets::pack(digits)
            .filter(|(count, _)| *count > 0)
            .ok_or(EncodeError::NotRepresentable { element: ELEMENT })?;
        Ok(Self {
            type_of_address: type_of_address(ton, npi),
            octet_count: count.div_ceil(2),
            octets,
        })
    }

    /// Type of number (TS 24.008 clause 10.5.4.7).
    pub fn type_of_number(&self) -> TypeOfNumber {
        TypeOfNumber::from(self.type_of_address >> 4 & 0b111)
    }

    /// Numbering plan identification (TS 24.008 clause 10.5.4.7).
    pub fn numbering_plan(&self) -> NumberingPlan {
        NumberingPlan::from(self.type_of_address & 0b1111)
    }

    /// The digits up to the filler, without a `+`.
    pub fn digits(&self) -> impl Iterator<Item = char> + '_ {
        semi_octets::semi_octets(self.value()).map_while(semi_octets::digit)
    }

    /// The octets after the type of address.
    fn value(&self) -> &[u8] {
        self.octets
            .get(..usize::from(self.octet_count))
            .unwrap_or_default()
    }

    /// Reads the LV element; an empty one means no address.
    pub(crate) fn decode<'a>(i: &'a [u8], element: &'static str) -> Parsed<'a, Option<Self>> {
        let (rest, value) = parse::length_value(i, element)?;
        let Some((&type_of_address, digits)) = value.split_first() else {
            return Ok((rest, None));
        };
        let mut octets = [0; MAX_DIGITS / 2];
        let Some(target) = octets.get_mut(..digits.len()) else {
            return malformed(i, element, Fault::TooLong);
        };
        target.copy_from_slice(digits);
        // At most 10: the size of the array.
        let octet_count = u8::try_from(digits.len()).unwrap_or(u8::MAX);
        Ok((
            rest,
            Some(Self {
                type_of_address,
                octet_count,
                octets,
            }),
        ))
    }

    /// Appends the LV element; without an address, a length of zero.
    pub(crate) fn encode(address: Option<&Self>, out: &mut Vec<u8>) {
        match address {
            None => out.push(0),
            Some(address) => {
                out.extend([address.octet_count + 1, address.type_of_address]);
                out.extend_from_slice(address.value());
            }
        }
    }
}

/// The digits, with a `+` in front of an international number.
impl fmt::Display for RpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        if self.type_of_number() == TypeOfNumber::International {
            f.write_char('+')?;
        }
        self.digits().try_for_each(|digit| f.write_char(digit))
    }
}

/// Shows no digits, as for all numbers: they must not get into a log line.
impl fmt::Debug for RpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RpAddress")
            .field("ton", &self.type_of_number())
            .field("npi", &self.numbering_plan())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVICE_CENTRE: &[u8] = &[
        0x06, // 6 octets follow
        0x91, // international, E.164
        0x51, 0x55, 0x99, 0x99, 0xf0, // 155599990
    ];

    #[test]
    fn decodes_and_encodes() {
        let (rest, address) = RpAddress::decode(SERVICE_CENTRE, "RP-DA").unwrap();
        let address = address.unwrap();
        assert!(rest.is_empty());
        assert_eq!(address.to_string(), "+155599990");
        assert_eq!(address, RpAddress::from_number("+155599990").unwrap());
        let mut out = Vec::new();
        RpAddress::encode(Some(&address), &mut out);
        assert_eq!(out, SERVICE_CENTRE);
    }

    #[test]
    fn refuses_text_that_is_not_a_number() {
        assert!(RpAddress::from_number("+").is_err());
        assert!(RpAddress::from_number("+1 555").is_err());
        assert!(RpAddress::from_number("+123456789012345678901").is_err());
    }

    #[test]
    fn refuses_more_digits_than_the_element_holds() {
        let mut octets = vec![12, 0x91];
        octets.extend([0x11; 11]);
        assert!(RpAddress::decode(&octets, "RP-OA").is_err());
        assert!(RpAddress::decode(&octets[..8], "RP-OA").is_err());
    }
}
