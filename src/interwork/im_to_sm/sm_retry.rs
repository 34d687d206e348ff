//! IM -> SM: once more, where the SMS side's refusal says what may help (row IM-16).

use crate::host::{Exchange, ExchangeId, Octets, Party, State};
use crate::interwork::handle::Turn;
use crate::wire::{
    Alphabet, EncodedText, RpMessage, SmsDeliver, SmsSubmit, TextCoding, TpDcs, TpVp, Tpdu,
    UserData,
};

/// TP-FCSs (TS 23.040 §9.2.3.22): data coding scheme (alphabet) not supported, message class not supported,
/// unspecified TP-DCS error, TP-VPF not supported, TP-VP not supported, unspecified.
const ALPHABET: u8 = 0x90;
const MESSAGE_CLASS: u8 = 0x91;
const DCS: u8 = 0x9F;
const VPF: u8 = 0xC6;
const VP: u8 = 0xC7;
const UNSPECIFIED: u8 = 0xFF;

/// RP-Causes (TS 24.011 §8.2.5.4) that pass: temporary failure, resources unavailable.
const PASSING: [u8; 2] = [41, 47];

/// How long such a cause gets to pass.
const PAUSE_MS: u64 = 2_000;

impl Turn<'_> {
    /// Whether what the SMS side refused so goes once more: in a form that it can take, or a little later.
    pub(crate) fn goes_again(&mut self, id: ExchangeId, cause: u8, fcs: Option<u8>) -> bool {
        let Some(exchange) = self.store.get_mut(id) else {
            return false;
        };
        let now = self.now.monotonic_ms;
        if exchange.refused_at > 0 || exchange.status_report || exchange.expires_ms < now {
            return false;
        }
        let another = fcs.and_then(|fcs| another_form(exchange, fcs));
        let passes = exchange.party == Party::ServiceCentre
            && PASSING.contains(&cause)
            && matches!(fcs, None | Some(UNSPECIFIED))
            && (!exchange.held || now + 2 * PAUSE_MS < exchange.hold_until_ms);
        if another.is_none() && !passes {
            return false;
        }
        exchange.refused_at = exchange.attempts;
        exchange.taken = 0;
        let (identity, party) = (exchange.identity, exchange.party);
        match another {
            Some(pdu) => {
                exchange.pdu = pdu;
                exchange.state = State::Queued;
                self.start_next(&identity, party);
            }
            None => {
                exchange.state = State::Pausing;
                self.store.wake_at(id, now + PAUSE_MS);
            }
        }
        true
    }
}

/// The RP-DATA of an exchange as the SMS side may take it that refused it so. One that would need more
/// parts is none: those that follow count on how many there are.
fn another_form(exchange: &Exchange, fcs: u8) -> Option<Octets<254>> {
    let (direction, rp) = RpMessage::decode(exchange.pdu.as_slice()).ok()?;
    let tpdu = rp.tpdu(direction)?.ok()?;
    let user_data = match &tpdu {
        Tpdu::Deliver(deliver) => deliver.user_data,
        Tpdu::Submit(submit) => submit.user_data,
        _ => return None,
    };
    let dcs = user_data.dcs();
    let encoded;
    let (dcs, user_data) = match fcs {
        ALPHABET | DCS => {
            encoded = in_other_alphabet(&user_data)?;
            let user_data = encoded.user_data();
            let class = |class| user_data.dcs().with_class(class);
            (dcs.class().map_or(user_data.dcs(), class), user_data)
        }
        MESSAGE_CLASS => {
            dcs.class()?;
            let dcs = TpDcs::of(dcs.alphabet());
            let has_header = user_data.header().is_some();
            let length = usize::from(user_data.length());
            let user_data =
                UserData::from_octets(dcs, has_header, length, user_data.octets()).ok()?;
            (dcs, user_data)
        }
        VPF | VP => (dcs, user_data),
        _ => return None,
    };
    let tpdu = match tpdu {
        Tpdu::Deliver(deliver) if !matches!(fcs, VPF | VP) => Tpdu::Deliver(SmsDeliver {
            dcs,
            user_data,
            ..deliver
        }),
        Tpdu::Submit(submit) => Tpdu::Submit(SmsSubmit {
            dcs,
            user_data,
            vp: match fcs {
                // There is something to leave out.
                VPF | VP if submit.vp == TpVp::Absent => return None,
                VPF | VP => TpVp::Absent,
                _ => submit.vp,
            },
            ..submit
        }),
        _ => return None,
    };
    let mut octets = Vec::with_capacity(192);
    rp.encode_with(direction, &tpdu, &mut octets).ok()?;
    Octets::new(&octets)
}

/// The text in UCS2 where it was in septets, and the other way round.
fn in_other_alphabet(user_data: &UserData<'_>) -> Option<EncodedText> {
    let coding = match user_data.dcs().alphabet() {
        Alphabet::Gsm7 => TextCoding::Ucs2,
        Alphabet::Ucs2 => TextCoding::DEFAULT,
        Alphabet::EightBit => return None,
    };
    let text = user_data.text().ok()?;
    EncodedText::with_concatenation(&text, coding, user_data.concatenation()).ok()
}
