//! XML 1.0 as the small bodies of SIP need it: elements, attributes, text, namespaces.
//!
//! A document is read once, from its beginning, by a caller that says what it expects: no tree is built.
//! The five predefined entities and character references are known and nothing else: a document type
//! declaration is refused, so that nothing can grow while it is read.

use std::borrow::Cow;

use crate::base::{DecodeError, EncodeError, Fault};

/// Most elements inside each other.
const MAX_DEPTH: usize = 16;
/// Most attributes of one element.
const MAX_ATTRIBUTES: usize = 16;

/// A document and how far it has been read.
#[derive(Clone)]
pub(super) struct Reader<'a> {
    /// What the document is, for errors.
    document: &'static str,
    /// Octets of the whole document.
    len: usize,
    /// What has not been read.
    rest: &'a str,
    /// Qualified names of the elements that are open.
    open: Vec<&'a str>,
    /// Namespaces in force, the innermost last.
    namespaces: Vec<Namespace<'a>>,
    /// Whether the element opened last is an empty one (`<a/>`), whose end has not been told.
    empty: bool,
}

/// A namespace declaration (Namespaces in XML 1.0 §3).
#[derive(Clone)]
struct Namespace<'a> {
    /// Of which element: how many are open with it.
    depth: usize,
    prefix: &'a str,
    uri: &'a str,
}

/// A start tag.
pub(super) struct Element<'a> {
    /// Its namespace, if it is in any.
    namespace: Option<&'a str>,
    /// Its local name.
    pub(super) name: &'a str,
    attributes: Vec<Attribute<'a>>,
}

struct Attribute<'a> {
    qualified: &'a str,
    namespace: Option<&'a str>,
    /// As it stands between the quotes.
    value: &'a str,
}

