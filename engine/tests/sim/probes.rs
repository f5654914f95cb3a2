//! Probes, and what they say when what they expect does not come.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use hippodrome::sim::{Probe, Sim};
use hippodrome::{Actor, Context, On, from_fn};

struct Alarm {
    tell: hippodrome::ActorRef<&'static str>,
}

impl Actor for Alarm {
    type Msg = &'static str;

    fn started(&mut self, ctx: &mut Context<'_, &'static str>) {
        ctx.send_after(Duration::from_secs(60), "alarm").unwrap();
    }

    fn handle(&mut self, message: &'static str, ctx: &mut Context<'_, &'static str>) {
        ctx.tell(self.tell, message);
    }
}

fn alarm(sim: &mut Sim) -> (Probe<&'static str>, hippodrome::ActorRef<&'static str>) {
    let probe = sim.probe();
    let tell = probe.actor();
    let alarm = sim.handle().spawn(On::Worker(1), move || Alarm { tell }).unwrap();
    (probe, alarm)
}

#[test]
fn messages_are_expected_one_by_one() {
    let mut sim = Sim::new(11);
    let (probe, alarm) = alarm(&mut sim);
    ["a", "b", "c"].into_iter().for_each(|message| sim.handle().tell(alarm, message));
    assert_eq!(probe.expect(&mut sim), "a");
    sim.run_until_idle().unwrap();
    assert_eq!(probe.drain(), ["b", "c"]);
    probe.expect_none(&mut sim);
    assert_eq!(sim.now(), Duration::ZERO);
    assert_eq!(probe.expect_within(&mut sim, Duration::from_secs(90)), "alarm");
    assert_eq!(sim.now(), Duration::from_secs(60), "time moves on no further than it must");
}

/// What a panic says.
fn failure(run: impl FnOnce()) -> String {
    *catch_unwind(AssertUnwindSafe(run)).unwrap_err().downcast::<String>().unwrap()
}

#[test]
fn what_does_not_come_is_told_with_all_that_is_needed() {
    let mut sim = Sim::new(0xBEE);
    let (probe, alarm) = alarm(&mut sim);
    let text = failure(|| _ = probe.expect_within(&mut sim, Duration::from_secs(59)));
    assert!(
        text.starts_with("the probe expected a &str, and none came: there was nothing left to do for 59s\n"),
        "{text}"
    );
    assert!(text.contains("\nseed 0xbee, step "), "{text}");
    assert!(text.contains("at 59s; the last lines of the trace:\n"), "{text}");
    assert!(text.contains("\n    started 1/0.1 Alarm\n"), "{text}");
    let command = "cargo test -p hippodrome probes::what_does_not_come_is_told_with_all_that_is_needed";
    assert!(text.ends_with(&format!("\nrun it again: {command}")), "{text}");

    sim.handle().tell(alarm, "now");
    let text = failure(|| probe.expect_none(&mut sim));
    assert!(text.starts_with("the probe expected that nothing comes, and this came: \"now\"\n"), "{text}");
}

#[test]
fn a_simulation_that_does_not_become_idle_fails_the_probe() {
    let mut sim = Sim::builder(1).step_limit(100).build().unwrap();
    let probe = sim.probe::<u64>();
    let echo = |(): (), ctx: &mut Context<'_, ()>| {
        let me = ctx.me();
        ctx.tell(me, ());
    };
    let echo = sim.handle().spawn(On::Worker(0), move || from_fn(echo)).unwrap();
    sim.handle().tell(echo, ());
    let text = failure(|| _ = probe.expect(&mut sim));
    assert!(text.contains("none came: still busy after 100 steps: worker 0 has its local ring"), "{text}");
    let text = failure(|| probe.expect_none(&mut sim));
    assert!(text.contains("nothing comes: still busy after 100 steps"), "{text}");
}

#[test]
fn a_full_worker_has_no_room_for_a_probe() {
    let mut sim = Sim::builder(1).workers(1).configure(|config| config.max_actors = 1).build().unwrap();
    let _probe = sim.probe::<u64>();
    assert!(sim.probe_on::<u64>(On::Worker(0)).is_err());
    let text = failure(|| _ = sim.probe::<u64>());
    assert!(text.starts_with("no probe could be spawned: "), "{text}");
}
