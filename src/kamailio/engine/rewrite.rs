//! Changes to a message that Kamailio is about to send on: lumps, in Kamailio's word.

use crate::sip::{NameAddr, Translation};

use crate::kamailio::sys::ffi;
use crate::kamailio::sys::memory;
use crate::kamailio::sys::message::SipMsg;
use crate::kamailio::sys::modules::modules;
use crate::kamailio::sys::text::lend;
use crate::kamailio::sys::tm;

/// Kamailio refused a change (out of private memory, or a message it cannot change).
pub(crate) struct NotRewritten(pub(crate) &'static str);

impl std::fmt::Display for NotRewritten {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

/// Makes the request at hand what the translation says. The old body and header fields are still
/// what the script sees; the new ones go out.
pub(crate) fn translate(msg: SipMsg<'_>, to: &Translation) -> Result<(), NotRewritten> {
    // Before anything else: Kamailio sorts changes into those before and behind the header's end.
    if !msg.parse_headers() {
        return Err(NotRewritten("the header"));
    }
    if let Some(uri) = &to.request_uri {
        set_request_uri(msg, uri)?;
    }
    if !tm::has_read_from() {
        return Err(NotRewritten(
            "From: the script made the transaction before anything had read it; call t_newtran() later, or read $fu before it",
        ));
    }
    replace_party(msg, Party::From, &to.from)?;
    replace_party(msg, Party::To, &to.to)?;
    for field in msg.header_fields() {
        if to
            .remove
            .iter()
            .any(|name| field.name.eq_ignore_ascii_case(name.as_bytes()))
        {
            delete(msg, field.start, field.length)?;
        }
    }
    insert_header(msg, to.headers.as_bytes())?;
    replace_body(msg, &to.body)
}

/// Sends the request to somebody else.
pub(crate) fn set_request_uri(msg: SipMsg<'_>, uri: &str) -> Result<(), NotRewritten> {
    let mut uri = lend(uri.as_bytes());
    // SAFETY: a live request; the URI is copied.
    match unsafe { ffi::rewrite_uri(msg.raw(), &mut uri) } {
        ..0 => Err(NotRewritten("the Request-URI")),
        _ => Ok(()),
    }
}

/// Makes a 2xx of the IM side the `202 Accepted` that the SMS side gets: no body, no Contact
/// (RFC 3428 §7).
pub(crate) fn accept(reply: SipMsg<'_>) -> Result<(), NotRewritten> {
    if !reply.parse_headers() {
        return Err(NotRewritten("the header"));
    }
    let reason = reply.set_status_202();
    let at = delete(reply, reason.0, reason.1)?;
    insert_after(at, b"Accepted")?;
    for field in reply.header_fields() {
        let name = field.name;
        if [&b"Contact"[..], b"m", b"Content-Type", b"c"]
            .iter()
            .any(|unwanted| name.eq_ignore_ascii_case(unwanted))
        {
            delete(reply, field.start, field.length)?;
        }
    }
    if reply.octets_behind_header().is_empty() {
        Ok(())
    } else {
        replace_body(reply, &[])
    }
}

#[derive(Clone, Copy)]
enum Party {
    From,
    To,
}

/// Puts another person into From or To by the `uac` module, which also puts the first one back
/// into the replies.
fn replace_party(msg: SipMsg<'_>, party: Party, person: &NameAddr) -> Result<(), NotRewritten> {
    let modules = modules();
    let (replace, name) = match party {
        Party::From => (modules.uac.replace_from, "From"),
        Party::To => (modules.uac.replace_to, "To"),
    };
    let replace = replace.ok_or(NotRewritten(name))?;
    // Empty quotes, not nothing, take away a display name that is there.
    let display = if person.display.is_empty() && has_display(msg, name) {
        "\"\""
    } else {
        &person.display
    };
    let (mut display, mut uri) = (lend(display.as_bytes()), lend(person.uri.as_bytes()));
    // SAFETY: a live request; both texts are copied.
    let done = unsafe { replace(msg.raw(), &mut display, &mut uri) };
    if done < 0 {
        Err(NotRewritten(name))
    } else {
        Ok(())
    }
}

/// Whether a From or To has a display name now.
fn has_display(msg: SipMsg<'_>, name: &str) -> bool {
    let short = if name == "From" { "f" } else { "t" };
    msg.header(name)
        .or_else(|| msg.header(short))
        .and_then(|value| value.split_once('<'))
        .is_some_and(|(display, _)| !display.trim().is_empty())
}

/// Puts lines in at the end of the header.
fn insert_header(msg: SipMsg<'_>, lines: &[u8]) -> Result<(), NotRewritten> {
    if lines.is_empty() {
        return Ok(());
    }
    // SAFETY: a live, fully parsed message.
    let at = unsafe { ffi::anchor_lump(msg.raw(), msg.end_of_header(), 0, ffi::HDR_OTHER_T) };
    insert_after(at, lines)
}

/// Takes the old body out and a new one in. Content-Length is Kamailio's to correct.
fn replace_body(msg: SipMsg<'_>, body: &[u8]) -> Result<(), NotRewritten> {
    let (start, length) = msg.body_place();
    let at = if length > 0 {
        delete(msg, start, length)?
    } else {
        // SAFETY: a live, fully parsed message.
        unsafe { ffi::anchor_lump(msg.raw(), start, 0, ffi::HDR_OTHER_T) }
    };
    if body.is_empty() {
        Ok(())
    } else {
        insert_after(at, body)
    }
}

fn delete(msg: SipMsg<'_>, start: i32, length: i32) -> Result<*mut ffi::lump, NotRewritten> {
    // SAFETY: a live message; Kamailio checks the place against the buffer's length.
    let lump = unsafe { ffi::del_lump(msg.raw(), start, length, ffi::HDR_OTHER_T) };
    if lump.is_null() {
        Err(NotRewritten("a deletion"))
    } else {
        Ok(lump)
    }
}

fn insert_after(at: *mut ffi::lump, octets: &[u8]) -> Result<(), NotRewritten> {
    if at.is_null() {
        return Err(NotRewritten("an anchor"));
    }
    let copy = memory::pkg_copy(octets).ok_or(NotRewritten("private memory"))?;
    // SAFETY: `at` is a lump of a live message; the copy becomes the lump's.
    let lump = unsafe { ffi::insert_new_lump_after(at, copy.s, copy.len, ffi::HDR_OTHER_T) };
    if lump.is_null() {
        memory::pkg_free(copy);
        return Err(NotRewritten("an insertion"));
    }
    Ok(())
}
