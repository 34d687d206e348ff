//! Bengali, national language identifier 4 (TS 23.038 annex A).

use crate::wire::alphabet::table::{CodeTable, NONE};

/// The locking shift table (clause A.3.4).
#[rustfmt::skip]
pub(super) static LOCKING: CodeTable = CodeTable::new([
    '\u{981}', '\u{982}', '\u{983}', '\u{985}', '\u{986}', '\u{987}', '\u{988}', '\u{989}', // 00
    '\u{98a}', '\u{98b}', '\n', '\u{98c}', NONE, '\r', NONE, '\u{98f}', // 08
    '\u{990}', NONE, NONE, '\u{993}', '\u{994}', '\u{995}', '\u{996}', '\u{997}', // 10
    '\u{998}', '\u{999}', '\u{99a}', NONE, '\u{99b}', '\u{99c}', '\u{99d}', '\u{99e}', // 18
    ' ', '!', '\u{99f}', '\u{9a0}', '\u{9a1}', '\u{9a2}', '\u{9a3}', '\u{9a4}', // 20
    ')', '(', '\u{9a5}', '\u{9a6}', ',', '\u{9a7}', '.', '\u{9a8}', // 28
    '0', '1', '2', '3', '4', '5', '6', '7', // 30
    '8', '9', ':', ';', NONE, '\u{9aa}', '\u{9ab}', '?', // 38
    '\u{9ac}', '\u{9ad}', '\u{9ae}', '\u{9af}', '\u{9b0}', NONE, '\u{9b2}', NONE, // 40
    NONE, NONE, '\u{9b6}', '\u{9b7}', '\u{9b8}', '\u{9b9}', '\u{9bc}', '\u{9bd}', // 48
    '\u{9be}', '\u{9bf}', '\u{9c0}', '\u{9c1}', '\u{9c2}', '\u{9c3}', '\u{9c4}', NONE, // 50
    NONE, '\u{9c7}', '\u{9c8}', NONE, NONE, '\u{9cb}', '\u{9cc}', '\u{9cd}', // 58
    '\u{9ce}', 'a', 'b', 'c', 'd', 'e', 'f', 'g', // 60
    'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', // 68
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', // 70
    'x', 'y', 'z', '\u{9d7}', '\u{9dc}', '\u{9dd}', '\u{9f0}', '\u{9f1}', // 78
]);

/// The single shift table (clause A.2.4).
#[rustfmt::skip]
pub(super) static SINGLE: CodeTable = CodeTable::new([
    '@', '£', '$', '¥', '¿', '"', '¤', '%', // 00
    '&', '\'', '\u{c}', '*', '+', NONE, '-', '/', // 08
    '<', '=', '>', '¡', '^', '¡', '_', '#', // 10
    '*', '\u{9e6}', '\u{9e7}', NONE, '\u{9e8}', '\u{9e9}', '\u{9ea}', '\u{9eb}', // 18
    '\u{9ec}', '\u{9ed}', '\u{9ee}', '\u{9ef}', '\u{9df}', '\u{9e0}', '\u{9e1}', '\u{9e2}', // 20
    '{', '}', '\u{9e3}', '\u{9f2}', '\u{9f3}', '\u{9f4}', '\u{9f5}', '\\', // 28
    '\u{9f6}', '\u{9f7}', '\u{9f8}', '\u{9f9}', '\u{9fa}', NONE, NONE, NONE, // 30
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
