#![allow(unused_variables, reason = "what is reported is the attribute's")]

struct Desk;

#[hippodrome::actor]
impl Desk {
    fn new() -> Self {
        Desk
    }

    #[skip]
    fn helper(&self) {}
}

fn main() {}
