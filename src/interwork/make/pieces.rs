//! A text in several messages (row MOD-4).

/// Fewest octets of a piece.
const LEAST: usize = 256;

/// The largest number of pieces of full size. At least three quarters of each piece are filled, and the number of
/// pieces must fit an octet.
const MOST: usize = 180;

/// Octets of one piece of a text of this length, if a message has room for `room` octets.
pub(crate) const fn piece_size(text: usize, room: usize) -> usize {
    let least = text.div_ceil(MOST);
    let least = if least > LEAST { least } else { LEAST };
    if room > least { room } else { least }
}

/// Cuts a text into pieces of at most `size` octets. If the last quarter of a piece has a space, the cut is behind it.
/// Every cut is between characters.
pub(crate) fn pieces(text: &str, size: usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    core::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = match rest.len() <= size {
            true => rest.len(),
            false => cut(rest, size),
        };
        let (piece, behind) = rest.split_at_checked(end)?;
        rest = behind;
        Some(piece)
    })
}

fn cut(text: &str, size: usize) -> usize {
    let is_boundary = |at: &usize| text.is_char_boundary(*at);
    let end = (0..=size).rev().find(is_boundary).unwrap_or(size);
    let space = text
        .get(..end)
        .and_then(|piece| piece.rfind(' '))
        .map(|space| space + 1)
        .filter(|space| *space > size - size / 4);
    let first = text.chars().next().map_or(1, char::len_utf8);
    space.unwrap_or(end).max(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pieces_of_the_longest_text_are_counted_in_an_octet() {
        assert_eq!(piece_size(2_000, 700), 700);
        assert_eq!(piece_size(2_000, 0), 256);
        // 255 parts of 153 characters, each with two octets; a cut leaves a quarter of each piece empty.
        let size = piece_size(255 * 153 * 2, 0);
        let word = "\u{394}".repeat(size * 3 / 8 + 1) + " ";
        let text = word.repeat(255 * 153 * 2 / word.len());
        let count = pieces(&text, size).count();
        assert!((200..=255).contains(&count), "{count} pieces of {size}");
    }

    #[test]
    fn pieces_are_the_text() {
        for text in [
            "",
            "short",
            &"x".repeat(1000),
            &"漢字🎉".repeat(90),
            &"a word and another ".repeat(50),
        ] {
            for size in [1, 2, 10, 99, 300] {
                let all: Vec<&str> = pieces(text, size).collect();
                assert_eq!(all.concat(), text);
                assert!(all.iter().all(|piece| piece.len() <= size.max(4)));
            }
        }
        let all: Vec<&str> = pieces("one two three", 8).collect();
        assert_eq!(all, ["one two ", "three"]);
    }
}
