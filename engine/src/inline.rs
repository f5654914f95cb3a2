//! A value of any type in a place of fixed size: closures and events without an allocation.

use std::any::TypeId;
use std::fmt;
use std::marker::PhantomData;
use std::mem::MaybeUninit;

/// Up to `WORDS` words of a value whose type is known again only by who put it there.
pub(crate) struct Inline<const WORDS: usize> {
    drop: unsafe fn(*mut u8),
    type_id: TypeId,
    words: [MaybeUninit<u64>; WORDS],
    /// Nothing is known here of whether the value may be sent: who does, says so.
    not_send: PhantomData<*mut ()>,
}

impl<const WORDS: usize> Inline<WORDS> {
    /// Stores `value`. Does not compile for a type that is larger, or aligned to more than eight bytes.
    pub(crate) fn new<T: 'static>(value: T) -> Self {
        const {
            assert!(
                size_of::<T>() <= WORDS * 8,
                "the value is too large to be stored inline: box or share what it holds"
            );
            assert!(align_of::<T>() <= 8, "the value's alignment is over 8 bytes: box or share what it holds");
        }
        // SAFETY: the words are large enough and aligned, as was just checked.
        unsafe { Self::store(value) }
    }

    /// Stores `value`.
    ///
    /// # Safety
    /// It fits, by size and alignment.
    unsafe fn store<T: 'static>(value: T) -> Self {
        let mut words = [MaybeUninit::uninit(); WORDS];
        // SAFETY: the caller's contract.
        unsafe { words.as_mut_ptr().cast::<T>().write(value) };
        Self { drop: hippodrome_ringbuf::drop_message::<T>, type_id: TypeId::of::<T>(), words, not_send: PhantomData }
    }

    /// Stores `value` if it fits, and otherwise a box of it: to be taken out with [`take_fitting`](Self::take_fitting).
    pub(crate) fn fitting<T: 'static>(value: T) -> Self {
        if size_of::<T>() <= WORDS * 8 && align_of::<T>() <= 8 {
            // SAFETY: as was just checked.
            unsafe { Self::store(value) }
        } else {
            Self::new(Box::new(value))
        }
    }

    /// Moves out what [`fitting`](Self::fitting) stored, if it is a `T`.
    pub(crate) fn take_fitting<T: 'static>(self) -> Option<T> {
        if self.type_id == TypeId::of::<Box<T>>() {
            return self.take::<Box<T>>().map(|boxed| *boxed);
        }
        self.take::<T>()
    }

    pub(crate) fn type_id(&self) -> TypeId {
        self.type_id
    }

    /// The value, if it is a `T`.
    pub(crate) fn get<T: 'static>(&self) -> Option<&T> {
        // SAFETY: the type was compared.
        (self.type_id == TypeId::of::<T>()).then(|| unsafe { &*self.words.as_ptr().cast::<T>() })
    }

    /// Moves the value out, if it is a `T`; otherwise drops it.
    pub(crate) fn take<T: 'static>(self) -> Option<T> {
        if self.type_id != TypeId::of::<T>() {
            return None;
        }
        let this = std::mem::ManuallyDrop::new(self);
        // SAFETY: the type was compared, and `this` is not dropped.
        Some(unsafe { this.words.as_ptr().cast::<T>().read() })
    }
}

/// The same for a value that threads may share.
pub(crate) struct SharedInline<const WORDS: usize>(Inline<WORDS>);

// SAFETY: `new` is the only way to make one, and asks for a value that is `Send`.
unsafe impl<const WORDS: usize> Send for SharedInline<WORDS> {}
// SAFETY: `new` is the only way to make one, and asks for a value that is `Sync`.
unsafe impl<const WORDS: usize> Sync for SharedInline<WORDS> {}

impl<const WORDS: usize> SharedInline<WORDS> {
    /// Stores `value`, as [`Inline::new`] does.
    pub(crate) fn new<T: Send + Sync + 'static>(value: T) -> Self {
        Self(Inline::new(value))
    }

    pub(crate) fn type_id(&self) -> TypeId {
        self.0.type_id()
    }

    /// The value, if it is a `T`.
    pub(crate) fn get<T: 'static>(&self) -> Option<&T> {
        self.0.get()
    }
}

impl<const WORDS: usize> Drop for Inline<WORDS> {
    fn drop(&mut self) {
        // SAFETY: `new` stored a value of the type that `drop` is for, and `take` does not get here.
        unsafe { (self.drop)(self.words.as_mut_ptr().cast()) }
    }
}

impl<const WORDS: usize> fmt::Debug for Inline<WORDS> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Inline<{WORDS}>")
    }
}
