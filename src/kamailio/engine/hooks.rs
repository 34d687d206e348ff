//! What tm tells of the transactions that we watch, and the exchanges that they belong to.

use crate::host::ExchangeId;
use crate::interwork::Input;

use super::perform::{ACCEPTED, At, answer_in_transaction, handle};
use super::result;
use super::rewrite;
use super::send;
use crate::kamailio::sys::message::SipMsg;
use crate::kamailio::sys::request::Request;
use crate::kamailio::sys::script_callback::{ScriptCallback, When};
use crate::kamailio::sys::tm_callback::{Tie, TmEvent, Told, Watcher, is_shutting_down};
use crate::kamailio::sys::transaction::{Branch, Transaction, current_branch};

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
pub(crate) fn hook_relayed(request: Request<'_>, exchange: ExchangeId) -> bool {
    hook(request, Tie::to::<Relayed>(pack(exchange, 0)))
}

/// Ties the request's transaction, which is held, to an exchange of IM -> SM.
pub(crate) fn hook_held(request: Request<'_>, exchange: ExchangeId) -> bool {
    hook(request, Tie::to::<Held>(pack(exchange, 0)))
}

fn hook(request: Request<'_>, tie: Tie) -> bool {
    let transaction = Transaction::of(request.message());
    transaction.is_some_and(|transaction| transaction.tie(request, tie))
}

/// Ties a MESSAGE of ours, the one with this number, to an exchange.
pub(crate) fn tie_leg(exchange: ExchangeId, attempt: u8) -> Tie {
    Tie::to::<Leg>(pack(exchange, attempt))
}

/// A MESSAGE of ours has its final response. It comes in any process, and may come twice.
struct Leg;

impl Watcher for Leg {
    const NAME: &'static str = "leg completed";
    const EVENTS: &'static [TmEvent] = &[TmEvent::LocalCompleted, TmEvent::RequestSent];

    fn told(about: &Told<'_>) {
        if about.event == TmEvent::RequestSent {
            return send::note_sent(about);
        }
        let Some(exchange) = unpack(about.number) else {
            return;
        };
        let input = Input::LegCompleted {
            exchange,
            attempt: attempt_in(about.number),
            status: about.status(),
        };
        handle(exchange, input, At::Nothing);
    }
}

/// A relayed request of SM -> IM: a 2xx on its way back, a failure, the final response on the
/// wire, the end of the transaction. All but the last come under tm's REPLY lock.
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
        let Some(exchange) = unpack(about.number) else {
            return;
        };
        let (status, transaction) = (about.status(), about.transaction);
        let im_answered = |status| {
            let input = Input::ImAnswered { exchange, status };
            handle(exchange, input, At::Nothing);
        };
        match about.event {
            TmEvent::ResponseIn if status >= 200 => {
                if let Some(branch) = current_branch() {
                    let input = Input::BranchAnswered {
                        exchange,
                        branch,
                        status,
                        open: transaction.open_branches(),
                    };
                    handle(exchange, input, At::Answered(transaction, Some(branch)));
                }
            }
            TmEvent::ResponseForwarded if (200..300).contains(&status) => {
                im_answered(status);
                if let Some(reply) = about.reply()
                    && let Err(what) = rewrite::accept(reply)
                {
                    tracing::error!(%what, "the IM side's 2xx goes to the SMS side as it is");
                }
            }
            TmEvent::Failure if !has_failure_route(transaction) => {
                im_answered(status);
                if let Some(request) = about.request() {
                    accept(request);
                }
            }
            TmEvent::ResponseOut if status >= 200 => {
                let failure = picked_failure(transaction).filter(|_| !result::is_accepting());
                if let Some(failure) = failure {
                    // The script answered from its failure route: what it answered for is the
                    // outcome. The first outcome counts, so this does nothing where we did it.
                    im_answered(failure);
                }
                final_sent(exchange, status, transaction);
            }
            TmEvent::Destroyed if !is_shutting_down() => {
                // tm tells of a final response only where sending it worked. A phone whose connection is
                // gone has not seen it, but its message was taken: it is owed the report, and no
                // repetition of it may be delivered again.
                if let Some(status @ 200..300) = transaction.final_status() {
                    final_sent(exchange, status, transaction);
                }
                handle(exchange, Input::Released { exchange }, At::Nothing);
            }
            _ => {}
        }
    }
}

