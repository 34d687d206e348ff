//! Unpredictable numbers.

use std::hash::{BuildHasher as _, RandomState};

/// An unpredictable number, different at each start of the gateway.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(std::process::id())
}
