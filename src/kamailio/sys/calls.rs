//! Functions of Kamailio's and of the C library's that any caller may call with any arguments, so they are declared as safe.
//! All others are in [`ffi`](super::ffi).

use std::os::raw::{c_char, c_int, c_long, c_uint, c_ulong, c_ushort, c_void};

use super::ffi;
use super::passed::{CText, Given, LogData, Name, Rpc, RpcCall, RpcStructure};
use super::text::Lent;

/// Declares functions of Kamailio's as safe. Their types must be those of Kamailio's headers.
macro_rules! safe {
    ($($(#[$why:meta])* fn $name:ident($($argument:ident: $type:ty),*) $(-> $result:ty)?;)*) => {
        // SAFETY: as the comment of each says.
        unsafe extern "C" {
            $($(#[$why])* pub(super) safe fn $name($($argument: $type),*) $(-> $result)?;)*
        }
        $(const _: unsafe extern "C" fn($($type),*) $(-> $result)? = ffi::$name;)*
    };
}

safe! {
    /// Before the fork it counts processes; afterwards Kamailio refuses it.
    fn register_basic_timers(count: c_int) -> c_int;
    /// As above.
    fn register_procs(count: c_int) -> c_int;
    /// As above.
    fn cfg_register_child(count: c_int);

    /// It marks the module that Kamailio initialises just now; without one it does nothing.
    fn ksr_module_set_flag(flag: c_uint);

    /// It replaces this process's own view of the live configuration.
    fn cfg_child_init() -> c_int;
    /// As above.
    fn ipsmgw_c_cfg_update();

    /// It checks the number against Kamailio's table of processes.
    fn ipsmgw_c_process_id(number: c_int) -> c_int;

    /// It reads numbers of this process and of the memory manager.
    fn ipsmgw_c_is_logged(level: c_int) -> c_int;
    /// As above.
    fn ipsmgw_c_shm_available() -> c_ulong;

    /// It gives fresh memory, or NULL.
    fn ipsmgw_c_shm_alloc(size: usize) -> *mut c_void;
    /// As above.
    fn ipsmgw_c_pkg_alloc(size: usize) -> *mut c_void;

    /// The next of several static buffers of this process.
    fn pv_get_buffer() -> *mut c_char;
    /// The size of each of them.
    fn pv_get_buffer_size() -> c_int;

    /// It reads a number in shared memory.
    fn ipsmgw_c_connection_count() -> c_int;

    /// They look a connection up by its number, under Kamailio's lock.
    fn ipsmgw_c_close_connection(id: c_int) -> c_int;
    /// As above.
    fn ipsmgw_c_connection_fd(id: c_int) -> c_int;
    /// As above.
    fn ipsmgw_c_has_connection(id: c_int) -> c_int;

    /// The kind of route that this process runs.
    fn ipsmgw_c_route_type() -> c_int;
    /// As above.
    fn ipsmgw_c_set_route_type(kind: c_int);

    /// The script's engine; NULL for the native script.
    fn sr_kemi_eng_get() -> *mut ffi::sr_kemi_eng_t;
    /// A request of Kamailio's own, in static memory.
    fn faked_msg_next() -> *mut ffi::sip_msg;

    /// It checks the number of the branch.
    fn setbflagsval(branch: c_uint, flags: ffi::flag_t) -> c_int;
}

// SAFETY: they read texts of ours during the call, and `Lent` and `Name` are live as long. They call functions with what Kamailio
// passes, as the types of `passed` say; what these types stand for is live during the call. Those with a struct fill it, or read
// it during the call. `tick` gets the parameter, and looks at it itself. Kamailio sets the numbers before it
// loads modules, and leaves them; the third changes in the fork, when nothing of this module runs. The other functions of the C library take
// numbers alone.
unsafe extern "C" {
    pub(super) safe fn ipsmgw_c_log(level: c_int, text: &Lent<'_>);
    pub(super) safe fn check_self(host: &Lent<'_>, port: c_ushort, transport: c_ushort) -> c_int;

    pub(super) safe fn ipsmgw_c_guard_log(is_whole: extern "C" fn(LogData<'_>, CText<'_>) -> c_int);
    pub(super) safe fn ipsmgw_c_print_log(of: LogData<'_>, text: &Lent<'_>);
    pub(super) safe fn ipsmgw_c_print_own_log(level: c_int, text: &Lent<'_>);

    pub(super) safe fn ipsmgw_c_rpc_scan<'c>(
        rpc: Rpc<'c>,
        call: RpcCall<'c>,
        word: &mut Given<'c>,
    ) -> c_int;
    pub(super) safe fn ipsmgw_c_rpc_fault(
        rpc: Rpc<'_>,
        call: RpcCall<'_>,
        code: c_int,
        text: Name<'_>,
    );
    pub(super) safe fn ipsmgw_c_rpc_struct<'c>(
        rpc: Rpc<'c>,
        call: RpcCall<'c>,
    ) -> Option<RpcStructure<'c>>;
    pub(super) safe fn ipsmgw_c_rpc_nested<'c>(
        rpc: Rpc<'c>,
        parent: RpcStructure<'c>,
        name: Name<'_>,
    ) -> Option<RpcStructure<'c>>;
    pub(super) safe fn ipsmgw_c_rpc_int(
        rpc: Rpc<'_>,
        into: RpcStructure<'_>,
        name: Name<'_>,
        value: c_int,
    ) -> c_int;
    pub(super) safe fn ipsmgw_c_rpc_str(
        rpc: Rpc<'_>,
        into: RpcStructure<'_>,
        name: Name<'_>,
        value: &Lent<'_>,
    ) -> c_int;

    pub(super) safe fn counter_register(
        handle: &mut ffi::counter_handle_t,
        group: Name<'_>,
        name: Name<'_>,
        flags: c_int,
        value: Option<extern "C" fn(ffi::counter_handle_t, *mut c_void) -> c_long>,
        parameter: *mut c_void,
        help: Name<'_>,
        register_flags: c_int,
    ) -> c_int;

    pub(super) safe fn fork_basic_utimer(
        rank: c_int,
        name: Name<'static>,
        has_sockets: c_int,
        tick: extern "C" fn(c_uint, *mut c_void),
        parameter: *mut c_void,
        period_us: c_int,
    ) -> c_int;
    pub(super) safe fn fork_process(rank: c_int, name: Name<'static>, has_sockets: c_int) -> c_int;

    pub(super) safe fn ipsmgw_c_bind_tm(functions: &mut ffi::tm_binds) -> c_int;
    pub(super) safe fn ipsmgw_c_bind_sl(functions: &mut ffi::sl_api_t) -> c_int;
    pub(super) safe fn ipsmgw_c_bind_uac(functions: &mut ffi::uac_api_t) -> c_int;
    pub(super) safe fn ipsmgw_c_bind_database(
        module: Name<'_>,
        functions: &mut ffi::db_func_t,
    ) -> c_int;
    pub(super) safe fn ipsmgw_c_bind_usrloc(functions: &mut ffi::usrloc_api_t) -> c_int;
    pub(super) safe fn ipsmgw_c_ip(of: &ffi::sockaddr_union, ip: &mut ffi::ip_addr);
    pub(super) safe fn ipsmgw_c_port(of: &ffi::sockaddr_union) -> c_ushort;
    pub(super) safe fn getbflagsval(branch: c_uint, flags: &mut ffi::flag_t) -> c_int;

    pub(super) safe static tcp_max_connections: c_int;
    pub(super) safe static shm_mem_size: c_ulong;
    pub(super) safe static _ksr_is_main: c_int;

    pub(super) safe fn clock_gettime(clock: libc::clockid_t, now: &mut libc::timespec) -> c_int;
    pub(super) safe fn localtime_r(unix: &libc::time_t, local: &mut libc::tm) -> *mut libc::tm;
    pub(super) safe fn eventfd(count: c_uint, flags: c_int) -> c_int;
    pub(super) safe fn kill(process: libc::pid_t, signal: c_int) -> c_int;
    pub(super) safe fn _exit(code: c_int) -> !;
}
