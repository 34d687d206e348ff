//! Where readers see one character end and the next begin (Unicode Standard Annex 29, extended grapheme
//! clusters): letters with their marks, Hangul syllables, Indic conjuncts, flags, emoji sequences.

mod tables;

use tables::{CONSONANT, CONTROL, EXTEND, LINKER, PICTOGRAPHIC, PREPEND};

const ZERO_WIDTH_JOINER: char = '\u{200d}';

/// The last boundary at or before `end`, which is a character's; 0 when there is none behind the start.
pub(super) fn boundary_at_or_before(text: &str, end: usize) -> usize {
    let Some((mut before, mut after)) = text.split_at_checked(end) else {
        return 0;
    };
    while !is_boundary(before, after) {
        let Some(last) = before.chars().next_back() else {
            return 0;
        };
        (before, after) = match text.split_at_checked(before.len() - last.len_utf8()) {
            Some(halves) => halves,
            None => return 0,
        };
    }
    before.len()
}

/// Whether a grapheme cluster ends with `before` and another begins with `after`. The rules (GB3 to
/// GB13) in their order.
fn is_boundary(before: &str, after: &str) -> bool {
    let (Some(left), Some(right)) = (before.chars().next_back(), after.chars().next()) else {
        return true;
    };
    if left == '\r' && right == '\n' {
        return false;
    }
    if is_in(CONTROL, left) || is_in(CONTROL, right) {
        return true;
    }
    !(joins_hangul(left, right)
        || is_in(EXTEND, right)
        || is_in(PREPEND, left)
        || is_in(CONSONANT, right) && ends_in_linked_consonant(before)
        || is_in(PICTOGRAPHIC, right) && ends_in_joined_pictograph(before)
        || is_regional_indicator(right) && ends_in_half_a_flag(before))
}

fn is_in(table: &[(u32, u32)], character: char) -> bool {
    let code = u32::from(character);
    let index = table.partition_point(|(_, last)| *last < code);
    table.get(index).is_some_and(|(first, _)| *first <= code)
}

/// GB6 to GB8: leading consonant, vowel, trailing consonant.
fn joins_hangul(left: char, right: char) -> bool {
    const fn leads(c: char) -> bool {
        matches!(c, '\u{1100}'..='\u{115f}' | '\u{a960}'..='\u{a97c}')
    }
    const fn vowel(c: char) -> bool {
        matches!(c, '\u{1160}'..='\u{11a7}' | '\u{d7b0}'..='\u{d7c6}')
    }
    const fn trails(c: char) -> bool {
        matches!(c, '\u{11a8}'..='\u{11ff}' | '\u{d7cb}'..='\u{d7fb}')
    }
    const fn syllable(c: char) -> bool {
        matches!(c, '\u{ac00}'..='\u{d7a3}')
    }
    /// A syllable of 28 has no trailing consonant.
    const fn open(c: char) -> bool {
        syllable(c) && (c as u32 - 0xac00).is_multiple_of(28)
    }
    leads(left) && (leads(right) || vowel(right) || syllable(right))
        || (vowel(left) || open(left)) && (vowel(right) || trails(right))
        || (trails(left) || syllable(left)) && trails(right)
}

/// GB9c: a consonant, marks, and a linker among them.
fn ends_in_linked_consonant(before: &str) -> bool {
    let mut linked = false;
    for character in before.chars().rev() {
        if is_in(LINKER, character) {
            linked = true;
        } else if !is_in(EXTEND, character) {
            return linked && is_in(CONSONANT, character);
        }
    }
    false
}

/// GB11: a pictograph, marks, and a joiner.
fn ends_in_joined_pictograph(before: &str) -> bool {
    let Some(before) = before.strip_suffix(ZERO_WIDTH_JOINER) else {
        return false;
    };
    let is_mark = |character: &char| *character != ZERO_WIDTH_JOINER && is_in(EXTEND, *character);
    let base = before.chars().rev().find(|character| !is_mark(character));
    base.is_some_and(|base| is_in(PICTOGRAPHIC, base))
}

const fn is_regional_indicator(character: char) -> bool {
    matches!(character, '\u{1f1e6}'..='\u{1f1ff}')
}

/// GB12 and GB13: two regional indicators make a flag, so an odd number ends in half of one.
fn ends_in_half_a_flag(before: &str) -> bool {
    before
        .chars()
        .rev()
        .take_while(|character| is_regional_indicator(*character))
        .count()
        % 2
        == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use unicode_segmentation::UnicodeSegmentation as _;

    fn boundaries(text: &str) -> Vec<usize> {
        let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
        ends.filter(|at| boundary_at_or_before(text, *at) == *at)
            .collect()
    }

    fn expected(text: &str) -> Vec<usize> {
        text.grapheme_indices(true)
            .map(|(at, _)| at)
            .chain([text.len()])
            .collect()
    }

    #[test]
    fn examples() {
        for text in [
            "e\u{301}a",
            "\r\n\n\r",
            "👩\u{200d}👩\u{200d}👧\u{200d}👦👍🏽",
            "🇫🇷🇩🇪🇦",
            "한국어 \u{1112}\u{1161}\u{11ab}",
            "क्षत्रिय",
            "\u{600}1",
        ] {
            assert_eq!(boundaries(text), expected(text), "{text:?}");
        }
    }

    #[test]
    fn steps_back_over_a_family() {
        let text = "ab👩\u{200d}👧c";
        assert_eq!(boundary_at_or_before(text, text.len() - 1), text.len() - 1);
        assert_eq!(boundary_at_or_before(text, text.len() - 5), 2);
        assert_eq!(boundary_at_or_before("👩\u{200d}👧", 7), 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        // Characters of every kind, with the rare ones as likely as the frequent.
        #[test]
        fn as_unicode_segmentation_says(text in "[a\r\n\u{7f}\u{300}\u{200d}\u{fe0f}\u{600}🇫🇷👩🏽❤\u{1100}\u{1161}\u{11a8}가각कष\u{94d}]{0,12}") {
            prop_assert_eq!(boundaries(&text), expected(&text));
        }
    }
}
