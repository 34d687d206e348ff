//! Header fields of SIP: lists, name-addr, tags, quoted strings.

use std::borrow::Cow;

use crate::mime::{cut, parameters, until};

/// The elements of a list, between commas.
pub(super) fn elements(list: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(list);
    core::iter::from_fn(move || {
        let list = rest?;
        let (element, after) = match outside(list, b',') {
            Some(at) => (list.get(..at)?, list.get(at + 1..)),
            None => (list, None),
        };
        rest = after;
        Some(element.trim_ascii())
    })
}

/// Position of the first `mark` (an ASCII character) outside quoted strings and angle brackets.
fn outside(text: &str, mark: u8) -> Option<usize> {
    let (mut quoted, mut escaped, mut bracketed) = (false, false, false);
    text.bytes().position(|octet| {
        let found = octet == mark && !quoted && !bracketed;
        match octet {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' if !bracketed => quoted = !quoted,
            b'<' | b'>' if !quoted => bracketed = octet == b'<',
            _ => {}
        }
        found
    })
}

/// URI and parameters of a From, To or Contact (RFC 3261 §20.10): `"Name" <URI>;parameters` or
/// `URI;parameters`.
pub(super) fn split_name_addr(value: &str) -> Option<(&str, &str)> {
    let (uri, parameters) = match outside(value, b'<') {
        Some(at) => cut(value.get(at + 1..)?, b'>')?,
        None => value.split_at(until(value, |octet| octet == b';').len()),
    };
    Some((uri.trim_ascii(), parameters))
}

/// The URI of a From, To or Contact.
pub fn uri_of(value: &str) -> Option<&str> {
    split_name_addr(value).map(|(uri, _)| uri)
}

/// The value of Route for requests of the caller, from Record-Route in the answer (RFC 3261 §12.1.2): the URIs in reverse order.
pub fn caller_routes(record_route: &str) -> String {
    let mut routes: Vec<&str> = elements(record_route)
        .filter(|element| !element.is_empty())
        .collect();
    routes.reverse();
    routes.join(", ")
}

/// The tag of a From or To (RFC 3261 §19.3).
pub fn tag(value: &str) -> Option<Cow<'_, str>> {
    let (_, rest) = split_name_addr(value)?;
    parameters(rest)
        .find(|(name, _)| name.eq_ignore_ascii_case("tag"))
        .map(|(_, value)| value)
}

/// The URIs of a P-Asserted-Identity (RFC 3325 §9.1) or a P-Associated-URI (RFC 7315 §4.1): a list of name-addr, or
/// one URI without angle brackets.
pub fn asserted(value: &str) -> impl Iterator<Item = &str> {
    // Most have one URI and nothing else. A URI without angle brackets may contain a comma.
    let within = value
        .strip_prefix('<')
        .and_then(|uri| uri.strip_suffix('>'));
    let has_mark = |text: &str| {
        text.bytes()
            .any(|octet| matches!(octet, b'<' | b'>' | b'"'))
    };
    let (alone, list) = match within {
        Some(uri) if !has_mark(uri) => (Some(uri.trim_ascii()), ""),
        _ if value.contains('<') => (None, value),
        _ => (Some(value), ""),
    };
    let uri = |element| split_name_addr(element).map(|(uri, _)| uri);
    let list = elements(list).filter(|element| !element.is_empty());
    alone.into_iter().chain(list.filter_map(uri))
}

/// Appends `text` as a quoted string (RFC 3261 §25.1). A control character becomes a space, so that no text can end
/// its header field.
pub fn push_quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_identity_or_two() {
        let all = |value| asserted(value).collect::<Vec<_>>();
        let two = "\"Alice, <A>\" <sip:a,b@x>;x=y , <tel:+1555>";
        assert_eq!(all(two), ["sip:a,b@x", "tel:+1555"]);
        assert_eq!(all("sip:a,b@x"), ["sip:a,b@x"]);
        assert_eq!(all("< sip:a,b@x >"), ["sip:a,b@x"]);
        assert_eq!(all("<sip:a@x>,<sip:b@x>"), ["sip:a@x", "sip:b@x"]);
        assert_eq!(all("<sip:a"), [""; 0]);
    }

    #[test]
    fn no_text_can_end_a_quoted_string() {
        let mut out = String::new();
        push_quoted(&mut out, "a\"<sip:b>;\\\r\nVia: x\0\u{85}é");
        assert_eq!(out, "\"a\\\"<sip:b>;\\\\  Via: x  é\"");
    }
}
