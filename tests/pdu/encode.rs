//! Fields to octets.

use ipsmgw::wire::{
    Direction, EncodeError, EncodedText, EnhancedVp, NumberingPlan, Parameters, RelativeVp, RpAck,
    RpAddress, RpCause, RpData, RpError, RpMessage, RpMr, RpSmma, SmsCommand, SmsDeliver,
    SmsDeliverReport, SmsStatusReport, SmsSubmit, SmsSubmitReport, TpAddress, TpCt, TpDcs, TpFcs,
    TpMr, TpPid, TpScts, TpSt, TpVp, Tpdu, TypeOfNumber, UserData,
};
use serde_json::{Value, json};

use super::decode;

/// The octets of one line's fields.
pub(crate) fn line(line: &Value) -> String {
    let fields = if line["expect"].is_object() {
        &line["expect"]
    } else {
        line
    };
    let octets = if fields["rp"].is_string() {
        rp(fields)
    } else {
        tpdu(fields)
    };
    match octets {
        Ok(octets) => {
            let hex: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
            json!({"id": line["id"], "hex": hex}).to_string()
        }
        Err(error) => json!({"id": line["id"], "error": error.to_string()}).to_string(),
    }
}

/// Why fields are no message.
type Error = Box<dyn std::error::Error>;

fn rp(fields: &Value) -> Result<Vec<u8>, Error> {
    let mti = octet(fields, "rp_mti")?;
    let mr = RpMr(octet(fields, "rp_mr")?);
    let direction = if mti % 2 == 0 {
        Direction::MsToNetwork
    } else {
        Direction::NetworkToMs
    };
    let user_data = match (&fields["tpdu"], &fields["tpdu_hex"]) {
        (tpdu_fields @ Value::Object(_), _) => Some(tpdu(tpdu_fields)?),
        (_, Value::Null) => None,
        (_, hex) => Some(octets(hex, "tpdu_hex")?),
    };
    let user_data = user_data.as_deref();
    let diagnostic = match &fields["diag"] {
        Value::Null => Vec::new(),
        hex => octets(hex, "diag")?,
    };
    let message = match fields["rp"].as_str() {
        Some("RP-DATA") => RpMessage::Data(RpData {
            mr,
            originator: rp_address(&fields["rp_oa"])?,
            destination: rp_address(&fields["rp_da"])?,
            user_data: user_data.ok_or("RP-DATA without tpdu")?,
        }),
        Some("RP-ACK") => RpMessage::Ack(RpAck { mr, user_data }),
        Some("RP-ERROR") => RpMessage::Error(RpError {
            mr,
            cause: RpCause::from(octet(fields, "cause")?),
            diagnostic: &diagnostic,
            user_data,
        }),
        Some("RP-SMMA") => RpMessage::Smma(RpSmma { mr }),
        _ => return Err("rp is no RP message".into()),
    };
    let mut out = Vec::new();
    message.encode(direction, &mut out)?;
    Ok(out)
}

fn rp_address(fields: &Value) -> Result<Option<RpAddress>, Error> {
    if fields.is_null() {
        return Ok(None);
    }
    let (ton, npi, value) = address_parts(fields)?;
    Ok(Some(RpAddress::new(ton, npi, value)?))
}

