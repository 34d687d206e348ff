//! Content-Encoding (RFC 3261 §20.12): compressed bodies.

use std::borrow::Cow;

use flate2::{Crc, Decompress, FlushDecompress, Status};

/// Why a body cannot be decompressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentEncodingError {
    /// An encoding that is not supported.
    Unknown,
    /// The octets are not valid in their encoding.
    Malformed,
    /// The decompressed body is too large.
    TooLarge,
}

/// The largest number of octets of a decompressed body: 64 KiB, about as many as the largest UDP datagram has.
const MAX_OCTETS: usize = 64 * 1024;

/// Largest compression ratio. Texts and XML documents stay below 20.
const MAX_RATIO: usize = 32;

/// Up to this many decompressed octets, any ratio is allowed: a short text may repeat one character.
const ANY_RATIO: usize = 8 * 1024;

/// The largest number of encodings of one body.
const MAX_ENCODINGS: usize = 4;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Identity,
    Gzip,
    Deflate,
}

impl Encoding {
    fn of(name: &str) -> Option<Self> {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        if is("identity") {
            Some(Self::Identity)
        } else if is("gzip") || is("x-gzip") {
            Some(Self::Gzip)
        } else if is("deflate") {
            Some(Self::Deflate)
        } else {
            None
        }
    }
}

/// The encodings of a body, the one that was applied last first.
fn encodings(list: &str) -> impl Iterator<Item = Option<Encoding>> {
    let names = list.rsplit(',').map(str::trim_ascii);
    names
        .filter(|name| !name.is_empty())
        .map(Encoding::of)
        .filter(|encoding| *encoding != Some(Encoding::Identity))
}

/// Whether the body is compressed: `list` has an encoding other than `identity`.
pub(super) fn is_encoded(list: Option<&str>) -> bool {
    list.is_some_and(|list| encodings(list).next().is_some())
}

/// Whether every encoding of this list is supported.
pub(super) fn is_supported(list: Option<&str>) -> bool {
    list.is_none_or(|list| encodings(list).all(|encoding| encoding.is_some()))
}

/// Decompresses `body` from the encodings in `list`. The size of the result is limited, absolutely and relative to
/// the compressed size.
pub fn content_decoded<'b>(
    list: Option<&str>,
    body: Cow<'b, [u8]>,
) -> Result<Cow<'b, [u8]>, ContentEncodingError> {
    let Some(list) = list else {
        return Ok(body);
    };
    let limit = (body.len() * MAX_RATIO).clamp(ANY_RATIO, MAX_OCTETS);
    let mut octets = body;
    for (done, encoding) in encodings(list).enumerate() {
        let encoding = encoding.ok_or(ContentEncodingError::Unknown)?;
        if done == MAX_ENCODINGS {
            return Err(ContentEncodingError::TooLarge);
        }
        octets = Cow::Owned(match encoding {
            Encoding::Identity => continue,
            Encoding::Gzip => gunzipped(&octets, limit)?,
            Encoding::Deflate => undeflated(&octets, limit)?,
        });
    }
    Ok(octets)
}

/// `deflate` is the zlib format (RFC 9110 §8.4.1.2). Some senders omit its header and checksum.
fn undeflated(octets: &[u8], limit: usize) -> Result<Vec<u8>, ContentEncodingError> {
    let whole = |has_header| {
        let (unpacked, rest) = inflated(octets, has_header, limit)?;
        // A line end after the compressed data is ignored.
        match rest.trim_ascii().is_empty() {
            true => Ok(unpacked),
            false => Err(ContentEncodingError::Malformed),
        }
    };
    match whole(true) {
        Err(ContentEncodingError::Malformed) => whole(false),
        result => result,
    }
}

/// One gzip member or several (RFC 1952 §2.2).
fn gunzipped(octets: &[u8], limit: usize) -> Result<Vec<u8>, ContentEncodingError> {
    let mut all = Vec::new();
    let mut rest = octets;
    loop {
        let (member, behind) = gzip_member(rest, limit - all.len())?;
        all.extend_from_slice(&member);
        rest = behind;
        if rest.trim_ascii().is_empty() {
            return Ok(all);
        }
    }
}

/// One gzip member, and what follows it.
fn gzip_member(octets: &[u8], limit: usize) -> Result<(Vec<u8>, &[u8]), ContentEncodingError> {
    let malformed = ContentEncodingError::Malformed;
    let packed = behind_gzip_header(octets).ok_or(malformed)?;
    let (unpacked, rest) = inflated(packed, false, limit)?;
    let ([checksum, size], rest) = trailer(rest).ok_or(malformed)?;
    let mut crc = Crc::new();
    crc.update(&unpacked);
    // ISIZE is the size modulo 2^32, which no result reaches.
    let is_whole = crc.sum() == checksum && u32::try_from(unpacked.len()) == Ok(size);
    is_whole.then_some((unpacked, rest)).ok_or(malformed)
}

