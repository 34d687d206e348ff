//! Functions of the script: their C faces for the native script and for KEMI, and the check of their literal arguments.

use std::ffi::CStr;
use std::os::raw::{c_char, c_int, c_void};
use std::ptr::null_mut;

use super::argument::Argument;
use super::current_message;
use super::ffi::{self, cmd_export_t, sip_msg, sr_kemi_t};
use super::guard::guard;
use super::message::SipMsg;
use super::msrp::stand_in;
use super::passed::{self, Message, Prepared, Str};
use super::text::{EMPTY, constant};

/// A check of a literal argument, by its place (1 is the first), while the configuration is read. An error aborts
/// startup; it lists the accepted values.
pub(crate) type Check = fn(place: usize, text: &str) -> Result<(), String>;

/// A function of the script, with `N` texts as arguments.
pub(crate) trait Function<const N: usize> {
    /// Its name in the native script, such as `ipsmgw_save`.
    const NATIVE: &'static CStr;
    /// Its name in KEMI scripts, after the name of the module.
    const KEMI: &'static CStr;
    /// The check of its arguments, if there is one.
    const CHECK: Option<Check>;

    /// Whether Kamailio may call it without a message: then it gets Kamailio's faked request.
    const WITHOUT_MESSAGE: bool = false;

    /// Runs it on a message. Above 0: true; below: false; 0 ends the script.
    fn call(message: SipMsg<'_>, texts: [&str; N]) -> c_int;
}

/// Makes a type for each script function of a file: its names in the native script and in KEMI, its arguments, the check of literal
/// arguments, its body.
macro_rules! script_functions {
    ($(
        $(#[$cfg:meta])*
        $function:ident $native:literal $kemi:literal
        ($message:pat $(, $text:pat)*) $(without $none:ident)? $(checked by $check:path)? => $body:expr;
    )*) => {
        $(
            $(#[$cfg])*
            pub(crate) struct $function;

            $(#[$cfg])*
            impl $crate::kamailio::sys::entry::Function<{ $crate::kamailio::sys::entry::count(&[$(stringify!($text)),*]) }> for $function {
                const NATIVE: &'static std::ffi::CStr = $native;
                const KEMI: &'static std::ffi::CStr = $kemi;
                const CHECK: Option<$crate::kamailio::sys::entry::Check> = script_functions!(@check $($check)?);
                const WITHOUT_MESSAGE: bool = script_functions!(@without $($none)?);

                fn call(
                    $message: $crate::kamailio::sys::message::SipMsg<'_>,
                    [$($text),*]: [&str; { $crate::kamailio::sys::entry::count(&[$(stringify!($text)),*]) }],
                ) -> std::os::raw::c_int {
                    $body
                }
            }
        )*
    };
    (@without) => { false };
    (@without message) => { true };
    (@check) => { None };
    (@check $check:path) => { Some($check) };
}
pub(crate) use script_functions;

/// How many arguments a function has.
pub(crate) const fn count(arguments: &[&str]) -> usize {
    arguments.len()
}

/// A row of the table of functions for the native script.
#[repr(transparent)]
pub(crate) struct NativeRow(cmd_export_t);

// SAFETY: constant pointers to constant data.
unsafe impl Sync for NativeRow {}

impl NativeRow {
    /// The row of a function.
    pub(crate) const fn of<F: Function<N>, const N: usize>() -> Self {
        const { assert!(N <= 2, "a function has at most two arguments") };
        let (fixup, free_fixup): (ffi::fixup_function, ffi::free_fixup_function) = if N == 0 {
            (None, None)
        } else if F::CHECK.is_some() {
            (
                Some(fixup_function::<F, N>()),
                Some(ffi::fixup_free_spve_spve),
            )
        } else if N == 1 {
            (Some(ffi::fixup_spve_null), Some(ffi::fixup_free_spve_null))
        } else {
            (Some(ffi::fixup_spve_spve), Some(ffi::fixup_free_spve_spve))
        };
        Self(cmd_export_t {
            name: F::NATIVE.as_ptr().cast_mut(),
            function: Some(native_function::<F, N>()),
            param_no: N as c_int,
            fixup,
            free_fixup,
            flags: ffi::ANY_ROUTE,
        })
    }

    /// The row that ends the table.
    pub(crate) const END: Self = Self(cmd_export_t {
        name: null_mut(),
        function: None,
        param_no: 0,
        fixup: None,
        free_fixup: None,
        flags: 0,
    });

    /// A table, as Kamailio takes it.
    pub(crate) const fn table(rows: &'static [Self]) -> *mut cmd_export_t {
        assert!(
            matches!(rows, [.., end] if end.0.name.is_null()),
            "END is the last row"
        );
        rows.as_ptr().cast_mut().cast()
    }
}

impl Argument for &'static [KemiRow] {
    type C = *mut sr_kemi_t;

    fn c(self) -> Self::C {
        KemiRow::table(self)
    }
}

/// A row of the table of functions for KEMI.
#[repr(transparent)]
pub(crate) struct KemiRow(sr_kemi_t);

// SAFETY: constant pointers to constant data.
unsafe impl Sync for KemiRow {}

impl KemiRow {
    /// The row of a function of this module.
    pub(crate) const fn of<F: Function<N>, const N: usize>(module: &'static CStr) -> Self {
        let mut ptypes = [ffi::SR_KEMIP_NONE as c_int; 6];
        let mut place = 0;
        while place < N {
            ptypes[place] = ffi::SR_KEMIP_STR as c_int;
            place += 1;
        }
        // KEMI calls a function with as many arguments as the table says.
        let function: *const c_void = match N {
            0 => kemi0::<F, N> as *const c_void,
            1 => kemi1::<F, N> as *const c_void,
            _ => kemi2::<F, N> as *const c_void,
        };
        Self(sr_kemi_t {
            mname: constant(module),
            fname: constant(F::KEMI),
            rtype: ffi::SR_KEMIP_INT as c_int,
            func: function.cast_mut(),
            ptypes,
        })
    }

    /// The row that ends the table.
    pub(crate) const END: Self = Self(sr_kemi_t {
        mname: EMPTY,
        fname: EMPTY,
        rtype: 0,
        func: null_mut(),
        ptypes: [0; 6],
    });

    /// A table, as Kamailio takes it.
    pub(crate) const fn table(rows: &'static [Self]) -> *mut sr_kemi_t {
        assert!(
            matches!(rows, [.., end] if end.0.fname.s.is_null()),
            "END is the last row"
        );
        rows.as_ptr().cast_mut().cast()
    }
}

type Native = unsafe extern "C" fn(*mut sip_msg, *mut c_char, *mut c_char) -> c_int;

/// The function that the native script calls.
const fn native_function<F: Function<N>, const N: usize>() -> Native {
    type Typed = extern "C" fn(Message<'_>, Prepared<'_>, Prepared<'_>) -> c_int;
    // SAFETY: the same function; its parameters are the three pointers. The fixups in the table have prepared the arguments.
    unsafe { std::mem::transmute::<Typed, Native>(native::<F, N>) }
}

extern "C" fn native<F: Function<N>, const N: usize>(
    message: Message<'_>,
    first: Prepared<'_>,
    second: Prepared<'_>,
) -> c_int {
    guard(name_of::<F, N>(), -1, || {
        let Some(message) = message_for::<F, N>(message) else {
            return -1;
        };
        let mut texts = [const { String::new() }; N];
        for (text, prepared) in texts.iter_mut().zip([first, second]) {
            match prepared.text(message) {
                Some(found) => *text = found,
                None => return -1,
            }
        }
        let texts = std::array::from_fn(|place| texts[place].as_str());
        current_message::with(message, || F::call(message, texts))
    })
}

/// The message that a function works on.
fn message_for<'c, F: Function<N>, const N: usize>(message: Message<'c>) -> Option<SipMsg<'c>> {
    let message = message.get();
    match F::WITHOUT_MESSAGE {
        true => message.or_else(stand_in),
        false => message,
    }
}

extern "C" fn kemi0<F: Function<N>, const N: usize>(message: Message<'_>) -> c_int {
    kemi::<F, N>(message, &[])
}

extern "C" fn kemi1<F: Function<N>, const N: usize>(message: Message<'_>, text: Str<'_>) -> c_int {
    kemi::<F, N>(message, &[text])
}

extern "C" fn kemi2<F: Function<N>, const N: usize>(
    message: Message<'_>,
    first: Str<'_>,
    second: Str<'_>,
) -> c_int {
    kemi::<F, N>(message, &[first, second])
}

fn kemi<F: Function<N>, const N: usize>(message: Message<'_>, given: &[Str<'_>]) -> c_int {
    guard(name_of::<F, N>(), -1, || {
        let Some(message) = message_for::<F, N>(message) else {
            return -1;
        };
        let mut texts = [""; N];
        for (place, text) in texts.iter_mut().enumerate() {
            match given.get(place).and_then(Str::get) {
                Some(found) => *text = found,
                None => return -1,
            }
        }
        current_message::with(message, || F::call(message, texts))
    })
}

type Fixup = unsafe extern "C" fn(*mut *mut c_void, c_int) -> c_int;

/// The fixup of a function whose arguments are checked.
const fn fixup_function<F: Function<N>, const N: usize>() -> Fixup {
    type Typed = extern "C" fn(passed::Argument<'_>, c_int) -> c_int;
    // SAFETY: the same function; its first parameter is the pointer.
    unsafe { std::mem::transmute::<Typed, Fixup>(fixup::<F, N>) }
}

/// While the configuration is read: checks an argument that is written literally, and prepares it. (KEMI scripts are not
/// read by Kamailio: there the functions report a wrong argument when they are called.)
extern "C" fn fixup<F: Function<N>, const N: usize>(
    argument: passed::Argument<'_>,
    number: c_int,
) -> c_int {
    guard("fixup", -1, || {
        let text = argument.text();
        let place = usize::try_from(number).unwrap_or(0);
        // The value of a pseudo-variable is only known when the function is called.
        if !text.contains('$')
            && let Some(check) = F::CHECK
            && let Err(sentence) = check(place, text)
        {
            tracing::error!("{sentence}");
            return -1;
        }
        argument.prepare(number)
    })
}

/// The name of a function in the native script.
pub(crate) const fn name_of<F: Function<N>, const N: usize>() -> &'static str {
    const {
        match F::NATIVE.to_str() {
            Ok(name) => name,
            Err(_) => "",
        }
    }
}
