//! Oriya, national language identifier 9 (TS 23.038 annex A).

use crate::wire::alphabet::table::{CodeTable, NONE};

/// The locking shift table (clause A.3.9).
#[rustfmt::skip]
pub(super) static LOCKING: CodeTable = CodeTable::new([
    '\u{b01}', '\u{b02}', '\u{b03}', '\u{b05}', '\u{b06}', '\u{b07}', '\u{b08}', '\u{b09}', // 00
    '\u{b0a}', '\u{b0b}', '\n', '\u{b0c}', NONE, '\r', NONE, '\u{b0f}', // 08
    '\u{b10}', NONE, NONE, '\u{b13}', '\u{b14}', '\u{b15}', '\u{b16}', '\u{b17}', // 10
    '\u{b18}', '\u{b19}', '\u{b1a}', NONE, '\u{b1b}', '\u{b1c}', '\u{b1d}', '\u{b1e}', // 18
    ' ', '!', '\u{b1f}', '\u{b20}', '\u{b21}', '\u{b22}', '\u{b23}', '\u{b24}', // 20
    ')', '(', '\u{b25}', '\u{b26}', ',', '\u{b27}', '.', '\u{b28}', // 28
    '0', '1', '2', '3', '4', '5', '6', '7', // 30
    '8', '9', ':', ';', NONE, '\u{b2a}', '\u{b2b}', '?', // 38
    '\u{b2c}', '\u{b2d}', '\u{b2e}', '\u{b2f}', '\u{b30}', NONE, '\u{b32}', '\u{b33}', // 40
    NONE, '\u{b35}', '\u{b36}', '\u{b37}', '\u{b38}', '\u{b39}', '\u{b3c}', '\u{b3d}', // 48
    '\u{b3e}', '\u{b3f}', '\u{b40}', '\u{b41}', '\u{b42}', '\u{b43}', '\u{b44}', NONE, // 50
    NONE, '\u{b47}', '\u{b48}', NONE, NONE, '\u{b4b}', '\u{b4c}', '\u{b4d}', // 58
    '\u{b56}', 'a', 'b', 'c', 'd', 'e', 'f', 'g', // 60
    'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', // 68
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', // 70
    'x', 'y', 'z', '\u{b57}', '\u{b60}', '\u{b61}', '\u{b62}', '\u{b63}', // 78
]);

/// The single shift table (clause A.2.9).
#[rustfmt::skip]
pub(super) static SINGLE: CodeTable = CodeTable::new([
    '@', '£', '$', '¥', '¿', '"', '¤', '%', // 00
    '&', '\'', '\u{c}', '*', '+', NONE, '-', '/', // 08
    '<', '=', '>', '¡', '^', '¡', '_', '#', // 10
    '*', '\u{964}', '\u{965}', NONE, '\u{b66}', '\u{b67}', '\u{b68}', '\u{b69}', // 18
    '\u{b6a}', '\u{b6b}', '\u{b6c}', '\u{b6d}', '\u{b6e}', '\u{b6f}', '\u{b5c}', '\u{b5d}', // 20
    '{', '}', '\u{b5f}', '\u{b70}', '\u{b71}', NONE, NONE, '\\', // 28
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
