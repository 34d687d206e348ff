//! Choice of the alphabet for a text, and its length in it (TS 23.038 clause 6).

use crate::wire::alphabet::TpDcs;
use crate::wire::alphabet::{Alphabet, NationalLanguage, ShiftTables, gsm7};
use crate::wire::udh::{ConcatenationReference, Iei};
use crate::wire::user_data::MAX_OCTETS;

/// The largest number of octets of a header that we write: UDHL, concatenation with 16 bits, two language elements.
const MAX_HEADER: usize = 1 + 6 + 3 + 3;

/// An alphabet with its shift tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TextCoding {
    /// GSM 7-bit.
    Gsm7 {
        /// Language of the locking shift table.
        locking: NationalLanguage,
        /// Language of the single shift table.
        single: NationalLanguage,
    },
    /// UCS2 as UTF-16.
    Ucs2,
}

/// The user data header for a coding and a place in a concatenated message; may be empty.
#[derive(Clone, Copy)]
pub(super) struct Header {
    octets: [u8; MAX_HEADER],
    length: u8,
}

impl Header {
    /// UDHL and elements, or nothing.
    pub(super) fn octets(&self) -> &[u8] {
        self.octets
            .get(..usize::from(self.length))
            .unwrap_or_default()
    }

    /// Appends an element: IEI, IEIDL and IED.
    fn push(&mut self, element: &[u8]) {
        self.length = self.length.max(1); // room for UDHL
        for (octet, value) in self
            .octets
            .iter_mut()
            .skip(usize::from(self.length))
            .zip(element)
        {
            *octet = *value;
            self.length += 1;
        }
        let [length, ..] = &mut self.octets;
        *length = self.length - 1;
    }
}

impl TextCoding {
    /// The GSM 7-bit default alphabet with its extension.
    pub const DEFAULT: Self = Self::Gsm7 {
        locking: NationalLanguage::Default,
        single: NationalLanguage::Default,
    };

    /// The coding for `text` that keeps all characters: the default alphabet if it has all of them, because every
    /// phone has it; else the tables of `languages` that need the fewest parts (single shift tables are tried first,
    /// then locking shift tables, then both); else UCS2.
    pub fn of(text: &str, languages: &[NationalLanguage]) -> Self {
        use NationalLanguage::Default;
        let single = languages
            .iter()
            .filter(|language| language.has_single_table())
            .map(|language| Self::Gsm7 {
                locking: Default,
                single: *language,
            });
        let with_locking = || {
            languages
                .iter()
                .filter(|language| language.has_locking_table())
        };
        let locking = with_locking().map(|language| Self::Gsm7 {
            locking: *language,
            single: Default,
        });
        let both = with_locking().map(|language| Self::Gsm7 {
            locking: *language,
            single: *language,
        });
        Self::among(text, single.chain(locking).chain(both))
    }

    /// The same for a list of GSM 7-bit codings: the first one that needs the fewest parts.
    pub fn among(text: &str, choice: impl IntoIterator<Item = Self>) -> Self {
        if Self::DEFAULT.units(text).is_some() {
            return Self::DEFAULT;
        }
        choice
            .into_iter()
            .filter_map(|coding| Some((coding.parts(text)?, coding)))
            .min_by_key(|(parts, _)| *parts)
            .map_or(Self::Ucs2, |(_, coding)| coding)
    }

    /// Number of parts of `text` if all parts are full; `None` if this coding lacks a character.
    fn parts(self, text: &str) -> Option<usize> {
        let units = self.units(text)?;
        if units <= self.capacity(None) {
            return Some(1);
        }
        Some(units.div_ceil(self.capacity(Some(ConcatenationReference::Eight(0)))))
    }

    /// TP-DCS for this coding.
    pub const fn dcs(self) -> TpDcs {
        TpDcs::of(self.alphabet())
    }

    /// The alphabet.
    pub const fn alphabet(self) -> Alphabet {
        match self {
            Self::Gsm7 { .. } => Alphabet::Gsm7,
            Self::Ucs2 => Alphabet::Ucs2,
        }
    }

    /// Number of septets (or 16-bit units) of `text` without a header; `None` if this coding lacks a character.
    pub fn units(self, text: &str) -> Option<usize> {
        let (units, end) = self.fill(text, usize::MAX);
        (end == text.len()).then_some(units)
    }

    /// Fills `capacity` units with the beginning of `text`: returns the number of units and the octet where it ends,
    /// before a character that does not fit or that this coding lacks.
    pub(super) fn fill(self, text: &str, capacity: usize) -> (usize, usize) {
        let tables = self.tables();
        let (mut units, mut rest) = (0, text);
        while let Some((count, after)) = take_units(tables, rest) {
            if count > capacity - units {
                break;
            }
            units += count;
            rest = after;
        }
        // A word of eight characters may be too long, but its first characters may fit.
        while let Some((count, after)) = take_character(tables, rest) {
            if count > capacity - units {
                break;
            }
            units += count;
            rest = after;
        }
        (units, text.len() - rest.len())
    }

