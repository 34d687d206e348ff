//! The gateway: its parameters and its start number.

use crate::interwork::rules::policy::Policy;

/// The gateway: values that are set once at start and never change.
#[derive(Clone, Debug)]
pub struct Gateway {
    /// The module's parameters.
    pub policy: Policy,
    /// Random number drawn at start. It is in our Call-IDs, so that Call-IDs of an earlier start are recognized.
    pub boot: u64,
    /// Whether the host has a database for exchanges: then a promise is sent when the exchange is written.
    pub keeps: bool,
}
