//! The gateway as all decisions see it.

use crate::interwork::rules::policy::Policy;

/// The gateway: what it was told at start, and nothing that changes.
#[derive(Clone, Debug)]
pub struct Gateway {
    /// The module's parameters.
    pub policy: Policy,
    /// Drawn at random at start: our Call-IDs of an earlier start are not ours any more.
    pub boot: u64,
}
