//! What a run prints: a text for people, or one JSON object for programs.

use std::io::{self, Write};
use std::time::Duration;

use hippodrome::{DeadLetterReason, Report as EngineReport};
use hippodrome_examples::{Latency, thousands};
use serde::Serialize;

use crate::Arguments;
use crate::audit::{Audit, Momentum};
use crate::ground::REGIONS;
use crate::region::{TICK, TICKS_A_SECOND};

/// The figures of a run, under the names that they have in the JSON object.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Report {
    entities: u32,
    players: u32,
    regions: usize,
    /// Ticks of each region.
    ticks: u32,
    ticks_per_second: f64,
    messages: u64,
    messages_per_second: u64,
    /// Entities that went from a region to another.
    handed_over: u64,
    /// Messages to players, each with all that has changed in one region.
    updates: u64,
    changes: u64,
    /// Entities in sight of a player at the end, on average.
    in_view: f64,
    restarts: u64,
    /// Ticks that began when the next one was due already. Not told without real time.
    late_ticks: Option<u64>,
    /// Messages that were accepted and could not be handled, but for the ticks of failures.
    dead_letters: u64,
    /// How late ticks began. Not told without real time.
    jitter_ns: Option<Latency>,
    /// How long a region works on a tick.
    work_ns: Latency,
    state: String,
    is_complete: bool,
    keeps_momentum: bool,
    right_views: u64,
    #[serde(skip)]
    workers: usize,
}

impl Report {
    pub(crate) fn new(
        arguments: &Arguments,
        workers: usize,
        elapsed: Duration,
        engine: &EngineReport,
        audit: &Audit,
        momentum_at_start: Momentum,
    ) -> Self {
        let (seconds, tally) = (elapsed.as_secs_f64(), &audit.tally);
        let tick_ns = TICK.as_nanos() as u64;
        Self {
            entities: arguments.entities,
            players: arguments.players,
            regions: REGIONS,
            ticks: arguments.ticks,
            ticks_per_second: f64::from(arguments.ticks) / seconds,
            messages: engine.handled,
            messages_per_second: (engine.handled as f64 / seconds) as u64,
            handed_over: tally.handed_over,
            updates: tally.updates,
            changes: tally.changes,
            in_view: audit.in_view as f64 / f64::from(arguments.players.max(1)),
            restarts: tally.restarts,
            late_ticks: (!arguments.fast).then(|| tally.jitter_ns.count_between(tick_ns, u64::MAX)),
            dead_letters: engine.dead_letters.total() - engine.dead_letters.get(DeadLetterReason::Panicked),
            jitter_ns: (!arguments.fast).then(|| Latency::of(&tally.jitter_ns)),
            work_ns: Latency::of(&tally.work_ns),
            state: format!("{:016x}", audit.state),
            is_complete: audit.is_complete,
            keeps_momentum: audit.momentum == momentum_at_start,
            right_views: audit.right_views,
            workers,
        }
    }

    /// Whether the world is as it must be, after so many failures.
    pub(crate) fn is_right(&self, failures: u32) -> bool {
        let Self { players, restarts, dead_letters, is_complete, keeps_momentum, right_views, .. } = *self;
        let sees_all = right_views == u64::from(players);
        is_complete && keeps_momentum && sees_all && dead_letters == 0 && restarts == u64::from(failures)
    }

    /// Writes the report as one JSON object on a line of its own.
    pub(crate) fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer(&mut *out, self)?;
        writeln!(out)
    }

    /// Writes the report for people.
    pub(crate) fn write_text(&self, failures: u32, out: &mut impl Write) -> io::Result<()> {
        let mode = match self.jitter_ns {
            None => "as fast as possible".to_owned(),
            Some(_) => format!("{TICKS_A_SECOND} a second"),
        };
        let (entities, players) = (thousands(self.entities.into()), thousands(self.players.into()));
        writeln!(out, "game server: {entities} entities, {players} players, {} ticks, {mode}\n", self.ticks)?;
        writeln!(out, "  regions       {:>14}  on {} workers", self.regions, self.workers)?;
        writeln!(out, "  ticks/s       {:>14.1}  of each region", self.ticks_per_second)?;
        let (messages, rate) = (thousands(self.messages), thousands(self.messages_per_second));
        writeln!(out, "  messages      {messages:>14}  {rate} a second")?;
        writeln!(out, "  handed over   {:>14}  entities to another region", thousands(self.handed_over))?;
        let changes = thousands(self.changes);
        writeln!(out, "  updates       {:>14}  to players, of {changes} changes", thousands(self.updates))?;
        writeln!(out, "  in view       {:>14.1}  entities of each player, at the end", self.in_view)?;
        writeln!(out, "  restarts      {:>14}  of {failures} failures", thousands(self.restarts))?;
        if let Some(late) = self.late_ticks {
            writeln!(out, "  late ticks    {:>14}", thousands(late))?;
        }
        writeln!(out, "  dead letters  {:>14}\n", thousands(self.dead_letters))?;
        if let Some(jitter) = self.jitter_ns {
            writeln!(out, "{}", jitter.named("jitter"))?;
        }
        writeln!(out, "{}\n", self.work_ns.named("work a tick"))?;
        writeln!(out, "  state {}", self.state)?;
        if self.is_right(failures) {
            return writeln!(
                out,
                "  Every entity is there once, with all momentum, and each player sees what is around it."
            );
        }
        let complete = if self.is_complete { "all there" } else { "NOT all there once" };
        let momentum = if self.keeps_momentum { "kept" } else { "NOT kept" };
        let (right, all) = (self.right_views, self.players);
        writeln!(out, "  The end is WRONG: entities {complete}, momentum {momentum}, {right} of {all} views right.")
    }
}
