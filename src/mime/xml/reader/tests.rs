use super::*;
use crate::mime::xml::push_text;

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
fn documents_that_are_not_well_formed_are_refused() {
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
fn line_ends_and_blanks_are_normalized() {
    for (document, expected) in [
        ("<a><t>x\r\ny\rz</t></a>", "a[t[x\ny\nz]]"),
        ("<a><t><![CDATA[x\r\ny]]></t></a>", "a[t[x\ny]]"),
        ("<a><b k='x\ty\r\nz'/></a>", "a[b(x y z)[]]"),
    ] {
        assert_eq!(root(document).as_deref(), Ok(expected), "{document:?}");
    }
}

#[test]
fn hostile_documents() {
    for (document, expected) in [
        // Entities that expand, that are fetched, that contain themselves.
        (
            "<!DOCTYPE a [<!ENTITY e SYSTEM 'http://a.example/'>]><a>&e;</a>".into(),
            Fault::Malformed,
        ),
        (
            "<!DOCTYPE a [<!ENTITY % e '&e;'> %e;]><a/>".into(),
            Fault::Malformed,
        ),
        ("<a><!DOCTYPE a []></a>".into(), Fault::Malformed),
        ("<a><!ENTITY e 'x'></a>".into(), Fault::Malformed),
        ("<a><![INCLUDE[<b/>]]></a>".into(), Fault::Truncated),
        ("<!DOCTYPE".into(), Fault::Truncated),
        // Also in ignored elements.
        (
            format!("<a><s>{}</s></a>", "<b>".repeat(60_000)),
            Fault::TooLong,
        ),
        (format!("<a b='{}", "x".repeat(60_000)), Fault::Truncated),
        // Names and prefixes.
        ("<a><:b/></a>".into(), Fault::Malformed),
        ("<a><b:/></a>".into(), Fault::Malformed),
        ("<a><:/></a>".into(), Fault::Malformed),
        ("<a xmlns:p=''><p:b/></a>".into(), Fault::Malformed),
        ("<a><b xmlns:p='u'/><p:c/></a>".into(), Fault::Malformed),
        ("<a><b></b:></a>".into(), Fault::Malformed),
    ] {
        let shown: String = document.chars().take(60).collect();
        assert_eq!(root(&document), Err(expected), "{shown}");
    }
    // Character sets other than UTF-8 are refused.
    let utf16: Vec<u8> = "<a/>".encode_utf16().flat_map(u16::to_be_bytes).collect();
    for octets in [
        &utf16[..],
        b"\xff\xfe<\0a\0/\0>\0",
        b"<a>caf\xe9</a>",
        b"<a>\xed\xa0\x80</a>",
        b"<a>\xc0\xbc</a>",
    ] {
        assert!(Reader::new("XML", octets).is_err(), "{octets:x?}");
    }
}

#[test]
fn an_error_has_the_octet() {
    for (document, at) in [
        ("<a><b>x</c></a>", 7),
        ("\u{feff}<a> <b k='1' k='2'/></a>", 7),
        ("<a>x &e; y</a>", 5),
        ("<a>é<!DOCTYPE x></a>", 5),
        ("<a><p:b/></a>", 3),
        ("<a>x", 4),
        ("<a><b", 3),
    ] {
        let mut reader = Reader::new("XML", document.as_bytes()).unwrap();
        reader.child().unwrap();
        let error = shown(&mut reader, &mut String::new()).unwrap_err();
        assert_eq!((error.element, error.offset), ("XML", at), "{document}");
    }
}

#[test]
fn truncated_documents_are_errors() {
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
fn written_text_is_read_again() {
    let mut out = String::from("<a><t>");
    push_text(&mut out, "text", "<&>\"'é\r\n🎉]]>").unwrap();
    out.push_str("</t></a>");
    assert_eq!(root(&out).as_deref(), Ok("a[t[<&>\"'é\r\n🎉]]>]]"));
    assert!(push_text(&mut out, "text", "\u{1}").is_err());
}
