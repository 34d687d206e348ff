//! Kamailio's `str` (pointer and length) to and from Rust.

use std::marker::PhantomData;
use std::os::raw::c_char;
use std::slice;

use super::ffi;

/// A `str` that borrows Rust text for one call into Kamailio, which does not keep it.
pub(crate) fn lend(text: &[u8]) -> ffi::str_ {
    ffi::str_ {
        s: text.as_ptr().cast::<c_char>().cast_mut(),
        // Nothing we lend comes near 2 GiB: bodies and headers are bounded by BUF_SIZE.
        len: i32::try_from(text.len()).unwrap_or(0),
    }
}

/// The same for functions that are declared with it: they read the text during the call, and do not keep it.
#[repr(transparent)]
pub(super) struct Lent<'a>(ffi::str_, PhantomData<&'a [u8]>);

impl<'a> Lent<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self(lend(text), PhantomData)
    }
}

/// The octets that a `str` points at.
///
/// # Safety
/// `text.s` must be null or point at `text.len` octets that stay as they are for `'a`.
pub(crate) unsafe fn octets<'a>(text: &ffi::str_) -> &'a [u8] {
    match usize::try_from(text.len) {
        Ok(len) if len > 0 && !text.s.is_null() => {
            // SAFETY: by the caller's promise.
            unsafe { slice::from_raw_parts(text.s.cast::<u8>(), len) }
        }
        _ => &[],
    }
}

/// The same as text; none if it is not UTF-8.
///
/// # Safety
/// As [`octets`].
pub(crate) unsafe fn text<'a>(text: &ffi::str_) -> Option<&'a str> {
    // SAFETY: by the caller's promise.
    utf8(unsafe { octets(text) })
}

/// Octets as text; none if they are not UTF-8. Nearly all are ASCII, which is checked in a third of the time.
pub(crate) fn utf8(octets: &[u8]) -> Option<&str> {
    match octets.is_ascii() {
        // SAFETY: ASCII is UTF-8.
        true => Some(unsafe { std::str::from_utf8_unchecked(octets) }),
        false => std::str::from_utf8(octets).ok(),
    }
}

/// A constant text, with the NUL that some readers count on.
pub(super) const fn constant(text: &'static std::ffi::CStr) -> ffi::str_ {
    ffi::str_ {
        s: text.as_ptr().cast_mut(),
        len: text.to_bytes().len() as std::os::raw::c_int,
    }
}

/// No text: it ends tables of Kamailio's.
pub(super) const EMPTY: ffi::str_ = ffi::str_ {
    s: std::ptr::null_mut(),
    len: 0,
};
