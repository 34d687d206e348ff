//! Fields of a message that the routing script can read: `$ipsmgw(name)`.

use crate::sip::{MessageIn, is_nobody, is_private};
use crate::wire::{Concatenation, ConcatenationReference, RpMessage, TpAddress, Tpdu, UserData};

use crate::interwork::Gateway;
use crate::interwork::read::body::{self, Body};

/// Name of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageField {
    /// Return value of `ipsmgw_classify()`.
    Class,
    /// Error in the message, and its place.
    Error,
    /// RP-Message Type Indicator.
    RpMti,
    /// RP-Message Reference.
    RpMr,
    /// RP-Cause.
    RpCause,
    /// TP-Message-Type-Indicator.
    TpMti,
    /// TP-Message-Reference.
    TpMr,
    /// TP-Originating-Address.
    Oa,
    /// TP-Destination-Address.
    Da,
    /// TP-Protocol-Identifier.
    Pid,
    /// TP-Data-Coding-Scheme.
    Dcs,
    /// TP-Service-Centre-Time-Stamp, in seconds since 1970 UTC.
    Scts,
    /// TP-Validity-Period, in seconds from now.
    Vp,
    /// TP-Status-Report-Request: 1 or 0.
    Srr,
    /// The text of TP-User-Data.
    Text,
    /// Number of parts of the short message; 1 for a single one.
    Parts,
    /// Sequence number of this part, from 1.
    Part,
    /// Reference number of the concatenated message.
    Ref,
    /// Number of recipients in the list in the message; 0 for a list that is refused.
    Recipients,
    /// MSISDN in a third-party REGISTER.
    Msisdn,
    /// IMSI in a third-party REGISTER.
    Imsi,
    /// The URI in From of a `message/cpim`; empty if it cannot be read.
    CpimFrom,
    /// 1 if From is anonymous, else 0.
    Anonymous,
    /// 1 if the sender wants to be anonymous to the recipient, else 0.
    Private,
    /// Hosts and ports in the contacts of a REGISTER: `sip:HOST:PORT`, separated by commas.
    Contacts,
    /// The public identity of the person that `ipsmgw_person()` or `ipsmgw_save()` has found.
    Person,
    /// The identity by which an S-CSCF knows that person.
    ScscfIdentity,
    /// In the result route: the SIP status code for the sender.
    Status,
    /// In the result route: `delivered`, `accepted` or `failed`.
    Result,
    /// In the result route: Call-ID of the message.
    CallId,
    /// Seconds that the sender of an instant message is kept waiting (`hold_timeout`).
    HoldTimeout,
    /// SIP URI of the node that the message is for, if it is another one.
    Node,
    /// Octets of a MESSAGE to a client, above which a short message goes by MSRP (`pager_limit`).
    PagerLimit,
}

/// FieldValue of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldValue {
    /// A number.
    Number(i64),
    /// A text.
    Text(String),
}

