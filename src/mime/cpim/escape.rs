//! Escapes for characters that a header line cannot carry (RFC 3862 §2.3).

use std::borrow::Cow;

/// Decodes the escapes in the value of a header field (RFC 3862 §2.3). `\u` escapes are UTF-16; a surrogate without
/// its other half becomes U+FFFD.
pub(super) fn unescaped(value: &str) -> Cow<'_, str> {
    if !value.contains('\\') {
        return Cow::Borrowed(value);
    }
    let mut units: Vec<u16> = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((before, escape)) = rest.split_once('\\') {
        units.extend(before.encode_utf16());
        if let Some((unit, after)) = utf16_unit(escape) {
            units.push(unit);
            rest = after;
            continue;
        }
        let mut chars = escape.chars();
        if let Some(c) = chars.next() {
            let c = match c {
                'b' => '\u{8}',
                't' => '\t',
                'n' => '\n',
                'r' => '\r',
                other => other,
            };
            units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
        }
        rest = chars.as_str();
    }
    units.extend(rest.encode_utf16());
    let chars = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER));
    Cow::Owned(chars.collect())
}

/// Reads `uxxxx` after a backslash; returns the UTF-16 unit and the rest.
fn utf16_unit(text: &str) -> Option<(u16, &str)> {
    let (digits, rest) = text.strip_prefix('u')?.split_at_checked(4)?;
    // from_str_radix would accept a sign.
    let all = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let unit = u16::from_str_radix(digits, 16).ok()?;
    all.then_some((unit, rest))
}

/// Appends `text` and escapes only the characters that a header cannot carry (RFC 3862 §2.3.1); in a quoted string
/// also the quote.
pub(super) fn push_escaped(out: &mut String, text: &str, quoted: bool) {
    use core::fmt::Write as _;
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' if quoted => out.push_str("\\\""),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c if c.is_ascii_control() => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        for (value, text) in [
            ("\\\\n\\n\\r\\t\\b\\\"\\'", "\\n\n\r\t\u{8}\"'"),
            ("\\u00e9\\u00E9", "éé"),
            ("\\ud83c\\udf89", "🎉"),
            ("\\ud83c!", "\u{fffd}!"),
            ("\\q\\u12\\u+123", "qu12u+123"),
            ("end\\", "end"),
        ] {
            assert_eq!(unescaped(value), text, "{value}");
        }
        let mut out = String::new();
        push_escaped(&mut out, "\\\"'\n\r\t\u{8}\0\u{7f}é🎉", true);
        assert_eq!(out, "\\\\\\\"'\\n\\r\\t\\b\\u0000\\u007fé🎉");
    }
}
