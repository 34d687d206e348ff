//! The recipients of stored messages: their capabilities, and the recipients whose messages are read from the database next.

use std::cell::Cell;

use crate::exchange::{ExchangeKey, Identity};
use crate::interwork::{self, Input};
use crate::sip::Capabilities;

use crate::kamailio::register::contacts;
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::stored_for::digest;

/// Milliseconds between two checks of the schedule.
pub(super) const SCHEDULE_MS: u64 = 1_000;

/// The capabilities of the recipient of a stored message, as they are now.
pub(super) fn look_up(
    exchange: ExchangeKey,
    recipient: &str,
    authorised: &str,
    is_sm: bool,
) -> Input<'static> {
    let state = state();
    if state.nodes.is_lost() {
        // Another node may begin with it at any time.
        return Input::LookedUp {
            exchange,
            can: Capabilities::default(),
            may_convert: false,
        };
    }
    let may = interwork::identity(authorised).map(|identity| state.authorizations.of(&identity));
    let mut can = contacts::capabilities(recipient, state.flags);
    can.msrp &= state.msrp_socket.is_some();
    Input::LookedUp {
        exchange,
        can,
        may_convert: may.is_some_and(|may| may.allows_conversion(is_sm)),
    }
}

thread_local! {
    /// When the timer process has woken the other one.
    static WOKEN_MS: Cell<u64> = const { Cell::new(0) };
}

/// In the timer process: the schedule is checked each second.
pub(super) fn wake_each_second(now_ms: u64) {
    if let Some(storage) = &state().storage
        && now_ms >= WOKEN_MS.get() + SCHEDULE_MS
    {
        WOKEN_MS.set(now_ms);
        storage.wake();
    }
}

/// Whether a new message for this recipient is stored behind others: they are delivered now, or next, or wait and hold up new ones. While
/// the database is away, a message for somebody who is here is delivered at once.
pub(crate) fn are_before_new(identity: &Identity) -> bool {
    let Some(storage) = &state().storage else {
        return false;
    };
    let recipient = digest(identity.as_str());
    !storage.is_away() && (storage.delivered_to.has(recipient) || storage.held_up.has(recipient))
}

/// Whose stored messages are read next.
#[derive(Clone, Copy)]
pub(crate) enum Recipient<'u> {
    /// Somebody who has just registered, if this URI has a contact.
    Registered(&'u str),
    /// Somebody whose phone has room for messages again, or whom an operator has named.
    Named,
    /// If this URI has a contact.
    IfHere(&'u str),
}

/// The stored messages for this recipient are read next.
pub(crate) fn read(identity: &Identity, recipient: Recipient<'_>) -> bool {
    let flags = state().flags;
    let has_contact = match recipient {
        Recipient::Registered(uri) | Recipient::IfHere(uri) => {
            contacts::has(uri, flags.sm | flags.im)
        }
        Recipient::Named => true,
    };
    let is_here = !matches!(recipient, Recipient::IfHere(_));
    match &state().storage {
        Some(storage) if has_contact => {
            storage.read_next(*identity, is_here);
            true
        }
        _ => false,
    }
}
