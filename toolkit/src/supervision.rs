//! Supervision trees: children that are started in order, restarted by a strategy, and stopped in reverse.
