#![allow(unused_variables, reason = "what is reported is the attribute's")]

struct Desk;

#[hippodrome::actor]
impl Desk {
    fn close(self) {}

    fn boxed(self: Box<Self>) {}
}

fn main() {}
