//! The instant message that a short message becomes: From, header fields, body (rows MO-4, MT-2).

use core::fmt::Write as _;

use crate::base::{HeaderNames, Octets, Text};
use crate::exchange::{
    ExchangeKey, KeptPart, KeptPartTexts, Party, SmToIm, SmToImTexts, StoredMessage,
    StoredMessageTexts, StoredPart,
};
use crate::interwork::Gateway;
use crate::interwork::input::HeaderFields;
use crate::interwork::make::joined::{joined, tpdu};
use crate::interwork::rules::lifetime;
use crate::interwork::rules::policy::INTERWORKED_BY;
use crate::mime::{CPIM_TYPE, Cpim, CpimAddress, CpimContent, ImdnHeaders, UTF8_TEXT_TYPE, Wanted};
use crate::sip::{
    MessageOut, NameAddr, Service, push_date, push_date_time, push_quoted, push_user,
};
use crate::wire::{MessageClass, TpAddress, TpDcs, Tpdu};

/// Header fields of the request that are wrong for the translated one, or that reveal the location of the phone.
pub(crate) static REMOVED: HeaderNames = HeaderNames::new(&[
    "Content-Type",
    "Content-Transfer-Encoding",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Language",
    "MIME-Version",
    "P-Asserted-Identity",
    "P-Preferred-Identity",
    "P-Asserted-Service",
    "P-Preferred-Service",
    "Accept-Contact",
    "Reject-Contact",
    "Request-Disposition",
    "Privacy",
    "In-Reply-To",
    // They concern the short message and the path from the phone; an IM client would answer 420.
    "Require",
    "Proxy-Require",
    "Security-Verify",
    // The sender's signature covers the old From, To and body (RFC 8224).
    "Identity",
    "Identity-Info",
    "P-Access-Network-Info",
    "Geolocation",
    "Geolocation-Routing",
    "Date",
    "Expires",
    "Priority",
    INTERWORKED_BY,
    // Content-Type, Content-Encoding, Accept-Contact, Reject-Contact, Request-Disposition, Identity and
    // Identity-Info in their compact forms.
    "c",
    "e",
    "a",
    "j",
    "d",
    "y",
    "n",
]);

/// From if TP-OA is empty or the sender wants to be anonymous (RFC 3323 §4.1.1.3).
pub(crate) const ANONYMOUS: &str = "sip:anonymous@anonymous.invalid";

/// Host in the URI of a sender with a name and no number: such a sender must not look like one of our users. The host
/// does not exist (RFC 6761 §6.4), so no answer can be sent there.
const NAMED: &str = "sms.invalid";

/// The anonymous From.
pub(crate) fn anonymous() -> NameAddr {
    NameAddr {
        display: "\"Anonymous\"".to_owned(),
        uri: ANONYMOUS.to_owned(),
    }
}

pub(crate) fn is_anonymous(from: &NameAddr) -> bool {
    from.uri == ANONYMOUS
}

/// From for the name in an alphanumeric TP-OA. The name is not an asserted identity.
fn named(name: &str) -> Option<NameAddr> {
    let shown: String = name
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let shown = shown.trim();
    let first = shown.chars().next()?;
    let mut display = String::with_capacity(shown.len() + 2);
    push_quoted(&mut display, shown);
    let mut uri = String::from("sip:");
    // A name that could be read as a number must not look like one.
    if !first.is_alphabetic() {
        uri.push_str("name-");
    }
    push_user(&mut uri, shown);
    uri.push('@');
    uri.push_str(NAMED);
    Some(NameAddr { display, uri })
}

fn is_named(from: &NameAddr) -> bool {
    from.uri
        .rsplit_once('@')
        .is_some_and(|(_, host)| host == NAMED)
}

/// How the text is wrapped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyFormat {
    /// Not at all.
    Text,
    /// In a `message/cpim` that asks for notifications.
    Cpim,
    /// In a `message/cpim` that asks for nothing.
    CpimAlone,
    /// The request has no text: it is the offer of a session for the text.
    Offer,
}

