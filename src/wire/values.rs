//! Named values of one octet; unnamed values survive a round trip.

/// An enum over an octet: named values, and `Other` for all other values. Both conversions come from one list, so
/// each is the inverse of the other.
macro_rules! octet_values {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $( $(#[$value_meta:meta])* $variant:ident = $value:literal, )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $( $(#[$value_meta])* $variant, )+
            /// A value without a name: reserved, or defined by a later release.
            Other(u8),
        }

        impl From<u8> for $name {
            fn from(octet: u8) -> Self {
                match octet {
                    $( $value => Self::$variant, )+
                    other => Self::Other(other),
                }
            }
        }

        impl From<$name> for u8 {
            fn from(value: $name) -> Self {
                match value {
                    $( $name::$variant => $value, )+
                    $name::Other(other) => other,
                }
            }
        }
    };
}

pub(crate) use octet_values;
