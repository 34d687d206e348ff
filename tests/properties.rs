//! What holds for every value and for every octet string: a value written and read is the same value, octets
//! read and written are the same octets or become canonical, and nothing panics.

#[path = "pdu/json.rs"]
mod json;

use ipsmgw::wire::describe::{describe_rp, describe_tpdu};
use ipsmgw::wire::*;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::json::JsonFields;

fn round_trip(tpdu: &Tpdu<'_>, carrier: Carrier) {
    let mut octets = Vec::new();
    tpdu.encode(&mut octets).unwrap();
    assert_eq!(
        Tpdu::decode(tpdu.direction(), carrier, &octets).as_ref(),
        Ok(tpdu)
    );
}

fn ton() -> impl Strategy<Value = TypeOfNumber> {
    (0..8_u8).prop_map(TypeOfNumber::from)
}

fn npi() -> impl Strategy<Value = NumberingPlan> {
    (0..16_u8).prop_map(NumberingPlan::from)
}

fn tp_address() -> impl Strategy<Value = TpAddress> {
    let digits = (ton(), npi(), "[0-9*#abc]{0,20}").prop_map(|(ton, npi, digits)| match ton {
        TypeOfNumber::Alphanumeric => TpAddress::alphanumeric(npi, "Ünicöde@"),
        ton => TpAddress::from_digits(ton, npi, &digits),
    });
    let name = "[A-Za-z0-9 @ÄÖÑÜà]{0,11}".prop_map(|name| TpAddress::from_text(&name));
    prop_oneof![digits, name].prop_map(Result::unwrap)
}

fn rp_address() -> impl Strategy<Value = RpAddress> {
    (ton(), npi(), "[0-9*#abc]{1,20}")
        .prop_map(|(ton, npi, digits)| RpAddress::new(ton, npi, &digits).unwrap())
}

fn scts() -> impl Strategy<Value = TpScts> {
    prop_oneof![
        any::<[u8; 7]>().prop_map(TpScts::from_octets),
        (631_152_000..3_786_825_600_i64, any::<i8>())
            .prop_map(|(seconds, zone)| TpScts::from_unix(seconds, zone)),
    ]
}

fn vp() -> impl Strategy<Value = TpVp> {
    prop_oneof![
        Just(TpVp::Absent),
        any::<u8>().prop_map(|octet| TpVp::Relative(RelativeVp(octet))),
        any::<[u8; 7]>().prop_map(|octets| TpVp::Enhanced(EnhancedVp(octets))),
        scts().prop_map(TpVp::Absolute),
    ]
}

/// TP-DCS, TP-UDHI and octets of which a part is user data.
fn raw_user_data() -> impl Strategy<Value = (TpDcs, bool, Vec<u8>)> {
    let header = vec((any::<u8>(), vec(any::<u8>(), 0..6)), 0..4);
    (any::<u8>(), option::of(header), vec(any::<u8>(), 0..100)).prop_map(|(dcs, header, body)| {
        let mut octets = Vec::new();
        if let Some(elements) = &header {
            let elements = elements.iter().flat_map(|(iei, data)| {
                [*iei, data.len() as u8]
                    .into_iter()
                    .chain(data.iter().copied())
            });
            let elements: Vec<u8> = elements.collect();
            octets.push(elements.len() as u8);
            octets.extend(elements);
        }
        octets.extend(body);
        (TpDcs(dcs), header.is_some(), octets)
    })
}

fn user_data(raw: &(TpDcs, bool, Vec<u8>)) -> UserData<'_> {
    let (dcs, indicator, octets) = raw;
    let length = if dcs.counts_septets() {
        octets.len() * 8 / 7
    } else {
        octets.len()
    };
    UserData::from_octets(*dcs, *indicator, length, octets).unwrap()
}

/// Bits 6 to 3, an extension, TP-PID, TP-DCS, and user data in that coding.
type RawParameters = (
    u8,
    Vec<u8>,
    Option<u8>,
    bool,
    Option<(TpDcs, bool, Vec<u8>)>,
);

