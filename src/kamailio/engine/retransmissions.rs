//! Retransmissions that come after tm has deleted the transaction get the same answer again.

use std::cell::Cell;
use std::hash::{DefaultHasher, Hasher as _};
use std::net::IpAddr;

use crate::exchange::ExchangeKey;
use crate::interwork::answer;
use crate::sip::{FINAL, is_failure};

use super::answer;
use crate::kamailio::state::answered::FinalResponse;
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::sys::clock;
use crate::kamailio::sys::message::MessageNumber;
use crate::kamailio::sys::request::{Method, Request};
use crate::kamailio::sys::script_callback::{ScriptCallback, When};
use crate::kamailio::sys::tm_callback::{Tie, TmEvent, Told, Watcher};
use crate::kamailio::sys::transaction::Transaction;

thread_local! {
    /// The digest of the current message, which is needed more than once.
    static DIGEST: Cell<(MessageNumber, u64)> = const { Cell::new(((0, 0, 0), 0)) };
}

/// The digest of a request: the same for all its retransmissions, and for no other request. It covers the fields that a transaction
/// is matched by (RFC 3261 §17.2.3) and the source address. It has a secret key, so no sender can predict it.
pub(crate) fn digest(msg: Request<'_>) -> u64 {
    let (number, known) = DIGEST.get();
    if number == msg.number() {
        return known;
    }
    let key = msg.transaction_key();
    // With their lengths, so that no octet can move from one field to the next.
    let lengths = key
        .iter()
        .fold(0, |all, part| all << 16 | part.len() as u64);
    let address = match msg.source_address() {
        Some(IpAddr::V4(address)) => address.to_bits().into(),
        Some(IpAddr::V6(address)) => address.to_bits(),
        None => 0,
    };
    let mut digest = DefaultHasher::new();
    // The hasher is slow with short pieces.
    let mut first = [0; 32];
    let (numbers, source) = first.split_at_mut(16);
    numbers.copy_from_slice(
        &(u128::from(state().digest_key) << 64 | u128::from(lengths)).to_ne_bytes(),
    );
    source.copy_from_slice(&address.to_ne_bytes());
    digest.write(&first);
    key.into_iter().for_each(|part| digest.write(part));
    let digest = digest.finish();
    DIGEST.set((msg.number(), digest));
    digest
}

/// The digest of an exchange, among those of requests.
pub(crate) fn digest_of(exchange: ExchangeKey) -> u64 {
    let mut digest = DefaultHasher::new();
    for number in [
        state().digest_key,
        exchange.node().into(),
        exchange.serial(),
    ] {
        digest.write_u64(number);
    }
    digest.finish()
}

/// Remembers the final response of the current request's transaction.
pub(crate) fn watch(msg: Request<'_>) {
    let Some(transaction) = Transaction::of(msg.message()) else {
        return;
    };
    if !transaction.tie(msg, Tie::to::<Answered>(digest(msg))) {
        tracing::error!("no memory to remember an answer: a copy of its request may count as new");
    }
}

/// Remembers the final response of the current request, which has no transaction.
pub(crate) fn note(msg: Request<'_>, status: u16) {
    let response = FinalResponse {
        status,
        retry_after: false,
    };
    let now_ms = clock::monotonic_ms();
    state().answered.remember(digest(msg), response, now_ms);
}

/// The answer to a watched request was sent.
struct Answered;

impl Watcher for Answered {
    const NAME: &'static str = "answered";
    const EVENTS: &'static [TmEvent] = &[TmEvent::ResponseOut];

    fn told(about: &Told<'_>) {
        let status = about.status();
        if FINAL.contains(&status) {
            let response = FinalResponse {
                status,
                retry_after: is_failure(status) && has_retry_after(about.sent()),
            };
            let now_ms = clock::monotonic_ms();
            state().answered.remember(about.number, response, now_ms);
        }
    }
}

fn has_retry_after(sent: &[u8]) -> bool {
    const NAME: &[u8] = b"\r\nRetry-After:";
    sent.windows(NAME.len())
        .any(|window| window.eq_ignore_ascii_case(NAME))
}

/// In mod_init: registers the function that runs before the script for each request.
pub(crate) fn watch_copies() -> bool {
    static BEFORE_SCRIPT: ScriptCallback = ScriptCallback {
        name: "before the script",
        when: When::BeforeRequest,
        // While the gateway stops, peers get no answer; they repeat their requests.
        run: |msg| !state().lifecycle.is_closed() && !msg.request().is_some_and(repeat),
    };
    BEFORE_SCRIPT.register()
}

/// Whether the request is a retransmission of an answered request. If so, it has been answered again.
fn repeat(msg: Request<'_>) -> bool {
    let answered = &state().answered;
    let now_ms = clock::monotonic_ms();
    if !msg.is(Method::Message) || !answered.has_any(now_ms) || !msg.parse_headers() {
        return false;
    }
    let Some(response) = answered.recall(digest(msg), now_ms) else {
        return false;
    };
    msg.answer_to_its_source();
    let answer = answer(response.status, response.retry_after);
    answer::answer_as_before(msg, &answer)
}
