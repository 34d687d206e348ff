//! The core's records may stand in shared memory: all their fields are plain.

use crate::exchange::{
    Clients, Exchange, ExchangeKey, Header, Held, IdentityKey, ImAnswers, ImToSm, ImToSmState,
    KeptPart, KeptPartState, Kind, ListDelivery, ListDeliveryState, Notification,
    NotificationState, Offers, OwedReport, Party, Passing, PastSm, Pieces, Role, RpRefusal, Sender,
    SenderWait, Services, SmOutcome, SmToIm, SmToImState, Stored, StoredContent, StoredFor,
    StoredMessage, StoredMessageState, Submitted, TransactionId, Wants,
};
use crate::interwork::{
    AtScscf, Authorization, Charged, ChargingRecord, ContactsThere, Ended, Ending, Interface,
    Interworking, Overload, There,
};
use crate::kamailio::sys::sharing::plain;

plain!(
    enum Exchange {
        SmToIm(it),
        ImToSm(it),
        KeptPart(it),
        Submitted(it),
        ListDelivery(it),
        Notification(it),
        StoredMessage(it),
    }
);
plain!(struct ExchangeKey { serial, node });
plain!(
    enum Kind {
        SmToIm,
        ImToSm,
        KeptPart,
        Submitted,
        ListDelivery,
        Notification,
        StoredMessage,
    }
);
plain!(struct Ended { exchange, kind, to_phone, ending, status, sip_failure, rp_cause, tp_fcs, no_report });
plain!(
    enum Ending {
        Delivered,
        Accepted,
        Failed,
    }
);
plain!(struct IdentityKey { digest });
plain!(struct Header { key, identity, share, due_ms, stored });
plain!(
    enum Stored {
        No,
        Asked,
        Yes,
    }
);
plain!(struct OwedReport { transaction, rp_mr, is_answered });
plain!(struct SmToIm {
    header, state, sender, rp_mr, private, asks, stored, to_phone, zone, notified, unix, digest, completes,
});
plain!(enum SmToImState {
    Relayed { transaction, im_until_ms, answers }, Accepted { transaction, answers }, Retried, InSession { offers }, InPieces { pieces },
    Delivering { asked }, Storing { status },
    Repetition { first }, Reporting { outcome, sent }, Unconfirmed { outcome },
});
plain!(struct Pieces { piece, clients, without, best_failure });
plain!(struct ImAnswers { status, best_failure, branches });
plain!(struct SmOutcome { status, rp_cause, tp_fcs });
plain!(struct ImToSm {
    header, state, role, to, rp_mr, tp_mr, private, attempts, refused_at, taken, in_transaction, contact, other_contacts,
    follows, sip_failure, rp_error, sent_ms, expires_ms,
});
plain!(enum Role { Message(sender), Part { last }, StatusReport, Stored { message }, ShortMessage { from, until_ms } });
plain!(struct Sender { wait, to_be_stored, is_stored, wants, unix });
plain!(enum SenderWait { No, Held(held), InSession { until_ms } });
plain!(struct Held { transaction, until_ms });
plain!(struct Wants { positive_delivery, negative_delivery, processing });
plain!(struct RpRefusal { cause, fcs });
plain!(enum ImToSmState {
    Listed, Queued, Pausing, Sent, Taken, Overdue, Refused, Failed { status }, Settled { status, retry_after },
    Storing { status, retry_after }, Closing,
});
plain!(struct KeptPart {
    header, state, sender, private, zone, sequence, unix, digest, concatenation, owed,
});
plain!(enum KeptPartState { Waiting, WaitingAgain { status }, Relayed { with }, Storing { with } });
plain!(struct Submitted { header, tp_mr, wants, unix, message });
plain!(struct ListDelivery { header, state, wants, unix });
plain!(enum ListDeliveryState { Listed, Sent { clients }, Interrupted });
plain!(struct Clients { unanswered, answered });
plain!(struct StoredMessage {
    header, state, content, private, urgent, may_be_there, passing, is_here, submission, zone, tries, round, left,
    unix, expires_ms,
});
plain!(
    enum StoredContent {
        Sm,
        Im { wants },
    }
);
plain!(
    enum Passing {
        No,
        FailedOnce,
        Failed,
        NoDevice,
    }
);
plain!(struct Services { sm, im, msrp });
plain!(struct Offers { open, begun, best_failure });
plain!(enum StoredFor { Request(transaction), Phone { from, status }, Im(exchange) });
plain!(enum StoredMessageState {
    Storing(waits), Waiting, LookedUp, ToPhone, ToClients { clients }, InSession { offers }, Parking,
});
plain!(struct Notification { header, state, about, disposition, attempts, unix });
plain!(
    enum NotificationState {
        Sent,
        SentLast,
        Pausing,
    }
);
plain!(
    enum Party {
        Phone,
        ServiceCentre,
    }
);
plain!(struct TransactionId { entry, label });
plain!(struct PastSm { digest, until_ms, unix, zone, rp_mr, rp_cause, tp_fcs, report_lost });
plain!(struct AtScscf { identity, scscf, round, set, until, contacts, subscription, tag });
plain!(struct ContactsThere { list });
plain!(struct There { key, until, can });
plain!(struct Authorization { sm_to_im, im_to_sm });
plain!(struct Overload { began_ms, refused_ms, refused, told_ms, told });
plain!(struct ChargingRecord {
    exchange, number, node, about, way, result, event_unix, submitted_unix, originator, originator_interface, recipient,
    recipient_interface, session_id, message_id, node_address, tp_mr, tp_pid, tp_dcs, reply_path, has_header, size, parts, part,
    report_requested, tp_status, discharged_unix, sip_status, rp_cause, tp_fcs,
});
plain!(
    enum Charged {
        Submission,
        Delivery,
        Report,
    }
);
plain!(
    enum Interworking {
        SmToIm,
        ImToSm,
        SmToSm,
        ImToIm,
    }
);
plain!(
    enum Interface {
        Unknown,
        MobileOriginating,
        MobileTerminating,
        ApplicationOriginating,
        ApplicationTerminating,
    }
);
