//! Text and octets of bounded length, stored in place: plain data for memory that several processes share.

use core::fmt;

use arrayvec::ArrayString;

/// A text of bounded length, stored in place.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Text<const N: usize>(ArrayString<N>);

impl<const N: usize> Text<N> {
    /// No text.
    pub const EMPTY: Self = Self(ArrayString::new_const());

    /// The text; `None` if it is longer than `N` octets.
    pub fn new(text: &str) -> Option<Self> {
        ArrayString::from(text).ok().map(Self)
    }

    /// The text as given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const N: usize> fmt::Write for Text<N> {
    fn write_char(&mut self, c: char) -> fmt::Result {
        self.0.try_push(c).map_err(|_| fmt::Error)
    }

    /// Appends the whole text, or nothing if it does not fit.
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.try_push_str(text).map_err(|_| fmt::Error)
    }
}

/// Shows only the length: a log line must not contain texts or identities of subscribers.
impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} octets>", self.0.len())
    }
}

/// Octets of bounded number, stored in place.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Octets<const N: usize> {
    len: u16,
    octets: [u8; N],
}

impl<const N: usize> Octets<N> {
    /// No octets.
    pub const EMPTY: Self = Self {
        len: 0,
        octets: [0; N],
    };

    /// The octets; `None` if there are more than `N`.
    pub fn new(octets: &[u8]) -> Option<Self> {
        let mut this = Self::EMPTY;
        this.octets.get_mut(..octets.len())?.copy_from_slice(octets);
        this.len = u16::try_from(octets.len()).ok()?;
        Some(this)
    }

    /// The octets as given.
    pub fn as_slice(&self) -> &[u8] {
        self.octets.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// The octets, to be changed in place.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        self.octets
            .get_mut(..usize::from(self.len))
            .unwrap_or_default()
    }
}

impl<const N: usize> fmt::Debug for Octets<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} octets>", self.len)
    }
}
