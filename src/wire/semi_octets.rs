//! Semi-octets: two digits in an octet, the first one in the low half (TS 23.040 clause 9.1.2.3).

/// The largest number of digits in an address: 20 semi-octets (TS 23.040 clause 9.1.2.5).
pub(crate) const MAX_DIGITS: usize = 20;

/// Fills the last octet after an odd number of digits.
pub(crate) const FILLER: u8 = 0xf;

/// The digit of a semi-octet; `None` for the filler (TS 24.008 table 10.5.118).
pub(crate) const fn digit(semi_octet: u8) -> Option<char> {
    match semi_octet & 0xf {
        d @ 0..=9 => Some((b'0' + d) as char),
        0xa => Some('*'),
        0xb => Some('#'),
        0xc => Some('a'),
        0xd => Some('b'),
        0xe => Some('c'),
        _ => None,
    }
}

/// The semi-octet of an ASCII digit: the inverse of [`digit`].
const fn semi_octet(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'*' => Some(0xa),
        b'#' => Some(0xb),
        b'a'..=b'c' => Some(digit - b'a' + 0xc),
        _ => None,
    }
}

/// The semi-octets of `octets`, the low half of each octet first.
pub(crate) fn semi_octets(octets: &[u8]) -> impl Iterator<Item = u8> + '_ {
    octets.iter().flat_map(|octet| [octet & 0xf, octet >> 4])
}

/// Packs `digits`: returns their number, and the octets with a filler after an odd number. `None` for a character
/// that is not a digit, or for more than [`MAX_DIGITS`].
pub(crate) fn pack(digits: &str) -> Option<(u8, [u8; MAX_DIGITS / 2])> {
    let mut octets = [0; MAX_DIGITS / 2];
    let count = u8::try_from(digits.len())
        .ok()
        .filter(|count| usize::from(*count) <= MAX_DIGITS)?;
    for (octet, pair) in octets.iter_mut().zip(digits.as_bytes().chunks(2)) {
        *octet = match *pair {
            [low, high] => (semi_octet(high)? << 4) | semi_octet(low)?,
            [low] => (FILLER << 4) | semi_octet(low)?,
            _ => return None,
        };
    }
    Some((count, octets))
}

/// Two decimal digits, the tens in the low half. A semi-octet above 9 counts with its value, because some phones send
/// such time stamps.
pub(crate) const fn decimal(octet: u8) -> u8 {
    (octet & 0xf) * 10 + (octet >> 4)
}

/// The inverse of [`decimal`] for 0 to 99.
pub(crate) const fn from_decimal(value: u8) -> u8 {
    ((value % 10) << 4) | ((value / 10) % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digit_and_back() {
        for semi in 0..0xf {
            let digit = u8::try_from(digit(semi).unwrap()).unwrap();
            assert_eq!(semi_octet(digit), Some(semi));
        }
        assert_eq!(digit(FILLER), None);
        assert_eq!(semi_octet(b'd'), None);
    }

    #[test]
    fn packs_in_swapped_order_with_a_filler() {
        let (count, octets) = pack("12*#c").unwrap();
        assert_eq!((count, &octets[..3]), (5, &[0x21, 0xba, 0xfe][..]));
        assert_eq!(pack("").unwrap().0, 0);
        assert_eq!(pack("12345678901234567890").unwrap().0, 20);
        assert_eq!(pack("123456789012345678901"), None);
        assert_eq!(pack("12x"), None);
    }

    #[test]
    fn decimals() {
        for value in 0..100 {
            assert_eq!(decimal(from_decimal(value)), value);
        }
        assert_eq!(decimal(0x95), 59);
    }
}
