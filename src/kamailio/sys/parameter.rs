//! Parameters of the module: the places that the configuration's parser writes to, before mod_init.

use std::ffi::CStr;
use std::marker::PhantomData;
use std::mem::{offset_of, size_of};
use std::os::raw::{c_char, c_int, c_void};
use std::ptr::null_mut;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering::Relaxed};

use super::ffi::{self, param_export, str_};
use super::guard::guard;
use super::passed::Str;
use super::text;

/// The place of a number.
#[repr(transparent)]
pub(crate) struct Number(AtomicI32);

impl Number {
    /// A place that holds the default.
    pub(crate) const fn new(default: c_int) -> Self {
        Self(AtomicI32::new(default))
    }

    /// The number that the configuration has set, or the default.
    pub(crate) fn get(&self) -> c_int {
        self.0.load(Relaxed)
    }
}

/// The place of a text: a `str` of Kamailio's.
#[repr(C)]
pub(crate) struct Text {
    start: AtomicPtr<c_char>,
    length: AtomicI32,
}

// The parser writes a `str` there.
const _: () = assert!(size_of::<Text>() == size_of::<str_>());
const _: () = assert!(offset_of!(Text, start) == offset_of!(str_, s));
const _: () = assert!(offset_of!(Text, length) == offset_of!(str_, len));

impl Text {
    /// A place that holds the default.
    pub(crate) const fn new(default: &'static str) -> Self {
        Self {
            start: AtomicPtr::new(default.as_ptr().cast_mut().cast()),
            length: AtomicI32::new(default.len() as c_int),
        }
    }

    /// The octets that the configuration has set, or the default.
    pub(crate) fn get(&self) -> &'static [u8] {
        let value = str_ {
            s: self.start.load(Relaxed),
            len: self.length.load(Relaxed),
        };
        // SAFETY: the default, which is static; or the parser's copy, which it never frees. Nothing else writes here.
        unsafe { text::octets(&value) }
    }
}

/// The place of a parameter that may be set several times: its values in their order.
pub(crate) struct Rows(Mutex<Vec<&'static str>>);

impl Rows {
    /// No values.
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// The values, as they are now.
    pub(crate) fn get(&self) -> Vec<&'static str> {
        self.0.lock().map(|rows| rows.clone()).unwrap_or_default()
    }

    /// One more. The parser does not keep its own copy.
    fn push(&self, value: &str) -> bool {
        let rows = self.0.lock();
        rows.map(|mut rows| rows.push(value.to_owned().leak()))
            .is_ok()
    }
}

/// Names the place of a parameter that may be set several times.
pub(crate) trait Several {
    /// Where its values are kept.
    fn rows() -> &'static Rows;
}

/// A row of the table of parameters that Kamailio reads.
#[repr(transparent)]
pub(crate) struct Row(param_export);

// SAFETY: constant pointers; the places that they lead to may be shared.
unsafe impl Sync for Row {}

impl Row {
    /// The row of a number.
    pub(crate) const fn number(name: &'static CStr, place: &'static Number) -> Self {
        Self::new(name, ffi::PARAM_INT, place.0.as_ptr().cast())
    }

    /// The row of a text.
    pub(crate) const fn text(name: &'static CStr, place: &'static Text) -> Self {
        let place: *const Text = place;
        Self::new(name, ffi::PARAM_STR, place.cast_mut().cast())
    }

    /// The row of a parameter that may be set several times.
    pub(crate) const fn rows<P: Several>(name: &'static CStr, _: PhantomData<P>) -> Self {
        let kind = ffi::PARAM_STR | ffi::IPSMGW_PARAM_USE_FUNC;
        Self::new(name, kind, add::<P> as *mut c_void)
    }

    const fn new(name: &'static CStr, kind: ffi::modparam_t, place: *mut c_void) -> Self {
        Self(param_export {
            name: name.as_ptr().cast_mut(),
            type_: kind,
            param_pointer: place,
        })
    }

    /// The row that ends the table.
    pub(crate) const END: Self = Self(param_export {
        name: null_mut(),
        type_: 0,
        param_pointer: null_mut(),
    });

    /// A table, as Kamailio takes it.
    pub(crate) const fn table(rows: &'static [Self]) -> *mut param_export {
        assert!(
            matches!(rows, [.., end] if end.0.name.is_null()),
            "END is the last row"
        );
        rows.as_ptr().cast_mut().cast()
    }
}

/// The parser calls this for each value of a parameter that may be set several times: with a `str`, as the table says.
extern "C" fn add<P: Several>(_: ffi::modparam_t, value: Str<'_>) -> c_int {
    guard("parameter", -1, || match value.get() {
        Some(value) if P::rows().push(value) => 0,
        _ => -1,
    })
}
