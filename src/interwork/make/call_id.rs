//! Call-IDs and Message-IDs of our own: they contain the key of the exchange, so that In-Reply-To and notifications
//! can be assigned to it.

use crate::base::{hex_digit, push_hex};
use crate::exchange::ExchangeKey;
use crate::interwork::Gateway;
use crate::interwork::input::{Attempt, Named};
use crate::mime::cut;

impl Gateway {
    /// The Call-ID of one attempt for an exchange.
    pub(crate) fn call_id(&self, key: ExchangeKey, attempt: u8) -> String {
        self.call_id_to(key, attempt, 0)
    }

    /// The Call-ID of one attempt that goes to this contact. A report says by it which contact answers: behind a crash, the exchange may
    /// not know of the attempt.
    pub(crate) fn call_id_to(&self, key: ExchangeKey, attempt: u8, contact: u8) -> String {
        let mut out = String::with_capacity(42 + self.policy.domain.len());
        self.push_name(&mut out, key, u16::from_be_bytes([contact, attempt]));
        out.push('@');
        out.push_str(&self.policy.domain);
        out
    }

    /// The Message-ID of an exchange's instant message (RFC 5438 §6.3): a token.
    pub(crate) fn imdn_message_id(&self, key: ExchangeKey) -> String {
        let mut out = String::with_capacity(40);
        self.push_name(&mut out, key, 0);
        out
    }

    fn push_name(&self, out: &mut String, key: ExchangeKey, attempt: u16) {
        push_hex(out, key.node().into());
        for number in [key.serial(), attempt.into(), self.boot] {
            out.push('-');
            push_hex(out, number);
        }
    }

    /// The exchange that the Message-ID in a notification refers to.
    pub(crate) fn named_by(&self, message_id: &str) -> Named {
        self.named(message_id, "").unwrap_or(Named::Nothing)
    }

    /// The exchange that the Call-IDs in an In-Reply-To refer to.
    pub(crate) fn named_in(&self, in_reply_to: Option<&str>) -> Named {
        let mut rest = in_reply_to.unwrap_or_default();
        while !rest.is_empty() {
            let (call_id, others) = cut(rest, b',').unwrap_or((rest, ""));
            let named = cut(call_id.trim_ascii(), b'@')
                .and_then(|(local, domain)| self.named(local, domain));
            if let Some(named) = named {
                return named;
            }
            rest = others;
        }
        Named::Nothing
    }

    fn named(&self, local: &str, domain: &str) -> Option<Named> {
        let [node, serial, attempt, boot] = numbers(local)?;
        // Some intermediaries change the part after the "@".
        if boot == self.boot {
            let key = ExchangeKey::new(u16::try_from(node).ok()?, serial)?;
            let [contact, attempt] = u16::try_from(attempt).ok()?.to_be_bytes();
            return Some(Named::Exchange(
                key,
                Attempt {
                    number: attempt,
                    contact,
                },
            ));
        }
        (domain == self.policy.domain).then_some(Named::Past)
    }
}

/// Four hexadecimal numbers, with a hyphen between them.
pub(crate) fn numbers(text: &str) -> Option<[u64; 4]> {
    let mut numbers = [0; 4];
    let mut octets = text.bytes();
    let last = numbers.len() - 1;
    for (place, number) in numbers.iter_mut().enumerate() {
        let (mut value, mut digits) = (0_u64, 0);
        let ends = loop {
            match octets.next() {
                None => break true,
                Some(b'-') => break false,
                Some(_) if value >> 60 != 0 => return None,
                Some(octet) => value = value << 4 | u64::from(hex_digit(octet)?),
            }
            digits += 1;
        };
        if digits == 0 || ends != (place == last) {
            return None;
        }
        *number = value;
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn four_numbers_and_nothing_else() {
        assert_eq!(numbers("1-aF-0-10"), Some([1, 0xaf, 0, 0x10]));
        assert_eq!(numbers("1-ffffffffffffffff-0-1"), Some([1, u64::MAX, 0, 1]));
        for text in [
            "",
            "1-2-3",
            "1-2-3-",
            "-1-2-3",
            "1--2-3",
            "1-2-3-4-5",
            "1-2-3-g",
            "1-2-3-+4",
            "1-10000000000000000-3-4",
        ] {
            assert_eq!(numbers(text), None, "{text}");
        }
    }
}
