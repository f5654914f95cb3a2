#![allow(unused_variables, reason = "what is reported is the attribute's")]

struct Desk;

#[hippodrome::actor]
impl Desk {
    #[started]
    fn open(&self, at: u64) {}

    #[stopped]
    fn close() {}

    #[stopped]
    fn shut(&self) -> u64 {
        1
    }

    #[skip]
    #[started]
    fn both(&self) {}

    fn quote(&self) {}
}

fn main() {}
