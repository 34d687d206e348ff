//! tm's transactions: begun, held, found again, answered.

use std::marker::PhantomData;
use std::os::raw::{c_int, c_uint};
use std::ptr::NonNull;

use super::address::{self, ListeningSocket};
use super::argument::Argument;
use super::calls;
use super::ffi;
use super::message::SipMsg;
use super::modules::modules;
use super::request::Request;
use super::text::{self, Lent, lend};

/// A structure that tm keeps for `'t` and that other processes may write meanwhile: it is read field by field.
pub(super) struct Kept<'t, T> {
    raw: NonNull<T>,
    _kept: PhantomData<&'t T>,
}

impl<T> Clone for Kept<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Kept<'_, T> {}

impl<T> Kept<'_, T> {
    /// Nothing for tm's two pointers that are none: NULL and T_UNDEFINED (all ones).
    ///
    /// # Safety
    /// tm keeps any other for the lifetime.
    unsafe fn new(raw: *mut T) -> Option<Self> {
        let raw = NonNull::new(raw).filter(|raw| raw.addr().get() != usize::MAX)?;
        Some(Self {
            raw,
            _kept: PhantomData,
        })
    }
}

/// A copy of one field of a [`Kept`] structure: a number, a pointer or a `str`.
macro_rules! field {
    ($kept:expr, $($field:ident).+) => {{
        let kept: &Kept<'_, _> = &$kept;
        // SAFETY: `Kept::new` was promised that the structure is kept. No reference to it is made.
        unsafe { (*kept.raw.as_ptr()).$($field).+ }
    }};
}

/// What names a transaction in all processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TransactionPlace {
    pub(crate) entry: u32,
    pub(crate) label: u32,
}

/// A transaction that tm keeps for `'t`: that of the message at hand, or of a callback.
#[derive(Clone, Copy)]
pub(crate) struct Transaction<'t>(Kept<'t, ffi::cell>);

/// A branch of a transaction.
#[derive(Clone, Copy)]
pub(crate) struct Branch<'t>(Kept<'t, ffi::ua_client>);

impl<'t> Transaction<'t> {
    /// # Safety
    /// NULL, T_UNDEFINED, or a transaction that tm keeps for `'t`.
    pub(super) unsafe fn new(cell: *mut ffi::cell) -> Option<Self> {
        // SAFETY: by the caller's promise.
        unsafe { Kept::new(cell) }.map(Self)
    }

    /// The transaction of the message at hand.
    pub(crate) fn of(_at_hand: SipMsg<'t>) -> Option<Self> {
        let cell = modules().tm.t_gett();
        // SAFETY: tm holds a reference to its current transaction until the script is through with the message at hand.
        unsafe { Self::new(cell) }
    }

    pub(super) fn raw(self) -> *mut ffi::cell {
        self.0.raw.as_ptr()
    }

    pub(super) fn callbacks(self) -> *mut ffi::tm_callback {
        field!(self.0, tmcb_hl.first)
    }

    pub(crate) fn place(self) -> TransactionPlace {
        TransactionPlace {
            entry: field!(self.0, hash_index),
            label: field!(self.0, label),
        }
    }

    /// The final response that it was answered with.
    pub(crate) fn final_status(self) -> Option<u16> {
        let status = u16::try_from(field!(self.0, uas.status)).ok();
        status.filter(|status| *status >= 200)
    }

    /// Whether it was suspended, and goes on now.
    pub(crate) fn is_continued(self) -> bool {
        u32::from(field!(self.0, flags)) & ffi::T_ASYNC_CONTINUE != 0
    }

