//! Timers of one actor: armed and cancelled, armed and fired.
//!
//! ```text
//!   Sleeper -- send_after --> timing wheel -- when due --> Sleeper
//! ```

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hippodrome::{ActorRef, Context, Handle, On, TimerKey, from_fn};
use hippodrome_benches::Bench;

/// Timers of one iteration.
const TIMERS: u64 = 256;

#[derive(Clone, Copy)]
enum Sleep {
    /// Arms so many timers.
    Arm(u64),
    /// Cancels those that are armed.
    Cancel,
    /// A timer fired.
    Woken,
}

fn spawn_sleeper(handle: &Handle) -> ActorRef<Sleep> {
    let sleeper = handle.spawn(On::Worker(0), || {
        let mut armed: Vec<TimerKey> = Vec::new();
        from_fn(move |sleep, ctx: &mut Context<'_, Sleep>| match sleep {
            Sleep::Arm(timers) => {
                let keys = (0..timers).map(|n| ctx.send_after(Duration::from_millis(1 + n % 50), Sleep::Woken));
                armed.extend(keys.filter_map(Result::ok));
                assert_eq!(armed.len() as u64, timers);
            }
            Sleep::Cancel => {
                for key in armed.drain(..) {
                    assert!(ctx.cancel(key));
                }
            }
            Sleep::Woken => armed.clear(),
        })
    });
    sleeper.expect("there is room for an actor")
}

/// Keeps so many timers of another actor armed for longer than the benchmark lasts.
fn arm_far_ones(handle: &Handle, timers: u64) {
    let far = handle.spawn(On::Worker(0), || {
        from_fn(|timers: u64, ctx: &mut Context<'_, u64>| {
            for n in 0..timers {
                let delay = Duration::from_secs(3_600_000_000 + n);
                ctx.send_after(delay, 0).expect("there is room for the timer");
            }
        })
    });
    handle.tell(far.expect("there is room for an actor"), timers);
}

fn timers(criterion: &mut Criterion) {
    for others in [0, 100_000] {
        let mut bench = Bench::new();
        let handle = bench.handle();
        let sleeper = spawn_sleeper(&handle);
        arm_far_ones(&handle, others);
        assert_eq!(bench.run(), 1);

        let mut group = criterion.benchmark_group("timers/arm_cancel");
        group.throughput(Throughput::Elements(TIMERS));
        group.bench_function(BenchmarkId::new("others_armed", others), |bencher| {
            bencher.iter(|| {
                handle.tell(sleeper, Sleep::Arm(TIMERS));
                handle.tell(sleeper, Sleep::Cancel);
                assert_eq!(bench.run(), 2);
            });
        });
        group.finish();

        let mut group = criterion.benchmark_group("timers/arm_fire");
        group.throughput(Throughput::Elements(TIMERS));
        group.bench_function(BenchmarkId::new("others_armed", others), |bencher| {
            bencher.iter(|| {
                handle.tell(sleeper, Sleep::Arm(TIMERS));
                assert_eq!(bench.run(), 1);
                bench.run_timers(Duration::from_millis(60), TIMERS);
            });
        });
        group.finish();
    }
}

criterion_group!(benches, timers);
criterion_main!(benches);
