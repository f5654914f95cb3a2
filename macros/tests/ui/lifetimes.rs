#![allow(unused_variables, reason = "what is reported is the attribute's")]

struct Desk<'d>(&'d str);

#[hippodrome::actor]
impl<'d> Desk<'d> {
    fn open(&self) {}
}

fn main() {}
