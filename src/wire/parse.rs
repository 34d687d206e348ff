//! Parsers with nom and our own error: a parser takes the remaining octets and returns the octets after its element.

use nom::Offset as _;

use crate::base::{DecodeError, Fault};

/// Result of every parser of this layer.
pub(crate) type Parsed<'a, T> = Result<(&'a [u8], T), nom::Err<Malformed<'a>>>;

/// The place of an error: the octets from there on. It becomes an offset when the whole message is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed<'a> {
    at: &'a [u8],
    element: &'static str,
    fault: Fault,
}

/// `Err` for an element that starts at `at`.
pub(crate) fn malformed<'a, T>(
    at: &'a [u8],
    element: &'static str,
    fault: Fault,
) -> Result<T, nom::Err<Malformed<'a>>> {
    Err(nom::Err::Error(Malformed { at, element, fault }))
}

/// Runs `parser` on all `octets`. Octets that it leaves unread are ignored: later releases may append elements (TS
/// 23.040 clause 9.1).
pub(crate) fn whole<'a, T>(
    octets: &'a [u8],
    parser: impl FnOnce(&'a [u8]) -> Parsed<'a, T>,
) -> Result<T, DecodeError> {
    match parser(octets) {
        Ok((_, value)) => Ok(value),
        Err(nom::Err::Error(e) | nom::Err::Failure(e)) => Err(DecodeError {
            element: e.element,
            offset: octets.offset(e.at),
            fault: e.fault,
        }),
        Err(nom::Err::Incomplete(_)) => Err(DecodeError {
            element: "message",
            offset: octets.len(),
            fault: Fault::Truncated,
        }),
    }
}

/// The next octet.
pub(crate) fn octet<'a>(i: &'a [u8], element: &'static str) -> Parsed<'a, u8> {
    match i.split_first() {
        Some((&octet, rest)) => Ok((rest, octet)),
        None => malformed(i, element, Fault::Truncated),
    }
}

/// The next `count` octets.
pub(crate) fn octets<'a>(i: &'a [u8], count: usize, element: &'static str) -> Parsed<'a, &'a [u8]> {
    match i.split_at_checked(count) {
        Some((taken, rest)) => Ok((rest, taken)),
        None => malformed(i, element, Fault::Truncated),
    }
}

/// The next `N` octets as an array.
pub(crate) fn array<'a, const N: usize>(i: &'a [u8], element: &'static str) -> Parsed<'a, [u8; N]> {
    match i.split_first_chunk::<N>() {
        Some((&taken, rest)) => Ok((rest, taken)),
        None => malformed(i, element, Fault::Truncated),
    }
}

/// A length octet and that many octets (type LV of TS 24.007).
pub(crate) fn length_value<'a>(i: &'a [u8], element: &'static str) -> Parsed<'a, &'a [u8]> {
    let (value, length) = octet(i, element)?;
    octets(value, usize::from(length), element)
}
