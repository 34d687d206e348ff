//! The characters of XML 1.0: names, blanks, references, and text that is written.

use std::borrow::Cow;

use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::BytesRef;

use crate::base::EncodeError;

/// The character that a reference in text stands for (XML 1.0 §4.1, §4.6).
pub(super) fn referenced(reference: &BytesRef<'_>) -> Option<Cow<'static, str>> {
    if let Some(predefined) = resolve_xml_entity(reference) {
        return Some(Cow::Borrowed(predefined));
    }
    let character = reference.resolve_char_ref().ok().flatten();
    character
        .filter(|&c| is_char(c))
        .map(|c| Cow::Owned(c.to_string()))
}

/// Appends `text` as character data or as a quoted attribute value. Characters that XML 1.0 does not allow (§2.2) are
/// an error.
pub(crate) fn push_text(
    out: &mut String,
    element: &'static str,
    text: &str,
) -> Result<(), EncodeError> {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // An XML reader would change CR to LF (§2.11).
            '\r' => out.push_str("&#13;"),
            c if is_char(c) => out.push(c),
            _ => return Err(EncodeError::NotRepresentable { element }),
        }
    }
    Ok(())
}

/// Whether this is a valid name of an element or an attribute. quick-xml does not check it.
pub(super) fn is_name(name: &str) -> bool {
    let has_parts = !name.is_empty() && !name.starts_with(':') && !name.ends_with(':');
    let is_illegal = |octet| {
        matches!(
            octet,
            0..=b' ' | b'<' | b'>' | b'/' | b'=' | b'"' | b'\'' | b'&' | b'!' | b'?'
        )
    };
    has_parts && !name.bytes().any(is_illegal)
}

pub(super) fn trimmed(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim_matches(is_space)),
        Cow::Owned(text) => Cow::Owned(text.trim_matches(is_space).to_owned()),
    }
}

/// White space (XML 1.0 §2.3).
pub(super) const fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

/// A character that may stand in a document (XML 1.0 §2.2).
pub(super) const fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{fffd}' | '\u{1_0000}'..)
}
