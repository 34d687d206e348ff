//! Character sets of `text/plain` (RFC 2046 §4.1.2).

use std::borrow::Cow;

/// Why octets are no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CharsetError {
    /// The character set is none that we know.
    Unknown,
    /// The octets are not in the character set that they claim to be in.
    Malformed,
}

/// A character set that we know.
#[derive(Clone, Copy)]
enum Charset {
    Utf8,
    /// One octet, one character: as in ISO-8859-1 but for these.
    SingleOctet(&'static [(u8, Option<char>)]),
    /// Big-endian unless a byte order mark says otherwise (RFC 2781 §4.3).
    Utf16,
    Utf16Be,
    Utf16Le,
}

/// Names without regard to case, as IANA lists them and as they are met.
const CHARSETS: &[(&str, Charset)] = &[
    ("utf-8", Charset::Utf8),
    ("utf8", Charset::Utf8),
    // UTF-8 where only its first 128 characters occur. More, under that name, is UTF-8 in practice.
    ("us-ascii", Charset::Utf8),
    ("ascii", Charset::Utf8),
    ("iso-8859-1", Charset::SingleOctet(&[])),
    ("iso8859-1", Charset::SingleOctet(&[])),
    ("iso_8859-1", Charset::SingleOctet(&[])),
    ("latin1", Charset::SingleOctet(&[])),
    ("iso-8859-15", Charset::SingleOctet(ISO_8859_15)),
    ("iso8859-15", Charset::SingleOctet(ISO_8859_15)),
    ("iso_8859-15", Charset::SingleOctet(ISO_8859_15)),
    ("latin-9", Charset::SingleOctet(ISO_8859_15)),
    ("windows-1252", Charset::SingleOctet(WINDOWS_1252)),
    ("cp1252", Charset::SingleOctet(WINDOWS_1252)),
    ("utf-16", Charset::Utf16),
    ("utf-16be", Charset::Utf16Be),
    ("utf-16le", Charset::Utf16Le),
];

#[rustfmt::skip]
const ISO_8859_15: &[(u8, Option<char>)] = &[
    (0xa4, Some('€')), (0xa6, Some('Š')), (0xa8, Some('š')), (0xb4, Some('Ž')),
    (0xb8, Some('ž')), (0xbc, Some('Œ')), (0xbd, Some('œ')), (0xbe, Some('Ÿ')),
];

#[rustfmt::skip]
const WINDOWS_1252: &[(u8, Option<char>)] = &[
    (0x80, Some('€')), (0x81, None),      (0x82, Some('‚')), (0x83, Some('ƒ')),
    (0x84, Some('„')), (0x85, Some('…')), (0x86, Some('†')), (0x87, Some('‡')),
    (0x88, Some('ˆ')), (0x89, Some('‰')), (0x8a, Some('Š')), (0x8b, Some('‹')),
    (0x8c, Some('Œ')), (0x8d, None),      (0x8e, Some('Ž')), (0x8f, None),
    (0x90, None),      (0x91, Some('‘')), (0x92, Some('’')), (0x93, Some('“')),
    (0x94, Some('”')), (0x95, Some('•')), (0x96, Some('–')), (0x97, Some('—')),
    (0x98, Some('˜')), (0x99, Some('™')), (0x9a, Some('š')), (0x9b, Some('›')),
    (0x9c, Some('œ')), (0x9d, None),      (0x9e, Some('ž')), (0x9f, Some('Ÿ')),
];

/// The text that `octets` are in `charset`, without a byte order mark. Where no character set is named
/// it is UTF-8, as everywhere in SIP (RFC 3261 §7.1).
pub fn decode_text<'t>(
    octets: &'t [u8],
    charset: Option<&str>,
) -> Result<Cow<'t, str>, CharsetError> {
    let charset = match charset.map(str::trim) {
        None => Charset::Utf8,
        Some(name) => CHARSETS
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, charset)| *charset)
            .ok_or(CharsetError::Unknown)?,
    };
    match charset {
        Charset::Utf8 => utf8(octets),
        Charset::SingleOctet(_) if octets.is_ascii() => utf8(octets),
        Charset::SingleOctet(exceptions) => octets
            .iter()
            .map(|&octet| {
                let exception = exceptions.iter().find(|(code, _)| *code == octet);
                exception.map_or(Some(char::from(octet)), |(_, c)| *c)
            })
            .collect::<Option<String>>()
            .map(Cow::Owned),
        Charset::Utf16 => match octets {
            [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
            _ => utf16(octets, u16::from_be_bytes),
        },
        Charset::Utf16Be => utf16(octets, u16::from_be_bytes),
        Charset::Utf16Le => utf16(octets, u16::from_le_bytes),
    }
    .ok_or(CharsetError::Malformed)
}

