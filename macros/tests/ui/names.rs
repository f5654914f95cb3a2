#![allow(unused_variables, reason = "what is reported is the attribute's")]

struct Desk;

#[hippodrome::actor]
impl Desk {
    fn quote(&self) -> u64 {
        1
    }

    fn quote_then(&self) {}

    #[allow(non_snake_case, reason = "two names that become one")]
    fn Quote(&self) {}

    fn actor(&self) {}

    fn _1(&self) {}
}

fn main() {}
