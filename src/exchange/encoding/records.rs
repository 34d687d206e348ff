//! Which fields of each record are kept, and in which order.

use super::Damaged;
use super::checked::{Encoded, Layout, Out, Reader, enumeration, structure};
use crate::exchange::{
    Clients, Header, IdentityKey, ImAnswers, ImToSm, ImToSmState, KeptPart, KeptPartState,
    ListDelivery, ListDeliveryState, Notification, NotificationState, Offers, Party, Passing,
    Pieces, Role, RpRefusal, Sender, SenderWait, Services, SmOutcome, SmToIm, SmToImState, Stored,
    StoredContent, StoredMessage, StoredMessageState, Submitted, TransactionId, Wants,
};

// The identity's digest comes of the identity among the texts.
structure!(Header { key, share, due_ms; identity: IdentityKey { digest: 0 }, stored: Stored::Yes });
enumeration!(Party { 0 => Phone, 1 => ServiceCentre });
structure!(Wants {
    positive_delivery,
    negative_delivery,
    processing
});

structure!(SmToIm {
    header,
    state,
    sender,
    rp_mr,
    private,
    asks,
    stored,
    to_phone,
    zone,
    notified,
    unix,
    digest,
    completes
});
enumeration!(SmToImState {
    0 => Relayed { transaction, im_until_ms, answers },
    1 => Accepted { transaction, answers },
    2 => Retried,
    3 => Repetition { first },
    4 => Reporting { outcome, sent },
    5 => Unconfirmed { outcome },
    6 => Delivering { asked },
    7 => Storing { status },
    8 => InSession { offers },
    9 => InPieces { pieces },
});
structure!(Offers {
    open,
    begun,
    best_failure
});
structure!(Pieces {
    piece,
    clients,
    without,
    best_failure
});
structure!(ImAnswers {
    status,
    best_failure,
    branches
});
structure!(SmOutcome {
    status,
    rp_cause,
    tp_fcs
});

structure!(ImToSm {
    header, state, role, to, rp_mr, tp_mr, private, attempts, refused_at, taken, contact, other_contacts, follows, sip_failure,
    rp_error, sent_ms, expires_ms; in_transaction: false
});
enumeration!(ImToSmState {
    0 => Listed,
    1 => Queued,
    2 => Pausing,
    3 => Sent,
    4 => Taken,
    5 => Overdue,
    6 => Refused,
    7 => Failed { status },
    8 => Settled { status, retry_after },
    9 => Closing,
    10 => Storing { status, retry_after },
});
enumeration!(Role { 0 => Message(sender), 1 => Part { last }, 2 => StatusReport, 3 => ShortMessage { from, until_ms }, 4 => Stored { message } });
structure!(Sender { wants, unix; wait: SenderWait::No, to_be_stored: false, is_stored: false });
structure!(RpRefusal { cause, fcs });

structure!(KeptPart {
    header, state, sender, private, zone, sequence, unix, digest, concatenation; owed: None
});
enumeration!(KeptPartState { 0 => Waiting, 1 => WaitingAgain { status }, 2 => Relayed { with }, 3 => Storing { with } });

structure!(Submitted {
    header,
    tp_mr,
    wants,
    unix,
    message
});

structure!(ListDelivery {
    header,
    state,
    wants,
    unix
});
enumeration!(ListDeliveryState { 0 => Listed, 1 => Sent { clients }, 2 => Interrupted });
structure!(Clients {
    unanswered,
    answered
});

structure!(Notification {
    header,
    state,
    about,
    disposition,
    attempts,
    unix
});
enumeration!(NotificationState { 0 => Sent, 1 => Pausing, 2 => SentLast });

impl Encoded for StoredMessage {
    fn put(&self, out: &mut impl Out) {
        let Self {
            header,
            state: _,
            content,
            private,
            urgent,
            may_be_there,
            passing,
            is_here: _,
            submission,
            zone,
            tries,
            round: _,
            left: _,
            unix,
            expires_ms,
        } = self;
        header.put(out);
        content.put(out);
        private.put(out);
        let passing = match passing {
            Passing::No => 0b00,
            Passing::FailedOnce => 0b01,
            Passing::Failed => 0b10,
            Passing::NoDevice => 0b11,
        };
        (u8::from(*urgent) | u8::from(*may_be_there) << 1 | passing << 2).put(out);
        submission.put(out);
        zone.put(out);
        tries.put(out);
        unix.put(out);
        expires_ms.put(out);
    }

    fn take(from: &mut Reader<'_>, _: &'static str) -> Result<Self, Damaged> {
        let header: Header = from.take("header")?;
        let (content, private) = (from.take("content")?, from.take("private")?);
        // Older rows have 0 or 1: whether it is urgent; or 0 to 3: and whether it may be there.
        let flags = match from.take::<u8>("urgent")? {
            flags @ 0..=0b1111 => flags,
            _ => return Err(Damaged { field: "urgent" }),
        };
        Ok(Self {
            header,
            state: StoredMessageState::Waiting,
            content,
            private,
            urgent: flags & 0b01 != 0,
            may_be_there: flags & 0b10 != 0,
            passing: match flags >> 2 {
                0b00 => Passing::No,
                0b01 => Passing::FailedOnce,
                0b10 => Passing::Failed,
                _ => Passing::NoDevice,
            },
            is_here: false,
            submission: match from.layout {
                Layout::First => None,
                Layout::Second => from.take::<bool>("submission")?.then_some(header.key),
                Layout::Third => from.take("submission")?,
            },
            zone: from.take("zone")?,
            tries: from.take("tries")?,
            round: 0,
            left: Services::default(),
            unix: from.take("unix")?,
            expires_ms: from.take("expires_ms")?,
        })
    }
}
enumeration!(StoredContent { 0 => Sm, 1 => Im { wants } });

/// Transactions end with the host.
impl Encoded for TransactionId {
    fn put(&self, _: &mut impl Out) {}

    fn take(_: &mut Reader<'_>, _: &'static str) -> Result<Self, Damaged> {
        Ok(Self::default())
    }
}
