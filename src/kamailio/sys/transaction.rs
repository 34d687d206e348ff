//! tm's transactions: begun, held, found again, answered.

use std::os::raw::{c_int, c_uint};

use super::address::{self, socket_name};
use super::argument::{Argument, Null};
use super::calls;
use super::ffi;
use super::kept::Kept;
use super::message::SipMsg;
use super::modules::modules;
use super::request::Request;
use super::text::{self, Lent, lend};

/// The name of a transaction, the same in all processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TransactionPlace {
    pub(crate) entry: u32,
    pub(crate) label: u32,
}

/// A transaction that tm keeps for `'t`: that of the current message, or of a callback.
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

    /// The transaction of the current message.
    pub(crate) fn of(_at_hand: SipMsg<'t>) -> Option<Self> {
        let cell = modules().tm.t_gett();
        // SAFETY: tm holds a reference to its current transaction until the script has finished the current message.
        unsafe { Self::new(cell) }
    }

    pub(super) fn raw(self) -> *mut ffi::cell {
        self.0.raw()
    }

    /// tm's list of callbacks: it only grows, at its head, while the transaction lives.
    pub(super) fn callbacks(self) -> impl Iterator<Item = Kept<'t, ffi::tm_callback>> {
        let first = self.0.follow(|cell| &cell.tmcb_hl.first);
        first
            .into_iter()
            .flat_map(|first| first.list(|this| &this.next))
    }

    pub(crate) fn place(self) -> TransactionPlace {
        TransactionPlace {
            entry: self.0.fields().hash_index,
            label: self.0.fields().label,
        }
    }

    /// The final response that it was answered with.
    pub(crate) fn final_status(self) -> Option<u16> {
        let status = u16::try_from(self.0.fields().uas.status).ok();
        status.filter(|status| *status >= 200)
    }

    /// Whether the transaction was suspended, and is being resumed now.
    pub(crate) fn is_continued(self) -> bool {
        u32::from(self.0.fields().flags) & ffi::T_ASYNC_CONTINUE != 0
    }

    pub(crate) fn branches(self) -> impl DoubleEndedIterator<Item = Branch<'t>> {
        let first = self.0.fields().uac;
        let count = usize::try_from(self.0.fields().nr_of_outgoings).unwrap_or(0);
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
        // Negative if there is none.
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
        let kept = kept.fields();
        pid == kept.pid && (id == kept.id || id.wrapping_add(1) == kept.id)
    }

    /// Whether From was read before the request got its transaction.
    pub(crate) fn has_read_from(self) -> bool {
        let request = self.kept_request();
        let from = request.and_then(|request| request.follow(|request| &request.from));
        from.is_some_and(|from| !from.fields().parsed.is_null())
    }

    /// tm's copy of the request; nothing in a transaction of our own.
    fn kept_request(self) -> Option<Kept<'t, ffi::sip_msg>> {
        self.0.follow(|cell| &cell.uas.request)
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
        u16::try_from(self.0.fields().last_received).unwrap_or(0)
    }

    pub(crate) fn is_open(self) -> bool {
        self.status() < 200
    }

    /// Whether the script waits for its failure.
    pub(crate) fn has_failure_route(self) -> bool {
        self.0.fields().on_failure != 0
    }

    /// The Request-URI that it was sent with.
    pub(crate) fn uri(self) -> Option<&'t str> {
        self.0.text(|branch| &branch.uri)
    }

    /// Where it was sent, as a next hop: `sip:192.0.2.1:5060;transport=udp`.
    pub(crate) fn next_hop(self) -> Option<String> {
        let to = self.0.fields().request.dst.to;
        let mut ip = ffi::ip_addr::default();
        calls::ipsmgw_c_ip(&to, &mut ip);
        let port = calls::ipsmgw_c_port(&to);
        let protocol = u32::try_from(self.0.fields().request.dst.proto).unwrap_or(0);
        address::next_hop(&ip, port, protocol)
    }

    /// The socket that it was sent from, as `udp:192.0.2.1:5060`.
    pub(crate) fn socket(self) -> Option<&'t str> {
        let socket = self.0.follow(|branch| &branch.request.dst.send_sock);
        socket.and_then(socket_name)
    }

    /// The request as it was sent.
    pub(crate) fn sent(self) -> &'t [u8] {
        let buffer = ffi::str_ {
            s: self.0.fields().request.buffer,
            len: self.0.fields().request.buffer_len,
        };
        // SAFETY: the octets that tm keeps with the branch to send them again.
        unsafe { text::octets(&buffer) }
    }
}

