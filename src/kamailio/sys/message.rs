//! A SIP message that Kamailio lends us for the time of one call.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::ptr::NonNull;

use super::contact_field::Contact;
use super::ffi;
use super::socket::Socket;
use super::text;

/// tm's stand-in for a reply that never came: a pointer that must not be followed (h_table.h).
const FAKED_REPLY: *mut ffi::sip_msg = usize::MAX as *mut ffi::sip_msg;

/// A live message. All that can be wrong with a message pointer is checked where one is made.
#[derive(Clone, Copy)]
pub(crate) struct SipMsg<'m> {
    raw: NonNull<ffi::sip_msg>,
    _call: PhantomData<&'m ffi::sip_msg>,
}

/// Number, process and place of a message.
pub(crate) type MessageNumber = (u32, i32, usize);

/// A header field: its name and its body, without the white space around it.
#[derive(Clone, Copy)]
pub(crate) struct HeaderField<'m> {
    pub(crate) name: &'m [u8],
    pub(crate) body: &'m [u8],
    /// Where the whole line starts in the message, and how long it is.
    pub(crate) start: i32,
    pub(crate) length: i32,
}

impl<'m> SipMsg<'m> {
    /// Nothing for the two pointers that Kamailio passes without a message behind them: NULL (large
    /// MSRP frames, local transactions, destroyed ones) and tm's faked reply.
    ///
    /// # Safety
    /// Any other pointer must be a message that Kamailio keeps for `'m`.
    pub(crate) unsafe fn new(raw: *mut ffi::sip_msg) -> Option<Self> {
        if raw == FAKED_REPLY {
            return None;
        }
        NonNull::new(raw).map(|raw| Self {
            raw,
            _call: PhantomData,
        })
    }

    pub(crate) fn raw(self) -> *mut ffi::sip_msg {
        self.raw.as_ptr()
    }

