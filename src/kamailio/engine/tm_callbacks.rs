//! tm's callbacks for transactions of exchanges become inputs of the core.

use crate::exchange::ExchangeKey;
use crate::interwork::{Input, Unsent};
use crate::sip::{is_failure, is_final, is_success};

use super::answer::{answer_in_transaction, is_accepting, outcome_at_hand};
use super::decide::is_open;
use super::execute::{Context, handle};
use super::offer_answers;
use super::send;
use super::transaction_id::{reply_to, transaction_id};
use super::watch::{Handlers, exchange_relayed, set_handlers};
use crate::kamailio::sys::message::SipMsg;
use crate::kamailio::sys::request::Request;
use crate::kamailio::sys::script_callback::{ScriptCallback, When};
use crate::kamailio::sys::tm_callback::{TmEvent, Told, is_shutting_down};
use crate::kamailio::sys::transaction::{Branch, Transaction, current_branch};

/// A MESSAGE of our own has its final response. The callback may run in any process, and twice.
fn own_message(exchange: ExchangeKey, attempt: u8, about: &Told<'_>) {
    if about.event == TmEvent::RequestSent {
        return send::note_sent(about);
    }
    let input = Input::RequestCompleted {
        exchange,
        attempt,
        status: about.status(),
    };
    handle(exchange, input, Context::Nothing);
}

/// A relayed request of SM -> IM: a 2xx to forward, a failure, the final response sent, the end of the transaction. All
/// but the last run under tm's REPLY lock.
fn relayed(exchange: ExchangeKey, about: &Told<'_>) {
    let (status, transaction) = (about.status(), about.transaction);
    let im_answered = |status| {
        let input = Input::ImAnswered { exchange, status };
        handle(exchange, input, Context::Nothing);
    };
    match about.event {
        TmEvent::ResponseIn if is_final(status) => {
            if let Some(branch) = current_branch() {
                let input = Input::BranchAnswered {
                    exchange,
                    branch,
                    status,
                    open: transaction.open_branches(),
                };
                handle(
                    exchange,
                    input,
                    Context::Answered(transaction, Some(branch)),
                );
            }
        }
        TmEvent::ResponseForwarded if is_success(status) => {
            if let Some(reply) = about.reply() {
                let input = Input::ResponseForwarded { exchange, status };
                handle(exchange, input, Context::Response(reply));
            }
        }
        TmEvent::Failure if !has_failure_route(transaction) => {
            if let Some(request) = about.request() {
                script_answered(exchange, request, status);
            }
        }
        TmEvent::ResponseOut if is_final(status) => {
            let failure = picked_failure(transaction).filter(|_| !is_accepting());
            if let Some(failure) = failure {
                // The script has answered in its failure route: the picked failure is the outcome. The core ignores a
                // second outcome.
                im_answered(failure);
            }
            final_sent(exchange, status, transaction);
        }
        TmEvent::Destroyed if !is_shutting_down() && is_open(exchange) => {
            // tm calls ResponseOut only if sending worked. If the phone's connection is closed, the phone has not seen the
            // answer, but its message was accepted: the phone gets the report, and its retransmissions are not delivered
            // again.
            if let Some(status) = transaction.final_status().filter(|it| is_success(*it)) {
                final_sent(exchange, status, transaction);
            }
            handle(exchange, Input::Released { exchange }, Context::Nothing);
        }
        _ => {}
    }
}

fn final_sent(exchange: ExchangeKey, status: u16, transaction: Transaction<'_>) {
    let input = Input::FinalSent {
        exchange,
        status,
        open: transaction.open_branches(),
    };
    handle(exchange, input, Context::Answered(transaction, None));
}

/// A held request of IM -> SM: tm's timer is over, or the transaction ends.
fn held(exchange: ExchangeKey, about: &Told<'_>) {
    match about.event {
        TmEvent::Failure => {
            let Some(request) = about.request() else {
                return;
            };
            let input = Input::HoldTimeout {
                exchange,
                transaction: transaction_id(about.transaction.place()),
            };
            handle(exchange, input, Context::Failure(request));
        }
        TmEvent::Destroyed if !is_shutting_down() && is_open(exchange) => {
            handle(exchange, Input::Released { exchange }, Context::Nothing);
        }
        _ => {}
    }
}

/// The failure of the IM side is the outcome; the sender gets its `202`, and the report after it.
fn script_answered(exchange: ExchangeKey, request: Request<'_>, status: u16) {
    let input = Input::ScriptAnswered {
        exchange,
        request: reply_to(request),
        status,
    };
    handle(exchange, input, Context::Request(request, None));
}

/// Whether the branch that tm picked has a failure route.
fn has_failure_route(transaction: Transaction<'_>) -> bool {
    let picked = transaction.picked_branch();
    picked.is_some_and(Branch::has_failure_route)
}

/// The failure that tm picked, while tm handles a failure.
fn picked_failure(transaction: Transaction<'_>) -> Option<u16> {
    let status = transaction.picked_branch().map(Branch::status);
    status.filter(|status| is_failure(*status))
}

/// In mod_init. The callback after each failure route is the only place where a failure that the script has not handled can be
/// changed to `202`.
pub(crate) fn start() -> bool {
    set_handlers(Handlers {
        relayed,
        held,
        own_message,
        own_invite: offer_answers::answered,
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
    // In a continued transaction the result route has not answered: tm would send 500 now.
    if transaction.is_continued() {
        if let Some(outcome) = outcome_at_hand() {
            answer_in_transaction(request, &outcome.answer);
        }
        return;
    }
    let Some(exchange) = exchange_relayed(transaction) else {
        return;
    };
    let status = picked_failure(transaction).unwrap_or(Unsent::NotRelayed.status());
    script_answered(exchange, request, status);
}
