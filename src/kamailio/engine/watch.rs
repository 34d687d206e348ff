//! Transactions that belong to exchanges: tm tells of each with the number of its exchange.

use once_cell::sync::OnceCell;

use crate::host::ExchangeId;

use crate::kamailio::sys::message::SipMsg;
use crate::kamailio::sys::request::Request;
use crate::kamailio::sys::tm_callback::{Tie, TmEvent, Told, Watcher};
use crate::kamailio::sys::transaction::Transaction;

/// What is done when tm tells of a transaction that belongs to an exchange.
pub(crate) struct Handlers {
    /// A relayed request of SM -> IM.
    pub(crate) relayed: fn(ExchangeId, &Told<'_>),
    /// A held request of IM -> SM.
    pub(crate) held: fn(ExchangeId, &Told<'_>),
    /// A MESSAGE of ours, by the number of it.
    pub(crate) own_message: fn(ExchangeId, u8, &Told<'_>),
}

static HANDLERS: OnceCell<Handlers> = OnceCell::new();

/// In mod_init: the handlers stand above this file, since they carry out decisions that watch transactions.
pub(crate) fn set_handlers(handlers: Handlers) {
    // mod_init runs once.
    let _ = HANDLERS.set(handlers);
}

fn handlers_for(about: &Told<'_>) -> Option<(&'static Handlers, ExchangeId)> {
    HANDLERS.get().zip(unpack(about.number))
}

/// An exchange and the number of one of its MESSAGEs, as the number that a transaction is tied with: the table's places
/// leave room for the latter.
fn pack(id: ExchangeId, attempt: u8) -> u64 {
    id.to_number() | u64::from(attempt) << ATTEMPT_AT
}

fn unpack(number: u64) -> Option<ExchangeId> {
    ExchangeId::from_number(number & !(u64::MAX << ATTEMPT_AT))
}

fn attempt_in(number: u64) -> u8 {
    (number >> ATTEMPT_AT) as u8
}

/// Where the number of a MESSAGE stands: behind an exchange, which has its place in bits 32 to 55.
const ATTEMPT_AT: u32 = 56;

const _: () = assert!(
    crate::kamailio::state::gateway_state::MOST_PENDING < 1 << 24,
    "the place of an exchange leaves room for an attempt"
);

/// Ties the request's transaction to an exchange of SM -> IM.
pub(crate) fn watch_relayed(request: Request<'_>, exchange: ExchangeId) -> bool {
    watch(request, Tie::to::<Relayed>(pack(exchange, 0)))
}

/// Ties the request's transaction, which is held, to an exchange of IM -> SM.
pub(crate) fn watch_held(request: Request<'_>, exchange: ExchangeId) -> bool {
    watch(request, Tie::to::<Held>(pack(exchange, 0)))
}

fn watch(request: Request<'_>, tie: Tie) -> bool {
    let transaction = Transaction::of(request.message());
    transaction.is_some_and(|transaction| transaction.tie(request, tie))
}

/// Ties a MESSAGE of ours, the one with this number, to an exchange.
pub(crate) fn tie_leg(exchange: ExchangeId, attempt: u8) -> Tie {
    Tie::to::<OwnMessage>(pack(exchange, attempt))
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

/// A MESSAGE of ours.
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

/// The exchange that a transaction was tied to last with this watcher.
fn exchange_of<W: Watcher>(transaction: Transaction<'_>) -> Option<ExchangeId> {
    transaction.number_tied::<W>().and_then(unpack)
}

/// The exchange that a relayed transaction belongs to.
pub(crate) fn exchange_relayed(transaction: Transaction<'_>) -> Option<ExchangeId> {
    exchange_of::<Relayed>(transaction)
}

/// The exchange that the request at hand was taken for by `ipsmgw_sm_to_im()`.
pub(crate) fn exchange_at_hand(msg: SipMsg<'_>) -> Option<ExchangeId> {
    Transaction::of(msg).and_then(exchange_of::<Relayed>)
}

/// The exchange that the request at hand was held for last by `ipsmgw_im_to_sm()`.
pub(crate) fn held_at_hand(msg: SipMsg<'_>) -> Option<ExchangeId> {
    Transaction::of(msg).and_then(exchange_of::<Held>)
}
