//! The functions of the routing script for reports of the SMS side.

use crate::exchange::{Now, ReplyTo};
use crate::interwork::{self, Effect, Input, Named, ReportIn, Step, Verdict};

use super::requests::{can_take, refuse, truth};
use crate::kamailio::engine::decide::decide_in;
use crate::kamailio::engine::execute::{Context, execute};
use crate::kamailio::engine::message_view::MessageView;
use crate::kamailio::engine::retransmissions;
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::now::now;
use crate::kamailio::sys::message::SipMsg;
use crate::kamailio::sys::return_code::{FALSE, TRUE};

const NOT_OURS: i32 = -2;

/// `ipsmgw_expects_report()`: whether an RP-ACK or RP-ERROR is about a message of this gateway. It answers and changes nothing.
pub(crate) fn expects_report(msg: SipMsg<'_>) -> i32 {
    let state = state();
    let now_ms = now().unix_ms;
    let Some(mut view) = MessageView::of(msg) else {
        return FALSE;
    };
    view.read_sender();
    let message = view.message();
    let Ok(Some(report)) = state.gateway.read_report(&message) else {
        return FALSE;
    };
    let expects = interwork::expects(&report, || {
        state.table.lock(report.identity.as_str(), now_ms)
    });
    truth(expects)
}

/// `ipsmgw_report()`: takes an RP-ACK, RP-ERROR or RP-SMMA, or a notification about a message of this gateway.
pub(crate) fn report(msg: SipMsg<'_>) -> i32 {
    let Some(msg) = can_take(msg, "ipsmgw_report") else {
        return FALSE;
    };
    let state = state();
    let now = now();
    let Some(view) = MessageView::with_sender(msg.message()) else {
        return FALSE;
    };
    let message = view.message();
    let report = match state.gateway.read_report(&message) {
        // Not for this gateway: the script relays it.
        Ok(None) => return NOT_OURS,
        Ok(Some(report)) => report,
        Err(refusal) => {
            refuse(msg, *refusal);
            return FALSE;
        }
    };
    let step = decide_report(&report, now);
    let status = step.effects.iter().find_map(|effect| match effect {
        Effect::Answer(_, answer) => Some(answer.status),
        _ => None,
    });
    let executed = execute(step, Context::Request(msg, None));
    if let Some(status) = status {
        retransmissions::note(msg, status);
    }
    match executed.verdict {
        Verdict::Refused => FALSE,
        _ => TRUE,
    }
}

/// Decides about a report, with the exchange that it names.
pub(super) fn decide_report(report: &ReportIn<'_>, now: Now) -> Step {
    let (table, now_ms) = (&state().table, now.unix_ms);
    let named = match report.named {
        Named::Exchange(id, _) => table.lock_of(id, now_ms),
        Named::Nothing | Named::Past => None,
    };
    let locked = named.unwrap_or_else(|| table.lock(report.identity.as_str(), now_ms));
    let request = ReplyTo::AtHand;
    decide_in(locked, Input::Report { report, request }, now)
}
