//! User data field by field (TS 23.040 clause 9.2.3.24, TS 23.038 clause 4).

use super::FieldSink;
use crate::wire::{Alphabet, ConcatenationReference, Iei, Ports, TpDcs, UserData, UserDataHeader};

/// TP-DCS and the properties that follow from it.
pub(super) fn coding(dcs: TpDcs, sink: &mut dyn FieldSink) {
    sink.number("dcs", dcs.0.into());
    coding_properties(dcs, sink);
}

/// The properties that follow from TP-DCS.
pub(super) fn coding_properties(dcs: TpDcs, sink: &mut dyn FieldSink) {
    let alphabet = match dcs.alphabet() {
        Alphabet::Gsm7 => "gsm7",
        Alphabet::EightBit => "8bit",
        Alphabet::Ucs2 => "ucs2",
    };
    sink.text("alphabet", alphabet);
    match dcs.class() {
        Some(class) => sink.number("class", u8::from(class).into()),
        None => sink.null("class"),
    }
    sink.flag("compressed", dcs.is_compressed());
    match dcs.message_waiting() {
        Some(waiting) => sink.object("mwi", &mut |sink| {
            sink.flag("active", waiting.active);
            sink.number("kind", u8::from(waiting.kind).into());
            sink.flag("store", waiting.store);
        }),
        None => sink.null("mwi"),
    }
}

/// TP-UDL, the header, and the text; the octets if there is no text.
pub(super) fn user_data(user_data: &UserData<'_>, sink: &mut dyn FieldSink) {
    sink.number("udl", user_data.length().into());
    if let Some(header) = user_data.header() {
        user_data_header(header, sink);
    }
    match user_data.text() {
        Ok(text) if !user_data.has_lone_surrogate() => sink.text("text", &text),
        _ => sink.octets("data", user_data.body()),
    }
}

fn user_data_header(header: UserDataHeader<'_>, sink: &mut dyn FieldSink) {
    let mut elements = header
        .elements()
        .map(|element| (element.iei.into(), element.data));
    sink.elements("udh", &mut elements);
    concatenation(header, sink);
    match header.ports() {
        Some(Ports::Eight {
            destination,
            originator,
        }) => {
            ports(8, destination.into(), originator.into(), sink);
        }
        Some(Ports::Sixteen {
            destination,
            originator,
        }) => {
            ports(16, destination, originator, sink);
        }
        None => {}
    }
    let (locking, single) = (header.locking_shift(), header.single_shift());
    if locking.is_some() || single.is_some() {
        sink.object("nl", &mut |sink| {
            if let Some(language) = locking {
                sink.number("locking", u8::from(language).into());
            }
            if let Some(language) = single {
                sink.number("single", u8::from(language).into());
            }
        });
    }
}

/// Null if the element cannot be read, or if a number in it is zero. A sequence number above the total is shown as
/// sent, although such a part is ignored: the reader should see it.
fn concatenation(header: UserDataHeader<'_>, sink: &mut dyn FieldSink) {
    let as_sent = || {
        let sent = header
            .elements()
            .filter_map(|element| element.concatenation());
        sent.filter(|part| part.total > 0 && part.sequence > 0)
            .last()
    };
    let Some(part) = header.concatenation().or_else(as_sent) else {
        let is_there = |iei| matches!(iei, Iei::Concatenation8 | Iei::Concatenation16);
        if header.elements().any(|element| is_there(element.iei)) {
            sink.null("concat");
        }
        return;
    };
    let (reference, bits) = match part.reference {
        ConcatenationReference::Eight(reference) => (reference.into(), 8),
        ConcatenationReference::Sixteen(reference) => (reference, 16),
    };
    sink.object("concat", &mut |sink| {
        sink.number("ref", reference.into());
        sink.number("total", part.total.into());
        sink.number("seq", part.sequence.into());
        sink.number("bits", bits);
    });
}

fn ports(bits: i64, destination: u16, originator: u16, sink: &mut dyn FieldSink) {
    sink.object("ports", &mut |sink| {
        sink.number("dst", destination.into());
        sink.number("src", originator.into());
        sink.number("bits", bits);
    });
}
