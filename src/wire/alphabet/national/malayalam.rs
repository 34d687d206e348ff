//! Malayalam, national language identifier 8 (TS 23.038 annex A).

use crate::wire::alphabet::table::{CodeTable, NONE};

/// The locking shift table (clause A.3.8).
#[rustfmt::skip]
pub(super) static LOCKING: CodeTable = CodeTable::new([
    NONE, '\u{d02}', '\u{d03}', '\u{d05}', '\u{d06}', '\u{d07}', '\u{d08}', '\u{d09}', // 00
    '\u{d0a}', '\u{d0b}', '\n', '\u{d0c}', NONE, '\r', '\u{d0e}', '\u{d0f}', // 08
    '\u{d10}', NONE, '\u{d12}', '\u{d13}', '\u{d14}', '\u{d15}', '\u{d16}', '\u{d17}', // 10
    '\u{d18}', '\u{d19}', '\u{d1a}', NONE, '\u{d1b}', '\u{d1c}', '\u{d1d}', '\u{d1e}', // 18
    ' ', '!', '\u{d1f}', '\u{d20}', '\u{d21}', '\u{d22}', '\u{d23}', '\u{d24}', // 20
    ')', '(', '\u{d25}', '\u{d26}', ',', '\u{d27}', '.', '\u{d28}', // 28
    '0', '1', '2', '3', '4', '5', '6', '7', // 30
    '8', '9', ':', ';', NONE, '\u{d2a}', '\u{d2b}', '?', // 38
    '\u{d2c}', '\u{d2d}', '\u{d2e}', '\u{d2f}', '\u{d30}', '\u{d31}', '\u{d32}', '\u{d33}', // 40
    '\u{d34}', '\u{d35}', '\u{d36}', '\u{d37}', '\u{d38}', '\u{d39}', NONE, '\u{d3d}', // 48
    '\u{d3e}', '\u{d3f}', '\u{d40}', '\u{d41}', '\u{d42}', '\u{d43}', '\u{d44}', NONE, // 50
    '\u{d46}', '\u{d47}', '\u{d48}', NONE, '\u{d4a}', '\u{d4b}', '\u{d4c}', '\u{d4d}', // 58
    '\u{d57}', 'a', 'b', 'c', 'd', 'e', 'f', 'g', // 60
    'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', // 68
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', // 70
    'x', 'y', 'z', '\u{d60}', '\u{d61}', '\u{d62}', '\u{d63}', '\u{d79}', // 78
]);

/// The single shift table (clause A.2.8).
#[rustfmt::skip]
pub(super) static SINGLE: CodeTable = CodeTable::new([
    '@', '£', '$', '¥', '¿', '"', '¤', '%', // 00
    '&', '\'', '\u{c}', '*', '+', NONE, '-', '/', // 08
    '<', '=', '>', '¡', '^', '¡', '_', '#', // 10
    '*', '\u{964}', '\u{965}', NONE, '\u{d66}', '\u{d67}', '\u{d68}', '\u{d69}', // 18
    '\u{d6a}', '\u{d6b}', '\u{d6c}', '\u{d6d}', '\u{d6e}', '\u{d6f}', '\u{d70}', '\u{d71}', // 20
    '{', '}', '\u{d72}', '\u{d73}', '\u{d74}', '\u{d75}', '\u{d7a}', '\\', // 28
    '\u{d7b}', '\u{d7c}', '\u{d7d}', '\u{d7e}', '\u{d7f}', NONE, NONE, NONE, // 30
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