    fn get(&self) -> &'m ffi::sip_msg {
        // SAFETY: live for 'm by `new`; other code of this process may change fields between our
        // calls, never during one.
        unsafe { self.raw.as_ref() }
    }

    /// What tells this message from all others that this process works on: the number that Kamailio gave
    /// it, and where it stands. tm's stand-in for a request has the number of the message before.
    pub(crate) fn number(&self) -> MessageNumber {
        let msg = self.get();
        (msg.id, msg.pid, msg.buf as usize)
    }

    /// Whether it is a request with this method (a code of Kamailio's, such as `METHOD_MESSAGE`).
    pub(crate) fn is_request(&self, method: u32) -> bool {
        let line = &self.get().first_line;
        if u32::try_from(line.type_) != Ok(ffi::SIP_REQUEST) {
            return false;
        }
        // SAFETY: the union holds a request line, as its type says.
        let request = unsafe { &line.u.request };
        u32::try_from(request.method_value) == Ok(method)
    }

    /// Whether it is a MESSAGE that the script may still take, hold or answer. In a branch or reply route,
    /// or for a request that tm is about to send, tm's current transaction is not in a state for that.
    pub(crate) fn can_be_taken(&self) -> bool {
        // SAFETY: no arguments; which kind of route this process runs.
        let route = unsafe { ffi::ipsmgw_c_route_type() };
        let route = u32::try_from(route).unwrap_or(0);
        self.is_request(ffi::METHOD_MESSAGE)
            && route & (ffi::REQUEST_ROUTE | ffi::FAILURE_ROUTE) != 0
    }

    /// Whether the script works on a request that has just come.
    pub(crate) fn is_in_request_route(&self) -> bool {
        // SAFETY: no arguments; which kind of route this process runs.
        let route = unsafe { ffi::ipsmgw_c_route_type() };
        let is_request = u32::try_from(self.get().first_line.type_) == Ok(ffi::SIP_REQUEST);
        is_request && u32::try_from(route) == Ok(ffi::REQUEST_ROUTE)
    }

    /// Its answer goes where it came from, also behind a NAT (RFC 3581).
    pub(crate) fn answer_to_its_source(&self) {
        // SAFETY: a live request of this process, of which no reference of ours is in use.
        let flags = unsafe { &raw mut (*self.raw()).msg_flags };
        // SAFETY: as above.
        add_flag(unsafe { &mut *flags }, ffi::FL_FORCE_RPORT);
    }

    /// The socket that it came through.
    pub(crate) fn incoming(&self) -> Option<Socket> {
        let receive = &self.get().rcv;
        if receive.proto as u32 == ffi::PROTO_UDP {
            // SAFETY: NULL, or a socket, which lives as long as Kamailio.
            let socket = unsafe { receive.bind_address.as_ref() }?;
            return Some(Socket {
                number: socket.socket,
                is_connection: false,
            });
        }
        // SAFETY: a number; this process reads the connection that the request came through.
        let number = unsafe { ffi::ipsmgw_c_connection_fd(receive.proto_reserved1) };
        (number >= 0).then_some(Socket {
            number,
            is_connection: true,
        })
    }

    /// What a request and its copies have in common, and no other: Call-ID, CSeq, and Via with its branch.
    pub(crate) fn transaction_key(&self) -> [Option<&'m str>; 3] {
        let msg = self.get();
        [msg.callid, msg.cseq, msg.h_via1].map(|field| self.parsed(field))
    }

    /// The address that it came from.
    pub(crate) fn source_address(&self) -> Option<std::net::IpAddr> {
        ip_address(&self.get().rcv.src_ip)
    }

    /// Whether To has a tag, as inside a dialog.
    pub(crate) fn has_to_tag(&self) -> bool {
        // SAFETY: NULL, or a header field of this message.
        let to = unsafe { self.get().to.as_ref() };
        // SAFETY: NULL, or what Kamailio has read of To.
        let read = to.and_then(|to| unsafe { to.parsed.cast::<ffi::to_body>().as_ref() });
        read.is_some_and(|to| to.tag_value.len > 0)
    }

    /// Parses all header fields. False for a message that is broken before the end of its header.
    pub(crate) fn parse_headers(&self) -> bool {
        // SAFETY: a live message of this process.
        let parsed = unsafe { ffi::ipsmgw_c_parse_headers(self.raw()) };
        parsed == 0 && !self.get().eoh.is_null()
    }

    /// Reads what stands in From, where that can be read.
    pub(crate) fn parse_from(&self) {
        // SAFETY: a live message of this process; parsing twice is harmless.
        unsafe { ffi::parse_from_header(self.raw()) };
    }

    /// The header fields parsed so far, in order.
    pub(crate) fn header_fields(&self) -> impl Iterator<Item = HeaderField<'m>> + use<'m> {
        let buffer = self.get().buf;
        let mut next = self.get().headers;
        std::iter::from_fn(move || {
            // SAFETY: the list belongs to the message and ends with NULL.
            let field = unsafe { next.as_ref() }?;
            next = field.next;
            Some(HeaderField {
                // SAFETY: names and bodies point into the message's buffer.
                name: unsafe { text::octets(&field.name) },
                // SAFETY: as above.
                body: unsafe { text::octets(&field.body) },
                // SAFETY: both pointers are into that one buffer.
                start: i32::try_from(unsafe { field.name.s.offset_from(buffer) }).unwrap_or(0),
                length: field.len,
            })
        })
    }

    /// The body of the first header field of that name (any case), as text.
    pub(crate) fn header(&self, name: &str) -> Option<&'m str> {
        let [body] = self.headers([name]);
        body
    }

    /// The same for several names, in one pass.
    pub(crate) fn headers<const N: usize>(&self, names: [&str; N]) -> [Option<&'m str>; N] {
        let mut bodies = [None; N];
        for field in self.header_fields() {
            let named = names
                .iter()
                .zip(&mut bodies)
                .find(|(name, _)| field.name.eq_ignore_ascii_case(name.as_bytes()));
            if let Some((_, body @ None)) = named {
                *body = Some(field.body);
            }
        }
        bodies.map(|body| std::str::from_utf8(body?).ok())
    }

    /// Content-Encoding, also in its compact form.
    pub(crate) fn content_encoding(&self) -> Option<Cow<'m, str>> {
        self.list(&["Content-Encoding", "e"])
    }

    /// All header fields of these names; several are one list (RFC 3261 §7.3.1).
    pub(crate) fn list(&self, names: &[&str]) -> Option<Cow<'m, str>> {
        let is =
            |field: &HeaderField<'_>, name: &str| field.name.eq_ignore_ascii_case(name.as_bytes());
        let mut fields = self
            .header_fields()
            .filter(|field| names.iter().any(|name| is(field, name)))
            // What is no text names no encoding that is known.
            .map(|field| std::str::from_utf8(field.body).unwrap_or("?"));
        let first = fields.next()?;
        Some(fields.fold(Cow::Borrowed(first), |list, next| {
            Cow::Owned([&*list, ",", next].concat())
        }))
    }

    /// Content-Type, also in its compact form; Call-ID, From, To and Subject likewise.
    pub(crate) fn content_type(&self) -> Option<&'m str> {
        self.parsed(self.get().content_type)
    }

    pub(crate) fn call_id(&self) -> Option<&'m str> {
        self.parsed(self.get().callid)
    }

    pub(crate) fn from(&self) -> Option<&'m str> {
        self.parsed(self.get().from)
    }

    pub(crate) fn to(&self) -> Option<&'m str> {
        self.parsed(self.get().to)
    }

    pub(crate) fn subject(&self) -> Option<&'m str> {
        self.parsed(self.get().subject)
    }

    fn parsed(&self, field: *mut ffi::hdr_field) -> Option<&'m str> {
        // SAFETY: NULL, or a header field of this message.
        let field = unsafe { field.as_ref() }?;
        // SAFETY: its body points into the message's buffer.
        unsafe { text::text(&field.body) }
    }

    /// Whether it has a Contact header field, as a REGISTER has that changes something.
    pub(crate) fn names_contacts(&self) -> bool {
        !self.get().contact.is_null()
    }

    /// Has the registrar read this lifetime in the Expires header field of a REGISTER. False where there is no such field.
    pub(crate) fn set_expires(&self, seconds: u32) -> bool {
        // SAFETY: a header field of this message, which nobody else looks at meanwhile.
        let Some(field) = (unsafe { self.get().expires.as_mut() }) else {
            return false;
        };
        // SAFETY: as above; it puts its result into `parsed`, which is freed with the message.
        if field.parsed.is_null() && unsafe { ffi::parse_expires(field) } < 0 {
            return false;
        }
        // SAFETY: parse_expires has put it there, now or before.
        let Some(body) = (unsafe { field.parsed.cast::<ffi::exp_body>().as_mut() }) else {
            return false;
        };
        body.valid = 1;
        body.val = seconds;
        true
    }

    /// The contacts of a REGISTER, in all its Contact header fields; those of `*` are none.
    pub(crate) fn contacts(&self) -> impl Iterator<Item = Contact<'m>> + use<'m> {
        let mut field = self.get().contact;
        let mut contact: *mut ffi::contact = std::ptr::null_mut();
        std::iter::from_fn(move || {
            loop {
                // SAFETY: contacts of a parsed Contact of this message; the list ends with NULL.
                if let Some(found) = unsafe { contact.as_ref() } {
                    contact = found.next;
                    return Some(Contact(found));
                }
                // SAFETY: header fields of this message; the list ends with NULL.
                let this = unsafe { field.as_mut() }?;
                field = this.next;
                if this.type_ == ffi::HDR_CONTACT_T && parse_contact(this) {
                    // SAFETY: parse_contact has put it there.
                    let body = unsafe { this.parsed.cast::<ffi::contact_body>().as_ref() };
                    contact = body.map_or(std::ptr::null_mut(), |body| body.contacts);
                }
            }
        })
    }

    /// What Content-Length declares.
    pub(crate) fn content_length(&self) -> Option<usize> {
        self.parsed(self.get().content_length)?.trim().parse().ok()
    }

    /// All octets behind the empty line, whatever Content-Length says.
    pub(crate) fn octets_behind_header(&self) -> &'m [u8] {
        // SAFETY: a live message; the result points into its buffer or is NULL.
        let start = unsafe { ffi::ipsmgw_c_body(self.raw()) };
        if start.is_null() {
            return &[];
        }
        let msg = self.get();
        // SAFETY: both pointers are into that one buffer.
        let header = unsafe { start.offset_from(msg.buf) };
        let (Ok(header), Ok(whole)) = (usize::try_from(header), usize::try_from(msg.len)) else {
            return &[];
        };
        // SAFETY: `msg.len` octets were received into the buffer, `header` of them before `start`.
        unsafe { std::slice::from_raw_parts(start.cast::<u8>(), whole.saturating_sub(header)) }
    }

    /// Where the body starts in the message, and how long it is.
    pub(crate) fn body_place(&self) -> (i32, i32) {
        let length = self.octets_behind_header().len();
        let whole = i32::try_from(self.get().len).unwrap_or(0);
        let length = i32::try_from(length).unwrap_or(0);
        (whole - length, length)
    }

    /// Where the empty line starts that ends the header. Only after `parse_headers`.
    pub(crate) fn end_of_header(&self) -> i32 {
        let msg = self.get();
        // SAFETY: both pointers are into that one buffer.
        i32::try_from(unsafe { msg.unparsed.offset_from(msg.buf) }).unwrap_or(0)
    }

    /// Makes the status of a 2xx reply 202; says where its reason phrase stands.
    pub(crate) fn set_status_202(self) -> (i32, i32) {
        // SAFETY: a reply under tm's REPLY lock, which no other process sees.
        let msg = unsafe { &mut *self.raw() };
        // SAFETY: the caller has a reply.
        let line = unsafe { &mut msg.first_line.u.reply };
        line.statuscode = 202;
        // SAFETY: the parser found three digits here, in the message's own buffer.
        unsafe { std::ptr::copy_nonoverlapping(b"202".as_ptr(), line.status.s.cast(), 3) };
        // SAFETY: both pointers are into that one buffer.
        let start = unsafe { line.reason.s.offset_from(msg.buf) };
        (i32::try_from(start).unwrap_or(0), line.reason.len)
    }

    /// The Request-URI as it came.
    pub(crate) fn original_uri(&self) -> Option<&'m str> {
        // SAFETY: only called for requests, so the union holds a request line.
        let uri = unsafe { &self.get().first_line.u.request.uri };
        // SAFETY: the line points into the message's buffer.
        unsafe { text::text(uri) }
    }

    /// Whether the script has set one of these flags.
    pub(crate) fn has_flag(&self, mask: u32) -> bool {
        self.get().flags & mask != 0
    }

    /// The Request-URI as it stands now, and whether the script has changed it.
    pub(crate) fn request_uri(&self) -> (&'m [u8], bool) {
        let msg = self.get();
        if msg.new_uri.s.is_null() || msg.new_uri.len <= 0 {
            // SAFETY: only called for requests, so the union holds a request line.
            let uri = unsafe { &msg.first_line.u.request.uri };
            // SAFETY: the line points into the message's buffer.
            (unsafe { text::octets(uri) }, false)
        } else {
            // SAFETY: a copy that the message owns.
            (unsafe { text::octets(&msg.new_uri) }, true)
        }
    }

    /// The socket that it came in on, as `udp:192.0.2.1:5060`.
    pub(crate) fn socket(&self) -> Option<&'m str> {
        // SAFETY: sockets live as long as Kamailio.
        let socket = unsafe { self.get().rcv.bind_address.as_ref() }?;
        // SAFETY: as above.
        unsafe { text::text(&socket.sock_str) }
    }

    /// Who sent it, as a next hop: `sip:192.0.2.1:5060;transport=udp`.
    pub(crate) fn source(&self) -> String {
        let received = &self.get().rcv;
        let protocol = u32::try_from(received.proto).unwrap_or(0);
        next_hop(&received.src_ip, received.src_port, protocol).unwrap_or_default()
    }
}

