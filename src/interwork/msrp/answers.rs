//! The frames that the gateway sends in a session.

use crate::wire::msrp::{
    ByteRange, FailureReport, Frame, FrameWriter, Header, Ident, Method, Path, Status,
    TransactionId,
};

/// The comment after a status code.
pub(super) const fn comment(code: u16) -> &'static str {
    match code {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        408 => "Not Delivered",
        413 => "Stop Sending",
        415 => "Unsupported Media Type",
        481 => "Session Does Not Exist",
        501 => "Unknown Method",
        506 => "Session In Use",
        _ => "",
    }
}

/// The response to a request; none if its sender wants none (RFC 4975 §7.1.4, §7.2).
pub(super) fn response(request: &Frame<'_>, wish: FailureReport, code: u16) -> Option<Vec<u8>> {
    if !is_answered(wish, code) {
        return None;
    }
    let mut out = Vec::with_capacity(256);
    FrameWriter::response(&mut out, request, code, comment(code))
        .ok()?
        .end();
    Some(out)
}

/// Whether a request gets this response.
pub(super) const fn is_answered(wish: FailureReport, code: u16) -> bool {
    match wish {
        FailureReport::Yes => true,
        FailureReport::No => false,
        FailureReport::Partial => code != 200,
    }
}

/// The response to a SEND that was held. It goes to the first hop of the path.
pub(super) fn held_response(
    transaction: &str,
    path: &str,
    own: &str,
    code: u16,
) -> Option<Vec<u8>> {
    let (path, own) = (Path::parse(path).ok()?, Path::parse(own).ok()?);
    let mut out = Vec::with_capacity(256);
    let transaction = Ident::new(transaction)?;
    FrameWriter::answer(
        &mut out,
        transaction,
        code,
        comment(code),
        path.first(),
        own,
    )
    .ok()?
    .end();
    Some(out)
}

/// A REPORT on all octets of a message (RFC 4975 §7.1.2 to §7.1.4).
pub(super) fn report(
    message_id: &str,
    total: u32,
    path: &str,
    own: &str,
    code: u16,
    random: u64,
) -> Option<Vec<u8>> {
    let (path, own) = (Path::parse(path).ok()?, Path::parse(own).ok()?);
    let mut out = Vec::with_capacity(384);
    let transaction = TransactionId::outside(&[], || random);
    let method = Method::Report;
    let mut report = FrameWriter::request(&mut out, transaction.as_ident(), method, path, own);
    let range = ByteRange {
        start: 1,
        end: Some(total.into()),
        total: Some(total.into()),
    };
    let status = Status {
        comment: Some(comment(code)),
        ..Status::of(code)
    };
    report
        .header(Header::MessageId(Ident::new(message_id)?))
        .ok()?;
    report.header(Header::ByteRange(range)).ok()?;
    report.header(Header::Status(status)).ok()?;
    report.end();
    Some(out)
}
