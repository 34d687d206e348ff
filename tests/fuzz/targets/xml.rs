//! Any octets as an XML document, the first of them as its kind: it is read, or the error says where it is wrong. What is
//! read is never longer than the document, and a document type declaration is never read.
#![no_main]

use std::borrow::Cow;

use ipsmgw::base::DecodeError;
use ipsmgw::mime::{Imdn, RegInfo, ServiceInfo, recipients};

/// Octets of all texts.
fn total<'a>(texts: impl IntoIterator<Item = &'a Cow<'a, str>>) -> usize {
    texts.into_iter().map(|text| text.len()).sum()
}

fn octets_read(kind: u8, document: &[u8]) -> Result<usize, DecodeError> {
    match kind % 4 {
        0 => Imdn::decode(document).map(|imdn| {
            let optional = [
                &imdn.date_time,
                &imdn.recipient_uri,
                &imdn.original_recipient_uri,
                &imdn.subject,
            ];
            imdn.message_id.len() + total(optional.into_iter().flatten())
        }),
        1 => RegInfo::decode(document).map(|info| {
            let contacts = info.registrations.iter().flat_map(|one| &one.contacts);
            let of_contacts = contacts.map(|contact| {
                let parameters = contact.parameters.iter();
                let names_and_values = parameters.flat_map(|(name, value)| [name, value]);
                contact.uri.len() + total(names_and_values)
            });
            of_contacts.sum::<usize>() + total(info.registrations.iter().map(|one| &one.aor))
        }),
        2 => recipients(document, 20, |one, other| one == other).map(|all| {
            assert!(all.len() <= 20);
            total(all.iter().map(|one| &one.uri))
        }),
        _ => ServiceInfo::decode(document).map(|info| {
            let numbers = [info.msisdn, info.imsi];
            numbers.iter().flatten().map(String::len).sum()
        }),
    }
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((&kind, document)) = input.split_first() else {
        return;
    };
    match octets_read(kind, document) {
        Ok(octets) => {
            assert!(octets <= document.len());
            let start = document.trim_ascii_start();
            assert!(!start.starts_with(b"<!DOCTYPE"));
        }
        Err(error) => assert!(error.offset <= document.len(), "{error}"),
    }
});