impl MessageField {
    /// All fields with their names.
    pub const NAMES: [(&'static str, Self); 33] = [
        ("class", Self::Class),
        ("error", Self::Error),
        ("rp_mti", Self::RpMti),
        ("rp_mr", Self::RpMr),
        ("rp_cause", Self::RpCause),
        ("tp_mti", Self::TpMti),
        ("tp_mr", Self::TpMr),
        ("oa", Self::Oa),
        ("da", Self::Da),
        ("pid", Self::Pid),
        ("dcs", Self::Dcs),
        ("scts", Self::Scts),
        ("vp", Self::Vp),
        ("srr", Self::Srr),
        ("text", Self::Text),
        ("parts", Self::Parts),
        ("part", Self::Part),
        ("ref", Self::Ref),
        ("recipients", Self::Recipients),
        ("msisdn", Self::Msisdn),
        ("imsi", Self::Imsi),
        ("cpim_from", Self::CpimFrom),
        ("anonymous", Self::Anonymous),
        ("private", Self::Private),
        ("contacts", Self::Contacts),
        ("person", Self::Person),
        ("scscf_identity", Self::ScscfIdentity),
        ("status", Self::Status),
        ("result", Self::Result),
        ("call_id", Self::CallId),
        ("hold_timeout", Self::HoldTimeout),
        ("node", Self::Node),
        ("pager_limit", Self::PagerLimit),
    ];
}

impl Gateway {
    /// Reads one field of a message; `None` if the message does not have it. `now` gives seconds since 1970 UTC.
    pub fn field(
        &self,
        message: &MessageIn<'_>,
        field: MessageField,
        now: impl FnOnce() -> i64,
    ) -> Option<FieldValue> {
        match field {
            MessageField::Class => {
                let class = self.classify(message).map_or(-2, |class| class as i64);
                return Some(FieldValue::Number(class));
            }
            MessageField::Error => {
                let reason = self.classify(message).err()?.reason;
                return Some(FieldValue::Text(reason.to_string()));
            }
            MessageField::Recipients => {
                let named = self.recipients(message)?.map_or(0, |all| all.len());
                return Some(FieldValue::Number(i64::try_from(named).ok()?));
            }
            MessageField::CpimFrom => return body::cpim_from(message).map(FieldValue::Text),
            MessageField::Anonymous => return number(u8::from(is_nobody(message.from))),
            MessageField::Private => {
                return number(u8::from(is_private(message.privacy, message.from)));
            }
            MessageField::Msisdn
            | MessageField::Imsi
            | MessageField::Contacts
            | MessageField::Node
            | MessageField::Person
            | MessageField::ScscfIdentity
            | MessageField::Status
            | MessageField::Result
            | MessageField::CallId
            | MessageField::HoldTimeout
            | MessageField::PagerLimit => return None,
            _ => {}
        }
        let Ok(Body::Sms(octets)) = Body::of(message) else {
            return None;
        };
        let (direction, rp) = RpMessage::decode(&octets).ok()?;
        match field {
            MessageField::RpMti => return number(octets.first()? & 0b111),
            MessageField::RpMr => return number(rp.mr().0),
            MessageField::RpCause => {
                let RpMessage::Error(error) = &rp else {
                    return None;
                };
                return number(u8::from(error.cause));
            }
            _ => {}
        }
        let tpdu = rp.tpdu(direction)?.ok()?;
        match field {
            MessageField::TpMti => number(rp.user_data()?.first()? & 0b11),
            MessageField::TpMr => match &tpdu {
                Tpdu::Submit(submit) => number(submit.mr.0),
                Tpdu::StatusReport(report) => number(report.mr.0),
                Tpdu::Command(command) => number(command.mr.0),
                _ => None,
            },
            MessageField::Oa => match &tpdu {
                Tpdu::Deliver(deliver) => Some(self.address(&deliver.originating_address)),
                _ => None,
            },
            MessageField::Da => match &tpdu {
                Tpdu::Submit(submit) => Some(self.address(&submit.destination_address)),
                Tpdu::Command(command) => Some(self.address(&command.destination_address)),
                _ => None,
            },
            MessageField::Pid => match &tpdu {
                Tpdu::Submit(submit) => number(submit.pid.0),
                Tpdu::Deliver(deliver) => number(deliver.pid.0),
                Tpdu::Command(command) => number(command.pid.0),
                _ => None,
            },
            MessageField::Scts => match &tpdu {
                Tpdu::Deliver(deliver) => deliver.scts.unix_seconds().map(FieldValue::Number),
                Tpdu::StatusReport(report) => report.scts.unix_seconds().map(FieldValue::Number),
                _ => None,
            },
            MessageField::Vp => match &tpdu {
                Tpdu::Submit(submit) => submit
                    .vp
                    .seconds(now())
                    .map(|seconds| FieldValue::Number(seconds.into())),
                _ => None,
            },
            MessageField::Srr => match &tpdu {
                Tpdu::Submit(submit) => number(u8::from(submit.status_report_request)),
                Tpdu::Deliver(deliver) => number(u8::from(deliver.status_report_indication)),
                Tpdu::Command(command) => number(u8::from(command.status_report_request)),
                _ => None,
            },
            MessageField::Text => {
                let text = self.policy.dcs_charsets.text(user_data(&tpdu)?);
                text.ok().map(FieldValue::Text)
            }
            _ => of_user_data(user_data(&tpdu)?, field),
        }
    }
}

impl Gateway {
    /// An address as a number (`+15550001` if it is valid everywhere) or as a name.
    fn address(&self, address: &TpAddress) -> FieldValue {
        let number = self.policy.number_at(address);
        FieldValue::Text(number.unwrap_or_else(|| address.value()))
    }
}

/// Fields that are in the user data.
fn of_user_data(user_data: &UserData<'_>, field: MessageField) -> Option<FieldValue> {
    let part = || user_data.concatenation();
    match field {
        MessageField::Dcs => number(user_data.dcs().0),
        MessageField::Parts => number(part().map_or(1, |part: Concatenation| part.total)),
        MessageField::Part => number(part().map_or(1, |part| part.sequence)),
        MessageField::Ref => part().map(|part| {
            FieldValue::Number(match part.reference {
                ConcatenationReference::Eight(reference) => reference.into(),
                ConcatenationReference::Sixteen(reference) => reference.into(),
            })
        }),
        _ => None,
    }
}

fn user_data<'t>(tpdu: &'t Tpdu<'_>) -> Option<&'t UserData<'t>> {
    match tpdu {
        Tpdu::Submit(submit) => Some(&submit.user_data),
        Tpdu::Deliver(deliver) => Some(&deliver.user_data),
        _ => None,
    }
}

#[allow(
    clippy::unnecessary_wraps,
    reason = "one arm of matches that may have no answer"
)]
fn number(value: u8) -> Option<FieldValue> {
    Some(FieldValue::Number(value.into()))
}
