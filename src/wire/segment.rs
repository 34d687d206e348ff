//! Splitting a text into the parts of a concatenated short message (TS 23.040 clause 9.2.3.24.1).

use core::fmt;

use super::coding::TextCoding;
use super::grapheme;
use super::text::EncodedText;
use super::udh::ConcatenationReference;

/// Most parts that one octet can count.
pub const MAX_PARTS: usize = u8::MAX as usize;

/// The text takes more than [`MAX_PARTS`] parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyParts;

impl fmt::Display for TooManyParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the text takes more than {MAX_PARTS} short messages")
    }
}

impl core::error::Error for TooManyParts {}

/// Where a text may be cut. Never inside an escape pair or a surrogate pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Cut {
    /// Between what readers take for one character (a letter with its marks, an emoji sequence), as long
    /// as one part can hold it: parts that arrive alone still make sense.
    #[default]
    Graphemes,
    /// Between any two characters: the fewest parts.
    Characters,
}

/// A text and the places where it is cut: one part, or as many as its characters need.
#[derive(Clone, Copy, Debug)]
pub struct Segments<'t> {
    text: &'t str,
    coding: TextCoding,
    cut: Cut,
    reference: ConcatenationReference,
    total: u8,
}

impl<'t> Segments<'t> {
    /// Cuts `text`, which must be possible to write in `coding` ([`TextCoding::of`] gives such a one).
    /// `reference` is used when there is more than one part.
    pub fn of(
        text: &'t str,
        coding: TextCoding,
        reference: ConcatenationReference,
        cut: Cut,
    ) -> Result<Self, TooManyParts> {
        let mut segments = Self {
            text,
            coding,
            cut,
            reference,
            total: 1,
        };
        let fits_one = coding
            .units(text)
            .is_some_and(|units| units <= coding.capacity(None));
        if !fits_one {
            let count = segments.texts().take(MAX_PARTS + 1).count();
            segments.total = u8::try_from(count).map_err(|_| TooManyParts)?;
        }
        Ok(segments)
    }

    /// How many parts there are, 1 at least.
    pub const fn total(&self) -> u8 {
        self.total
    }

    /// The coding of all parts.
    pub const fn coding(&self) -> TextCoding {
        self.coding
    }

    /// The text of each part.
    pub fn texts(&self) -> impl Iterator<Item = &'t str> + use<'t> {
        let (coding, cut) = (self.coding, self.cut);
        let capacity = coding.capacity((self.total != 1).then_some(self.reference));
        let mut rest = Some(self.text);
        core::iter::from_fn(move || {
            let text = rest?;
            let (part, after) = text.split_at_checked(part_end(text, coding, capacity, cut))?;
            rest = (!after.is_empty()).then_some(after);
            Some(part)
        })
    }

    /// The user data of each part, with its place in the whole when there are several.
    pub fn parts(&self) -> impl Iterator<Item = EncodedText> + use<'t> {
        let (coding, reference, total) = (self.coding, self.reference, self.total);
        self.texts()
            .zip(1..=total)
            .filter_map(move |(text, sequence)| {
                let place = (total > 1).then_some((reference, total, sequence));
                // Each part was cut to fit.
                EncodedText::part(text, coding, place).ok()
            })
    }
}

/// The octet of `text` at which a part of at most `capacity` units ends. Not 0 unless `text` is empty.
fn part_end(text: &str, coding: TextCoding, capacity: usize, cut: Cut) -> usize {
    let mut units = 0;
    let mut end = text.len();
    for (at, character) in text.char_indices() {
        units += coding.units_of(character);
        if units > capacity {
            end = at;
            break;
        }
    }
    if cut == Cut::Characters || end == text.len() {
        return end;
    }
    match grapheme::boundary_at_or_before(text, end) {
        0 => end, // a single grapheme fills the part: no choice
        boundary => boundary,
    }
}
