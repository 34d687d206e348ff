//! Reads a document once, from its beginning.

use std::borrow::Cow;

use nom::Offset as _;
use quick_xml::XmlVersion;
use quick_xml::errors::{Error, SyntaxError};
use quick_xml::events::Event;
use quick_xml::events::attributes::{Attribute, Attributes};
use quick_xml::name::{PrefixDeclaration, QName};

use super::text::{is_char, is_name, is_space, referenced, trimmed};
use crate::base::{DecodeError, Fault};

/// The largest number of nested elements.
const MAX_DEPTH: usize = 16;
/// The largest number of attributes of one element.
const MAX_ATTRIBUTES: usize = 16;

/// A document and the position in it.
#[derive(Clone)]
pub(crate) struct Reader<'a> {
    /// Name of the document, for errors.
    document: &'static str,
    /// The whole document, without a byte order mark.
    text: &'a str,
    /// Octets of the byte order mark before `text`.
    mark: usize,
    markup: quick_xml::Reader<&'a [u8]>,
    /// Position of the markup or text that was read last.
    at: usize,
    /// Number of open elements.
    depth: usize,
    /// Namespaces in force, the innermost last.
    namespaces: Vec<Namespace<'a>>,
}

/// A namespace declaration (Namespaces in XML 1.0 §3).
#[derive(Clone)]
struct Namespace<'a> {
    /// Depth of the element that declares it.
    depth: usize,
    prefix: &'a str,
    uri: &'a str,
}

/// A start tag.
pub(crate) struct Element<'a> {
    /// Its namespace, if it has one.
    namespace: Option<&'a str>,
    /// Its local name.
    pub(crate) name: &'a str,
    attributes: Vec<QualifiedAttribute<'a>>,
}

/// An attribute of a start tag.
struct QualifiedAttribute<'a> {
    name: QName<'a>,
    /// Its namespace, if it has one.
    namespace: Option<&'a str>,
    /// As it stands between the quotes.
    value: &'a str,
}

