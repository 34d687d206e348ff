//! Numbers that nobody can guess.

use std::hash::{BuildHasher as _, RandomState};

/// A number that nobody can guess, and no other start of the gateway has.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(std::process::id())
}
