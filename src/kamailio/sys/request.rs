//! A SIP request that Kamailio lends for the time of one call.

use std::borrow::Cow;
use std::net::IpAddr;
use std::ops::Deref;
use std::os::raw::c_int;

use super::address;
use super::argument::{Argument, typed};
use super::calls;
use super::ffi;
use super::kept::Kept;
use super::message::SipMsg;
use super::socket::Socket;
use super::text::utf8;

/// A message with a request line.
#[derive(Clone, Copy)]
pub(crate) struct Request<'m>(SipMsg<'m>);

/// The methods that this module distinguishes.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(crate) enum Method {
    Ack = ffi::METHOD_ACK,
    Bye = ffi::METHOD_BYE,
    Invite = ffi::METHOD_INVITE,
    Message = ffi::METHOD_MESSAGE,
    Notify = ffi::METHOD_NOTIFY,
    Register = ffi::METHOD_REGISTER,
}

impl<'m> SipMsg<'m> {
    /// The message as a request, if it is a request.
    pub(crate) fn request(self) -> Option<Request<'m>> {
        Request::new(self)
    }

    /// Whether it is a request with this method.
    pub(crate) fn is_request(&self, method: Method) -> bool {
        self.request().is_some_and(|request| request.is(method))
    }
}

impl<'m> Deref for Request<'m> {
    type Target = SipMsg<'m>;

    fn deref(&self) -> &SipMsg<'m> {
        &self.0
    }
}

impl<'m> Request<'m> {
    pub(super) fn new(msg: SipMsg<'m>) -> Option<Self> {
        (msg.kind() == ffi::SIP_REQUEST).then_some(Self(msg))
    }

    /// The same as a message.
    pub(crate) fn message(self) -> SipMsg<'m> {
        self.0
    }

    /// Its request line.
    fn line(&self) -> &ffi::msg_start__bindgen_ty_1__bindgen_ty_1 {
        // SAFETY: the union holds a request line: `new` has looked at its type, which Kamailio sets once.
        unsafe { &self.fields().first_line.u.request }
    }

    /// The name of its method.
    pub(crate) fn method(&self) -> Option<&'m str> {
        self.text(&self.line().method)
    }

    pub(crate) fn is(&self, method: Method) -> bool {
        u32::try_from(self.line().method_value) == Ok(method as u32)
    }

    /// Whether it is a MESSAGE that the script may still take, hold or answer. In a branch or reply route,
    /// or for a request that tm is about to send, tm's current transaction is not in a state for that.
    pub(crate) fn can_be_taken(&self) -> bool {
        let route = ffi::REQUEST_ROUTE | ffi::FAILURE_ROUTE;
        self.is(Method::Message) && route_type() & route != 0
    }

    /// Whether the script works on a request that has just come.
    pub(crate) fn is_in_request_route(&self) -> bool {
        route_type() == ffi::REQUEST_ROUTE
    }

    /// Its response goes to the source address, also behind a NAT (RFC 3581).
    pub(crate) fn answer_to_its_source(&self) {
        // SAFETY: a live request of this process; no reference to its fields is in use.
        add_flag(unsafe { &mut (*self.raw()).msg_flags }, ffi::FL_FORCE_RPORT);
    }

    /// The socket that it came through.
    pub(crate) fn incoming(&self) -> Option<Socket> {
        let receive = &self.fields().rcv;
        if receive.proto as u32 == ffi::PROTO_UDP {
            return Some(Socket {
                number: self.bind_address()?.fields().socket,
                is_connection: false,
            });
        }
        let connection = receive.proto_reserved1;
        let descriptor = calls::ipsmgw_c_connection_fd(connection);
        (descriptor >= 0).then_some(Socket {
            number: descriptor,
            is_connection: true,
        })
    }

    fn bind_address(&self) -> Option<Kept<'m, ffi::socket_info>> {
        self.kept().follow(|msg| &msg.rcv.bind_address)
    }

    /// The socket that it came in on, as `udp:192.0.2.1:5060`.
    pub(crate) fn socket(&self) -> Option<&'m str> {
        self.bind_address().and_then(address::socket_name)
    }

    /// The address that it came from.
    pub(crate) fn source_address(&self) -> Option<IpAddr> {
        address::ip_address(&self.fields().rcv.src_ip)
    }

    /// Who sent it, as a next hop: `sip:192.0.2.1:5060;transport=udp`.
    pub(crate) fn source(&self) -> String {
        let received = &self.fields().rcv;
        let protocol = u32::try_from(received.proto).unwrap_or(0);
        address::next_hop(&received.src_ip, received.src_port, protocol).unwrap_or_default()
    }

    /// Reads what stands in From, where that can be read.
    pub(super) fn parse_from(&self) {
        parse_from_header(*self);
    }

    /// The Request-URI as it came.
    pub(crate) fn original_uri(&self) -> Option<&'m str> {
        self.text(&self.line().uri)
    }

    /// The Request-URI as it stands now, and whether the script has changed it. (A changed one is copied: the next change
    /// takes its place.) None if it is not UTF-8.
    pub(crate) fn uri(&self) -> Option<(Cow<'m, str>, bool)> {
        let changed = self.kept().octets(|msg| &msg.new_uri);
        if changed.is_empty() {
            return Some((self.original_uri()?.into(), false));
        }
        let changed = utf8(changed)?;
        Some((changed.to_owned().into(), true))
    }

    /// Whether the script has set one of these flags.
    pub(crate) fn has_flag(&self, mask: u32) -> bool {
        self.fields().flags & mask != 0
    }

    /// Whether it has a Contact header field, as a REGISTER has that changes something.
    pub(crate) fn names_contacts(&self) -> bool {
        !self.fields().contact.is_null()
    }

    /// Makes the registrar read this lifetime in the Expires header field of a REGISTER. False if there is no such field.
    pub(crate) fn set_expires(&self, seconds: u32) -> bool {
        let Some(field) = self.kept().follow(|msg| &msg.expires) else {
            return false;
        };
        if parse_expires(field) < 0 {
            return false;
        }
        let body = field.fields().parsed.cast::<ffi::exp_body>();
        // SAFETY: what parse_expires has put there, in the memory of this process; nobody else looks at it meanwhile.
        let Some(body) = (unsafe { body.as_mut() }) else {
            return false;
        };
        body.valid = 1;
        body.val = seconds;
        true
    }
}

/// Which kind of route this process runs.
fn route_type() -> u32 {
    u32::try_from(calls::ipsmgw_c_route_type()).unwrap_or(0)
}

/// Sets a flag. Kamailio's have 32 bits, and 64 from version 6 on.
fn add_flag<T: From<u32> + std::ops::BitOrAssign>(flags: &mut T, flag: u32) {
    *flags |= T::from(flag);
}

/// The same as of a message, with a request line.
impl Argument for Request<'_> {
    type C = *mut ffi::sip_msg;

    fn c(self) -> Self::C {
        self.raw()
    }
}

typed! {
    /// It stores the parsed value with the header field, in the memory of this process. A second call changes nothing.
    fn parse_expires(field: Kept<'_, ffi::hdr_field>) -> c_int;
    /// It adds the parsed headers to the message, in the memory of this process. A second call changes nothing.
    fn parse_from_header(msg: Request<'_>) -> c_int;
}
