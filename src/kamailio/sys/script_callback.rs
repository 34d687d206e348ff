//! Functions that Kamailio calls around the script.

use std::os::raw::{c_int, c_uint, c_void};

use super::ffi;
use super::guard::guard;
use super::message::SipMsg;

/// When Kamailio calls.
#[derive(Clone, Copy)]
pub(crate) enum When {
    /// Before the script sees a request.
    BeforeRequest,
    /// When the script has finished a request, or its failure. (tm resumes a suspended request as in a failure route.)
    AfterRequestOrFailure,
    /// After each failure route.
    AfterFailure,
}

/// A function that Kamailio calls.
pub(crate) struct ScriptCallback {
    /// Its name in the log.
    pub(crate) name: &'static str,
    pub(crate) when: When,
    /// False ends the work on the request.
    pub(crate) run: fn(SipMsg<'_>) -> bool,
}

impl ScriptCallback {
    /// In mod_init. False: no memory.
    pub(crate) fn register(&'static self) -> bool {
        let flags = match self.when {
            When::BeforeRequest => ffi::PRE_SCRIPT_CB | ffi::REQUEST_CB,
            When::AfterRequestOrFailure => ffi::POST_SCRIPT_CB | ffi::REQUEST_CB | ffi::FAILURE_CB,
            When::AfterFailure => ffi::POST_SCRIPT_CB | ffi::FAILURE_CB,
        };
        let this = std::ptr::from_ref(self).cast_mut().cast();
        // SAFETY: in mod_init, before the fork; `called` takes what is passed here.
        unsafe { ffi::register_script_cb(Some(called), flags, this) == 0 }
    }
}

unsafe extern "C" fn called(msg: *mut ffi::sip_msg, _: c_uint, this: *mut c_void) -> c_int {
    // SAFETY: what `register` has passed: it is static, and is only read.
    let Some(this) = (unsafe { this.cast::<ScriptCallback>().as_ref() }) else {
        return 1;
    };
    guard(this.name, 1, || {
        // SAFETY: Kamailio's message, which this process works on during the callback.
        let msg = unsafe { SipMsg::new(msg) };
        msg.is_none_or(this.run).into()
    })
}
