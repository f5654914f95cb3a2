//! Payments behind layers: a deadline, a rate limit, and a circuit breaker in front of a bank that is down for a while.
//! The program owns its loop and its time, so that it prints the same on each machine.

#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use hippodrome::{Actor, Context, DeadLetterReason, Engine, Host, ManualClock, On, Reply};
use hippodrome_toolkit::middleware::{
    Breaker, BreakerLimits, Circuit, CircuitBreaker, Deadline, Layers, RateLimit, Tracing,
};

/// When the bank is down, by the engine's clock.
const DOWN: std::ops::Range<u64> = 2_000_000_000..5_000_000_000;

struct Payments {
    breaker: Breaker,
    paid: u64,
}

struct Pay {
    until_ns: u64,
    reply: Reply<Outcome>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Outcome {
    Paid,
    /// The bank was asked, and did not do it.
    Failed,
    /// The circuit is open: the bank was not asked.
    Unavailable,
}

impl Actor for Payments {
    type Msg = Pay;

    fn handle(&mut self, pay: Pay, ctx: &mut Context<'_, Pay>) {
        let now_ns = ctx.now_ns();
        if DOWN.contains(&now_ns) {
            self.breaker.failed(now_ns);
            return pay.reply.send(ctx, Outcome::Failed);
        }
        self.paid += 1;
        pay.reply.send(ctx, Outcome::Paid);
    }
}

/// How many of a second's payments had each outcome.
#[derive(Debug, Default, PartialEq)]
struct Second {
    paid: u64,
    failed: u64,
    unavailable: u64,
    unanswered: u64,
}

fn main() -> Result<ExitCode, hippodrome::Error> {
    let clock = Arc::new(ManualClock::default());
    let mut host = Engine::builder().unpinned_workers(1).clock(clock.clone()).host()?;
    let handle = host.handle();
    let limits = BreakerLimits { failures: 3, cool_down: Duration::from_secs(2), ..BreakerLimits::default() };
    let breaker = Breaker::new(limits);
    let (inside, around) = (breaker.clone(), breaker.clone());
    // From the inside out: what is too late or too much never comes to the breaker.
    let payments = (move || Payments { breaker: inside.clone(), paid: 0 })
        .layer(move || {
            CircuitBreaker::new(&around).otherwise(|pay: Pay, ctx| pay.reply.send(ctx, Outcome::Unavailable))
        })
        .layer(|| RateLimit::per_second(10))
        .layer(|| Deadline::by(|pay: &Pay| pay.until_ns))
        .layer(|| Tracing::named("payments"));
    let payments = handle.spawn(On::Worker(0), payments)?;

    let mut seconds = Vec::new();
    for second in 0..8 {
        // Twelve payments, of which one has come too late.
        let asks: Vec<_> = (0..12)
            .map(|n| {
                let until_ns = if n == 0 { handle.now_ns().saturating_sub(1) } else { u64::MAX };
                let until_ns = if second == 0 { u64::MAX } else { until_ns };
                handle.ask(payments, |reply| Pay { until_ns, reply })
            })
            .collect();
        settle(&mut host);
        let mut found = Second::default();
        for ask in asks {
            match ask.wait(Duration::ZERO) {
                Ok(Outcome::Paid) => found.paid += 1,
                Ok(Outcome::Failed) => found.failed += 1,
                Ok(Outcome::Unavailable) => found.unavailable += 1,
                Err(_) => found.unanswered += 1,
            }
        }
        println!("second {second}: {found:?}, the circuit is {:?}", breaker.circuit(handle.now_ns()));
        seconds.push(found);
        clock.advance(Duration::from_secs(1));
    }
    let is_closed = breaker.circuit(handle.now_ns()) == Circuit::Closed;
    let unanswered: u64 = seconds.iter().map(|second| second.unanswered).sum();
    let dead = host.shutdown(Duration::from_secs(5))?.dead_letters;
    let (refused, expired) = (dead.get(DeadLetterReason::Refused), dead.get(DeadLetterReason::Expired));
    println!("refused {refused}, expired {expired}");
    let is_right = is_closed && unanswered == refused + expired && seconds.iter().all(|second| second.paid <= 10);
    Ok(if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Polls until there is nothing to do.
fn settle(host: &mut Host) {
    while host.poll(u64::MAX) > 0 {}
}
