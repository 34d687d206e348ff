//! Requests of our own to phones, clients and service centres, and what follows when one cannot be sent.

use super::{Context, Execution, note_opened};
use crate::exchange::{Clients, ExchangeKey, Kind};
use crate::interwork::{Input, ToContact, Unsent};
use crate::sip::MessageOut;

use crate::kamailio::engine::offers;
use crate::kamailio::engine::send;
use crate::kamailio::register::contacts::{self, NotSent};
use crate::kamailio::state::gateway_state::state;

impl Execution<'_> {
    pub(super) fn send(
        &mut self,
        exchange: Option<ExchangeKey>,
        attempt: u8,
        message: Box<MessageOut>,
    ) {
        let of = exchange.map(|exchange| (exchange, attempt));
        if let Err(NotSent(status)) = send::send(message, of) {
            tracing::warn!(status, "a MESSAGE could not be sent");
            if let Some(exchange) = exchange {
                self.not_sent(exchange, attempt, status);
            }
        }
    }

    pub(super) fn send_rp_data(
        &mut self,
        exchange: ExchangeKey,
        attempt: u8,
        message: Box<MessageOut>,
        to: ToContact,
    ) {
        let contacts = send::NextContact::of(&message, to);
        if let Some(count) = contacts.others() {
            self.tell(exchange, Input::OtherContacts { exchange, count });
        }
        if let Err(NotSent(status)) = contacts.send(message, exchange, attempt) {
            tracing::info!(status, "a short message could not be sent");
            self.not_sent(exchange, attempt, status);
        }
    }

    /// Sends a message to all clients of its recipient.
    #[cold]
    pub(super) fn fork(&mut self, exchange: ExchangeKey, attempt: u8, message: Box<MessageOut>) {
        let mut routes = contacts::routes_to(&message.identity, state().flags.im);
        let clients = u8::try_from(routes.len()).unwrap_or(u8::MAX);
        routes.truncate(usize::from(clients));
        if clients > 1 {
            self.tell(exchange, Input::Forked { exchange, clients });
        }
        let timeout_ms = state().gateway.policy.im_timeout_ms;
        let attempts = (0_u8..).map(|client| Clients::attempt_to(attempt, client));
        let mut sent: Vec<_> = routes
            .iter()
            .zip(attempts)
            .map(|(route, attempt)| {
                let of = Some((exchange, attempt));
                let send = || send::send_to(message.clone(), of, route);
                (attempt, send::send_within(timeout_ms, send))
            })
            .collect();
        if sent.is_empty() {
            let send = || send::send(message, Some((exchange, attempt)));
            sent.push((attempt, send::send_within(timeout_ms, send)));
        }
        for (attempt, sent) in sent {
            if let Err(NotSent(status)) = sent {
                tracing::warn!(status, "a MESSAGE could not be sent");
                self.not_sent(exchange, attempt, status);
            }
        }
    }

    /// Sends a message to the client that has refused it in another form.
    #[cold]
    pub(super) fn send_again(
        &mut self,
        exchange: ExchangeKey,
        refused: u16,
        message: Box<MessageOut>,
    ) {
        let client = match self.context {
            Context::Answered(transaction, branch) => {
                contacts::client_that_answered(transaction, branch, refused)
            }
            _ => None,
        };
        let sent = match &client {
            Some(client) => send::send_to(message, Some((exchange, 0)), client),
            // The script has answered, not a client.
            None => Err(NotSent(refused)),
        };
        if let Err(NotSent(status)) = sent {
            self.not_sent(exchange, 0, status);
        }
    }

    /// Offers an MSRP session to each client of the recipient that takes sessions.
    #[cold]
    pub(super) fn offer_session(&mut self, exchange: ExchangeKey, offer: &MessageOut) {
        note_opened(exchange, (Kind::SmToIm, false), self.context);
        let clients = offers::clients(offer);
        if clients.len() > 1 {
            let clients = u8::try_from(clients.len()).unwrap_or(u8::MAX);
            self.tell(exchange, Input::Forked { exchange, clients });
        }
        let mut sent: Vec<_> = clients
            .iter()
            .map(|client| offers::offer(exchange, offer, client))
            .collect();
        if sent.is_empty() {
            sent.push(Err(Unsent::NoDestination));
        }
        for why in sent.into_iter().filter_map(Result::err) {
            tracing::info!(?why, "an MSRP session could not be offered");
            self.tell(exchange, Input::NotOffered { exchange, why });
        }
    }

    #[cold]
    pub(super) fn not_sent(&mut self, exchange: ExchangeKey, attempt: u8, status: u16) {
        let input = Input::NotSent {
            exchange,
            attempt,
            status,
        };
        self.tell(exchange, input);
    }
}
