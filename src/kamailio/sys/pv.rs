//! Pseudo-variables and transformations (core/pvar.h): their values in and out.

use std::borrow::Cow;
use std::ffi::CStr;
use std::os::raw::{c_char, c_int};
use std::ptr::null_mut;

use super::argument::{Argument, Null, typed};
use super::calls;
use super::ffi::{
    self, pv_export_t, pv_param_t, pv_spec_t, pv_value_t, sip_msg, str_, tr_export_t, tr_param_t,
    trans_t,
};
use super::guard::guard;
use super::message::SipMsg;
use super::passed::{Message, ModulePath, Str};
use super::text::{self, EMPTY, constant};

/// A value that the script reads.
pub(crate) enum PvValue<'a> {
    Number(i64),
    Text(Cow<'a, str>),
}

/// A pseudo-variable `$NAME(inner)`.
pub(crate) trait PseudoVariable {
    /// Its name, without the `$`.
    const NAME: &'static CStr;

    /// While the configuration is read: the number of an inner name. `None` aborts startup.
    fn inner(name: &str) -> Option<u16>;

    /// Its value; `None` is `$null`.
    fn get(message: SipMsg<'_>, inner: u16) -> Option<PvValue<'_>>;

    /// An assignment of a number; `None`: of anything else. False: it was refused.
    fn set(message: SipMsg<'_>, inner: u16, number: Option<i64>) -> bool;
}

/// A row of the table of pseudo-variables that Kamailio reads.
#[repr(transparent)]
pub(crate) struct Row(pv_export_t);

// SAFETY: constant pointers to constant data.
unsafe impl Sync for Row {}

impl Row {
    /// The row of a pseudo-variable.
    pub(crate) const fn of<V: PseudoVariable>() -> Self {
        Self(pv_export_t {
            name: constant(V::NAME),
            type_: ffi::PVT_OTHER,
            getf: Some(get_function::<V>()),
            setf: Some(set_function::<V>()),
            parse_name: Some(parse_inner_function::<V>()),
            ..Self::END.0
        })
    }

    /// The row that ends the table.
    pub(crate) const END: Self = Self(pv_export_t {
        name: EMPTY,
        type_: 0,
        getf: None,
        setf: None,
        parse_name: None,
        parse_index: None,
        init_param: None,
        iparam: 0,
    });

    /// A table, as Kamailio takes it.
    pub(crate) const fn table(rows: &'static [Self]) -> *mut pv_export_t {
        assert!(
            matches!(rows, [.., end] if end.0.name.s.is_null()),
            "END is the last row"
        );
        rows.as_ptr().cast_mut().cast()
    }
}

type ParseName = unsafe extern "C" fn(*mut pv_spec_t, *mut str_) -> c_int;
type Get = unsafe extern "C" fn(*mut sip_msg, *mut pv_param_t, *mut pv_value_t) -> c_int;
type Set = unsafe extern "C" fn(*mut sip_msg, *mut pv_param_t, c_int, *mut pv_value_t) -> c_int;

const fn parse_inner_function<V: PseudoVariable>() -> ParseName {
    type Typed = extern "C" fn(Option<&mut pv_spec_t>, Str<'_>) -> c_int;
    // SAFETY: the same function; its parameters are the two pointers, the first to the parser's own structure, or NULL.
    unsafe { std::mem::transmute::<Typed, ParseName>(parse_inner::<V>) }
}

const fn get_function<V: PseudoVariable>() -> Get {
    type Typed = extern "C" fn(Message<'_>, Parameter<'_>, Option<&mut pv_value_t>) -> c_int;
    // SAFETY: the same function; its parameters are the three pointers. The value is the caller's own, or NULL.
    unsafe { std::mem::transmute::<Typed, Get>(get::<V>) }
}

const fn set_function<V: PseudoVariable>() -> Set {
    type Typed = extern "C" fn(Message<'_>, Parameter<'_>, c_int, Option<&pv_value_t>) -> c_int;
    // SAFETY: the same function; its parameters are the pointers and the number. The value is the assigned one, or NULL.
    unsafe { std::mem::transmute::<Typed, Set>(set::<V>) }
}

extern "C" fn parse_inner<V: PseudoVariable>(spec: Option<&mut pv_spec_t>, name: Str<'_>) -> c_int {
    guard(name_of::<V>(), -1, || {
        let inner = V::inner(name.get().unwrap_or_default());
        let Some((spec, number)) = spec.zip(inner) else {
            return -1;
        };
        let name = &mut spec.pvp.pvn;
        name.type_ = ffi::PV_NAME_INTSTR as c_int;
        name.u.isname.type_ = 0;
        name.u.isname.name.n = c_int::from(number) as _;
        0
    })
}

/// The parameter of a pseudo-variable of ours, which `parse_inner` has filled, or NULL.
#[repr(transparent)]
struct Parameter<'c>(Option<&'c pv_param_t>);

impl Parameter<'_> {
    /// The number of the inner name.
    fn inner(&self) -> Option<u16> {
        let name = &self.0?.pvn;
        if name.type_ != ffi::PV_NAME_INTSTR as c_int {
            return None;
        }
        // SAFETY: the type says that this member is set.
        let name = unsafe { &name.u.isname.name };
        // SAFETY: `parse_inner` alone sets that type here, and this member with it.
        u16::try_from(unsafe { name.n }).ok()
    }
}

extern "C" fn get<V: PseudoVariable>(
    message: Message<'_>,
    parameter: Parameter<'_>,
    into: Option<&mut pv_value_t>,
) -> c_int {
    guard(name_of::<V>(), -1, || {
        let passed = message.get().zip(parameter.inner());
        let value = passed.and_then(|(message, inner)| V::get(message, inner));
        into.map_or(-1, |into| give(value, into))
    })
}

extern "C" fn set<V: PseudoVariable>(
    message: Message<'_>,
    parameter: Parameter<'_>,
    _: c_int,
    value: Option<&pv_value_t>,
) -> c_int {
    guard(name_of::<V>(), -1, || {
        let number = value
            .filter(|value| value.flags & ffi::PV_VAL_INT as c_int != 0)
            .map(|value| i64::from(value.ri));
        match message.get().zip(parameter.inner()) {
            Some((message, inner)) if V::set(message, inner, number) => 0,
            _ => -1,
        }
    })
}

fn name_of<V: PseudoVariable>() -> &'static str {
    V::NAME.to_str().unwrap_or_default()
}

