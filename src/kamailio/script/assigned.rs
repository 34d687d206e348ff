//! The values that the script has set for a message: `$ipsmgw(status)` and `$ipsmgw(hold_timeout)`.

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