fn tpdu(fields: &Value) -> Result<Vec<u8>, Error> {
    let octet = |name| octet(fields, name);
    let bit = |name| octet(name).map(|bit| bit != 0);
    let storage = Storage::of(fields)?;
    let user_data = || {
        storage
            .user_data()?
            .ok_or_else(|| Error::from("no text and no data"))
    };
    let dcs = || octet("dcs").map(TpDcs);
    let failure_cause = || match &fields["fcs"] {
        Value::Null => Ok(None),
        _ => octet("fcs").map(|fcs| Some(TpFcs::from(fcs))),
    };
    let command_data;
    let tpdu = match fields["type"].as_str() {
        Some("SMS-DELIVER") => Tpdu::Deliver(SmsDeliver {
            more_messages: !bit("mms")?,
            loop_prevention: bit("lp")?,
            status_report_indication: bit("sri")?,
            reply_path: bit("rp")?,
            originating_address: address(fields)?,
            pid: TpPid(octet("pid")?),
            dcs: dcs()?,
            scts: timestamp(&fields["scts"])?,
            user_data: user_data()?,
        }),
        Some("SMS-SUBMIT") => Tpdu::Submit(SmsSubmit {
            reject_duplicates: bit("rd")?,
            status_report_request: bit("srr")?,
            reply_path: bit("rp")?,
            mr: TpMr(octet("mr")?),
            destination_address: address(fields)?,
            pid: TpPid(octet("pid")?),
            dcs: dcs()?,
            vp: validity_period(&fields["vp"])?,
            user_data: user_data()?,
        }),
        Some("SMS-DELIVER-REPORT") => Tpdu::DeliverReport(SmsDeliverReport {
            fcs: failure_cause()?,
            parameters: parameters(fields, &storage)?,
        }),
        Some("SMS-SUBMIT-REPORT") => Tpdu::SubmitReport(SmsSubmitReport {
            fcs: failure_cause()?,
            scts: timestamp(&fields["scts"])?,
            parameters: parameters(fields, &storage)?,
        }),
        Some("SMS-STATUS-REPORT") => Tpdu::StatusReport(SmsStatusReport {
            more_messages: !bit("mms")?,
            loop_prevention: bit("lp")?,
            on_command: bit("srq")?,
            mr: TpMr(octet("mr")?),
            recipient_address: address(fields)?,
            scts: timestamp(&fields["scts"])?,
            discharge_time: timestamp(&fields["dt"])?,
            status: TpSt::from(octet("st")?),
            parameters: match &fields["pi"] {
                Value::Null => None,
                _ => Some(parameters(fields, &storage)?),
            },
        }),
        Some("SMS-COMMAND") => {
            command_data = octets(&fields["cd"], "cd")?;
            Tpdu::Command(SmsCommand {
                user_data_header: bit("udhi")?,
                status_report_request: bit("srr")?,
                mr: TpMr(octet("mr")?),
                pid: TpPid(octet("pid")?),
                command_type: TpCt::from(octet("ct")?),
                message_number: TpMr(octet("mn")?),
                destination_address: address(fields)?,
                command_data: &command_data,
            })
        }
        _ => return Err("type is no TPDU".into()),
    };
    let mut out = Vec::new();
    tpdu.encode(&mut out)?;
    Ok(out)
}

fn parameters<'s>(fields: &Value, storage: &'s Storage) -> Result<Parameters<'s>, Error> {
    let indicator = octet(fields, "pi")?;
    let announced = |bit: u8| indicator & bit != 0;
    Ok(Parameters {
        reserved: indicator,
        extension: &[],
        pid: if announced(1) {
            Some(TpPid(octet(fields, "pid")?))
        } else {
            None
        },
        dcs: if announced(2) {
            Some(TpDcs(octet(fields, "dcs")?))
        } else {
            None
        },
        user_data: if announced(4) {
            storage.user_data()?
        } else {
            None
        },
    })
}

fn address(fields: &Value) -> Result<TpAddress, Error> {
    let (ton, npi, value) = address_parts(&fields["addr"])?;
    Ok(if ton == TypeOfNumber::Alphanumeric {
        TpAddress::alphanumeric(npi, value)?
    } else {
        TpAddress::from_digits(ton, npi, value)?
    })
}

fn address_parts(fields: &Value) -> Result<(TypeOfNumber, NumberingPlan, &str), Error> {
    let ton = TypeOfNumber::from(octet(fields, "ton")?);
    let npi = NumberingPlan::from(octet(fields, "npi")?);
    Ok((
        ton,
        npi,
        fields["value"].as_str().ok_or("an address without value")?,
    ))
}

