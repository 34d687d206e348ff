//! One table of 128 codes: codes to characters and back (TS 23.038 clause 6.2.1 and annex A).

/// A code without a character.
pub(super) const NONE: char = char::MAX;

/// Number of codes of 7 bits.
const CODES: usize = 128;

/// A character in UTF-8: up to three octets (all tables are in the basic multilingual plane), and their number in the
/// last octet. The number is 0 for a code without a character.
pub(crate) type Utf8 = [u8; 4];

/// A table of 128 codes.
pub(crate) struct CodeTable {
    characters: [Utf8; CODES],
    /// Sorted by character, then by code, so that a character with two codes is found at its first one.
    codes: [(char, u8); CODES],
    /// Whether all codes of [`is_plain`] are the ASCII characters with the same numbers.
    pub(super) plain: bool,
}

/// Whether this code is the same printable character in ASCII and in the GSM 7-bit default alphabet.
pub(crate) const fn is_plain(code: u8) -> bool {
    matches!(code, b' '..=b'#' | b'%'..=b'?' | b'A'..=b'Z' | b'a'..=b'z')
}

impl CodeTable {
    // Iterators cannot be used in a const fn; every index is below CODES.
    #[allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]
    pub(super) const fn new(characters: [char; CODES]) -> Self {
        let mut utf8 = [[0; 4]; CODES];
        let mut codes = [(NONE, 0); CODES];
        let mut plain = true;
        let mut code = 0;
        while code < CODES {
            let character = characters[code];
            if character as u32 != NONE as u32 {
                let length = character.encode_utf8(&mut utf8[code]).len();
                utf8[code][3] = length as u8;
            }
            plain &= !is_plain(code as u8) || character as u32 == code as u32;
            let mut at = code;
            while at > 0 && codes[at - 1].0 as u32 > character as u32 {
                codes[at] = codes[at - 1];
                at -= 1;
            }
            codes[at] = (character, code as u8);
            code += 1;
        }
        Self {
            characters: utf8,
            codes,
            plain,
        }
    }

    pub(super) fn character(&self, code: u8) -> Option<Utf8> {
        self.characters
            .get(usize::from(code))
            .copied()
            .filter(|[.., length]| *length != 0)
    }

    pub(super) fn code(&self, character: char) -> Option<u8> {
        let first = self.codes.partition_point(|(c, _)| *c < character);
        self.codes
            .get(first)
            .filter(|(c, _)| *c == character && *c != NONE)
            .map(|(_, code)| *code)
    }
}
