//! The routes of the native script, and the engine of a KEMI script.

use std::ffi::{CStr, CString};
use std::os::raw::c_int;
use std::ptr::NonNull;

use super::argument::{Argument, typed};
use super::calls;
use super::ffi;

/// The actions of a route of the native script. They live as long as Kamailio.
#[derive(Clone, Copy)]
pub(crate) struct NativeRoute(NonNull<ffi::action>);

impl Argument for NativeRoute {
    type C = *mut ffi::action;

    fn c(self) -> Self::C {
        self.0.as_ptr()
    }
}

/// The engine of the KEMI script. It lives as long as Kamailio.
#[derive(Clone, Copy)]
pub(super) struct KemiEngine(NonNull<ffi::sr_kemi_eng_t>);

impl KemiEngine {
    pub(super) fn get() -> Option<Self> {
        NonNull::new(calls::sr_kemi_eng_get()).map(Self)
    }
}

impl Argument for KemiEngine {
    type C = *mut ffi::sr_kemi_eng_t;

    fn c(self) -> Self::C {
        self.0.as_ptr()
    }
}

/// Kamailio's lists of routes, complete since start.
#[derive(Clone, Copy)]
pub(super) enum RouteList {
    Main,
    Event,
}

impl Argument for RouteList {
    type C = *mut ffi::route_list;

    fn c(self) -> Self::C {
        match self {
            Self::Main => &raw mut ffi::main_rt,
            Self::Event => &raw mut ffi::event_rt,
        }
    }
}

/// Whether the script is a KEMI script.
pub(crate) fn is_kemi() -> bool {
    KemiEngine::get().is_some()
}

impl NativeRoute {
    /// `route[name]`
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::find(RouteList::Main, name)
    }

    /// `event_route[name]`
    pub(crate) fn of_event(name: &str) -> Option<Self> {
        Self::find(RouteList::Event, name)
    }

    fn find(list: RouteList, name: &str) -> Option<Self> {
        let name = CString::new(name).ok()?;
        let index = route_lookup(list, &name);
        let index = usize::try_from(index).ok()?;
        // SAFETY: one of Kamailio's lists, complete since start.
        let routes = unsafe { (*list.c()).rlist };
        // SAFETY: `index` came from this list.
        let actions = unsafe { *routes.wrapping_add(index) };
        NonNull::new(actions).map(Self)
    }
}

typed! {
    /// It gives the place of the route in the list; negative if there is none.
    fn route_lookup(list: RouteList, name: &CStr) -> c_int;
}
