//! RPC commands about stored messages. They read the database in the process that runs them; the process `IPSMGW STORE` does the rest.

use std::time::Duration;

use crate::exchange::{
    Exchange, ExchangeKey, Kind, StoredContent, StoredMessage, StoredMessageTexts, Texts, decode,
};
use crate::interwork;

use super::rpc_words::{NO_IDENTITY, flag};
use crate::kamailio::engine::stored_recipients::{self, Recipient};
use crate::kamailio::state::gateway_state::state;
use crate::kamailio::state::now::now;
use crate::kamailio::state::storage::Storage;
use crate::kamailio::state::trace;
use crate::kamailio::sys::rpc::{Request, Structure};

/// How many identities or messages are shown.
const SHOWN: usize = 200;

/// How long a dropped message may take to be gone, and the pause between two looks.
const GONE_WITHIN: u32 = 150;
const LOOK: Duration = Duration::from_millis(20);

const NO_STORE: &str = "nothing is stored: write store_table, and the message may be stored";
const NO_MESSAGE: &str =
    "write the name of a stored message, as ipsmgw.store_list shows it, such as 1-3f";
const UNREADABLE: &str = "the database cannot be read; see the log";

fn storage(request: Request<'_>) -> Option<&'static Storage> {
    let storage = state().storage.as_ref();
    if storage.is_none() {
        request.fault(NO_STORE);
    }
    storage
}

/// `ipsmgw.store_list`
pub(super) fn list(request: Request<'_>) {
    let Some(storage) = storage(request) else {
        return;
    };
    let Some(word) = request.next_word() else {
        let mut counts = Vec::new();
        let see = |identity: &str, count| counts.push((identity.to_owned(), count));
        if storage
            .rows
            .counts(Kind::StoredMessage, SHOWN, see)
            .is_err()
        {
            return request.fault(UNREADABLE);
        }
        let Some(reply) = request.reply() else { return };
        for (identity, count) in counts {
            reply.number(&identity, count);
        }
        return;
    };
    let Some(identity) = interwork::identity(word) else {
        return request.fault(NO_IDENTITY);
    };
    let mut messages = Vec::new();
    let see = |key, _, record: &[u8]| messages.extend(message_in(key, record));
    let kind = Kind::StoredMessage;
    if storage
        .rows
        .of(kind, identity.as_str(), SHOWN, see)
        .is_err()
    {
        return request.fault(UNREADABLE);
    }
    let Some(reply) = request.reply() else { return };
    for (message, _) in messages {
        if let Some(shown) = reply.structure(&trace::name(message.header.key)) {
            describe(shown, &message);
        }
    }
}

/// `ipsmgw.store_show`
pub(super) fn show(request: Request<'_>) {
    let Some(storage) = storage(request) else {
        return;
    };
    let Some(key) = request.next_word().and_then(key_of) else {
        return request.fault(NO_MESSAGE);
    };
    let with_text = match request.next_word() {
        None => false,
        Some("text") => true,
        Some(_) => {
            return request.fault("write nothing behind the message, or text to see its text");
        }
    };
    let mut message = None;
    if storage
        .rows
        .one(key, |record| message = message_in(key, record))
        .is_err()
    {
        return request.fault(UNREADABLE);
    }
    let Some((message, texts)) = message else {
        return request.fault(NO_MESSAGE);
    };
    let Some(reply) = request.reply() else { return };
    let texts = StoredMessageTexts::of(&texts);
    describe(reply, &message);
    reply.text("recipient", texts.recipient);
    reply.text("sender", texts.sender);
    if with_text {
        reply.text("text", &state().gateway.stored_text(&message, &texts));
    }
}

/// `ipsmgw.store_drop`
pub(super) fn drop(request: Request<'_>) {
    let Some(storage) = storage(request) else {
        return;
    };
    let Some(key) = request.next_word().and_then(key_of) else {
        return request.fault(NO_MESSAGE);
    };
    match is_stored(storage, key) {
        Err(fault) => return request.fault(fault),
        Ok(false) => return request.fault(NO_MESSAGE),
        Ok(true) => {}
    }
    let is_put = storage.drop(key);
    for _ in 0..GONE_WITHIN {
        if is_put && is_stored(storage, key) == Ok(false) {
            if let Some(reply) = request.reply() {
                reply.text("dropped", flag(true));
            }
            return;
        }
        std::thread::sleep(LOOK);
    }
    request.fault("not dropped: it is being delivered, or the database is away");
}

/// `ipsmgw.store_retry`
pub(super) fn retry(request: Request<'_>) {
    if storage(request).is_none() {
        return;
    }
    let Some(identity) = request.next_word().and_then(interwork::identity) else {
        return request.fault(NO_IDENTITY);
    };
    stored_recipients::read(&identity, Recipient::Named);
}

fn is_stored(storage: &Storage, key: ExchangeKey) -> Result<bool, &'static str> {
    let mut is_there = false;
    let read = storage
        .rows
        .one(key, |record| is_there = message_in(key, record).is_some());
    read.map(|()| is_there).map_err(|_| UNREADABLE)
}

fn message_in(key: ExchangeKey, record: &[u8]) -> Option<(StoredMessage, Texts)> {
    match decode(key, record) {
        Ok((Exchange::StoredMessage(message), texts)) => Some((message, texts)),
        _ => None,
    }
}

/// The exchange with this name in the log.
fn key_of(name: &str) -> Option<ExchangeKey> {
    let (node, serial) = name.split_once('-')?;
    let serial = u64::from_str_radix(serial, 16).ok()?;
    ExchangeKey::new(u16::from_str_radix(node, 16).ok()?, serial)
}

/// Data that is not about people.
fn describe(shown: Structure<'_>, message: &StoredMessage) {
    let now = now();
    let seconds = |until_ms: u64| {
        let left_ms = until_ms.saturating_sub(now.unix_ms);
        i64::try_from(left_ms / 1000).unwrap_or(i64::MAX)
    };
    let is_im = matches!(message.content, StoredContent::Im { .. });
    shown.text("kind", if is_im { "im" } else { "sm" });
    shown.number("age", now.unix.saturating_sub(message.unix).max(0));
    shown.number("expires", seconds(message.expires_ms));
    shown.number("attempts", message.tries.into());
    shown.number("next_attempt", seconds(message.header.due_ms));
    let key = message.header.key;
    let is_open = state().table.lock_of(key, now.unix_ms).is_some();
    shown.text("being_delivered", flag(is_open));
}
