//! Named values of one octet, where the unnamed ones survive too.

/// An enum over an octet: each named value once, every other one kept as `Other`. Both conversions come
/// from the same list, so they are each other's inverse.
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
            /// A value without a name: reserved, or of a later release.
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
