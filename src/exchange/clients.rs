//! The clients that one MESSAGE of ours went to at once.

/// How many of them are told apart, by the low bits of an attempt. The others are only counted.
const TOLD_APART: u8 = 31;

/// The clients of one recipient that a MESSAGE went to, and which of them have answered. The host may tell an answer
/// twice: it counts once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clients {
    pub(crate) unanswered: u8,
    pub(crate) answered: u32,
}

impl Clients {
    /// So many clients, none of which has answered.
    pub const fn of(count: u8) -> Self {
        Self {
            unanswered: count,
            answered: 0,
        }
    }

    /// How many have not answered.
    pub const fn unanswered(self) -> u8 {
        self.unanswered
    }

    /// How many have not answered, without the clients of these bits.
    pub const fn unanswered_without(self, bits: u32) -> u8 {
        // Clients that are not told apart are all waited for.
        let left_out = bits & !self.answered & !Self::bit(TOLD_APART);
        self.unanswered.saturating_sub(left_out.count_ones() as u8)
    }

    /// The attempt to name for this client, where the first client has this one.
    pub const fn attempt_to(first: u8, client: u8) -> u8 {
        first
            | if client < TOLD_APART {
                client
            } else {
                TOLD_APART
            }
    }

    /// The first attempt of a round in which a message is sent: the attempts of eight rounds are told apart.
    pub const fn round(round: u8) -> u8 {
        round << TOLD_APART.count_ones()
    }

    /// Whether this attempt belongs to that round.
    pub const fn is_in_round(attempt: u8, round: u8) -> bool {
        attempt & !TOLD_APART == Self::round(round)
    }

    /// The bit of the client that this attempt went to.
    pub const fn bit(attempt: u8) -> u32 {
        1 << (attempt & TOLD_APART)
    }

    /// The client of this attempt has answered. False: that was told before.
    pub const fn answer(&mut self, attempt: u8) -> bool {
        let client = attempt & TOLD_APART;
        let bit = Self::bit(attempt);
        if client < TOLD_APART && self.answered & bit != 0 {
            return false;
        }
        self.answered |= bit;
        self.unanswered = self.unanswered.saturating_sub(1);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_answers_once() {
        let mut clients = Clients::of(3);
        let [first, second] = [0, 1].map(|client| Clients::attempt_to(Clients::round(9), client));
        assert!(Clients::is_in_round(second, 9) && !Clients::is_in_round(second, 8));
        assert!(clients.answer(first));
        assert!(!clients.answer(first));
        assert!(clients.answer(second));
        assert_eq!(clients.unanswered(), 1);
    }

    #[test]
    fn a_client_that_is_left_out_counts_once() {
        let mut clients = Clients::of(3);
        let [first, second] = [0, 1].map(|client| Clients::attempt_to(0, client));
        let without = Clients::bit(first);
        assert_eq!(clients.unanswered_without(without), 2);
        clients.answer(first);
        assert_eq!(clients.unanswered_without(without), 2);
        clients.answer(second);
        assert_eq!(clients.unanswered_without(without), 1);
        // Clients that are not told apart are never left out.
        let clients = Clients::of(40);
        assert_eq!(clients.unanswered_without(u32::MAX), 9);
    }

    #[test]
    fn clients_that_are_not_told_apart_are_counted() {
        let mut clients = Clients::of(40);
        for client in 0..40 {
            assert!(clients.answer(Clients::attempt_to(0, client)));
        }
        assert_eq!(clients.unanswered(), 0);
    }
}
