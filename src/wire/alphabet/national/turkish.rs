//! Turkish, national language identifier 1 (TS 23.038 annex A).

use crate::wire::alphabet::table::{CodeTable, NONE};

/// The locking shift table (clause A.3.1).
#[rustfmt::skip]
pub(super) static LOCKING: CodeTable = CodeTable::new([
    '@', '£', '$', '¥', '€', 'é', 'ù', 'ı', // 00
    'ò', 'Ç', '\n', 'Ğ', 'ğ', '\r', 'Å', 'å', // 08
    'Δ', '_', 'Φ', 'Γ', 'Λ', 'Ω', 'Π', 'Ψ', // 10
    'Σ', 'Θ', 'Ξ', NONE, 'Ş', 'ş', 'ß', 'É', // 18
    ' ', '!', '"', '#', '¤', '%', '&', '\'', // 20
    '(', ')', '*', '+', ',', '-', '.', '/', // 28
    '0', '1', '2', '3', '4', '5', '6', '7', // 30
    '8', '9', ':', ';', '<', '=', '>', '?', // 38
    'İ', 'A', 'B', 'C', 'D', 'E', 'F', 'G', // 40
    'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', // 48
    'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', // 50
    'X', 'Y', 'Z', 'Ä', 'Ö', 'Ñ', 'Ü', '§', // 58
    'ç', 'a', 'b', 'c', 'd', 'e', 'f', 'g', // 60
    'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', // 68
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', // 70
    'x', 'y', 'z', 'ä', 'ö', 'ñ', 'ü', 'à', // 78
]);

/// The single shift table (clause A.2.1).
#[rustfmt::skip]
pub(super) static SINGLE: CodeTable = CodeTable::new([
    NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, // 00
    NONE, NONE, '\u{c}', NONE, NONE, NONE, NONE, NONE, // 08
    NONE, NONE, NONE, NONE, '^', NONE, NONE, NONE, // 10
    NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, // 18
    NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, // 20
    '{', '}', NONE, NONE, NONE, NONE, NONE, '\\', // 28
    NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, // 30
    NONE, NONE, NONE, NONE, '[', '~', ']', NONE, // 38
    '|', NONE, NONE, NONE, NONE, NONE, NONE, 'Ğ', // 40
    NONE, 'İ', NONE, NONE, NONE, NONE, NONE, NONE, // 48
    NONE, NONE, NONE, 'Ş', NONE, NONE, NONE, NONE, // 50
    NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, // 58
    NONE, NONE, NONE, 'ç', NONE, '€', NONE, 'ğ', // 60
    NONE, 'ı', NONE, NONE, NONE, NONE, NONE, NONE, // 68
    NONE, NONE, NONE, 'ş', NONE, NONE, NONE, NONE, // 70
    NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, // 78
]);
