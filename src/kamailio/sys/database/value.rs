//! Values that are written.

use std::os::raw::c_int;

use crate::kamailio::sys::ffi::{self, db_val_t};
use crate::kamailio::sys::text::lend;

/// One value that is written.
#[derive(Clone, Copy)]
pub(crate) enum Value<'a> {
    Text(&'a str),
    Number(c_int),
    Real(f64),
    /// Seconds since 1970.
    Time(i64),
    /// A number of 64 bits.
    Long(i64),
    /// Octets.
    Octets(&'a [u8]),
}

/// A column and its value.
pub(crate) type Field<'a> = (&'static str, Value<'a>);

/// The value as srdb1 takes it.
pub(super) fn written(value: Value<'_>) -> db_val_t {
    let mut written = db_val_t::default();
    match value {
        Value::Text(text) => {
            written.type_ = ffi::DB1_STR;
            written.val.str_val = lend(text.as_bytes());
        }
        Value::Number(number) => {
            written.type_ = ffi::DB1_INT;
            written.val.int_val = number;
        }
        Value::Real(number) => {
            written.type_ = ffi::DB1_DOUBLE;
            written.val.double_val = number;
        }
        Value::Time(seconds) => {
            written.type_ = ffi::DB1_DATETIME;
            written.val.time_val = seconds;
        }
        Value::Long(number) => {
            written.type_ = ffi::DB1_BIGINT;
            written.val.ll_val = number;
        }
        Value::Octets(octets) => {
            written.type_ = ffi::DB1_BLOB;
            written.val.blob_val = lend(octets);
        }
    }
    written
}