/// CRC32 and ISIZE, and what follows them.
fn trailer(octets: &[u8]) -> Option<([u32; 2], &[u8])> {
    let (checksum, rest) = octets.split_first_chunk::<4>()?;
    let (size, rest) = rest.split_first_chunk::<4>()?;
    Some(([*checksum, *size].map(u32::from_le_bytes), rest))
}

/// What follows the header of a gzip member (RFC 1952 §2.3).
fn behind_gzip_header(octets: &[u8]) -> Option<&[u8]> {
    const FHCRC: u8 = 0b0_0010;
    const FEXTRA: u8 = 0b0_0100;
    const FNAME: u8 = 0b0_1000;
    const FCOMMENT: u8 = 0b1_0000;
    // ID1, ID2, CM (8: deflate), FLG, MTIME (4 octets), XFL, OS.
    let (header, mut rest) = octets.split_first_chunk::<10>()?;
    let [0x1f, 0x8b, 8, flags, ..] = *header else {
        return None;
    };
    // The upper bits are reserved and must be zero.
    if flags & 0b1110_0000 != 0 {
        return None;
    }
    if flags & FEXTRA != 0 {
        let (length, extra) = rest.split_first_chunk::<2>()?;
        rest = extra.get(usize::from(u16::from_le_bytes(*length))..)?;
    }
    for text in [FNAME, FCOMMENT] {
        if flags & text != 0 {
            let end = rest.iter().position(|octet| *octet == 0)?;
            rest = rest.get(end + 1..)?;
        }
    }
    match flags & FHCRC {
        0 => Some(rest),
        _ => rest.get(2..),
    }
}

