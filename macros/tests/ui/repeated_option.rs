#![allow(unused_variables, reason = "what is reported is the attribute's")]

struct Desk;

#[hippodrome::actor(client = One, client = Two)]
impl Desk {
    fn open(&self) {}
}

fn main() {}
