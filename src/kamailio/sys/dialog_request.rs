//! Requests of a dialog with a tag of ours, through tm: an INVITE, ACK, BYE.

use super::argument::typed;
use super::ffi;
use super::modules::modules;
use super::own_request::SendResult;
use super::text::{Lent, lend};
use super::tm_callback::Tie;
use super::transaction::TransactionPlace;

/// A request that tm is to send.
#[derive(Clone, Copy, Default)]
pub(crate) struct DialogRequest<'a> {
    pub(crate) method: &'a str,
    /// The Request-URI.
    pub(crate) uri: &'a str,
    /// A URI.
    pub(crate) to: &'a str,
    /// A URI, or a name-addr.
    pub(crate) from: &'a str,
    pub(crate) call_id: &'a str,
    pub(crate) own_tag: &'a str,
    /// Empty: the peer has not answered yet.
    pub(crate) peer_tag: &'a str,
    pub(crate) sequence: u32,
    /// Whole lines.
    pub(crate) headers: &'a str,
    pub(crate) body: &'a [u8],
    /// None: the Request-URI says it.
    pub(crate) next_hop: Option<&'a str>,
    /// The socket to send from, as `udp:192.0.2.1:5060`.
    pub(crate) socket: Option<&'a str>,
    /// The watcher that gets [`TmEvent::LocalCompleted`](super::tm_callback::TmEvent), unless sending fails.
    pub(crate) tie: Option<Tie>,
}

impl DialogRequest<'_> {
    /// Sends it. tm acknowledges a 2xx of an INVITE by itself.
    pub(crate) fn send(&self) -> Result<TransactionPlace, SendResult> {
        let to = ["<", self.to, ">"].concat();
        // Angle brackets stand in no URI.
        let from = match self.from.contains('<') {
            true => self.from.to_owned(),
            false => ["<", self.from, ">"].concat(),
        };
        let socket = self.socket.map_or(std::ptr::null_mut(), |socket| {
            lookup_local_socket(&Lent::new(socket.as_bytes()))
        });
        let mut dialog = ffi::dlg_t {
            id: ffi::dlg_id_t {
                call_id: lend(self.call_id.as_bytes()),
                rem_tag: lend(self.peer_tag.as_bytes()),
                loc_tag: lend(self.own_tag.as_bytes()),
            },
            loc_seq: ffi::dlg_seq_t {
                value: self.sequence,
                is_set: 1,
            },
            loc_uri: lend(from.as_bytes()),
            rem_uri: lend(to.as_bytes()),
            rem_target: lend(self.uri.as_bytes()),
            // tm reads only the pointer.
            dst_uri: self
                .next_hop
                .map_or_else(ffi::str_::default, |hop| lend(hop.as_bytes())),
            state: ffi::DLG_CONFIRMED,
            send_sock: socket,
            ..Default::default()
        };
        let mut method = lend(self.method.as_bytes());
        let mut headers = lend(self.headers.as_bytes());
        let mut body = lend(self.body);
        let mut request = ffi::uac_req_t {
            method: &mut method,
            headers: &mut headers,
            body: &mut body,
            dialog: &mut dialog,
            ..Default::default()
        };
        if let Some(tie) = self.tie {
            request.cb_flags = tie.events as _;
            request.cb = Some(tie.callback);
            request.cbp = tie.parameter;
        }
        let mut place = TransactionPlace::default();
        // SAFETY: the dialog and all texts are live during the call; tm copies what it keeps.
        let sent = unsafe {
            (modules().tm.t_uac_with_ids)(&mut request, &mut place.entry, &mut place.label)
        };
        match sent {
            1.. => Ok(place),
            0 => Err(SendResult::Dropped),
            _ => Err(SendResult::Failed),
        }
    }
}

typed! {
    /// It gives a socket that stays until Kamailio ends, or NULL.
    fn lookup_local_socket(name: &Lent<'_>) -> *mut ffi::socket_info;
}
