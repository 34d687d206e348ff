//! The values that the script has set for a message: `$ipsmgw(status)`, `$ipsmgw(hold_timeout)` and `$ipsmgw(pager_limit)`.

use std::cell::Cell;

use crate::kamailio::state::gateway_state::state;
use crate::kamailio::sys::message::{MessageNumber, SipMsg};

thread_local! {
    /// The value that the script has set as `$ipsmgw(status)`, and the message that it is for.
    static STATUS: Cell<(MessageNumber, u16)> = const { Cell::new(((0, 0, 0), 0)) };
}

/// The status that the script has set for this message.
pub(crate) fn status_set(msg: SipMsg<'_>) -> Option<u16> {
    let (number, status) = STATUS.get();
    (number == msg.number() && status != 0).then_some(status)
}

/// `$ipsmgw(status) = ...`
pub(crate) fn set_status(msg: SipMsg<'_>, status: u16) {
    STATUS.set((msg.number(), status));
}

thread_local! {
    /// The value in seconds that the script has set as `$ipsmgw(hold_timeout)`, and the message that it is for.
    static HOLD_TIMEOUT: Cell<(MessageNumber, u16)> = const { Cell::new(((0, 0, 0), 0)) };
}

/// The hold timeout of this message in milliseconds: set by the script, else the parameter `hold_timeout`.
pub(crate) fn hold_ms(msg: SipMsg<'_>) -> u64 {
    match HOLD_TIMEOUT.get() {
        (number, seconds) if seconds > 0 && number == msg.number() => u64::from(seconds) * 1000,
        _ => state().gateway.policy.hold_timeout_ms,
    }
}

/// `$ipsmgw(hold_timeout) = ...`
pub(crate) fn set_hold_timeout(msg: SipMsg<'_>, seconds: u16) {
    HOLD_TIMEOUT.set((msg.number(), seconds));
}

thread_local! {
    /// The value that the script has set as `$ipsmgw(pager_limit)`, and the message that it is for.
    static PAGER_LIMIT: Cell<(MessageNumber, Option<u16>)> = const { Cell::new(((0, 0, 0), None)) };
}

/// Most octets of the MESSAGE that this message becomes: set by the script, else the parameter `pager_limit`.
pub(crate) fn pager_limit(msg: SipMsg<'_>) -> usize {
    match PAGER_LIMIT.get() {
        (number, Some(octets)) if number == msg.number() => octets.into(),
        _ => state().gateway.policy.pager_limit,
    }
}

/// `$ipsmgw(pager_limit) = ...`
pub(crate) fn set_pager_limit(msg: SipMsg<'_>, octets: u16) {
    PAGER_LIMIT.set((msg.number(), Some(octets)));
}
