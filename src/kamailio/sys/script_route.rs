//! Routes of the script, native or KEMI, and how they are run.

use std::os::raw::c_int;

use super::argument::{Null, typed};
use super::calls;
use super::ffi;
use super::message::SipMsg;
use super::modules::modules;
use super::native_route::{KemiEngine, NativeRoute};
use super::request::Request;
use super::text::Lent;
use super::transaction::{CurrentKept, TransactionPlace};

/// A route of the script.
#[derive(Clone, Copy)]
pub(crate) enum ScriptRoute<'a> {
    /// A route of the native script.
    Native(NativeRoute),
    /// A function of the KEMI script.
    Kemi(&'a str),
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
            Self::Native(route) => tm.t_continue(entry, label, route),
            Self::Kemi(function) => {
                let (function, event) = (function.as_bytes(), event.as_bytes());
                tm.t_continue_cb(entry, label, &Lent::new(function), &Lent::new(event))
            }
        };
        resumed == 0
    }

    /// Runs the route on tm's faked request, in a failure.
    pub(crate) fn run_in_failure(self, request: Request<'_>, event: &str) {
        self.run(request.message(), event, Kind::Failure);
    }

    /// Runs the route without a request: the script sees Kamailio's faked request, and no transaction.
    pub(crate) fn run_without_request(self, event: &str) {
        let stand_in = calls::faked_msg_next();
        // SAFETY: a request of this process's own, which stays.
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
            Self::Native(route) => {
                run_top_route(route, msg, Null::new());
            }
            Self::Kemi(function) => {
                let kind = match kind {
                    Kind::Event => ffi::EVENT_ROUTE,
                    Kind::Failure => ffi::FAILURE_ROUTE,
                };
                let Some(engine) = KemiEngine::get() else {
                    return;
                };
                let (function, event) = (function.as_bytes(), event.as_bytes());
                let (function, event) = (Lent::new(function), Lent::new(event));
                sr_kemi_route(engine, msg, kind as c_int, &function, &event);
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

typed! {
    /// Without a context of its caller the route gets one of its own.
    fn run_top_route(route: NativeRoute, msg: SipMsg<'_>, context: Null<ffi::run_act_ctx>) -> c_int;
    /// It runs a function of the script.
    fn sr_kemi_route(engine: KemiEngine, msg: SipMsg<'_>, kind: c_int, function: &Lent<'_>, event: &Lent<'_>) -> c_int;
}
