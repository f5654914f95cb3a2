//! Supervision trees: who starts whom, who notices that somebody has failed, and what becomes of the others.
//!
//! A [`Supervisor`] starts its children in order, each when the one before it is up, and stops them in reverse. When a
//! child's life ends it decides by the child's [`Lifetime`] whether there is to be another one, and by its [`Strategy`]
//! who else is made anew. More restarts than its [intensity](Supervisor::intensity) grants, and it gives up: it stops all
//! its children and fails itself, which is for its own supervisor to judge, up to the root.
//!
//! A child keeps its address through all its lives, and what is sent to it meanwhile is held and handled first by the next
//! life. So an address that was taken once stays good as long as the supervisor itself lives.
//!
//! Children come by [`ChildSpec`]s when the supervisor starts, or [later](Supervise::start_child). A child may be a
//! supervisor. The whole tree can be [asked for](Supervise::tree), as data and as text.
//!
//! What becomes of a message at which its actor panics is another matter, for the actor itself: it is a dead letter, or a
//! [`Retry`] hands it to the next life again, and in the end puts it into [`Quarantine`].
//!
//! Supervision costs nothing per message.

mod child;
mod intensity;
mod order;
mod quarantine;
mod retry;
mod spec;
mod supervisor;
mod tree;

pub use intensity::Jitter;
pub use order::{StartChildError, Supervise};
pub use quarantine::{Quarantine, QuarantineOrder, Quarantined};
pub use retry::{Retry, Retrying};
pub use spec::{ChildRef, ChildSpec, Lifetime};
pub use supervisor::{GaveUp, Strategy, Supervisor};
pub use tree::{NodeState, Tree};
