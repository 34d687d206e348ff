//! Shift tables: 128 codes to characters and back (TS 23.038 clause 6.2.1 and annex A).

use super::{NationalLanguage, default};

/// The escape to the single shift table (TS 23.038 clause 6.2.1). It lies at the same code in every table.
pub(crate) const ESCAPE: u8 = 0x1b;

/// A code without a character.
pub(super) const NONE: char = char::MAX;

/// How many codes 7 bits have.
const CODES: usize = 128;

/// A character in UTF-8: up to three octets, all tables being in the basic plane, and their number. No
/// octets for a code without a character.
pub(crate) type Utf8 = [u8; 4];

/// What shows in place of a code without a character.
pub(crate) const SPACE: Utf8 = [b' ', 0, 0, 1];

/// A table of 128 codes.
pub(crate) struct Table {
    characters: [Utf8; CODES],
    /// By character, then by code, so that a character that stands twice is found at its first code.
    codes: [(char, u8); CODES],
    /// Whether all codes of [`is_plain`] stand for the ASCII character of the same number.
    plain: bool,
}

/// One character as septets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Septets {
    /// From the locking table.
    One(u8),
    /// From the single shift table, behind an escape.
    Escaped(u8),
}

impl Septets {
    /// How many septets it takes.
    pub(crate) const fn count(self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Escaped(_) => 2,
        }
    }
}

/// Whether ASCII and the GSM 7-bit default alphabet give this code the same character, the shift and
/// control codes but LF and CR set aside.
pub(crate) const fn is_plain(code: u8) -> bool {
    matches!(code, b' '..=b'#' | b'%'..=b'?' | b'A'..=b'Z' | b'a'..=b'z')
}

impl Table {
    // Constant evaluation has no iterators; every index is below CODES.
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

    fn character(&self, code: u8) -> Option<Utf8> {
        self.characters
            .get(usize::from(code))
            .copied()
            .filter(|[.., length]| *length != 0)
    }

    fn code(&self, character: char) -> Option<u8> {
        let first = self.codes.partition_point(|(c, _)| *c < character);
        self.codes
            .get(first)
            .filter(|(c, _)| *c == character && *c != NONE)
            .map(|(_, code)| *code)
    }
}

/// The two tables that are in force for a text: the locking shift table, and the single shift table
/// behind an escape.
#[derive(Clone, Copy)]
pub(crate) struct ShiftTables {
    locking: &'static Table,
    single: &'static Table,
}

impl ShiftTables {
    /// The default alphabet and its extension table (TS 23.038 clauses 6.2.1 and 6.2.1.1).
    pub(crate) const DEFAULT: Self = Self {
        locking: &default::LOCKING,
        single: &default::EXTENSION,
    };

    /// The tables that the header's national language elements name.
    pub(crate) const fn of(locking: NationalLanguage, single: NationalLanguage) -> Self {
        Self {
            locking: locking.locking(),
            single: single.single(),
        }
    }

    /// Whether the codes of [`is_plain`] are ASCII here.
    pub(crate) const fn is_plain(&self) -> bool {
        self.locking.plain
    }

    /// The character of a septet of its own; a code without one shows as a space.
    pub(crate) fn unescaped(&self, code: u8) -> Utf8 {
        self.locking.character(code).unwrap_or(SPACE)
    }

    /// The character of a septet behind an escape. A code that the single shift table leaves open stands
    /// for the locking table's character; a second escape is reserved and shows as a space
    /// (TS 23.038 clause 6.2.1.1).
    pub(crate) fn escaped(&self, code: u8) -> Utf8 {
        self.single
            .character(code)
            .unwrap_or_else(|| self.unescaped(code))
    }

    /// The septets of a character, if these tables have it.
    pub(crate) fn septets(&self, character: char) -> Option<Septets> {
        if let Ok(ascii) = u8::try_from(character)
            && is_plain(ascii)
            && self.is_plain()
        {
            return Some(Septets::One(ascii));
        }
        match self.locking.code(character) {
            Some(code) => Some(Septets::One(code)),
            None => self.single.code(character).map(Septets::Escaped),
        }
    }
}
