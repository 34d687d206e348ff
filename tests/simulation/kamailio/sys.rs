//! `src/kamailio/sys`, as far as it needs no Kamailio.

use ipsmgw::exchange::{Exchange, PastSm};

#[path = "../../../src/kamailio/sys/sharing/mod.rs"]
pub(super) mod sharing;

// SAFETY: src/kamailio/state/plain.rs checks all fields.
unsafe impl sharing::Plain for Exchange {}
// SAFETY: as above.
unsafe impl sharing::Plain for PastSm {}
