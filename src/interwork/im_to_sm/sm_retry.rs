//! IM -> SM: a message is sent once more if a retry may succeed after this cause (row IM-16).

use crate::exchange::{
    ImToSm, ImToSmState, ImToSmTexts, Party, Role, StoredContent, StoredMessage,
};
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

/// Temporary RP-Causes (TS 24.011 §8.2.5.4): temporary failure, resources unavailable.
const PASSING: [u8; 2] = [41, 47];

/// Milliseconds to wait after a temporary cause.
const PAUSE_MS: u64 = 2_000;

/// The largest number of octets of an RP-DATA.
const MOST_OCTETS: usize = 254;

impl Turn<'_> {
    /// Whether a refused message is sent once more: changed, or a little later.
    pub(crate) fn goes_again(&mut self, mut im: ImToSm, cause: u8, fcs: Option<u8>) -> bool {
        let now_ms = self.now.unix_ms;
        let is_fixed = im.is_status_report() || self.is_from_phone(&im);
        if im.refused_at > 0 || is_fixed || im.expires_ms < now_ms {
            return false;
        }
        im.refused_at = im.attempts;
        im.taken = 0;
        if fcs.is_some_and(|fcs| self.goes_in_another_form(im, fcs)) {
            self.start_next(im.header.identity, im.to);
            return true;
        }
        let has_time = im
            .held()
            .is_none_or(|held| now_ms + 2 * PAUSE_MS < held.until_ms);
        let passes = im.to == Party::ServiceCentre
            && PASSING.contains(&cause)
            && matches!(fcs, None | Some(UNSPECIFIED))
            && has_time;
        if passes {
            im.state = ImToSmState::Pausing;
            im.header.due_ms = now_ms + PAUSE_MS;
            self.view.update(im);
        }
        passes
    }

    /// Whether it is a short message from another phone, or a part of one. Such a message is not changed (row PTP-1), also when it was
    /// stored.
    fn is_from_phone(&self, im: &ImToSm) -> bool {
        let last = im.last_part().and_then(|last| self.get::<ImToSm>(last));
        match last.map_or(im.role, |last| last.role) {
            Role::ShortMessage { .. } => true,
            Role::Stored { message } => {
                let stored = self.get::<StoredMessage>(message);
                stored.is_some_and(|stored| stored.content == StoredContent::Sm)
            }
            Role::Message(_) | Role::Part { .. } | Role::StatusReport => false,
        }
    }

    /// Queues the message again with a change that the SMS side may accept, if there is one.
    fn goes_in_another_form(&mut self, mut im: ImToSm, fcs: u8) -> bool {
        let Some(texts) = self.view.texts(im.header.key) else {
            return false;
        };
        let texts = ImToSmTexts::of(&texts);
        let Some(rp_data) = another_form(texts.rp_data, fcs) else {
            return false;
        };
        let texts = ImToSmTexts {
            rp_data: &rp_data,
            ..texts
        };
        im.state = ImToSmState::Queued;
        self.view.rewrite(im, texts.pack())
    }
}

/// An RP-DATA changed for this cause. `None` if the text would need more parts, because the number of parts is fixed.
fn another_form(rp_data: &[u8], fcs: u8) -> Option<Vec<u8>> {
    let (direction, rp) = RpMessage::decode(rp_data).ok()?;
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
                // There is no TP-VP to remove.
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
    (octets.len() <= MOST_OCTETS).then_some(octets)
}

/// The text in UCS2 if it was in septets, and in septets if it was in UCS2.
fn in_other_alphabet(user_data: &UserData<'_>) -> Option<EncodedText> {
    let coding = match user_data.dcs().alphabet() {
        Alphabet::Gsm7 => TextCoding::Ucs2,
        Alphabet::Ucs2 => TextCoding::DEFAULT,
        Alphabet::EightBit => return None,
    };
    let text = user_data.text().ok()?;
    EncodedText::with_concatenation(&text, coding, user_data.concatenation()).ok()
}
