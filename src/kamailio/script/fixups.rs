//! Arguments of script functions, checked when the configuration is read: what the script writes literally can only be
//! right or wrong once and for all. (KEMI scripts are not read by Kamailio: there the functions say it when they
//! are called.)

use std::ffi::CStr;
use std::os::raw::{c_int, c_void};

use crate::interwork;

use super::functions::DIRECTIONS;
use crate::kamailio::engine::result;
use crate::kamailio::register::save::CAPABILITIES;
use crate::kamailio::sys::ffi;
use crate::kamailio::sys::guard::guard;
use crate::kamailio::sys::log;

/// Of `ipsmgw_capable(uri, what)`.
pub(crate) unsafe extern "C" fn capable(parameter: *mut *mut c_void, number: c_int) -> c_int {
    // SAFETY: the parser's parameter.
    unsafe {
        checked(parameter, number, |text| match number {
            1 => is_somebody(text, "ipsmgw_capable(uri, what)"),
            _ => is_word(text, "ipsmgw_capable(uri, what)", "what", &CAPABILITIES),
        })
    }
}

/// Of `ipsmgw_authorize(uri, direction)`.
pub(crate) unsafe extern "C" fn authorize(parameter: *mut *mut c_void, number: c_int) -> c_int {
    // SAFETY: the parser's parameter.
    unsafe {
        checked(parameter, number, |text| match number {
            1 => is_somebody(text, "ipsmgw_authorize(uri, direction)"),
            _ => is_word(
                text,
                "ipsmgw_authorize(uri, direction)",
                "direction",
                &DIRECTIONS,
            ),
        })
    }
}

/// Of `ipsmgw_im_to_sm(route)`.
pub(crate) unsafe extern "C" fn route(parameter: *mut *mut c_void, number: c_int) -> c_int {
    // SAFETY: the parser's parameter.
    unsafe {
        checked(parameter, number, |text| {
            if text.is_empty() || result::has_native_route(text) {
                return Ok(());
            }
            Err(format!(
                "ipsmgw_im_to_sm(\"{text}\"): the script has no such route: write route[{text}] {{ ... }} of up to {} characters, or ipsmgw_im_to_sm() for event_route[ipsmgw:result]",
                result::LONGEST_NAME
            ))
        })
    }
}

/// # Safety
/// `parameter` is what Kamailio's parser passes to a fixup.
unsafe fn checked(
    parameter: *mut *mut c_void,
    number: c_int,
    check: impl FnOnce(&str) -> Result<(), String>,
) -> c_int {
    guard("fixup", -1, || {
        log::install();
        // SAFETY: by the caller's promise, a text that ends with NUL.
        let text = unsafe { parameter.read() }.cast_const().cast();
        // SAFETY: as above.
        let text = unsafe { CStr::from_ptr(text) }.to_str().unwrap_or_default();
        // What is computed is only known when it runs.
        if !text.contains('$')
            && let Err(sentence) = check(text)
        {
            tracing::error!("{sentence}");
            return -1;
        }
        // SAFETY: as above.
        unsafe { ffi::fixup_spve_spve(parameter, number) }
    })
}

fn is_somebody(uri: &str, function: &str) -> Result<(), String> {
    let sentence = || {
        format!(
            "{function}: \"{uri}\" is nobody: write a SIP or tel URI, or a pseudo-variable such as \"$ru\""
        )
    };
    interwork::identity(uri).map(drop).ok_or_else(sentence)
}

fn is_word(word: &str, function: &str, parameter: &str, words: &[&str]) -> Result<(), String> {
    let sentence = || {
        let words = words.join(", ");
        format!("{function}: {parameter} is \"{word}\": write one of {words}")
    };
    words.contains(&word).then_some(()).ok_or_else(sentence)
}
