//! How much a turn takes from each source: a worker's turn takes what the configuration allows, the turn of a simulation
//! what its seed decides.

/// What one turn looks at, and how many messages it takes. `None` stands for a source that shows nothing yet, as if the
/// turn had looked there a moment earlier.
pub(crate) trait Plan: Copy {
    /// Whether the bell is looked at.
    #[inline(always)]
    fn sees_bell(self) -> bool {
        true
    }

    /// How many messages are taken from the next lane.
    #[inline(always)]
    fn lane(self, configured: u32) -> Option<u32> {
        Some(configured)
    }

    /// How many messages are taken from the ingress.
    #[inline(always)]
    fn ingress(self, configured: u32) -> Option<u32> {
        Some(configured)
    }

    /// How many messages are taken from the local ring, at least one.
    #[inline(always)]
    fn local(self, configured: u32) -> u32 {
        configured
    }

    /// How many messages are taken from each private mailbox, at least one.
    #[inline(always)]
    fn mailbox(self, configured: u32) -> u32 {
        configured
    }

    /// Whether what was sent to other workers is seen there now, or only after a later turn.
    #[inline(always)]
    fn publishes(self) -> bool {
        true
    }
}

/// What the configuration allows, of everything.
#[derive(Clone, Copy)]
pub(crate) struct Configured;

impl Plan for Configured {}
