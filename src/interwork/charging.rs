//! Charging records: one for each submission, delivery and report, when its outcome is known (TS 32.274). The fields
//! are those of ISM-SMO and ISM-SMT records (TS 32.298). These have no field for a converted message, so extension
//! fields were added.

use std::borrow::Cow;

use super::ended::Ending;
use crate::base::Text;
use crate::exchange::ExchangeKey;
use crate::wire::{TpDcs, TpPid, Tpdu, UserData};

/// The largest number of records until their sequence numbers begin again. A script has numbers of 32 bits.
const SEQUENCE_NUMBERS: u64 = i32::MAX as u64;

/// The subject of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charged {
    /// A message that was submitted: the result is the answer or report to its sender.
    Submission,
    /// A message that was delivered: the result is the outcome on the recipient's side.
    Delivery,
    /// A status report or a notification: the result is whether it reached the sender of the message.
    Report,
}

impl Charged {
    /// SM-Message-Type (TS 32.298).
    const fn message_type(self) -> i64 {
        match self {
            Self::Submission => 0,
            Self::Report => 1,
            Self::Delivery => 3,
        }
    }

    /// Record type: 112 is ISM-SMO, 113 is ISM-SMT (TS 32.298).
    const fn record_type(self) -> i64 {
        match self {
            Self::Submission => 112,
            Self::Delivery | Self::Report => 113,
        }
    }

    /// The last letter of the record's name.
    const fn letter(self) -> char {
        match self {
            Self::Submission => 's',
            Self::Delivery => 'd',
            Self::Report => 'r',
        }
    }
}

/// The services that a message crosses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interworking {
    /// A short message that becomes an instant message.
    SmToIm,
    /// An instant message that becomes a short message.
    ImToSm,
    /// A short message from a phone to another phone.
    SmToSm,
    /// An instant message to one recipient of a list, sent as an instant message.
    ImToIm,
}

impl Interworking {
    /// Its name for operators.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SmToIm => "sm_to_im",
            Self::ImToSm => "im_to_sm",
            Self::SmToSm => "sm_to_sm",
            Self::ImToIm => "im_to_im",
        }
    }
}

/// Interface type of an originator or recipient (TS 32.298).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interface {
    /// Reached through a service centre.
    Unknown = 0,
    /// A phone that sends.
    MobileOriginating = 1,
    /// A phone that receives.
    MobileTerminating = 2,
    /// An instant messaging client that sends.
    ApplicationOriginating = 3,
    /// An instant messaging client that receives.
    ApplicationTerminating = 4,
}

/// One charging record: plain data, so that a host can keep it in shared memory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ChargingRecord {
    /// The exchange that made it; none for a message that was refused before it had one.
    pub exchange: Option<ExchangeKey>,
    /// Number of the record on its node. The host sets it.
    pub number: u64,
    /// The node. The host sets it.
    pub node: u16,
    /// Its subject.
    pub about: Charged,
    /// The services that the message crosses; of a report, those of the message that it is about.
    pub way: Interworking,
    /// The result.
    pub result: Ending,
    /// When the outcome was known, in seconds since 1970 UTC.
    pub event_unix: i64,
    /// When the message was taken, in seconds since 1970 UTC.
    pub submitted_unix: Option<i64>,
    /// URI of the sender; of a report, URI of the message's recipient.
    pub originator: Text<254>,
    /// Kind of the originator.
    pub originator_interface: Interface,
    /// URI of the recipient; of a report, URI of the message's sender.
    pub recipient: Text<254>,
    /// Kind of the recipient.
    pub recipient_interface: Interface,
    /// Call-ID of the sender's request. The host sets it where the core does not know it.
    pub session_id: Text<254>,
    /// Message-ID of the instant message (RFC 5438).
    pub message_id: Text<254>,
    /// The address of the gateway as a service centre.
    pub node_address: Text<30>,
    /// TP-Message-Reference.
    pub tp_mr: Option<u8>,
    /// TP-Protocol-Identifier.
    pub tp_pid: Option<u8>,
    /// TP-Data-Coding-Scheme.
    pub tp_dcs: Option<u8>,
    /// TP-Reply-Path.
    pub reply_path: Option<bool>,
    /// Whether TP-User-Data has a header.
    pub has_header: Option<bool>,
    /// TP-User-Data-Length of a message in one part.
    pub size: Option<u8>,
    /// Number of short messages.
    pub parts: u8,
    /// Sequence number of the part, where the record is about one part.
    pub part: Option<u8>,
    /// Whether the sender asked for a report.
    pub report_requested: bool,
    /// TP-Status of a report.
    pub tp_status: Option<u8>,
    /// TP-Discharge-Time of a report, in seconds since 1970 UTC.
    pub discharged_unix: Option<i64>,
    /// Final SIP status code.
    pub sip_status: Option<u16>,
    /// RP-Cause.
    pub rp_cause: Option<u8>,
    /// TP-Failure-Cause.
    pub tp_fcs: Option<u8>,
}

