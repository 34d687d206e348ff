//! Character sets of `text/plain` (RFC 2046 §4.1.2).

use std::borrow::Cow;

use encoding_rs::Encoding;

/// Content-Type of text in UTF-8.
pub const UTF8_TEXT_TYPE: &str = "text/plain;charset=UTF-8";

/// Why octets cannot be decoded as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CharsetError {
    /// The character set is unknown.
    Unknown,
    /// The octets are not valid in the character set.
    Malformed,
}

/// How text is read.
#[derive(Clone, Copy)]
enum Charset {
    /// With or without a byte order mark.
    Utf8,
    /// Each octet is the character with that number.
    Iso88591,
    /// Big-endian unless a byte order mark says otherwise (RFC 2781 §4.3).
    Utf16,
    /// As the WHATWG Encoding Standard defines it.
    Listed(&'static Encoding),
}

/// Names, in any case: those that IANA lists, and others in use. All other names are those of the WHATWG Encoding
/// Standard. That standard reads ISO-8859-1 as windows-1252, so the names here are looked up first.
const CHARSETS: &[(&str, Charset)] = &[
    ("utf-8", Charset::Utf8),
    ("utf8", Charset::Utf8),
    // US-ASCII is a part of UTF-8. Bodies that claim US-ASCII and have more characters are UTF-8 in practice.
    ("us-ascii", Charset::Utf8),
    ("ascii", Charset::Utf8),
    ("iso-8859-1", Charset::Iso88591),
    ("iso8859-1", Charset::Iso88591),
    ("iso_8859-1", Charset::Iso88591),
    ("latin1", Charset::Iso88591),
    ("iso8859-15", Charset::Listed(encoding_rs::ISO_8859_15)),
    ("iso_8859-15", Charset::Listed(encoding_rs::ISO_8859_15)),
    ("latin-9", Charset::Listed(encoding_rs::ISO_8859_15)),
    ("utf-16", Charset::Utf16),
    ("utf-16be", Charset::Listed(encoding_rs::UTF_16BE)),
    ("utf-16le", Charset::Listed(encoding_rs::UTF_16LE)),
    ("iso-10646-ucs-2", Charset::Utf16),
    ("ucs-2", Charset::Utf16),
    ("cp932", Charset::Listed(encoding_rs::SHIFT_JIS)),
    ("cp936", Charset::Listed(encoding_rs::GBK)),
    ("cp949", Charset::Listed(encoding_rs::EUC_KR)),
    ("uhc", Charset::Listed(encoding_rs::EUC_KR)),
    ("cp950", Charset::Listed(encoding_rs::BIG5)),
    ("cp51932", Charset::Listed(encoding_rs::EUC_JP)),
];

/// Decodes `octets` in `charset`; a byte order mark is removed. Without a charset, the text is UTF-8, as everywhere
/// in SIP (RFC 3261 §7.1).
pub fn decode_text<'t>(
    octets: &'t [u8],
    charset: Option<&str>,
) -> Result<Cow<'t, str>, CharsetError> {
    let charset = match charset.map(str::trim) {
        None => Charset::Utf8,
        Some(name) => charset_of(name).ok_or(CharsetError::Unknown)?,
    };
    let text = match charset {
        Charset::Utf8 => core::str::from_utf8(octets).ok().map(Cow::Borrowed),
        Charset::Iso88591 => Some(encoding_rs::mem::decode_latin1(octets)),
        Charset::Utf16 if octets.starts_with(b"\xff\xfe") => listed(encoding_rs::UTF_16LE, octets),
        Charset::Utf16 => listed(encoding_rs::UTF_16BE, octets),
        Charset::Listed(encoding) => listed(encoding, octets),
    };
    match text.ok_or(CharsetError::Malformed)? {
        Cow::Borrowed(text) => Ok(text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text).into()),
        Cow::Owned(mut text) => {
            if text.starts_with(BYTE_ORDER_MARK) {
                text.remove(0);
            }
            Ok(text.into())
        }
    }
}

fn listed<'t>(encoding: &'static Encoding, octets: &'t [u8]) -> Option<Cow<'t, str>> {
    encoding
        .decode_without_bom_handling_and_without_replacement(octets)
        .filter(|text| !has_undefined(encoding, text))
}

fn charset_of(name: &str) -> Option<Charset> {
    let own = CHARSETS
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name));
    if let Some((_, charset)) = own {
        return Some(*charset);
    }
    let listed = Encoding::for_label_no_replacement(name.as_bytes())?;
    // The standard has further names for these: this module reads them by its own rules.
    if listed == encoding_rs::UTF_8 {
        Some(Charset::Utf8)
    } else if listed == encoding_rs::UTF_16BE || listed == encoding_rs::UTF_16LE {
        Some(Charset::Utf16)
    } else if listed == encoding_rs::X_USER_DEFINED {
        None
    } else {
        Some(Charset::Listed(listed))
    }
}

