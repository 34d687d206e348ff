//! What tm tells of transactions that belong to exchanges, as inputs of the core.

use crate::host::ExchangeId;
use crate::interwork::Input;

use super::answer::{ACCEPTED, answer_in_transaction};
use super::perform::{At, handle};
use super::result;
use super::rewrite;
use super::send;
use super::watch::{Handlers, exchange_relayed, set_handlers};
use crate::kamailio::sys::message::SipMsg;
use crate::kamailio::sys::request::Request;
use crate::kamailio::sys::script_callback::{ScriptCallback, When};
use crate::kamailio::sys::tm_callback::{TmEvent, Told, is_shutting_down};
use crate::kamailio::sys::transaction::{Branch, Transaction, current_branch};

/// A MESSAGE of ours has its final response. It comes in any process, and may come twice.
fn own_message(exchange: ExchangeId, attempt: u8, about: &Told<'_>) {
    if about.event == TmEvent::RequestSent {
        return send::note_sent(about);
    }
    let input = Input::LegCompleted {
        exchange,
        attempt,
        status: about.status(),
    };
    handle(exchange, input, At::Nothing);
}

/// A relayed request of SM -> IM: a 2xx on its way back, a failure, the final response on the
/// wire, the end of the transaction. All but the last come under tm's REPLY lock.
fn relayed(exchange: ExchangeId, about: &Told<'_>) {
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

fn final_sent(exchange: ExchangeId, status: u16, transaction: Transaction<'_>) {
    let input = Input::FinalSent {
        exchange,
        status,
        open: transaction.open_branches(),
    };
    handle(exchange, input, At::Answered(transaction, None));
}

/// A held request of IM -> SM: its timer is over, or its transaction ended.
fn held(exchange: ExchangeId, about: &Told<'_>) {
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

/// In mod_init. Kamailio calls us after each failure route, too: tm knows no other moment to turn a
/// failure that the script did not mend into our `202`.
pub(crate) fn start() -> bool {
    set_handlers(Handlers {
        relayed,
        held,
        own_message,
    });
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
    let Some(exchange) = exchange_relayed(transaction) else {
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
