//! Answers to requests.

use crate::interwork::Outcome;
use crate::sip::Answer;

use crate::kamailio::sys::answer::Response;
use crate::kamailio::sys::request::Request;
use crate::kamailio::sys::transaction::FoundTransaction;

/// Answers 500: a call into Kamailio failed. The log has the reason.
pub(crate) fn answer_failure(request: Request<'_>) {
    let answer = Answer {
        status: 500,
        reason: "Server Internal Error",
        headers: "",
    };
    answer_request(request, &answer);
}

/// The answer to a request that the gateway goes on with.
pub(crate) const ACCEPTED: Answer = Answer {
    status: 202,
    reason: "Accepted",
    headers: "",
};

/// Answers the current request: through its transaction if it has one.
pub(crate) fn answer_request(request: Request<'_>, answer: &Answer) -> bool {
    request.answer(response(answer))
}

/// Answers the request of tm's current transaction.
pub(crate) fn answer_in_transaction(request: Request<'_>, answer: &Answer) -> bool {
    request.answer_in_transaction(response(answer))
}

/// Answers a held request, from any process.
pub(crate) fn answer_by_id(found: FoundTransaction, outcome: &Outcome) -> bool {
    let Answer {
        status,
        reason,
        headers,
    } = outcome.answer;
    found.reply(status, reason, headers)
}

/// An answer in the form that `sys` sends.
pub(crate) fn response(answer: &Answer) -> Response<'_> {
    Response {
        status: answer.status,
        reason: answer.reason,
        headers: answer.headers,
    }
}
