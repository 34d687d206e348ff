//! Portuguese, national language identifier 3 (TS 23.038 annex A).

use crate::wire::alphabet::table::{CodeTable, NONE};

/// The locking shift table (clause A.3.3).
#[rustfmt::skip]
pub(super) static LOCKING: CodeTable = CodeTable::new([
    '@', '£', '$', '¥', 'ê', 'é', 'ú', 'í', // 00
    'ó', 'ç', '\n', 'Ô', 'ô', '\r', 'Á', 'á', // 08
    'Δ', '_', 'ª', 'Ç', 'À', '\u{221e}', '^', '\\', // 10
    '€', 'Ó', '|', NONE, 'Â', 'â', 'Ê', 'É', // 18
    ' ', '!', '"', '#', 'º', '%', '&', '\'', // 20
    '(', ')', '*', '+', ',', '-', '.', '/', // 28
    '0', '1', '2', '3', '4', '5', '6', '7', // 30
    '8', '9', ':', ';', '<', '=', '>', '?', // 38
    'Í', 'A', 'B', 'C', 'D', 'E', 'F', 'G', // 40
    'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', // 48
    'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', // 50
    'X', 'Y', 'Z', 'Ã', 'Õ', 'Ú', 'Ü', '§', // 58
    '~', 'a', 'b', 'c', 'd', 'e', 'f', 'g', // 60
    'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', // 68
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', // 70
    'x', 'y', 'z', 'ã', 'õ', '`', 'ü', 'à', // 78
]);

/// The single shift table (clause A.2.3).
#[rustfmt::skip]
pub(super) static SINGLE: CodeTable = CodeTable::new([
    NONE, NONE, NONE, NONE, NONE, 'ê', NONE, NONE, // 00
    NONE, 'ç', '\u{c}', 'Ô', 'ô', NONE, 'Á', 'á', // 08
    NONE, NONE, 'Φ', 'Γ', '^', 'Ω', 'Π', 'Ψ', // 10
    'Σ', 'Θ', NONE, NONE, NONE, NONE, NONE, 'Ê', // 18
    NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, // 20
    '{', '}', NONE, NONE, NONE, NONE, NONE, '\\', // 28
    NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, // 30
    NONE, NONE, NONE, NONE, '[', '~', ']', NONE, // 38
    '|', 'À', NONE, NONE, NONE, NONE, NONE, NONE, // 40
    NONE, 'Í', NONE, NONE, NONE, NONE, NONE, 'Ó', // 48
    NONE, NONE, NONE, NONE, NONE, 'Ú', NONE, NONE, // 50
    NONE, NONE, NONE, 'Ã', 'Õ', NONE, NONE, NONE, // 58
    NONE, 'Â', NONE, NONE, NONE, '€', NONE, NONE, // 60
    NONE, 'í', NONE, NONE, NONE, NONE, NONE, 'ó', // 68
    NONE, NONE, NONE, NONE, NONE, 'ú', NONE, NONE, // 70
    NONE, NONE, NONE, 'ã', 'õ', NONE, NONE, 'â', // 78
]);
