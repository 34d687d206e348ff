//! The Kamailio modules that this module calls: tm, sl, uac and, if it is loaded, usrloc.
//!
//! Each of their functions is checked once, in mod_init: after that they are plain function pointers.

use std::ffi::{CStr, CString};
use std::os::raw::{c_char, c_int, c_uint};
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

use std::sync::OnceLock;

use super::argument::{Argument, Null, typed};
use super::calls;
use super::ffi;
use super::kept::Kept;
use super::native_route::NativeRoute;
use super::request::Request;
use super::setting_error::SettingError;
use super::text::Lent;

/// A field of a table of functions, as Kamailio's headers declare it: it may be NULL.
pub(super) trait Entry {
    type Function;
}

impl<F> Entry for Option<F> {
    type Function = F;
}

/// The function in such a field.
type Function<E> = <E as Entry>::Function;

/// A table of the functions that are called, made from the table that a module exports. The `typed` ones are safe
/// with arguments of these types ([`Argument`]); the others are function pointers.
macro_rules! functions {
    (
        $(#[$doc:meta])* $name:ident of $table:ty:
        typed { $($(#[$why:meta])* $typed:ident: $entry:ty = fn($($argument:ident: $type:ty),*) $(-> $result:ty)?;)* }
        pointers { $($pointer:ident: $other:ty;)* }
    ) => {
        $(#[$doc])*
        pub(super) struct $name {
            $($typed: Function<$entry>,)*
            $(pub(super) $pointer: Function<$other>,)*
        }

        impl $name {
            /// An error is the name of the first function that the module does not have.
            fn of(table: &$table) -> Result<Self, &'static str> {
                Ok(Self {
                    $($typed: table.$typed.ok_or(stringify!($typed))?,)*
                    $($pointer: table.$pointer.ok_or(stringify!($pointer))?,)*
                })
            }

            $($(#[$why])* pub(super) fn $typed(&self, $($argument: $type),*) $(-> $result)? {
                let function = self.$typed;
                // SAFETY: the types of the arguments guarantee what the function asks for. The compiler compares what C sees
                // of them with the module's header.
                unsafe { function($(Argument::c($argument)),*) }
            })*
        }
    };
}

functions! {
    /// tm (modules/tm/tm_load.h). Its functions for the current request fail if there is no transaction.
    Tm of ffi::tm_binds:
    typed {
    /// It gives the transaction that this process works on, NULL or T_UNDEFINED.
    t_gett: ffi::tgett_f = fn() -> *mut ffi::cell;
    /// It reads a number of this process.
    t_gett_branch: ffi::tgett_branch_f = fn() -> c_int;
    /// The same.
    t_get_picked_branch: ffi::tget_picked_f = fn() -> c_int;
    t_newtran: ffi::tnewtran_f = fn(request: Request<'_>) -> c_int;
    set_fr: ffi::tset_fr_f = fn(request: Request<'_>, invite_ms: c_uint, other_ms: c_uint) -> c_int;
    t_suspend: ffi::t_suspend_f = fn(request: Request<'_>, entry: &mut c_uint, label: &mut c_uint) -> c_int;
    /// It copies the reason.
    t_reply: ffi::treply_f = fn(request: Request<'_>, status: c_uint, reason: &CStr) -> c_int;
    /// It reads the request. The tag stays in a buffer of this process.
    t_get_reply_totag: ffi::tget_reply_totag_f = fn(request: Kept<'_, ffi::sip_msg>, tag: &mut ffi::str_) -> c_int;
    /// The same.
    generate_fromtag: ffi::generate_fromtag_f = fn(tag: &mut ffi::str_, call_id: &Lent<'_>, uri: &Lent<'_>);
    /// It takes a reference to the transaction that it finds, and makes it the one that this process works on.
    t_lookup_ident: ffi::tlookup_ident_f = fn(found: &mut *mut ffi::cell, entry: c_uint, label: c_uint) -> c_int;
    /// It looks the suspended transaction up.
    t_continue: ffi::t_continue_f = fn(entry: c_uint, label: c_uint, route: NativeRoute) -> c_int;
    /// The same.
    t_continue_cb: ffi::t_continue_cb_f = fn(entry: c_uint, label: c_uint, function: &Lent<'_>, event: &Lent<'_>) -> c_int;
    }
    pointers {
    register_tmcb: ffi::register_tmcb_f;
    t_reply_with_body: ffi::treply_wb_f;
    unref_cell: ffi::unref_cell_f;
    t_request: ffi::req_t;
    t_uac_with_ids: ffi::t_uac_with_ids_t;
    cancel_all_uacs: ffi::cancel_all_uacs_f;
    t_sett: ffi::tsett_f;
    }
}

/// Script functions of tm's that are not in its table.
struct TmCommandTable {
    t_check_trans: ffi::cmd_function,
}

functions! {
    /// The same.
    TmCommands of TmCommandTable:
    typed {
    t_check_trans: ffi::cmd_function = fn(request: Request<'_>, first: Null<c_char>, second: Null<c_char>) -> c_int;
    }
    pointers {
    }
}

functions! {
    /// sl (modules/sl/sl.h).
    Sl of ffi::sl_api_t:
    typed {
    /// It copies the reason.
    freply: ffi::send_reply_f = fn(request: Request<'_>, status: c_int, reason: &Lent<'_>) -> c_int;
    }
    pointers {
    dreply: ffi::sl_send_dreply_f;
    }
}

functions! {
    /// uac (modules/uac/api.h).
    Uac of ffi::uac_api_t:
    typed {
    /// It copies both texts.
    replace_from: ffi::uac_replace_from_t = fn(request: Request<'_>, display: &Lent<'_>, uri: &Lent<'_>) -> c_int;
    /// The same.
    replace_to: ffi::uac_replace_to_t = fn(request: Request<'_>, display: &Lent<'_>, uri: &Lent<'_>) -> c_int;
    }
    pointers {
    }
}

functions! {
    /// usrloc (modules/usrloc/usrloc.h).
    UsrlocFunctions of ffi::usrloc_api_t:
    typed {
    /// It copies the name, and makes the table where there is none of that name. The table lives as long as Kamailio.
    register_udomain: ffi::register_udomain_t = fn(name: &CStr, table: &mut *mut ffi::udomain_t) -> c_int;
    /// It waits for the lock of the address.
    lock_udomain: ffi::lock_udomain_t = fn(table: &UsrlocTable, address: &Lent<'_>);
    }
    pointers {
    unlock_udomain: ffi::unlock_udomain_t;
    get_urecord: ffi::get_urecord_t;
    release_urecord: ffi::release_urecord_t;
    update_ucontact: ffi::update_ucontact_t;
    delete_ucontact: ffi::delete_ucontact_t;
    }
}

/// The functions that other modules export. Read-only after mod_init, the same in every process.
pub(super) struct Modules {
    pub(super) tm: Tm,
    pub(super) tm_commands: TmCommands,
    pub(super) sl: Sl,
    pub(super) uac: Uac,
    pub(super) usrloc: Option<Usrloc>,
}

/// usrloc and the table in it that `usrloc_table` names.
pub(super) struct Usrloc {
    pub(super) functions: UsrlocFunctions,
    pub(super) uses_domain: bool,
    nat_flag: u32,
    pub(super) table: UsrlocTable,
}

/// A table of usrloc's: it lives as long as Kamailio.
pub(super) struct UsrlocTable(AtomicPtr<ffi::udomain_t>);

impl Argument for &UsrlocTable {
    type C = *mut ffi::udomain_t;

    fn c(self) -> Self::C {
        self.0.load(Relaxed)
    }
}

static MODULES: OnceLock<Modules> = OnceLock::new();

/// The bound modules.
///
/// # Panics
/// Before mod_init; Kamailio calls nothing of this module before it.
pub(super) fn modules() -> &'static Modules {
    MODULES
        .get()
        .unwrap_or_else(|| unreachable!("Kamailio calls mod_init first"))
}

/// The branch flag, as a mask, with which usrloc marks contacts behind a NAT; 0: none.
pub(crate) fn nat_flag() -> u32 {
    let usrloc = modules().usrloc.as_ref();
    usrloc.map_or(0, |usrloc| usrloc.nat_flag)
}

/// In mod_init: binds all of them.
pub(crate) fn bind(usrloc_table: &str) -> Result<(), SettingError> {
    let mut tm = ffi::tm_binds::default();
    let found = calls::ipsmgw_c_bind_tm(&mut tm) == 0;
    let tm = checked("tm", "", found.then(|| Tm::of(&tm)))?;
    let tm_commands = TmCommandTable {
        t_check_trans: find_export(c"t_check_trans", 0, 0),
    };
    let tm_commands = checked("tm", "", Some(TmCommands::of(&tm_commands)))?;
    let mut sl = ffi::sl_api_t::default();
    let found = calls::ipsmgw_c_bind_sl(&mut sl) == 0;
    let sl = checked("sl", "", found.then(|| Sl::of(&sl)))?;
    let mut uac = ffi::uac_api_t::default();
    let found = calls::ipsmgw_c_bind_uac(&mut uac) == 0;
    let why = ": it writes the person into From and To";
    let uac = checked("uac", why, found.then(|| Uac::of(&uac)))?;
    let modules = Modules {
        tm,
        tm_commands,
        sl,
        uac,
        usrloc: bind_usrloc(usrloc_table)?,
    };
    // mod_init runs once; a second value could only equal the first.
    let _ = MODULES.set(modules);
    Ok(())
}

/// The functions of a module, or the sentence that says why they are not there.
fn checked<F>(
    module: &str,
    why: &str,
    found: Option<Result<F, &'static str>>,
) -> Result<F, SettingError> {
    match found {
        Some(Ok(functions)) => Ok(functions),
        Some(Err(function)) => Err(SettingError(format!(
            "{module}.so has no function {function}: build ipsmgw.so for the Kamailio that loads it"
        ))),
        None => Err(SettingError(format!(
            "put loadmodule \"{module}.so\" before loadmodule \"ipsmgw.so\"{why}"
        ))),
    }
}

/// A timer of tm's in milliseconds; none if this tm has none of that name.
pub(crate) fn tm_timer_ms(name: &str) -> Option<u64> {
    let ticks = ipsmgw_c_tm_ticks(&Lent::new(name.as_bytes()));
    let ticks = u64::try_from(ticks).ok()?;
    Some(ticks * 1000 / u64::from(ffi::TIMER_TICKS_HZ))
}

/// usrloc is optional: in front of an S-CSCF the gateway has no registrations of its own.
fn bind_usrloc(table: &str) -> Result<Option<Usrloc>, SettingError> {
    let mut api = ffi::usrloc_api_t::default();
    match calls::ipsmgw_c_bind_usrloc(&mut api) {
        0 => {}
        1 => return Ok(None),
        _ => {
            return Err(SettingError(
                "put loadmodule \"usrloc.so\" before loadmodule \"ipsmgw.so\": registrations are loaded before the first message is taken".into(),
            ));
        }
    }
    let functions = checked("usrloc", "", Some(UsrlocFunctions::of(&api)))?;
    let name =
        CString::new(table).map_err(|_| SettingError("usrloc_table must not hold a NUL".into()))?;
    let mut domain = std::ptr::null_mut();
    let mut registered = || functions.register_udomain(&name, &mut domain) == 0;
    if table.is_empty() || !registered() || domain.is_null() {
        return Err(SettingError(format!(
            "usrloc has no table '{table}': write the table that save() and lookup() use into modparam(\"ipsmgw\", \"usrloc_table\", ...)"
        )));
    }
    Ok(Some(Usrloc {
        functions,
        uses_domain: api.use_domain != 0,
        nat_flag: api.nat_flag,
        table: UsrlocTable(AtomicPtr::new(domain)),
    }))
}

typed! {
    /// It looks a function up in the modules that are loaded.
    fn find_export(name: &CStr, parameters: c_int, flags: c_int) -> ffi::cmd_function;
    /// It looks a timer of tm's up by its name.
    fn ipsmgw_c_tm_ticks(name: &Lent<'_>) -> c_int;
}
