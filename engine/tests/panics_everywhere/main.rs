//! Panics everywhere: in each piece of foreign code that the engine runs. After each, on threads and on a host, the
//! neighbours go on in order, every message was handled or reported, panics and dead letters are counted exactly, every
//! value was dropped once, and the engine ends in order.

#[path = "../common/mod.rs"]
mod common;

mod asks;
mod children;
mod ends;
mod matrix;
mod world;
