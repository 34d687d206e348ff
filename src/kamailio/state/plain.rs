//! The core's records may stand in shared memory: all their fields are plain.

use crate::host::{Exchange, Kind, Notify, Party, Settled, State, TransactionId};
use crate::interwork::{AtScscf, Authorization, ContactsThere, Overload, There};
use crate::kamailio::sys::sharing::plain;

plain!(struct Exchange {
    kind, state, party, rp_mr, tp_mr, attempts, refused_at, taken, in_transaction, held, zone, status_report, private, retry_after,
    status, rp_cause, tp_fcs, transaction, sent_ms, hold_until_ms, expires_ms, unix, digest, sender, identity, address, hop,
    recipient, call_id, notify, disposition, tp_st, pdu, failed, answered, whole, concatenation, sequence, contact,
    other_contacts,
});

plain!(struct Notify { positive_delivery, negative_delivery, processing, way });
plain!(struct TransactionId { entry, label, route });
plain!(struct Settled { digest, until_ms, unix, zone, rp_mr, rp_cause, tp_fcs, report_lost });

plain!(
    enum Kind {
        SmToIm,
        ImToSm,
        Part,
        Submitted,
        Copy,
        Notification,
    }
);
plain!(
    enum Party {
        Phone,
        ServiceCentre,
    }
);
plain!(
    enum State {
        Relayed,
        Accepted,
        Repetition,
        SecondAttempt,
        Reporting,
        Unconfirmed,
        Listed,
        Queued,
        Sent,
        Taken,
        Overdue,
        Refused,
        Failed,
        Closing,
        Pausing,
        Acknowledged,
        Settled,
        Kept,
    }
);

plain!(struct AtScscf { identity, scscf, round, set, until, contacts, subscription, tag });
plain!(struct ContactsThere { list });
plain!(struct There { key, until, can });
plain!(struct Authorization { sm_to_im, im_to_sm });
plain!(struct Overload { began_ms, refused_ms, refused, told_ms, told });
