//! Routes of the script, native or KEMI, and how they are run.

use std::ffi::CString;
use std::os::raw::c_int;
use std::ptr::NonNull;

use super::calls;
use super::ffi;
use super::message::SipMsg;
use super::modules::modules;
use super::request::Request;
use super::text::lend;
use super::transaction::{CurrentKept, TransactionPlace};

/// A route of the script.
#[derive(Clone, Copy)]
pub(crate) enum ScriptRoute<'a> {
    /// A route of the native script.
    Native(NativeRoute),
    /// A function of the KEMI script.
    Kemi(&'a str),
}

/// The actions of a route of the native script. They live as long as Kamailio.
#[derive(Clone, Copy)]
pub(crate) struct NativeRoute(NonNull<ffi::action>);

/// Whether the script is one for KEMI.
pub(crate) fn is_kemi() -> bool {
    !calls::sr_kemi_eng_get().is_null()
}

impl NativeRoute {
    /// `route[name]`
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::find(&raw mut ffi::main_rt, name)
    }

    /// `event_route[name]`
    pub(crate) fn of_event(name: &str) -> Option<Self> {
        Self::find(&raw mut ffi::event_rt, name)
    }

    fn find(list: *mut ffi::route_list, name: &str) -> Option<Self> {
        let name = CString::new(name).ok()?;
        // SAFETY: one of Kamailio's two lists above, complete since start; the name is only read.
        let index = unsafe { ffi::route_lookup(list, name.as_ptr().cast_mut()) };
        let index = usize::try_from(index).ok()?;
        // SAFETY: one of Kamailio's two lists above, complete since start.
        let routes = unsafe { (*list).rlist };
        // SAFETY: `index` came from this list.
        let actions = unsafe { *routes.wrapping_add(index) };
        NonNull::new(actions).map(Self)
    }
}

/// The kind of route that the script believes to be in.
#[derive(Clone, Copy)]
enum Kind {
    Event,
    Failure,
}

impl ScriptRoute<'_> {
    /// Lets the route answer a suspended request. Called once for each. False when its transaction has ended.
    pub(crate) fn resume(self, place: TransactionPlace, event: &str) -> bool {
        let (tm, TransactionPlace { entry, label }) = (&modules().tm, place);
        let resumed = match self {
            Self::Native(NativeRoute(actions)) => {
                // SAFETY: tm looks the transaction up; the actions live as long as Kamailio.
                unsafe { (tm.t_continue)(entry, label, actions.as_ptr()) }
            }
            Self::Kemi(function) => {
                let (mut function, mut event) = (lend(function.as_bytes()), lend(event.as_bytes()));
                // SAFETY: tm looks the transaction up; both names are live during the call.
                unsafe { (tm.t_continue_cb)(entry, label, &mut function, &mut event) }
            }
        };
        resumed == 0
    }

    /// Runs the route on tm's stand-in for a request, in a failure.
    pub(crate) fn run_in_failure(self, request: Request<'_>, event: &str) {
        self.run(request.message(), event, Kind::Failure);
    }

    /// Runs the route without a request: the script sees Kamailio's stand-in for one, and no transaction.
    pub(crate) fn run_without_request(self, event: &str) {
        let stand_in = calls::faked_msg_next();
        // SAFETY: a request of Kamailio's own, in static memory.
        let Some(stand_in) = (unsafe { SipMsg::new(stand_in) }) else {
            return;
        };
        let _current_route = RouteTypeKept::set(ffi::EVENT_ROUTE);
        let current = CurrentKept::new();
        current.clear();
        self.run(stand_in, event, Kind::Event);
    }

    fn run(self, msg: SipMsg<'_>, event: &str, kind: Kind) {
        match self {
            Self::Native(NativeRoute(actions)) => {
                let context = std::ptr::null_mut();
                // SAFETY: a live message; the actions live as long as Kamailio; NULL: a context of its own.
                unsafe { ffi::run_top_route(actions.as_ptr(), msg.raw(), context) };
            }
            Self::Kemi(function) => {
                let (mut function, mut event) = (lend(function.as_bytes()), lend(event.as_bytes()));
                let kind = match kind {
                    Kind::Event => ffi::EVENT_ROUTE,
                    Kind::Failure => ffi::FAILURE_ROUTE,
                };
                let engine = calls::sr_kemi_eng_get();
                if engine.is_null() {
                    return;
                }
                // SAFETY: the engine of this Kamailio, a live message, and live names.
                unsafe {
                    ffi::sr_kemi_route(engine, msg.raw(), kind as c_int, &mut function, &mut event)
                };
            }
        }
    }
}

/// The kind of route that this process was in, put back when this is dropped.
struct RouteTypeKept(c_int);

impl RouteTypeKept {
    fn set(kind: u32) -> Self {
        let before = calls::ipsmgw_c_route_type();
        calls::ipsmgw_c_set_route_type(kind as c_int);
        Self(before)
    }
}

impl Drop for RouteTypeKept {
    fn drop(&mut self) {
        calls::ipsmgw_c_set_route_type(self.0);
    }
}
