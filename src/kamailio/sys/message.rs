//! A SIP message that Kamailio lends for the time of one call.

use std::borrow::Cow;
use std::os::raw::{c_char, c_int};

use super::argument::{Argument, typed};
use super::ffi;
use super::kept::Kept;
use super::text::utf8;
use crate::base::HeaderNames;

/// A live message. All that can be wrong with a message pointer is checked where one is made.
///
/// All texts point into the buffer of the received message, which does not change during `'m`.
#[derive(Clone, Copy)]
pub(crate) struct SipMsg<'m> {
    kept: Kept<'m, ffi::sip_msg>,
}

/// Number, process and place of a message.
pub(crate) type MessageNumber = (u32, i32, usize);

/// A header field.
#[derive(Clone, Copy)]
pub(crate) struct HeaderField<'m> {
    /// Its body, without the white space around it.
    pub(crate) body: &'m [u8],
    /// The start and the length of the line in the message.
    pub(super) start: usize,
    pub(super) length: usize,
}

/// Types of header fields that each message has. Kamailio keeps them in order.
const IN_EACH: u64 = 1 << ffi::HDR_VIA_T
    | 1 << ffi::HDR_TO_T
    | 1 << ffi::HDR_FROM_T
    | 1 << ffi::HDR_CSEQ_T
    | 1 << ffi::HDR_CALLID_T
    | 1 << ffi::HDR_MAXFORWARDS_T
    | 1 << ffi::HDR_CONTENTLENGTH_T
    | 1 << ffi::HDR_EOH_T;

/// The types of header fields that most requests have: one bit for each.
const COMMON: u64 = IN_EACH
    | 1 << ffi::HDR_CONTACT_T
    | 1 << ffi::HDR_ROUTE_T
    | 1 << ffi::HDR_RECORDROUTE_T
    | 1 << ffi::HDR_CONTENTTYPE_T
    | 1 << ffi::HDR_AUTHORIZATION_T
    | 1 << ffi::HDR_PROXYAUTH_T
    | 1 << ffi::HDR_SUPPORTED_T
    | 1 << ffi::HDR_ALLOW_T
    | 1 << ffi::HDR_USERAGENT_T
    | 1 << ffi::HDR_ACCEPTCONTACT_T
    | 1 << ffi::HDR_REQUESTDISPOSITION_T
    | 1 << ffi::HDR_PAI_T;

impl<'m> SipMsg<'m> {
    /// None for the two pointers that Kamailio passes without a message: NULL (large MSRP frames, local and destroyed
    /// transactions) and tm's faked reply.
    ///
    /// # Safety
    /// Any other pointer must be a message that this process alone changes and that Kamailio keeps for `'m`.
    pub(super) unsafe fn new(raw: *mut ffi::sip_msg) -> Option<Self> {
        // SAFETY: by the caller's promise; tm's stand-in for a reply that never came, all ones (h_table.h), is none.
        unsafe { Kept::new(raw) }.map(|kept| Self { kept })
    }