    pub(crate) fn branches(self) -> impl DoubleEndedIterator<Item = Branch<'t>> {
        let first = field!(self.0, uac);
        let count = usize::try_from(field!(self.0, nr_of_outgoings)).unwrap_or(0);
        (0..count).filter_map(move |place| {
            // SAFETY: tm keeps an array of branches with the transaction, of which so many are in use.
            unsafe { Kept::new(first.wrapping_add(place)) }.map(Branch)
        })
    }

    /// The branches that have no final response, one bit each.
    pub(crate) fn open_branches(self) -> u32 {
        let open = (0..u32::BITS).zip(self.branches());
        let open = open.filter(|(_, branch)| branch.is_open());
        open.fold(0, |bits, (branch, _)| bits | 1 << branch)
    }

    pub(crate) fn has_open_branch(self) -> bool {
        self.branches().any(Branch::is_open)
    }

    /// The branch whose failure tm handles just now.
    pub(crate) fn picked_branch(self) -> Option<Branch<'t>> {
        // Negative where there is none.
        let picked = modules().tm.t_get_picked_branch();
        self.branches().nth(usize::try_from(picked).ok()?)
    }

    /// Whether it was made for this very request, not for one that it repeats.
    fn is_of(self, request: Request<'_>) -> bool {
        let Some(kept) = self.kept_request() else {
            return false;
        };
        let (id, pid, _) = request.number();
        // In a failure route tm's stand-in has the number of the request less one.
        pid == kept.pid && (id == kept.id || id.wrapping_add(1) == kept.id)
    }

    /// Whether From was read before the request got its transaction.
    pub(crate) fn has_read_from(self) -> bool {
        let from = self.kept_request().map(|request| request.from);
        // SAFETY: the From of the request that tm keeps with the transaction, or NULL.
        let from = from.and_then(|from| unsafe { from.as_ref() });
        from.is_some_and(|from| !from.parsed.is_null())
    }

    /// tm's copy of the request; nothing in a transaction of our own.
    fn kept_request(self) -> Option<&'t ffi::sip_msg> {
        let request = field!(self.0, uas.request);
        // SAFETY: NULL, or a copy that tm keeps with the transaction, and that nobody changes any more.
        unsafe { request.as_ref() }
    }
}

/// A transaction that tm keeps during the call.
impl Argument for Transaction<'_> {
    type C = *mut ffi::cell;

    fn c(self) -> Self::C {
        self.raw()
    }
}

impl<'t> Branch<'t> {
    /// The response that it has had last; 0: none.
    pub(crate) fn status(self) -> u16 {
        u16::try_from(field!(self.0, last_received)).unwrap_or(0)
    }

    pub(crate) fn is_open(self) -> bool {
        self.status() < 200
    }

    /// Whether the script waits for its failure.
    pub(crate) fn has_failure_route(self) -> bool {
        field!(self.0, on_failure) != 0
    }

    /// The Request-URI that it was sent with.
    pub(crate) fn uri(self) -> Option<&'t str> {
        let uri = field!(self.0, uri);
        // SAFETY: a text that tm keeps with the branch.
        unsafe { text::text(&uri) }
    }

    /// Where it was sent, as a next hop: `sip:192.0.2.1:5060;transport=udp`.
    pub(crate) fn next_hop(self) -> Option<String> {
        let to = field!(self.0, request.dst.to);
        let mut ip = ffi::ip_addr::default();
        calls::ipsmgw_c_ip(&to, &mut ip);
        let port = calls::ipsmgw_c_port(&to);
        let protocol = u32::try_from(field!(self.0, request.dst.proto)).unwrap_or(0);
        address::next_hop(&ip, port, protocol)
    }

    /// The socket that it was sent from, as `udp:192.0.2.1:5060`.
    pub(crate) fn socket(self) -> Option<&'static str> {
        let socket = field!(self.0, request.dst.send_sock);
        // SAFETY: NULL, or the socket that the request was sent from.
        unsafe { ListeningSocket::new(socket) }?.name()
    }

    /// The request as it was sent.
    pub(crate) fn sent(self) -> &'t [u8] {
        let buffer = ffi::str_ {
            s: field!(self.0, request.buffer),
            len: field!(self.0, request.buffer_len),
        };
        // SAFETY: the octets that tm keeps with the branch to send them again.
        unsafe { text::octets(&buffer) }
    }
}

/// The branch that the reply at hand belongs to.
pub(crate) fn current_branch() -> Option<u32> {
    // Negative where there is none.
    u32::try_from(modules().tm.t_gett_branch()).ok()
}

/// What [`begin`] found.
pub(crate) enum Begun {
    /// The request has its transaction.
    Transaction,
    /// It is a retransmission; tm has dealt with it.
    Retransmission,
    /// There can be no transaction.
    Failed,
}

/// Gives the request a transaction, before anything else is done about it: from here on a
/// retransmission is absorbed.
pub(crate) fn begin(request: Request<'_>) -> Begun {
    // uac restores From in the replies from tm's copy of the request, and takes it for granted that From
    // was read before tm copied it. Where it cannot be read, `has_read_from` tells.
    request.parse_from();
    match modules().tm.t_newtran(request) {
        0 => Begun::Retransmission,
        1.. => Begun::Transaction,
        ffi::E_SCRIPT => match Transaction::of(request.message()) {
            // The script made it before.
            Some(current) if current.is_of(request) => Begun::Transaction,
            // The script has found the one that this request repeats.
            _ => Begun::Retransmission,
        },
        _ => Begun::Failed,
    }
}

