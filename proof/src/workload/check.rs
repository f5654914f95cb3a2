//! The checks: what the engine says against what the ledger knows.

use hippodrome::{DeadLetterReason, Report, Stats};

use super::ledger::Streams;
use super::party::{Asked, Counts, Fate, Site};
use super::plan::Limits;
use super::summary::Summary;
use super::violation::{Bounds, Violation, Violations};
use super::world::World;

/// What holds in every state.
pub(super) fn always(world: &World, stats: &Stats) -> Result<(), Violations> {
    let mut found = Vec::new();
    world.ledger.faults(&mut found);
    must_not_be(world, stats, &mut found);
    limits(&world.plan.limits, stats, &mut found);
    // The engine's counts are shown a little later than they are true, and the ledger's were counted before.
    let counts = world.ledger.counts();
    let at_most = |most| Bounds { least: 0, most };
    let mut count = |what, engine, ledger: Bounds| {
        if !ledger.contains(engine) {
            found.push(Violation::Miscounted { what, engine, ledger });
        }
    };
    count("messages handled", stats.handled(), at_most(counts.arrived + world.audit.handled()));
    count("dead letters", all_dead(stats), at_most(counts.begun));
    count("dead letters of panics", panicked(stats), at_most(counts.panics(Site::Handle)));
    count("panics", stats.workers.iter().map(|worker| worker.panics).sum(), at_most(thrown(&counts)));
    Violations::check(found)
}

/// What holds when nothing is on its way.
pub(super) fn quiet(world: &World, stats: &Stats, is_audited: bool) -> Result<Summary, Violations> {
    let mut found = Vec::new();
    must_not_be(world, stats, &mut found);
    let count = world.ledger.forgotten();
    if count > 0 {
        found.push(Violation::MustNotBe { what: "forgotten timers and asks", count });
    }
    let (counts, streams) = accounts(world, stats, &mut found);
    if is_audited {
        events(world, stats, &counts, &mut found);
    }
    Violations::check(found)?;
    Ok(Summary { is_audited, ..summary(world, stats, &counts, streams) })
}

/// What holds when the engine has ended. The event stream ended before.
pub(super) fn ended(world: &World, report: &Report, stats: &Stats) -> Result<Summary, Violations> {
    let mut found = Vec::new();
    if report.stopped_in_order {
        must_not_be(world, stats, &mut found);
    }
    let (counts, streams) = accounts(world, stats, &mut found);
    if report.handled != stats.handled() {
        let (what, ledger) = ("messages handled, in the report", Bounds::exactly(stats.handled()));
        found.push(Violation::Miscounted { what, engine: report.handled, ledger });
    }
    Violations::check(found)?;
    Ok(summary(world, stats, &counts, streams))
}

/// What holds whether the engine runs or has ended.
fn accounts(world: &World, stats: &Stats, found: &mut Vec<Violation>) -> (Counts, Streams) {
    world.ledger.faults(found);
    limits(&world.plan.limits, stats, found);
    let streams = world.ledger.streams(found);
    let counts = world.ledger.counts();
    totals(world, stats, &counts, found);
    (counts, streams)
}

fn summary(world: &World, stats: &Stats, counts: &Counts, streams: Streams) -> Summary {
    let failed = [Asked::Unanswered, Asked::TimedOut, Asked::TooMany];
    Summary {
        messages: counts.begun,
        handled: counts.get(Fate::Handled),
        taken: counts.get(Fate::Taken),
        refused: counts.get(Fate::Refused),
        dead: counts.get(Fate::Dead) + counts.get(Fate::Panicked),
        quiet: counts.get(Fate::Quiet),
        unsent: counts.get(Fate::Unsent),
        asks_answered: counts.asked(Asked::Answered),
        asks_failed: failed.map(|outcome| counts.asked(outcome)).iter().sum(),
        actors: world.ledger.enlisted(),
        restarts: counts.restarted,
        panics: thrown(counts) + counts.panics(Site::Stopped),
        pairs: streams.pairs,
        streams: streams.streams,
        digest: streams.digest,
        dead_letters: stats.dead_letters(),
        lost_events: stats.lost_events,
        rescued_wakeups: stats.rescued_wakeups(),
        is_audited: false,
    }
}

