//! Messages field by field, for people and tools: the names and shapes are those of the test vectors
//! (`tests/vectors/README.md`), so what one reader shows can be compared with what another does.
//!
//! A description goes into a [`FieldSink`], which the caller brings: an RPC reply, JSON for tests.

mod rp;
mod tpdu;
mod user_data;

pub use rp::{describe_rp, is_rp};
pub use tpdu::describe_tpdu;

use super::{TpAddress, TpScts};

/// Takes the fields of a message in the order of the specification.
pub trait FieldSink {
    /// A text.
    fn text(&mut self, name: &str, value: &str);
    /// A number.
    fn number(&mut self, name: &str, value: i64);
    /// True or false, for what is derived; bits of the message are numbers.
    fn flag(&mut self, name: &str, value: bool);
    /// A field that is known to have no value.
    fn null(&mut self, name: &str);
    /// Identifiers and octets, in this order.
    fn elements(&mut self, name: &str, elements: &mut dyn Iterator<Item = (u8, &[u8])>);
    /// A field that has fields of its own.
    fn object(&mut self, name: &str, fields: &mut dyn FnMut(&mut dyn FieldSink));

    /// Octets, as hexadecimal digits.
    fn octets(&mut self, name: &str, octets: &[u8]) {
        self.text(name, &hex(octets));
    }

    /// A bit of the message.
    fn bit(&mut self, name: &str, set: bool) {
        self.number(name, i64::from(set));
    }
}

/// Keeps nothing: with it a caller finds out whether octets can be described before it begins an answer.
#[derive(Clone, Copy, Debug)]
pub struct Discard;

impl FieldSink for Discard {
    fn text(&mut self, _: &str, _: &str) {}
    fn number(&mut self, _: &str, _: i64) {}
    fn flag(&mut self, _: &str, _: bool) {}
    fn null(&mut self, _: &str) {}
    fn elements(&mut self, _: &str, _: &mut dyn Iterator<Item = (u8, &[u8])>) {}
    fn object(&mut self, _: &str, fields: &mut dyn FnMut(&mut dyn FieldSink)) {
        fields(self);
    }
}

/// Octets as hexadecimal digits.
fn hex(octets: &[u8]) -> String {
    use core::fmt::Write as _;
    octets
        .iter()
        .fold(String::with_capacity(octets.len() * 2), |mut hex, octet| {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{octet:02x}");
            hex
        })
}

fn address(sink: &mut dyn FieldSink, address: &TpAddress) {
    sink.object("addr", &mut |sink| {
        sink.number("len", address.semi_octets().into());
        sink.number("ton", u8::from(address.type_of_number()).into());
        sink.number("npi", u8::from(address.numbering_plan()).into());
        sink.text("value", &address.value());
    });
}

fn timestamp(sink: &mut dyn FieldSink, name: &str, timestamp: TpScts) {
    sink.object(name, &mut |sink| timestamp_fields(sink, timestamp));
}

/// Local time as sent and its zone.
fn timestamp_fields(sink: &mut dyn FieldSink, timestamp: TpScts) {
    let [year, month, day, hour, minute, second] = timestamp.local();
    let local = format!("{year:02}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    sink.text("ts", &local);
    sink.number("tzq", timestamp.quarter_hours().into());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_in_the_tpdu_is_placed_in_the_whole() {
        let octets = [0x00, 0x2a, 0x00, 0x02, 0x91, 0x21, 0x02, 0x01, 0x07];
        let error = describe_rp(&octets, &mut Discard).unwrap_err();
        assert_eq!((error.element, error.offset), ("TP-DA", 9));
    }
}
