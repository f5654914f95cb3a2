//! The measuring program of Hippodrome.
fn main() {}
