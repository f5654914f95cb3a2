//! The columns of the tables, for the screen and for print.

use std::fmt::Write;

use super::figures::{bytes, count, nanoseconds, percent, type_name, uptime};
use super::view::{ActorTypeView, DeadLetterView, View, WorkerView};

/// A table's columns: what stands over each, and how many letters it has.
pub(super) type Columns<const N: usize> = [(&'static str, u16); N];

/// Thirteen columns that fit 80 letters with a space between two.
pub(super) const WORKER: Columns<13> = [
    ("wrk", 3),
    ("core", 4),
    ("busy", 4),
    ("idle", 4),
    ("hand", 4),
    ("turn/s", 6),
    ("msg/s", 6),
    ("queue", 5),
    ("lanes", 5),
    ("wait99", 6),
    ("hand99", 6),
    ("park/s", 6),
    ("dead", 5),
];

/// The columns in front of a type's name.
pub(super) const ACTOR_TYPE: Columns<4> = [("msg/s", 6), ("share", 5), ("wait99", 6), ("hand99", 6)];

/// What the columns mean.
pub(super) const MEANING: &str = "\
busy    turns that found something to do, of all turns; late: no answer
idle    turns that found nothing to do, of all turns
hand    share of the time that handlers ran (with histograms on)
queue   bytes that wait in the worker's local ring and ingress
lanes   bytes it sent that other workers have not read yet
wait99  99% of messages waited no longer, since the start (histograms)
hand99  99% of messages were handled in this time, since the start
park/s  how often the worker went to sleep
dead    messages that could not be handled, since the start";

pub(super) fn of_worker(view: &WorkerView) -> [String; WORKER.len()] {
    [
        view.worker.to_string(),
        view.core.map_or_else(|| "-".to_owned(), |core| core.to_string()),
        if view.is_late { "late".to_owned() } else { percent(view.busy) },
        percent(view.idle),
        percent(view.handling),
        count(view.turns_per_second),
        count(view.messages_per_second),
        bytes(view.queued_bytes),
        bytes(view.lanes_bytes),
        nanoseconds(view.waiting_p99_ns),
        nanoseconds(view.handling_p99_ns),
        count(view.parks_per_second),
        count(view.dead_letters as f64),
    ]
}

pub(super) fn of_actor_type(view: &ActorTypeView) -> [String; ACTOR_TYPE.len()] {
    [
        count(view.messages_per_second),
        percent(Some(view.share)),
        nanoseconds(view.waiting_p99_ns),
        nanoseconds(view.handling_p99_ns),
    ]
}

/// The engine in one line.
pub(super) fn summary(view: &View) -> String {
    format!(
        "{}, process {}, up {}, {} actors, {} msg/s",
        view.engine,
        view.process,
        uptime(view.uptime_seconds),
        count(view.actors as f64),
        count(view.messages_per_second)
    )
}

/// All dead letters, and the events that were lost, in one line.
pub(super) fn losses(view: &View) -> String {
    let show =
        |DeadLetterView { reason, count: all, per_second }: &_| format!("{reason} {all} ({}/s)", count(*per_second));
    let mut losses: Vec<_> = view.dead_letters.iter().map(show).collect();
    if losses.is_empty() {
        losses.push("none".to_owned());
    }
    let mut line = format!("dead letters: {}", losses.join(", "));
    let panics = view.workers.iter().fold(0_u64, |panics, worker| panics.saturating_add(worker.panics));
    for (what, number) in [("panics", panics), ("lost events", view.lost_events)] {
        if number > 0 {
            let _ = write!(line, "; {what}: {number}");
        }
    }
    line
}

/// Everything, for print.
pub(super) fn text(view: &View) -> String {
    let mut lines = vec![format!("{}, over {:.2} s", summary(view), view.seconds), String::new()];
    lines.push(line(&WORKER, WORKER.map(|(heading, _)| heading.to_owned())));
    lines.extend(view.workers.iter().map(|worker| line(&WORKER, of_worker(worker))));
    lines.push(String::new());
    lines
        .push(format!("{} actor type, by msg/s", line(&ACTOR_TYPE, ACTOR_TYPE.map(|(heading, _)| heading.to_owned()))));
    for entry in &view.actor_types {
        lines.push(format!("{} {}", line(&ACTOR_TYPE, of_actor_type(entry)), type_name(&entry.actor_type)));
    }
    lines.extend([String::new(), losses(view), String::new()]);
    lines.join("\n")
}

fn line<const N: usize>(columns: &Columns<N>, cells: [String; N]) -> String {
    let cells = columns.iter().zip(cells).map(|((_, width), cell)| format!("{cell:>0$}", usize::from(*width)));
    cells.collect::<Vec<_>>().join(" ")
}
