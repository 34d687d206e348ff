//! Descriptions as JSON (RFC 8259).

use core::fmt::Write as _;

use super::{FieldSink, hex};

/// Writes fields as the inside of a JSON object, behind what is there already.
#[derive(Debug)]
pub struct JsonFields<'a> {
    out: &'a mut String,
    first: bool,
}

impl<'a> JsonFields<'a> {
    /// Fields that stand first in their object, right behind the brace.
    pub const fn first(out: &'a mut String) -> Self {
        Self { out, first: true }
    }

    fn name(&mut self, name: &str) {
        if !self.first {
            self.out.push(',');
        }
        self.first = false;
        self.string(name);
        self.out.push(':');
    }

    fn string(&mut self, text: &str) {
        self.out.push('"');
        for character in text.chars() {
            match character {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\0'..='\u{1f}' => {
                    // Writing to a String cannot fail.
                    let _ = write!(self.out, "\\u{:04x}", u32::from(character));
                }
                _ => self.out.push(character),
            }
        }
        self.out.push('"');
    }
}

impl FieldSink for JsonFields<'_> {
    fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        self.string(value);
    }

    fn number(&mut self, name: &str, value: i64) {
        self.name(name);
        let _ = write!(self.out, "{value}");
    }

    fn flag(&mut self, name: &str, value: bool) {
        self.name(name);
        let _ = write!(self.out, "{value}");
    }

    fn null(&mut self, name: &str) {
        self.name(name);
        self.out.push_str("null");
    }

    /// As `[["IEI","data"],...]`.
    fn elements(&mut self, name: &str, elements: &mut dyn Iterator<Item = (u8, &[u8])>) {
        self.name(name);
        self.out.push('[');
        for (index, (identifier, data)) in elements.enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let _ = write!(self.out, "{comma}[\"{identifier:02x}\",\"{}\"]", hex(data));
        }
        self.out.push(']');
    }

    fn object(&mut self, name: &str, fields: &mut dyn FnMut(&mut dyn FieldSink)) {
        self.name(name);
        self.out.push('{');
        fields(&mut JsonFields::first(self.out));
        self.out.push('}');
    }
}

#[cfg(test)]
mod tests {
    use super::super::{describe_rp, describe_tpdu};
    use super::*;
    use crate::wire::{Carrier, Direction};

    #[test]
    fn a_submit_in_rp_data() {
        let octets = [
            0x00, 0x2a, 0x00, // RP-DATA from a phone, RP-MR 42, no RP-OA
            0x03, 0x91, 0x21, 0x43, // RP-DA: +1234
            0x0a, // RP-UD: 10 octets
            0x01, 0x07, 0x03, 0x81, 0x21, 0xf3, 0x00, 0x00, 0x01, 0x41,
        ];
        let mut out = String::from("{");
        describe_rp(&octets, &mut JsonFields::first(&mut out)).unwrap();
        out.push('}');
        let value: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(
            value["rp_da"],
            serde_json::json!({"ton": 1, "npi": 1, "value": "1234"})
        );
        assert_eq!(value["rp_oa"], serde_json::Value::Null);
        assert_eq!(value["tpdu"]["text"], "A");
        assert_eq!(value["tpdu_hex"], "0107038121f300000141");
    }

    #[test]
    fn an_error_in_the_tpdu_is_placed_in_the_whole() {
        let octets = [0x00, 0x2a, 0x00, 0x02, 0x91, 0x21, 0x02, 0x01, 0x07];
        let mut out = String::new();
        let error = describe_rp(&octets, &mut JsonFields::first(&mut out)).unwrap_err();
        assert_eq!(
            (error.element, error.offset, out.as_str()),
            ("TP-DA", 9, "")
        );
    }

    #[test]
    fn names_and_texts_are_escaped() {
        let mut out = String::new();
        JsonFields::first(&mut out).text("\"", "\\\u{1}\n\u{c}é");
        assert_eq!(out, r#""\"":"\\\u0001\n\u000cé""#);
        let error = describe_tpdu(
            Direction::MsToNetwork,
            Carrier::RpData,
            &[],
            &mut JsonFields::first(&mut String::new()),
        );
        assert!(error.is_err());
    }
}
