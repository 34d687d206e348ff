//! Kamailio's transactions: begun, held, found again, answered.

use std::os::raw::{c_int, c_uint};

use crate::host::TransactionId;

use super::ffi;
use super::message::SipMsg;
use super::modules::modules;
use super::text::lend;

/// The transaction that this process works on.
pub(crate) fn current_cell() -> Option<*mut ffi::cell> {
    let get = modules().tm.t_gett?;
    // SAFETY: no arguments; NULL and T_UNDEFINED (all ones) mean none.
    let cell = unsafe { get() };
    (!cell.is_null() && cell as usize != usize::MAX).then_some(cell)
}

/// Runs something that has no transaction, whichever one this process works on.
pub(crate) fn without_transaction(what: impl FnOnce()) {
    let tm = &modules().tm;
    let (Some(get), Some(branch), Some(set)) = (tm.t_gett, tm.t_gett_branch, tm.t_sett) else {
        return;
    };
    // SAFETY: no arguments.
    let before = unsafe { get() };
    // SAFETY: no arguments.
    let branch_before = unsafe { branch() };
    // SAFETY: T_UNDEFINED: none yet.
    unsafe { set(usize::MAX as *mut ffi::cell, ffi::T_BR_UNDEFINED as c_int) };
    what();
    // SAFETY: what was current before.
    unsafe { set(before, branch_before) };
}

/// What names that transaction in any process.
pub(crate) fn current_id() -> TransactionId {
    // SAFETY: tm's current transaction is referenced by this process.
    let cell = current_cell().and_then(|cell| unsafe { cell.as_ref() });
    cell.map_or_else(TransactionId::default, |cell| TransactionId {
        entry: cell.hash_index,
        label: cell.label,
        ..TransactionId::default()
    })
}

/// The branch that the reply at hand belongs to.
pub(crate) fn current_branch() -> Option<u32> {
    // SAFETY: no arguments; negative where there is none.
    let branch = unsafe { modules().tm.t_gett_branch?() };
    u32::try_from(branch).ok()
}

/// The branches of a transaction that have no final response, one bit each.
pub(crate) fn open_branches(cell: &ffi::cell) -> u32 {
    let open = (0..u32::BITS).zip(branches(cell));
    let open = open.filter(|(_, branch)| branch.last_received < 200);
    open.fold(0, |bits, (branch, _)| bits | 1 << branch)
}

/// Whether the request at hand has a transaction.
pub(crate) fn has_transaction() -> bool {
    current_cell().is_some()
}

/// What `begin` found.
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
pub(crate) fn begin(msg: SipMsg<'_>) -> Begun {
    // uac restores From in the replies from tm's copy of the request, and takes it for granted that From
    // was read before tm copied it. Where it cannot be read, `has_read_from` tells.
    msg.parse_from();
    let Some(new) = modules().tm.t_newtran else {
        return Begun::Failed;
    };
    // SAFETY: a live request.
    match unsafe { new(msg.raw()) } {
        0 => Begun::Retransmission,
        1.. => Begun::Transaction,
        // The script made it before us, or has found the one that this repeats.
        ffi::E_SCRIPT if is_of_transaction(msg) => Begun::Transaction,
        ffi::E_SCRIPT => Begun::Retransmission,
        _ => Begun::Failed,
    }
}

/// Whether tm has a transaction of this request. It has sent the answer again, then, if there is one.
pub(crate) fn is_known(msg: SipMsg<'_>) -> bool {
    let Some(check) = modules().check_trans else {
        return false;
    };
    // SAFETY: a live request in the request route.
    unsafe { check(msg.raw(), std::ptr::null_mut(), std::ptr::null_mut()) == 0 }
}

/// Whether the current transaction was made for this very request, not for one that it repeats.
fn is_of_transaction(msg: SipMsg<'_>) -> bool {
    // SAFETY: tm's current transaction is referenced by this process.
    let cell = current_cell().and_then(|cell| unsafe { cell.as_ref() });
    // SAFETY: the request that tm keeps with it; NULL in a transaction of our own.
    let request = cell.and_then(|cell| unsafe { cell.uas.request.as_ref() });
    // In a failure route tm's stand-in has the number of the request less one.
    request.is_some_and(|request| {
        let (id, pid, _) = msg.number();
        pid == request.pid && (id == request.id || id.wrapping_add(1) == request.id)
    })
}

/// Whether From was read before the request at hand got its transaction.
pub(crate) fn has_read_from() -> bool {
    // SAFETY: tm's current transaction is referenced by this process.
    let cell = current_cell().and_then(|cell| unsafe { cell.as_ref() });
    // SAFETY: the request that tm keeps with it; NULL in a transaction of our own.
    let request = cell.and_then(|cell| unsafe { cell.uas.request.as_ref() });
    // SAFETY: its From, or NULL.
    let from = request.and_then(|request| unsafe { request.from.as_ref() });
    from.is_some_and(|from| !from.parsed.is_null())
}

