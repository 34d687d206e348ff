//! RPC commands (core/rpc.h): what kamcmd, jsonrpcs and others call.

use std::ffi::{CStr, CString};
use std::marker::PhantomData;
use std::os::raw::{c_char, c_int, c_void};
use std::ptr::{null, null_mut};

use super::calls;
use super::ffi::{rpc_export_t, rpc_t};
use super::guard::guard;
use super::passed::{Given, Name, Rpc, RpcCall, RpcStructure};
use super::text::Lent;

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
    rpc: Rpc<'c>,
    call: RpcCall<'c>,
}

impl<'c> Request<'c> {
    /// The next parameter, as a text.
    pub(crate) fn next_word(self) -> Option<&'c str> {
        let mut word = Given::default();
        let found = calls::ipsmgw_c_rpc_scan(self.rpc, self.call, &mut word);
        (found == 1).then(|| word.get()).flatten()
    }

    /// Refuses the call. Nothing that is added to the reply afterwards is sent.
    pub(crate) fn fault(self, sentence: &str) {
        let sentence = CString::new(sentence).unwrap_or_default();
        calls::ipsmgw_c_rpc_fault(self.rpc, self.call, 400, Name::new(&sentence));
    }

    /// The reply: a structure of named values. `None` if there is no memory.
    pub(crate) fn reply(self) -> Option<Structure<'c>> {
        let structure = calls::ipsmgw_c_rpc_struct(self.rpc, self.call)?;
        Some(Structure {
            rpc: self.rpc,
            structure,
        })
    }
}

/// A part of a reply: named values. It stays until the command returns.
#[derive(Clone, Copy)]
pub(crate) struct Structure<'c> {
    rpc: Rpc<'c>,
    structure: RpcStructure<'c>,
}

impl Structure<'_> {
    /// A structure inside this one.
    pub(crate) fn structure(self, name: &str) -> Option<Self> {
        let name = CString::new(name).ok()?;
        let structure = calls::ipsmgw_c_rpc_nested(self.rpc, self.structure, Name::new(&name))?;
        Some(Self { structure, ..self })
    }

    /// A number. One beyond 31 bits is the largest of them.
    pub(crate) fn number(self, name: &str, value: i64) {
        let Ok(name) = CString::new(name) else { return };
        let value = c_int::try_from(value).unwrap_or(c_int::MAX);
        calls::ipsmgw_c_rpc_int(self.rpc, self.structure, Name::new(&name), value);
    }

    /// A text.
    pub(crate) fn text(self, name: &str, value: &str) {
        let Ok(name) = CString::new(name) else { return };
        let value = Lent::new(value.as_bytes());
        calls::ipsmgw_c_rpc_str(self.rpc, self.structure, Name::new(&name), &value);
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
            function: Some(function::<C>()),
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

type Run = unsafe extern "C" fn(*mut rpc_t, *mut c_void);

/// The function that Kamailio calls for a command.
const fn function<C: Command>() -> Run {
    // SAFETY: the same function; its parameters are the two pointers, with what Kamailio promises of them.
    unsafe { std::mem::transmute::<extern "C" fn(Rpc<'_>, RpcCall<'_>), Run>(run::<C>) }
}

extern "C" fn run<C: Command>(rpc: Rpc<'_>, call: RpcCall<'_>) {
    guard(C::NAME.to_str().unwrap_or_default(), (), || {
        C::run(Request { rpc, call });
    });
}
