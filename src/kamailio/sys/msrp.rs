//! The frame that msrp.so has read, and frames of our own.
//!
//! msrp.so takes the only event that Kamailio has for MSRP, and runs `event_route[msrp:frame-in]` for each frame. Its functions
//! (`msrp_relay`, `msrp_reply`) work on that frame alone, and it gives no functions to other modules. So the frame is read
//! through its pseudo-variables, and the core's `tcp_send` sends on the connection of the frame, from any process.

use std::ffi::CStr;
use std::os::raw::{c_int, c_ushort};

use super::address::socket_name;
use super::argument::{Argument, typed};
use super::calls;
use super::ffi;
use super::kept::Kept;
use super::message::SipMsg;
use super::text::{self, Lent, lend};

/// The frame that this process works on.
#[derive(Clone, Copy)]
pub(crate) struct CurrentFrame<'m> {
    /// Its octets.
    pub(crate) octets: &'m [u8],
    /// The number of its connection.
    pub(crate) connection: i32,
}

/// A pseudo-variable that Kamailio has parsed.
#[derive(Clone, Copy)]
struct Variable<'m>(Kept<'m, ffi::pv_spec_t>);

impl Argument for Variable<'_> {
    type C = *mut ffi::pv_spec_t;

    fn c(self) -> Self::C {
        self.0.raw()
    }
}

impl<'m> CurrentFrame<'m> {
    /// The frame; nothing outside of `event_route[msrp:frame-in]`.
    pub(crate) fn of(msg: SipMsg<'m>) -> Option<Self> {
        let buffer = value(msg, b"$msrp(buf)")?;
        // A number of a pseudo-variable has another width in Kamailio 6.
        let connection = i64::from(value(msg, b"$msrp(conid)")?.ri);
        Some(Self {
            // SAFETY: the octets that Kamailio has read from the connection; they stay while the event route runs.
            octets: unsafe { text::octets(&buffer.rs) },
            connection: i32::try_from(connection).ok()?,
        })
    }
}

fn value(msg: SipMsg<'_>, name: &'static [u8]) -> Option<ffi::pv_value_t> {
    // Without msrp.so there are no such variables.
    is_loaded().then_some(())?;
    let spec = pv_cache_get(&Lent::new(name));
    // SAFETY: Kamailio's cache of variables, which frees those of htable alone (core/pvapi.c, `pv_cache_drop`).
    let variable = unsafe { Kept::new(spec) }.map(Variable)?;
    let mut value = ffi::pv_value_t::default();
    let is_read = pv_get_spec_value(msg, variable, &mut value) == 0;
    let is_null = value.flags & ffi::PV_VAL_NULL as c_int != 0;
    (is_read && !is_null).then_some(value)
}

/// Kamailio's stand-in for a message: it passes none for a large frame.
pub(super) fn stand_in<'m>() -> Option<SipMsg<'m>> {
    // SAFETY: a request of this process's own, which stays.
    unsafe { SipMsg::new(calls::faked_msg_next()) }
}

/// Whether msrp.so is loaded.
pub(crate) fn is_loaded() -> bool {
    find_export(c"msrp_relay", 0, 0).is_some()
}

/// The first socket for TCP, as `tcp:192.0.2.1:5060`.
pub(crate) fn first_socket() -> Option<&'static str> {
    // SAFETY: Kamailio's list of sockets, which stays until it ends.
    unsafe { Kept::new(ipsmgw_c_tcp_socket()) }.and_then(socket_name)
}

/// Whether Kamailio listens on this socket: `tcp:192.0.2.1:5060`.
pub(crate) fn is_own_socket(name: &str) -> bool {
    !lookup_local_socket(&Lent::new(name.as_bytes())).is_null()
}

/// The address of the next hop of a session.
#[derive(Clone, Copy)]
pub(crate) struct NextHop<'a> {
    pub(crate) is_secure: bool,
    pub(crate) host: &'a str,
    pub(crate) port: u16,
}

impl NextHop<'_> {
    /// Sends octets there, over a new connection if there is none. False: the connection is refused.
    pub(crate) fn send(self, octets: &[u8]) -> bool {
        let (host, octets) = (Lent::new(self.host.as_bytes()), Lent::new(octets));
        ipsmgw_c_send_to(self.is_secure.into(), &host, self.port, &octets) >= 0
    }

    /// Whether there is a connection.
    pub(crate) fn is_connected(self) -> bool {
        let host = Lent::new(self.host.as_bytes());
        ipsmgw_c_is_connected(self.is_secure.into(), &host, self.port) == 1
    }
}

/// Whether this connection is still there.
pub(crate) fn is_open(connection: i32) -> bool {
    calls::ipsmgw_c_has_connection(connection) == 1
}

/// Sends octets on a connection; false: it is gone.
pub(crate) fn send(connection: i32, octets: &[u8]) -> bool {
    let octets = lend(octets);
    // SAFETY: the octets are live during the call, which copies what it cannot send at once.
    unsafe { ffi::ipsmgw_c_send_on_connection(connection, &octets) >= 0 }
}

typed! {
    /// It parses the name at its first use, and keeps a copy.
    fn pv_cache_get(name: &Lent<'_>) -> *mut ffi::pv_spec_t;
    /// msrp.so does not look at the message.
    fn pv_get_spec_value(msg: SipMsg<'_>, variable: Variable<'_>, value: &mut ffi::pv_value_t) -> c_int;
    /// It copies the octets that it cannot send at once, and reads the host during the call.
    fn ipsmgw_c_send_to(is_secure: c_int, host: &Lent<'_>, port: c_ushort, octets: &Lent<'_>) -> c_int;
    /// It looks a connection up under Kamailio's lock.
    fn ipsmgw_c_is_connected(is_secure: c_int, host: &Lent<'_>, port: c_ushort) -> c_int;
    /// The same.
    fn lookup_local_socket(name: &Lent<'_>) -> *mut ffi::socket_info;
    /// It gives a socket that stays until Kamailio ends, or NULL.
    fn ipsmgw_c_tcp_socket() -> *mut ffi::socket_info;
    /// It looks a function up in the modules that are loaded.
    fn find_export(name: &CStr, parameters: c_int, flags: c_int) -> ffi::cmd_function;
}
