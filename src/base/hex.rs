//! Hexadecimal digits, read and written.

/// The value of one hexadecimal digit, in upper or lower case.
pub(crate) fn hex_digit(octet: u8) -> Option<u8> {
    char::from(octet).to_digit(16).map(|digit| digit as u8)
}

/// The octet of exactly two hexadecimal digits. Unlike `u8::from_str_radix`, no sign is accepted.
pub(crate) fn hex_octet(text: &str) -> Option<u8> {
    match text.as_bytes() {
        &[high, low] => Some(hex_digit(high)? << 4 | hex_digit(low)?),
        _ => None,
    }
}

/// Appends a number in hexadecimal digits, without leading zeros. Faster than `write!`: every MESSAGE of our own has
/// such numbers in its Call-ID.
pub(crate) fn push_hex(out: &mut String, number: u64) {
    let mut digits = [0; 16];
    let mut rest = number;
    let mut first = digits.len();
    while let Some(place) = first.checked_sub(1)
        && let Some(digit) = digits.get_mut(place)
    {
        let value = (rest & 0xf) as u8;
        *digit = value + if value < 10 { b'0' } else { b'a' - 10 };
        (first, rest) = (place, rest >> 4);
        if rest == 0 {
            break;
        }
    }
    let digits = digits.get(first..).unwrap_or_default();
    out.push_str(core::str::from_utf8(digits).unwrap_or_default());
}

/// Octets as hexadecimal digits, two for each octet.
pub(crate) fn hex(octets: &[u8]) -> String {
    let mut out = String::with_capacity(octets.len() * 2);
    for octet in octets {
        push_hex(&mut out, u64::from(octet >> 4));
        push_hex(&mut out, u64::from(octet & 0xf));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written() {
        for number in [0, 1, 0xf, 0x10, 0xabc, 0x1000_0000, u64::MAX] {
            let mut out = String::new();
            push_hex(&mut out, number);
            assert_eq!(out, format!("{number:x}"));
        }
    }

    #[test]
    fn octets_round_trip() {
        for octet in 0..=u8::MAX {
            let text = hex(&[octet]);
            assert_eq!(text, format!("{octet:02x}"));
            assert_eq!(hex_octet(&text), Some(octet));
            assert_eq!(hex_octet(&text.to_uppercase()), Some(octet));
        }
        assert_eq!(hex(&[0x00, 0xff, 0x5a]), "00ff5a");
    }

    #[test]
    fn other_texts_are_no_octets() {
        for text in ["", "1", "123", "+1", "-1", " 1", "g0", "é"] {
            assert_eq!(hex_octet(text), None, "{text}");
        }
    }
}
