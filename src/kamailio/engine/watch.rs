//! tm callbacks of transactions that belong to exchanges. The parameter of a callback is the number of the exchange.

use std::sync::OnceLock;

use crate::exchange::ExchangeKey;

use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::now::now;
use crate::kamailio::sys::message::SipMsg;
use crate::kamailio::sys::request::Request;
use crate::kamailio::sys::tm_callback::{Tie, TmEvent, Told, Watcher};
use crate::kamailio::sys::transaction::Transaction;

/// The functions that handle tm's callbacks.
pub(crate) struct Handlers {
    /// For a relayed request of SM -> IM.
    pub(crate) relayed: fn(ExchangeKey, &Told<'_>),
    /// For a held request of IM -> SM.
    pub(crate) held: fn(ExchangeKey, &Told<'_>),
    /// For a MESSAGE of our own, with its number in the exchange.
    pub(crate) own_message: fn(ExchangeKey, u8, &Told<'_>),
    /// For an INVITE of our own, with its number.
    pub(crate) own_invite: fn(u64, &Told<'_>),
}

static HANDLERS: OnceLock<Handlers> = OnceLock::new();

/// In mod_init. The handlers are set from above, because they carry out decisions, which register callbacks here.
pub(crate) fn set_handlers(handlers: Handlers) {
    // mod_init runs once.
    let _ = HANDLERS.set(handlers);
}

fn handlers_for(about: &Told<'_>) -> Option<(&'static Handlers, ExchangeKey)> {
    HANDLERS.get().zip(unpack(about.number))
}

/// The serial number of an exchange, with the number of one of its MESSAGEs in the upper bits.
fn pack(exchange: ExchangeKey, attempt: u8) -> u64 {
    exchange.serial() | u64::from(attempt) << ATTEMPT_AT
}

fn unpack(number: u64) -> Option<ExchangeKey> {
    let serial = number & !(u64::MAX << ATTEMPT_AT);
    let (nodes, table) = (&state().nodes, &state().table);
    match nodes.are_several() {
        true => table.key_of(serial, now().unix_ms),
        false => ExchangeKey::new(nodes.node(), serial),
    }
}

fn attempt_in(number: u64) -> u8 {
    (number >> ATTEMPT_AT) as u8
}

/// The lowest bit of the number of a MESSAGE: above the serial number.
const ATTEMPT_AT: u32 = ExchangeKey::SERIAL_BITS;

/// Registers callbacks for the relayed request of an exchange of SM -> IM.
pub(crate) fn watch_relayed(request: Request<'_>, exchange: ExchangeKey) -> bool {
    watch(request, Tie::to::<Relayed>(pack(exchange, 0)))
}

/// Registers callbacks for the held request of an exchange of IM -> SM.
pub(crate) fn watch_held(request: Request<'_>, exchange: ExchangeKey) -> bool {
    watch(request, Tie::to::<Held>(pack(exchange, 0)))
}

fn watch(request: Request<'_>, tie: Tie) -> bool {
    let transaction = Transaction::of(request.message());
    transaction.is_some_and(|transaction| transaction.tie(request, tie))
}

/// The callback for a MESSAGE of our own with this number.
pub(crate) fn tie_own_message(exchange: ExchangeKey, attempt: u8) -> Tie {
    Tie::to::<OwnMessage>(pack(exchange, attempt))
}

/// The callback for an INVITE of our own with this number.
pub(crate) fn tie_own_invite(number: u64) -> Tie {
    Tie::to::<OwnInvite>(number)
}

/// A relayed request of SM -> IM.
struct Relayed;

impl Watcher for Relayed {
    const NAME: &'static str = "relayed";
    const EVENTS: &'static [TmEvent] = &[
        TmEvent::ResponseIn,
        TmEvent::ResponseForwarded,
        TmEvent::Failure,
        TmEvent::ResponseOut,
        TmEvent::Destroyed,
    ];

    fn told(about: &Told<'_>) {
        if let Some((handlers, exchange)) = handlers_for(about) {
            (handlers.relayed)(exchange, about);
        }
    }
}

/// A held request of IM -> SM.
struct Held;

impl Watcher for Held {
    const NAME: &'static str = "held";
    const EVENTS: &'static [TmEvent] = &[TmEvent::Failure, TmEvent::Destroyed];

    fn told(about: &Told<'_>) {
        if let Some((handlers, exchange)) = handlers_for(about) {
            (handlers.held)(exchange, about);
        }
    }
}

/// A MESSAGE of our own.
struct OwnMessage;

impl Watcher for OwnMessage {
    const NAME: &'static str = "own message";
    const EVENTS: &'static [TmEvent] = &[TmEvent::LocalCompleted, TmEvent::RequestSent];

    fn told(about: &Told<'_>) {
        if let Some((handlers, exchange)) = handlers_for(about) {
            (handlers.own_message)(exchange, attempt_in(about.number), about);
        }
    }
}

/// An INVITE of our own.
struct OwnInvite;

impl Watcher for OwnInvite {
    const NAME: &'static str = "own invite";
    const EVENTS: &'static [TmEvent] = &[TmEvent::LocalCompleted, TmEvent::RequestSent];

    fn told(about: &Told<'_>) {
        if let Some(handlers) = HANDLERS.get() {
            (handlers.own_invite)(about.number, about);
        }
    }
}

/// The exchange that this watcher was last registered for in the transaction.
fn exchange_of<W: Watcher>(transaction: Transaction<'_>) -> Option<ExchangeKey> {
    transaction.number_tied::<W>().and_then(unpack)
}

/// The exchange that a relayed transaction belongs to.
pub(crate) fn exchange_relayed(transaction: Transaction<'_>) -> Option<ExchangeKey> {
    exchange_of::<Relayed>(transaction)
}

/// The exchange of the current request, after `ipsmgw_sm_to_im()`.
pub(crate) fn exchange_at_hand(msg: SipMsg<'_>) -> Option<ExchangeKey> {
    Transaction::of(msg).and_then(exchange_of::<Relayed>)
}

/// The latest exchange of the current request, after `ipsmgw_im_to_sm()`.
pub(crate) fn held_at_hand(msg: SipMsg<'_>) -> Option<ExchangeKey> {
    Transaction::of(msg).and_then(exchange_of::<Held>)
}
