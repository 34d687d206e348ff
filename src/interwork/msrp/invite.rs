//! SIP requests of the sessions that clients offer: which sessions are accepted, and the answers.

use super::dialog::PeerDialog;
use super::offer::{self, Accepted, OwnAddress};
use super::session::{MAX_MESSAGES, MsrpSession, share_of_sessions};
use super::unanswered::Unanswered;
use crate::base::Text;
use crate::exchange::{Now, ReplyTo, SessionToken};
use crate::interwork::Gateway;
use crate::interwork::reason::Reason;
use crate::interwork::refusal::Refusal;
use crate::interwork::rules::answer::answer;
use crate::interwork::step::{Effect, Step, Verdict};
use crate::sip::MessageIn;

/// Why the host cannot open a session, or change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSession {
    /// The INVITE cannot be read.
    Unreadable,
    /// All places are taken, or shared memory is.
    Full,
    /// The session has ended.
    Ended,
}

impl From<NoSession> for Box<Refusal> {
    fn from(why: NoSession) -> Self {
        match why {
            NoSession::Unreadable => Refusal::sip(400, Reason::Invite),
            NoSession::Full => Refusal::later(480, Reason::NoSessionLeft),
            NoSession::Ended => Refusal::sip(481, Reason::SessionEnded),
        }
    }
}

/// The sessions that are open.
#[derive(Clone, Copy, Debug)]
pub struct OpenSessions {
    /// Those of the sender.
    pub of_sender: usize,
    /// How many there can be, of all senders.
    pub capacity: usize,
}

/// The addresses for the answer to an offer.
#[derive(Clone, Copy, Debug)]
pub struct Answerer<'a> {
    /// Addresses for MSRP: one for TCP, one for TLS, or both.
    pub own: &'a [OwnAddress<'a>],
    /// The host for SIP; none if the socket of the INVITE has no address.
    pub signalling: Option<&'a str>,
    /// The number of the description.
    pub id: u32,
    /// The largest number of octets of a message.
    pub max_size: u32,
}

/// A request in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InSession {
    /// BYE.
    Bye,
    /// Another request that the gateway answers: a new offer in a session of its own for one message.
    Other,
}

impl Gateway {
    /// Whether the sender of this INVITE may open one more session.
    pub fn check_session(
        &self,
        invite: &MessageIn<'_>,
        open: OpenSessions,
        now: Now,
    ) -> Result<(), Box<Refusal>> {
        self.check_session_content(invite, now)?;
        match open.of_sender < share_of_sessions(open.capacity) {
            true => Ok(()),
            false => Err(Refusal::later(480, Reason::ShareOfSessions)),
        }
    }

    /// Answers the offer of a session that gets this token.
    pub fn answer_offer(
        &self,
        offer: &[u8],
        answerer: Answerer<'_>,
        token: &str,
    ) -> Result<Accepted, Box<Refusal>> {
        let Answerer {
            own,
            signalling,
            id,
            max_size,
        } = answerer;
        let signalling = signalling.ok_or_else(|| Refusal::sip(500, Reason::NoSocket))?;
        offer::answer(offer, own, signalling, token, id, max_size)
    }

    /// Answers a request in a session.
    pub fn answer_in_session(&self, request: ReplyTo, asked: InSession) -> Step {
        let status = match asked {
            InSession::Bye => 200,
            InSession::Other => 488,
        };
        Step {
            changes: Vec::new(),
            effects: vec![Effect::Answer(request, answer(status, false))],
            verdict: Verdict::Taken,
        }
    }
}

impl MsrpSession {
    /// The session that this INVITE has offered. `dialog` is a digest of Call-ID and the client's tag.
    pub fn offered_by(
        invite: &MessageIn<'_>,
        accepted: &Accepted,
        token: SessionToken,
        (dialog, peer_dialog): (u64, Option<PeerDialog>),
        now: Now,
    ) -> Result<Self, Box<Refusal>> {
        let too_long = |status| move || Refusal::sip(status, Reason::LongSessionHeader);
        let or_nothing = |text: Option<&'_ str>| text.unwrap_or_default().to_owned();
        let privacy = Text::new(&or_nothing(invite.privacy)).ok_or_else(too_long(403))?;
        Ok(Self {
            token,
            own: accepted.own,
            peer: accepted.peer,
            path: accepted.path,
            connection: None,
            may_move: false,
            takes_notifications: accepted.takes_notifications,
            dialog,
            peer_dialog,
            identity: Text::new(&or_nothing(invite.identity)).ok_or_else(too_long(403))?,
            from: Text::new(&or_nothing(invite.from)).unwrap_or_default(),
            privacy,
            recipient: Text::new(invite.request_uri).ok_or_else(too_long(414))?,
            active_ms: now.unix_ms,
            messages: [None; MAX_MESSAGES],
            delivered: Default::default(),
            unanswered: Unanswered::default(),
        })
    }
}
