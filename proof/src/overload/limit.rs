//! The memory that an engine may have, from its configuration.

use hippodrome::Config;

const KIB: u64 = 1024;

/// The room of rings and outboxes for answers and orders, beyond their limits.
const RESERVED_BYTES: u64 = 1024 * KIB;

/// The ring by which messages of private mailboxes and timers are handed out.
const EXPRESS_BYTES: u64 = 32 * KIB;

/// What an event takes in the event ring, with its number.
const EVENT_SLOT_BYTES: u64 = 128;

/// What is there however small the rings are: stacks of threads as far as they are used, the program's own code as far as
/// it was not resident before, tables, and what the allocator keeps.
const FIXED_BYTES: u64 = 8 * 1024 * KIB;

/// The most bytes that an engine with this configuration has, with so many in its private mailboxes.
#[must_use]
pub fn limit_bytes(config: &Config, mailbox_bytes: u64) -> u64 {
    let workers = config.resolve();
    let others = workers.len() as u64 - u64::from(!workers.is_empty());
    let each = workers.iter().map(|worker| {
        let ring = u64::from(worker.local_ring_limit_kib) * KIB + RESERVED_BYTES;
        let outboxes = others * (u64::from(worker.outbox_limit_kib) * KIB + RESERVED_BYTES);
        let lanes = (others + u64::from(config.max_ports)) * u64::from(worker.lane_kib) * KIB;
        ring + outboxes + lanes + u64::from(worker.ingress_kib) * KIB + EXPRESS_BYTES
    });
    each.sum::<u64>() + u64::from(config.event_capacity) * EVENT_SLOT_BYTES + mailbox_bytes + FIXED_BYTES
}