/// What comes next in a document.
enum Event<'a> {
    Start(Element<'a>),
    Text(Cow<'a, str>),
    End,
}

impl<'a> Reader<'a> {
    /// Opens a document in UTF-8.
    pub(super) fn new(document: &'static str, octets: &'a [u8]) -> Result<Self, DecodeError> {
        let malformed = |offset| DecodeError {
            element: document,
            offset,
            fault: Fault::Malformed,
        };
        let text = core::str::from_utf8(octets).map_err(|error| malformed(error.valid_up_to()))?;
        if let Some((offset, _)) = text.char_indices().find(|&(_, c)| !is_char(c)) {
            return Err(malformed(offset));
        }
        Ok(Self {
            document,
            len: text.len(),
            rest: text.strip_prefix('\u{feff}').unwrap_or(text),
            open: Vec::new(),
            namespaces: Vec::new(),
            empty: false,
        })
    }

    /// The next element inside the open one, which becomes the open one; `None` where the open one ends.
    /// Text between elements is passed over. The first call gives the root.
    pub(super) fn child(&mut self) -> Result<Option<Element<'a>>, DecodeError> {
        loop {
            match self.next()? {
                Event::Start(element) => return Ok(Some(element)),
                Event::End => return Ok(None),
                Event::Text(_) => {}
            }
        }
    }

    /// The text of the open element, to its end and without the blanks around it. Elements in it are
    /// passed over.
    pub(super) fn text(&mut self) -> Result<Cow<'a, str>, DecodeError> {
        let mut whole = Cow::Borrowed("");
        loop {
            match self.next()? {
                Event::Start(_) => self.skip()?,
                Event::End => return Ok(trimmed(whole)),
                Event::Text(text) if whole.is_empty() => whole = text,
                Event::Text(text) => whole.to_mut().push_str(&text),
            }
        }
    }

    /// Goes to the end of the open element.
    pub(super) fn skip(&mut self) -> Result<(), DecodeError> {
        let depth = self.open.len();
        while self.open.len() >= depth {
            self.next()?;
        }
        Ok(())
    }

    /// An error at the place where the reader is.
    pub(super) fn error(&self, fault: Fault) -> DecodeError {
        DecodeError {
            element: self.document,
            offset: self.len - self.rest.len(),
            fault,
        }
    }

    fn malformed<T>(&self) -> Result<T, DecodeError> {
        Err(self.error(Fault::Malformed))
    }

    fn next(&mut self) -> Result<Event<'a>, DecodeError> {
        if self.empty {
            self.empty = false;
            self.close();
            return Ok(Event::End);
        }
        loop {
            if let Some(comment) = self.rest.strip_prefix("<!--") {
                (_, self.rest) = self.split(comment, "-->")?;
            } else if let Some(instruction) = self.rest.strip_prefix("<?") {
                (_, self.rest) = self.split(instruction, "?>")?;
            } else if let Some(section) = self.rest.strip_prefix("<![CDATA[") {
                let text;
                (text, self.rest) = self.split(section, "]]>")?;
                return Ok(Event::Text(Cow::Borrowed(text)));
            } else if let Some(tag) = self.rest.strip_prefix("</") {
                let (name, rest) = self.split(tag, ">")?;
                if self.open.last() != Some(&name.trim_end_matches(is_space)) {
                    return self.malformed();
                }
                self.rest = rest;
                self.close();
                return Ok(Event::End);
            } else if let Some(tag) = self.rest.strip_prefix('<') {
                return self.start(tag).map(Event::Start);
            } else if self.rest.is_empty() {
                return Err(self.error(Fault::Truncated));
            } else {
                let end = self.rest.find('<').unwrap_or(self.rest.len());
                let (text, rest) = self.rest.split_at(end);
                let Some(text) = resolved(text) else {
                    return self.malformed();
                };
                self.rest = rest;
                return Ok(Event::Text(text));
            }
        }
    }

    /// A start tag behind its `<`.
    fn start(&mut self, tag: &'a str) -> Result<Element<'a>, DecodeError> {
        // A document type declaration ("<!DOCTYPE") has no name here.
        let (qualified, mut rest) = split_name(tag);
        if qualified.is_empty() {
            return self.malformed();
        }
        if self.open.len() == MAX_DEPTH {
            return Err(self.error(Fault::TooLong));
        }
        let mut attributes: Vec<Attribute<'a>> = Vec::new();
        loop {
            let spaced = rest.trim_start_matches(is_space);
            if let Some(after) = spaced.strip_prefix('>') {
                rest = after;
                break;
            }
            if let Some(after) = spaced.strip_prefix("/>") {
                rest = after;
                self.empty = true;
                break;
            }
            if attributes.len() == MAX_ATTRIBUTES {
                return Err(self.error(Fault::TooLong));
            }
            let (name, value, after) = match attribute(spaced) {
                Some(attribute) if spaced.len() < rest.len() => attribute,
                _ if spaced.is_empty() => return Err(self.error(Fault::Truncated)),
                _ => return self.malformed(),
            };
            if attributes.iter().any(|other| other.qualified == name) {
                return self.malformed();
            }
            attributes.push(Attribute {
                qualified: name,
                namespace: None,
                value,
            });
            rest = after;
        }
        self.open.push(qualified);
        self.declare(&attributes);
        for attribute in &mut attributes {
            // An attribute without a prefix is in no namespace, whatever the default is.
            if let Some((prefix, _)) = attribute.qualified.split_once(':') {
                attribute.namespace = self.namespace(prefix);
            }
        }
        let (prefix, name) = qualified.split_once(':').unwrap_or(("", qualified));
        let namespace = self.namespace(prefix);
        if namespace.is_none() && !prefix.is_empty() {
            return self.malformed();
        }
        self.rest = rest;
        Ok(Element {
            namespace,
            name,
            attributes,
        })
    }

    fn declare(&mut self, attributes: &[Attribute<'a>]) {
        for attribute in attributes {
            let prefix = match attribute.qualified.split_once(':') {
                Some(("xmlns", prefix)) => prefix,
                None if attribute.qualified == "xmlns" => "",
                _ => continue,
            };
            self.namespaces.push(Namespace {
                depth: self.open.len(),
                prefix,
                uri: attribute.value,
            });
        }
    }

    fn namespace(&self, prefix: &str) -> Option<&'a str> {
        let mut innermost_first = self.namespaces.iter().rev();
        innermost_first
            .find(|namespace| namespace.prefix == prefix)
            .map(|namespace| namespace.uri)
            // xmlns="" takes the default away.
            .filter(|uri| !uri.is_empty())
    }

    fn close(&mut self) {
        self.open.pop();
        let depth = self.open.len();
        self.namespaces.retain(|namespace| namespace.depth <= depth);
    }

    fn split(&self, text: &'a str, mark: &str) -> Result<(&'a str, &'a str), DecodeError> {
        text.split_once(mark)
            .ok_or_else(|| self.error(Fault::Truncated))
    }
}

