//! The request that a script function converts: whether the function may convert it, its transaction, its refusal.

use crate::exchange::{Now, TransactionId};
use crate::interwork::{Interworking, Refusal, RefusedMessage, Step, Verdict};
use crate::sip::MessageIn;

use crate::kamailio::engine::execute::{Context, execute, refuse_without_means};
use crate::kamailio::engine::retransmissions;
use crate::kamailio::engine::transaction_id::{reply_to, transaction_id};
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::sys::message::SipMsg;
use crate::kamailio::sys::request::Request;
use crate::kamailio::sys::return_code::{END_OF_SCRIPT, FALSE, TRUE};
use crate::kamailio::sys::transaction::{self, Begun, Transaction};

/// The return code for true or false.
pub(super) const fn truth(is_so: bool) -> i32 {
    if is_so { TRUE } else { FALSE }
}

/// The request, if a function may convert it in this type of route. If not, the log has the reason.
pub(crate) fn can_take<'m>(msg: SipMsg<'m>, function: &str) -> Option<Request<'m>> {
    let request = msg.request().filter(Request::can_be_taken);
    if request.is_none() {
        tracing::error!(
            "{function}() works on a MESSAGE, in a request route, a failure route or the result route"
        );
    }
    request
}

/// Creates the transaction of a message. The error is the return code: the function ends with it.
pub(crate) fn begin(msg: Request<'_>) -> Result<(), i32> {
    match transaction::begin(msg) {
        Begun::Transaction => {
            retransmissions::watch(msg);
            Ok(())
        }
        Begun::Retransmission => Err(END_OF_SCRIPT),
        Begun::Failed => {
            refuse_without_means(msg);
            Err(FALSE)
        }
    }
}

/// Creates the transaction of a message, unless no new messages are taken. The error is the return code.
pub(crate) fn accept(msg: Request<'_>) -> Result<(), i32> {
    begin(msg)?;
    match refuse_while_draining(msg) {
        true => Err(FALSE),
        false => Ok(()),
    }
}

/// The identifier of the request's transaction, valid in all processes.
pub(super) fn transaction_at_hand(msg: Request<'_>) -> TransactionId {
    let place = Transaction::of(msg.message()).map(Transaction::place);
    transaction_id(place.unwrap_or_default())
}

/// Carries out a step about the request. The return code is false if the message is refused.
pub(super) fn carry_out(step: Step, msg: Request<'_>) -> i32 {
    match execute(step, Context::Request(msg, None)).verdict {
        Verdict::Refused => FALSE,
        _ => TRUE,
    }
}

/// Refuses a message while the gateway stops or drains, or is switched off.
pub(crate) fn refuse_while_draining(msg: Request<'_>) -> bool {
    let lifecycle = &state().lifecycle;
    let drains = lifecycle.is_draining() || !lifecycle.is_enabled();
    if drains {
        let step = state().gateway.refuse_while_stopping(reply_to(msg));
        execute(step, Context::Request(msg, None));
    }
    drains
}

/// Answers a refused message, and sends the report that the SMS side must get.
pub(crate) fn refuse(msg: Request<'_>, refusal: Refusal) {
    let step = state().gateway.refuse(refusal, reply_to(msg));
    execute(step, Context::Request(msg, None));
}

/// The same for a message that was to be converted: a charging record is written.
pub(crate) fn refuse_message(
    msg: Request<'_>,
    refusal: Refusal,
    message: &MessageIn<'_>,
    way: Interworking,
    now: Now,
) {
    let refused = RefusedMessage { message, way, now };
    let gateway = &state().gateway;
    let step = gateway.refuse_message(refusal, refused, reply_to(msg));
    execute(step, Context::Request(msg, None));
}
