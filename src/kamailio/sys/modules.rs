//! The Kamailio modules that do our work: tm, sl, uac and, where it is loaded, usrloc.

use once_cell::sync::OnceCell;

use super::ffi;
use crate::kamailio::sys::setting_error::SettingError;

/// What other modules export to us. Read-only after mod_init, the same in every process.
pub(crate) struct Modules {
    pub(crate) tm: ffi::tm_binds,
    /// tm's `t_check_trans()`.
    pub(crate) check_trans: ffi::cmd_function,
    pub(crate) sl: ffi::sl_api_t,
    pub(crate) uac: ffi::uac_api_t,
    pub(crate) usrloc: Option<Usrloc>,
}

/// usrloc and our table in it.
pub(crate) struct Usrloc {
    pub(crate) api: ffi::usrloc_api_t,
    pub(crate) domain: *mut ffi::udomain_t,
}

// SAFETY: function pointers of loaded modules, and a table in shared memory under usrloc's locks.
unsafe impl Send for Modules {}
// SAFETY: as above.
unsafe impl Sync for Modules {}

static MODULES: OnceCell<Modules> = OnceCell::new();

/// The bound modules.
///
/// # Panics
/// Before mod_init; Kamailio calls nothing of ours before it.
pub(crate) fn modules() -> &'static Modules {
    MODULES
        .get()
        .unwrap_or_else(|| unreachable!("Kamailio calls mod_init first"))
}

/// The branch flag, as a mask, by which usrloc knows contacts behind a NAT; 0: none.
pub(crate) fn nat_flag() -> u32 {
    let usrloc = modules().usrloc.as_ref();
    usrloc.map_or(0, |usrloc| usrloc.api.nat_flag)
}

/// Binds all, in mod_init.
pub(crate) fn bind(usrloc_table: &str) -> Result<(), SettingError> {
    let mut tm = ffi::tm_binds::default();
    // SAFETY: modules are loaded; the struct is ours to fill.
    if unsafe { ffi::ipsmgw_c_bind_tm(&mut tm) } != 0 || !has_all(&tm) {
        return Err(SettingError(
            "put loadmodule \"tm.so\" before loadmodule \"ipsmgw.so\"".into(),
        ));
    }
    let mut sl = ffi::sl_api_t::default();
    // SAFETY: as above.
    if unsafe { ffi::ipsmgw_c_bind_sl(&mut sl) } != 0 || sl.freply.is_none() {
        return Err(SettingError(
            "put loadmodule \"sl.so\" before loadmodule \"ipsmgw.so\"".into(),
        ));
    }
    let mut uac = ffi::uac_api_t::default();
    // SAFETY: as above.
    if unsafe { ffi::ipsmgw_c_bind_uac(&mut uac) } != 0 {
        return Err(SettingError(
            "put loadmodule \"uac.so\" before loadmodule \"ipsmgw.so\": it writes the person into From and To"
                .into(),
        ));
    }
    let name = c"t_check_trans".as_ptr().cast_mut();
    // SAFETY: the name is live; Kamailio searches the modules that are loaded.
    let check_trans = unsafe { ffi::find_export(name, 0, 0) };
    let modules = Modules {
        tm,
        check_trans,
        sl,
        uac,
        usrloc: bind_usrloc(usrloc_table)?,
    };
    // mod_init runs once; a second value could only equal the first.
    let _ = MODULES.set(modules);
    Ok(())
}

/// A timer of tm's in milliseconds; nothing where this tm has none of that name.
pub(crate) fn tm_timer_ms(name: &str) -> Option<u64> {
    let length = std::os::raw::c_int::try_from(name.len()).ok()?;
    // SAFETY: the name is live during the call; tm, which is loaded, has read its parameters.
    let ticks = unsafe { ffi::ipsmgw_c_tm_ticks(name.as_ptr().cast(), length) };
    let ticks = u64::try_from(ticks).ok()?;
    Some(ticks * 1000 / u64::from(ffi::TIMER_TICKS_HZ))
}

/// usrloc is optional: in front of an S-CSCF the gateway has no registrations of its own.
fn bind_usrloc(table: &str) -> Result<Option<Usrloc>, SettingError> {
    let mut api = ffi::usrloc_api_t::default();
    // SAFETY: modules are loaded; the struct is ours to fill.
    if unsafe { ffi::ipsmgw_c_bind_usrloc(&mut api) } != 0 {
        return Ok(None);
    }
    let name = std::ffi::CString::new(table)
        .map_err(|_| SettingError("usrloc_table must not hold a NUL".into()))?;
    let mut domain = std::ptr::null_mut();
    // SAFETY: usrloc keeps a copy of the name, and makes the table where it does not exist yet.
    let mut registered = || unsafe {
        api.register_udomain
            .is_some_and(|register| register(name.as_ptr(), &mut domain) == 0)
    };
    if table.is_empty() || !registered() || domain.is_null() {
        return Err(SettingError(format!(
            "usrloc has no table '{table}': write the table that save() and lookup() use into modparam(\"ipsmgw\", \"usrloc_table\", ...)"
        )));
    }
    Ok(Some(Usrloc { api, domain }))
}

/// Each function that we call; tm leaves some of its table empty (t_reply_unsafe).
fn has_all(tm: &ffi::tm_binds) -> bool {
    tm.register_tmcb.is_some()
        && tm.t_newtran.is_some()
        && tm.t_reply.is_some()
        && tm.t_reply_with_body.is_some()
        && tm.t_lookup_ident.is_some()
        && tm.t_request.is_some()
        && tm.t_gett.is_some()
        && tm.t_gett_branch.is_some()
        && tm.t_sett.is_some()
        && tm.t_suspend.is_some()
        && tm.t_continue.is_some()
        && tm.t_continue_cb.is_some()
        && tm.t_get_picked_branch.is_some()
        && tm.set_fr.is_some()
        && tm.generate_fromtag.is_some()
}
