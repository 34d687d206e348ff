//! Service-level interworking authorisation: whose messages may be converted (rows AUT-1, AUT-4, AUT-5).

use crate::exchange::Identity;
use crate::interwork::rules::identity::vouched;

/// The service-level interworking authorisation of one identity, by direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Authorization {
    /// Short messages to this identity may become instant messages.
    pub sm_to_im: bool,
    /// Instant messages of this identity may become short messages.
    pub im_to_sm: bool,
}

impl Authorization {
    /// From the word in configurations: `both`, `sm2im`, `im2sm` or `none`.
    pub fn of_word(word: &str) -> Option<Self> {
        let (sm_to_im, im_to_sm) = match word {
            "both" => (true, true),
            "sm2im" => (true, false),
            "im2sm" => (false, true),
            "none" => (false, false),
            _ => return None,
        };
        Some(Self { sm_to_im, im_to_sm })
    }

    /// The word for it.
    pub const fn word(self) -> &'static str {
        match (self.sm_to_im, self.im_to_sm) {
            (true, true) => "both",
            (true, false) => "sm2im",
            (false, true) => "im2sm",
            (false, false) => "none",
        }
    }

    /// Whether a short message to this identity, or an instant message of it, may be converted.
    pub const fn allows_conversion(self, of_sm: bool) -> bool {
        if of_sm { self.sm_to_im } else { self.im_to_sm }
    }

    /// Whether it allows the direction `sm2im` or `im2sm`; `None` for any other word.
    pub fn allows(self, direction: &str) -> Option<bool> {
        match direction {
            "sm2im" => Some(self.sm_to_im),
            "im2sm" => Some(self.im_to_sm),
            _ => None,
        }
    }
}

/// The identity in a URI, a number (`+15550001`), or a list of URIs as in P-Asserted-Identity.
pub fn identity(text: &str) -> Option<Identity> {
    let with_scheme;
    let uri = if text.starts_with('+') {
        with_scheme = ["tel:", text].concat();
        &with_scheme
    } else {
        text
    };
    vouched(uri)?.identity
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_round_trip() {
        for word in ["both", "sm2im", "im2sm", "none"] {
            assert_eq!(
                Authorization::of_word(word).map(Authorization::word),
                Some(word)
            );
        }
        assert_eq!(Authorization::of_word("yes"), None);
    }

    #[test]
    fn a_number_and_its_uris_are_one_identity() {
        let number = identity("+15550001").unwrap();
        assert_eq!(identity("tel:+1-555-0001"), Some(number));
        assert_eq!(
            identity("sip:+15550001@ims.example;user=phone"),
            Some(number)
        );
        let list = "<sip:001010000000001@ims.example>, <tel:+15550001>";
        assert_eq!(identity(list), Some(number));
        assert_eq!(identity("nobody"), None);
    }
}
