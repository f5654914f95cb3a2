#![allow(unused_variables, reason = "what is reported is the attribute's")]

struct Desk;

use hippodrome::{Context, Reply};

#[hippodrome::actor]
impl Desk {
    fn both(&self, reply: Reply<u64>) -> u64 {
        1
    }

    fn twice(&self, bid: Reply<u64>, ask: Reply<u64>) {}

    fn named(&self, reply: String) -> u64 {
        1
    }

    fn contexts(&self, ctx: &mut Context<'_, DeskMsg>, other: &mut Context<'_, DeskMsg>) {}
}

fn main() {}