fn utf8(octets: &[u8]) -> Option<Cow<'_, str>> {
    let text = core::str::from_utf8(octets).ok()?;
    Some(Cow::Borrowed(
        text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text),
    ))
}

fn utf16(octets: &[u8], unit: fn([u8; 2]) -> u16) -> Option<Cow<'static, str>> {
    let pairs = octets.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    let units = pairs.filter_map(|pair| pair.try_into().ok()).map(unit);
    let text: String = char::decode_utf16(units).collect::<Result<_, _>>().ok()?;
    Some(Cow::Owned(match text.strip_prefix(BYTE_ORDER_MARK) {
        Some(text) => text.to_owned(),
        None => text,
    }))
}

const BYTE_ORDER_MARK: char = '\u{feff}';

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_in_each_character_set() {
        for (charset, octets, text) in [
            (None, &b"Gr\xc3\xbc\xc3\x9fe"[..], "Grüße"),
            (Some("UTF-8"), b"\xef\xbb\xbfhello", "hello"),
            (Some("us-ascii"), b"hello", "hello"),
            (Some("us-ascii"), b"caf\xc3\xa9", "café"),
            (Some("ISO-8859-1"), b"caf\xe9 \xa4\x80", "café ¤\u{80}"),
            (Some("latin1"), b"hello", "hello"),
            (
                Some(" iso-8859-15 "),
                b"\xa4\xa6\xa8\xb4\xb8\xbc\xbd\xbe\xe9",
                "€ŠšŽžŒœŸé",
            ),
            (
                Some("Windows-1252"),
                b"\x80 \x93caf\xe9\x94 \x9f",
                "€ “café” Ÿ",
            ),
            (Some("utf-16"), b"\0h\x20\xac", "h€"),
            (Some("utf-16"), b"\xfe\xff\0h\x20\xac", "h€"),
            (Some("utf-16"), b"\xff\xfeh\0\xac\x20", "h€"),
            (Some("UTF-16BE"), b"\xd8\x3c\xdf\x89", "🎉"),
            (Some("UTF-16LE"), b"\xff\xfe\x3c\xd8\x89\xdf", "🎉"),
            (Some("utf-16"), b"", ""),
        ] {
            assert_eq!(
                decode_text(octets, charset).as_deref(),
                Ok(text),
                "{charset:?}"
            );
        }
    }

    #[test]
    fn octets_that_are_none_of_its_characters() {
        for (charset, octets) in [
            (None, &b"\xff"[..]),
            (Some("us-ascii"), b"caf\xe9"),
            (Some("windows-1252"), b"\x81"),
            (Some("windows-1252"), b"\x9d"),
            (Some("utf-16"), b"\0h\0"),
            (Some("utf-16be"), b"\xd8\x3c"),
            (Some("utf-16le"), b"\x89\xdf"),
        ] {
            assert_eq!(
                decode_text(octets, charset),
                Err(CharsetError::Malformed),
                "{charset:?}"
            );
        }
        for charset in ["", "koi8-r", "utf-7", "utf-32"] {
            assert_eq!(decode_text(b"x", Some(charset)), Err(CharsetError::Unknown));
        }
    }

    #[test]
    fn the_tables_are_in_order() {
        for table in [ISO_8859_15, WINDOWS_1252] {
            assert!(table.is_sorted_by_key(|(code, _)| *code));
        }
        assert_eq!(WINDOWS_1252.len(), 32);
    }
}
