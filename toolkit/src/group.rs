//! Groups: actors that are told as one.
