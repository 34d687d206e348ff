//! Gujarati, national language identifier 5 (TS 23.038 annex A).

use crate::wire::alphabet::table::{CodeTable, NONE};

/// The locking shift table (clause A.3.5).
#[rustfmt::skip]
pub(super) static LOCKING: CodeTable = CodeTable::new([
    '\u{a81}', '\u{a82}', '\u{a83}', '\u{a85}', '\u{a86}', '\u{a87}', '\u{a88}', '\u{a89}', // 00
    '\u{a8a}', '\u{a8b}', '\n', '\u{a8c}', '\u{a8d}', '\r', NONE, '\u{a8f}', // 08
    '\u{a90}', '\u{a91}', NONE, '\u{a93}', '\u{a94}', '\u{a95}', '\u{a96}', '\u{a97}', // 10
    '\u{a98}', '\u{a99}', '\u{a9a}', NONE, '\u{a9b}', '\u{a9c}', '\u{a9d}', '\u{a9e}', // 18
    ' ', '!', '\u{a9f}', '\u{aa0}', '\u{aa1}', '\u{aa2}', '\u{aa3}', '\u{aa4}', // 20
    ')', '(', '\u{aa5}', '\u{aa6}', ',', '\u{aa7}', '.', '\u{aa8}', // 28
    '0', '1', '2', '3', '4', '5', '6', '7', // 30
    '8', '9', ':', ';', NONE, '\u{aaa}', '\u{aab}', '?', // 38
    '\u{aac}', '\u{aad}', '\u{aae}', '\u{aaf}', '\u{ab0}', NONE, '\u{ab2}', '\u{ab3}', // 40
    NONE, '\u{ab5}', '\u{ab6}', '\u{ab7}', '\u{ab8}', '\u{ab9}', '\u{abc}', '\u{abd}', // 48
    '\u{abe}', '\u{abf}', '\u{ac0}', '\u{ac1}', '\u{ac2}', '\u{ac3}', '\u{ac4}', '\u{ac5}', // 50
    NONE, '\u{ac7}', '\u{ac8}', '\u{ac9}', NONE, '\u{acb}', '\u{acc}', '\u{acd}', // 58
    '\u{ad0}', 'a', 'b', 'c', 'd', 'e', 'f', 'g', // 60
    'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', // 68
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', // 70
    'x', 'y', 'z', '\u{ae0}', '\u{ae1}', '\u{ae2}', '\u{ae3}', '\u{af1}', // 78
]);

/// The single shift table (clause A.2.5).
#[rustfmt::skip]
pub(super) static SINGLE: CodeTable = CodeTable::new([
    '@', '£', '$', '¥', '¿', '"', '¤', '%', // 00
    '&', '\'', '\u{c}', '*', '+', NONE, '-', '/', // 08
    '<', '=', '>', '¡', '^', '¡', '_', '#', // 10
    '*', '\u{964}', '\u{965}', NONE, '\u{ae6}', '\u{ae7}', '\u{ae8}', '\u{ae9}', // 18
    '\u{aea}', '\u{aeb}', '\u{aec}', '\u{aed}', '\u{aee}', '\u{aef}', NONE, NONE, // 20
    '{', '}', NONE, NONE, NONE, NONE, NONE, '\\', // 28
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
