//! Header fields: read from a body's own header, written into ours.

/// The value of the header field `name` in a block of header lines (RFC 5322 §2.2 as MIME, CPIM and SIP
/// use it). A folded value keeps its first line only: none that is asked for here is ever folded there.
pub(crate) fn field<'a>(block: &'a str, name: &str) -> Option<&'a str> {
    block.split("\r\n").find_map(|line| {
        let (field, value) = line.split_once(':')?;
        field
            .trim_end()
            .eq_ignore_ascii_case(name)
            .then(|| value.trim())
    })
}

/// Appends `text` as a quoted string (RFC 3261 §25.1). A control character becomes a blank: no text
/// can end the header field it stands in.
pub fn push_quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_field() {
        let block = "A: 1\r\nContent-Type : text/plain \r\nb:2";
        assert_eq!(field(block, "content-type"), Some("text/plain"));
        assert_eq!(field(block, "B"), Some("2"));
        assert_eq!(field(block, "C"), None);
    }

    #[test]
    fn nothing_breaks_out_of_a_quoted_string() {
        let mut out = String::new();
        push_quoted(&mut out, "a\"<sip:b>;\\\r\nVia: x\0\u{85}é");
        assert_eq!(out, "\"a\\\"<sip:b>;\\\\  Via: x  é\"");
    }
}