/// Decompresses a deflate stream (RFC 1951), with `has_header` in the zlib format (RFC 1950). Returns at most `limit`
/// octets, and the octets after the stream.
fn inflated(
    octets: &[u8],
    has_header: bool,
    limit: usize,
) -> Result<(Vec<u8>, &[u8]), ContentEncodingError> {
    let mut state = Decompress::new(has_header);
    // One more octet than allowed, to see that the limit is exceeded.
    let mut unpacked = Vec::with_capacity((octets.len() * 4).min(limit) + 1);
    let mut rest = octets;
    loop {
        let before = (state.total_in(), state.total_out());
        let result = state.decompress_vec(rest, &mut unpacked, FlushDecompress::None);
        let after = (state.total_in(), state.total_out());
        let read = usize::try_from(after.0 - before.0).unwrap_or(usize::MAX);
        rest = rest.get(read..).unwrap_or_default();
        if unpacked.len() > limit {
            return Err(ContentEncodingError::TooLarge);
        }
        match result {
            Ok(Status::StreamEnd) => return Ok((unpacked, rest)),
            Ok(_) if unpacked.len() == unpacked.capacity() => {
                let more = unpacked.len().min(limit + 1 - unpacked.len());
                unpacked.reserve_exact(more);
            }
            // No progress: the stream is incomplete.
            Ok(_) if before == after => return Err(ContentEncodingError::Malformed),
            Ok(_) => {}
            Err(_) => return Err(ContentEncodingError::Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compress;
    use flate2::{Compression, FlushCompress};

    fn deflated(octets: &[u8], has_header: bool) -> Vec<u8> {
        let mut out = Vec::with_capacity(octets.len() + 64);
        let mut state = Compress::new(Compression::best(), has_header);
        state
            .compress_vec(octets, &mut out, FlushCompress::Finish)
            .unwrap();
        out
    }

    fn gzipped(octets: &[u8], flags: u8, fields: &[u8]) -> Vec<u8> {
        let mut crc = Crc::new();
        crc.update(octets);
        let header = [0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 255];
        let size = u32::try_from(octets.len()).unwrap();
        [
            &header[..],
            fields,
            &deflated(octets, false),
            &crc.sum().to_le_bytes(),
            &size.to_le_bytes(),
        ]
        .concat()
    }

    fn decoded(list: &str, octets: &[u8]) -> Result<Vec<u8>, ContentEncodingError> {
        content_decoded(Some(list), octets.into()).map(Cow::into_owned)
    }

    const TEXT: &[u8] = b"umlauts: gr\xc3\xbc\xc3\x9fe, \0 and all octets";

    #[test]
    fn each_encoding_and_several() {
        let zlib = deflated(TEXT, true);
        for (list, octets) in [
            ("deflate", zlib.clone()),
            ("Deflate ", [&zlib[..], b"\r\n"].concat()),
            ("deflate", deflated(TEXT, false)),
            ("gzip", gzipped(TEXT, 0, b"")),
            (
                "X-GZIP",
                gzipped(TEXT, 0b1_1110, b"\x02\0abname\0comment\0hc"),
            ),
            ("gzip", gzipped(TEXT, 0b0_1000, b"name\0")),
            ("identity", TEXT.to_vec()),
            ("", TEXT.to_vec()),
            (" , identity,", TEXT.to_vec()),
            ("identity, deflate", zlib.clone()),
            ("deflate, gzip", gzipped(&zlib, 0, b"")),
            ("gzip,deflate", deflated(&gzipped(TEXT, 0, b""), true)),
        ] {
            assert_eq!(decoded(list, &octets).as_deref(), Ok(TEXT), "{list}");
        }
        let two = [gzipped(b"one ", 0, b""), gzipped(b"two", 0, b"")].concat();
        assert_eq!(decoded("gzip", &two).as_deref(), Ok(&b"one two"[..]));
        assert_eq!(
            decoded("deflate", &deflated(b"", true)).as_deref(),
            Ok(&b""[..])
        );
    }

    #[test]
    fn identity_copies_nothing() {
        for list in [None, Some("identity")] {
            let same = content_decoded(list, TEXT.into()).unwrap();
            assert!(matches!(same, Cow::Borrowed(_)));
            assert!(!is_encoded(list) && is_supported(list));
        }
        assert!(is_encoded(Some("br")) && !is_supported(Some("gzip, br")));
        assert!(is_encoded(Some("gzip")) && is_supported(Some("gzip")));
    }

    #[test]
    fn invalid_octets_are_refused() {
        use ContentEncodingError::{Malformed, TooLarge, Unknown};
        let zlib = deflated(TEXT, true);
        let gzip = gzipped(TEXT, 0, b"");
        let mut wrong_sum = gzip.clone();
        wrong_sum[gzip.len() - 8] ^= 1;
        let mut wrong_size = gzip.clone();
        wrong_size[gzip.len() - 1] ^= 1;
        let mut reserved = gzip.clone();
        reserved[3] = 0b1000_0000;
        let mut wrong_adler = zlib.clone();
        wrong_adler[zlib.len() - 1] ^= 1;
        for (list, octets, error) in [
            ("br", TEXT, Unknown),
            ("compress", TEXT, Unknown),
            ("gzip, br", &gzip, Unknown),
            ("deflate", TEXT, Malformed),
            ("deflate", b"", Malformed),
            ("gzip", b"", Malformed),
            ("gzip", &zlib, Malformed),
            ("deflate", &gzip, Malformed),
            ("deflate", &wrong_adler, Malformed),
            ("gzip", &wrong_sum, Malformed),
            ("gzip", &wrong_size, Malformed),
            ("gzip", &reserved, Malformed),
            ("deflate", &[&zlib[..], b"x"].concat(), Malformed),
            ("deflate, deflate", &zlib, Malformed),
            ("gzip,gzip,gzip,gzip,gzip", &gzip, Malformed),
        ] {
            assert_eq!(decoded(list, octets), Err(error), "{list}");
        }
        for end in 0..gzip.len() {
            assert_eq!(decoded("gzip", &gzip[..end]), Err(Malformed), "{end}");
        }
        for end in 0..zlib.len() {
            assert_eq!(decoded("deflate", &zlib[..end]), Err(Malformed), "{end}");
        }
        let five = (0..5).fold(TEXT.to_vec(), |octets, _| deflated(&octets, true));
        let list = ["deflate"; 5].join(",");
        assert_eq!(decoded(&list, &five), Err(TooLarge));
    }

    #[test]
    fn a_small_body_cannot_become_a_large_one() {
        let of = |size: usize| vec![b'a'; size];
        let result = |list: &str, octets: &[u8]| decoded(list, octets).map(|all| all.len());
        let packed = |size: usize| deflated(&of(size), true);
        assert_eq!(result("deflate", &packed(ANY_RATIO)), Ok(ANY_RATIO));
        let too_large = Err(ContentEncodingError::TooLarge);
        assert_eq!(result("deflate", &packed(ANY_RATIO + 1)), too_large);
        let bomb = packed(1 << 24);
        assert_eq!(result("deflate", &bomb), too_large);
        assert_eq!(result("deflate,deflate", &deflated(&bomb, true)), too_large);
        assert_eq!(result("gzip", &gzipped(&of(1 << 20), 0, b"")), too_large);
        let members = gzipped(&of(ANY_RATIO), 0, b"").repeat(200);
        assert_eq!(result("gzip", &members), too_large);
        // A body with a low compression ratio may have the full size.
        let mut noise = 1_u32;
        let mut random = |_| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            noise.to_le_bytes()[3]
        };
        let large: Vec<u8> = (0..MAX_OCTETS).map(&mut random).collect();
        assert_eq!(result("deflate", &deflated(&large, true)), Ok(MAX_OCTETS));
        let larger = [&large[..], b"x"].concat();
        assert_eq!(result("deflate", &deflated(&larger, true)), too_large);
    }
}
