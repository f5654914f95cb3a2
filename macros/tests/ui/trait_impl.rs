#![allow(unused_variables, reason = "what is reported is the attribute's")]

struct Desk;

#[hippodrome::actor]
impl Clone for Desk {
    fn clone(&self) -> Self {
        Desk
    }
}

fn main() {}
