//! A whole message on its way to the phone.

use super::message::MsrpMessage;
use super::session::MsrpSession;
use super::status::{MsrpOutcome, of_sip};
use crate::exchange::Now;
use crate::interwork::Gateway;
use crate::interwork::counter::Counter;
use crate::interwork::handle::Turn;
use crate::interwork::input::TranslatedIm;
use crate::interwork::refusal::Refusal;
use crate::interwork::step::Verdict;
use crate::sip::{Capabilities, MessageIn};

impl Gateway {
    /// Whether messages of this session can be delivered: its sender is known, and its recipient can get short
    /// messages.
    pub(crate) fn check_session_content(
        &self,
        invite: &MessageIn<'_>,
        now: Now,
    ) -> Result<(), Box<Refusal>> {
        let probe = MessageIn {
            content_type: Some("text/plain"),
            body: b"?",
            truncated: false,
            ..*invite
        };
        self.translate_im(&probe, now).map(drop)
    }

    /// Translates a whole message of a session, like a MESSAGE with the same body. An error is the outcome.
    pub fn translate_session_message(
        &self,
        session: &MsrpSession,
        message: &MsrpMessage,
        octets: &[u8],
        recipient: Capabilities,
        now: Now,
    ) -> Result<TranslatedIm, MsrpOutcome> {
        let message = message_in(session, message, octets, recipient);
        self.translate_im(&message, now)
            .map_err(|refusal| MsrpOutcome::Failed(of_sip(refusal.answer.status)))
    }
}

/// A whole message of a session as a MESSAGE with the same body.
pub(super) fn message_in<'m>(
    session: &'m MsrpSession,
    message: &'m MsrpMessage,
    octets: &'m [u8],
    recipient: Capabilities,
) -> MessageIn<'m> {
    let some = |text| Some(text).filter(|text: &&str| !text.is_empty());
    let takes_notifications = session.takes_notifications;
    MessageIn {
        request_uri: session.recipient.as_str(),
        original_uri: session.recipient.as_str(),
        identity: some(session.identity.as_str()),
        from: some(session.from.as_str()),
        privacy: some(session.privacy.as_str()),
        content_type: Some(message.content_type.as_str()),
        recipient,
        body: octets,
        session: takes_notifications.then_some(session.token.as_str()),
        ..MessageIn::default()
    }
}

impl Turn<'_> {
    /// Queues the parts of a message that came in a session. No request is held: the outcome comes with
    /// [`Effect::Ended`](crate::interwork::Effect::Ended).
    pub(crate) fn session_message(&mut self, im: &TranslatedIm, hold_ms: u64) {
        match self.queue_of_session(im, hold_ms) {
            Ok(last) => {
                self.verdict = Verdict::Queued(last.header.key);
                // The session has accepted it; its delivery has a record of its own.
                self.charge_im_answered(&last, 202);
                self.count(Counter::ImToSm);
                self.start_next(last.header.identity, im.party);
            }
            Err(full) => {
                self.verdict = Verdict::Refused;
                self.charge_refused_im(im, 480);
                self.count(full.into());
            }
        }
    }
}