impl<'a> Element<'a> {
    /// Whether it is `name` in `namespace`. Some write none: what else could they mean?
    pub(super) fn is(&self, namespace: &str, name: &str) -> bool {
        self.name == name && self.namespace.is_none_or(|found| found == namespace)
    }

    /// The value of the attribute `name` in `namespace`, or without one.
    pub(super) fn attribute(&self, namespace: &str, name: &str) -> Option<Cow<'a, str>> {
        self.attributes.iter().find_map(|attribute| {
            let (_, local) = attribute
                .qualified
                .split_once(':')
                .unwrap_or(("", attribute.qualified));
            let is = local == name && attribute.namespace.is_none_or(|found| found == namespace);
            is.then(|| resolved(attribute.value)).flatten()
        })
    }
}

/// Appends `text` as character data or as a quoted attribute value. What XML 1.0 has no place for
/// (§2.2) cannot be written.
pub(super) fn push_text(
    out: &mut String,
    element: &'static str,
    text: &str,
) -> Result<(), EncodeError> {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // A reader takes CR for a line end and makes LF of it (§2.11).
            '\r' => out.push_str("&#13;"),
            c if is_char(c) => out.push(c),
            _ => return Err(EncodeError::NotRepresentable { element }),
        }
    }
    Ok(())
}

/// `name = "value"`, and what follows.
fn attribute(text: &str) -> Option<(&str, &str, &str)> {
    let (name, rest) = split_name(text);
    let rest = rest.trim_start_matches(is_space).strip_prefix('=')?;
    let rest = rest.trim_start_matches(is_space);
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (value, after) = rest.strip_prefix(quote)?.split_once(quote)?;
    (!name.is_empty() && !value.contains('<')).then_some((name, value, after))
}

/// A name and what follows it.
fn split_name(text: &str) -> (&str, &str) {
    let ends = |c: char| is_space(c) || "<>/=\"'&!?".contains(c);
    text.split_at(text.find(ends).unwrap_or(text.len()))
}

/// Text with its references resolved (XML 1.0 §4.1, §4.6).
fn resolved(text: &str) -> Option<Cow<'_, str>> {
    let mut parts = text.split('&');
    let first = parts.next()?;
    if first.len() == text.len() {
        return Some(Cow::Borrowed(text));
    }
    let mut out = String::with_capacity(text.len());
    out.push_str(first);
    for part in parts {
        let (reference, after) = part.split_once(';')?;
        out.push(match reference {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            "apos" => '\'',
            _ => {
                let number = reference.strip_prefix('#')?;
                let (digits, radix) = match number.strip_prefix('x') {
                    Some(hexadecimal) => (hexadecimal, 16),
                    None => (number, 10),
                };
                // from_str_radix takes a sign.
                let first = digits.chars().next()?;
                first.to_digit(radix)?;
                let code = u32::from_str_radix(digits, radix).ok()?;
                char::from_u32(code).filter(|&c| is_char(c))?
            }
        });
        out.push_str(after);
    }
    Some(Cow::Owned(out))
}

fn trimmed(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim_matches(is_space)),
        Cow::Owned(text) => Cow::Owned(text.trim_matches(is_space).to_owned()),
    }
}

/// White space (XML 1.0 §2.3).
const fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

