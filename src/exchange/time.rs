//! The time, as the host reads its clocks.

/// The time, as one reading of the host's clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds since 1970 UTC by a clock that never jumps: for deadlines. The host reads its wall clock once, at
    /// start, and adds the time of a monotonic clock. So a change of the wall clock moves no deadline of an open
    /// exchange. After a restart, deadlines are compared with the wall clock of the new start: they are wrong by the
    /// change of the wall clock since the earlier start, once.
    pub unix_ms: u64,
    /// Seconds since 1970 UTC by the wall clock: for time stamps that people see.
    pub unix: i64,
    /// Local time minus UTC, in quarters of an hour.
    pub zone: i8,
    /// Whether other nodes may have taken over the exchanges of this node: for too long, this node has reached neither
    /// the database nor all other nodes.
    pub is_cut_off: bool,
}
