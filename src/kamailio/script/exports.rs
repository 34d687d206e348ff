//! What Kamailio finds when it loads the module.
#![allow(
    missing_docs,
    reason = "symbols that Kamailio's loader looks up by name"
)]

use std::ffi::CStr;
use std::os::raw::{c_char, c_int, c_void};
use std::ptr::null_mut;

use super::fixups;
use super::functions;
use super::overload;
use super::params;
use super::pv;
use super::recipients;
use super::rpc;
use super::start;
use super::transformation;
use crate::kamailio::engine::lifecycle;
use crate::kamailio::engine::log_lines;
use crate::kamailio::engine::log_subject;
use crate::kamailio::engine::timer;
use crate::kamailio::register::keep;
use crate::kamailio::register::person;
use crate::kamailio::register::save;
use crate::kamailio::register::writer;
use crate::kamailio::sys::ffi::{self, cmd_export_t, module_exports, sip_msg, sr_kemi_t, str_};
use crate::kamailio::sys::guard::guard;
use crate::kamailio::sys::message::SipMsg;
use crate::kamailio::sys::setting_error::SettingError;
use crate::kamailio::sys::text;

/// A table that Kamailio reads: constant pointers to static data.
#[repr(transparent)]
pub(crate) struct Table<T>(T);

// SAFETY: never changed by us; Kamailio reads tables before the fork.
unsafe impl<T> Sync for Table<T> {}

#[unsafe(no_mangle)]
pub(crate) static module_version: Table<*const c_char> =
    Table(ffi::IPSMGW_MODULE_VERSION.as_ptr().cast());
#[unsafe(no_mangle)]
pub(crate) static module_flags: Table<*const c_char> =
    Table(ffi::IPSMGW_MODULE_FLAGS.as_ptr().cast());
#[unsafe(no_mangle)]
pub(crate) static module_interface_ver: c_int = ffi::MODULE_INTERFACE_VER as c_int;

#[unsafe(no_mangle)]
pub(crate) static exports: Table<module_exports> = Table(module_exports {
    name: c"ipsmgw".as_ptr().cast_mut(),
    dlflags: ffi::DEFAULT_DLFLAGS as _,
    cmds: COMMANDS.0.as_ptr().cast_mut(),
    params: params::EXPORTED.pointer(),
    rpc_methods: rpc::EXPORTED.pointer(),
    pv_items: pv::EXPORTED.pointer(),
    response_f: None,
    init_mod_f: Some(mod_init),
    init_child_f: Some(child_init),
    destroy_mod_f: None,
});

unsafe extern "C" fn mod_init() -> c_int {
    guard("mod_init", -1, || match start::start() {
        Ok(()) => 0,
        Err(SettingError(sentence)) => {
            tracing::error!("{sentence}");
            -1
        }
    })
}

unsafe extern "C" fn child_init(rank: c_int) -> c_int {
    guard("child_init", -1, || {
        if rank == ffi::PROC_MAIN as c_int && !(timer::start() && writer::start()) {
            tracing::error!("cannot start the processes of ipsmgw");
            return -1;
        }
        log_lines::begin(rank);
        lifecycle::begin(rank)
    })
}

/// Called when Kamailio loads the module, for the scripts in Lua, Python, JavaScript, ...
#[unsafe(no_mangle)]
unsafe extern "C" fn mod_register(
    path: *mut c_char,
    _: *mut c_int,
    _: *mut c_void,
    _: *mut c_void,
) -> c_int {
    // SAFETY: a static table that ends with an empty row.
    unsafe { ffi::sr_kemi_modules_add(KEMI.0.as_ptr().cast_mut()) };
    // SAFETY: what Kamailio passes.
    match unsafe { transformation::register(path) } {
        true => 0,
        false => -1,
    }
}

