//! How long messages took from their sender's request to the report of the recipient's side: a counter for each direction and each
//! range of times. One delivery adds to one counter.

use crate::exchange::Kind;

use crate::kamailio::sys::counters::Handle;

/// The upper bounds of the ranges in milliseconds. The last range has none.
const BOUNDS_MS: [u32; 9] = [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000];

const RANGES: usize = BOUNDS_MS.len() + 1;

/// The names of the counters, by direction and range.
pub(crate) const NAMES: [&str; 3 * RANGES] = [
    "sm_to_im_ms_50",
    "sm_to_im_ms_100",
    "sm_to_im_ms_250",
    "sm_to_im_ms_500",
    "sm_to_im_ms_1000",
    "sm_to_im_ms_2500",
    "sm_to_im_ms_5000",
    "sm_to_im_ms_10000",
    "sm_to_im_ms_30000",
    "sm_to_im_ms_more",
    "im_to_sm_ms_50",
    "im_to_sm_ms_100",
    "im_to_sm_ms_250",
    "im_to_sm_ms_500",
    "im_to_sm_ms_1000",
    "im_to_sm_ms_2500",
    "im_to_sm_ms_5000",
    "im_to_sm_ms_10000",
    "im_to_sm_ms_30000",
    "im_to_sm_ms_more",
    "sm_to_sm_ms_50",
    "sm_to_sm_ms_100",
    "sm_to_sm_ms_250",
    "sm_to_sm_ms_500",
    "sm_to_sm_ms_1000",
    "sm_to_sm_ms_2500",
    "sm_to_sm_ms_5000",
    "sm_to_sm_ms_10000",
    "sm_to_sm_ms_30000",
    "sm_to_sm_ms_more",
];

static COUNTERS: [Handle; NAMES.len()] = [const { Handle::new() }; NAMES.len()];

/// A message was delivered.
pub(crate) fn count(kind: Kind, to_phone: bool, took_ms: u32) {
    let counter = place(kind, to_phone, took_ms).and_then(|place| COUNTERS.get(place));
    if let Some(counter) = counter {
        counter.count();
    }
}

/// The index of the counter; `None` for messages without counters.
fn place(kind: Kind, to_phone: bool, took_ms: u32) -> Option<usize> {
    let direction = match kind {
        Kind::SmToIm if to_phone => 2,
        Kind::SmToIm => 0,
        Kind::ImToSm => 1,
        _ => return None,
    };
    let range = BOUNDS_MS.partition_point(|bound| *bound < took_ms);
    Some(direction * RANGES + range)
}

/// Registers all, in mod_init.
pub(crate) fn register() -> bool {
    NAMES
        .iter()
        .zip(&COUNTERS)
        .all(|(name, handle)| handle.register(name))
}
