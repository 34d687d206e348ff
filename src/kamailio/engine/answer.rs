//! Answers to requests.

use crate::interwork::Outcome;
use crate::sip::Answer;

use crate::kamailio::sys::answer::Response;
use crate::kamailio::sys::request::Request;
use crate::kamailio::sys::transaction::FoundTransaction;

/// Answers a request for which Kamailio refused what we need; the log says why.
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

/// Answers the request at hand: through its transaction where it has one.
pub(crate) fn answer_request(request: Request<'_>, answer: &Answer) -> bool {
    request.answer(response(answer))
}

/// Answers the request of tm's current transaction.
pub(crate) fn answer_in_transaction(request: Request<'_>, answer: &Answer) -> bool {
    request.answer_in_transaction(response(answer))
}

/// The sender of a held request gets its outcome from any process.
pub(crate) fn answer_by_id(found: FoundTransaction, outcome: &Outcome) -> bool {
    let Answer {
        status,
        reason,
        headers,
    } = outcome.answer;
    found.reply(status, reason, headers)
}

/// An answer, as Kamailio sends it.
pub(crate) fn response(answer: &Answer) -> Response<'_> {
    Response {
        status: answer.status,
        reason: answer.reason,
        headers: answer.headers,
    }
}
