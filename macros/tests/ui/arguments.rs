#![allow(unused_variables, reason = "what is reported is the attribute's")]

struct Desk;

#[hippodrome::actor]
impl Desk {
    fn any(&self, what: impl Iterator<Item = u64> + Send + 'static) {}

    fn both(&self, (bid, ask): (u64, u64), _: u64) {}

    fn other(&self, desk: Box<Self>) {}
}

fn main() {}
