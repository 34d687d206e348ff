//! RPC commands (core/rpc.h): what kamcmd, jsonrpcs and others call.

use std::ffi::{CStr, CString};
use std::marker::PhantomData;
use std::os::raw::{c_char, c_int, c_void};
use std::ptr::{NonNull, null, null_mut};

use super::ffi::{self, rpc_export_t, rpc_t};
use super::guard::guard;
use super::text::{self, lend};

/// A command.
pub(crate) trait Command {
    /// As it is called, such as `ipsmgw.decode`.
    const NAME: &'static CStr;
    /// One line of help, for `kamcmd help`.
    const HELP: &'static CStr;

    /// Runs it.
    fn run(request: Request<'_>);
}

/// A call of a command: its parameters, and the place for its reply.
#[derive(Clone, Copy)]
pub(crate) struct Request<'c> {
    rpc: NonNull<rpc_t>,
    context: *mut c_void,
    _call: PhantomData<&'c rpc_t>,
}

impl<'c> Request<'c> {
    /// The next parameter, as a text.
    pub(crate) fn next_word(self) -> Option<&'c str> {
        let mut word = ffi::str_::default();
        // SAFETY: the RPC and context of this call.
        let found = unsafe { ffi::ipsmgw_c_rpc_scan(self.rpc.as_ptr(), self.context, &mut word) };
        // SAFETY: the word belongs to the parameters, which stay until the command returns.
        (found == 1).then(|| unsafe { text::text(&word) }).flatten()
    }

    /// Refuses the call. Nothing that is added to the reply afterwards is sent.
    pub(crate) fn fault(self, sentence: &str) {
        let sentence = CString::new(sentence).unwrap_or_default();
        // SAFETY: the RPC and context of this call; the sentence is copied.
        unsafe { ffi::ipsmgw_c_rpc_fault(self.rpc.as_ptr(), self.context, 400, sentence.as_ptr()) };
    }

    /// The reply: a structure of named values. `None` without memory for it.
    pub(crate) fn reply(self) -> Option<Structure<'c>> {
        // SAFETY: the RPC and context of this call.
        let handle = unsafe { ffi::ipsmgw_c_rpc_struct(self.rpc.as_ptr(), self.context) };
        NonNull::new(handle).map(|handle| Structure {
            request: self,
            handle,
        })
    }
}

/// A part of a reply: named values. It stays until the command returns.
#[derive(Clone, Copy)]
pub(crate) struct Structure<'c> {
    request: Request<'c>,
    handle: NonNull<c_void>,
}

impl Structure<'_> {
    /// A structure inside this one.
    pub(crate) fn structure(self, name: &str) -> Option<Self> {
        let name = CString::new(name).ok()?;
        let rpc = self.request.rpc.as_ptr();
        // SAFETY: a structure of this call's reply; the name is copied.
        let handle = unsafe { ffi::ipsmgw_c_rpc_nested(rpc, self.handle.as_ptr(), name.as_ptr()) };
        NonNull::new(handle).map(|handle| Self { handle, ..self })
    }

    /// A number. One beyond 31 bits is the largest of them.
    pub(crate) fn number(self, name: &str, value: i64) {
        let Ok(name) = CString::new(name) else { return };
        let value = c_int::try_from(value).unwrap_or(c_int::MAX);
        let rpc = self.request.rpc.as_ptr();
        // SAFETY: a structure of this call's reply; the name is copied.
        unsafe { ffi::ipsmgw_c_rpc_int(rpc, self.handle.as_ptr(), name.as_ptr(), value) };
    }

    /// A text.
    pub(crate) fn text(self, name: &str, value: &str) {
        let Ok(name) = CString::new(name) else { return };
        let mut value = lend(value.as_bytes());
        let rpc = self.request.rpc.as_ptr();
        // SAFETY: a structure of this call's reply; name and value are copied.
        unsafe { ffi::ipsmgw_c_rpc_str(rpc, self.handle.as_ptr(), name.as_ptr(), &mut value) };
    }
}

/// A row of the table of commands that Kamailio reads.
#[repr(transparent)]
pub(crate) struct Row(rpc_export_t);

// SAFETY: constant pointers to constant data.
unsafe impl Sync for Row {}

impl Row {
    /// The row of a command.
    pub(crate) const fn of<C: Command>() -> Self {
        Self(rpc_export_t {
            name: C::NAME.as_ptr(),
            function: Some(run::<C>),
            doc_str: Help::<C>::LINES.as_ptr().cast_mut(),
            flags: 0,
        })
    }

    /// The row that ends the table.
    pub(crate) const END: Self = Self(rpc_export_t {
        name: null(),
        function: None,
        doc_str: null_mut(),
        flags: 0,
    });

    /// A table, as Kamailio takes it.
    pub(crate) const fn table(rows: &'static [Self]) -> *mut rpc_export_t {
        assert!(
            matches!(rows, [.., end] if end.0.name.is_null()),
            "END is the last row"
        );
        rows.as_ptr().cast_mut().cast()
    }
}

/// The help of a command as Kamailio wants it: its lines, and NULL.
struct Help<C>(PhantomData<C>);

impl<C: Command> Help<C> {
    const LINES: &'static [*const c_char; 2] = &[C::HELP.as_ptr(), null()];
}

unsafe extern "C" fn run<C: Command>(rpc: *mut rpc_t, context: *mut c_void) {
    guard(C::NAME.to_str().unwrap_or_default(), (), || {
        let Some(rpc) = NonNull::new(rpc) else { return };
        // Kamailio's RPC and context, live until this function returns: so is what is made of them here.
        C::run(Request {
            rpc,
            context,
            _call: PhantomData,
        });
    });
}
