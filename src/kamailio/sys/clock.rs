//! The clocks of this machine.

use std::cell::Cell;

use super::calls;

thread_local! {
    /// A quarter of an hour since 1970, and the zone in it. Zones change between two of them, never within one.
    static ZONE: Cell<(i64, i8)> = const { Cell::new((i64::MIN, 0)) };
}

/// The clock for deadlines. A signal handler may read it.
pub(crate) fn monotonic_ms() -> u64 {
    milliseconds(read(libc::CLOCK_MONOTONIC))
}

fn read(clock: libc::clockid_t) -> libc::timespec {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // These clocks exist on every Linux.
    calls::clock_gettime(clock, &mut time);
    time
}

fn milliseconds(time: libc::timespec) -> u64 {
    u64::try_from(time.tv_sec).unwrap_or(0) * 1000
        + u64::try_from(time.tv_nsec).unwrap_or(0) / 1_000_000
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
    milliseconds(read(libc::CLOCK_REALTIME))
}

/// Seconds since 1970 UTC by the wall clock.
pub(crate) fn unix_time() -> i64 {
    read(libc::CLOCK_REALTIME).tv_sec
}
