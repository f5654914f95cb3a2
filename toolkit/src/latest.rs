//! The latest value: writers overwrite it, and its reader gets the newest once.
