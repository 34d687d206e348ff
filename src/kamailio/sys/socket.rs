//! Sockets: what waits in them.

use std::os::raw::c_int;

/// A socket that a request came through.
#[derive(Clone, Copy)]
pub(crate) struct Socket {
    pub(crate) number: c_int,
    pub(crate) is_connection: bool,
}

/// `SO_MEMINFO` (Linux 4.12): what a socket has in memory, by these places.
const SO_MEMINFO: c_int = 55;
const RMEM_ALLOC: usize = 0;
const RCVBUF: usize = 1;

impl Socket {
    /// How full its receive queue is, in percent.
    pub(crate) fn queue_percent(self) -> u32 {
        let memory: [u32; 9] =
            option(self.number, libc::SOL_SOCKET, SO_MEMINFO).unwrap_or_default();
        let (used, size) = (u64::from(memory[RMEM_ALLOC]), u64::from(memory[RCVBUF]));
        u32::try_from((used * 100).checked_div(size).unwrap_or(0)).unwrap_or(u32::MAX)
    }

    /// Milliseconds since the newest octets came through a connection: so long the request has waited at least.
    pub(crate) fn waited_ms(self) -> u32 {
        if !self.is_connection {
            return 0;
        }
        // SAFETY: integers, for which zero octets are a value.
        let zero: libc::tcp_info = unsafe { std::mem::zeroed() };
        let info = option_into(self.number, libc::IPPROTO_TCP, libc::TCP_INFO, zero);
        info.map_or(0, |info| info.tcpi_last_data_recv)
    }
}

fn option<T: Default>(socket: c_int, level: c_int, name: c_int) -> Option<T> {
    option_into(socket, level, name, T::default())
}

/// A socket option of plain integers; nothing where the kernel knows none.
fn option_into<T>(socket: c_int, level: c_int, name: c_int, mut value: T) -> Option<T> {
    let mut size = libc::socklen_t::try_from(size_of::<T>()).ok()?;
    // SAFETY: the kernel writes at most `size` octets.
    let found =
        unsafe { libc::getsockopt(socket, level, name, (&raw mut value).cast(), &mut size) };
    (found == 0).then_some(value)
}