/// Gives the IM side so long for its final response.
pub(crate) fn set_timeout(msg: SipMsg<'_>, ms: u64) {
    if let Some(set) = modules().tm.set_fr {
        // SAFETY: a live request; 0 leaves the INVITE timer alone.
        unsafe { set(msg.raw(), 0, c_uint::try_from(ms).unwrap_or(c_uint::MAX)) };
    }
}

/// Suspends the request: its transaction waits for us, under tm's timer.
pub(crate) fn suspend(msg: SipMsg<'_>) -> Option<TransactionId> {
    let (mut entry, mut label) = (0, 0);
    // SAFETY: a live request that has a transaction.
    let suspended = unsafe { modules().tm.t_suspend?(msg.raw(), &mut entry, &mut label) };
    (suspended == 0).then_some(TransactionId {
        entry,
        label,
        ..TransactionId::default()
    })
}

/// Answers with a transaction's final response, in failure context.
pub(crate) fn reply(request: SipMsg<'_>, status: u16, reason: &'static std::ffi::CStr) -> bool {
    let Some(t_reply) = modules().tm.t_reply else {
        return false;
    };
    // SAFETY: the request of the current transaction; the reason is copied.
    unsafe { t_reply(request.raw(), status.into(), reason.as_ptr().cast_mut()) > 0 }
}

/// Whether the transaction that this process works on has its final response.
pub(crate) fn has_final_answer() -> bool {
    // SAFETY: tm's current transaction is referenced by this process.
    let cell = current_cell().and_then(|cell| unsafe { cell.as_ref() });
    cell.is_some_and(|cell| cell.uas.status >= 200)
}

/// Whether a branch of the transaction that this process works on waits for its response.
pub(crate) fn has_open_branch() -> bool {
    // SAFETY: tm's current transaction is referenced by this process.
    let cell = current_cell().and_then(|cell| unsafe { cell.as_ref() });
    cell.is_some_and(|cell| {
        branches(cell)
            .iter()
            .any(|branch| branch.last_received < 200)
    })
}

pub(crate) fn branches(cell: &ffi::cell) -> &[ffi::ua_client] {
    let Ok(count) = usize::try_from(cell.nr_of_outgoings) else {
        return &[];
    };
    if cell.uac.is_null() {
        return &[];
    }
    // SAFETY: tm keeps so many branches in the cell, which it lends us.
    unsafe { std::slice::from_raw_parts(cell.uac, count) }
}

/// A held transaction, found again from any process. While this lives, the transaction does; this
/// process's own current transaction comes back when it is dropped.
pub(crate) struct Found {
    cell: *mut ffi::cell,
    before: *mut ffi::cell,
    branch_before: c_int,
}

impl Found {
    pub(crate) fn look_up(id: TransactionId) -> Option<Self> {
        let tm = &modules().tm;
        // SAFETY: no arguments.
        let before = unsafe { tm.t_gett?() };
        // SAFETY: no arguments.
        let branch_before = unsafe { tm.t_gett_branch?() };
        let mut cell = std::ptr::null_mut();
        // SAFETY: writes the pointer; takes a reference when it finds one.
        let found = unsafe { tm.t_lookup_ident?(&mut cell, id.entry, id.label) };
        let this = Self {
            cell: if found > 0 {
                cell
            } else {
                std::ptr::null_mut()
            },
            before,
            branch_before,
        };
        (!this.cell.is_null()).then_some(this)
    }

    /// Its final response. False when it already has one.
    pub(crate) fn reply(self, status: u16, reason: &str, headers: &str) -> bool {
        let Some(reply) = modules().tm.t_reply_with_body else {
            return false;
        };
        let (mut reason, mut headers) = (lend(reason.as_bytes()), lend(headers.as_bytes()));
        let mut to_tag = ffi::str_::default();
        if let Some(tag) = modules().tm.t_get_reply_totag {
            // SAFETY: a referenced cell.
            let request = unsafe { (*self.cell).uas.request };
            // SAFETY: the request that tm keeps with it; the tag stays in a buffer of tm's.
            unsafe { tag(request, &mut to_tag) };
        }
        // SAFETY: a referenced cell; the texts are copied; no body. tm gives
        // the reference back itself, except on the errors of its own memory, where it is lost to
        // tm's hard cleanup.
        unsafe {
            reply(
                self.cell,
                status.into(),
                &mut reason,
                std::ptr::null_mut(),
                &mut headers,
                &mut to_tag,
            ) > 0
        }
    }
}

impl Drop for Found {
    fn drop(&mut self) {
        if let Some(set) = modules().tm.t_sett {
            // SAFETY: what was current before `look_up`.
            unsafe { set(self.before, self.branch_before) };
        }
    }
}
