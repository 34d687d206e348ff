//! Values that are written as octets and read again, each one checked.

use core::num::NonZeroU64;

use arrayvec::ArrayVec;

use super::Damaged;
use crate::base::Text;
use crate::exchange::{ExchangeKey, Texts};

/// Where octets are written.
pub(crate) trait Out {
    /// Appends these octets.
    fn add(&mut self, octets: &[u8]);
}

impl Out for Vec<u8> {
    fn add(&mut self, octets: &[u8]) {
        self.extend_from_slice(octets);
    }
}

/// Octets that do not fit are left out: the capacity is that of the longest value.
impl<const N: usize> Out for ArrayVec<u8, N> {
    fn add(&mut self, octets: &[u8]) {
        let _ = self.try_extend_from_slice(octets);
    }
}

/// A value that is written and read again.
pub(crate) trait Encoded: Sized {
    /// Appends it.
    fn put(&self, out: &mut impl Out);
    /// Reads it as this field.
    fn take(from: &mut Reader<'_>, field: &'static str) -> Result<Self, Damaged>;
}

/// The order of the fields, as the versions of the form have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Version 1, before stored messages said who has the record of their submission.
    First,
    /// Version 1.
    Second,
    /// Version 2: stored messages have several parts, and long texts.
    Third,
}

/// Reads octets in their order.
#[derive(Clone)]
pub(crate) struct Reader<'o> {
    octets: &'o [u8],
    pub(crate) layout: Layout,
}

impl<'o> Reader<'o> {
    pub(crate) const fn of(octets: &'o [u8], layout: Layout) -> Self {
        Self { octets, layout }
    }

    /// The next value, which is this field.
    pub(crate) fn take<T: Encoded>(&mut self, field: &'static str) -> Result<T, Damaged> {
        T::take(self, field)
    }

    /// Nothing is left.
    pub(crate) fn end(&self) -> Result<(), Damaged> {
        match self.octets {
            [] => Ok(()),
            _ => Err(Damaged { field: "length" }),
        }
    }

    fn octets<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], Damaged> {
        let (octets, rest) = self.octets.split_first_chunk().ok_or(Damaged { field })?;
        self.octets = rest;
        Ok(*octets)
    }

    /// The texts, which are the rest of the octets: at most this many.
    pub(crate) fn texts(mut self, most: usize) -> Result<Texts, Damaged> {
        let length = match self.layout {
            Layout::First | Layout::Second => self.take::<u16>("texts")?.into(),
            Layout::Third => self.take::<u32>("texts")?,
        };
        match self.octets {
            texts if usize::try_from(length) == Ok(texts.len()) && texts.len() <= most => {
                Ok(Texts::from_octets(texts, &[]))
            }
            _ => Err(Damaged { field: "texts" }),
        }
    }
}

macro_rules! numbers {
    ($($number:ty),+) => {$(
        impl Encoded for $number {
            fn put(&self, out: &mut impl Out) {
                out.add(&self.to_be_bytes());
            }

            fn take(from: &mut Reader<'_>, field: &'static str) -> Result<Self, Damaged> {
                from.octets(field).map(Self::from_be_bytes)
            }
        }
    )+};
}

numbers!(u8, i8, u16, u32, u64, i64);

impl Encoded for bool {
    fn put(&self, out: &mut impl Out) {
        u8::from(*self).put(out);
    }

    fn take(from: &mut Reader<'_>, field: &'static str) -> Result<Self, Damaged> {
        match from.take::<u8>(field)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Damaged { field }),
        }
    }
}

impl<T: Encoded> Encoded for Option<T> {
    fn put(&self, out: &mut impl Out) {
        self.is_some().put(out);
        if let Some(value) = self {
            value.put(out);
        }
    }

    fn take(from: &mut Reader<'_>, field: &'static str) -> Result<Self, Damaged> {
        let is_there: bool = from.take(field)?;
        is_there.then(|| from.take(field)).transpose()
    }
}

impl<const N: usize> Encoded for Text<N> {
    fn put(&self, out: &mut impl Out) {
        let text = self.as_str();
        u16::try_from(text.len()).unwrap_or(0).put(out);
        out.add(text.as_bytes());
    }

    fn take(from: &mut Reader<'_>, field: &'static str) -> Result<Self, Damaged> {
        let length: u16 = from.take(field)?;
        let whole = from.octets.split_at_checked(length.into());
        let (octets, rest) = whole.ok_or(Damaged { field })?;
        from.octets = rest;
        let text = std::str::from_utf8(octets).ok().and_then(Self::new);
        text.ok_or(Damaged { field })
    }
}

impl Encoded for NonZeroU64 {
    fn put(&self, out: &mut impl Out) {
        self.get().put(out);
    }

    fn take(from: &mut Reader<'_>, field: &'static str) -> Result<Self, Damaged> {
        Self::new(from.take(field)?).ok_or(Damaged { field })
    }
}

impl Encoded for ExchangeKey {
    fn put(&self, out: &mut impl Out) {
        self.node().put(out);
        self.serial().put(out);
    }

    fn take(from: &mut Reader<'_>, field: &'static str) -> Result<Self, Damaged> {
        let node = from.take(field)?;
        Self::new(node, from.take(field)?).ok_or(Damaged { field })
    }
}

/// A structure: the fields that are written, in this order. After the semicolon, the fields that are not written, each
/// with its value for a later start.
macro_rules! structure {
    ($name:ident { $($field:ident),+ $(; $($left_out:ident: $value:expr),+)? $(,)? }) => {
        impl Encoded for $name {
            fn put(&self, out: &mut impl Out) {
                let Self { $($field,)+ $($($left_out: _,)+)? } = self;
                $($field.put(out);)+
            }

            fn take(from: &mut Reader<'_>, _: &'static str) -> Result<Self, Damaged> {
                Ok(Self {
                    $($field: from.take(stringify!($field))?,)+
                    $($($left_out: $value,)+)?
                })
            }
        }
    };
}

/// An enumeration: each variant with its number.
macro_rules! enumeration {
    ($name:ident { $($number:literal => $variant:ident $({ $($field:ident),+ })? $(($item:ident))?),+ $(,)? }) => {
        impl Encoded for $name {
            fn put(&self, out: &mut impl Out) {
                match self {
                    $(Self::$variant $({ $($field),+ })? $(($item))? => {
                        out.add(&[$number]);
                        $($($field.put(out);)+)?
                        $($item.put(out);)?
                    })+
                }
            }

            fn take(from: &mut Reader<'_>, field: &'static str) -> Result<Self, Damaged> {
                match from.take::<u8>(field)? {
                    $($number => Ok(Self::$variant
                        $({ $($field: from.take(stringify!($field))?),+ })?
                        $((from.take(stringify!($item))?))?),)+
                    _ => Err(Damaged { field }),
                }
            }
        }
    };
}

pub(crate) use {enumeration, structure};
