//! Shift tables: the two tables in force for a text (TS 23.038 clause 6.2.1).

use super::NationalLanguage;
use super::default;
use super::table::{CodeTable, Utf8, is_plain};

/// The escape to the single shift table (TS 23.038 clause 6.2.1); the same code in every table.
pub(crate) const ESCAPE: u8 = 0x1b;

/// Shown for a code without a character.
pub(crate) const SPACE: Utf8 = [b' ', 0, 0, 1];

/// One character as septets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Septets {
    /// From the locking table.
    One(u8),
    /// From the single shift table, after an escape.
    Escaped(u8),
}

impl Septets {
    /// Number of septets.
    pub(crate) const fn count(self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Escaped(_) => 2,
        }
    }
}

/// The tables of a text: the locking shift table, and the single shift table for codes after an escape.
#[derive(Clone, Copy)]
pub(crate) struct ShiftTables {
    locking: &'static CodeTable,
    single: &'static CodeTable,
}

impl ShiftTables {
    /// The default alphabet and its extension table (TS 23.038 clauses 6.2.1 and 6.2.1.1).
    pub(crate) const DEFAULT: Self = Self {
        locking: &default::LOCKING,
        single: &default::EXTENSION,
    };

    /// The tables of these national languages.
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

    /// The character of a single septet; a space if the code has none.
    pub(crate) fn unescaped(&self, code: u8) -> Utf8 {
        self.locking.character(code).unwrap_or(SPACE)
    }

    /// The character of a septet after an escape. If the single shift table has no character for the code, the
    /// locking shift table counts; a second escape is reserved and shown as a space (TS 23.038 clause 6.2.1.1).
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
