//! RP messages field by field (TS 24.011 clause 7.3).

use nom::Offset as _;

use super::FieldSink;
use super::tpdu::tpdu_fields;
use crate::base::hex;
use crate::wire::{DecodeError, Direction, RpAddress, RpMessage, RpMessageType};

/// Describes an RP message and its TPDU; nothing is described if one of them is malformed.
pub fn describe_rp(octets: &[u8], sink: &mut dyn FieldSink) -> Result<(), DecodeError> {
    let (direction, message) = RpMessage::decode(octets)?;
    let offset = message
        .user_data()
        .map_or(0, |user_data| octets.offset(user_data));
    let tpdu = message
        .tpdu(direction)
        .transpose()
        .map_err(|error| error.moved_by(offset))?;
    sink.text("rp", message.message_type().name());
    sink.number("rp_mti", message_type_indicator(&message, direction));
    sink.number("rp_mr", message.mr().0.into());
    match &message {
        RpMessage::Data(data) => {
            address(sink, "rp_oa", data.originator.as_ref());
            address(sink, "rp_da", data.destination.as_ref());
        }
        RpMessage::Error(error) => {
            sink.number("cause", u8::from(error.cause).into());
            if !error.diagnostic.is_empty() {
                sink.octets("diag", error.diagnostic);
            }
        }
        RpMessage::Ack(_) | RpMessage::Smma(_) => {}
    }
    if let Some(user_data) = message.user_data() {
        sink.text("tpdu_hex", &hex(user_data));
    }
    if let Some(tpdu) = tpdu {
        sink.object("tpdu", &mut |sink| tpdu_fields(&tpdu, sink));
    }
    Ok(())
}

/// Whether all of these octets are one RP message, with a complete TPDU if it has one. A TPDU is not taken for an RP
/// message: it has other values where an RP message has the lengths of its elements.
pub fn is_rp(octets: &[u8]) -> bool {
    let Ok((direction, message)) = RpMessage::decode(octets) else {
        return false;
    };
    let mut again = Vec::with_capacity(octets.len());
    let is_whole = message.encode(direction, &mut again).is_ok() && again.len() == octets.len();
    is_whole && message.tpdu(direction).is_none_or(|tpdu| tpdu.is_ok())
}

/// RP-MTI (TS 24.011 table 8.3).
fn message_type_indicator(message: &RpMessage<'_>, direction: Direction) -> i64 {
    let even = match message.message_type() {
        RpMessageType::Data => 0,
        RpMessageType::Ack => 2,
        RpMessageType::Error => 4,
        RpMessageType::Smma => 6,
    };
    even + i64::from(direction == Direction::NetworkToMs)
}

fn address(sink: &mut dyn FieldSink, name: &str, address: Option<&RpAddress>) {
    let Some(address) = address else {
        return sink.null(name);
    };
    sink.object(name, &mut |sink| {
        sink.number("ton", u8::from(address.type_of_number()).into());
        sink.number("npi", u8::from(address.numbering_plan()).into());
        sink.text("value", &address.digits().collect::<String>());
    });
}
