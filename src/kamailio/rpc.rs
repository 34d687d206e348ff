//! RPC commands: `kamcmd ipsmgw.pending`, `kamcmd ipsmgw.decode HEX`.

use std::ffi::{CStr, CString};
use std::os::raw::{c_char, c_int, c_void};
use std::ptr::null_mut;

use crate::host::Kind;

use super::clock;
use super::ffi::{self, rpc_export_t, rpc_t};
use super::guard::guard;
use super::running::running;

const fn command(
    name: &'static CStr,
    function: ffi::rpc_function_t,
    doc: &'static Doc,
) -> rpc_export_t {
    rpc_export_t {
        name: name.as_ptr(),
        function,
        doc_str: doc.0.as_ptr().cast_mut(),
        flags: 0,
    }
}

/// One line of help, and the NULL that ends Kamailio's list of them.
struct Doc([*const c_char; 2]);

// SAFETY: constant pointers.
unsafe impl Sync for Doc {}

static PENDING: Doc = Doc([
    c"How many exchanges are open, by kind, and the age of the oldest in seconds".as_ptr(),
    std::ptr::null(),
]);

pub(super) struct Exported([rpc_export_t; 2]);

// SAFETY: constant pointers, read by Kamailio.
unsafe impl Sync for Exported {}

impl Exported {
    pub(super) const fn pointer(&self) -> *mut rpc_export_t {
        self.0.as_ptr().cast_mut()
    }
}

/// The table that Kamailio reads; it ends with an empty row.
pub(super) static EXPORTED: Exported = Exported([
    command(c"ipsmgw.pending", Some(pending), &PENDING),
    rpc_export_t {
        name: std::ptr::null(),
        function: None,
        doc_str: null_mut(),
        flags: 0,
    },
]);

/// A reply in the making: a structure of named values.
#[derive(Clone, Copy)]
struct Structure {
    rpc: *mut rpc_t,
    handle: *mut c_void,
}

impl Structure {
    /// The reply's own.
    fn new(rpc: *mut rpc_t, context: *mut c_void) -> Option<Self> {
        // SAFETY: Kamailio's RPC and context, live during the command.
        let handle = unsafe { ffi::ipsmgw_c_rpc_struct(rpc, context) };
        (!handle.is_null()).then_some(Self { rpc, handle })
    }

    fn nested(self, name: &str) -> Option<Self> {
        let name = CString::new(name).ok()?;
        // SAFETY: a structure of this reply; the name is copied.
        let handle = unsafe { ffi::ipsmgw_c_rpc_nested(self.rpc, self.handle, name.as_ptr()) };
        (!handle.is_null()).then_some(Self { handle, ..self })
    }

    fn number(self, name: &str, value: i64) {
        let Ok(name) = CString::new(name) else { return };
        let value = c_int::try_from(value).unwrap_or(c_int::MAX);
        // SAFETY: a structure of this reply; the name is copied.
        unsafe { ffi::ipsmgw_c_rpc_int(self.rpc, self.handle, name.as_ptr(), value) };
    }
}

/// `ipsmgw.pending`
unsafe extern "C" fn pending(rpc: *mut rpc_t, context: *mut c_void) {
    guard("ipsmgw.pending", (), || {
        let running = running();
        let now = clock::now().monotonic_ms;
        let Some(reply) = Structure::new(rpc, context) else {
            return;
        };
        for (name, kind) in [("sm_to_im", Kind::SmToIm), ("im_to_sm", Kind::ImToSm)] {
            let of_kind = || {
                running
                    .table
                    .census()
                    .filter(|(known, _)| *known == kind as u32)
            };
            let Some(counted) = reply.nested(name) else {
                return;
            };
            let oldest = of_kind()
                .map(|(_, opened)| now.saturating_sub(opened))
                .max()
                .unwrap_or(0);
            counted.number("open", i64::try_from(of_kind().count()).unwrap_or(0));
            counted.number("oldest", i64::try_from(oldest / 1000).unwrap_or(0));
        }
        reply.number(
            "max_pending",
            i64::try_from(running.table.capacity()).unwrap_or(0),
        );
    });
}
