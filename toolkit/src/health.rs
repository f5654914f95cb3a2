//! Health: actors that are asked whether they still answer, and what becomes of those that do not.
