#![allow(unused_variables, reason = "what is reported is the attribute's")]

struct Desk;

#[hippodrome::actor]
impl Desk {
    async fn wait(&self) {}

    fn any<T: Send + 'static>(&self, value: T) {}

    unsafe fn risk(&self) {}

    fn right(&self) {}
}

// What is right is there nevertheless.
fn tell(desk: DeskClient, handle: &hippodrome::Handle) {
    desk.right(handle);
}

fn main() {}
