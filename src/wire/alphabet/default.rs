//! The GSM 7-bit default alphabet and its extension table (TS 23.038 clauses 6.2.1 and 6.2.1.1).

use super::table::{CodeTable, NONE};

/// The default alphabet. 1B is the escape.
#[rustfmt::skip]
pub(super) static LOCKING: CodeTable = CodeTable::new([
    '@', '£', '$', '¥', 'è', 'é', 'ù', 'ì', // 00
    'ò', 'Ç', '\n', 'Ø', 'ø', '\r', 'Å', 'å', // 08
    'Δ', '_', 'Φ', 'Γ', 'Λ', 'Ω', 'Π', 'Ψ', // 10
    'Σ', 'Θ', 'Ξ', NONE, 'Æ', 'æ', 'ß', 'É', // 18
    ' ', '!', '"', '#', '¤', '%', '&', '\'', // 20
    '(', ')', '*', '+', ',', '-', '.', '/', // 28
    '0', '1', '2', '3', '4', '5', '6', '7', // 30
    '8', '9', ':', ';', '<', '=', '>', '?', // 38
    '¡', 'A', 'B', 'C', 'D', 'E', 'F', 'G', // 40
    'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', // 48
    'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', // 50
    'X', 'Y', 'Z', 'Ä', 'Ö', 'Ñ', 'Ü', '§', // 58
    '¿', 'a', 'b', 'c', 'd', 'e', 'f', 'g', // 60
    'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', // 68
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', // 70
    'x', 'y', 'z', 'ä', 'ö', 'ñ', 'ü', 'à', // 78
]);

/// The extension table, used after an escape.
#[rustfmt::skip]
pub(super) static EXTENSION: CodeTable = CodeTable::new([
    NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, // 00
    NONE, NONE, '\u{c}', NONE, NONE, NONE, NONE, NONE, // 08
    NONE, NONE, NONE, NONE, '^', NONE, NONE, NONE, // 10
    NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, // 18
    NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, // 20
    '{', '}', NONE, NONE, NONE, NONE, NONE, '\\', // 28
    NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, // 30
    NONE, NONE, NONE, NONE, '[', '~', ']', NONE, // 38
    '|', NONE, NONE, NONE, NONE, NONE, NONE, NONE, // 40
    NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, // 48
    NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, // 50
    NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, // 58
    NONE, NONE, NONE, NONE, NONE, '€', NONE, NONE, // 60
    NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, // 68
    NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, // 70
    NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, // 78
]);