/// Runs a script function on the message that Kamailio passes; some events pass none.
fn on_message(
    name: &'static str,
    msg: *mut sip_msg,
    function: impl FnOnce(SipMsg<'_>) -> c_int,
) -> c_int {
    guard(name, -1, || {
        // SAFETY: Kamailio's message, live during the call.
        match unsafe { SipMsg::new(msg) } {
            Some(message) => {
                let _about = log_subject::about_message(msg);
                function(message)
            }
            None => -1,
        }
    })
}

/// Both faces of a function without parameters.
macro_rules! plain {
    ($native:ident, $kemi:ident, $name:literal, $function:path) => {
        unsafe extern "C" fn $native(msg: *mut sip_msg, _: *mut c_char, _: *mut c_char) -> c_int {
            on_message($name, msg, $function)
        }
        unsafe extern "C" fn $kemi(msg: *mut sip_msg) -> c_int {
            on_message($name, msg, $function)
        }
    };
}

plain!(
    w_classify,
    ki_classify,
    "ipsmgw_classify",
    functions::classify
);
plain!(w_save, ki_save, "ipsmgw_save", save::save);
plain!(w_keep, ki_keep, "ipsmgw_keep", keep::keep);
plain!(
    w_sm_to_im,
    ki_sm_to_im,
    "ipsmgw_sm_to_im",
    functions::sm_to_im
);
plain!(
    w_expects_report,
    ki_expects_report,
    "ipsmgw_expects_report",
    functions::expects_report
);
plain!(w_report, ki_report, "ipsmgw_report", functions::report);
plain!(
    w_next_recipient,
    ki_next_recipient,
    "ipsmgw_next_recipient",
    recipients::next_recipient
);
plain!(
    w_add_recipient,
    ki_add_recipient,
    "ipsmgw_add_recipient",
    recipients::add_recipient
);
plain!(
    w_im_to_list,
    ki_im_to_list,
    "ipsmgw_im_to_list",
    recipients::im_to_list
);
plain!(
    w_overloaded,
    ki_overloaded,
    "ipsmgw_overloaded",
    overload::overloaded
);
plain!(
    w_draining,
    ki_draining,
    "ipsmgw_draining",
    functions::draining
);
plain!(w_reply, ki_reply, "ipsmgw_reply", functions::reply);

#[cfg(feature = "fault-injection")]
plain!(w_panic, ki_panic, "ipsmgw_panic", functions::panic);

/// Both faces of a function of two texts.
macro_rules! of_two_texts {
    ($native:ident, $kemi:ident, $name:literal, $function:path) => {
        unsafe extern "C" fn $native(
            msg: *mut sip_msg,
            first: *mut c_char,
            second: *mut c_char,
        ) -> c_int {
            on_message($name, msg, |msg| {
                let texts = parameter(msg, first).zip(parameter(msg, second));
                texts.map_or(-1, |(first, second)| $function(&first, &second))
            })
        }
        unsafe extern "C" fn $kemi(
            msg: *mut sip_msg,
            first: *mut str_,
            second: *mut str_,
        ) -> c_int {
            on_message($name, msg, |_| {
                // SAFETY: the script engine's string, live during the call.
                let first = unsafe { text::passed(first) };
                // SAFETY: as above.
                let texts = first.zip(unsafe { text::passed(second) });
                texts.map_or(-1, |(first, second)| $function(first, second))
            })
        }
    };
}

of_two_texts!(w_capable, ki_capable, "ipsmgw_capable", save::capable);
of_two_texts!(
    w_authorize,
    ki_authorize,
    "ipsmgw_authorize",
    functions::authorize
);

unsafe extern "C" fn w_person(msg: *mut sip_msg, text: *mut c_char, _: *mut c_char) -> c_int {
    on_message("ipsmgw_person", msg, |msg| match parameter(msg, text) {
        Some(text) => person::person(msg, &text),
        None => -1,
    })
}

unsafe extern "C" fn ki_person(msg: *mut sip_msg, text: *mut str_) -> c_int {
    on_message("ipsmgw_person", msg, |msg| {
        // SAFETY: the script engine's string, live during the call.
        match unsafe { text::passed(text) } {
            Some(text) => person::person(msg, text),
            None => -1,
        }
    })
}

unsafe extern "C" fn w_im_to_sm(msg: *mut sip_msg, _: *mut c_char, _: *mut c_char) -> c_int {
    on_message("ipsmgw_im_to_sm", msg, |msg| functions::im_to_sm(msg, ""))
}

unsafe extern "C" fn w_im_to_sm_route(
    msg: *mut sip_msg,
    route: *mut c_char,
    _: *mut c_char,
) -> c_int {
    on_message("ipsmgw_im_to_sm", msg, |msg| match parameter(msg, route) {
        Some(route) => functions::im_to_sm(msg, &route),
        None => -1,
    })
}

unsafe extern "C" fn ki_im_to_sm(msg: *mut sip_msg) -> c_int {
    on_message("ipsmgw_im_to_sm", msg, |msg| functions::im_to_sm(msg, ""))
}

unsafe extern "C" fn ki_im_to_sm_route(msg: *mut sip_msg, route: *mut str_) -> c_int {
    on_message("ipsmgw_im_to_sm", msg, |msg| {
        // SAFETY: the script engine's string, live during the call.
        match unsafe { text::passed(route) } {
            Some(route) => functions::im_to_sm(msg, route),
            None => -1,
        }
    })
}

/// A parameter of the native script, which `fixup_spve_null` has prepared.
fn parameter(msg: SipMsg<'_>, prepared: *mut c_char) -> Option<String> {
    let mut value = str_::default();
    // SAFETY: a live message and a prepared parameter; the value is copied at once.
    if unsafe { ffi::get_str_fparam(&mut value, msg.raw(), prepared.cast()) } != 0 {
        return None;
    }
    // SAFETY: as above.
    unsafe { text::text(&value) }.map(str::to_owned)
}

/// Every route: `ANY_ROUTE` of Kamailio.
const ANY_ROUTE: u32 = ffi::ANY_ROUTE;

const fn command(name: &'static std::ffi::CStr, function: ffi::cmd_function) -> cmd_export_t {
    cmd_export_t {
        name: name.as_ptr().cast_mut(),
        function,
        param_no: 0,
        fixup: None,
        free_fixup: None,
        flags: ANY_ROUTE,
    }
}

const fn of_two(
    name: &'static std::ffi::CStr,
    function: ffi::cmd_function,
    fixup: ffi::fixup_function,
) -> cmd_export_t {
    cmd_export_t {
        param_no: 2,
        fixup,
        free_fixup: Some(ffi::fixup_free_spve_spve),
        ..command(name, function)
    }
}

const COMMAND_COUNT: usize = 18 + cfg!(feature = "fault-injection") as usize;

static COMMANDS: Table<[cmd_export_t; COMMAND_COUNT]> = Table([
    command(c"ipsmgw_classify", Some(w_classify)),
    command(c"ipsmgw_save", Some(w_save)),
    command(c"ipsmgw_keep", Some(w_keep)),
    cmd_export_t {
        param_no: 1,
        fixup: Some(ffi::fixup_spve_null),
        free_fixup: Some(ffi::fixup_free_spve_null),
        ..command(c"ipsmgw_person", Some(w_person))
    },
    of_two(c"ipsmgw_capable", Some(w_capable), Some(fixups::capable)),
    of_two(
        c"ipsmgw_authorize",
        Some(w_authorize),
        Some(fixups::authorize),
    ),
    command(c"ipsmgw_sm_to_im", Some(w_sm_to_im)),
    command(c"ipsmgw_im_to_sm", Some(w_im_to_sm)),
    cmd_export_t {
        param_no: 1,
        fixup: Some(fixups::route),
        free_fixup: Some(ffi::fixup_free_spve_spve),
        ..command(c"ipsmgw_im_to_sm", Some(w_im_to_sm_route))
    },
    command(c"ipsmgw_next_recipient", Some(w_next_recipient)),
    command(c"ipsmgw_add_recipient", Some(w_add_recipient)),
    command(c"ipsmgw_im_to_list", Some(w_im_to_list)),
    command(c"ipsmgw_draining", Some(w_draining)),
    command(c"ipsmgw_expects_report", Some(w_expects_report)),
    command(c"ipsmgw_report", Some(w_report)),
    command(c"ipsmgw_reply", Some(w_reply)),
    command(c"ipsmgw_overloaded", Some(w_overloaded)),
    #[cfg(feature = "fault-injection")]
    command(c"ipsmgw_panic", Some(w_panic)),
    cmd_export_t {
        name: null_mut(),
        flags: 0,
        ..command(c"", None)
    },
]);

/// With the NUL that app_lua counts on.
const fn constant(text: &'static CStr) -> str_ {
    str_ {
        s: text.as_ptr().cast_mut(),
        len: text.to_bytes().len() as c_int,
    }
}

const fn kemi(name: &'static CStr, function: *const c_void, texts: usize) -> sr_kemi_t {
    let mut ptypes = [ffi::SR_KEMIP_NONE as c_int; 6];
    let mut place = 0;
    while place < texts {
        ptypes[place] = ffi::SR_KEMIP_STR as c_int;
        place += 1;
    }
    sr_kemi_t {
        mname: constant(c"ipsmgw"),
        fname: constant(name),
        rtype: ffi::SR_KEMIP_INT as c_int,
        func: function.cast_mut(),
        ptypes,
    }
}

const KEMI_COUNT: usize = 18 + cfg!(feature = "fault-injection") as usize;

static KEMI: Table<[sr_kemi_t; KEMI_COUNT]> = Table([
    kemi(c"classify", ki_classify as *const c_void, 0),
    kemi(c"save", ki_save as *const c_void, 0),
    kemi(c"keep", ki_keep as *const c_void, 0),
    kemi(c"person", ki_person as *const c_void, 1),
    kemi(c"capable", ki_capable as *const c_void, 2),
    kemi(c"authorize", ki_authorize as *const c_void, 2),
    kemi(c"sm_to_im", ki_sm_to_im as *const c_void, 0),
    kemi(c"im_to_sm", ki_im_to_sm as *const c_void, 0),
    kemi(c"im_to_sm_route", ki_im_to_sm_route as *const c_void, 1),
    kemi(c"next_recipient", ki_next_recipient as *const c_void, 0),
    kemi(c"add_recipient", ki_add_recipient as *const c_void, 0),
    kemi(c"im_to_list", ki_im_to_list as *const c_void, 0),
    kemi(c"draining", ki_draining as *const c_void, 0),
    kemi(c"expects_report", ki_expects_report as *const c_void, 0),
    kemi(c"report", ki_report as *const c_void, 0),
    kemi(c"reply", ki_reply as *const c_void, 0),
    kemi(c"overloaded", ki_overloaded as *const c_void, 0),
    #[cfg(feature = "fault-injection")]
    kemi(c"panic", ki_panic as *const c_void, 0),
    sr_kemi_t {
        mname: str_ {
            s: null_mut(),
            len: 0,
        },
        fname: str_ {
            s: null_mut(),
            len: 0,
        },
        rtype: 0,
        func: null_mut(),
        ptypes: [0; 6],
    },
]);
