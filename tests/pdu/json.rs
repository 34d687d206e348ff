//! Descriptions as JSON (RFC 8259), with the fields in the order of the specification.

use ipsmgw::wire::describe::FieldSink;
use serde_json::json;

/// Writes fields as the inside of a JSON object, behind what is there already.
pub(crate) struct JsonFields<'a> {
    out: &'a mut String,
    first: bool,
}

impl<'a> JsonFields<'a> {
    /// Fields that stand first in their object, right behind the brace.
    pub(crate) const fn first(out: &'a mut String) -> Self {
        Self { out, first: true }
    }

    fn field(&mut self, name: &str, value: impl Into<serde_json::Value>) {
        let value = value.into();
        self.name(name);
        self.out.push_str(&value.to_string());
    }

    fn name(&mut self, name: &str) {
        let comma = if self.first { "" } else { "," };
        self.first = false;
        self.out.push_str(&format!("{comma}{}:", json!(name)));
    }
}

impl FieldSink for JsonFields<'_> {
    fn text(&mut self, name: &str, value: &str) {
        self.field(name, value);
    }

    fn number(&mut self, name: &str, value: i64) {
        self.field(name, value);
    }

    fn flag(&mut self, name: &str, value: bool) {
        self.field(name, value);
    }

    fn null(&mut self, name: &str) {
        self.field(name, serde_json::Value::Null);
    }

    /// As `[["IEI","data"],...]`.
    fn elements(&mut self, name: &str, elements: &mut dyn Iterator<Item = (u8, &[u8])>) {
        let hex = |octets: &[u8]| -> String {
            octets.iter().map(|octet| format!("{octet:02x}")).collect()
        };
        let elements = elements.map(|(identifier, data)| json!([hex(&[identifier]), hex(data)]));
        self.field(name, elements.collect::<Vec<_>>());
    }

    fn object(&mut self, name: &str, fields: &mut dyn FnMut(&mut dyn FieldSink)) {
        self.name(name);
        self.out.push('{');
        fields(&mut JsonFields::first(self.out));
        self.out.push('}');
    }
}
