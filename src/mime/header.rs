//! Syntax of header fields that MIME, CPIM and SIP share: blocks of fields, values, parameters.

use std::borrow::Cow;

/// The value of the header field `name` in a block of header lines (RFC 5322 §2.2). Of a folded value only the first
/// line is returned: the fields that are looked up here are short.
pub(crate) fn field<'a>(block: &'a str, name: &str) -> Option<&'a str> {
    block.split("\r\n").find_map(|line| {
        let (field, value) = line.split_once(':')?;
        field
            .trim_end()
            .eq_ignore_ascii_case(name)
            .then(|| value.trim())
    })
}

/// All header fields of a block of header lines; folded values are joined (RFC 3261 §7.3.1).
pub fn fields(block: &str) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
    let mut lines = block.lines().peekable();
    core::iter::from_fn(move || {
        loop {
            let Some((name, value)) = lines.next()?.split_once(':') else {
                continue;
            };
            let mut value = Cow::Borrowed(value.trim());
            while let Some(folded) = lines.next_if(|line| line.starts_with([' ', '\t'])) {
                let value = value.to_mut();
                value.push(' ');
                value.push_str(folded.trim());
            }
            return Some((name.trim_end(), value));
        }
    })
}

/// The text before and after the first `mark`, an ASCII character. For short texts such as URIs, faster than
/// `str::split_once`.
pub(crate) fn cut(text: &str, mark: u8) -> Option<(&str, &str)> {
    let at = text.bytes().position(|octet| octet == mark)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// The text before the first ASCII character for which `is_mark` holds, or the whole text.
pub(crate) fn until(text: &str, is_mark: impl Fn(u8) -> bool) -> &str {
    let end = text.bytes().position(is_mark);
    end.and_then(|end| text.get(..end)).unwrap_or(text)
}

/// The parameters `;name=value;name` of a header field; values without their quotes.
pub(crate) fn parameters(text: &str) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
    let mut rest = text;
    core::iter::from_fn(move || {
        rest = rest.trim_start_matches(|c: char| c == ';' || c.is_ascii_whitespace());
        let (name, after) = rest.split_at(rest.find(['=', ';']).unwrap_or(rest.len()));
        let value;
        (value, rest) = match after.strip_prefix('=') {
            Some(after) => token_or_quoted(after.trim_start()),
            None => (Cow::Borrowed(""), after),
        };
        (!name.is_empty() || !rest.is_empty()).then_some((name.trim_end(), value))
    })
}

/// A token or quoted string at the beginning of `text`, and the rest.
fn token_or_quoted(text: &str) -> (Cow<'_, str>, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let (token, after) = text.split_once(';').unwrap_or((text, ""));
        return (Cow::Borrowed(token.trim_end()), after);
    };
    let mut unescaped = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                let after = quoted.get(at + 1..).unwrap_or_default();
                return match quoted.get(..at) {
                    // Nothing was escaped.
                    Some(plain) if plain.len() == unescaped.len() => (Cow::Borrowed(plain), after),
                    _ => (Cow::Owned(unescaped), after),
                };
            }
            '\\' => unescaped.extend(chars.next().map(|(_, c)| c)),
            c => unescaped.push(c),
        }
    }
    (Cow::Owned(unescaped), "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_field() {
        let block = "A: 1\r\nContent-Type : text/plain \r\nb:2";
        assert_eq!(field(block, "content-type"), Some("text/plain"));
        assert_eq!(field(block, "B"), Some("2"));
        assert_eq!(field(block, "C"), None);
    }

    #[test]
    fn all_fields_with_folded_values_joined() {
        let block = "REGISTER sip:x SIP/2.0\r\nA: 1\r\n\t 2 \r\nno field\r\nb :\r\n3\nA:4";
        let all: Vec<_> = fields(block).skip(1).collect();
        let expected = [("A", "1 2"), ("b", ""), ("A", "4")];
        assert_eq!(
            all,
            expected.map(|(name, value)| (name, Cow::Borrowed(value)))
        );
    }

    #[test]
    fn parameters_with_and_without_values() {
        let all = |text| -> Vec<_> { parameters(text).collect() };
        let expected = [
            ("a", ""),
            ("b", "x"),
            ("+c", "1;2,\"3"),
            ("d", ""),
            ("e", "5"),
        ];
        assert_eq!(
            all(";a;b= x ; +c=\"1;2,\\\"3\" ;; d;e=5"),
            expected.map(|(name, value)| (name, Cow::Borrowed(value)))
        );
        assert_eq!(all(""), []);
        assert_eq!(all(" ;; "), []);
        assert_eq!(all("a=\"open"), [("a", Cow::Borrowed("open"))]);
    }
}