fn final_sent(exchange: ExchangeId, status: u16, transaction: Transaction<'_>) {
    let input = Input::FinalSent {
        exchange,
        status,
        open: transaction.open_branches(),
    };
    handle(exchange, input, At::Answered(transaction, None));
}

/// A held request of IM -> SM: its timer is over, or its transaction ended.
struct Held;

impl Watcher for Held {
    const NAME: &'static str = "held";
    const EVENTS: &'static [TmEvent] = &[TmEvent::Failure, TmEvent::Destroyed];

    fn told(about: &Told<'_>) {
        let Some(exchange) = unpack(about.number) else {
            return;
        };
        match about.event {
            TmEvent::Failure => {
                let Some(request) = about.request() else {
                    return;
                };
                handle(exchange, Input::HoldOver { exchange }, At::Failure(request));
                // Where the exchange has just ended, its answer is on its way from another process, too
                // late: tm would send 408 now (RFC 4320).
                let transaction = about.transaction;
                if transaction.final_status().is_none() && !transaction.has_open_branch() {
                    accept(request);
                }
            }
            TmEvent::Destroyed if !is_shutting_down() => {
                handle(exchange, Input::Released { exchange }, At::Nothing);
            }
            _ => {}
        }
    }
}

/// The `202` for what the gateway goes on with.
fn accept(request: Request<'_>) {
    answer_in_transaction(request, &ACCEPTED);
}

/// Whether the script waits for the failure of the branch that tm picked.
fn has_failure_route(transaction: Transaction<'_>) -> bool {
    let picked = transaction.picked_branch();
    picked.is_some_and(Branch::has_failure_route)
}

/// The failure that tm picked, while it handles one.
fn picked_failure(transaction: Transaction<'_>) -> Option<u16> {
    let status = transaction.picked_branch().map(Branch::status);
    status.filter(|status| *status >= 300)
}

/// In mod_init: has Kamailio call us after each failure route. tm knows no other moment to turn a
/// failure that the script did not mend into our `202`.
pub(crate) fn watch_failure_routes() -> bool {
    static AFTER_FAILURE_ROUTE: ScriptCallback = ScriptCallback {
        name: "after failure route",
        when: When::AfterFailure,
        run: |msg| {
            answer_unmended_failure(msg);
            true
        },
    };
    AFTER_FAILURE_ROUTE.register()
}

fn answer_unmended_failure(msg: SipMsg<'_>) {
    let (Some(transaction), Some(request)) = (Transaction::of(msg), msg.request()) else {
        return;
    };
    if transaction.has_open_branch() || transaction.final_status().is_some() {
        return;
    }
    // A continued transaction comes from the result route, which has not answered: tm would send 500 now.
    if transaction.is_continued() {
        if let Some(outcome) = result::current() {
            answer_in_transaction(request, &outcome.answer);
        }
        return;
    }
    let Some(exchange) = exchange_of::<Relayed>(transaction) else {
        return;
    };
    let status = picked_failure(transaction).unwrap_or(500);
    handle(
        exchange,
        Input::ImAnswered { exchange, status },
        At::Nothing,
    );
    accept(request);
}

/// The exchange that a transaction was tied to last with this watcher.
fn exchange_of<W: Watcher>(transaction: Transaction<'_>) -> Option<ExchangeId> {
    transaction.number_tied::<W>().and_then(unpack)
}

/// The exchange that the request at hand was taken for by `ipsmgw_sm_to_im()`.
pub(crate) fn exchange_at_hand(msg: SipMsg<'_>) -> Option<ExchangeId> {
    Transaction::of(msg).and_then(exchange_of::<Relayed>)
}

/// The exchange that the request at hand was held for last by `ipsmgw_im_to_sm()`.
pub(crate) fn held_at_hand(msg: SipMsg<'_>) -> Option<ExchangeId> {
    Transaction::of(msg).and_then(exchange_of::<Held>)
}
