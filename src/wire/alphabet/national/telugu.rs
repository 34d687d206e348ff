//! Telugu, national language identifier 12 (TS 23.038 annex A).

use crate::wire::alphabet::table::{CodeTable, NONE};

/// The locking shift table (clause A.3.12).
#[rustfmt::skip]
pub(super) static LOCKING: CodeTable = CodeTable::new([
    '\u{c01}', '\u{c02}', '\u{c03}', '\u{c05}', '\u{c06}', '\u{c07}', '\u{c08}', '\u{c09}', // 00
    '\u{c0a}', '\u{c0b}', '\n', '\u{c0c}', NONE, '\r', '\u{c0e}', '\u{c0f}', // 08
    '\u{c10}', NONE, '\u{c12}', '\u{c13}', '\u{c14}', '\u{c15}', '\u{c16}', '\u{c17}', // 10
    '\u{c18}', '\u{c19}', '\u{c1a}', NONE, '\u{c1b}', '\u{c1c}', '\u{c1d}', '\u{c1e}', // 18
    ' ', '!', '\u{c1f}', '\u{c20}', '\u{c21}', '\u{c22}', '\u{c23}', '\u{c24}', // 20
    ')', '(', '\u{c25}', '\u{c26}', ',', '\u{c27}', '.', '\u{c28}', // 28
    '0', '1', '2', '3', '4', '5', '6', '7', // 30
    '8', '9', ':', ';', NONE, '\u{c2a}', '\u{c2b}', '?', // 38
    '\u{c2c}', '\u{c2d}', '\u{c2e}', '\u{c2f}', '\u{c30}', '\u{c31}', '\u{c32}', '\u{c33}', // 40
    NONE, '\u{c35}', '\u{c36}', '\u{c37}', '\u{c38}', '\u{c39}', NONE, '\u{c3d}', // 48
    '\u{c3e}', '\u{c3f}', '\u{c40}', '\u{c41}', '\u{c42}', '\u{c43}', '\u{c44}', NONE, // 50
    '\u{c46}', '\u{c47}', '\u{c48}', NONE, '\u{c4a}', '\u{c4b}', '\u{c4c}', '\u{c4d}', // 58
    '\u{c55}', 'a', 'b', 'c', 'd', 'e', 'f', 'g', // 60
    'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', // 68
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', // 70
    'x', 'y', 'z', '\u{c56}', '\u{c60}', '\u{c61}', '\u{c62}', '\u{c63}', // 78
]);

/// The single shift table (clause A.2.12).
#[rustfmt::skip]
pub(super) static SINGLE: CodeTable = CodeTable::new([
    '@', '£', '$', '¥', '¿', '"', '¤', '%', // 00
    '&', '\'', '\u{c}', '*', '+', NONE, '-', '/', // 08
    '<', '=', '>', '¡', '^', '¡', '_', '#', // 10
    '*', NONE, NONE, NONE, '\u{c66}', '\u{c67}', '\u{c68}', '\u{c69}', // 18
    '\u{c6a}', '\u{c6b}', '\u{c6c}', '\u{c6d}', '\u{c6e}', '\u{c6f}', '\u{c58}', '\u{c59}', // 20
    '{', '}', '\u{c78}', '\u{c79}', '\u{c7a}', '\u{c7b}', '\u{c7c}', '\\', // 28
    '\u{c7d}', '\u{c7e}', '\u{c7f}', NONE, NONE, NONE, NONE, NONE, // 30
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
