//! Contacts in the Contact header fields of a REGISTER.

use super::ffi;
use super::text;

/// One contact of a REGISTER.
#[derive(Clone, Copy)]
pub(crate) struct Contact<'m>(pub(crate) &'m ffi::contact);

impl<'m> Contact<'m> {
    pub(crate) fn uri(self) -> Option<&'m str> {
        // SAFETY: it points into the message's buffer.
        unsafe { text::text(&self.0.uri) }
    }

    /// The value of the parameter of this name (any case).
    pub(crate) fn parameter(self, name: &str) -> Option<&'m str> {
        let mut parameters = self.parameters();
        let found = parameters.find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    }

    /// All parameters: names and values.
    pub(crate) fn parameters(self) -> impl Iterator<Item = (&'m str, &'m str)> {
        let mut next = self.0.params;
        std::iter::from_fn(move || {
            // SAFETY: the list belongs to the message's parsed Contact and ends with NULL.
            let parameter = unsafe { next.as_ref() }?;
            next = parameter.next;
            // SAFETY: names and values point into the message's buffer.
            let name = unsafe { text::text(&parameter.name) };
            // SAFETY: as above.
            let value = unsafe { text::text(&parameter.body) };
            Some((name.unwrap_or_default(), value.unwrap_or_default()))
        })
    }
}
