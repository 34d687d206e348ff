//! The clients to which one MESSAGE of ours was sent.

/// How many clients have a number of their own, in the low bits of an attempt. Further clients are only counted.
const TOLD_APART: u8 = 31;

/// The clients of one recipient to which a MESSAGE was sent, and which of them have answered. The host may report an
/// answer twice: it counts once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clients {
    pub(crate) unanswered: u8,
    pub(crate) answered: u32,
}

impl Clients {
    /// This many clients; no client has answered.
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
        // Clients without a bit of their own are all waited for.
        let left_out = bits & !self.answered & !Self::bit(TOLD_APART);
        self.unanswered.saturating_sub(left_out.count_ones() as u8)
    }

    /// The attempt number of this client, if the first client has this attempt number.
    pub const fn attempt_to(first: u8, client: u8) -> u8 {
        first
            | if client < TOLD_APART {
                client
            } else {
                TOLD_APART
            }
    }

    /// The first attempt number of a round in which a message is sent. Eight rounds have different attempt numbers.
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

    /// The client of this attempt has answered. False: the answer was reported before.
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
        // Clients without a bit of their own are always waited for.
        let clients = Clients::of(40);
        assert_eq!(clients.unanswered_without(u32::MAX), 9);
    }

    #[test]
    fn clients_without_a_bit_are_counted() {
        let mut clients = Clients::of(40);
        for client in 0..40 {
            assert!(clients.answer(Clients::attempt_to(0, client)));
        }
        assert_eq!(clients.unanswered(), 0);
    }
}
