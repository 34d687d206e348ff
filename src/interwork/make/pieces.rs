//! A text in several messages (row MOD-4).

/// Cuts a text into pieces of at most so many octets. A cut is behind a space where one is in the last quarter, and always
/// between characters.
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
    use super::pieces;

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