/// Whether tm has a transaction of this request. It has sent the answer again, then, if there is one.
pub(crate) fn is_known(request: Request<'_>) -> bool {
    let (msg, none) = (request.raw(), std::ptr::null_mut());
    // SAFETY: a live request of this process; a function without parameters.
    unsafe { (modules().t_check_trans)(msg, none, none) == 0 }
}

/// For how long the request's transaction waits for a final response.
pub(crate) fn set_timeout(request: Request<'_>, ms: u64) {
    let ms = c_uint::try_from(ms).unwrap_or(c_uint::MAX);
    // 0 leaves the INVITE timer alone.
    modules().tm.set_fr(request, 0, ms);
}

/// Suspends the request: its transaction waits to be resumed, under tm's timer.
pub(crate) fn suspend(request: Request<'_>) -> Option<TransactionPlace> {
    let mut place = TransactionPlace::default();
    let (entry, label) = (&mut place.entry, &mut place.label);
    let suspended = modules().tm.t_suspend(request, entry, label) == 0;
    suspended.then_some(place)
}

/// The tag that tm puts into From of a request of this process with this Call-ID.
pub(crate) fn own_tag(call_id: &str, uri: &str) -> Option<String> {
    let mut tag = ffi::str_::default();
    let (call_id, uri) = (Lent::new(call_id.as_bytes()), Lent::new(uri.as_bytes()));
    modules().tm.generate_fromtag(&mut tag, &call_id, &uri);
    // SAFETY: the tag stands in a buffer of tm's; it is copied at once.
    unsafe { text::text(&tag) }.map(str::to_owned)
}

/// The transaction that this process works on is put away until this is dropped.
pub(super) struct CurrentKept {
    cell: *mut ffi::cell,
    branch: c_int,
}

impl CurrentKept {
    pub(super) fn new() -> Self {
        let tm = &modules().tm;
        Self {
            cell: tm.t_gett(),
            branch: tm.t_gett_branch(),
        }
    }

    /// From here on this process works on no transaction.
    pub(super) fn clear(&self) {
        let undefined = usize::MAX as *mut ffi::cell;
        // SAFETY: T_UNDEFINED: none yet.
        unsafe { (modules().tm.t_sett)(undefined, ffi::T_BR_UNDEFINED as c_int) };
    }
}

impl Drop for CurrentKept {
    fn drop(&mut self) {
        // SAFETY: what was current before; tm holds its reference until the script is through with its message.
        unsafe { (modules().tm.t_sett)(self.cell, self.branch) };
    }
}

/// A transaction, found again from any process, with a reference of its own. This process's own current
/// transaction comes back when it is dropped.
pub(crate) struct FoundTransaction {
    /// NULL when tm has taken the reference back.
    cell: *mut ffi::cell,
    _current: CurrentKept,
}

impl FoundTransaction {
    pub(crate) fn look_up(place: TransactionPlace) -> Option<Self> {
        let current = CurrentKept::new();
        let mut cell = std::ptr::null_mut();
        let tm = &modules().tm;
        let found = tm.t_lookup_ident(&mut cell, place.entry, place.label) > 0;
        (found && !cell.is_null()).then_some(Self {
            cell,
            _current: current,
        })
    }

    /// Gives it its final response. False when it already has one.
    pub(crate) fn reply(mut self, status: u16, reason: &str, headers: &str) -> bool {
        let tm = &modules().tm;
        let (mut reason, mut headers) = (lend(reason.as_bytes()), lend(headers.as_bytes()));
        let mut to_tag = ffi::str_::default();
        // SAFETY: this holds a reference.
        let request = unsafe { (*self.cell).uas.request };
        // SAFETY: NULL, or the copy that tm keeps with the transaction, and that nobody changes any more.
        let request = unsafe { SipMsg::new(request) }.and_then(SipMsg::request);
        let Some(request) = request else {
            return false;
        };
        tm.t_get_reply_totag(request, &mut to_tag);
        let cell = std::mem::replace(&mut self.cell, std::ptr::null_mut());
        // SAFETY: a referenced transaction with a request; the texts are copied; no body. tm gives the reference
        // back itself, except on the errors of its own memory, where it is lost to tm's hard cleanup.
        let replied = unsafe {
            (tm.t_reply_with_body)(
                cell,
                status.into(),
                &mut reason,
                std::ptr::null_mut(),
                &mut headers,
                &mut to_tag,
            )
        };
        replied > 0
    }
}

impl Drop for FoundTransaction {
    fn drop(&mut self) {
        if !self.cell.is_null() {
            // SAFETY: `look_up` took the reference, and nobody has given it back.
            unsafe { (modules().tm.unref_cell)(self.cell) };
        }
    }
}