impl BodyFormat {
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Text => UTF8_TEXT_TYPE,
            Self::Cpim | Self::CpimAlone => CPIM_TYPE,
            Self::Offer => "application/sdp",
        }
    }

    /// The feature tag of the mode: pager or large message (OMA SIMPLE IM).
    const fn feature(self) -> &'static str {
        match self {
            Self::Text | Self::Cpim | Self::CpimAlone => "+g.oma.sip-im",
            Self::Offer => "+g.oma.sip-im.large-message",
        }
    }
}

/// Header fields of the instant message, as lines, without those for its origin. `lifetime` is in seconds.
pub(crate) fn headers(
    from: &NameAddr,
    sent: i64,
    lifetime: Option<u32>,
    form: BodyFormat,
) -> String {
    let mut out = String::with_capacity(256);
    if is_anonymous(from) {
        out.push_str("Privacy: id\r\n");
    } else if !is_named(from) {
        out.push_str("P-Asserted-Identity: ");
        if !from.display.is_empty() {
            out.push_str(&from.display);
            out.push(' ');
        }
        out.push('<');
        out.push_str(&from.uri);
        out.push_str(">\r\n");
    }
    out.push_str("Date: ");
    push_date(&mut out, sent);
    if let Some(seconds) = lifetime {
        // Writing to a String does not fail.
        let _ = write!(out, "\r\nExpires: {seconds}");
    }
    out.push_str("\r\nAccept-Contact: *;");
    out.push_str(form.feature());
    out.push_str("\r\nContent-Type: ");
    out.push_str(form.content_type());
    out.push_str("\r\n");
    out
}

/// A short message, or its first part, as it is stored in the exchange.
pub(crate) struct ShortMessage<'t> {
    party: Party,
    private: bool,
    unix: i64,
    identity: &'t str,
    sender: &'t str,
    recipient: &'t str,
    tpdu: &'t [u8],
}

impl<'t> ShortMessage<'t> {
    /// The short message of this exchange.
    pub(crate) fn of(sm: &SmToIm, texts: SmToImTexts<'t>) -> Self {
        Self {
            party: sm.sender,
            private: sm.private,
            unix: sm.unix,
            identity: texts.identity,
            sender: texts.sender,
            recipient: texts.recipient,
            tpdu: texts.tpdu,
        }
    }

    /// This stored short message.
    pub(crate) fn stored(message: &StoredMessage, texts: &StoredMessageTexts<'t>) -> Self {
        Self {
            party: Party::Phone,
            private: message.private,
            unix: message.unix,
            identity: texts.sender_identity,
            sender: texts.sender,
            recipient: texts.recipient,
            tpdu: StoredPart::all(texts.content)
                .next()
                .map_or(&[], |part| part.tpdu),
        }
    }

    /// The short message that begins with this part.
    pub(crate) fn part(part: &KeptPart, texts: KeptPartTexts<'t>) -> Self {
        Self {
            party: part.sender,
            private: part.private,
            unix: part.unix,
            identity: texts.identity,
            sender: texts.sender,
            recipient: texts.recipient,
            tpdu: texts.tpdu,
        }
    }
}

impl Gateway {
    /// The header fields of an instant message from this sender, as lines.
    pub(crate) fn headers(&self, from: &NameAddr, fields: &HeaderFields) -> String {
        let form = match fields.in_cpim {
            true => BodyFormat::Cpim,
            false => BodyFormat::Text,
        };
        let mut headers = headers(from, fields.sent, fields.lifetime, form);
        self.push_origin(&mut headers, fields.dcs);
        headers
    }

    /// Header fields for the origin and the message class (row MAP-10).
    fn push_origin(&self, headers: &mut String, dcs: TpDcs) {
        headers.push_str(&self.policy.interworked_by);
        if dcs.class() == Some(MessageClass::ImmediateDisplay) {
            headers.push_str("Priority: urgent\r\n");
        }
    }

