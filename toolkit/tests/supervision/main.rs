//! Supervisors: who is made anew, in which order, how often, after which wait; on real workers and in simulation.

mod chaos;
mod dynamic;
mod escalation;
mod house;
mod limits;
mod orders;
mod strategies;
mod trees;
#[path = "../common/waiting.rs"]
mod waiting;