/// The outcome that a record is made of.
#[derive(Clone, Copy)]
pub(crate) struct Outcome {
    pub(crate) about: Charged,
    pub(crate) ending: Ending,
    /// SIP status code; 0: none.
    pub(crate) status: u16,
    pub(crate) rp_cause: Option<u8>,
    pub(crate) tp_fcs: Option<u8>,
}

impl Outcome {
    pub(crate) const fn new(about: Charged, ending: Ending, status: u16) -> Self {
        Self {
            about,
            ending,
            status,
            rp_cause: None,
            tp_fcs: None,
        }
    }
}

/// Value of a field of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChargingValue<'r> {
    /// A number.
    Number(i64),
    /// A text.
    Text(Cow<'r, str>),
}

/// A field of a record: a column of the table, and a pseudo-variable.
pub struct ChargingField {
    /// Name of the column; with `cdr_` before it, name of the pseudo-variable.
    pub name: &'static str,
    read: fn(&ChargingRecord) -> Option<ChargingValue<'_>>,
}

impl ChargingField {
    /// Its value in this record.
    pub fn of<'r>(&self, record: &'r ChargingRecord) -> Option<ChargingValue<'r>> {
        (self.read)(record)
    }
}

fn number<N: Into<i64>>(number: Option<N>) -> Option<ChargingValue<'static>> {
    number.map(|number| ChargingValue::Number(number.into()))
}

fn text(text: &str) -> Option<ChargingValue<'_>> {
    Some(ChargingValue::Text(text.into())).filter(|_| !text.is_empty())
}

/// The fields of a record.
macro_rules! fields {
    ($($name:literal: |$record:pat_param| $value:expr;)+) => {
        impl ChargingRecord {
            /// All fields, in the order of the columns.
            pub const FIELDS: [ChargingField; [$($name),+].len()] = [
                $(ChargingField { name: $name, read: |$record| $value },)+
            ];
        }
    };
}

fields! {
    "record_id": |it| Some(ChargingValue::Text(it.name().into()));
    "local_sequence_number": |it| number(i64::try_from(it.number & SEQUENCE_NUMBERS).ok());
    "record_type": |it| number(Some(it.about.record_type()));
    "message_type": |it| number(Some(it.about.message_type()));
    "node_address": |it| text(it.node_address.as_str());
    "event_time": |it| number(Some(it.event_unix));
    "submission_time": |it| number(it.submitted_unix);
    "originator": |it| text(it.originator.as_str());
    "originator_interface": |it| number(Some(it.originator_interface as i64));
    "recipient": |it| text(it.recipient.as_str());
    "recipient_interface": |it| number(Some(it.recipient_interface as i64));
    "session_id": |it| text(it.session_id.as_str());
    "protocol_id": |it| number(it.tp_pid);
    "message_reference": |it| number(it.tp_mr);
    "total_number": |it| number(Some(it.parts));
    "sequence_number": |it| number(it.part);
    "message_size": |it| number(it.size);
    "data_coding_scheme": |it| number(it.tp_dcs);
    "report_requested": |it| number(Some(it.report_requested));
    "reply_path": |it| number(it.reply_path);
    "user_data_header": |it| number(it.has_header);
    "sms_status": |it| number(it.tp_status);
    "discharge_time": |it| number(it.discharged_unix);
    "sms_result": |it| number(it.rp_cause);
    "interworking": |it| text(it.way.name());
    "mode": |_| text("pager");
    "result": |it| text(it.result.name());
    "sip_status": |it| number(it.sip_status);
    "tp_fcs": |it| number(it.tp_fcs);
    "im_message_id": |it| text(it.message_id.as_str());
}

impl ChargingRecord {
    /// A record of this outcome.
    pub(crate) const fn new(way: Interworking, outcome: &Outcome, event_unix: i64) -> Self {
        let (originator_interface, recipient_interface) = match way {
            Interworking::SmToIm => (
                Interface::MobileOriginating,
                Interface::ApplicationTerminating,
            ),
            Interworking::ImToSm => (
                Interface::ApplicationOriginating,
                Interface::MobileTerminating,
            ),
            Interworking::SmToSm => (Interface::MobileOriginating, Interface::MobileTerminating),
            Interworking::ImToIm => (
                Interface::ApplicationOriginating,
                Interface::ApplicationTerminating,
            ),
        };
        Self {
            exchange: None,
            number: 0,
            node: 0,
            about: outcome.about,
            way,
            result: outcome.ending,
            event_unix,
            submitted_unix: None,
            originator: Text::EMPTY,
            originator_interface,
            recipient: Text::EMPTY,
            recipient_interface,
            session_id: Text::EMPTY,
            message_id: Text::EMPTY,
            node_address: Text::EMPTY,
            tp_mr: None,
            tp_pid: None,
            tp_dcs: None,
            reply_path: None,
            has_header: None,
            size: None,
            parts: 1,
            part: None,
            report_requested: false,
            tp_status: None,
            discharged_unix: None,
            sip_status: match outcome.status {
                0 => None,
                status => Some(status),
            },
            rp_cause: outcome.rp_cause,
            tp_fcs: outcome.tp_fcs,
        }
    }

