//! Replacements for typographic characters that the GSM 7-bit default alphabet lacks.

use super::coding::TextCoding;

/// The replacement of a typographic character. Letters are not replaced: the word would be another one.
const fn replacement(character: char) -> Option<&'static str> {
    Some(match character {
        // Spaces: no-break, en to hair, narrow no-break, mathematical, ideographic; tabulator.
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' | '\t' => " ",
        // Soft hyphen, zero width space, word joiner, byte order mark.
        '\u{ad}' | '\u{200b}' | '\u{2060}' | '\u{feff}' => "",
        // Hyphens, dashes, bar, minus.
        '\u{2010}'..='\u{2015}' | '\u{2212}' => "-",
        // Single quotation marks, accents used as such, prime.
        '\u{2018}'..='\u{201b}' | '\u{2032}' | '\u{60}' | '\u{b4}' => "'",
        // Double quotation marks, guillemets, double prime.
        '\u{201c}'..='\u{201f}' | '\u{2033}' | '\u{ab}' | '\u{bb}' => "\"",
        '\u{2039}' => "<",
        '\u{203a}' => ">",
        '\u{2026}' => "...",
        '\u{2022}' | '\u{b7}' => "*",
        '\u{2044}' => "/",
        '\u{2122}' => "TM",
        '\u{a9}' => "(C)",
        '\u{ae}' => "(R)",
        // Line and paragraph separator.
        '\u{2028}' | '\u{2029}' => "\n",
        _ => return None,
    })
}

/// `text` with typographic characters replaced, if this makes the GSM 7-bit default alphabet possible. `None` if no
/// replacement is needed, or if other characters need UCS2 anyway: then nothing is replaced.
pub fn transliterated(text: &str) -> Option<String> {
    if TextCoding::DEFAULT.units(text).is_some() {
        return None;
    }
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match replacement(character) {
            Some(replacement) => out.push_str(replacement),
            None => out.push(character),
        }
    }
    TextCoding::DEFAULT.units(&out).map(|_| out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_if_it_avoids_ucs2() {
        assert_eq!(
            transliterated("“It’s 5\u{a0}–\u{a0}6…”").as_deref(),
            Some("\"It's 5 - 6...\"")
        );
        assert_eq!(transliterated("plain"), None);
        assert_eq!(transliterated("“Привет”"), None);
        assert_eq!(transliterated("á"), None, "a letter is never replaced");
    }

    #[test]
    fn every_replacement_is_in_the_default_alphabet() {
        for character in '\0'..='\u{ffff}' {
            if let Some(replacement) = replacement(character) {
                assert!(TextCoding::DEFAULT.units(replacement).is_some());
                assert!(TextCoding::DEFAULT.units(&character.to_string()).is_none());
            }
        }
    }
}