/// `YY-MM-DDThh:mm:ss` and signed quarters of an hour, as the swapped decimals of TP-SCTS.
fn timestamp(fields: &Value) -> Result<TpScts, Error> {
    let local = fields["ts"].as_str().ok_or("a time without ts")?;
    let zone = fields["tzq"].as_i64().ok_or("a time without tzq")?;
    let mut values = local.split(['-', 'T', ':']).map(str::parse::<u64>);
    let mut octets = [0; 7];
    let [date_and_time @ .., zone_octet] = &mut octets;
    for octet in date_and_time {
        *octet = swapped(values.next().ok_or("ts is too short")??)?;
    }
    *zone_octet = swapped(zone.unsigned_abs())? | if zone < 0 { 0x08 } else { 0 };
    Ok(TpScts::from_octets(octets))
}

fn swapped(value: u64) -> Result<u8, Error> {
    if value > 99 {
        return Err("a time value above 99".into());
    }
    Ok(u8::try_from(((value % 10) << 4) | (value / 10))?)
}

fn validity_period(fields: &Value) -> Result<TpVp, Error> {
    Ok(match fields["fmt"].as_str() {
        None => TpVp::Absent,
        Some("relative") => TpVp::Relative(RelativeVp(octet(fields, "raw")?)),
        Some("absolute") => TpVp::Absolute(timestamp(fields)?),
        Some("enhanced") => {
            let raw = octets(&fields["raw"], "raw")?;
            TpVp::Enhanced(EnhancedVp(
                raw.try_into().map_err(|_| "raw is not 7 octets")?,
            ))
        }
        Some(_) => return Err("an unknown fmt of vp".into()),
    })
}

/// A place for the octets of user data.
enum Storage {
    Absent,
    Text(EncodedText),
    Data {
        dcs: TpDcs,
        has_header: bool,
        octets: Vec<u8>,
    },
}

impl Storage {
    fn of(fields: &Value) -> Result<Self, Error> {
        let dcs = match &fields["dcs"] {
            Value::Null => TpDcs(0),
            _ => TpDcs(octet(fields, "dcs")?),
        };
        let header = match &fields["udh"] {
            Value::Array(elements) => Some(header(elements)?),
            _ => None,
        };
        match (&fields["text"], &fields["data"], header) {
            (Value::String(text), _, Some(header)) => {
                Ok(Self::Text(EncodedText::with_header(text, dcs, &header)?))
            }
            (Value::String(text), _, None) => Ok(Self::Text(EncodedText::with_dcs(text, dcs)?)),
            (_, Value::Null, _) => Ok(Self::Absent),
            (_, data, header) => {
                let has_header = header.is_some();
                let mut all = Vec::new();
                if let Some(header) = header {
                    all.push(u8::try_from(header.len())?);
                    all.extend(header);
                }
                all.extend(octets(data, "data")?);
                Ok(Self::Data {
                    dcs,
                    has_header,
                    octets: all,
                })
            }
        }
    }

    fn user_data(&self) -> Result<Option<UserData<'_>>, EncodeError> {
        Ok(match self {
            Self::Absent => None,
            Self::Text(text) => Some(text.user_data()),
            Self::Data {
                dcs,
                has_header,
                octets,
            } => Some(UserData::from_octets(
                *dcs,
                *has_header,
                octets.len(),
                octets,
            )?),
        })
    }
}

/// `[["IEI","data"],...]` as elements.
fn header(elements: &[Value]) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    for element in elements {
        out.extend(octets(&element[0], "udh")?);
        let data = octets(&element[1], "udh")?;
        out.push(u8::try_from(data.len())?);
        out.extend(data);
    }
    Ok(out)
}

fn octet(fields: &Value, name: &str) -> Result<u8, Error> {
    let value = fields[name]
        .as_u64()
        .ok_or_else(|| format!("{name} is missing"))?;
    Ok(u8::try_from(value).map_err(|_| format!("{name} is no octet"))?)
}

fn octets(hex: &Value, name: &str) -> Result<Vec<u8>, Error> {
    Ok(decode::octets(hex).ok_or_else(|| format!("{name} is no hexadecimal string"))?)
}
