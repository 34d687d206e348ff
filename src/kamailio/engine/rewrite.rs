//! Changes to a message that Kamailio is about to send on.

use crate::base::HeaderNames;
use crate::sip::{Answer, NameAddr, Translation};

use crate::kamailio::sys::lumps::{NotRewritten, Party};
use crate::kamailio::sys::reply::Reply;
use crate::kamailio::sys::request::Request;
use crate::kamailio::sys::transaction::Transaction;

/// Changes the request as the translation says. The script still sees the old body and header fields; the request that is sent has
/// the new ones.
pub(crate) fn translate(msg: Request<'_>, to: &Translation) -> Result<(), NotRewritten> {
    // First of all: Kamailio handles changes before and after the end of the header in different ways.
    if !msg.parse_headers() {
        return Err(NotRewritten("the header"));
    }
    if let Some(uri) = &to.request_uri {
        msg.set_uri(uri)?;
    }
    let transaction = Transaction::of(msg.message());
    if !transaction.is_some_and(Transaction::has_read_from) {
        return Err(NotRewritten(
            "From: the script made the transaction before anything had read it; call t_newtran() later, or read $fu before it",
        ));
    }
    replace_party(msg, Party::From, &to.from)?;
    replace_party(msg, Party::To, &to.to)?;
    for field in msg.header_fields_named(to.remove) {
        msg.delete_header(field)?;
    }
    msg.insert_headers(to.headers.as_bytes())?;
    msg.replace_body(&to.body)
}

/// Changes a response of the IM side to the answer for the SMS side: no body, no Contact (RFC 3428 §7).
pub(crate) fn answer_with(reply: Reply<'_>, answer: &Answer) -> Result<(), NotRewritten> {
    if !reply.parse_headers() {
        return Err(NotRewritten("the header"));
    }
    reply.set_status(answer.status, answer.reason)?;
    static UNWANTED: HeaderNames = HeaderNames::new(&["Contact", "m", "Content-Type", "c"]);
    for field in reply.header_fields_named(&UNWANTED) {
        reply.delete_header(field)?;
    }
    if reply.octets_behind_header().is_empty() {
        Ok(())
    } else {
        reply.replace_body(&[])
    }
}

/// Replaces the person in From or To.
fn replace_party(msg: Request<'_>, party: Party, person: &NameAddr) -> Result<(), NotRewritten> {
    // `uac` removes a display name only if the new one is a pair of quotes.
    let display = if person.display.is_empty() && has_display(msg, party) {
        "\"\""
    } else {
        &person.display
    };
    msg.replace_party(party, display, &person.uri)
}

/// Whether From or To has a display name.
fn has_display(msg: Request<'_>, party: Party) -> bool {
    let value = match party {
        Party::From => msg.from(),
        Party::To => msg.to(),
    };
    value
        .and_then(|value| value.split_once('<'))
        .is_some_and(|(display, _)| !display.trim().is_empty())
}
