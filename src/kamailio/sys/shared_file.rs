//! A file of words that all processes share, and that outlives them: mapped before the fork, locked as long as one of them lives.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::ops::Deref;
use std::os::fd::AsRawFd as _;
use std::os::raw::c_int;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

// SAFETY: they take numbers alone.
unsafe extern "C" {
    safe fn flock(file: c_int, operation: c_int) -> c_int;
    safe fn posix_fallocate(file: c_int, from: libc::off_t, length: libc::off_t) -> c_int;
}

/// The interval at which the lock of a file is tried.
const TRY: Duration = Duration::from_millis(50);

/// A file of our own. Its lock belongs to this process and to those that it forks; the kernel gives it back when all of them have
/// ended.
pub(crate) struct SharedFile(File);

impl SharedFile {
    /// Opens the file, and makes it if it does not exist. `None`: processes outside this Kamailio have it, also after `tries` attempts.
    pub(crate) fn open(path: &str, tries: u32) -> io::Result<Option<Self>> {
        let mut options = OpenOptions::new();
        // It has URIs of subscribers.
        options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600);
        let file = options.open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "it is no file"));
        }
        for attempt in 0..tries {
            if attempt > 0 {
                std::thread::sleep(TRY);
            }
            if flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) == 0 {
                return Ok(Some(Self(file)));
            }
            let error = io::Error::last_os_error();
            if error.kind() != ErrorKind::WouldBlock {
                return Err(error);
            }
        }
        Ok(None)
    }

    /// Whether it is new.
    pub(crate) fn is_empty(&self) -> io::Result<bool> {
        Ok(self.0.metadata()?.len() == 0)
    }

    /// Its length in words.
    pub(crate) fn words(&self) -> io::Result<usize> {
        let words = self.0.metadata()?.len() / 8;
        usize::try_from(words).map_err(io::Error::other)
    }

    /// Its first words.
    pub(crate) fn first<const N: usize>(&self) -> io::Result<[u64; N]> {
        let mut words = [0; N];
        for (word, at) in words.iter_mut().zip((0..).step_by(8)) {
            let mut octets = [0; 8];
            self.0.read_exact_at(&mut octets, at)?;
            *word = u64::from_ne_bytes(octets);
        }
        Ok(words)
    }

    /// Makes it longer, by words of zero. The disk has room for all of it afterwards: a write into a mapped file that finds the disk
    /// full would end the process. A failure leaves it as it was.
    pub(crate) fn grow(&mut self, words: usize) -> io::Result<()> {
        let before = self.0.metadata()?.len();
        let grown = self.reserve(before, words as u64 * 8);
        if grown.is_err() {
            self.0.set_len(before)?;
        }
        grown
    }

    fn reserve(&mut self, before: u64, after: u64) -> io::Result<()> {
        let [from, more] = [before, after.saturating_sub(before)].map(libc::off_t::try_from);
        let (from, more) = (
            from.map_err(io::Error::other)?,
            more.map_err(io::Error::other)?,
        );
        match posix_fallocate(self.0.as_raw_fd(), from, more) {
            0 => {}
            error => return Err(io::Error::from_raw_os_error(error)),
        }
        // Blocks that were written once need nothing of the file system when they are written again.
        let zeros = [0; 1 << 16];
        let mut at = before;
        while at < after {
            let length =
                usize::try_from(after - at).map_or(zeros.len(), |left| left.min(zeros.len()));
            self.0
                .write_all_at(zeros.get(..length).unwrap_or_default(), at)?;
            at += length as u64;
        }
        self.0.flush()?;
        self.0.sync_all()
    }

    /// Maps its first words into memory, in this process and in those that it forks. The file must have them.
    pub(crate) fn map(self, words: usize) -> io::Result<MappedFile> {
        if self.words()? < words || words == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let octets = words * 8;
        let (access, shared) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
        let file = self.0.as_raw_fd();
        // SAFETY: a new mapping at an address of the kernel's choice; it touches nothing that exists.
        let place = unsafe { libc::mmap(std::ptr::null_mut(), octets, access, shared, file, 0) };
        match NonNull::new(place.cast()) {
            Some(first) if place != libc::MAP_FAILED => Ok(MappedFile {
                words: NonNull::slice_from_raw_parts(first, words),
                file: self.0,
            }),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

/// The words of a file, in memory. A process that finds the file cut shorter is ended by the kernel.
pub(crate) struct MappedFile {
    words: NonNull<[AtomicU64]>,
    /// Its lock is held as long as it is open or mapped.
    file: File,
}

// SAFETY: it owns the mapping, whose words are atomics.
unsafe impl Send for MappedFile {}
// SAFETY: as above.
unsafe impl Sync for MappedFile {}

impl Drop for MappedFile {
    fn drop(&mut self) {
        let (place, octets) = (self.words.as_ptr().cast(), self.words.len() * 8);
        // SAFETY: `map` made this mapping of this length, and nobody reaches it any more.
        unsafe { libc::munmap(place, octets) };
    }
}

impl MappedFile {
    /// Whether the file still has a name.
    pub(crate) fn has_name(&self) -> bool {
        self.file.metadata().is_ok_and(|file| file.nlink() > 0)
    }
}

impl Deref for MappedFile {
    type Target = [AtomicU64];
    fn deref(&self) -> &[AtomicU64] {
        // SAFETY: the kernel has mapped these octets, which start at a page, until this value is dropped. Others may change them at any
        // time, so they are atomics; each pattern of bits is a value of them.
        unsafe { self.words.as_ref() }
    }
}
