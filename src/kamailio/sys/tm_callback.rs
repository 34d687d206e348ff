//! Events of a transaction, as tm reports them.

use std::os::raw::{c_int, c_uint, c_void};

use super::argument::typed;
use super::ffi;
use super::guard::guard;
use super::kept::Kept;
use super::message::SipMsg;
use super::modules::modules;
use super::reply::Reply;
use super::request::Request;
use super::transaction::Transaction;

/// A watcher of transactions. The number that a transaction is tied to it with comes back with each event.
pub(crate) trait Watcher {
    /// Its name in the log.
    const NAME: &'static str;
    /// The events that it is called for.
    const EVENTS: &'static [TmEvent];

    fn told(about: &Told<'_>);
}

/// Events of tm's (modules/tm/t_hooks.h).
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum TmEvent {
    /// A reply has come.
    ResponseIn = ffi::TMCB_RESPONSE_IN,
    /// A provisional or 2xx reply is about to be forwarded: under tm's REPLY lock.
    ResponseForwarded = ffi::TMCB_RESPONSE_FWDED,
    /// All branches have failed, or the time is over: under tm's REPLY lock.
    Failure = ffi::TMCB_ON_FAILURE,
    /// A response is on the wire.
    ResponseOut = ffi::TMCB_RESPONSE_OUT,
    /// A request of our own has its final response, or none in time. It may come twice.
    LocalCompleted = ffi::TMCB_LOCAL_COMPLETED,
    /// A request of our own was sent, or is sent again.
    RequestSent = ffi::TMCB_REQUEST_SENT,
    /// The transaction ends.
    Destroyed = ffi::TMCB_DESTROY,
}

impl TmEvent {
    const ALL: [Self; 7] = [
        Self::ResponseIn,
        Self::ResponseForwarded,
        Self::Failure,
        Self::ResponseOut,
        Self::LocalCompleted,
        Self::RequestSent,
        Self::Destroyed,
    ];
}

/// An event of a transaction.
pub(crate) struct Told<'t> {
    pub(crate) event: TmEvent,
    pub(crate) transaction: Transaction<'t>,
    /// The number that the transaction was tied with.
    pub(crate) number: u64,
    parameters: Kept<'t, ffi::tmcb_params>,
}

const _: () = assert!(
    size_of::<*mut c_void>() == size_of::<u64>(),
    "the number is the callback's parameter, so nobody has to free it"
);

impl<'t> Told<'t> {
    /// The status code of the response.
    pub(crate) fn status(&self) -> u16 {
        u16::try_from(self.parameters.fields().code).unwrap_or(u16::MAX)
    }

    /// In [`TmEvent::Failure`]: tm's faked request. (In other events tm passes a request that other processes may
    /// work on.)
    pub(crate) fn request(&self) -> Option<Request<'t>> {
        if self.event != TmEvent::Failure {
            return None;
        }
        // SAFETY: the stand-in, which this process works on during the callback, or NULL.
        unsafe { SipMsg::new(self.parameters.fields().req) }?.request()
    }

    /// The reply; none if none has come.
    pub(crate) fn reply(&self) -> Option<Reply<'t>> {
        // SAFETY: tm's parameter: a message that this process works on during the callback, or none.
        unsafe { SipMsg::new(self.parameters.fields().rpl) }?.reply()
    }

    /// The octets that were sent, or nothing.
    pub(crate) fn sent(&self) -> &'t [u8] {
        self.parameters.octets(|parameters| &parameters.send_buf)
    }

    /// In [`TmEvent::RequestSent`]: how long the request waits for its final response. tm starts its timer after this.
    pub(crate) fn set_final_timeout(&self, milliseconds: u64) {
        let milliseconds = c_uint::try_from(milliseconds).unwrap_or(c_uint::MAX);
        ipsmgw_c_set_final_timeout(self.transaction, milliseconds);
    }
}

/// A watcher and a number, to be tied to a transaction.
#[derive(Clone, Copy)]
pub(crate) struct Tie {
    pub(super) events: c_uint,
    pub(super) callback: Callback,
    pub(super) parameter: *mut c_void,
}

/// A function that tm calls.
pub(super) type Callback = unsafe extern "C" fn(*mut ffi::cell, c_int, *mut ffi::tmcb_params);

impl Tie {
    pub(crate) fn to<W: Watcher>(number: u64) -> Self {
        Self {
            events: W::EVENTS
                .iter()
                .fold(0, |events, event| events | *event as u32),
            callback: told::<W>,
            parameter: number as usize as *mut c_void,
        }
    }
}

impl Transaction<'_> {
    /// Ties a watcher to the transaction of this request. False: no memory.
    pub(crate) fn tie(self, request: Request<'_>, tie: Tie) -> bool {
        let (msg, cell) = (request.raw(), self.raw());
        let (events, callback) = (tie.events as c_int, Some(tie.callback));
        // SAFETY: a live request, and a transaction that tm keeps. The parameter is a number, so nothing is released.
        unsafe {
            (modules().tm.register_tmcb)(msg, cell, events, callback, tie.parameter, None) > 0
        }
    }

    /// The number that this watcher was tied to the transaction with last.
    pub(crate) fn number_tied<W: Watcher>(self) -> Option<u64> {
        let is_it = |function| std::ptr::fn_addr_eq(function, told::<W> as Callback);
        let mut callbacks = self.callbacks();
        let ours = callbacks.find(|kept| kept.fields().callback.is_some_and(is_it))?;
        Some(ours.fields().param as usize as u64)
    }
}

/// Whether tm is destroying its table. Then no request can be sent any more, and a worker may have been killed while it
/// held a lock of ours: so locks are not waited for.
pub(crate) fn is_shutting_down() -> bool {
    ksr_shutdown_phase() != 0
}

/// tm calls this for a watcher. (One function for each of them: its address tells the watcher, so it is never inlined.)
#[inline(never)]
unsafe extern "C" fn told<W: Watcher>(
    cell: *mut ffi::cell,
    event: c_int,
    parameters: *mut ffi::tmcb_params,
) {
    guard(W::NAME, (), || {
        let known = TmEvent::ALL.into_iter();
        let event = known
            .into_iter()
            .find(|known| *known as u32 == event as u32);
        // SAFETY: tm's parameters, which it keeps during the callback with what they point at.
        let parameters = unsafe { Kept::new(parameters) };
        // SAFETY: tm keeps the transaction during the callback.
        let transaction = unsafe { Transaction::new(cell) };
        let (Some(event), Some(parameters), Some(transaction)) = (event, parameters, transaction)
        else {
            return;
        };
        // The place where tm keeps the number that `Tie::to` made.
        let number = parameters.follow(|parameters| &parameters.param);
        W::told(&Told {
            event,
            transaction,
            number: number.map_or(0, |number| *number.fields() as usize as u64),
            parameters,
        });
    });
}

typed! {
    /// It writes a number of the transaction.
    fn ipsmgw_c_set_final_timeout(transaction: Transaction<'_>, milliseconds: c_uint);
    /// It reads a number that all processes share.
    fn ksr_shutdown_phase() -> c_int;
}
