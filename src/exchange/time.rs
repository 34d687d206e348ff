//! The time, as the host reads its clocks.

/// The time, as one reading of the host's clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds since 1970 UTC by a clock that never jumps: for deadlines. The host reads its wall clock once, at
    /// start, and goes by a monotonic clock from there. So a wall clock that is set moves no deadline of what is open,
    /// and nothing ends early or late because of it. A deadline that outlives the start is compared with the wall
    /// clock of the next start: it is off by as much as the wall clock was set meanwhile, once.
    pub unix_ms: u64,
    /// Seconds since 1970 UTC by the wall clock: for time stamps that people see.
    pub unix: i64,
    /// Local time minus UTC, in quarters of an hour.
    pub zone: i8,
    /// Whether other nodes may have taken over the exchanges of this node: for too long, this node has reached neither
    /// the database nor all other nodes.
    pub is_cut_off: bool,
}
