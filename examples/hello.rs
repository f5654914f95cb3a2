//! The smallest whole program: an engine, one actor that counts, a message to it and a question.

#![forbid(unsafe_code)]

use std::time::Duration;

use hippodrome::{Actor, Context, Engine, On, Reply};

struct Counter(u64);

enum Count {
    Add(u64),
    Total(Reply<u64>),
}

impl Actor for Counter {
    type Msg = Count;

    fn handle(&mut self, msg: Count, ctx: &mut Context<'_, Count>) {
        match msg {
            Count::Add(n) => self.0 += n,
            Count::Total(reply) => reply.send(ctx, self.0),
        }
    }
}

fn main() -> Result<(), hippodrome::Error> {
    let engine = Engine::builder().unpinned_workers(2).start()?;
    let handle = engine.handle();
    let counter = handle.spawn(On::Worker(1), || Counter(0))?;
    handle.tell(counter, Count::Add(2));
    handle.tell(counter, Count::Add(3));
    let total = handle.ask(counter, Count::Total).wait(Duration::from_secs(5))?;
    println!("the counter has {total}");
    engine.shutdown(Duration::from_secs(5))?;
    Ok(())
}
