#![allow(unused_variables, reason = "what is reported is the attribute's")]

struct Desk;

#[hippodrome::actor(mailbox = 12)]
impl Desk {
    fn open(&self) {}
}

fn main() {}