fn must_not_be(world: &World, stats: &Stats, found: &mut Vec<Violation>) {
    let mut none = |what, count| {
        if count > 0 {
            found.push(Violation::MustNotBe { what, count });
        }
    };
    none("rescued wake-ups", stats.rescued_wakeups());
    none("lost orders", stats.workers.iter().map(|worker| worker.lost_orders).sum());
    none("dead letters to other engines", stats.dead_letters().get(DeadLetterReason::Unreachable));
    none("stalled workers", world.audit.stalled());
}

fn limits(limits: &Limits, stats: &Stats, found: &mut Vec<Violation>) {
    for (worker, marks) in stats.workers.iter().enumerate() {
        let mut limit = |what, mark, limit| {
            if mark > limit {
                found.push(Violation::OverLimit { what, worker, mark, limit });
            }
        };
        let of = |limits: &[u64]| limits.get(worker).copied().unwrap_or(0);
        limit("local ring in bytes", marks.local_ring_high_water_bytes, of(&limits.local_ring_bytes));
        limit("outbox in bytes", marks.outbox_high_water_bytes, of(&limits.outbox_bytes));
        limit("mailbox in messages", marks.mailbox_high_water, limits.mailbox);
        limit("timers", marks.timers_high_water, limits.timers);
        limit("actors", marks.actors, limits.actors);
    }
}

/// The engine's counts against the ledger's.
fn totals(world: &World, stats: &Stats, counts: &Counts, found: &mut Vec<Violation>) {
    let exactly = Bounds::exactly;
    let mut count = |what, engine, ledger: Bounds| {
        if !ledger.contains(engine) {
            found.push(Violation::Miscounted { what, engine, ledger });
        }
    };
    let sum = |of: fn(&hippodrome::WorkerStats) -> u64| stats.workers.iter().map(of).sum::<u64>();
    let handled = counts.get(Fate::Handled) + counts.get(Fate::Panicked) + world.audit.handled();
    count("messages handled", stats.handled(), exactly(handled));
    count("messages handled by type", stats.actor_types.iter().map(|each| each.handled).sum(), exactly(handled));
    let dead = counts.get(Fate::Dead) + counts.get(Fate::Panicked);
    count("dead letters", all_dead(stats), Bounds { least: dead, most: dead + counts.get(Fate::Quiet) });
    count("dead letters of panics", panicked(stats), exactly(counts.get(Fate::Panicked)));
    count("panics", sum(|worker| worker.panics), exactly(thrown(counts)));
    count("panics in stopped", sum(|worker| worker.contained_panics), exactly(counts.panics(Site::Stopped)));
}

/// The event stream against the counts. Those that did not fit the ring may be of any kind.
fn events(world: &World, stats: &Stats, counts: &Counts, found: &mut Vec<Violation>) {
    let dead = stats.dead_letters();
    let mut lost = stats.lost_events;
    let mut compare = |what, heard: u64, counted: u64| {
        if heard > counted || counted - heard > lost {
            found.push(Violation::Miscounted { what, engine: heard, ledger: Bounds::exactly(counted) });
        }
        lost = lost.saturating_sub(counted.saturating_sub(heard));
    };
    for reason in DeadLetterReason::ALL {
        let counted = if reason == DeadLetterReason::Conflated { 0 } else { dead.get(reason) };
        compare("events of dead letters", world.audit.dead(reason), counted);
    }
    compare("events of starts", world.audit.started(), counts.started + 1);
    compare("events of restarts", world.audit.restarted(), counts.restarted);
}

fn all_dead(stats: &Stats) -> u64 {
    let dead = stats.dead_letters();
    dead.total() + dead.get(DeadLetterReason::Conflated)
}

fn panicked(stats: &Stats) -> u64 {
    stats.dead_letters().get(DeadLetterReason::Panicked)
}

/// Panics that an actor's policy decides about.
fn thrown(counts: &Counts) -> u64 {
    [Site::Handle, Site::Started, Site::Factory].map(|site| counts.panics(site)).iter().sum()
}
