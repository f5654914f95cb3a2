//! The attribute macro of Hippodrome. Use it as `hippodrome::actor`, with the feature `macros`.

#![forbid(unsafe_code)]
