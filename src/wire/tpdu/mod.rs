//! The transfer layer: TPDUs between an SME and its service centre (TS 23.040 clause 9.2.2).

mod address;
mod command;
mod deliver;
mod deliver_report;
mod fcs;
mod first_octet;
mod message;
mod parameters;
mod pid;
mod reference;
mod status;
mod status_report;
mod submit;
mod submit_report;
mod timestamp;
mod validity;

pub use address::TpAddress;
pub use command::{SmsCommand, TpCt};
pub use deliver::SmsDeliver;
pub use deliver_report::SmsDeliverReport;
pub use fcs::TpFcs;
pub use message::Tpdu;
pub use parameters::Parameters;
pub use pid::{PidKind, TpPid};
pub use reference::TpMr;
pub use status::TpSt;
pub use status_report::SmsStatusReport;
pub use submit::SmsSubmit;
pub use submit_report::SmsSubmitReport;
pub use timestamp::TpScts;
pub use validity::{EnhancedVp, RelativeVp, TpVp};

use first_octet::FirstOctet;
