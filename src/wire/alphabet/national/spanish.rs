//! Spanish, national language identifier 2 (TS 23.038 annex A).

use crate::wire::alphabet::table::{CodeTable, NONE};

/// The single shift table (clause A.2.2).
#[rustfmt::skip]
pub(super) static SINGLE: CodeTable = CodeTable::new([
    NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, // 00
    NONE, 'ç', '\u{c}', NONE, NONE, NONE, NONE, NONE, // 08
    NONE, NONE, NONE, NONE, '^', NONE, NONE, NONE, // 10
    NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, // 18
    NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, // 20
    '{', '}', NONE, NONE, NONE, NONE, NONE, '\\', // 28
    NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, // 30
    NONE, NONE, NONE, NONE, '[', '~', ']', NONE, // 38
    '|', 'Á', NONE, NONE, NONE, NONE, NONE, NONE, // 40
    NONE, 'Í', NONE, NONE, NONE, NONE, NONE, 'Ó', // 48
    NONE, NONE, NONE, NONE, NONE, 'Ú', NONE, NONE, // 50
    NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, // 58
    NONE, 'á', NONE, NONE, NONE, '€', NONE, NONE, // 60
    NONE, 'í', NONE, NONE, NONE, NONE, NONE, 'ó', // 68
    NONE, NONE, NONE, NONE, NONE, 'ú', NONE, NONE, // 70
    NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, // 78
]);
