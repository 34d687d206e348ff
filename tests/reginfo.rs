//! application/reginfo+xml: properties for any octets.

use ipsmgw::interwork::{AorOwner, RegEvent};
use ipsmgw::mime::{RegInfo, RegInfoContact, Registration};
use proptest::collection::vec;
use proptest::prelude::*;

/// Text of any characters that XML has a place for, without blanks around it.
fn text() -> impl Strategy<Value = String> {
    "[!-~é🍜][ -~é🍜]{0,20}[!-~é🍜]".prop_filter("one pair of quotes is taken off", |text| {
        !text.starts_with('"')
    })
}

fn contact() -> impl Strategy<Value = RegInfoContact<'static>> {
    let parameter = (text(), text()).prop_map(|(name, value)| (name.into(), value.into()));
    (text(), any::<bool>(), vec(parameter, 0..4)).prop_map(|(uri, is_active, parameters)| {
        RegInfoContact {
            uri: uri.into(),
            is_active,
            parameters,
        }
    })
}

fn reg_info() -> impl Strategy<Value = RegInfo<'static>> {
    let registration =
        (text(), any::<bool>(), vec(contact(), 0..4)).prop_map(|(aor, is_active, contacts)| {
            Registration {
                aor: aor.into(),
                is_active,
                contacts,
            }
        });
    (any::<bool>(), vec(registration, 0..3)).prop_map(|(is_full, registrations)| RegInfo {
        is_full,
        registrations,
    })
}

fn written(info: &RegInfo<'_>) -> String {
    let escaped = |text: &str| {
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        text.replace('\'', "&apos;").replace(']', "&#93;")
    };
    let state = |is_active| if is_active { "active" } else { "terminated" };
    let mut out = format!(
        "<?xml version='1.0'?><r:reginfo xmlns:r='urn:ietf:params:xml:ns:reginfo' version='0' state='{}'>",
        if info.is_full { "full" } else { "partial" }
    );
    for registration in &info.registrations {
        let (aor, is) = (escaped(&registration.aor), state(registration.is_active));
        out += &format!("\n<r:registration aor='{aor}' id='1' state='{is}'>");
        for contact in &registration.contacts {
            let (uri, is) = (escaped(&contact.uri), state(contact.is_active));
            out +=
                &format!("<r:contact id='2' state='{is}' event='registered'><r:uri>{uri}</r:uri>");
            for (name, value) in &contact.parameters {
                let (name, value) = (escaped(name), escaped(value));
                out += &format!("<r:unknown-param name='{name}'>{value}</r:unknown-param>");
            }
            out += "</r:contact>";
        }
        out += "</r:registration>";
    }
    out + "</r:reginfo>"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_written_is_read(info in reg_info()) {
        let document = written(&info);
        prop_assert_eq!(RegInfo::decode(document.as_bytes()), Ok(info));
    }

    #[test]
    fn a_document_with_damage_is_read_or_refused(
        info in reg_info(),
        damage in vec((any::<prop::sample::Index>(), "[\0-\u{ff}<>/'&;]{0,3}", 0..20_usize), 1..4),
        theirs: bool,
    ) {
        let mut octets = written(&info).into_bytes();
        for (at, new, gone) in damage {
            let at = at.index(octets.len() + 1);
            let end = octets.len().min(at + gone);
            octets.splice(at..end, new.into_bytes());
        }
        let whose = |_: &str| if theirs { AorOwner::Subscribed } else { AorOwner::Unknown };
        match RegInfo::decode(&octets) {
            Ok(read) => {
                let contacts = read.registrations.iter().flat_map(|one| &one.contacts);
                prop_assert!(contacts.clone().all(|contact| !contact.uri.is_empty()));
                let event = RegEvent::decode(&octets, &whose).unwrap();
                let is_about_somebody_else = !theirs && !read.registrations.is_empty();
                prop_assert_eq!(event == RegEvent::SomebodyElse, is_about_somebody_else);
                prop_assert_eq!(event == RegEvent::Changed, !read.is_full && !is_about_somebody_else);
            }
            Err(error) => {
                prop_assert!(error.offset <= octets.len(), "{}", error);
                prop_assert_eq!(RegEvent::decode(&octets, &whose), Err(error));
            }
        }
    }
}
