//! The targets: one for each kind of bytes that come from somebody else.

mod configuration;
mod core_set;
mod order_flow;
mod requests;
mod snapshots;
mod topology;

pub use configuration::configuration;
pub use core_set::core_set;
pub use order_flow::order_flow;
pub use requests::requests;
pub use snapshots::snapshots;
pub use topology::topology;
