//! Changes to a message that Kamailio is about to send on: lumps, as Kamailio calls them.

use std::marker::PhantomData;
use std::os::raw::{c_char, c_int};
use std::ptr::NonNull;

use super::argument::typed;
use super::calls;
use super::ffi;
use super::message::{HeaderField, SipMsg};
use super::modules::modules;
use super::request::Request;
use super::text::Lent;

/// Kamailio refused a change (out of private memory, or a message it cannot change).
pub(crate) struct NotRewritten(pub(crate) &'static str);

impl std::fmt::Display for NotRewritten {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

/// A place in a message where something is deleted or put in.
struct Lump<'m> {
    raw: NonNull<ffi::lump>,
    _message: PhantomData<&'m ffi::sip_msg>,
}

impl SipMsg<'_> {
    /// Takes a header field out.
    pub(crate) fn delete_header(&self, field: HeaderField<'_>) -> Result<(), NotRewritten> {
        self.delete(field.start, field.length).map(drop)
    }

    /// Puts lines in at the end of the header. Only after `parse_headers`.
    pub(crate) fn insert_headers(&self, lines: &[u8]) -> Result<(), NotRewritten> {
        if lines.is_empty() {
            return Ok(());
        }
        let end = self.end_of_header().ok_or(NotRewritten("the header"))?;
        self.anchor(end)?.insert(lines)
    }

    /// Takes the old body out and a new one in. Kamailio corrects Content-Length.
    pub(crate) fn replace_body(&self, body: &[u8]) -> Result<(), NotRewritten> {
        let old = self.octets_behind_header().len();
        let start = self.length() - old;
        let at = match old {
            0 => self.anchor(start)?,
            _ => self.delete(start, old)?,
        };
        match body {
            [] => Ok(()),
            _ => at.insert(body),
        }
    }

    /// Puts something in for a part of this message.
    pub(super) fn replace(&self, part: &ffi::str_, by: &[u8]) -> Result<(), NotRewritten> {
        let place = self.offset(part.s).zip(usize::try_from(part.len).ok());
        let (start, length) = place.ok_or(NotRewritten("a deletion"))?;
        self.delete(start, length)?.insert(by)
    }

    fn delete(&self, start: usize, length: usize) -> Result<Lump<'_>, NotRewritten> {
        let place = (c_int::try_from(start), c_int::try_from(length));
        let (Ok(start), Ok(length)) = place else {
            return Err(NotRewritten("a deletion"));
        };
        let lump = del_lump(*self, start, length, ffi::HDR_OTHER_T);
        Lump::new(lump).ok_or(NotRewritten("a deletion"))
    }

    fn anchor(&self, at: usize) -> Result<Lump<'_>, NotRewritten> {
        let at = c_int::try_from(at).map_err(|_| NotRewritten("an anchor"))?;
        let lump = anchor_lump(*self, at, 0, ffi::HDR_OTHER_T);
        Lump::new(lump).ok_or(NotRewritten("an anchor"))
    }
}

impl Lump<'_> {
    fn new(raw: *mut ffi::lump) -> Option<Self> {
        NonNull::new(raw).map(|raw| Self {
            raw,
            _message: PhantomData,
        })
    }

    /// Inserts octets after it.
    fn insert(self, octets: &[u8]) -> Result<(), NotRewritten> {
        let (copy, length) = private_copy(octets).ok_or(NotRewritten("private memory"))?;
        // SAFETY: a lump that the live message has just got; the copy belongs to the new lump from here on.
        let lump = unsafe {
            ffi::insert_new_lump_after(self.raw.as_ptr(), copy, length, ffi::HDR_OTHER_T)
        };
        if lump.is_null() {
            // SAFETY: made above, and Kamailio has not taken it.
            unsafe { ffi::ipsmgw_c_pkg_free(copy.cast()) };
            return Err(NotRewritten("an insertion"));
        }
        Ok(())
    }
}

/// A copy in Kamailio's private memory, and its length; `None` when there is none left.
fn private_copy(octets: &[u8]) -> Option<(*mut c_char, c_int)> {
    let length = c_int::try_from(octets.len()).ok()?;
    let memory = calls::ipsmgw_c_pkg_alloc(octets.len().max(1)).cast::<u8>();
    if memory.is_null() {
        return None;
    }
    // SAFETY: this many octets of fresh memory, so they do not overlap with others.
    unsafe { memory.copy_from_nonoverlapping(octets.as_ptr(), octets.len()) };
    Some((memory.cast(), length))
}

/// Whose header field is replaced.
#[derive(Clone, Copy)]
pub(crate) enum Party {
    From,
    To,
}

impl Request<'_> {
    /// Sends the request to another URI.
    pub(crate) fn set_uri(&self, uri: &str) -> Result<(), NotRewritten> {
        match rewrite_uri(*self, &Lent::new(uri.as_bytes())) {
            ..0 => Err(NotRewritten("the Request-URI")),
            _ => Ok(()),
        }
    }

    /// Puts another person into From or To by the `uac` module, which also puts the first one back
    /// into the replies.
    pub(crate) fn replace_party(
        &self,
        party: Party,
        display: &str,
        uri: &str,
    ) -> Result<(), NotRewritten> {
        let uac = &modules().uac;
        let (display, uri) = (&Lent::new(display.as_bytes()), &Lent::new(uri.as_bytes()));
        let (replaced, name) = match party {
            Party::From => (uac.replace_from(*self, display, uri), "From"),
            Party::To => (uac.replace_to(*self, display, uri), "To"),
        };
        match replaced {
            ..0 => Err(NotRewritten(name)),
            _ => Ok(()),
        }
    }
}

typed! {
    /// It copies the URI.
    fn rewrite_uri(msg: Request<'_>, uri: &Lent<'_>) -> c_int;
    /// It compares the place with the length of the message, and gives a lump that lives as long as the message, or NULL.
    fn del_lump(msg: SipMsg<'_>, offset: c_int, length: c_int, kind: ffi::_hdr_types_t) -> *mut ffi::lump;
    /// The same.
    fn anchor_lump(msg: SipMsg<'_>, offset: c_int, length: c_int, kind: ffi::_hdr_types_t) -> *mut ffi::lump;
}
