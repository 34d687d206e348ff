//! Tamil, national language identifier 11 (TS 23.038 annex A).

use crate::wire::alphabet::table::{CodeTable, NONE};

/// The locking shift table (clause A.3.11).
#[rustfmt::skip]
pub(super) static LOCKING: CodeTable = CodeTable::new([
    NONE, '\u{b82}', '\u{b83}', '\u{b85}', '\u{b86}', '\u{b87}', '\u{b88}', '\u{b89}', // 00
    '\u{b8a}', NONE, '\n', NONE, NONE, '\r', '\u{b8e}', '\u{b8f}', // 08
    '\u{b90}', NONE, '\u{b92}', '\u{b93}', '\u{b94}', '\u{b95}', NONE, NONE, // 10
    NONE, '\u{b99}', '\u{b9a}', NONE, NONE, '\u{b9c}', NONE, '\u{b9e}', // 18
    ' ', '!', '\u{b9f}', NONE, NONE, NONE, '\u{ba3}', '\u{ba4}', // 20
    ')', '(', NONE, NONE, ',', NONE, '.', '\u{ba8}', // 28
    '0', '1', '2', '3', '4', '5', '6', '7', // 30
    '8', '9', ':', ';', '\u{ba9}', '\u{baa}', NONE, '?', // 38
    NONE, NONE, '\u{bae}', '\u{baf}', '\u{bb0}', '\u{bb1}', '\u{bb2}', '\u{bb3}', // 40
    '\u{bb4}', '\u{bb5}', '\u{bb6}', '\u{bb7}', '\u{bb8}', '\u{bb9}', NONE, NONE, // 48
    '\u{bbe}', '\u{bbf}', '\u{bc0}', '\u{bc1}', '\u{bc2}', NONE, NONE, NONE, // 50
    '\u{bc6}', '\u{bc7}', '\u{bc8}', NONE, '\u{bca}', '\u{bcb}', '\u{bcc}', '\u{bcd}', // 58
    '\u{bd0}', 'a', 'b', 'c', 'd', 'e', 'f', 'g', // 60
    'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', // 68
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', // 70
    'x', 'y', 'z', '\u{bd7}', '\u{bf0}', '\u{bf1}', '\u{bf2}', '\u{bf9}', // 78
]);

/// The single shift table (clause A.2.11).
#[rustfmt::skip]
pub(super) static SINGLE: CodeTable = CodeTable::new([
    '@', '£', '$', '¥', '¿', '"', '¤', '%', // 00
    '&', '\'', '\u{c}', '*', '+', NONE, '-', '/', // 08
    '<', '=', '>', '¡', '^', '¡', '_', '#', // 10
    '*', '\u{964}', '\u{965}', NONE, '\u{be6}', '\u{be7}', '\u{be8}', '\u{be9}', // 18
    '\u{bea}', '\u{beb}', '\u{bec}', '\u{bed}', '\u{bee}', '\u{bef}', '\u{bf3}', '\u{bf4}', // 20
    '{', '}', '\u{bf5}', '\u{bf6}', '\u{bf7}', '\u{bf8}', '\u{bfa}', '\\', // 28
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
