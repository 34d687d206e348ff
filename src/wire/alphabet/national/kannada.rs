//! Kannada, national language identifier 7 (TS 23.038 annex A).

use crate::wire::alphabet::table::{CodeTable, NONE};

/// The locking shift table (clause A.3.7).
///
/// 24 is DDA (0CA1), which the order of the letters asks for and without which that letter could not be
/// sent; the printed table repeats PA (0CAA) there.
#[rustfmt::skip]
pub(super) static LOCKING: CodeTable = CodeTable::new([
    NONE, '\u{c82}', '\u{c83}', '\u{c85}', '\u{c86}', '\u{c87}', '\u{c88}', '\u{c89}', // 00
    '\u{c8a}', '\u{c8b}', '\n', '\u{c8c}', NONE, '\r', '\u{c8e}', '\u{c8f}', // 08
    '\u{c90}', NONE, '\u{c92}', '\u{c93}', '\u{c94}', '\u{c95}', '\u{c96}', '\u{c97}', // 10
    '\u{c98}', '\u{c99}', '\u{c9a}', NONE, '\u{c9b}', '\u{c9c}', '\u{c9d}', '\u{c9e}', // 18
    ' ', '!', '\u{c9f}', '\u{ca0}', '\u{ca1}', '\u{ca2}', '\u{ca3}', '\u{ca4}', // 20
    ')', '(', '\u{ca5}', '\u{ca6}', ',', '\u{ca7}', '.', '\u{ca8}', // 28
    '0', '1', '2', '3', '4', '5', '6', '7', // 30
    '8', '9', ':', ';', NONE, '\u{caa}', '\u{cab}', '?', // 38
    '\u{cac}', '\u{cad}', '\u{cae}', '\u{caf}', '\u{cb0}', '\u{cb1}', '\u{cb2}', '\u{cb3}', // 40
    NONE, '\u{cb5}', '\u{cb6}', '\u{cb7}', '\u{cb8}', '\u{cb9}', '\u{cbc}', '\u{cbd}', // 48
    '\u{cbe}', '\u{cbf}', '\u{cc0}', '\u{cc1}', '\u{cc2}', '\u{cc3}', '\u{cc4}', NONE, // 50
    '\u{cc6}', '\u{cc7}', '\u{cc8}', NONE, '\u{cca}', '\u{ccb}', '\u{ccc}', '\u{ccd}', // 58
    '\u{cd5}', 'a', 'b', 'c', 'd', 'e', 'f', 'g', // 60
    'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', // 68
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', // 70
    'x', 'y', 'z', '\u{cd6}', '\u{ce0}', '\u{ce1}', '\u{ce2}', '\u{ce3}', // 78
]);

/// The single shift table (clause A.2.7).
#[rustfmt::skip]
pub(super) static SINGLE: CodeTable = CodeTable::new([
    '@', '£', '$', '¥', '¿', '"', '¤', '%', // 00
    '&', '\'', '\u{c}', '*', '+', NONE, '-', '/', // 08
    '<', '=', '>', '¡', '^', '¡', '_', '#', // 10
    '*', '\u{964}', '\u{965}', NONE, '\u{ce6}', '\u{ce7}', '\u{ce8}', '\u{ce9}', // 18
    '\u{cea}', '\u{ceb}', '\u{cec}', '\u{ced}', '\u{cee}', '\u{cef}', '\u{cde}', '\u{cf1}', // 20
    '{', '}', '\u{cf2}', NONE, NONE, NONE, NONE, '\\', // 28
    NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, // 30
    NONE, NONE, NONE, NONE, '[', '~', ']', NONE, // 38
    '|', 'A', 'B', 'C', 'D', 'E', 'F', 'G', // 40
    'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', // 48
    'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', // 50
    'X', 'Y', 'Z', NONE, NONE, NONE, NONE, NONE, // 58
    NONE, NONE, NONE, NONE, NONE, '€', NONE, NONE, // 60
    NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, // 68
    NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, // 70
    NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, // 78
]);
