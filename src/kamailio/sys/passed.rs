//! The arguments that Kamailio passes to functions of this module.
//!
//! Safe code cannot make these values. So a function that takes them is called by Kamailio alone, and what their comments
//! promise is what Kamailio does. `'c` is the call.

use std::ffi::CStr;
use std::marker::PhantomData;
use std::os::raw::{c_char, c_void};
use std::ptr::NonNull;

use super::argument;
use super::ffi;
use super::message::SipMsg;
use super::text;

/// The message that Kamailio works on. Some events have none.
#[repr(transparent)]
pub(super) struct Message<'c>(*mut ffi::sip_msg, PhantomData<&'c ffi::sip_msg>);

impl<'c> Message<'c> {
    pub(super) fn get(self) -> Option<SipMsg<'c>> {
        // SAFETY: what this type promises.
        unsafe { SipMsg::new(self.0) }
    }
}

/// A `str` of a script engine or of a parser, or NULL.
#[repr(transparent)]
pub(super) struct Str<'c>(Option<&'c ffi::str_>);

impl<'c> Str<'c> {
    /// The text; none for NULL, or where it is not UTF-8.
    pub(super) fn get(&self) -> Option<&'c str> {
        // SAFETY: what this type promises.
        unsafe { text::text(self.0?) }
    }

    /// Where the text starts.
    pub(super) fn start(&self) -> *mut c_char {
        self.0.map_or(std::ptr::null_mut(), |text| text.s)
    }
}

/// A text that ends with NUL, or NULL.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(super) struct CText<'c>(*const c_char, PhantomData<&'c CStr>);

impl<'c> CText<'c> {
    /// The text; none for NULL, or where it is not UTF-8.
    pub(super) fn get(self) -> Option<&'c str> {
        if self.0.is_null() {
            return None;
        }
        // SAFETY: what this type promises.
        unsafe { CStr::from_ptr(self.0) }.to_str().ok()
    }
}

/// An argument of a function of the native script, which a fixup has prepared.
#[repr(transparent)]
pub(super) struct Prepared<'c>(*mut c_char, PhantomData<&'c c_char>);

impl Prepared<'_> {
    /// Its value for this message.
    pub(super) fn text(&self, message: SipMsg<'_>) -> Option<String> {
        let mut value = ffi::str_::default();
        // SAFETY: a live message, and what this type promises.
        if unsafe { ffi::get_str_fparam(&mut value, message.raw(), self.0.cast()) } != 0 {
            return None;
        }
        // SAFETY: the value stays until a pseudo-variable is read again; it is copied at once.
        unsafe { text::text(&value) }.map(str::to_owned)
    }
}

/// The place of an argument that is not prepared yet: a text that ends with NUL.
#[repr(transparent)]
pub(super) struct Argument<'c>(&'c mut CText<'c>);

impl Argument<'_> {
    /// The text that the script has written.
    pub(super) fn text(&self) -> &str {
        self.0.get().unwrap_or_default()
    }

    /// Prepares the argument. 0: done.
    pub(super) fn prepare(self, number: i32) -> i32 {
        // SAFETY: what this type promises; the parser frees what is put into the place.
        unsafe { ffi::fixup_spve_spve(std::ptr::from_mut(self.0).cast(), number) }
    }
}

/// The path of the module, which Kamailio loads just now.
#[repr(transparent)]
pub(crate) struct ModulePath<'c>(*mut c_char, PhantomData<&'c CStr>);

impl argument::Argument for ModulePath<'_> {
    type C = *mut c_char;

    fn c(self) -> Self::C {
        self.0
    }
}

/// The description of a line of the log.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(super) struct LogData<'c>(&'c ffi::ksr_logdata_t);

impl LogData<'_> {
    pub(super) fn level(self) -> i32 {
        self.0.v_level
    }

    /// The module and the file that write the line.
    pub(super) fn origin(self) -> [&'static str; 2] {
        [self.0.v_mname, self.0.v_fname].map(|text| {
            let text: CText<'static> = CText(text, PhantomData);
            text.get().unwrap_or_default()
        })
    }
}

/// The functions of one kind of RPC, such as kamcmd's.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(super) struct Rpc<'c>(NonNull<ffi::rpc_t>, PhantomData<&'c ffi::rpc_t>);

/// One call by RPC.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(super) struct RpcCall<'c>(*mut c_void, PhantomData<&'c c_void>);

/// A structure in the reply to such a call. It stays until the command returns.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(super) struct RpcStructure<'c>(NonNull<c_void>, PhantomData<&'c c_void>);

/// The place of a text that Kamailio gives. Safe code can only make an empty one.
#[repr(transparent)]
#[derive(Default)]
pub(super) struct Given<'c>(ffi::str_, PhantomData<&'c [u8]>);

impl<'c> Given<'c> {
    /// The text; none if it is not UTF-8.
    pub(super) fn get(&self) -> Option<&'c str> {
        // SAFETY: empty, or a text that Kamailio keeps for `'c`.
        unsafe { text::text(&self.0) }
    }
}

/// A text of this module, with the NUL that ends it, for one call.
#[repr(transparent)]
pub(super) struct Name<'a>(*const c_char, PhantomData<&'a CStr>);

impl<'a> Name<'a> {
    pub(super) const fn new(text: &'a CStr) -> Self {
        Self(text.as_ptr(), PhantomData)
    }
}