/// Whether an octet had no character in this Windows code page: the WHATWG Encoding Standard decodes such an octet as
/// a control character. (ISO-8859-x really has these control characters.)
fn has_undefined(encoding: &'static Encoding, text: &str) -> bool {
    encoding.name().starts_with("windows-") && text.contains(|c| matches!(c, '\u{80}'..='\u{9f}'))
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
            (Some("UCS-2"), b"\0h", "h"),
            (Some("GB2312"), b"\xc4\xe3\xba\xc3", "你好"),
            (Some("gbk"), b"\xc4\xe3\xba\xc3\x80", "你好€"),
            (Some("gb18030"), b"\xc4\xe3\x94\x39\xda\x33", "你💩"),
            (Some("windows-1251"), b"\xcf\xf0\xe8\xe2\xe5\xf2", "Привет"),
            (Some("cp1251"), b"\xb8", "ё"),
            (Some("KOI8-R"), b"\xf0\xd2\xc9\xd7\xc5\xd4", "Привет"),
            (Some("koi8-u"), b"\xa6\xa7", "ії"),
            (Some("Shift_JIS"), b"\x82\xb1\x82\xf1\xb1", "こんｱ"),
            (Some("cp932"), b"\x87\x40", "①"),
            (Some("euc-jp"), b"\xa4\xb3\x8e\xb1", "こｱ"),
            (Some("iso-2022-jp"), b"a\x1b$B$3\x1b(Bb", "aこb"),
            (Some("EUC-KR"), b"\xbe\xc8\xb3\xe7", "안녕"),
            (Some("ks_c_5601-1987"), b"\xbe\xc8", "안"),
            (Some("CP949"), b"\x8c\x63", "똠"),
            (Some("Big5"), b"\xa7\x41\xa6\x6e", "你好"),
            (Some("windows-1250"), b"\x8a\xf8", "Šř"),
            (Some("windows-1253"), b"\xe1", "α"),
            (Some("windows-1254"), b"\xfd", "ı"),
            (Some("windows-1255"), b"\xf9", "ש"),
            (Some("windows-1256"), b"\xe3", "م"),
            (Some("windows-1257"), b"\xe7", "ē"),
            (Some("windows-1258"), b"\xd0", "Đ"),
            (Some("windows-874"), b"\xa1", "ก"),
            (Some("tis-620"), b"\xa1", "ก"),
            (Some("iso-8859-2"), b"\xb9", "š"),
            (Some("iso-8859-5"), b"\xbf", "П"),
            (Some("iso-8859-7"), b"\xe1", "α"),
            (Some("iso-8859-9"), b"\xfd", "ı"),
            (Some("iso-8859-6"), b"\xe5", "م"),
            (Some("iso-8859-8-i"), b"\xf9", "ש"),
            (Some("iso-8859-2"), b"\x85", "\u{85}"),
            (Some("macintosh"), b"\x8e", "é"),
            (Some("ibm866"), b"\x8f", "П"),
        ] {
            assert_eq!(
                decode_text(octets, charset).as_deref(),
                Ok(text),
                "{charset:?}"
            );
        }
    }

    #[test]
    fn octets_without_a_character() {
        for (charset, octets) in [
            (None, &b"\xff"[..]),
            (Some("us-ascii"), b"caf\xe9"),
            (Some("windows-1252"), b"\x81"),
            (Some("windows-1252"), b"\x9d"),
            (Some("utf-16"), b"\0h\0"),
            (Some("utf-16be"), b"\xd8\x3c"),
            (Some("utf-16le"), b"\x89\xdf"),
            (Some("windows-1251"), b"a\x98"),
            (Some("windows-1253"), b"\xaa"),
            (Some("windows-1255"), b"\x81"),
            (Some("x-cp1252"), b"\x81"),
            (Some("gb2312"), b"\xc4"),
            (Some("gbk"), b"\xff\xff"),
            (Some("gb18030"), b"\x94\x39"),
            (Some("shift_jis"), b"\x82"),
            (Some("euc-jp"), b"\xa4"),
            (Some("iso-2022-jp"), b"\x1b$B$"),
            (Some("euc-kr"), b"\xbe\x20"),
            (Some("big5"), b"\xa7"),
            (Some("iso-8859-7"), b"\xae"),
        ] {
            assert_eq!(
                decode_text(octets, charset),
                Err(CharsetError::Malformed),
                "{charset:?}"
            );
        }
        for charset in [
            "",
            "utf-7",
            "utf-32",
            "iso-2022-kr",
            "hz-gb-2312",
            "replacement",
            "x-user-defined",
            "koi8-x",
        ] {
            assert_eq!(decode_text(b"x", Some(charset)), Err(CharsetError::Unknown));
        }
    }
}
