//! XML 1.0 for the small bodies of SIP: elements, attributes, text, namespaces.
//!
//! quick-xml reads the markup. This file adds checks for bodies from the network: limits on depth and attributes, no
//! document type declaration (so only the five predefined entities), namespaces, and the octet in each error.
//!
//! A document is read once, from the beginning; no tree is built. The caller asks for one element after the other.

mod reader;
mod text;

pub(super) use reader::{Element, Reader};
pub(super) use text::push_text;
