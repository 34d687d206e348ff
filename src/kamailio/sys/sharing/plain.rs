//! Which types may stand in shared memory.

use std::num::{NonZeroU32, NonZeroU64};

use super::sync::{AtomicU32, AtomicU64, Cell};
use crate::base::recent::Set;
use crate::base::{Octets, Text};

/// Types whose values mean the same in all processes.
///
/// [`plain!`] implements it for a type of which every field is plain.
///
/// # Safety
/// No value holds a pointer or a reference, at any depth, but one into memory that all processes share.
pub(in crate::kamailio) unsafe trait Plain:
    Send + Sync + 'static
{
}

macro_rules! these_are_plain {
    ($($type:ty),* $(,)?) => {$(
        // SAFETY: octets alone.
        unsafe impl Plain for $type {}
    )*};
}

these_are_plain! {
    (), bool, u8, i8, u16, u32, i32, u64, i64, usize, AtomicU32, AtomicU64, NonZeroU32, NonZeroU64, Set,
}

// SAFETY: octets and their number.
unsafe impl<const N: usize> Plain for Text<N> {}
// SAFETY: octets alone.
unsafe impl<const N: usize> Plain for Octets<N> {}
// SAFETY: it holds its items alone.
unsafe impl<T: Plain, const N: usize> Plain for [T; N] {}
// SAFETY: it holds its value alone.
unsafe impl<T: Plain> Plain for Option<T> {}
// SAFETY: it holds its value alone. `Sync` is asked for, so the cell itself is never plain: only a type that guards it.
unsafe impl<T: Plain> Plain for Cell<T> where Cell<T>: Sync {}

/// Compiles for plain values alone.
pub(in crate::kamailio) const fn is_plain<T: Plain>(_: &T) {}

/// Implements [`Plain`] for a type, all of whose fields have to be named and have to be plain:
///
/// ```ignore
/// plain!(struct Line { digest, at_ms });
/// plain!(enum Kind { Part, Copy(number), Notification { sender } });
/// plain!([V: Plain] struct Entry<V> as Entry { key, value });
/// ```
macro_rules! plain {
    ([$($generics:tt)*] struct $type:ty as $name:ident { $($field:ident),* $(,)? }) => {
        #[allow(unsafe_code, reason = "the compiler checks what it promises")]
        // SAFETY: `every_field` names all fields, and compiles only where each of them is plain.
        unsafe impl<$($generics)*> $crate::kamailio::sys::sharing::Plain for $type {}
        const _: () = {
            #[allow(dead_code, reason = "it only has to compile")]
            const fn every_field<$($generics)*>(value: &$type) {
                let $name { $($field),* } = value;
                $($crate::kamailio::sys::sharing::is_plain($field);)*
            }
        };
    };
    (struct $name:ident { $($field:ident),* $(,)? }) => {
        $crate::kamailio::sys::sharing::plain!([] struct $name as $name { $($field),* });
    };
    (enum $name:ident { $($variant:ident $(($($item:ident),*))? $({ $($field:ident),* })?),* $(,)? }) => {
        #[allow(unsafe_code, reason = "the compiler checks what it promises")]
        // SAFETY: `every_field` names all variants and fields, and compiles only where each of them is plain.
        unsafe impl $crate::kamailio::sys::sharing::Plain for $name {}
        const _: () = {
            #[allow(dead_code, reason = "it only has to compile")]
            const fn every_field(value: &$name) {
                match value {
                    $($name::$variant $(($($item),*))? $({ $($field),* })? => {
                        $($($crate::kamailio::sys::sharing::is_plain($item);)*)?
                        $($($crate::kamailio::sys::sharing::is_plain($field);)*)?
                    })*
                }
            }
        };
    };
}
pub(in crate::kamailio) use plain;
