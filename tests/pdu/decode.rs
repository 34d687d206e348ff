//! Octets to fields.

use ipsmgw::wire::describe::{FieldSink, describe_rp, describe_tpdu};
use ipsmgw::wire::{Carrier, DecodeError, Direction};
use serde_json::Value;

use crate::json::JsonFields;

/// The fields of one line's octets.
pub(crate) fn line(line: &Value) -> String {
    let start = format!("{{\"id\":{},", line["id"]);
    let mut out = start.clone();
    let (element, offset, fault) = match octets(&line["hex"]) {
        None => ("hex", 0, "no hexadecimal digits of whole octets"),
        Some(octets) => match describe(line, &octets, &mut JsonFields::first(&mut out)) {
            Ok(()) => return out + "}",
            Err(error) => (error.element, error.offset, error.fault.as_str()),
        },
    };
    let mut out = start;
    JsonFields::first(&mut out).object("error", &mut |sink| {
        sink.text("element", element);
        sink.number("offset", offset as i64);
        sink.text("fault", fault);
    });
    out + "}"
}

fn describe(line: &Value, octets: &[u8], sink: &mut dyn FieldSink) -> Result<(), DecodeError> {
    if line["layer"] == "rp" {
        return describe_rp(octets, sink);
    }
    let direction = if line["dir"] == "mo" {
        Direction::MsToNetwork
    } else {
        Direction::NetworkToMs
    };
    let carrier = match line["ctx"].as_str() {
        Some("ack") => Carrier::RpAck,
        Some("error") => Carrier::RpError,
        _ => Carrier::RpData,
    };
    describe_tpdu(direction, carrier, octets, sink)
}

/// The octets of a string of hexadecimal digits.
pub(crate) fn octets(hex: &Value) -> Option<Vec<u8>> {
    let hex = hex.as_str()?;
    let digits = hex
        .chars()
        .map(|digit| digit.to_digit(16))
        .collect::<Option<Vec<_>>>()?;
    digits
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => u8::try_from(high << 4 | low).ok(),
            _ => None,
        })
        .collect()
}
