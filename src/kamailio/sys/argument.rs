//! Functions of Kamailio that are safe with arguments of certain types: the types guarantee the conditions of the
//! function. Functions without such conditions are in [`calls`](super::calls), all others in [`ffi`](super::ffi).

use std::ffi::CStr;
use std::marker::PhantomData;
use std::os::raw::{c_char, c_int, c_uint, c_ushort};

use super::ffi;
use super::text::Lent;

/// An argument that guarantees the conditions of a function of Kamailio, and its type in C.
pub(super) trait Argument {
    type C;

    fn c(self) -> Self::C;
}

macro_rules! numbers {
    ($($number:ty),*) => {
        $(impl Argument for $number {
            type C = Self;

            fn c(self) -> Self {
                self
            }
        })*
    };
}

numbers!(c_int, c_uint, c_ushort);

/// A text that is live during the call. The function reads it, and does not keep it.
impl Argument for &Lent<'_> {
    type C = *mut ffi::str_;

    fn c(self) -> Self::C {
        std::ptr::from_ref(self).cast_mut().cast()
    }
}

/// A text with a NUL at its end that is live during the call. The function reads it, and does not keep it.
impl Argument for &CStr {
    type C = *mut c_char;

    fn c(self) -> Self::C {
        self.as_ptr().cast_mut()
    }
}

/// A place that the function reads or fills during the call.
impl<T> Argument for &mut T {
    type C = *mut T;

    fn c(self) -> Self::C {
        self
    }
}

/// NULL.
pub(super) struct Null<T>(PhantomData<T>);

impl<T> Null<T> {
    pub(super) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> Argument for Null<T> {
    type C = *mut T;

    fn c(self) -> Self::C {
        std::ptr::null_mut()
    }
}

/// Declares functions of Kamailio's core as safe with arguments of these types.
macro_rules! typed {
    ($($(#[$why:meta])* fn $name:ident($($argument:ident: $type:ty),*) $(-> $result:ty)?;)*) => {
        $($(#[$why])* fn $name($($argument: $type),*) $(-> $result)? {
            // SAFETY: the types of the arguments guarantee what the function asks for. The compiler compares what C sees of
            // them with Kamailio's headers.
            unsafe { $crate::kamailio::sys::ffi::$name($($crate::kamailio::sys::argument::Argument::c($argument)),*) }
        })*
    };
}

pub(super) use typed;