/// An address as a next hop.
pub(crate) fn next_hop(ip: &ffi::ip_addr, port: u16, protocol: u32) -> Option<String> {
    let address = std::net::SocketAddr::new(ip_address(ip)?, port);
    let transport = transport_name(protocol);
    Some(format!("sip:{address};transport={transport}"))
}

fn parse_contact(field: &mut ffi::hdr_field) -> bool {
    // SAFETY: a Contact of a live message of this process; parsing twice is harmless.
    unsafe { ffi::parse_contact(field) == 0 }
}

fn ip_address(ip: &ffi::ip_addr) -> Option<std::net::IpAddr> {
    // SAFETY: the union is 16 octets in network order, whichever member is read.
    let octets: [u8; 16] = unsafe { ip.u.addr };
    match ip.len {
        4 => octets.first_chunk::<4>().map(|four| (*four).into()),
        16 => Some(octets.into()),
        _ => None,
    }
}

fn transport_name(protocol: u32) -> &'static str {
    match protocol {
        ffi::PROTO_TCP => "tcp",
        ffi::PROTO_TLS => "tls",
        ffi::PROTO_SCTP => "sctp",
        ffi::PROTO_WS => "ws",
        ffi::PROTO_WSS => "wss",
        _ => "udp",
    }
}

/// Sets a flag. Kamailio's have 32 bits, and 64 from version 6 on.
fn add_flag<T: From<u32> + std::ops::BitOrAssign>(flags: &mut T, flag: u32) {
    *flags |= T::from(flag);
}