/// One step through a document.
enum Step<'a> {
    Start(Element<'a>),
    Text(Cow<'a, str>),
    End,
}

impl<'a> Reader<'a> {
    /// Opens a document in UTF-8.
    pub(crate) fn new(document: &'static str, octets: &'a [u8]) -> Result<Self, DecodeError> {
        let malformed = |offset| DecodeError {
            element: document,
            offset,
            fault: Fault::Malformed,
        };
        let whole = core::str::from_utf8(octets).map_err(|error| malformed(error.valid_up_to()))?;
        if let Some((offset, _)) = whole.char_indices().find(|&(_, c)| !is_char(c)) {
            return Err(malformed(offset));
        }
        let text = whole.strip_prefix('\u{feff}').unwrap_or(whole);
        let mut markup = quick_xml::Reader::from_str(text);
        // `<a/>` is read as `<a></a>`, so each start tag has an end tag.
        markup.config_mut().expand_empty_elements = true;
        Ok(Self {
            document,
            text,
            mark: whole.len() - text.len(),
            markup,
            at: 0,
            depth: 0,
            namespaces: Vec::new(),
        })
    }

    /// Opens the next element inside the open one; `None` if the open one has ended. Text between elements is
    /// ignored. The first call returns the root.
    pub(crate) fn child(&mut self) -> Result<Option<Element<'a>>, DecodeError> {
        loop {
            match self.step()? {
                Step::Start(element) => return Ok(Some(element)),
                Step::End => return Ok(None),
                Step::Text(_) => {}
            }
        }
    }

    /// The text of the open element, without spaces around it; the element is closed. Elements in it are ignored.
    pub(crate) fn text(&mut self) -> Result<Cow<'a, str>, DecodeError> {
        let mut whole = Cow::Borrowed("");
        loop {
            match self.step()? {
                Step::Start(_) => self.skip()?,
                Step::End => return Ok(trimmed(whole)),
                Step::Text(text) if whole.is_empty() => whole = text,
                Step::Text(text) => whole.to_mut().push_str(&text),
            }
        }
    }

    /// Goes to the end of the open element.
    pub(crate) fn skip(&mut self) -> Result<(), DecodeError> {
        let depth = self.depth;
        while self.depth >= depth {
            self.step()?;
        }
        Ok(())
    }

    /// An error in `element`, at the position of the markup that was read last.
    pub(crate) fn error(&self, element: &'static str, fault: Fault) -> DecodeError {
        DecodeError {
            element,
            offset: self.mark + self.at,
            fault,
        }
    }

    fn step(&mut self) -> Result<Step<'a>, DecodeError> {
        loop {
            self.at = position(self.markup.buffer_position());
            let event = match self.markup.read_event() {
                Ok(event) => event,
                Err(error) => {
                    self.at = position(self.markup.error_position());
                    return Err(self.error(self.document, fault(&error)));
                }
            };
            let text = match event {
                Event::Start(tag) | Event::Empty(tag) => {
                    let name = tag.name().into_inner().len();
                    return match self.start(name) {
                        Ok(element) => Ok(Step::Start(element)),
                        Err(fault) => Err(self.error(self.document, fault)),
                    };
                }
                Event::End(_) => {
                    self.depth = self.depth.saturating_sub(1);
                    let depth = self.depth;
                    self.namespaces.retain(|namespace| namespace.depth <= depth);
                    return Ok(Step::End);
                }
                Event::Text(text) => Some(text.xml10_content()),
                Event::CData(section) => Some(section.xml10_content()),
                Event::GeneralRef(reference) => referenced(&reference),
                Event::Comment(_) | Event::PI(_) | Event::Decl(_) => continue,
                Event::DocType(_) => None,
                Event::Eof => return Err(self.error(self.document, Fault::Truncated)),
            };
            return match text {
                Some(text) => Ok(Step::Text(text)),
                None => Err(self.error(self.document, Fault::Malformed)),
            };
        }
    }

    /// Reads the start tag whose name has `name_len` octets.
    fn start(&mut self, name_len: usize) -> Result<Element<'a>, Fault> {
        let end = position(self.markup.buffer_position());
        let tag = self
            .text
            .get(self.at..end)
            .and_then(|tag| tag.strip_prefix('<')?.strip_suffix('>'))
            .map(|tag| tag.strip_suffix('/').unwrap_or(tag))
            .ok_or(Fault::Malformed)?;
        let name = QName(tag.get(..name_len).ok_or(Fault::Malformed)?);
        if !is_name(name.into_inner()) {
            return Err(Fault::Malformed);
        }
        if self.depth == MAX_DEPTH {
            return Err(Fault::TooLong);
        }
        self.depth += 1;
        let mut attributes: Vec<QualifiedAttribute<'a>> = Vec::new();
        // Few attributes are compared here, without the list of names that quick-xml would make.
        for attribute in Attributes::new(tag, name_len).with_checks(false) {
            let Ok(Attribute {
                key,
                value: Cow::Borrowed(value),
            }) = attribute
            else {
                return Err(Fault::Malformed);
            };
            if attributes.len() == MAX_ATTRIBUTES {
                return Err(Fault::TooLong);
            }
            let name = key.into_inner();
            let before = tag.get(..tag.offset(name)).unwrap_or_default();
            let is_legal = is_name(name) && before.ends_with(is_space) && !value.contains('<');
            if !is_legal || attributes.iter().any(|other| other.name == key) {
                return Err(Fault::Malformed);
            }
            self.declare(key, value);
            attributes.push(QualifiedAttribute {
                name: key,
                namespace: None,
                value,
            });
        }
        for attribute in &mut attributes {
            // An attribute without a prefix has no namespace; the default namespace does not apply.
            if let Some(prefix) = attribute.name.prefix() {
                attribute.namespace = self.namespace(prefix.into_inner());
            }
        }
        let prefix = name.prefix().map_or("", |prefix| prefix.into_inner());
        let namespace = self.namespace(prefix);
        if namespace.is_none() && !prefix.is_empty() {
            return Err(Fault::Malformed);
        }
        Ok(Element {
            namespace,
            name: name.local_name().into_inner(),
            attributes,
        })
    }

    /// Stores the namespace if the attribute declares one.
    fn declare(&mut self, name: QName<'a>, uri: &'a str) {
        let prefix = match name.as_namespace_binding() {
            Some(PrefixDeclaration::Named(prefix)) => prefix,
            Some(PrefixDeclaration::Default) => "",
            None => return,
        };
        self.namespaces.push(Namespace {
            depth: self.depth,
            prefix,
            uri,
        });
    }

    fn namespace(&self, prefix: &str) -> Option<&'a str> {
        let mut innermost_first = self.namespaces.iter().rev();
        innermost_first
            .find(|namespace| namespace.prefix == prefix)
            .map(|namespace| namespace.uri)
            // xmlns="" removes the default namespace.
            .filter(|uri| !uri.is_empty())
    }
}

impl<'a> Element<'a> {
    /// Whether it is `name` in `namespace`. An element without a namespace is accepted, because some clients write
    /// none.
    pub(crate) fn is(&self, namespace: &str, name: &str) -> bool {
        self.name == name && self.namespace.is_none_or(|found| found == namespace)
    }

    /// The value of the attribute `name` in `namespace`, or without one: its references are resolved and its blanks
    /// are spaces (XML 1.0 §3.3.3). `None` also where a reference cannot be resolved.
    pub(crate) fn attribute(&self, namespace: &str, name: &str) -> Option<Cow<'a, str>> {
        let attribute = self.attributes.iter().find(|attribute| {
            attribute.name.local_name().into_inner() == name
                && attribute.namespace.is_none_or(|found| found == namespace)
        })?;
        let attribute = Attribute {
            key: attribute.name,
            value: Cow::Borrowed(attribute.value),
        };
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).ok()?;
        value.chars().all(is_char).then_some(value)
    }
}

/// The fault for an error of quick-xml.
const fn fault(error: &Error) -> Fault {
    match error {
        Error::Syntax(SyntaxError::InvalidBangMarkup) => Fault::Malformed,
        Error::Syntax(_) => Fault::Truncated,
        _ => Fault::Malformed,
    }
}

/// Converts an offset of quick-xml to a position in the text.
fn position(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
