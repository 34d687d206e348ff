//! The symbols that Kamailio's loader looks up by name, and the tables that they point at.

use std::os::raw::{c_char, c_int};

use super::argument::typed;
use super::entry::{KemiRow, NativeRow};
use super::ffi::{self, module_exports};
use super::guard::guard;
use super::passed::ModulePath;
use super::process::Rank;
use super::pv::{self, Transformation};
use super::{parameter, rpc};

/// The functions of a module that Kamailio calls while it starts. False aborts the start; the log says why.
pub(crate) trait Module {
    /// The transformations.
    type Transformation: Transformation;

    /// Directly after loading, before the rest of the configuration is read.
    fn loaded();

    /// Once, before the fork.
    fn init() -> bool;

    /// In each process.
    fn child_init(rank: Rank) -> bool;
}

/// All tables of a module.
pub(crate) struct Tables {
    pub(crate) name: &'static std::ffi::CStr,
    pub(crate) functions: &'static [NativeRow],
    pub(crate) kemi: &'static [KemiRow],
    pub(crate) parameters: &'static [parameter::Row],
    pub(crate) commands: &'static [rpc::Row],
    pub(crate) pseudo_variables: &'static [pv::Row],
}

/// A symbol that Kamailio reads: constant pointers to constant data.
#[repr(transparent)]
pub(crate) struct Symbol<T>(T);

// SAFETY: neither Kamailio nor this module changes them.
unsafe impl<T> Sync for Symbol<T> {}

impl Symbol<*const c_char> {
    /// The version of Kamailio that this is built for.
    pub(crate) const VERSION: Self = Self(ffi::IPSMGW_MODULE_VERSION.as_ptr().cast());
    /// The flags that Kamailio was compiled with.
    pub(crate) const FLAGS: Self = Self(ffi::IPSMGW_MODULE_FLAGS.as_ptr().cast());
}

impl Symbol<c_int> {
    /// The version of the structure `module_exports`.
    pub(crate) const INTERFACE: Self = Self(ffi::MODULE_INTERFACE_VER as c_int);
}

impl Symbol<module_exports> {
    /// The structure `exports` of a module.
    pub(crate) const fn exports<M: Module>(tables: &'static Tables) -> Self {
        Self(module_exports {
            name: tables.name.as_ptr().cast_mut(),
            dlflags: ffi::DEFAULT_DLFLAGS as _,
            cmds: NativeRow::table(tables.functions),
            params: parameter::Row::table(tables.parameters),
            rpc_methods: rpc::Row::table(tables.commands),
            pv_items: pv::Row::table(tables.pseudo_variables),
            response_f: None,
            init_mod_f: Some(mod_init::<M>),
            init_child_f: Some(child_init::<M>),
            destroy_mod_f: None,
        })
    }
}

unsafe extern "C" fn mod_init<M: Module>() -> c_int {
    guard("mod_init", -1, || if M::init() { 0 } else { -1 })
}

unsafe extern "C" fn child_init<M: Module>(rank: c_int) -> c_int {
    guard("child_init", -1, || {
        if M::child_init(Rank::of(rank)) { 0 } else { -1 }
    })
}

/// `mod_register`: Kamailio calls it when it has loaded the module.
pub(crate) fn register<M: Module>(path: ModulePath<'_>, tables: &'static Tables) -> c_int {
    guard("mod_register", -1, || {
        M::loaded();
        sr_kemi_modules_add(tables.kemi);
        if pv::register::<M::Transformation>(path) {
            0
        } else {
            -1
        }
    })
}

typed! {
    /// It keeps the table, which is constant.
    fn sr_kemi_modules_add(table: &'static [KemiRow]) -> c_int;
}

/// Makes the tables and symbols of a module out of lists of types, and `FUNCTIONS`, the names of its functions. Once in the module.
macro_rules! export_module {
    (
        $module:ty = $name:literal,
        functions: [$($(#[$cfg:meta])* $function:ty,)*],
        commands: [$($command:ty,)*],
        pseudo_variables: [$($variable:ty,)*],
        parameters: $parameters:path,
    ) => {
        #[allow(
            unsafe_code,
            non_upper_case_globals,
            reason = "symbols that Kamailio's loader looks up by name"
        )]
        mod symbols {
            use super::*;
            use $crate::kamailio::sys::exports as sys;

            /// The functions by their names in the native script.
            pub(crate) const FUNCTIONS: &[&str] =
                &[$($(#[$cfg])* $crate::kamailio::sys::entry::name_of::<$function, _>(),)*];

            static TABLES: sys::Tables = sys::Tables {
                name: $name,
                functions: &[
                    $($(#[$cfg])* $crate::kamailio::sys::entry::NativeRow::of::<$function, _>(),)*
                    $crate::kamailio::sys::entry::NativeRow::END,
                ],
                kemi: &[
                    $($(#[$cfg])* $crate::kamailio::sys::entry::KemiRow::of::<$function, _>($name),)*
                    $crate::kamailio::sys::entry::KemiRow::END,
                ],
                parameters: &$parameters,
                commands: &[$($crate::kamailio::sys::rpc::Row::of::<$command>(),)* $crate::kamailio::sys::rpc::Row::END],
                pseudo_variables: &[$($crate::kamailio::sys::pv::Row::of::<$variable>(),)* $crate::kamailio::sys::pv::Row::END],
            };

            #[unsafe(no_mangle)]
            static module_version: sys::Symbol<*const std::os::raw::c_char> = sys::Symbol::VERSION;
            #[unsafe(no_mangle)]
            static module_flags: sys::Symbol<*const std::os::raw::c_char> = sys::Symbol::FLAGS;
            #[unsafe(no_mangle)]
            static module_interface_ver: sys::Symbol<std::os::raw::c_int> = sys::Symbol::INTERFACE;
            #[unsafe(no_mangle)]
            static exports: sys::Symbol<$crate::kamailio::sys::ffi::module_exports> =
                sys::Symbol::exports::<$module>(&TABLES);

            #[unsafe(no_mangle)]
            extern "C" fn mod_register(
                path: $crate::kamailio::sys::passed::ModulePath<'_>,
                _: *mut std::os::raw::c_int,
                _: *mut std::os::raw::c_void,
                _: *mut std::os::raw::c_void,
            ) -> std::os::raw::c_int {
                sys::register::<$module>(path, &TABLES)
            }
        }
        pub(crate) use symbols::FUNCTIONS;
    };
}
pub(crate) use export_module;
