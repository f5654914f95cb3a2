//! An actor with a thousand timers arms each again when it has fired, while the clock goes on by milliseconds. The unit
//! is a timer that fires and is armed.
//!
//! ```text
//!   Sleeper -- send_after --> timing wheel -- when due --> Sleeper
//! ```

use std::time::Duration;

use hippodrome::{Actor, Context, On};
use hippodrome_benches::Bench;

use crate::scenario::{Found, Scenario, UNITS, WARM_UP};

const TIMERS: u64 = 1_000;

/// Delays are spread over so many milliseconds.
const SPREAD_MS: u64 = 50;

enum Sleep {
    /// Arms all timers.
    Begin,
    /// The timer of this number fired.
    Woken(u64),
}

struct Sleeper {
    fired: u64,
    found: Found,
}

impl Sleeper {
    fn arm(number: u64, ctx: &mut Context<'_, Sleep>) {
        let delay = Duration::from_millis(1 + number % SPREAD_MS);
        assert!(ctx.send_after(delay, Sleep::Woken(number)).is_ok(), "there is room for a timer");
    }
}

impl Actor for Sleeper {
    type Msg = Sleep;

    fn handle(&mut self, sleep: Sleep, ctx: &mut Context<'_, Sleep>) {
        match sleep {
            Sleep::Begin => (0..TIMERS).for_each(|number| Self::arm(number, ctx)),
            Sleep::Woken(number) => {
                self.fired += 1;
                self.found.set(self.fired);
                Self::arm(number, ctx);
            }
        }
    }
}

pub(crate) struct Timers {
    bench: Bench,
    handled: u64,
    found: Found,
}

impl Scenario for Timers {
    fn new() -> Self {
        let mut bench = Bench::new();
        let handle = bench.handle();
        let found = Found::default();
        let left_here = found.clone();
        let sleeper = handle.spawn(On::Worker(0), move || Sleeper { fired: 0, found: left_here.clone() });
        handle.tell(sleeper.expect("there is room for an actor"), Sleep::Begin);
        bench.run();
        Self { bench, handled: 0, found }
    }

    /// A millisecond in which the last ones fire is not cut short, so there may be a few more.
    fn run(&mut self, units: u64) {
        let end = self.handled + units;
        while self.handled < end {
            self.handled += self.bench.tick(Duration::from_millis(1));
        }
    }

    fn check(self) {
        assert_eq!(self.found.get(), self.handled);
        assert!(self.handled >= WARM_UP + UNITS);
    }
}
