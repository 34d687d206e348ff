//! The exports of the module: functions, RPC commands, pseudo-variables, parameters, and the functions that Kamailio calls at start.

use super::fixups;
use super::functions;
use super::keep;
use super::overload;
use super::params;
use super::pv;
use super::recipients;
use super::rpc;
use super::sessions;
use super::start;
use super::stored;
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
use crate::kamailio::sys::entry::script_functions;
use crate::kamailio::sys::exports::{Module, export_module};
use crate::kamailio::sys::log;
use crate::kamailio::sys::process::{self, Rank};
use crate::kamailio::sys::setting_error::SettingError;

/// This module.
struct Ipsmgw;

export_module! {
    Ipsmgw = c"ipsmgw",
    functions: [
        functions::Classify,
        Save,
        keep::Keep,
        Person,
        Capable,
        functions::Authorize,
        functions::SmToIm,
        functions::SmToSm,
        stored::Store,
        stored::Deliver,
        stored::Stored,
        functions::ImToSm,
        functions::ImToSmRoute,
        recipients::NextRecipient,
        recipients::AddRecipient,
        recipients::ImToList,
        sessions::Session,
        sessions::Msrp,
        functions::Draining,
        functions::Enabled,
        functions::ExpectsReport,
        functions::Report,
        functions::Reply,
        overload::Overloaded,
        overload::MissingReport,
        #[cfg(feature = "fault-injection")]
        functions::Panic,
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

// Functions whose code is in the room `register`; all others are exported beside their code.
script_functions! {
    Save c"ipsmgw_save" c"save" (msg) => save::save(msg);
    Person c"ipsmgw_person" c"person" (msg, uri) => person::person(msg, uri);
    Capable c"ipsmgw_capable" c"capable" (_, uri, capability) checked by fixups::capable
        => save::capable(uri, capability);
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
