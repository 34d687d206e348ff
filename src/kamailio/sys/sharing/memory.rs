//! Where shared values live.

use std::ops::DerefMut;

use super::guarded::RawLock;
use super::plain::Plain;

/// Memory that all processes share, or a test's stand-in for it.
///
/// Tables are made in mod_init, before Kamailio forks, so all processes find them at the same address.
pub(in crate::kamailio) trait Memory: 'static {
    /// The lock that stands in this memory.
    type Lock: RawLock;
    /// One value. It is freed when it is dropped.
    type Box<T: Plain>: DerefMut<Target = T> + Plain;
    /// Values of a fixed number, which may stay until the end.
    type Array<T: Plain>: DerefMut<Target = [T]> + Plain;

    /// Room for one value; `None` when the memory is full.
    fn boxed<T: Plain>(value: T) -> Option<Self::Box<T>>;

    /// Room for `len` values, each made in its place; `None` when the memory is full.
    fn array<T: Plain>(len: usize, make: impl FnMut(usize) -> T) -> Option<Self::Array<T>>;
}
