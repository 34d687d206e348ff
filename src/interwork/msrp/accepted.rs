//! A client accepts a session that the gateway has offered.

use super::dialog::SessionDialog;
use super::sending::{SendingSession, SendingState};
use crate::base::Text;
use crate::exchange::Accepts;
use crate::mime::CPIM_TYPE;
use crate::sip::{MediaDirection, Sdp, Setup};
use crate::wire::msrp::Path;

/// The meaning of a 2xx to an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAccepted {
    /// The first answer. An error is the outcome as a SIP status code: then the session is to be ended.
    First(Result<Accepts, u16>),
    /// The offer was taken back before: the session is to be ended.
    TooLate,
    /// Another client behind the same proxy accepts, too: that dialog alone is to be ended.
    OtherClient,
    /// The same answer again.
    Repeated,
}

impl SendingSession {
    /// The offer has a 2xx, with this dialog if it can be read, and this description.
    pub fn client_accepted(
        &mut self,
        dialog: Option<SessionDialog>,
        description: &[u8],
    ) -> ClientAccepted {
        let nothing_is_sent = SendingState::Accepted { opens: false };
        match self.state {
            SendingState::Offered => {
                self.dialog = dialog;
                let answer = match dialog {
                    Some(_) => self.accepted(description),
                    None => Err(500),
                };
                if answer.is_err() {
                    self.state = nothing_is_sent;
                }
                ClientAccepted::First(answer)
            }
            SendingState::Cancelled => {
                self.dialog = dialog;
                self.state = nothing_is_sent;
                ClientAccepted::TooLate
            }
            _ => {
                let known = self.dialog.map(|dialog| dialog.peer_tag);
                let is_other = dialog.is_some_and(|other| Some(other.peer_tag) != known);
                match is_other {
                    true => ClientAccepted::OtherClient,
                    false => ClientAccepted::Repeated,
                }
            }
        }
    }

    /// The client has accepted with this description. An error is the outcome as a SIP status code.
    pub fn accepted(&mut self, answer: &[u8]) -> Result<Accepts, u16> {
        let answer = Sdp::parse(answer).map_err(|_| 488_u16)?;
        let is_secure = self.own.as_str().starts_with("msrps:");
        let mut media = answer.media();
        let media = media.find(|media| media.is_msrp() && media.port != 0);
        let receives = |direction: MediaDirection| direction.reversed().sends();
        let media = media
            .filter(|media| media.is_secure() == is_secure && receives(media.direction()))
            .ok_or(488_u16)?;
        let path = media.path().and_then(|path| Path::parse(path).ok());
        let path = path.ok_or(488_u16)?;
        let endpoint = path.endpoint().ok_or(488_u16)?;
        if endpoint.session_id.is_none() || path.uris().any(|uri| uri.port.is_none()) {
            return Err(488);
        }
        let opens = media.setup() == Some(Setup::Active);
        // Nobody connects to a client in a browser (RFC 7977 clause 5.1).
        let is_websocket = path.uris().next().is_some_and(|hop| hop.is_websocket());
        if is_websocket && !opens {
            return Err(488);
        }
        // Its first frame may overtake this answer.
        let early = Path::parse(self.path.as_str()).ok();
        let is_early = opens && early.and_then(Path::endpoint) == Some(endpoint);
        self.connection = self.connection.filter(|_| is_early);
        self.path = Text::new(path.as_str()).ok_or(488_u16)?;
        self.state = SendingState::Accepted { opens };
        Ok(Accepts {
            text: media.accepts("text/plain"),
            cpim: media.accepts(CPIM_TYPE) && media.accepts_wrapped("text/plain"),
            max_size: media.max_size(),
            is_relayed: path.uris().nth(1).is_some(),
        })
    }
}
