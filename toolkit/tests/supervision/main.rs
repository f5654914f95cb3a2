//! Supervisors: who is made anew, in which order, how often, after which wait; on real workers and in simulation.

mod house;
mod strategies;
