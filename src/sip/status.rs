//! Classes of SIP status codes (RFC 3261 §7.2).

use core::ops::RangeInclusive;

/// The status codes of final responses.
pub const FINAL: RangeInclusive<u16> = 200..=699;

/// Whether no other response follows this one.
pub const fn is_final(status: u16) -> bool {
    status >= 200
}

/// 2xx.
pub const fn is_success(status: u16) -> bool {
    matches!(status, 200..300)
}

/// 3xx to 6xx.
pub const fn is_failure(status: u16) -> bool {
    status >= 300
}