fn raw_parameters() -> impl Strategy<Value = RawParameters> {
    let extension = vec(0x80_u8.., 0..2).prop_flat_map(|more| {
        option::of(0..0x80_u8).prop_map(move |last| match last {
            Some(last) => [more.clone(), vec![last]].concat(),
            None => Vec::new(),
        })
    });
    let fits_a_report = |(_, _, octets): &(TpDcs, bool, Vec<u8>)| octets.len() < 120;
    let user_data = option::of(raw_user_data().prop_filter("too long", fits_a_report));
    (
        any::<u8>(),
        extension,
        option::of(any::<u8>()),
        any::<bool>(),
        user_data,
    )
}

fn parameters(raw: &RawParameters) -> Parameters<'_> {
    let (reserved, extension, pid, has_dcs, raw_user_data) = raw;
    let user_data = raw_user_data.as_ref().map(user_data);
    let dcs = user_data.map_or(TpDcs(0), |user_data| user_data.dcs());
    Parameters {
        reserved: reserved & 0b0111_1000,
        extension,
        pid: pid.map(TpPid),
        // Without TP-DCS user data is in the default alphabet.
        dcs: (*has_dcs || dcs != TpDcs(0)).then_some(dcs),
        user_data,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn deliver(
        flags: [bool; 4], address in tp_address(), pid: u8, scts in scts(), raw in raw_user_data()
    ) {
        let [more_messages, loop_prevention, status_report_indication, reply_path] = flags;
        let user_data = user_data(&raw);
        round_trip(&Tpdu::Deliver(SmsDeliver {
            more_messages, loop_prevention, status_report_indication, reply_path,
            originating_address: address, pid: TpPid(pid), dcs: user_data.dcs(), scts, user_data,
        }), Carrier::RpData);
    }

    #[test]
    fn submit(
        flags: [bool; 3], mr: u8, address in tp_address(), pid: u8, vp in vp(),
        raw in raw_user_data()
    ) {
        let [reject_duplicates, status_report_request, reply_path] = flags;
        let user_data = user_data(&raw);
        round_trip(&Tpdu::Submit(SmsSubmit {
            reject_duplicates, status_report_request, reply_path, mr: TpMr(mr),
            destination_address: address, pid: TpPid(pid), dcs: user_data.dcs(), vp, user_data,
        }), Carrier::RpData);
    }

    #[test]
    fn reports(fcs: Option<u8>, scts in scts(), raw in raw_parameters()) {
        let carrier = if fcs.is_some() { Carrier::RpError } else { Carrier::RpAck };
        let (fcs, parameters) = (fcs.map(TpFcs::from), parameters(&raw));
        round_trip(&Tpdu::DeliverReport(SmsDeliverReport { fcs, parameters }), carrier);
        round_trip(&Tpdu::SubmitReport(SmsSubmitReport { fcs, scts, parameters }), carrier);
    }

    #[test]
    fn status_report(
        flags: [bool; 3], mr: u8, address in tp_address(), times in [scts(), scts()], status: u8,
        raw in option::of(raw_parameters())
    ) {
        let [more_messages, loop_prevention, on_command] = flags;
        let [scts, discharge_time] = times;
        round_trip(&Tpdu::StatusReport(SmsStatusReport {
            more_messages, loop_prevention, on_command, mr: TpMr(mr), recipient_address: address, scts,
            discharge_time, status: TpSt::from(status), parameters: raw.as_ref().map(parameters),
        }), Carrier::RpData);
    }

    #[test]
    fn command(
        flags: [bool; 2], octets: [u8; 4], address in tp_address(), data in vec(any::<u8>(), 0..157)
    ) {
        let [user_data_header, status_report_request] = flags;
        let [mr, pid, command_type, message_number] = octets;
        round_trip(&Tpdu::Command(SmsCommand {
            user_data_header, status_report_request, mr: TpMr(mr), pid: TpPid(pid),
            command_type: TpCt::from(command_type), message_number: TpMr(message_number),
            destination_address: address, command_data: &data,
        }), Carrier::RpData);
    }

    #[test]
    fn rp_messages(
        from_network: bool, mr: u8, originator in option::of(rp_address()),
        destination in option::of(rp_address()), cause in 0..128_u8,
        diagnostic in vec(any::<u8>(), 0..3), data in vec(any::<u8>(), 0..230), report: bool
    ) {
        let direction =
            if from_network { Direction::NetworkToMs } else { Direction::MsToNetwork };
        let (mr, cause) = (RpMr(mr), RpCause::from(cause));
        let user_data = report.then_some(&data[..]);
        for message in [
            RpMessage::Data(RpData { mr, originator, destination, user_data: &data }),
            RpMessage::Ack(RpAck { mr, user_data }),
            RpMessage::Error(RpError { mr, cause, diagnostic: &diagnostic, user_data }),
        ] {
            let mut octets = Vec::new();
            message.encode(direction, &mut octets).unwrap();
            prop_assert_eq!(RpMessage::decode(&octets), Ok((direction, message)));
        }
    }

    /// Whatever the octets are, they are read, shown and written without a panic; and what was written is
    /// canonical: read and written again it stays.
    #[test]
    fn any_octets(octets in prop_oneof![vec(any::<u8>(), 0..200), mutated()]) {
        let mut json = String::new();
        let _ = describe_rp(&octets, &mut JsonFields::first(&mut json));
        if let Ok((direction, message)) = RpMessage::decode(&octets) {
            let (mut first, mut second) = (Vec::new(), Vec::new());
            message.encode(direction, &mut first).unwrap();
            RpMessage::decode(&first).unwrap().1.encode(direction, &mut second).unwrap();
            prop_assert_eq!(first, second);
        }
        for direction in [Direction::MsToNetwork, Direction::NetworkToMs] {
            for carrier in [Carrier::RpData, Carrier::RpAck, Carrier::RpError] {
                let _ = describe_tpdu(direction, carrier, &octets, &mut JsonFields::first(&mut json));
                let Ok(tpdu) = Tpdu::decode(direction, carrier, &octets) else { continue };
                let (mut first, mut second) = (Vec::new(), Vec::new());
                tpdu.encode(&mut first).unwrap();
                Tpdu::decode(direction, carrier, &first).unwrap().encode(&mut second).unwrap();
                prop_assert_eq!(first, second);
            }
        }
    }

    /// A text comes back whole through any coding that holds it, in any number of parts, in any order.
    #[test]
    fn texts(
        text in prop_oneof![
            "[ -~\n€éÄΔ]{0,400}", "[ğşıİçŞa-z€]{0,400}", "\\PC{0,200}", "[😀👩\u{200d}\u{301}aЖ🇫🇷]{0,200}"
        ],
        sixteen: bool, graphemes: bool, rotation in 0..10_usize
    ) {
        let languages = [NationalLanguage::Turkish, NationalLanguage::Portuguese];
        let reference = if sixteen {
            ConcatenationReference::Sixteen(0x1234)
        } else {
            ConcatenationReference::Eight(0x12)
        };
        let cut = if graphemes { Cut::Graphemes } else { Cut::Characters };
        let coding = TextCoding::of(&text, &languages);
        let segments = Segments::of(&text, coding, reference, cut).unwrap();
        let mut encoded: Vec<EncodedText> = segments.parts().collect();
        prop_assert_eq!(encoded.len(), usize::from(segments.total()));
        let rotation = rotation % encoded.len();
        encoded.rotate_left(rotation);
        let mut whole = String::new();
        match encoded[0].user_data().concatenation() {
            None => encoded[0].user_data().text_into(&mut whole).unwrap(),
            Some(part) => {
                let mut parts = Parts::of(&part);
                for part in &encoded {
                    prop_assert_eq!(parts.insert(part.user_data()), Inserted::New);
                    prop_assert_eq!(parts.insert(part.user_data()), Inserted::Repeated);
                }
                prop_assert!(parts.is_complete());
                parts.text_into("?", &mut whole).unwrap();
            }
        }
        prop_assert_eq!(whole, text);
    }
}

/// A message that is nearly right.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let messages: Vec<Vec<u8>> = include_str!("vectors/messages.jsonl")
        .lines()
        .map(|line| {
            let vector: serde_json::Value = serde_json::from_str(line).unwrap();
            let hex = vector["hex"].as_str().unwrap();
            let digits: Vec<u8> = hex
                .chars()
                .map(|digit| digit.to_digit(16).unwrap() as u8)
                .collect();
            digits
                .chunks(2)
                .map(|pair| pair[0] << 4 | pair[1])
                .collect()
        })
        .collect();
    let change = (any::<prop::sample::Index>(), any::<u8>());
    (prop::sample::select(messages), vec(change, 0..4)).prop_map(|(mut octets, changes)| {
        for (at, value) in changes {
            if !octets.is_empty() {
                let at = at.index(octets.len());
                octets[at] = value;
            }
        }
        octets
    })
}
