//! Structures that Kamailio keeps, and what their own pointers lead to.

use std::marker::PhantomData;
use std::ptr::NonNull;

use super::argument::Argument;
use super::ffi;
use super::text;

/// A structure of Kamailio that is kept for `'t`, together with the data that it points at.
pub(super) struct Kept<'t, T> {
    raw: NonNull<T>,
    _kept: PhantomData<&'t T>,
}

impl<T> Clone for Kept<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Kept<'_, T> {}

impl<'t, T> Kept<'t, T> {
    /// Nothing for NULL, and for tm's T_UNDEFINED (all ones).
    ///
    /// # Safety
    /// Kamailio keeps any other for the lifetime, and with it the structures and texts that its pointers lead to.
    pub(super) unsafe fn new(raw: *mut T) -> Option<Self> {
        let raw = NonNull::new(raw).filter(|raw| raw.addr().get() != usize::MAX)?;
        Some(Self {
            raw,
            _kept: PhantomData,
        })
    }

    pub(super) fn raw(self) -> *mut T {
        self.raw.as_ptr()
    }

    /// Its fields, for one look: some of them change while Kamailio works.
    pub(super) fn fields(&self) -> &T {
        // SAFETY: by the promise that `new` was given.
        unsafe { self.raw.as_ref() }
    }

    /// What one of its own pointers leads to; none for NULL.
    pub(super) fn follow<U>(self, pointer: impl FnOnce(&T) -> &*mut U) -> Option<Kept<'t, U>> {
        // SAFETY: the pointer is borrowed from the structure, so the promise that `new` was given holds for it.
        unsafe { Kept::new(*pointer(self.fields())) }
    }

    /// The octets of one of its own texts.
    pub(super) fn octets(self, text: impl FnOnce(&T) -> &ffi::str_) -> &'t [u8] {
        // SAFETY: the text is borrowed from the structure, so the promise that `new` was given holds for it.
        unsafe { text::octets(text(self.fields())) }
    }

    /// The same as text; none if it is not UTF-8.
    pub(super) fn text(self, text: impl FnOnce(&T) -> &ffi::str_) -> Option<&'t str> {
        text::utf8(self.octets(text))
    }

    /// This element and those after it: a list that ends with NULL.
    pub(super) fn list(self, next: impl Fn(&T) -> &*mut T) -> impl Iterator<Item = Self> {
        std::iter::successors(Some(self), move |this| this.follow(&next))
    }
}

impl<T> Argument for Kept<'_, T> {
    type C = *mut T;

    fn c(self) -> *mut T {
        self.raw()
    }
}
