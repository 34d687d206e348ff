//! `$(ru{ipsmgw.number})`: the number that a URI, or the user part of one, names; `$null` where it names none.

use std::os::raw::{c_char, c_int};
use std::ptr::null_mut;

use super::pv;
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::sys::ffi::{
    self, pv_value_t, sip_msg, str_, tr_export_t, tr_param_t, trans_t,
};
use crate::kamailio::sys::guard::guard;
use crate::kamailio::sys::text;

/// The only one, so far.
const NUMBER: &str = "number";

/// The table that Kamailio reads; it ends with an empty row.
static EXPORTED: Exported = Exported([
    tr_export_t {
        tclass: str_ {
            s: c"ipsmgw".as_ptr().cast_mut(),
            len: 6,
        },
        tparse: Some(parse),
    },
    tr_export_t {
        tclass: str_ {
            s: null_mut(),
            len: 0,
        },
        tparse: None,
    },
]);

struct Exported([tr_export_t; 2]);

// SAFETY: constant pointers, read by Kamailio before the fork.
unsafe impl Sync for Exported {}

/// When Kamailio loads the module.
///
/// # Safety
/// `path` is what Kamailio passes to `mod_register`.
pub(crate) unsafe fn register(path: *mut c_char) -> bool {
    // SAFETY: by the caller's promise; a static table that ends with an empty row.
    unsafe { ffi::register_trans_mod(path, EXPORTED.0.as_ptr().cast_mut()) == 0 }
}

/// While the configuration is read: what stands behind `{ipsmgw.`, up to the brace. Gives back where that is; NULL
/// stops the start.
unsafe extern "C" fn parse(text: *mut str_, into: *mut trans_t) -> *mut c_char {
    guard("{ipsmgw...}", null_mut(), || {
        // SAFETY: the parser's text, live during the call.
        let text = unsafe { text.as_ref() };
        // SAFETY: the parser's row to fill, ours for the call.
        let (Some(text), Some(into)) = (text, unsafe { into.as_mut() }) else {
            return null_mut();
        };
        // SAFETY: as above.
        let rest = unsafe { text::text(text) }.unwrap_or_default();
        let name = rest.split('}').next().unwrap_or_default();
        if name.trim() != NUMBER || name.len() == rest.len() {
            tracing::error!(
                "there is no {{ipsmgw.{}}}; write {{ipsmgw.number}}",
                name.trim()
            );
            return null_mut();
        }
        into.trf = Some(apply);
        into.name = str_ {
            s: text.s,
            len: c_int::try_from(name.len()).unwrap_or(0),
        };
        // SAFETY: the brace, which is in the text.
        unsafe { text.s.add(name.len()) }
    })
}

unsafe extern "C" fn apply(
    _: *mut sip_msg,
    _: *mut tr_param_t,
    _: c_int,
    value: *mut pv_value_t,
) -> c_int {
    guard("{ipsmgw.number}", -1, || {
        // SAFETY: the value to change, of this call.
        let Some(value) = (unsafe { value.as_mut() }) else {
            return -1;
        };
        let is_text = value.flags & ffi::PV_VAL_STR as c_int != 0;
        // SAFETY: Kamailio's text, live until it is overwritten below.
        let text = is_text.then(|| unsafe { text::text(&value.rs) }).flatten();
        match text.and_then(|text| state().gateway.policy.number(text)) {
            Some(number) => pv::give_text(&number, null_mut(), value),
            // SAFETY: Kamailio's value to fill, of this call.
            None => unsafe { ffi::pv_get_null(null_mut(), null_mut(), value) },
        }
    })
}
