//! UCS2 (TS 23.038 clause 6.2.3), read and written as UTF-16, most significant octet first.

/// The 16-bit units; an odd octet at the end is ignored.
fn units(octets: &[u8]) -> impl Iterator<Item = u16> + '_ {
    octets
        .chunks_exact(2)
        .filter_map(|unit| unit.try_into().ok())
        .map(u16::from_be_bytes)
}

/// Appends the text of the concatenated `bodies`. A surrogate without its other half becomes U+FFFD.
pub(crate) fn decode<'a>(bodies: impl IntoIterator<Item = &'a [u8]>, out: &mut String) {
    out.extend(
        char::decode_utf16(bodies.into_iter().flat_map(units))
            .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)),
    );
}

/// Whether there is a surrogate without its other half: the text was cut inside a surrogate pair.
pub(crate) fn has_lone_surrogate(octets: &[u8]) -> bool {
    char::decode_utf16(units(octets)).any(|unit| unit.is_err())
}

/// Writes `text` into `octets`; returns the number of octets, `None` if it does not fit.
pub(crate) fn encode(text: &str, octets: &mut [u8]) -> Option<usize> {
    let mut room = octets.chunks_exact_mut(2);
    let mut count = 0;
    for unit in text.encode_utf16() {
        room.next()?.copy_from_slice(&unit.to_be_bytes());
        count += 2;
    }
    Some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surrogate_pairs() {
        let octets = [0x00, 0x41, 0xd8, 0x3d, 0xde, 0x00];
        let mut text = String::new();
        decode([&octets[..]], &mut text);
        assert_eq!(text, "A😀");
        assert!(!has_lone_surrogate(&octets));
        let mut back = [0; 6];
        assert_eq!(encode(&text, &mut back), Some(6));
        assert_eq!(back, octets);
        assert_eq!(encode(&text, &mut back[..5]), None);
    }

    #[test]
    fn halves_and_odd_octets() {
        let mut text = String::new();
        decode([&[0xd8, 0x3d, 0x00, 0x42, 0x00][..]], &mut text);
        assert_eq!(text, "\u{fffd}B");
        assert!(has_lone_surrogate(&[0xde, 0x00]));
    }
}
