use super::*;
use crate::kamailio::sys::sharing::Heap;

const LIMITS: MsrpLimits = MsrpLimits {
    max_size: 80_000,
    hold_ms: 20_000,
    idle_ms: 60_000,
};

fn key(serial: u64) -> ExchangeKey {
    ExchangeKey::new(1, serial).unwrap()
}

#[cfg(not(loom))]
mod alone {
    use super::*;
    use crate::base::Text;
    use crate::interwork::msrp::MAX_MESSAGES;

    fn session(token: Token) -> MsrpSession {
        MsrpSession {
            token,
            own: Text::EMPTY,
            peer: Text::EMPTY,
            path: Text::EMPTY,
            connection: Some(1),
            may_move: false,
            takes_notifications: false,
            dialog: 0,
            peer_dialog: None,
            identity: Text::EMPTY,
            from: Text::EMPTY,
            privacy: Text::EMPTY,
            recipient: Text::EMPTY,
            active_ms: 1_000,
            messages: [None; MAX_MESSAGES],
            delivered: [0; _],
            unanswered: Unanswered::default(),
        }
    }

    fn sessions(places: u32) -> Sessions<Heap> {
        Sessions::new(places, MAX_MESSAGES).unwrap()
    }

    /// Opens a session at a free place.
    fn open(sessions: &Sessions<Heap>, random: [u64; 2]) -> Option<Token> {
        let place = sessions.reserve(random)?;
        let token = place.token();
        place.open(session(token), &LIMITS).then_some(token)
    }

    #[test]
    fn a_session_is_found_by_its_whole_name_alone() {
        let sessions = sessions(2);
        let tokens = [[5, 6], [7, 8]].map(|random| open(&sessions, random).unwrap());
        assert_eq!((sessions.len(), open(&sessions, [1, 2])), (2, None));
        let [first, second] = [tokens[0].as_str(), tokens[1].as_str()];
        assert_eq!(sessions.with(first, &LIMITS, |_| 7), Some(7));
        let guessed = [&first[..33], "x"].concat();
        for wrong in ["", "00", "ffff", &guessed, &first[..33]] {
            assert_eq!(sessions.with(wrong, &LIMITS, |_| ()), None, "{wrong}");
            assert!(!sessions.end(wrong));
        }
        assert_eq!(sessions.due(60_999), []);
        assert_eq!(sessions.due(61_000).len(), 2);
        assert!(sessions.end(second) && !sessions.end(second));
        assert_eq!(sessions.len(), 1);
        assert!(open(&sessions, [1, 2]).is_some());
    }

    #[test]
    fn a_place_that_is_reserved_is_not_given_again() {
        let sessions = sessions(1);
        let place = sessions.reserve([5, 6]).unwrap();
        assert!(sessions.reserve([5, 6]).is_none());
        assert_eq!((sessions.len(), sessions.due(u64::MAX - 2)), (0, vec![]));
        assert_eq!(sessions.those(|_| true), []);
        drop(place);
        assert!(open(&sessions, [5, 6]).is_some());
    }

    #[test]
    fn outcomes_find_their_message_once() {
        let sessions = sessions(2);
        let (token, other) = (
            open(&sessions, [5, 6]).unwrap(),
            open(&sessions, [7, 8]).unwrap(),
        );
        let wait = |serial, message| {
            sessions.wait(key(serial), (&token, message), &LIMITS, |session| {
                session.active_ms += 1;
            })
        };
        assert_eq!(sessions.take_waiting(key(1)), None);
        for serial in 1..=MAX_MESSAGES as u64 {
            assert!(wait(serial, serial as usize));
        }
        let noted = sessions.with(token.as_str(), &LIMITS, |open| open.session.active_ms);
        assert_eq!(noted, Some(1_000 + MAX_MESSAGES as u64));
        assert_eq!(sessions.take_waiting(key(2)), Some((token, 2)));
        assert_eq!(sessions.take_waiting(key(2)), None);
        assert_eq!(sessions.take_waiting(key(4)), Some((token, 4)));
        assert!(sessions.wait(key(101), (&other, 1), &LIMITS, |_| ()));
        assert!(sessions.end(token.as_str()));
        assert_eq!(sessions.take_waiting(key(1)), None);
        assert!(!wait(102, 0), "the session has ended");
        assert_eq!(sessions.take_waiting(key(102)), None);
        assert_eq!(sessions.take_waiting(key(101)), Some((other, 1)));
        assert_eq!(sessions.waits.load(Relaxed), 0);
    }
}

/// In every order in which two threads can run.
#[cfg(loom)]
mod together {
    use super::*;
    use crate::kamailio::sys::sharing::race;

    /// A session of a few octets: a thread of loom has a small stack.
    #[derive(Clone, Copy)]
    struct Small {
        token: Token,
    }

    plain!(struct Small { token });

    impl Session for Small {
        fn token(&self) -> Token {
            self.token
        }

        fn due_ms(&self, limits: &MsrpLimits) -> u64 {
            limits.idle_ms
        }
    }

    type SmallSessions = Sessions<Heap, Small>;

    fn open(sessions: &SmallSessions) -> Option<Token> {
        // The search begins at the first place.
        let place = sessions.reserve([0, 1])?;
        let token = place.token();
        place.open(Small { token }, &LIMITS).then_some(token)
    }

    #[test]
    fn two_offers_take_two_places() {
        let make = || SmallSessions::new(2, 1).unwrap();
        race(make, open, open, |sessions, one, other| {
            let (one, other) = (one.unwrap(), other.unwrap());
            assert_ne!(&one.as_str()[..4], &other.as_str()[..4]);
            assert_eq!(sessions.len(), 2);
        });
    }

    #[test]
    fn no_message_waits_for_a_session_that_has_ended() {
        let make = || {
            let sessions = SmallSessions::new(1, 1).unwrap();
            let token = open(&sessions).unwrap();
            (sessions, token)
        };
        let wait = |(sessions, token): &(SmallSessions, Token)| {
            sessions.wait(key(1), (token, 0), &LIMITS, |_| ());
        };
        let end = |(sessions, token): &(SmallSessions, Token)| {
            assert!(sessions.end(token.as_str()));
        };
        race(make, wait, end, |(sessions, _), (), ()| {
            assert_eq!(sessions.waits.load(Relaxed), 0);
            assert_eq!(sessions.take_waiting(key(1)), None);
        });
    }
}