    /// Number of units in one short message, alone or as a part: 160, 153 or 152 septets; 70, 67 or 66 16-bit units;
    /// fewer with national languages.
    pub fn capacity(self, reference: Option<ConcatenationReference>) -> usize {
        let reference = reference.map(|reference| (reference, 0, 0));
        let header = usize::from(self.header(reference).length);
        match self {
            Self::Gsm7 { .. } => gsm7::MAX_SEPTETS - gsm7::septet_count(header),
            Self::Ucs2 => (MAX_OCTETS - header) / 2,
        }
    }

    /// The shift tables; none for UCS2.
    pub(super) fn tables(self) -> Option<ShiftTables> {
        match self {
            Self::Gsm7 { locking, single } => Some(ShiftTables::of(locking, single)),
            Self::Ucs2 => None,
        }
    }

    /// The header of a single message, or of a part with this reference, total and sequence.
    pub(super) fn header(self, part: Option<(ConcatenationReference, u8, u8)>) -> Header {
        let mut header = Header {
            octets: [0; MAX_HEADER],
            length: 0,
        };
        match part {
            Some((ConcatenationReference::Eight(reference), total, sequence)) => {
                header.push(&[Iei::Concatenation8.into(), 3, reference, total, sequence]);
            }
            Some((ConcatenationReference::Sixteen(reference), total, sequence)) => {
                let [high, low] = reference.to_be_bytes();
                header.push(&[Iei::Concatenation16.into(), 4, high, low, total, sequence]);
            }
            None => {}
        }
        if let Self::Gsm7 { locking, single } = self {
            if locking != NationalLanguage::Default {
                header.push(&[Iei::NationalLockingShift.into(), 1, locking.into()]);
            }
            if single != NationalLanguage::Default {
                header.push(&[Iei::NationalSingleShift.into(), 1, single.into()]);
            }
        }
        header
    }
}

/// Counts the units of the next characters, several at a time if possible; returns the text after them.
fn take_units(tables: Option<ShiftTables>, text: &str) -> Option<(usize, &str)> {
    if tables.is_some_and(|tables| tables.is_plain()) && gsm7::plain_word(text).is_some() {
        return Some((gsm7::LANES, text.get(gsm7::LANES..)?));
    }
    take_character(tables, text)
}

/// The units of the next character and the text after it; `None` if the coding lacks the character.
fn take_character(tables: Option<ShiftTables>, text: &str) -> Option<(usize, &str)> {
    let mut characters = text.chars();
    let character = characters.next()?;
    let units = match tables {
        None => character.len_utf16(),
        Some(tables) => tables.septets(character)?.count(),
    };
    Some((units, characters.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use NationalLanguage::{Default, Spanish, Turkish, Urdu};

    #[test]
    fn capacities() {
        let with = |locking, single| TextCoding::Gsm7 { locking, single };
        let eight = Some(ConcatenationReference::Eight(1));
        let sixteen = Some(ConcatenationReference::Sixteen(1));
        for (coding, capacities) in [
            (TextCoding::DEFAULT, [160, 153, 152]),
            (with(Default, Turkish), [155, 149, 148]),
            (with(Turkish, Turkish), [152, 146, 145]),
            (TextCoding::Ucs2, [70, 67, 66]),
        ] {
            assert_eq!(
                [None, eight, sixteen].map(|r| coding.capacity(r)),
                capacities
            );
        }
    }

    #[test]
    fn the_shortest_coding_that_has_all_characters() {
        let gsm7 = |locking, single| TextCoding::Gsm7 { locking, single };
        let all = [Spanish, Turkish, Urdu];
        assert_eq!(TextCoding::of("plain {text}", &all), TextCoding::DEFAULT);
        assert_eq!(TextCoding::of("ş", &[]), TextCoding::Ucs2);
        assert_eq!(TextCoding::of("ş", &all), gsm7(Default, Turkish));
        assert_eq!(
            TextCoding::of(&"ş".repeat(100), &all),
            gsm7(Turkish, Default),
            "one part"
        );
        // á is in the single shift table of Spanish only; no table has both.
        assert_eq!(TextCoding::of("á", &all), gsm7(Default, Spanish));
        assert_eq!(TextCoding::of("áş", &all), TextCoding::Ucs2);
        assert_eq!(
            TextCoding::of("ٹ ۱", &all),
            gsm7(Urdu, Urdu),
            "letter and digit"
        );
        assert_eq!(TextCoding::of("😀", &all), TextCoding::Ucs2);
    }
}
