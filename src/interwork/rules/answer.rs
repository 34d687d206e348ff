//! Final responses: reason phrase and header fields of a status code.

use crate::sip::Answer;

/// The types and encodings that we take (RFC 3261 §21.4.13).
const ACCEPT: &str = "Accept: application/vnd.3gpp.sms, text/plain, message/cpim, multipart/mixed\r\n\
     Accept-Encoding: gzip, deflate\r\n";

/// The option tag that a request with a list of recipients requires (RFC 5365 §4; mandatory in a 420).
const UNSUPPORTED: &str = "Unsupported: recipient-list-message\r\n";

/// Retry-After for a temporary failure.
const RETRY_AFTER: &str = "Retry-After: 60\r\n";

/// A final response with the header fields that belong to it.
pub fn answer(status: u16, retry_after: bool) -> Answer {
    let headers = match status {
        415 => ACCEPT,
        420 => UNSUPPORTED,
        _ if retry_after => RETRY_AFTER,
        _ => "",
    };
    Answer {
        status,
        reason: reason(status),
        headers,
        retry_after: None,
    }
}

/// Reason phrases (RFC 3261 §21). A status code that the operator wrote into a row may be any.
const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        202 => "Accepted",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        410 => "Gone",
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Unsupported URI Scheme",
        420 => "Bad Extension",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        486 => "Busy Here",
        488 => "Not Acceptable Here",
        500 => "Server Internal Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Server Time-out",
        600 => "Busy Everywhere",
        603 => "Decline",
        604 => "Does Not Exist Anywhere",
        606 => "Not Acceptable",
        _ if status < 500 => "Request Failure",
        _ if status < 600 => "Server Failure",
        _ => "Global Failure",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_carry_what_belongs_to_them() {
        assert!(answer(415, false).headers.starts_with("Accept: "));
        assert!(answer(480, true).headers.starts_with("Retry-After: "));
        assert_eq!(answer(202, false).headers, "");
    }
}
