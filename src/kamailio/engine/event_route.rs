//! An event route of the script: `event_route[...]`, or the KEMI function that a parameter names.

use std::cell::OnceCell;
use std::sync::OnceLock;
use std::thread::LocalKey;

use crate::kamailio::sys::native_route::{NativeRoute, is_kemi};
use crate::kamailio::sys::script_route::ScriptRoute;

/// The native route of an event. Each process looks it up once, because the script does not change.
pub(super) type NativeEventRoute = OnceCell<Option<NativeRoute>>;

/// The route of an event.
pub(super) struct EventRoute {
    event: &'static str,
    /// The name of the KEMI function.
    callback: OnceLock<&'static str>,
    native: &'static LocalKey<NativeEventRoute>,
}

impl EventRoute {
    pub(super) const fn new(
        event: &'static str,
        native: &'static LocalKey<NativeEventRoute>,
    ) -> Self {
        Self {
            event,
            callback: OnceLock::new(),
            native,
        }
    }

    /// In mod_init: stores the name of the KEMI function; empty: none.
    pub(super) fn set_callback(&self, function: &'static str) {
        // mod_init runs once.
        let _ = self.callback.set(function);
    }

    /// The route, if the script has it.
    pub(super) fn get(&self) -> Option<ScriptRoute<'static>> {
        let callback = self.callback.get().copied().unwrap_or_default();
        match is_kemi() {
            true if callback.is_empty() => None,
            true => Some(ScriptRoute::Kemi(callback)),
            false => self
                .native
                .with(|route| *route.get_or_init(|| NativeRoute::of_event(self.event)))
                .map(ScriptRoute::Native),
        }
    }
}
