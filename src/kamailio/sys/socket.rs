//! The socket that a request came through, as the kernel sees it.

use std::mem::offset_of;
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

/// `TCP_INFO`, in words of 32 bits, and the place of one of them.
const TCP_INFO_WORDS: usize = size_of::<libc::tcp_info>() / 4;
const LAST_DATA_RECEIVED: usize = offset_of!(libc::tcp_info, tcpi_last_data_recv) / 4;

impl Socket {
    /// The memory of its receive queue, in octets: how much is in use, and how much there is.
    pub(crate) fn queue(self) -> (u32, u32) {
        let memory: [u32; 9] = self
            .option(libc::SOL_SOCKET, SO_MEMINFO)
            .unwrap_or_default();
        (memory[RMEM_ALLOC], memory[RCVBUF])
    }

    /// Milliseconds since the newest octets came through a connection: a request waits at least this long.
    pub(crate) fn waited_ms(self) -> u32 {
        if !self.is_connection {
            return 0;
        }
        let info: Option<[u32; TCP_INFO_WORDS]> = self.option(libc::IPPROTO_TCP, libc::TCP_INFO);
        info.map_or(0, |info| info[LAST_DATA_RECEIVED])
    }

    /// An option of the socket, as the words that the kernel writes; none if the kernel does not know it.
    fn option<const N: usize>(self, level: c_int, name: c_int) -> Option<[u32; N]> {
        let mut value = [0u32; N];
        let mut size = libc::socklen_t::try_from(size_of_val(&value)).ok()?;
        let place = value.as_mut_ptr().cast();
        // SAFETY: the kernel writes at most `size` octets.
        let found = unsafe { libc::getsockopt(self.number, level, name, place, &mut size) };
        (found == 0).then_some(value)
    }
}
