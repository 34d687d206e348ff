//! Counters that go up and down: their values now.

use crate::kamailio::state::gateway_state::state_if_started;
use crate::kamailio::sys::gauges::{Gauge, register_gauge};

/// Their names.
pub(crate) const GAUGES: [&str; 3] = [Enabled::NAME, Open::NAME, OpenPercent::NAME];

/// 0 after `ipsmgw.disable`.
struct Enabled;

impl Gauge for Enabled {
    const NAME: &'static str = "enabled";

    fn value() -> i64 {
        state_if_started().map_or(0, |state| state.lifecycle.is_enabled().into())
    }
}

/// Open exchanges.
struct Open;

impl Gauge for Open {
    const NAME: &'static str = "open";

    fn value() -> i64 {
        let open = state_if_started().map(|state| state.table.census().count());
        open.and_then(|open| open.try_into().ok()).unwrap_or(0)
    }
}

/// The same in percent of `max_pending`.
struct OpenPercent;

impl Gauge for OpenPercent {
    const NAME: &'static str = "open_percent";

    fn value() -> i64 {
        state_if_started().map_or(0, |state| state.table.percent_open().into())
    }
}

/// Registers all, in mod_init.
pub(super) fn register() -> bool {
    register_gauge::<Enabled>() && register_gauge::<Open>() && register_gauge::<OpenPercent>()
}
