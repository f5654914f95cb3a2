//! What the rings know of a message's type.

use std::alloc::Layout;
use std::marker::PhantomData;

use hippodrome_ringbuf::{Kind, drop_message};

use crate::core::Core;

/// The vtable of one type of message: the first word of its envelopes.
#[derive(Debug)]
pub(crate) struct MessageType {
    layout: Layout,
    drop: unsafe fn(*mut u8),
    name: fn() -> &'static str,
    /// For messages to the worker itself: what the worker does with one.
    run: Option<unsafe fn(&mut Core, *mut u8)>,
    is_users: bool,
}

impl MessageType {
    pub(crate) fn name(&self) -> &'static str {
        (self.name)()
    }

    /// Whether it carries something of the user's, which is reported when it cannot be handled.
    pub(crate) fn is_users(&self) -> bool {
        self.is_users
    }

    pub(crate) fn run(&self) -> Option<unsafe fn(&mut Core, *mut u8)> {
        self.run
    }
}

// SAFETY: `layout` and `drop` are made from the same type in `Of` and never change.
unsafe impl Kind for MessageType {
    #[inline(always)]
    fn layout(&self) -> Layout {
        self.layout
    }

    unsafe fn drop_in_place(&self, message: *mut u8) {
        // SAFETY: the caller's contract.
        unsafe { (self.drop)(message) }
    }
}

/// Gives the [`MessageType`] of `M`.
pub(crate) struct Of<M>(PhantomData<M>);

impl<M: Send + 'static> Of<M> {
    /// For messages to actors.
    pub(crate) const ACTOR: &'static MessageType = &MessageType {
        layout: Layout::new::<M>(),
        drop: drop_message::<M>,
        name: std::any::type_name::<M>,
        run: None,
        is_users: true,
    };
}

/// A message to a worker itself. It travels in the same rings, so it keeps its place among a sender's messages.
pub(crate) trait WorkerMessage: Send + 'static {
    /// Whether it carries something of the user's.
    const IS_USERS: bool = false;

    /// What the worker does; no actor is running meanwhile.
    fn run(self, core: &mut Core);
}

impl<M: WorkerMessage> Of<M> {
    /// For messages to workers.
    pub(crate) const WORKER: &'static MessageType = &MessageType {
        layout: Layout::new::<M>(),
        drop: drop_message::<M>,
        name: std::any::type_name::<M>,
        run: Some(run::<M>),
        is_users: M::IS_USERS,
    };
}

/// Moves the message out and runs it.
///
/// # Safety
/// `message` points to a valid `M`, which is not used again.
unsafe fn run<M: WorkerMessage>(core: &mut Core, message: *mut u8) {
    // SAFETY: the caller's contract.
    let message = unsafe { message.cast::<M>().read() };
    message.run(core);
}
