//! Hexadecimal digits, read and written.

/// The value of one hexadecimal digit, in upper or lower case.
pub(crate) fn hex_digit(octet: u8) -> Option<u8> {
    match octet {
        b'0'..=b'9' => Some(octet - b'0'),
        b'a'..=b'f' => Some(octet - b'a' + 10),
        b'A'..=b'F' => Some(octet - b'A' + 10),
        _ => None,
    }
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
    let digits = (u64::BITS - (number | 1).leading_zeros()).div_ceil(4);
    for place in (0..digits).rev() {
        let value = (number >> (4 * place) & 0xf) as u8;
        out.push(char::from(
            value + if value < 10 { b'0' } else { b'a' - 10 },
        ));
    }
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
