//! `$ipsmgw(node)`: of several nodes, the one that a message is for.

use crate::interwork::{self, Class, FieldValue, MessageField, Named};

use crate::kamailio::engine::message_view::MessageView;
use crate::kamailio::register::person;
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::now::now;
use crate::kamailio::sys::message::SipMsg;

/// RP-DATA from the network to the phone (TS 24.011 §8.2.2).
const FROM_NETWORK: FieldValue = FieldValue::Number(1);

/// TP-MTI of an SMS-STATUS-REPORT (TS 23.040 §9.2.3.1).
const STATUS_REPORT: FieldValue = FieldValue::Number(2);

/// The SIP URI of the node that a message is for: of a report or notification, the node that has sent what it is about, or has
/// taken that over; of a part of a long short message, the node that joins the parts of its sender; of a status report of a
/// service centre, the next node that may have submitted its message. None: the message is for this node.
pub(super) fn of(msg: SipMsg<'_>) -> Option<String> {
    let state = state();
    if !state.nodes.are_several() {
        return None;
    }
    let mut view = MessageView::of(msg)?;
    let node = match state.gateway.classify(&view.message()).ok()? {
        Class::RpData if is_status_report(&view) => {
            view.read_sender();
            let refusal = state.gateway.translate_sm(&view.message(), now()).err()?;
            let mut report = refusal.status_report?;
            // The exchanges of a person are found by one identity, whichever the service centre uses.
            if let Some(person) = person::of(&msg.request()?.uri()?.0) {
                report.identity = person;
            }
            let identity = report.identity.as_str();
            let is_here =
                interwork::is_reported(&report, &mut state.table.lock(identity, now().unix_ms));
            if is_here {
                return None;
            }
            let source = msg.request().map(|request| request.source());
            state.nodes.next_in_round(&source.unwrap_or_default())?
        }
        Class::RpData => {
            let message = view.message();
            let field = |field| state.gateway.field(&message, field, || 0);
            let is_part = matches!(field(MessageField::Parts), Some(FieldValue::Number(2..)));
            // Parts from a service centre are kept with their recipient.
            let is_from_network = field(MessageField::RpMti) == Some(FROM_NETWORK);
            let identity = match is_part {
                true if is_from_network => {
                    let uri = message.request_uri;
                    person::of(uri).or_else(|| interwork::identity(uri))?
                }
                true => interwork::identity(&state.identity_of(msg)?)?,
                false => return None,
            };
            state.nodes.that_joins(identity.as_str())?
        }
        Class::RpReport | Class::Imdn => {
            view.read_sender();
            let Ok(Some(report)) = state.gateway.read_report(&view.message()) else {
                return None;
            };
            let Named::Exchange(exchange, _) = report.named else {
                return None;
            };
            let is_here = state.table.lock_of(exchange, now().unix_ms).is_some();
            // An exchange that this start has opened is in memory, or has ended.
            let is_own = exchange.node() == state.nodes.node();
            if is_here || is_own && !state.charging.is_earlier(exchange) {
                return None;
            }
            let source = msg.request().map(|request| request.source());
            state
                .nodes
                .that_may_have(exchange, &source.unwrap_or_default())?
        }
        _ => return None,
    };
    Some(node.uri.as_str().to_owned())
}

fn is_status_report(view: &MessageView<'_>) -> bool {
    let message = view.message();
    let field = |field| state().gateway.field(&message, field, || 0);
    field(MessageField::RpMti) == Some(FROM_NETWORK)
        && field(MessageField::TpMti) == Some(STATUS_REPORT)
}
