//! The clocks of this machine.

use std::cell::Cell;
use std::time::{SystemTime, UNIX_EPOCH};

use super::calls;

thread_local! {
    /// A quarter of an hour since 1970, and the zone in it. Zones change between two of them, never within one.
    static ZONE: Cell<(i64, i8)> = const { Cell::new((i64::MIN, 0)) };
}

/// The clock for deadlines. A signal handler may read it.
pub(crate) fn monotonic_ms() -> u64 {
    let mut monotonic = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // This clock exists on every Linux.
    calls::clock_gettime(libc::CLOCK_MONOTONIC, &mut monotonic);
    u64::try_from(monotonic.tv_sec).unwrap_or(0) * 1000
        + u64::try_from(monotonic.tv_nsec).unwrap_or(0) / 1_000_000
}

/// The zone at that time: worked out once for each quarter of an hour.
pub(crate) fn zone(unix: i64) -> i8 {
    let quarter = unix.div_euclid(900);
    let (known, zone) = ZONE.get();
    if known == quarter {
        return zone;
    }
    let zone = local_zone(unix);
    ZONE.set((quarter, zone));
    zone
}

/// Local time minus UTC in quarters of an hour: what TP-SCTS states (TS 23.040 §9.2.3.11).
fn local_zone(unix: i64) -> i8 {
    let mut local = libc::tm {
        tm_sec: 0,
        tm_min: 0,
        tm_hour: 0,
        tm_mday: 0,
        tm_mon: 0,
        tm_year: 0,
        tm_wday: 0,
        tm_yday: 0,
        tm_isdst: 0,
        tm_gmtoff: 0,
        tm_zone: std::ptr::null(),
    };
    if calls::localtime_r(&unix, &mut local).is_null() {
        return 0;
    }
    i8::try_from(local.tm_gmtoff / 900).unwrap_or(0)
}

/// Milliseconds since 1970 UTC by the wall clock.
pub(crate) fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(0))
}

/// Seconds since 1970 UTC by the wall clock.
pub(crate) fn unix_time() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|now| i64::try_from(now.as_secs()).ok())
        .unwrap_or(0)
}
