//! Topologies, read from the trees of several machines and from trees that say nonsense.

mod machine;
mod machines;
mod malformed;