    /// The name of the record, unique on all nodes: a record that is written twice counts once.
    pub fn name(&self) -> String {
        let letter = self.about.letter();
        match self.exchange {
            Some(exchange) => format!("{:x}-{:x}-{letter}", exchange.node(), exchange.serial()),
            None => format!("{:x}-{:x}-n{letter}", self.node, self.number),
        }
    }

    /// Sets the Call-ID of the sender's request.
    pub fn set_session(&mut self, call_id: &str) {
        self.session_id = stored(call_id);
    }

    /// Sets the fields of a short message.
    pub(crate) fn set_tpdu(&mut self, tpdu: &Tpdu<'_>) {
        match tpdu {
            Tpdu::Submit(submit) => {
                self.tp_mr = Some(submit.mr.0);
                self.reply_path = Some(submit.reply_path);
                self.report_requested |= submit.status_report_request;
                self.set_user_data(submit.pid, submit.dcs, &submit.user_data);
            }
            Tpdu::Deliver(deliver) => {
                self.submitted_unix = deliver.scts.unix_seconds().or(self.submitted_unix);
                self.reply_path = Some(deliver.reply_path);
                self.report_requested |= deliver.status_report_indication;
                self.set_user_data(deliver.pid, deliver.dcs, &deliver.user_data);
            }
            Tpdu::StatusReport(report) => {
                self.tp_mr = Some(report.mr.0);
                self.submitted_unix = report.scts.unix_seconds();
                self.discharged_unix = report.discharge_time.unix_seconds();
                self.tp_status = Some(report.status.into());
            }
            _ => {}
        }
    }

    fn set_user_data(&mut self, pid: TpPid, dcs: TpDcs, user_data: &UserData<'_>) {
        self.tp_pid = Some(pid.0);
        self.tp_dcs = Some(dcs.0);
        self.has_header = Some(user_data.header().is_some());
        match user_data.concatenation().filter(|place| place.total > 1) {
            Some(place) => {
                self.parts = place.total;
                self.part = Some(place.sequence);
            }
            None => self.size = Some(user_data.length()),
        }
    }
}

/// The text with `?` for characters that no URI and hardly a Call-ID or Message-ID has, so that each database can store
/// it, and a script can write it in quotes. A text that is too long is cut.
pub(crate) fn stored<const N: usize>(text: &str) -> Text<N> {
    let is_plain = |octet: u8| matches!(octet, b' '..=b'~') && !matches!(octet, b'"' | b'\\');
    if text.bytes().all(is_plain)
        && let Some(whole) = Text::new(text)
    {
        return whole;
    }
    let plain = text.chars().map(|c| match c {
        '"' | '\\' => '?',
        ' '..='~' => c,
        _ => '?',
    });
    Text::new(&plain.take(N).collect::<String>()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_made_plain() {
        assert_eq!(stored::<9>("sip:a@b").as_str(), "sip:a@b");
        assert_eq!(stored::<9>("sip:é\0\n@b").as_str(), "sip:???@b");
        assert_eq!(stored::<9>("sip:0123456789").as_str(), "sip:01234");
        assert_eq!(stored::<9>("a\"b\\c'd").as_str(), "a?b?c'd");
    }

    #[test]
    fn names_differ() {
        let outcome = Outcome::new(Charged::Submission, Ending::Failed, 0);
        let mut record = ChargingRecord::new(Interworking::SmToIm, &outcome, 0);
        (record.node, record.number) = (2, 255);
        assert_eq!(record.name(), "2-ff-ns");
        record.exchange = ExchangeKey::new(1, 255);
        assert_eq!(record.name(), "1-ff-s");
        for (about, name) in [(Charged::Delivery, "1-ff-d"), (Charged::Report, "1-ff-r")] {
            record.about = about;
            assert_eq!(record.name(), name);
        }
    }

    #[test]
    fn each_field_has_a_name_of_its_own() {
        let names = ChargingRecord::FIELDS.map(|field| field.name);
        for (place, name) in names.iter().enumerate() {
            assert!(!names[..place].contains(name), "{name}");
        }
    }
}
