//! Notifications in a session that have no response yet. The response comes on the connection of the request (RFC 4975
//! §7.2). When the connection or the session has ended, no response can come, and the notification is sent as a MESSAGE
//! at once.

use crate::exchange::ExchangeKey;

/// The largest number of notifications of a session that are watched. Others are sent as a MESSAGE when their time is over.
pub const MAX_UNANSWERED: usize = 16;

/// Milliseconds between two checks of a notification's connection.
const LOOK_MS: u64 = 500;

/// Notifications of a session that have no response yet.
#[derive(Clone, Copy, Debug)]
pub struct Unanswered {
    /// The notifications.
    pub sent: [Option<SentNotification>; MAX_UNANSWERED],
    /// When the timer checks their connections, in milliseconds since 1970 UTC; `u64::MAX`: there are none.
    pub look_ms: u64,
}

/// A notification that was sent in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentNotification {
    /// Its exchange.
    pub exchange: ExchangeKey,
    /// The attempt that sent it.
    pub attempt: u8,
    /// The connection that it was sent on.
    pub connection: i32,
    /// When its exchange no longer waits for the response, in milliseconds since 1970 UTC.
    pub until_ms: u64,
}

impl Default for Unanswered {
    fn default() -> Self {
        Self {
            sent: [None; MAX_UNANSWERED],
            look_ms: u64::MAX,
        }
    }
}

impl Unanswered {
    /// Notes that a notification is sent now.
    pub(super) fn add(&mut self, notification: SentNotification, now_ms: u64) {
        if let Some(place) = self.sent.iter_mut().find(|place| place.is_none()) {
            *place = Some(notification);
            self.look_ms = self.look_ms.min(now_ms + LOOK_MS);
        }
    }

    /// The exchange of a notification has its response, or the notification could not be sent.
    pub fn forget(&mut self, exchange: ExchangeKey) {
        self.keep(|notification| notification.exchange != exchange);
    }

    /// The connections of the notifications, if it is time to check them.
    pub fn connections_to_look_at(&self, now_ms: u64) -> Vec<i32> {
        let mut connections: Vec<i32> = match self.look_ms <= now_ms {
            true => self.all().map(|sent| sent.connection).collect(),
            false => Vec::new(),
        };
        connections.dedup();
        connections
    }

    /// The connections were checked, and these are closed. Returns the notifications that get no response; they are no
    /// longer watched.
    pub fn without_response(&mut self, closed: &[i32], now_ms: u64) -> Vec<SentNotification> {
        let is_lost = |sent: &SentNotification| closed.contains(&sent.connection);
        let lost = self.all().filter(is_lost).collect();
        self.look_ms = now_ms + LOOK_MS;
        self.keep(|sent| !is_lost(sent) && sent.until_ms > now_ms);
        lost
    }

    /// All notifications without a response.
    pub fn all(&self) -> impl Iterator<Item = SentNotification> {
        self.sent.iter().copied().flatten()
    }

    fn keep(&mut self, is_kept: impl Fn(&SentNotification) -> bool) {
        for place in &mut self.sent {
            *place = place.filter(&is_kept);
        }
        if self.all().next().is_none() {
            self.look_ms = u64::MAX;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(serial: u64, connection: i32) -> SentNotification {
        SentNotification {
            exchange: ExchangeKey::new(1, serial).unwrap(),
            attempt: 1,
            connection,
            until_ms: 31_000,
        }
    }

    #[test]
    fn a_closed_connection_gives_no_response() {
        let mut unanswered = Unanswered::default();
        assert_eq!(unanswered.look_ms, u64::MAX);
        for (serial, connection) in [(1, 7), (2, 7), (3, 8)] {
            unanswered.add(sent(serial, connection), 1_000);
        }
        assert_eq!(unanswered.connections_to_look_at(1_499), [0; 0]);
        assert_eq!(unanswered.connections_to_look_at(1_500), [7, 8]);
        unanswered.forget(sent(2, 7).exchange);
        assert_eq!(unanswered.without_response(&[], 1_500), []);
        assert_eq!(unanswered.without_response(&[7], 2_000), [sent(1, 7)]);
        assert_eq!(unanswered.without_response(&[7], 2_500), []);
        assert_eq!(unanswered.look_ms, 3_000);
        assert_eq!(unanswered.all().collect::<Vec<_>>(), [sent(3, 8)]);
        // Its exchange has given up.
        assert_eq!(unanswered.without_response(&[], 31_000), []);
        assert_eq!(
            (unanswered.all().count(), unanswered.look_ms),
            (0, u64::MAX)
        );
    }

    #[test]
    fn what_has_no_place_is_not_watched() {
        let mut unanswered = Unanswered::default();
        for serial in 1..=100 {
            unanswered.add(sent(serial, 7), 0);
        }
        assert_eq!(unanswered.all().count(), MAX_UNANSWERED);
    }
}