/// Fills a value of Kamailio's. A text is copied into one of Kamailio's rotating buffers, where it stays until it was used.
fn give(value: Option<PvValue<'_>>, into: &mut pv_value_t) -> c_int {
    let text = match value {
        None => return pv_get_null(Null::new(), Null::new(), into),
        Some(PvValue::Number(number)) => {
            let number = c_int::try_from(number).unwrap_or(c_int::MAX);
            // SAFETY: the function looks at nothing but the value.
            return unsafe { ffi::pv_get_sintval(null_mut(), null_mut(), into, number as _) };
        }
        Some(PvValue::Text(text)) => text,
    };
    let (buffer, size) = (calls::pv_get_buffer(), calls::pv_get_buffer_size());
    if buffer.is_null() || usize::try_from(size).is_ok_and(|size| text.len() >= size) {
        return -1;
    }
    // SAFETY: it fits, and the buffer is not Rust's.
    unsafe { std::ptr::copy_nonoverlapping(text.as_ptr(), buffer.cast::<u8>(), text.len()) };
    let mut value = str_ {
        s: buffer,
        len: c_int::try_from(text.len()).unwrap_or(0),
    };
    // SAFETY: as above; the value keeps the pointer to the static buffer.
    unsafe { ffi::pv_get_strval(null_mut(), null_mut(), into, &mut value) }
}

typed! {
    /// It looks at nothing but the value.
    fn pv_get_null(message: Null<sip_msg>, parameter: Null<pv_param_t>, into: &mut pv_value_t) -> c_int;
}

