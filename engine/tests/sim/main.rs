//! Simulations: that a seed decides everything, that what it decides can be, and that a test finds its way from a failure
//! back to its cause.

mod determinism;
mod exploring;
mod faults;
mod probes;
mod program;
mod running;
mod visibility;