    pub(super) fn kept(self) -> Kept<'m, ffi::sip_msg> {
        self.kept
    }

    pub(super) fn raw(self) -> *mut ffi::sip_msg {
        self.kept.raw()
    }

    /// The message's fields. For one look: no reference to them is kept over a call of Kamailio, which changes them.
    pub(super) fn fields(&self) -> &ffi::sip_msg {
        self.kept.fields()
    }

    /// The identity of a message within this process: the number that Kamailio gave it, and its address. tm's faked
    /// request has the number of the message before.
    pub(crate) fn number(&self) -> MessageNumber {
        let msg = self.fields();
        (msg.id, msg.pid, msg.buf as usize)
    }

    /// Request or reply, by its first line.
    pub(super) fn kind(&self) -> u32 {
        u32::try_from(self.fields().first_line.type_).unwrap_or(ffi::SIP_INVALID)
    }

    /// The octets that Kamailio has noted as a part of this message. None if they are not in its buffer.
    pub(super) fn octets(&self, part: &ffi::str_) -> &'m [u8] {
        let (start, length) = (self.offset(part.s), usize::try_from(part.len));
        let (Some(start), Ok(length @ 1..)) = (start, length) else {
            return &[];
        };
        match start.checked_add(length) {
            // SAFETY: checked: inside the `len` octets that Kamailio has received into the buffer. They stay as they are
            // for 'm; only a reply's status code is written (`Reply::make_202`), of which nothing is given out.
            Some(end) if end <= self.length() => unsafe {
                std::slice::from_raw_parts(part.s.cast(), length)
            },
            _ => &[],
        }
    }

    /// The same as text; none if it is not UTF-8.
    pub(super) fn text(&self, part: &ffi::str_) -> Option<&'m str> {
        utf8(self.octets(part))
    }

    /// The offset of a pointer in the buffer; none for NULL and pointers outside the buffer.
    pub(super) fn offset(&self, place: *const c_char) -> Option<usize> {
        let offset = place.addr().checked_sub(self.fields().buf.addr())?;
        (!place.is_null() && offset <= self.length()).then_some(offset)
    }

    /// How many octets were received.
    pub(super) fn length(&self) -> usize {
        usize::try_from(self.fields().len).unwrap_or(0)
    }

    /// The identity of a request and its retransmissions: Call-ID, CSeq, and the branch of Via, or all of Via without a
    /// branch. None if one of them is missing.
    pub(crate) fn transaction_key(&self) -> [&'m [u8]; 3] {
        let via = self.kept.follow(|msg| &msg.via1);
        let branch = via.and_then(|via| via.follow(|via| &via.branch));
        let branch = branch.map(|branch| self.octets(&branch.fields().value));
        [
            self.octets_of(|msg| &msg.callid),
            self.octets_of(|msg| &msg.cseq),
            branch.or_else(|| self.octets_of(|msg| &msg.h_via1)),
        ]
        .map(Option::unwrap_or_default)
    }

    /// Parses all header fields. False for a message that is broken before the end of its header.
    pub(crate) fn parse_headers(&self) -> bool {
        ipsmgw_c_parse_headers(*self) == 0 && !self.fields().eoh.is_null()
    }

    /// The header fields of these names that are parsed so far, in order. It never finds a field of a type in [`IN_EACH`].
    pub(crate) fn header_fields_named(
        &self,
        names: &'static HeaderNames,
    ) -> impl Iterator<Item = HeaderField<'m>> + use<'m> {
        let this = *self;
        self.fields_named(|name| names.position(name), IN_EACH)
            .filter_map(move |(_, field)| this.header_field(field))
    }

    fn header_field(&self, field: Kept<'m, ffi::hdr_field>) -> Option<HeaderField<'m>> {
        let field = field.fields();
        Some(HeaderField {
            body: self.octets(&field.body),
            start: self.offset(field.name.s)?,
            length: usize::try_from(field.len).unwrap_or(0),
        })
    }

    /// The body of the first header field of that name (any case), as text.
    pub(crate) fn header(&self, name: &str) -> Option<&'m str> {
        let is_it = |known: &[u8]| known.eq_ignore_ascii_case(name.as_bytes()).then_some(());
        let (_, field) = self.fields_named(is_it, 0).next()?;
        self.text(&field.fields().body)
    }

    /// The same for several names, in one pass, as octets. It never finds a field of a type in [`COMMON`]: most fields of a message
    /// have such a type and are skipped at once.
    pub(crate) fn uncommon_headers<const N: usize>(
        &self,
        names: &HeaderNames,
    ) -> [Option<&'m [u8]>; N] {
        let mut bodies = [None; N];
        for (place, field) in self.fields_named(|name| names.position(name), COMMON) {
            if let Some(body @ None) = bodies.get_mut(place) {
                *body = Some(self.octets(&field.fields().body));
            }
        }
        bodies
    }

    /// The header fields whose names have a place, in order, each with that place. `without` has one bit for each type of
    /// field that is skipped.
    fn fields_named<T, P: Fn(&[u8]) -> Option<T>>(
        &self,
        place_of: P,
        without: u64,
    ) -> impl Iterator<Item = (T, Kept<'m, ffi::hdr_field>)> + use<'m, T, P> {
        let this = *self;
        let mut next = self.kept.follow(|msg| &msg.headers);
        std::iter::from_fn(move || {
            loop {
                let kept = next?;
                next = kept.follow(|field| &field.next);
                let field = kept.fields();
                let kind = 1_u64.checked_shl(field.type_ as u32).unwrap_or(0);
                if kind & without != 0 {
                    continue;
                }
                if let Some(place) = place_of(this.octets(&field.name)) {
                    return Some((place, kept));
                }
            }
        })
    }

    /// Content-Encoding, also in its compact form.
    pub(crate) fn content_encoding(&self) -> Option<Cow<'m, str>> {
        const NAMES: HeaderNames = HeaderNames::new(&["Content-Encoding", "e"]);
        self.list(&NAMES)
    }

    /// All header fields of these names; several are one list (RFC 3261 §7.3.1).
    pub(crate) fn list(&self, names: &HeaderNames) -> Option<Cow<'m, str>> {
        let mut fields = self
            .fields_named(|name| names.position(name), 0)
            // A body that is not UTF-8 becomes a value that is in no list.
            .map(|(_, field)| self.text(&field.fields().body).unwrap_or("?"));
        let first = fields.next()?;
        Some(fields.fold(Cow::Borrowed(first), |list, next| {
            Cow::Owned([&*list, ",", next].concat())
        }))
    }

    /// Content-Type, also in its compact form; Call-ID, From, To and Subject likewise.
    pub(crate) fn content_type(&self) -> Option<&'m str> {
        self.body_of(|msg| &msg.content_type)
    }

    pub(crate) fn call_id(&self) -> Option<&'m str> {
        self.body_of(|msg| &msg.callid)
    }

    pub(crate) fn from(&self) -> Option<&'m str> {
        self.body_of(|msg| &msg.from)
    }

    pub(crate) fn to(&self) -> Option<&'m str> {
        self.body_of(|msg| &msg.to)
    }

    pub(crate) fn subject(&self) -> Option<&'m str> {
        self.body_of(|msg| &msg.subject)
    }

    fn body_of(
        &self,
        field: impl FnOnce(&ffi::sip_msg) -> &*mut ffi::hdr_field,
    ) -> Option<&'m str> {
        self.text(&self.kept.follow(field)?.fields().body)
    }

    fn octets_of(
        &self,
        field: impl FnOnce(&ffi::sip_msg) -> &*mut ffi::hdr_field,
    ) -> Option<&'m [u8]> {
        Some(self.octets(&self.kept.follow(field)?.fields().body))
    }

    /// The number in Content-Length.
    pub(crate) fn content_length(&self) -> Option<usize> {
        let field = self.kept.follow(|msg| &msg.content_length)?;
        // Kamailio keeps the number in the place of a pointer (parse_content_length).
        Some(field.fields().parsed.addr())
    }

    /// All octets after the empty line, whatever Content-Length is.
    pub(crate) fn octets_behind_header(&self) -> &'m [u8] {
        let start = ipsmgw_c_body(*self);
        let length = self.offset(start).map(|start| self.length() - start);
        self.octets(&ffi::str_ {
            s: start,
            len: length
                .and_then(|rest| i32::try_from(rest).ok())
                .unwrap_or(0),
        })
    }

    /// Where the empty line starts that ends the header; nothing before `parse_headers`.
    pub(super) fn end_of_header(&self) -> Option<usize> {
        let msg = self.fields();
        let end = self.offset(msg.unparsed)?;
        (!msg.eoh.is_null()).then_some(end)
    }
}

/// A message that this process alone changes.
impl Argument for SipMsg<'_> {
    type C = *mut ffi::sip_msg;

    fn c(self) -> Self::C {
        self.raw()
    }
}

typed! {
    /// It adds the parsed headers to the message, in the memory of this process. A second call changes nothing.
    fn ipsmgw_c_parse_headers(msg: SipMsg<'_>) -> c_int;
    /// It gives a place in the message, or NULL.
    fn ipsmgw_c_body(msg: SipMsg<'_>) -> *mut c_char;
}
