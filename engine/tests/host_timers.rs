//! Timers of a hosted engine: due ones fire in the next poll, however little else there is to do.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use hippodrome::{Actor, Context, Engine, ManualClock, On};

struct Alarm {
    fired: mpsc::Sender<u32>,
    count: Rc<Cell<u32>>,
}

impl Actor for Alarm {
    type Msg = ();

    fn started(&mut self, ctx: &mut Context<'_, ()>) {
        ctx.send_after(Duration::from_millis(10), ()).expect("there is room for a timer");
    }

    fn handle(&mut self, (): (), ctx: &mut Context<'_, ()>) {
        self.count.set(self.count.get() + 1);
        // The test has ended if nobody listens.
        let _ = self.fired.send(self.count.get());
        self.started(ctx);
    }
}

#[test]
fn a_due_timer_fires_in_the_next_poll() {
    let clock = Arc::new(ManualClock::default());
    let mut host = Engine::builder().unpinned_workers(1).clock(clock.clone()).host().unwrap();
    let (sender, fired) = mpsc::channel();
    host.handle().spawn(On::Worker(0), move || Alarm { fired: sender.clone(), count: Rc::default() }).unwrap();
    host.poll(1_000);
    for tick in 1..=50 {
        clock.advance(Duration::from_millis(9));
        host.poll(1_000);
        assert_eq!(fired.try_recv().ok(), None, "tick {tick} came early");
        clock.advance(Duration::from_millis(2));
        host.poll(1_000);
        assert_eq!(fired.try_recv().ok(), Some(tick), "tick {tick} did not come in time");
    }
    host.abort();
}
