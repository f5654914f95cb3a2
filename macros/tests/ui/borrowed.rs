#![allow(unused_variables, reason = "what is reported is the attribute's")]

struct Desk;

use std::borrow::Cow;

#[hippodrome::actor]
impl Desk {
    fn name(&self, name: &str) {}

    fn maybe(&self, name: Option<&'static str>, other: Option<&mut u64>) {}

    fn cow(&self, text: Cow<'_, str>) {}

    fn lend(&self) -> &u64 {
        &1
    }
}

fn main() {}
