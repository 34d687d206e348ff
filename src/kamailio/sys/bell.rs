//! A bell that wakes one process: made before the fork, rung by any process.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::FromRawFd as _;

use super::calls;

/// An eventfd: the kernel counts how often it was rung.
pub(crate) struct Bell(File);

impl Bell {
    /// Before the fork; `None` if the kernel has no descriptor left.
    pub(crate) fn new() -> Option<Self> {
        let descriptor = calls::eventfd(0, 0);
        // SAFETY: a new descriptor, which nothing else owns.
        (descriptor >= 0).then(|| Self(unsafe { File::from_raw_fd(descriptor) }))
    }

    /// Rings it.
    pub(crate) fn ring(&self) {
        // It cannot fail: the counter has 64 bits.
        let _ = (&self.0).write(&1u64.to_ne_bytes());
    }

    /// Sleeps until it was rung, or a signal comes.
    pub(crate) fn sleep(&self) {
        // An error is a signal: the caller looks whether there is work.
        let _ = (&self.0).read(&mut [0; 8]);
    }
}
