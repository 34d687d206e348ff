//! The socket that a request came through, as the kernel sees it.

use std::mem::MaybeUninit;
use std::os::raw::c_int;

/// A socket.
#[derive(Clone, Copy)]
pub(crate) struct Socket {
    pub(crate) number: c_int,
    pub(crate) is_connection: bool,
}

/// `SO_MEMINFO` (Linux 4.12): the memory of a socket, by these places.
const SO_MEMINFO: c_int = 55;
const RMEM_ALLOC: usize = 0;
const RCVBUF: usize = 1;

/// Types of which all-zero octets, and any other octets, are a value.
trait Integers: Copy {}

impl Integers for [u32; 9] {}
impl Integers for libc::tcp_info {}

impl Socket {
    /// How full its receive queue is, in percent.
    pub(crate) fn queue_percent(self) -> u32 {
        let memory: [u32; 9] = self
            .option(libc::SOL_SOCKET, SO_MEMINFO)
            .unwrap_or_default();
        let (used, size) = (u64::from(memory[RMEM_ALLOC]), u64::from(memory[RCVBUF]));
        u32::try_from((used * 100).checked_div(size).unwrap_or(0)).unwrap_or(u32::MAX)
    }

    /// Milliseconds since the newest octets came through a connection: a request waits at least this long.
    pub(crate) fn waited_ms(self) -> u32 {
        if !self.is_connection {
            return 0;
        }
        let info: Option<libc::tcp_info> = self.option(libc::IPPROTO_TCP, libc::TCP_INFO);
        info.map_or(0, |info| info.tcpi_last_data_recv)
    }

    /// An option of the socket; nothing where the kernel does not know it.
    fn option<T: Integers>(self, level: c_int, name: c_int) -> Option<T> {
        let mut value = MaybeUninit::<T>::zeroed();
        let mut size = libc::socklen_t::try_from(size_of::<T>()).ok()?;
        let place = value.as_mut_ptr().cast();
        // SAFETY: the kernel writes at most `size` octets.
        let found = unsafe { libc::getsockopt(self.number, level, name, place, &mut size) };
        // SAFETY: zeroed, and partly written by the kernel: `Integers` are values with any octets.
        (found == 0).then(|| unsafe { value.assume_init() })
    }
}
