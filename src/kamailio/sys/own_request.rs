//! Requests of our own outside of any dialog, through tm.

use super::ffi;
use super::modules::modules;
use super::text::lend;
use super::tm_callback::Tie;

/// A request that tm is to send.
#[derive(Clone, Copy, Default)]
pub(crate) struct OwnRequest<'a> {
    pub(crate) method: &'a str,
    pub(crate) uri: &'a str,
    /// A URI.
    pub(crate) to: &'a str,
    /// A URI, or a name-addr.
    pub(crate) from: &'a str,
    /// Whole lines.
    pub(crate) headers: &'a str,
    pub(crate) body: &'a [u8],
    pub(crate) call_id: Option<&'a str>,
    /// None: the Request-URI says it.
    pub(crate) next_hop: Option<&'a str>,
    /// The socket to send from, as `udp:192.0.2.1:5060`.
    pub(crate) socket: Option<&'a str>,
    /// The watcher that gets [`TmEvent::LocalCompleted`](super::tm_callback::TmEvent), unless sending fails.
    pub(crate) tie: Option<Tie>,
}

/// The result of sending a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum SendResult {
    /// tm has it.
    Sent,
    /// The script dropped it in event_route[tm:local-request].
    Dropped,
    Failed,
}

impl OwnRequest<'_> {
    pub(crate) fn send(&self) -> SendResult {
        let to = ["<", self.to, ">"].concat();
        // Angle brackets stand in no URI.
        let from = match self.from.contains('<') {
            true => self.from.to_owned(),
            false => ["<", self.from, ">"].concat(),
        };
        let text = |text: Option<&str>| lend(text.unwrap_or_default().as_bytes());
        let given = |text: &mut ffi::str_| match text.len {
            1.. => std::ptr::from_mut(text),
            _ => std::ptr::null_mut(),
        };
        let mut method = lend(self.method.as_bytes());
        let mut headers = lend(self.headers.as_bytes());
        let mut body = lend(self.body);
        let (mut call_id, mut socket) = (text(self.call_id), text(self.socket));
        let mut request = ffi::uac_req_t {
            method: &mut method,
            headers: &mut headers,
            body: &mut body,
            callid: given(&mut call_id),
            ssock: given(&mut socket),
            ..Default::default()
        };
        if let Some(tie) = self.tie {
            request.cb_flags = tie.events as _;
            request.cb = Some(tie.callback);
            request.cbp = tie.parameter;
        }
        let mut uri = lend(self.uri.as_bytes());
        let (mut to, mut from) = (lend(to.as_bytes()), lend(from.as_bytes()));
        let mut next_hop = text(self.next_hop);
        let next_hop = given(&mut next_hop);
        // SAFETY: all texts are live during the call; tm copies what it keeps.
        let sent = unsafe {
            (modules().tm.t_request)(&mut request, &mut uri, &mut to, &mut from, next_hop)
        };
        match sent {
            1.. => SendResult::Sent,
            0 => SendResult::Dropped,
            _ => SendResult::Failed,
        }
    }
}
