//! Rows of a result.

use std::ffi::CStr;
use std::os::raw::c_int;

use crate::kamailio::sys::ffi::{self, db_val_t};
use crate::kamailio::sys::text;

/// One row of a result.
#[derive(Clone, Copy)]
pub(crate) struct Row<'r>(&'r [db_val_t]);

impl<'r> Row<'r> {
    pub(super) fn of(row: &'r ffi::db_row) -> Self {
        Self(match usize::try_from(row.n) {
            // SAFETY: the engine has put `n` values there; they stay as long as the row.
            Ok(count) if !row.values.is_null() => unsafe {
                std::slice::from_raw_parts(row.values, count)
            },
            _ => &[],
        })
    }

    fn value(self, column: usize) -> Option<&'r db_val_t> {
        self.0.get(column).filter(|value| value.nul == 0)
    }

    /// The text in this column; none if it is NULL, no text, or not UTF-8.
    pub(crate) fn text(self, column: usize) -> Option<&'r str> {
        let value = self.value(column)?;
        match value.type_ {
            ffi::DB1_STRING => {
                // SAFETY: the type says which member is set.
                let text = unsafe { value.val.string_val };
                if text.is_null() {
                    return None;
                }
                // SAFETY: the engine ends such a text with NUL, and keeps it with the result.
                unsafe { CStr::from_ptr(text) }.to_str().ok()
            }
            ffi::DB1_STR | ffi::DB1_BLOB => {
                // SAFETY: the type says which member is set; blobs have the same shape.
                let text = unsafe { &value.val.str_val };
                // SAFETY: the engine keeps these octets with the result.
                unsafe { text::text(text) }
            }
            _ => None,
        }
    }

    /// The number in this column; none if it is NULL or no number.
    pub(crate) fn number(self, column: usize) -> Option<c_int> {
        match self.value(column)? {
            value if value.type_ == ffi::DB1_INT => {
                // SAFETY: the type says which member is set.
                Some(unsafe { value.val.int_val })
            }
            _ => None,
        }
    }

    /// The number in this column, in whatever type the engine gives it; none if it is NULL or no number.
    pub(crate) fn long(self, column: usize) -> Option<i64> {
        let value = self.value(column)?;
        match value.type_ {
            ffi::DB1_INT => {
                // SAFETY: the type says which member is set.
                Some(unsafe { value.val.int_val }.into())
            }
            ffi::DB1_UINT => {
                // SAFETY: as above.
                Some(unsafe { value.val.uint_val }.into())
            }
            ffi::DB1_BIGINT => {
                // SAFETY: as above.
                Some(unsafe { value.val.ll_val })
            }
            ffi::DB1_UBIGINT => {
                // SAFETY: as above.
                i64::try_from(unsafe { value.val.ull_val }).ok()
            }
            _ => None,
        }
    }

    /// The octets in this column; none if it is NULL or holds another type.
    pub(crate) fn octets(self, column: usize) -> Option<&'r [u8]> {
        let value = self.value(column)?;
        match value.type_ {
            ffi::DB1_STR | ffi::DB1_BLOB => {
                // SAFETY: the type says which member is set; blobs have the same shape.
                let octets = unsafe { &value.val.str_val };
                // SAFETY: the engine keeps these octets with the result.
                Some(unsafe { text::octets(octets) })
            }
            _ => None,
        }
    }
}