/// The branch of the current reply.
pub(crate) fn current_branch() -> Option<u32> {
    // Negative if there is none.
    u32::try_from(modules().tm.t_gett_branch()).ok()
}

/// The result of [`begin`].
pub(crate) enum Begun {
    /// The request has its transaction.
    Transaction,
    /// The request is a retransmission; tm has answered it.
    Retransmission,
    /// There can be no transaction.
    Failed,
}

/// Creates the transaction of the request before any other step: from now on retransmissions are absorbed.
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

/// Whether tm has a transaction of this request. If so, tm has repeated its response, if there is one.
pub(crate) fn is_known(request: Request<'_>) -> bool {
    let commands = &modules().tm_commands;
    commands.t_check_trans(request, Null::new(), Null::new()) == 0
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

/// The transaction that this process works on.
enum CurrentTransaction {
    None,
    /// The transaction that it was working on when [`CurrentKept`] was made.
    Before,
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
        self.set(CurrentTransaction::None);
    }

    fn set(&self, to: CurrentTransaction) {
        let (cell, branch) = match to {
            // T_UNDEFINED
            CurrentTransaction::None => (usize::MAX as *mut _, ffi::T_BR_UNDEFINED as c_int),
            CurrentTransaction::Before => (self.cell, self.branch),
        };
        // SAFETY: none, or what was current before: tm holds its reference until the script is through with its message.
        unsafe { (modules().tm.t_sett)(cell, branch) };
    }
}

impl Drop for CurrentKept {
    fn drop(&mut self) {
        self.set(CurrentTransaction::Before);
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
    pub(crate) fn reply(self, status: u16, reason: &str, headers: &str) -> bool {
        self.reply_with(status, reason, headers, b"", None)
    }

    /// Cancels an INVITE of our own. Its final response still comes.
    pub(crate) fn cancel(&self) {
        // SAFETY: this holds a reference.
        unsafe { (modules().tm.cancel_all_uacs)(self.cell, 0) };
    }

    /// Gives it a final response with a body and our tag. tm repeats the 2xx of an INVITE until the ACK comes.
    pub(crate) fn reply_with_body(
        self,
        (status, reason): (u16, &str),
        headers: &str,
        body: &[u8],
        tag: &str,
    ) -> bool {
        self.reply_with(status, reason, headers, body, Some(tag))
    }

    fn reply_with(
        mut self,
        status: u16,
        reason: &str,
        headers: &str,
        body: &[u8],
        tag: Option<&str>,
    ) -> bool {
        let tm = &modules().tm;
        let (mut reason, mut headers) = (lend(reason.as_bytes()), lend(headers.as_bytes()));
        let (mut body, mut to_tag) = (lend(body), ffi::str_::default());
        // SAFETY: this holds a reference.
        let request = unsafe { Transaction::new(self.cell) }.and_then(Transaction::kept_request);
        let Some(request) = request else {
            return false;
        };
        match tag {
            Some(tag) => to_tag = lend(tag.as_bytes()),
            None => _ = tm.t_get_reply_totag(request, &mut to_tag),
        }
        let body = match body.len {
            0 => std::ptr::null_mut(),
            _ => std::ptr::from_mut(&mut body),
        };
        let cell = std::mem::replace(&mut self.cell, std::ptr::null_mut());
        // SAFETY: a referenced transaction with a request; the texts are copied. tm gives the reference
        // back itself, except on the errors of its own memory, where it is lost to tm's hard cleanup.
        let replied = unsafe {
            (tm.t_reply_with_body)(
                cell,
                status.into(),
                &mut reason,
                body,
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
