//! The exports of the module: functions, RPC commands, pseudo-variables, parameters, and the functions that Kamailio calls at start.

use std::ffi::CStr;

use super::fixups;
use super::functions;
use super::keep;
use super::overload;
use super::params;
use super::pv;
use super::recipients;
use super::reports;
use super::rpc;
use super::sessions;
use super::start;
use super::transformation;
use crate::kamailio::engine::cdr_writer;
use crate::kamailio::engine::lifecycle;
use crate::kamailio::engine::log_lines;
use crate::kamailio::engine::log_subject;
use crate::kamailio::engine::storage;
use crate::kamailio::engine::timer::Timer;
use crate::kamailio::register::person;
use crate::kamailio::register::save;
use crate::kamailio::register::writer;
use crate::kamailio::sys::entry::{Check, Function};
use crate::kamailio::sys::exports::{Module, export_module};
use crate::kamailio::sys::log;
use crate::kamailio::sys::message::SipMsg;
use crate::kamailio::sys::process::{self, Rank};
use crate::kamailio::sys::setting_error::SettingError;

/// This module.
struct Ipsmgw;

export_module! {
    Ipsmgw = c"ipsmgw",
    functions: [
        Classify,
        Save,
        Keep,
        Person,
        Capable,
        Authorize,
        SmToIm,
        SmToSm,
        Store,
        Deliver,
        Stored,
        ImToSm,
        ImToSmRoute,
        NextRecipient,
        AddRecipient,
        ImToList,
        Session,
        Msrp,
        Draining,
        Enabled,
        ExpectsReport,
        Report,
        Reply,
        Overloaded,
        #[cfg(feature = "fault-injection")]
        Panic,
    ],
    commands: [
        rpc::AuthSet,
        rpc::AuthGet,
        rpc::Reload,
        rpc::Decode,
        rpc::Drain,
        rpc::Enable,
        rpc::Disable,
        rpc::Nodes,
        rpc::Trace,
        rpc::Pending,
        rpc::StoreList,
        rpc::StoreShow,
        rpc::StoreDrop,
        rpc::StoreRetry,
        rpc::Settings,
    ],
    pseudo_variables: [pv::Variable,],
    parameters: params::EXPORTED,
}

/// A type for each function: its names in the native script and in KEMI, its arguments, the check of literal arguments, its body.
macro_rules! functions {
    ($(
        $(#[$cfg:meta])*
        $function:ident $native:literal $kemi:literal
        ($message:pat $(, $text:pat)*) $(without $none:ident)? $(checked by $check:path)? => $body:expr;
    )*) => {
        /// The functions by their names in the native script.
        pub(crate) const FUNCTIONS: &[&str] = &[$($(#[$cfg])* name($native),)*];

        $(
            $(#[$cfg])*
            struct $function;

            $(#[$cfg])*
            impl Function<{ count(&[$(stringify!($text)),*]) }> for $function {
                const NATIVE: &'static CStr = $native;
                const KEMI: &'static CStr = $kemi;
                const CHECK: Option<Check> = functions!(@check $($check)?);
                const WITHOUT_MESSAGE: bool = functions!(@without $($none)?);

                fn call($message: SipMsg<'_>, [$($text),*]: [&str; { count(&[$(stringify!($text)),*]) }]) -> i32 {
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

const fn name(name: &'static CStr) -> &'static str {
    match name.to_str() {
        Ok(name) => name,
        Err(_) => "",
    }
}

/// How many arguments a function has.
const fn count(arguments: &[&str]) -> usize {
    arguments.len()
}

functions! {
    Classify c"ipsmgw_classify" c"classify" (msg) => functions::classify(msg);
    Save c"ipsmgw_save" c"save" (msg) => save::save(msg);
    Keep c"ipsmgw_keep" c"keep" (msg) => keep::keep(msg);
    Person c"ipsmgw_person" c"person" (msg, uri) => person::person(msg, uri);
    Capable c"ipsmgw_capable" c"capable" (_, uri, capability) checked by fixups::capable
        => save::capable(uri, capability);
    Authorize c"ipsmgw_authorize" c"authorize" (_, uri, direction) checked by fixups::authorize
        => functions::authorize(uri, direction);
    SmToIm c"ipsmgw_sm_to_im" c"sm_to_im" (msg) => functions::sm_to_im(msg);
    SmToSm c"ipsmgw_sm_to_sm" c"sm_to_sm" (msg) => functions::sm_to_sm(msg);
    Store c"ipsmgw_store" c"store" (msg) => functions::store(msg);
    Deliver c"ipsmgw_deliver" c"deliver" (_, uri) => functions::deliver(uri);
    Stored c"ipsmgw_stored" c"stored" (msg, uri) => functions::stored(msg, uri);
    ImToSm c"ipsmgw_im_to_sm" c"im_to_sm" (msg) => functions::im_to_sm(msg, "");
    ImToSmRoute c"ipsmgw_im_to_sm" c"im_to_sm_route" (msg, route) checked by fixups::route
        => functions::im_to_sm(msg, route);
    NextRecipient c"ipsmgw_next_recipient" c"next_recipient" (msg) => recipients::next_recipient(msg);
    AddRecipient c"ipsmgw_add_recipient" c"add_recipient" (msg) => recipients::add_recipient(msg);
    ImToList c"ipsmgw_im_to_list" c"im_to_list" (msg) => recipients::im_to_list(msg);
    Draining c"ipsmgw_draining" c"draining" (msg) => functions::draining(msg);
    Enabled c"ipsmgw_enabled" c"enabled" (msg) => functions::enabled(msg);
    ExpectsReport c"ipsmgw_expects_report" c"expects_report" (msg) => reports::expects_report(msg);
    Report c"ipsmgw_report" c"report" (msg) => reports::report(msg);
    Reply c"ipsmgw_reply" c"reply" (msg) => functions::reply(msg);
    Session c"ipsmgw_session" c"session" (msg) => sessions::session(msg);
    Msrp c"ipsmgw_msrp" c"msrp" (msg) without message => sessions::frame(msg);
    Overloaded c"ipsmgw_overloaded" c"overloaded" (msg) => overload::overloaded(msg);
    #[cfg(feature = "fault-injection")]
    Panic c"ipsmgw_panic" c"panic" (msg) => functions::panic(msg);
}

impl Module for Ipsmgw {
    type Transformation = transformation::Transformation;

    fn loaded() {
        log::install();
        log::set_subject(log_subject::push);
    }

    fn init() -> bool {
        match start::start() {
            Ok(()) => true,
            Err(SettingError(sentence)) => {
                tracing::error!("{sentence}");
                false
            }
        }
    }

    fn child_init(rank: Rank) -> bool {
        if rank == Rank::MAIN
            && !(process::start_timer::<Timer>()
                && writer::start()
                && storage::start()
                && cdr_writer::start())
        {
            tracing::error!("cannot start the processes of ipsmgw");
            return false;
        }
        log_lines::begin(rank);
        lifecycle::begin(rank)
    }
}
