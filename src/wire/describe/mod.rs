//! Messages field by field, for people and tools. Names and structure are those of the test vectors
//! (`tests/vectors/README.md`), so that the output of several decoders can be compared.
//!
//! A description is written to a [`FieldSink`] of the caller: an RPC reply, or JSON in tests.

mod rp;
mod tpdu;
mod user_data;

pub use rp::{describe_rp, is_rp};
pub use tpdu::describe_tpdu;

use super::{TpAddress, TpScts};
use crate::base::hex;

/// Receives the fields of a message in the order of the specification.
pub trait FieldSink {
    /// A text.
    fn text(&mut self, name: &str, value: &str);
    /// A number.
    fn number(&mut self, name: &str, value: i64);
    /// True or false, for derived values; bits of the message are numbers.
    fn flag(&mut self, name: &str, value: bool);
    /// A field without a value.
    fn null(&mut self, name: &str);
    /// Identifiers and octets, in this order.
    fn elements(&mut self, name: &str, elements: &mut dyn Iterator<Item = (u8, &[u8])>);
    /// A field with fields in it.
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

/// Discards everything: it shows whether octets can be described, before an answer is begun.
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
    fn an_error_in_the_tpdu_has_its_place_in_the_rp_message() {
        let octets = [0x00, 0x2a, 0x00, 0x02, 0x91, 0x21, 0x02, 0x01, 0x07];
        let error = describe_rp(&octets, &mut Discard).unwrap_err();
        assert_eq!((error.element, error.offset), ("TP-DA", 9));
    }
}
