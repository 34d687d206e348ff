//! Test data of other projects: octets and their values (`tests/vectors/README.md`).

#[path = "pdu/decode.rs"]
mod decode;
#[path = "pdu/encode.rs"]
mod encode;
#[path = "pdu/json.rs"]
mod json;
#[path = "pdu/segment.rs"]
mod segment;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use ipsmgw::wire::describe::is_rp;
use ipsmgw::wire::{
    Carrier, Concatenation, Direction, EncodedText, Inserted, NationalLanguage, Parts, RpMessage,
    TpDcs, Tpdu, UserData,
};
use serde_json::{Map, Value};

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vectors")
        .join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn vectors(name: &str) -> Vec<Value> {
    file(name)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Lists the differences: each field of `expected` must be there, equal or as `accept` allows.
fn differences(
    expected: &Map<String, Value>,
    found: &Value,
    accept: &Value,
    path: &str,
) -> Vec<String> {
    let mut all = Vec::new();
    for (name, value) in expected {
        let path = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        if let Value::Object(fields) = value {
            all.extend(differences(fields, &found[name], accept, &path));
            continue;
        }
        let absent = found.get(name).is_none();
        let accepted = accept[&path]
            .as_array()
            .is_some_and(|accept| accept.contains(&found[name]));
        if (absent || found[name] != *value) && !accepted {
            all.push(format!(
                "{path}: expected {value}, found {:?}",
                found.get(name)
            ));
        }
    }
    all
}

#[test]
fn messages_read_as_expected() {
    let vectors = vectors("messages.jsonl");
    let mut wrong = Vec::new();
    for vector in &vectors {
        let found: Value = serde_json::from_str(&decode::line(vector)).unwrap();
        let (rejected, expected) = (found["error"].is_object(), &vector["expect"]);
        if expected["error"].is_string() {
            if expected["severity"] == "must" && !rejected {
                wrong.push(format!("{}: accepted", vector["id"]));
            }
        } else if rejected {
            wrong.push(format!("{}: {}", vector["id"], found["error"]));
        } else {
            let differences =
                differences(expected.as_object().unwrap(), &found, &vector["accept"], "");
            wrong.extend(
                differences
                    .iter()
                    .map(|line| format!("{}: {line}", vector["id"])),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(vectors.len(), 683);
}

/// Messages with octets that a value does not keep: which octets, and the source.
const NOT_CANONICAL: &[(&str, &[&str])] = &[
    (
        "octets behind the message",
        &["ims-lu-bad-rp-udl", "warthog-ud-overlength"],
    ),
    ("TP-UDHI without user data", &["syn-udhi-udl0"]),
    ("reserved TP-MTI", &["syn-mti3-mt"]),
    (
        "RP-Cause without its extension bit",
        &["vosharp-rperror-95", "syn-rp-err-mt-ext0"],
    ),
    ("an unknown element", &["syn-rp-ack-unknown-ie"]),
];

#[test]
fn octets_survive_a_round_trip() {
    let mut changed = Vec::new();
    for vector in vectors("messages.jsonl") {
        let octets = decode::octets(&vector["hex"]).unwrap();
        let mut back = Vec::new();
        if vector["layer"] == "rp" {
            let Ok((direction, message)) = RpMessage::decode(&octets) else {
                continue;
            };
            message.encode(direction, &mut back).unwrap();
        } else {
            let mo = vector["dir"] == "mo";
            let direction = if mo {
                Direction::MsToNetwork
            } else {
                Direction::NetworkToMs
            };
            let error = vector["ctx"] == "error";
            let carrier = if error {
                Carrier::RpError
            } else {
                Carrier::RpAck
            };
            let Ok(tpdu) = Tpdu::decode(direction, carrier, &octets) else {
                continue;
            };
            tpdu.encode(&mut back).unwrap();
        }
        if back != octets {
            changed.push(vector["id"].as_str().unwrap().to_owned());
        }
    }
    let mut known: Vec<&str> = NOT_CANONICAL
        .iter()
        .flat_map(|(_, ids)| *ids)
        .copied()
        .collect();
    known.sort_unstable();
    changed.sort_unstable();
    assert_eq!(changed, known);
}

/// Every message that is described is built again from its description, and reads the same.
#[test]
fn descriptions_are_complete() {
    let mut built = 0;
    for vector in vectors("messages.jsonl") {
        let described = decode::line(&vector);
        let mut fields: Value = serde_json::from_str(&described).unwrap();
        // A date of filler octets has no two-digit form.
        if fields["error"].is_object() || vector["id"] == "syn-ts-all-ff" {
            continue;
        }
        let again: Value = serde_json::from_str(&encode::line(&fields)).unwrap();
        let line = serde_json::json!({
            "id": vector["id"], "layer": vector["layer"], "dir": vector["dir"],
            "ctx": vector["ctx"], "hex": again["hex"],
        });
        let mut again: Value = serde_json::from_str(&decode::line(&line)).unwrap();
        for fields in [&mut fields, &mut again] {
            // Escapes and odd octets that leave no trace in the text.
            fields.as_object_mut().unwrap().remove("udl");
            fields.as_object_mut().unwrap().remove("tpdu_hex");
        }
        assert_eq!(again, fields, "{}", vector["hex"]);
        built += 1;
    }
    assert!(built > 560, "{built}");
}

#[test]
fn segmentation() {
    let vectors = vectors("segmentation.jsonl");
    let mut wrong = Vec::new();
    for vector in &vectors {
        let found: Value = serde_json::from_str(&segment::line(vector)).unwrap();
        for name in ["alphabet", "units", "parts", "part_chars"] {
            if vector.get(name).is_some() && vector[name] != found[name] {
                wrong.push(format!(
                    "{}: {name}: {} is not {}",
                    vector["id"], found[name], vector[name]
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(vectors.len(), 57);
}

/// Bodies of SIP requests, most of them from live networks or from clients that worked there.
#[test]
fn sip_bodies() {
    let vectors = vectors("sip_bodies.jsonl");
    for vector in &vectors {
        let line = serde_json::json!({"id": vector["id"], "layer": "rp", "hex": vector["rp_hex"]});
        let found: Value = serde_json::from_str(&decode::line(&line)).unwrap();
        let expected = vector["rp"].as_object().unwrap();
        // Octets replaced by U+FFFD on the way: the length octet of RP-UD became 0, and an RP-DATA without a
        // TPDU is none.
        if expected.contains_key("error") || vector["id"] == "sip-mo_utf8_replaced" {
            assert!(found["error"].is_object(), "{found}");
        } else {
            let differences = differences(expected, &found, &Value::Null, "");
            assert!(
                differences.is_empty(),
                "{}: {}",
                vector["id"],
                differences.join("\n")
            );
        }
    }
    assert!(vectors.len() > 20);
}

/// An RP message is never read as a TPDU, nor a TPDU as an RP message.
#[test]
fn rp_messages_and_tpdus_are_distinguished() {
    let mut seen = [0, 0];
    for vector in vectors("messages.jsonl") {
        let octets = decode::octets(&vector["hex"]).unwrap();
        if vector["expect"]["error"].is_string() || vector["error"].is_string() {
            continue;
        }
        let is_rp_message = vector["layer"] == "rp";
        // An element that no RP message has may stand in a TPDU.
        let is_clear = !vector["id"].as_str().unwrap().ends_with("unknown-ie");
        let expected = is_rp_message && is_clear;
        assert_eq!(is_rp(&octets), expected, "{}", vector["id"]);
        seen[usize::from(is_rp_message)] += 1;
    }
    assert!(seen[0] > 300 && seen[1] > 30, "{seen:?}");
}

/// Parts that are no text alone, and their text together.
const TEXTS_OF_GROUPS: &[(&str, &str)] = &[("ucs2-split", "abc😀def")];

/// Parts of the same message, by the `group` that the vectors put them in, are joined to the text that their own
/// texts make, each in its place.
#[test]
fn groups_join() {
    let vectors = vectors("messages.jsonl");
    let mut groups: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for vector in &vectors {
        if let Some(group) = vector["group"].as_str() {
            groups.entry(group).or_default().push(vector);
        }
    }
    let mut complete = 0;
    for (group, members) in groups {
        let octets = |vector: &&Value| decode::octets(&vector["hex"]).unwrap();
        let octets: Vec<Vec<u8>> = members.iter().map(octets).collect();
        let user_data: Vec<UserData<'_>> = octets.iter().map(|octets| user_data(octets)).collect();
        let Some(first) = user_data.iter().find_map(UserData::concatenation) else {
            continue;
        };
        let mut parts = Parts::of(&first);
        for part in &user_data {
            // Both are seen: the same part twice, and an unrelated message under the same reference.
            let inserted = parts.insert(*part);
            assert!(inserted != Inserted::Foreign || part.concatenation() != Some(first));
        }
        if !parts.is_complete() {
            continue;
        }
        let expected = match TEXTS_OF_GROUPS.iter().find(|(name, _)| *name == group) {
            Some((_, text)) => (*text).to_owned(),
            None => {
                let in_order: BTreeMap<_, _> = members
                    .iter()
                    .map(|vector| &vector["expect"])
                    .filter_map(|expect| {
                        Some((expect["concat"]["seq"].as_u64()?, expect["text"].as_str()?))
                    })
                    .collect();
                in_order.into_values().collect()
            }
        };
        let mut text = String::new();
        parts.text_into("(gap)", &mut text).unwrap();
        assert_eq!(text, expected, "{group}");
        complete += 1;
    }
    assert_eq!(complete, 11);
}

fn user_data(octets: &[u8]) -> UserData<'_> {
    let mo = octets[0] & 0b11 == 0b01;
    let direction = if mo {
        Direction::MsToNetwork
    } else {
        Direction::NetworkToMs
    };
    match Tpdu::decode(direction, Carrier::RpData, octets).unwrap() {
        Tpdu::Submit(submit) => submit.user_data,
        Tpdu::Deliver(deliver) => deliver.user_data,
        other => panic!("{other:?}"),
    }
}

/// Rows of a table in `tests/vectors/tables`: name, columns.
fn table(name: &str) -> Vec<Vec<String>> {
    let text = file(&format!("tables/{name}"));
    let rows = text.lines().filter(|line| !line.starts_with('#'));
    rows.map(|row| row.split('\t').map(str::to_owned).collect())
        .collect()
}

/// Cells whose sources disagree, and the value here: (language, whether locking, code, character).
const DISPUTED: &[(u8, bool, u8, char)] = &[(7, true, 0x24, '\u{0ca1}'), (12, false, 0x65, '€')];

/// Every cell of every alphabet table, through the octets of a message.
#[test]
fn alphabet_tables() {
    const NAMES: [&str; 14] = [
        "default",
        "turkish",
        "spanish",
        "portuguese",
        "bengali",
        "gujarati",
        "hindi",
        "kannada",
        "malayalam",
        "oriya",
        "punjabi",
        "tamil",
        "telugu",
        "urdu",
    ];
    let mut cells = 0;
    for (language, name) in (0_u8..).zip(NAMES) {
        for (kind, locking) in [("locking", true), ("single", false)] {
            if locking && language == u8::from(NationalLanguage::Spanish) {
                continue;
            }
            for row in table(&format!("{kind}_{language:02}_{name}.tsv")) {
                let code = u8::from_str_radix(&row[0], 16).unwrap();
                let disputed = DISPUTED
                    .iter()
                    .find(|(l, k, c, _)| (*l, *k, *c) == (language, locking, code));
                let character = match disputed {
                    Some((.., character)) => Some(*character),
                    None => u32::from_str_radix(&row[1], 16)
                        .ok()
                        .and_then(char::from_u32),
                };
                // A control code or an open cell: other tests say how they show.
                let Some(character) = character else { continue };
                assert_eq!(
                    read(language, locking, code),
                    character.to_string(),
                    "{name} {row:?}"
                );
                cells += 1;
            }
        }
    }
    assert!(cells > 2000, "{cells}");
}

/// The text of one code, behind an escape when it is of the single shift table.
fn read(language: u8, locking: bool, code: u8) -> String {
    let septets: Vec<u8> = if locking {
        vec![code]
    } else {
        vec![0x1b, code]
    };
    let identifier = if locking { 0x25 } else { 0x24 };
    // UDHL and the element are 4 octets: the text starts at septet 5, after 3 fill bits.
    let packed = septets
        .iter()
        .rev()
        .fold(0_u32, |bits, septet| bits << 7 | u32::from(*septet))
        << 3;
    let mut octets = vec![3, identifier, 1, language];
    octets.extend(
        packed
            .to_le_bytes()
            .iter()
            .take(if locking { 2 } else { 3 }),
    );
    UserData::from_octets(TpDcs(0), true, 5 + septets.len(), &octets)
        .unwrap()
        .text()
        .unwrap()
}

/// All 256 values of TP-DCS.
#[test]
fn data_coding_schemes() {
    let rows = table("dcs.tsv");
    assert_eq!(rows.len(), 256);
    for row in rows {
        let dcs = u8::from_str_radix(&row[0], 16).unwrap();
        let line = serde_json::json!({"id": 0, "layer": "tpdu", "dir": "mt", "hex":
            format!("04 00 80 00 {dcs:02x} 00000000000000 00").replace(' ', "")});
        let found: Value = serde_json::from_str(&decode::line(&line)).unwrap();
        assert_eq!(found["alphabet"], row[1], "{row:?}");
        assert_eq!(found["compressed"], row[2] == "1", "{row:?}");
        assert_eq!(found["class"].as_i64(), row[3].parse().ok(), "{row:?}");
        let waiting = match &found["mwi"] {
            Value::Null => "-".to_owned(),
            waiting => {
                let kind = waiting["kind"].as_u64().unwrap();
                format!(
                    "{},{},{}",
                    if waiting["active"] == true {
                        "active"
                    } else {
                        "inactive"
                    },
                    ["voicemail", "fax", "email", "other"][usize::try_from(kind).unwrap()],
                    if waiting["store"] == true {
                        "store"
                    } else {
                        "discard"
                    },
                )
            }
        };
        assert_eq!(waiting, row[4], "{row:?}");
    }
}

/// A text in each language comes back through tables that were chosen for it.
#[test]
fn national_texts_are_encoded_and_read() {
    use ipsmgw::wire::TextCoding;
    for vector in vectors("messages.jsonl") {
        let fields = &vector["expect"];
        let (Some(text), true) = (fields["text"].as_str(), fields["nl"].is_object()) else {
            continue;
        };
        let language = |name: &str| {
            let identifier = fields["nl"][name].as_u64().unwrap_or_default();
            NationalLanguage::from(u8::try_from(identifier).unwrap())
        };
        let coding = TextCoding::Gsm7 {
            locking: language("locking"),
            single: language("single"),
        };
        if coding
            .units(text)
            .is_some_and(|units| units <= coding.capacity(None))
        {
            let encoded = EncodedText::with_coding(text, coding).unwrap();
            assert_eq!(encoded.user_data().text().as_deref(), Ok(text));
            assert_eq!(encoded.user_data().concatenation(), None::<Concatenation>);
        }
    }
}