/// A class of transformations: `$(var{CLASS.name})`.
pub(crate) trait Transformation {
    /// Its name.
    const CLASS: &'static CStr;

    /// While the configuration is read: whether there is a transformation of this name. False aborts startup.
    fn is_known(name: &str) -> bool;

    /// What becomes of a text; `None` is `$null`.
    fn apply(text: &str) -> Option<String>;
}

/// The table of a class, as Kamailio reads it: one row, and the row that ends it.
struct Classes<T>(std::marker::PhantomData<T>);

impl<T: Transformation> Classes<T> {
    const TABLE: &'static [tr_export_t; 2] = &[
        tr_export_t {
            tclass: constant(T::CLASS),
            tparse: Some(parse_function::<T>()),
        },
        tr_export_t {
            tclass: EMPTY,
            tparse: None,
        },
    ];
}

/// A constant table that ends with an empty row.
struct ClassTable(&'static [tr_export_t; 2]);

impl Argument for ClassTable {
    type C = *mut tr_export_t;

    fn c(self) -> Self::C {
        self.0.as_ptr().cast_mut()
    }
}

typed! {
    /// It keeps the table, which is constant.
    fn register_trans_mod(path: ModulePath<'_>, table: ClassTable) -> c_int;
}

/// Registers a class of transformations, while Kamailio loads the module.
pub(super) fn register<T: Transformation>(path: ModulePath<'_>) -> bool {
    register_trans_mod(path, ClassTable(Classes::<T>::TABLE)) == 0
}

type Parse = unsafe extern "C" fn(*mut str_, *mut trans_t) -> *mut c_char;
type Apply = unsafe extern "C" fn(*mut sip_msg, *mut tr_param_t, c_int, *mut pv_value_t) -> c_int;

const fn parse_function<T: Transformation>() -> Parse {
    type Typed = extern "C" fn(Str<'_>, Option<&mut trans_t>) -> *mut c_char;
    // SAFETY: the same function; its parameters are the two pointers, the second to the parser's own structure, or NULL.
    unsafe { std::mem::transmute::<Typed, Parse>(parse::<T>) }
}

const fn apply_function<T: Transformation>() -> Apply {
    type Typed =
        extern "C" fn(Message<'_>, *mut tr_param_t, c_int, Option<&mut pv_value_t>) -> c_int;
    // SAFETY: the same function; its parameters are the pointers and the number. The value is the caller's own, or NULL.
    unsafe { std::mem::transmute::<Typed, Apply>(apply::<T>) }
}

/// While the configuration is read: the text behind `{CLASS.`, up to the brace. Returns the place of the brace; NULL
/// aborts startup.
extern "C" fn parse<T: Transformation>(text: Str<'_>, into: Option<&mut trans_t>) -> *mut c_char {
    guard("transformation", null_mut(), || {
        let rest = text.get().unwrap_or_default();
        let name = rest.split('}').next().unwrap_or_default();
        let Some(into) = into.filter(|_| T::is_known(name.trim()) && name.len() < rest.len())
        else {
            return null_mut();
        };
        into.trf = Some(apply_function::<T>());
        into.name = str_ {
            s: text.start(),
            len: c_int::try_from(name.len()).unwrap_or(0),
        };
        // `name` is shorter than the text.
        text.start().wrapping_add(name.len())
    })
}

extern "C" fn apply<T: Transformation>(
    _: Message<'_>,
    _: *mut tr_param_t,
    _: c_int,
    value: Option<&mut pv_value_t>,
) -> c_int {
    guard("transformation", -1, || {
        let Some(value) = value else { return -1 };
        let is_text = value.flags & ffi::PV_VAL_STR as c_int != 0;
        // SAFETY: a text of Kamailio's, which stays until `give` writes the new one over the value.
        let text = is_text.then(|| unsafe { text::text(&value.rs) }).flatten();
        let made = text.and_then(T::apply);
        give(made.map(|made| PvValue::Text(Cow::Owned(made))), value)
    })
}
