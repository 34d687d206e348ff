//! Content-Transfer-Encoding (RFC 2045 §6).

use std::borrow::Cow;

use crate::base::hex_digit;

/// Why a body cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferEncodingError {
    /// The encoding is unknown.
    Unknown,
    /// The body is not valid in its encoding.
    Malformed,
}

/// Decodes a body from the Content-Transfer-Encoding `encoding`.
pub fn transfer_decoded<'b>(
    encoding: Option<&str>,
    body: &'b [u8],
) -> Result<Cow<'b, [u8]>, TransferEncodingError> {
    let Some(encoding) = encoding.map(str::trim_ascii) else {
        return Ok(Cow::Borrowed(body));
    };
    let is = |name: &str| encoding.eq_ignore_ascii_case(name);
    let decoded = if is("binary") || is("8bit") || is("7bit") {
        return Ok(Cow::Borrowed(body));
    } else if is("base64") {
        base64(body)
    } else if is("quoted-printable") {
        quoted_printable(body)
    } else {
        return Err(TransferEncodingError::Unknown);
    };
    decoded
        .map(Cow::Owned)
        .ok_or(TransferEncodingError::Malformed)
}

/// Decodes base64 (RFC 4648 §4). Line breaks and spaces are skipped; `None` for any other character.
pub fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let mut symbols = text
        .iter()
        .copied()
        .filter(|octet| !octet.is_ascii_whitespace())
        .peekable();
    let mut group = 0_u32;
    let mut bits = 0_u32;
    while let Some(symbol) = symbols.next_if(|&symbol| symbol != b'=') {
        let value = match symbol {
            b'A'..=b'Z' => symbol - b'A',
            b'a'..=b'z' => symbol - b'a' + 26,
            b'0'..=b'9' => symbol - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        group = (group << 6 | u32::from(value)) & 0xffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.extend(group.checked_shr(bits).map(|octet| octet.to_le_bytes()[0]));
        }
    }
    // The rest is padding: at most two signs, and only after an incomplete group.
    let padding = symbols.try_fold(0, |count, symbol| (symbol == b'=').then_some(count + 1))?;
    (bits < 6 && padding <= 2).then_some(out)
}

/// Decodes quoted-printable (RFC 2045 §6.7). `None` for a broken escape, a control character, or an octet above 126.
pub fn quoted_printable(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    for line in text.split_inclusive(|&octet| octet == b'\n') {
        let (line, end) = match line {
            [line @ .., b'\r', b'\n'] => (line, &b"\r\n"[..]),
            [line @ .., b'\n'] => (line, &b"\n"[..]),
            line => (line, &b""[..]),
        };
        // Spaces at the end of a line were added in transport (rule 3).
        let (line, end) = match line.trim_ascii_end() {
            // A soft line break (rule 5).
            [line @ .., b'='] => (line, &b""[..]),
            line => (line, end),
        };
        let mut octets = line.iter().copied();
        while let Some(octet) = octets.next() {
            out.push(match octet {
                // Lower case is not allowed by RFC 2045, but common.
                b'=' => hex_digit(octets.next()?)? << 4 | hex_digit(octets.next()?)?,
                b'\t' | b' '..=b'~' => octet,
                _ => return None,
            });
        }
        out.extend_from_slice(end);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_as_rfc_4648_section_10() {
        for (text, octets) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9v\r\nYmE=\r\n", "fooba"),
            ("Zm9vYmFy", "foobar"),
            ("Zm8", "fo"),
        ] {
            assert_eq!(
                base64(text.as_bytes()).as_deref(),
                Some(octets.as_bytes()),
                "{text}"
            );
        }
        assert_eq!(base64(b"/+8="), Some(vec![0xff, 0xef]));
        for text in ["Z", "Zm9vY", "Zm9v!", "Z===", "Zg==Zg", "\0"] {
            assert_eq!(base64(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn quoted_printable_as_rfc_2045_section_6_7() {
        for (text, octets) in [
            (&b""[..], &b""[..]),
            (b"=0D=0A", b"\r\n"),
            (b"caf=C3=a9 =3D  \t\r\nnext \t", b"caf\xc3\xa9 =\r\nnext"),
            (
                b"Now's the time =\r\nfor all folk to come=\n to the aid",
                b"Now's the time for all folk to come to the aid",
            ),
            (b"keeps =20\r\n\r\n", b"keeps  \r\n\r\n"),
            (b"=00=FF=  \r\n", b"\x00\xff"),
        ] {
            assert_eq!(quoted_printable(text).as_deref(), Some(octets));
        }
        for text in [
            &b"=4"[..],
            b"=G0",
            b"=+1",
            b"a=\rb",
            b"\0",
            b"\xe9",
            b"a\rb",
            b"\x7f",
        ] {
            assert_eq!(quoted_printable(text), None, "{text:?}");
        }
    }

    #[test]
    fn each_encoding_by_its_name() {
        for (encoding, decoded) in [
            (None, Ok(&b"Zg=="[..])),
            (Some("BINARY"), Ok(b"Zg==")),
            (Some("8bit"), Ok(b"Zg==")),
            (Some(" 7Bit "), Ok(b"Zg==")),
            (Some("Base64"), Ok(b"f")),
            (
                Some("quoted-printable"),
                Err(TransferEncodingError::Malformed),
            ),
            (Some("x-uuencode"), Err(TransferEncodingError::Unknown)),
            (Some(""), Err(TransferEncodingError::Unknown)),
        ] {
            assert_eq!(
                transfer_decoded(encoding, b"Zg==")
                    .as_deref()
                    .map_err(|e| *e),
                decoded
            );
        }
    }
}