    /// A MESSAGE of our own with the text of these TPDUs of one short message.
    pub(crate) fn instant_message(
        &self,
        key: ExchangeKey,
        sm: &ShortMessage<'_>,
        tpdus: &[Octets<254>],
        form: BodyFormat,
    ) -> Option<Box<MessageOut>> {
        let to = sm.recipient;
        let text = joined(&self.policy.dcs_charsets, sm.party, tpdus).filter(|_| !to.is_empty())?;
        let (from, sent, dcs, lifetime) = match tpdu(sm.party, sm.tpdu)? {
            Tpdu::Deliver(deliver) => (
                self.originator(&deliver.originating_address),
                deliver.scts.unix_seconds().unwrap_or(sm.unix),
                deliver.dcs,
                None,
            ),
            Tpdu::Submit(submit) => {
                let from = if sm.private {
                    anonymous()
                } else {
                    let identity = Text::new(sm.identity).unwrap_or_default();
                    NameAddr {
                        display: String::new(),
                        uri: self.shown(&identity, sm.sender),
                    }
                };
                let lifetime = lifetime::of_sm(submit.vp, sm.unix).ok().flatten();
                (from, sm.unix, submit.dcs, lifetime)
            }
            _ => return None,
        };
        let mut headers = headers(&from, sent, lifetime, form);
        self.push_origin(&mut headers, dcs);
        let body = match form {
            BodyFormat::Text => text.into_bytes(),
            BodyFormat::Cpim => self.in_cpim(&from.uri, to, text.as_bytes(), Some(key), sent),
            BodyFormat::CpimAlone => self.in_cpim(&from.uri, to, text.as_bytes(), None, sent),
            BodyFormat::Offer => Vec::new(),
        };
        Some(Box::new(MessageOut {
            service: Service::Im,
            identity: to.to_owned(),
            to: String::new(),
            fallback_hop: String::new(),
            from: match is_named(&from) {
                true => [&from.display, " <", &from.uri, ">"].concat(),
                false => from.uri,
            },
            call_id: None,
            headers,
            body,
        }))
    }

    /// The text of a short message in a `message/cpim`. It asks for notifications about this exchange (rows MO-4,
    /// STA-5), if one is given.
    pub(crate) fn in_cpim(
        &self,
        from: &str,
        to: &str,
        text: &[u8],
        about: Option<ExchangeKey>,
        sent: i64,
    ) -> Vec<u8> {
        let address = |uri: &str| CpimAddress {
            uri: uri.to_owned().into(),
            ..CpimAddress::default()
        };
        let mut date_time = String::with_capacity(20);
        push_date_time(&mut date_time, sent);
        let cpim = Cpim {
            from: Some(address(from)),
            to: vec![address(to)],
            date_time: Some(date_time.into()),
            imdn: about.map_or_else(ImdnHeaders::default, |key| ImdnHeaders {
                message_id: Some(self.imdn_message_id(key).into()),
                wanted: Wanted {
                    positive_delivery: true,
                    negative_delivery: true,
                    ..Wanted::default()
                },
                ..ImdnHeaders::default()
            }),
            content: CpimContent {
                content_type: Some(UTF8_TEXT_TYPE.into()),
                octets: text.into(),
                ..CpimContent::default()
            },
            ..Cpim::default()
        };
        let mut out = Vec::with_capacity(512 + text.len());
        let written = cpim.encode(&mut out);
        debug_assert!(written.is_ok(), "both are URIs");
        out
    }

    /// TP-OA as From (row MT-2).
    pub(crate) fn originator(&self, address: &TpAddress) -> NameAddr {
        if address.is_alphanumeric() {
            return named(&address.value()).unwrap_or_else(anonymous);
        }
        self.policy
            .uri_of(address)
            .map_or_else(anonymous, |uri| NameAddr {
                display: String::new(),
                uri,
            })
    }
}