/// A character that may stand in a document (XML 1.0 §2.2).
const fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{fffd}' | '\u{1_0000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Elements as `name(attribute)[...]`, text as it is.
    fn shown(reader: &mut Reader<'_>, out: &mut String) -> Result<(), DecodeError> {
        while let Some(element) = reader.child()? {
            out.push_str(element.name);
            if let Some(value) = element.attribute("u:a", "k") {
                out.push_str(&format!("({value})"));
            }
            out.push('[');
            match element.is("u:text", "t") {
                true => out.push_str(&reader.text()?),
                false => shown(reader, out)?,
            }
            out.push(']');
        }
        Ok(())
    }

    fn root(document: &str) -> Result<String, Fault> {
        let mut reader = Reader::new("XML", document.as_bytes()).map_err(|error| error.fault)?;
        let mut out = reader
            .child()
            .map_err(|error| error.fault)?
            .map(|root| root.name.to_owned())
            .unwrap();
        out.push('[');
        shown(&mut reader, &mut out).map_err(|error| error.fault)?;
        Ok(out + "]")
    }

    #[test]
    fn elements_attributes_and_text() {
        for (document, expected) in [
            ("<a/>", "a[]"),
            (
                "\u{feff}<?xml version='1.0'?>\n<!-- <b> --> <a ></a >",
                "a[]",
            ),
            (
                "<a><b k='1'/><b k=\"&#x41;'\"><c/></b></a>",
                "a[b(1)[]b(A')[c[]]]",
            ),
            (
                "<a><t> x &lt;&amp;&gt;&quot;&apos;&#33; </t></a>",
                "a[t[x <&>\"'!]]",
            ),
            (
                "<a><t>x<![CDATA[ <y>&amp; ]]>z<b>no</b></t></a>",
                "a[t[x <y>&amp; z]]",
            ),
            ("<a xmlns='u:text'><t>x</t></a>", "a[t[x]]"),
            ("<p:a xmlns:p='u:text'><p:t>x</p:t></p:a>", "a[t[x]]"),
            ("<a xmlns='u:other'><t>x</t></a>", "a[t[]]"),
            ("<a xmlns='u:other'><t xmlns=''>x</t></a>", "a[t[x]]"),
            (
                "<a xmlns='u:other'><b xmlns='u:text'/><t>x</t></a>",
                "a[b[]t[]]",
            ),
            (
                "<a xmlns:p='u:a' xmlns:q='u:b'><b q:k='1' p:k='2'/></a>",
                "a[b(2)[]]",
            ),
        ] {
            assert_eq!(root(document).as_deref(), Ok(expected), "{document}");
        }
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        for document in [
            "<!DOCTYPE a [<!ENTITY e 'x'>]><a/>",
            "<a></b>",
            "<a><b></a></b>",
            "<a b></a>",
            "<a b=c></a>",
            "<a b='1'c='2'/>",
            "<a b='1' b='2'/>",
            "<a b='<'/>",
            "<a>&e;</a>",
            "<a>&amp</a>",
            "<a>&#0;</a>",
            "<a>&#xD800;</a>",
            "<a>&#+65;</a>",
            "<a>\u{0}</a>",
            "<p:a/>",
            "< a/>",
        ] {
            assert_eq!(root(document), Err(Fault::Malformed), "{document}");
        }
        assert!(Reader::new("XML", b"<a>\xff</a>").is_err());
    }

    #[test]
    fn every_cut_is_told() {
        let document = "<?xml version='1.0'?><a b='1'><!-- x --><t k=\"2\">x<![CDATA[y]]></t></a>";
        for end in 0..document.len() {
            assert!(root_of_cut(&document[..end]), "{end}");
        }
        fn root_of_cut(cut: &str) -> bool {
            let mut reader = Reader::new("XML", cut.as_bytes()).unwrap();
            match reader.child() {
                Ok(_) => shown(&mut reader, &mut String::new()).is_err(),
                Err(_) => true,
            }
        }
    }

    #[test]
    fn depth_and_attributes_are_bounded() {
        let nested = |depth: usize| "<a>".repeat(depth) + &"</a>".repeat(depth);
        assert!(root(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(root(&nested(MAX_DEPTH + 1)), Err(Fault::TooLong));
        let attributes = |count: usize| {
            let all: String = (0..count).map(|n| format!(" a{n}=''")).collect();
            format!("<a{all}/>")
        };
        assert!(root(&attributes(MAX_ATTRIBUTES)).is_ok());
        assert_eq!(root(&attributes(MAX_ATTRIBUTES + 1)), Err(Fault::TooLong));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut out = String::from("<a><t>");
        push_text(&mut out, "text", "<&>\"'é\r\n🎉]]>").unwrap();
        out.push_str("</t></a>");
        assert_eq!(root(&out).as_deref(), Ok("a[t[<&>\"'é\r\n🎉]]>]]"));
        assert!(push_text(&mut out, "text", "\u{1}").is_err());
    }
}
