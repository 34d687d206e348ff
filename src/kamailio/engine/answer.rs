//! Answers to requests, as Kamailio sends them.

use crate::sip::Answer;

use crate::kamailio::sys::answer::Response;
use crate::kamailio::sys::request::Request;
use crate::kamailio::sys::transaction::FoundTransaction;

/// Answers the current request: through its transaction if it has one.
pub(crate) fn answer_request(request: Request<'_>, answer: &Answer) -> bool {
    request.answer(response(answer, &answer.header_lines()))
}

/// Answers the request of tm's current transaction.
pub(crate) fn answer_in_transaction(request: Request<'_>, answer: &Answer) -> bool {
    request.answer_in_transaction(response(answer, &answer.header_lines()))
}

/// Answers a copy of a request whose transaction tm has forgotten.
pub(crate) fn answer_as_before(request: Request<'_>, answer: &Answer) -> bool {
    request.answer_as_before(response(answer, &answer.header_lines()))
}

/// Answers a transaction, from any process. False if it has its final response.
pub(crate) fn reply(found: FoundTransaction, answer: &Answer) -> bool {
    found.reply(answer.status, answer.reason, &answer.header_lines())
}

/// An answer in the form that `sys` sends.
fn response<'a>(answer: &Answer, headers: &'a str) -> Response<'a> {
    Response {
        status: answer.status,
        reason: answer.reason,
        headers,
    }
}
