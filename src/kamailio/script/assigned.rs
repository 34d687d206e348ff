//! The values that the script has set for a message: `$ipsmgw(status)`, `$ipsmgw(hold_timeout)` and `$ipsmgw(pager_limit)`.

use std::cell::Cell;

use crate::kamailio::state::gateway_state::state;
use crate::kamailio::sys::message::{MessageNumber, SipMsg};

/// The last value that the script has set, and the message that it is for.
struct Assigned(Cell<Option<(MessageNumber, u16)>>);

impl Assigned {
    const fn none() -> Self {
        Self(Cell::new(None))
    }

    fn set(&self, msg: SipMsg<'_>, value: u16) {
        self.0.set(Some((msg.number(), value)));
    }

    /// The value that was set for this message.
    fn of(&self, msg: SipMsg<'_>) -> Option<u16> {
        let (number, value) = self.0.get()?;
        (number == msg.number()).then_some(value)
    }
}

thread_local! {
    static STATUS: Assigned = const { Assigned::none() };
    static HOLD_TIMEOUT: Assigned = const { Assigned::none() };
    static PAGER_LIMIT: Assigned = const { Assigned::none() };
}

/// The status that the script has set for this message.
pub(crate) fn status_set(msg: SipMsg<'_>) -> Option<u16> {
    STATUS.with(|status| status.of(msg))
}

/// `$ipsmgw(status) = ...`
pub(crate) fn set_status(msg: SipMsg<'_>, status: u16) {
    STATUS.with(|assigned| assigned.set(msg, status));
}

/// The hold timeout of this message in milliseconds: set by the script, else the parameter `hold_timeout`.
pub(crate) fn hold_ms(msg: SipMsg<'_>) -> u64 {
    let seconds = HOLD_TIMEOUT.with(|assigned| assigned.of(msg));
    let set_ms = seconds.map(|seconds| u64::from(seconds) * 1000);
    set_ms.unwrap_or(state().gateway.policy.hold_timeout_ms)
}

/// `$ipsmgw(hold_timeout) = ...`
pub(crate) fn set_hold_timeout(msg: SipMsg<'_>, seconds: u16) {
    HOLD_TIMEOUT.with(|assigned| assigned.set(msg, seconds));
}

/// Most octets of the MESSAGE that this message becomes: set by the script, else the parameter `pager_limit`.
pub(crate) fn pager_limit(msg: SipMsg<'_>) -> usize {
    let octets = PAGER_LIMIT.with(|assigned| assigned.of(msg));
    octets.map_or(state().gateway.policy.pager_limit, usize::from)
}

/// `$ipsmgw(pager_limit) = ...`
pub(crate) fn set_pager_limit(msg: SipMsg<'_>, octets: u16) {
    PAGER_LIMIT.with(|assigned| assigned.set(msg, octets));
}
