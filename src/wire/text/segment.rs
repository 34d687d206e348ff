//! Splitting a text into the parts of a concatenated short message (TS 23.040 clause 9.2.3.24.1).

use core::fmt;

use unicode_segmentation::GraphemeCursor;

use super::coding::TextCoding;
use super::encoded::EncodedText;
use crate::wire::udh::ConcatenationReference;

/// The largest number of parts: the total is one octet.
pub const MAX_PARTS: usize = u8::MAX as usize;

/// The text needs more than [`MAX_PARTS`] parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyParts;

impl fmt::Display for TooManyParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the text takes more than {MAX_PARTS} short messages")
    }
}

impl core::error::Error for TooManyParts {}

/// Where a text may be cut: never inside an escape pair or a surrogate pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Cut {
    /// Between grapheme clusters (a letter with its marks, an emoji sequence), if one part can hold each of them: so
    /// each part alone is readable.
    #[default]
    Graphemes,
    /// Between any two characters: this needs the fewest parts.
    Characters,
}

/// A text and the places where it is cut into parts.
#[derive(Clone, Copy, Debug)]
pub struct Segments<'t> {
    text: &'t str,
    coding: TextCoding,
    cut: Cut,
    reference: ConcatenationReference,
    total: u8,
}

impl<'t> Segments<'t> {
    /// Cuts `text` into parts. `coding` must have all of its characters, as the result of [`TextCoding::of`] has.
    /// `reference` is used if there is more than one part.
    pub fn of(
        text: &'t str,
        coding: TextCoding,
        reference: ConcatenationReference,
        cut: Cut,
    ) -> Result<Self, TooManyParts> {
        let alone = Self {
            text,
            coding,
            cut,
            reference,
            total: 1,
        };
        if coding
            .units(text)
            .is_some_and(|units| units <= coding.capacity(None))
        {
            return Ok(alone);
        }
        let several = Self {
            total: u8::MAX,
            ..alone
        };
        let count = several.texts().take(MAX_PARTS + 1).count();
        Ok(Self {
            total: u8::try_from(count).map_err(|_| TooManyParts)?,
            ..several
        })
    }

    /// Number of parts, at least 1.
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

    /// The user data of each part; with a concatenation element if there are several parts.
    pub fn parts(&self) -> impl Iterator<Item = EncodedText> + use<'t> {
        let (coding, reference, total) = (self.coding, self.reference, self.total);
        self.texts()
            .zip(1..=total)
            .filter_map(move |(text, sequence)| {
                let place = (total > 1).then_some((reference, total, sequence));
                // Each part fits.
                EncodedText::part(text, coding, place).ok()
            })
    }
}

/// The octet of `text` at which a part of at most `capacity` units ends. Not 0 unless `text` is empty.
fn part_end(text: &str, coding: TextCoding, capacity: usize, cut: Cut) -> usize {
    let (_, end) = coding.fill(text, capacity);
    if cut == Cut::Characters || end == text.len() {
        return end;
    }
    match boundary_at_or_before(text, end) {
        0 => end, // one grapheme cluster is longer than a part
        boundary => boundary,
    }
}

/// The last boundary between extended grapheme clusters (Unicode Standard Annex 29) at or before `end`, which is the
/// end of a character; 0 if the first cluster is longer.
fn boundary_at_or_before(text: &str, end: usize) -> usize {
    let mut cursor = GraphemeCursor::new(end, text.len(), true);
    // The cursor has the whole text, so it never needs more.
    match cursor.is_boundary(text, 0) {
        Ok(true) => end,
        _ => cursor.prev_boundary(text, 0).ok().flatten().unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use unicode_segmentation::UnicodeSegmentation as _;

    const REFERENCE: ConcatenationReference = ConcatenationReference::Eight(1);

    fn lengths(text: &str, cut: Cut) -> Vec<usize> {
        let segments = Segments::of(text, TextCoding::of(text, &[]), REFERENCE, cut).unwrap();
        let texts: Vec<&str> = segments.texts().collect();
        assert_eq!(texts.concat(), text, "nothing is lost");
        assert_eq!(usize::from(segments.total()), texts.len());
        let parts = segments
            .parts()
            .map(|part| part.user_data().text().unwrap());
        assert_eq!(parts.collect::<Vec<_>>(), texts, "every part fits");
        texts.iter().map(|text| text.chars().count()).collect()
    }

    #[test]
    fn cuts_no_pair() {
        let text = format!("{}€b", "a".repeat(159));
        assert_eq!(lengths(&text, Cut::Characters), [153, 8]);
        let text = format!("{}€{}", "a".repeat(152), "b".repeat(20));
        assert_eq!(lengths(&text, Cut::Characters), [152, 21]);
        let text = format!("{}😀{}", "я".repeat(66), "я".repeat(20));
        assert_eq!(lengths(&text, Cut::Characters), [66, 21]);
    }

    #[test]
    fn cuts_no_grapheme_cluster_that_fits_a_part() {
        let family = "👩\u{200d}👩\u{200d}👧\u{200d}👦";
        let text = format!("{}{family}{}", "я".repeat(60), "я".repeat(20));
        assert_eq!(lengths(&text, Cut::Graphemes), [60, 27]);
        assert_eq!(lengths(&text, Cut::Characters)[0], 64);
        let zalgo = format!("a{}", "\u{301}".repeat(150));
        assert_eq!(lengths(&zalgo, Cut::Graphemes), [67, 67, 17]);
    }

    #[test]
    fn the_largest_number_of_parts() {
        let split = |count| {
            Segments::of(
                &"a".repeat(count),
                TextCoding::DEFAULT,
                REFERENCE,
                Cut::Characters,
            )
            .map(|segments| segments.total())
        };
        assert_eq!(split(255 * 153), Ok(255));
        assert_eq!(split(255 * 153 + 1), Err(TooManyParts));
    }

    #[test]
    fn an_empty_text_is_one_empty_part() {
        assert_eq!(lengths("", Cut::Graphemes), [0]);
    }

    /// All of Unicode; joining characters are as frequent as all others together.
    fn any_text() -> impl Strategy<Value = String> {
        let joiner = prop::sample::select(
            "a\r\n\u{7f}\u{300}\u{200d}\u{fe0f}\u{600}🇫🇷👩🏽❤\u{1100}\u{1161}\u{11a8}가각कष\u{94d}\u{e0020}"
                .chars()
                .collect::<Vec<_>>(),
        );
        let character = prop_oneof![any::<char>(), joiner];
        prop::collection::vec(character, 0..400).prop_map(String::from_iter)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn parts_end_where_graphemes_end(text in any_text(), end in 0..400_usize) {
            let ends: Vec<usize> = text.grapheme_indices(true).map(|(at, _)| at).chain([text.len()]).collect();
            let (end, _) = text.char_indices().chain([(text.len(), ' ')]).nth(end).unwrap_or((0, ' '));
            let expected = ends.iter().copied().filter(|at| *at <= end).max();
            prop_assert_eq!(Some(boundary_at_or_before(&text, end)), expected);

            let segments = Segments::of(&text, TextCoding::of(&text, &[]), REFERENCE, Cut::Graphemes).unwrap();
            let mut start = 0;
            for part in segments.texts() {
                let end = start + part.len();
                let inside = ends.iter().all(|at| *at <= start || *at >= end);
                prop_assert!(ends.contains(&end) || inside, "{:?} is cut at {}", text, end);
                start = end;
            }
            prop_assert_eq!(start, text.len());
        }
    }
}
