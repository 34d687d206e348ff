//! Punjabi, national language identifier 10 (TS 23.038 annex A).

use crate::wire::alphabet::table::{CodeTable, NONE};

/// The locking shift table (clause A.3.10).
#[rustfmt::skip]
pub(super) static LOCKING: CodeTable = CodeTable::new([
    '\u{a01}', '\u{a02}', '\u{a03}', '\u{a05}', '\u{a06}', '\u{a07}', '\u{a08}', '\u{a09}', // 00
    '\u{a0a}', NONE, '\n', NONE, NONE, '\r', NONE, '\u{a0f}', // 08
    '\u{a10}', NONE, NONE, '\u{a13}', '\u{a14}', '\u{a15}', '\u{a16}', '\u{a17}', // 10
    '\u{a18}', '\u{a19}', '\u{a1a}', NONE, '\u{a1b}', '\u{a1c}', '\u{a1d}', '\u{a1e}', // 18
    ' ', '!', '\u{a1f}', '\u{a20}', '\u{a21}', '\u{a22}', '\u{a23}', '\u{a24}', // 20
    ')', '(', '\u{a25}', '\u{a26}', ',', '\u{a27}', '.', '\u{a28}', // 28
    '0', '1', '2', '3', '4', '5', '6', '7', // 30
    '8', '9', ':', ';', NONE, '\u{a2a}', '\u{a2b}', '?', // 38
    '\u{a2c}', '\u{a2d}', '\u{a2e}', '\u{a2f}', '\u{a30}', NONE, '\u{a32}', '\u{a33}', // 40
    NONE, '\u{a35}', '\u{a36}', NONE, '\u{a38}', '\u{a39}', '\u{a3c}', NONE, // 48
    '\u{a3e}', '\u{a3f}', '\u{a40}', '\u{a41}', '\u{a42}', NONE, NONE, NONE, // 50
    NONE, '\u{a47}', '\u{a48}', NONE, NONE, '\u{a4b}', '\u{a4c}', '\u{a4d}', // 58
    '\u{a51}', 'a', 'b', 'c', 'd', 'e', 'f', 'g', // 60
    'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', // 68
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', // 70
    'x', 'y', 'z', '\u{a70}', '\u{a71}', '\u{a72}', '\u{a73}', '\u{a74}', // 78
]);

/// The single shift table (clause A.2.10).
#[rustfmt::skip]
pub(super) static SINGLE: CodeTable = CodeTable::new([
    '@', '£', '$', '¥', '¿', '"', '¤', '%', // 00
    '&', '\'', '\u{c}', '*', '+', NONE, '-', '/', // 08
    '<', '=', '>', '¡', '^', '¡', '_', '#', // 10
    '*', '\u{964}', '\u{965}', NONE, '\u{a66}', '\u{a67}', '\u{a68}', '\u{a69}', // 18
    '\u{a6a}', '\u{a6b}', '\u{a6c}', '\u{a6d}', '\u{a6e}', '\u{a6f}', '\u{a59}', '\u{a5a}', // 20
    '{', '}', '\u{a5b}', '\u{a5c}', '\u{a5e}', '\u{a75}', NONE, '\\', // 28
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
