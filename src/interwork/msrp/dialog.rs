//! SIP dialogs of sessions.

use crate::base::Text;

/// The data of a session's dialog that its BYE needs.
#[derive(Clone, Copy, Debug)]
pub struct SessionDialog {
    /// Call-ID.
    pub call_id: Text<126>,
    /// From, without its tag.
    pub from: Text<254>,
    /// URI of To.
    pub to: Text<254>,
    /// The tag of the client.
    pub peer_tag: Text<126>,
    /// The URI in the client's Contact.
    pub target: Text<254>,
    /// Route.
    pub routes: Text<510>,
}

/// The dialog of a session that a client has offered, and the way to the client.
#[derive(Clone, Copy, Debug)]
pub struct PeerDialog {
    /// The dialog.
    pub dialog: SessionDialog,
    /// Where the INVITE came from.
    pub hop: Text<126>,
    /// The socket that it came to.
    pub socket: Text<62>,
}
