//! The few short messages that a load needs, written without the gateway's codec: texts in letters
//! of the GSM 7-bit default alphabet that are the same in ASCII.

/// An RP message as the other side sent it, as far as a load looks at it.
pub(crate) enum Rp {
    /// RP-DATA with an SMS-DELIVER: RP-MR and the text.
    Deliver { mr: u8, text: String },
    /// RP-ACK.
    Ack,
    /// RP-ERROR with its RP-Cause.
    Error { cause: u8 },
}

/// The septets of a text, packed (TS 23.038 clause 6.1.2.1).
fn packed(text: &str) -> Vec<u8> {
    let mut octets = Vec::with_capacity(text.len());
    let (mut bits, mut count) = (0u32, 0);
    for letter in text.bytes() {
        bits |= u32::from(letter & 0x7F) << count;
        count += 7;
        while count >= 8 {
            octets.push((bits & 0xFF) as u8);
            bits >>= 8;
            count -= 8;
        }
    }
    if count > 0 {
        octets.push((bits & 0xFF) as u8);
    }
    octets
}

fn unpacked(octets: &[u8], septets: usize) -> String {
    let mut text = String::with_capacity(septets);
    let (mut bits, mut count) = (0u32, 0);
    for octet in octets {
        bits |= u32::from(*octet) << count;
        count += 8;
        while count >= 7 && text.len() < septets {
            text.push(char::from((bits & 0x7F) as u8));
            bits >>= 7;
            count -= 7;
        }
    }
    text
}

/// Type of number and the swapped digits of an international number.
fn digits(number: &str) -> Vec<u8> {
    let digits: Vec<u8> = number
        .trim_start_matches('+')
        .bytes()
        .map(|d| d - b'0')
        .collect();
    let pairs = digits
        .chunks(2)
        .map(|pair| pair[0] | pair.get(1).unwrap_or(&0xF) << 4);
    std::iter::once(0x91).chain(pairs).collect()
}

/// RP-DATA with an SMS-SUBMIT.
pub(crate) fn submit(mr: u8, centre: &str, to: &str, text: &str) -> Vec<u8> {
    let (centre, user_data) = (digits(centre), packed(text));
    let mut tpdu = vec![0x01, mr, (to.len() - 1) as u8]; // SMS-SUBMIT, TP-MR, digits of TP-DA
    tpdu.extend(digits(to));
    tpdu.extend([0x00, 0x00, text.len() as u8]); // TP-PID, TP-DCS, TP-UDL
    tpdu.extend(user_data);
    let mut octets = vec![0x00, mr, 0x00, centre.len() as u8]; // RP-MTI, RP-MR, no RP-OA, RP-DA
    octets.extend(centre);
    octets.push(tpdu.len() as u8);
    octets.extend(tpdu);
    octets
}

/// RP-ACK with an SMS-DELIVER-REPORT.
pub(crate) fn ack(mr: u8) -> Vec<u8> {
    vec![0x02, mr, 0x41, 2, 0x00, 0x00]
}

/// Reads an RP message from the network; `None` for anything that a load does not make.
pub(crate) fn decode(octets: &[u8]) -> Option<Rp> {
    match octets.first()? & 7 {
        1 => deliver(octets),
        3 => Some(Rp::Ack),
        5 => Some(Rp::Error {
            cause: octets.get(3)? & 0x7F,
        }),
        _ => None,
    }
}

fn deliver(octets: &[u8]) -> Option<Rp> {
    let originator = usize::from(*octets.get(2)?);
    let destination = usize::from(*octets.get(3 + originator)?);
    // Behind RP-OA, RP-DA and the length of RP-UD
    let tpdu = octets.get(5 + originator + destination..)?;
    let address = usize::from(*tpdu.get(1)?).div_ceil(2);
    // First octet, TP-OA, TP-PID, TP-DCS, TP-SCTS
    let user_data = tpdu.get(3 + address + 2 + 7..)?;
    let text = unpacked(user_data.get(1..)?, usize::from(*user_data.first()?));
    Some(Rp::Deliver {
        mr: *octets.get(1)?,
        text,
    })
}
