//! How everybody is, at one moment.

use std::fmt;

use hippodrome::Address;

use super::monitor::Health;

/// What a monitor knows of the actors that it checks, in the order in which they were added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HealthTable {
    /// One for each actor.
    pub rows: Vec<HealthRow>,
}

/// What a monitor knows of one actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HealthRow {
    /// Who.
    pub actor: Address,
    /// The name that the check gives it.
    pub name: &'static str,
    /// How it is.
    pub health: Health,
    /// How many checks it has failed in a row.
    pub failures: u32,
    /// How many it has failed in all.
    pub failures_total: u64,
    /// How many it has passed.
    pub answers: u64,
    /// How often it was ordered to be made anew or to stop.
    pub orders: u32,
    /// When its last answer came, in nanoseconds on the engine's clock.
    pub answered_ns: Option<u64>,
    /// How long its last answer took, in nanoseconds.
    pub round_trip_ns: Option<u64>,
}

impl HealthTable {
    /// The row of an actor.
    #[must_use]
    pub fn of(&self, actor: impl Into<Address>) -> Option<&HealthRow> {
        let actor = actor.into();
        self.rows.iter().find(|row| row.actor == actor)
    }
}

impl fmt::Display for HealthTable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{:<16} {:<12} {:<12} {:>8} {:>8} {:>8} {:>6} {:>14}",
            "name", "actor", "health", "answers", "failed", "in a row", "orders", "round trip ns"
        )?;
        for row in &self.rows {
            let round_trip = row.round_trip_ns.map_or_else(|| "-".to_owned(), |ns| ns.to_string());
            write!(
                formatter,
                "\n{:<16} {:<12} {:<12} {:>8} {:>8} {:>8} {:>6} {round_trip:>14}",
                row.name,
                row.actor.to_string(),
                row.health.to_string(),
                row.answers,
                row.failures_total,
                row.failures,
                row.orders
            )?;
        }
        Ok(())
    }
}
