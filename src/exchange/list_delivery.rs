//! An instant message to one recipient of a list that stays an instant message: a MESSAGE of ours to a client.

use super::{Clients, Header, Wants};

/// An instant message to one recipient of a list. Its texts: [`ListDeliveryTexts`](super::ListDeliveryTexts).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListDelivery {
    /// The fields that every exchange has.
    pub header: Header,
    /// Its state.
    pub state: ListDeliveryState,
    /// The notifications that the sender wants.
    pub wants: Wants,
    /// The time of the message by its sender, else the time when it was accepted, in seconds since 1970 UTC.
    pub unix: i64,
}

/// The state of an instant message to one recipient of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListDeliveryState {
    /// The messages to the other recipients are still being accepted or written to the database, and nothing is sent yet.
    Listed,
    /// It is on its way to clients of its recipient.
    Sent {
        /// Those clients.
        clients: Clients,
    },
    /// The message was being sent when the host ended: it is sent again.
    Interrupted,
}

/// The message to a recipient, as the database keeps it behind the short texts.
///
/// ```text
/// status (2)  confirms  lengths of to, from (2 each)  length of the header fields (4)  to  from  header fields  body
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListContent<'t> {
    /// Status code, where nothing can be sent to the recipient; 0: the message is sent.
    pub refused: u16,
    /// Whether the client notifies the sender itself.
    pub confirms: bool,
    /// The recipient: Request-URI and To.
    pub to: &'t str,
    /// From.
    pub from: &'t str,
    /// The header fields.
    pub headers: &'t str,
    /// The body.
    pub body: &'t [u8],
}

impl<'t> ListContent<'t> {
    /// The octets to keep; `None` if a text is too long.
    pub fn pack(&self) -> Option<Vec<u8>> {
        let texts = [self.to, self.from, self.headers];
        let len = texts.iter().map(|text| text.len()).sum::<usize>() + self.body.len();
        let mut octets = Vec::with_capacity(16 + len);
        octets.extend(self.refused.to_be_bytes());
        octets.push(u8::from(self.confirms));
        octets.extend(u16::try_from(self.to.len()).ok()?.to_be_bytes());
        octets.extend(u16::try_from(self.from.len()).ok()?.to_be_bytes());
        octets.extend(u32::try_from(self.headers.len()).ok()?.to_be_bytes());
        for text in texts {
            octets.extend(text.as_bytes());
        }
        octets.extend(self.body);
        Some(octets)
    }

    /// What [`pack`](Self::pack) packed; `None` for other octets.
    pub fn of(octets: &'t [u8]) -> Option<Self> {
        let (refused, rest) = octets.split_first_chunk()?;
        let (confirms, rest) = rest.split_first()?;
        let (to, rest) = rest.split_first_chunk()?;
        let (from, rest) = rest.split_first_chunk()?;
        let (headers, mut rest) = rest.split_first_chunk()?;
        let headers = usize::try_from(u32::from_be_bytes(*headers)).ok()?;
        let mut text = |len: usize| {
            let (text, behind) = rest.split_at_checked(len)?;
            rest = behind;
            core::str::from_utf8(text).ok()
        };
        Some(Self {
            refused: u16::from_be_bytes(*refused),
            confirms: *confirms != 0,
            to: text(u16::from_be_bytes(*to).into())?,
            from: text(u16::from_be_bytes(*from).into())?,
            headers: text(headers)?,
            body: rest,
        })
    }
}

impl ListDeliveryState {
    /// Its name for operators.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Listed => "Listed",
            Self::Sent { .. } => "Sent",
            Self::Interrupted => "Interrupted",
        }
    }

    /// How many clients have not answered.
    pub const fn unanswered(&self) -> u8 {
        match self {
            Self::Listed | Self::Interrupted => 0,
            Self::Sent { clients } => clients.unanswered(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_is_packed_and_read_again() {
        let content = ListContent {
            refused: 480,
            confirms: true,
            to: "sip:carol@ims.example",
            from: "sip:alice@ims.example",
            headers: "Subject: x\r\n",
            body: &[1, 0, 255],
        };
        let packed = content.pack().unwrap();
        assert_eq!(ListContent::of(&packed), Some(content));
        for cut in 0..packed.len() - content.body.len() {
            assert_eq!(ListContent::of(&packed[..cut]), None);
        }
    }
}
