use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

const NS: Duration = Duration::from_nanos(1);
const MS: Duration = Duration::from_millis(1);

impl<T> Wheel<T> {
    fn link(&self, index: u32) -> &Entry<T> {
        &self.entries[index as usize]
    }

    /// Walks every list and checks all that the code takes for granted.
    fn check(&self) {
        let mut listed = 0;
        for list in 0..LISTS {
            let (mut previous, mut index) = (NIL, self.lists[list].head);
            while index != NIL {
                let entry = self.link(index);
                assert_eq!((entry.previous, entry.place), (previous, Place::Listed(list as u16)));
                assert!(entry.value.is_some());
                if list < OVERDUE {
                    let (level, slot) = (list / SLOTS_PER_LEVEL, list % SLOTS_PER_LEVEL);
                    let shift = level as u32 * DIGIT_BITS;
                    assert!(entry.tick > self.now_tick);
                    assert_eq!((entry.tick ^ self.now_tick).ilog2() / DIGIT_BITS, level as u32);
                    assert_eq!((entry.tick >> shift) % SLOTS_PER_LEVEL as u64, slot as u64);
                }
                listed += 1;
                (previous, index) = (index, entry.next);
            }
            assert_eq!(self.lists[list].tail, previous);
            if list < OVERDUE {
                let bit = self.occupied_slots[list / SLOTS_PER_LEVEL] >> (list % SLOTS_PER_LEVEL) & 1;
                assert_eq!(bit == 1, previous != NIL);
            }
        }
        for level in 0..LEVELS {
            assert_eq!(self.occupied_levels >> level & 1 == 1, self.occupied_slots[level] != 0);
        }
        let held = self.entries.iter().filter(|entry| entry.place == Place::Held).count();
        assert_eq!(self.len, listed + held);
    }

    fn fire_all(&mut self) -> Vec<T> {
        std::iter::from_fn(|| {
            let key = self.pop_due()?;
            self.release(key)
        })
        .collect()
    }
}

#[test]
fn a_key_is_eight_bytes() {
    assert_eq!(size_of::<TimerKey>(), 8);
}

#[test]
fn a_timer_never_fires_early_and_less_than_a_tick_late() {
    let mut wheel = Wheel::with_limit(MS, 8, 0);
    wheel.arm(1_000_001, 'a').unwrap();
    wheel.arm(1_000_000, 'b').unwrap();
    wheel.advance(999_999);
    assert_eq!(wheel.fire_all(), []);
    wheel.advance(1_000_000);
    assert_eq!(wheel.fire_all(), ['b']);
    wheel.advance(1_999_999);
    assert_eq!(wheel.fire_all(), []);
    wheel.advance(2_000_000);
    assert_eq!(wheel.fire_all(), ['a']);
}

#[test]
fn one_tick_fires_in_the_order_of_arming_even_from_different_levels() {
    let mut wheel = Wheel::with_limit(NS, 8, 0);
    let far = (3 << 18) + (2 << 12) + 5;
    wheel.arm(far, "armed at level 3").unwrap();
    wheel.advance(3 << 18);
    wheel.arm(far, "armed at level 2").unwrap();
    wheel.advance(far - 5);
    wheel.arm(far, "armed at level 0").unwrap();
    wheel.arm(far - 1, "a tick earlier").unwrap();
    wheel.advance(u64::MAX);
    assert_eq!(wheel.fire_all(), ["a tick earlier", "armed at level 3", "armed at level 2", "armed at level 0"]);
}

#[test]
fn rearming_counts_as_arming() {
    let mut wheel = Wheel::with_limit(NS, 8, 0);
    let first = wheel.arm(10, 1).unwrap();
    wheel.arm(10, 2).unwrap();
    assert!(wheel.rearm(first, 10));
    wheel.advance(10);
    assert_eq!(wheel.fire_all(), [2, 1]);
}

#[test]
fn deadlines_at_both_ends_of_time() {
    let mut wheel = Wheel::with_limit(NS, 8, 0);
    wheel.arm(u64::MAX, "last").unwrap();
    wheel.arm(0, "first").unwrap();
    assert_eq!(wheel.next_deadline_ns(), Some(0));
    wheel.advance(0);
    assert_eq!(wheel.fire_all(), ["first"]);
    wheel.advance(u64::MAX - 1);
    assert_eq!(wheel.fire_all(), [""; 0]);
    assert_eq!(wheel.next_deadline_ns(), Some(u64::MAX));
    wheel.advance(u64::MAX);
    assert_eq!(wheel.fire_all(), ["last"]);
    wheel.arm(u64::MAX, "at the end").unwrap();
    wheel.advance(u64::MAX);
    assert_eq!(wheel.fire_all(), ["at the end"]);

    // A millisecond does not divide u64::MAX, so the tick of that deadline begins after the end of time.
    let mut wheel = Wheel::with_limit(MS, 8, u64::MAX - 1);
    wheel.arm(u64::MAX, "never").unwrap();
    assert_eq!(wheel.next_deadline_ns(), Some(u64::MAX));
    wheel.advance(u64::MAX);
    assert_eq!(wheel.fire_all(), [""; 0]);
    assert_eq!(wheel.len(), 1);
}

#[test]
fn a_resolution_of_any_size_is_accepted() {
    let mut wheel = Wheel::with_limit(Duration::ZERO, 1, 0);
    wheel.arm(3, ()).unwrap();
    assert_eq!(wheel.next_deadline_ns(), Some(3));
    let mut wheel = Wheel::with_limit(Duration::MAX, 1, 0);
    wheel.arm(3, ()).unwrap();
    assert_eq!(wheel.next_deadline_ns(), Some(u64::MAX));
}

#[test]
fn a_passed_deadline_fires_at_the_next_advance_and_not_before() {
    let mut wheel = Wheel::with_limit(MS, 8, 50_000_000);
    wheel.arm(20_000_000, 'a').unwrap();
    wheel.arm(10_000_000, 'b').unwrap();
    assert_eq!(wheel.pop_due(), None);
    assert!(wheel.next_deadline_ns().unwrap() <= 50_000_000);
    // Not even the same tick has to pass, and a clock that went back does no harm.
    wheel.advance(1);
    let first = wheel.pop_due().unwrap();
    assert_eq!(wheel.get(first), Some(&'a'));
    // A handler that rearms for the past does not keep the loop going.
    assert!(wheel.rearm(first, 0));
    assert_eq!(wheel.fire_all(), ['b']);
    wheel.advance(50_000_000);
    assert_eq!(wheel.fire_all(), ['a']);
}

#[test]
fn time_that_goes_back_is_ignored() {
    let mut wheel = Wheel::with_limit(NS, 8, 0);
    wheel.advance(1000);
    wheel.advance(10);
    wheel.arm(1500, ()).unwrap();
    assert_eq!(wheel.next_deadline_ns().map(|ns| ns > 1000 && ns <= 1500), Some(true));
    wheel.check();
}

#[test]
fn a_handler_may_cancel_any_timer_while_others_are_due() {
    let mut wheel = Wheel::with_limit(NS, 8, 0);
    let keys: Vec<_> = (0..5).map(|n| wheel.arm(10, n).unwrap()).collect();
    wheel.advance(10);
    let held = wheel.pop_due().unwrap();
    assert_eq!(held, keys[0]);
    assert_eq!(wheel.cancel(keys[2]), Some(2), "one in the middle of the due list");
    assert_eq!(wheel.cancel(keys[4]), Some(4), "the last of the due list");
    assert_eq!(wheel.cancel(keys[1]), Some(1), "the first of the due list");
    assert_eq!(wheel.cancel(held), Some(0), "itself");
    assert_eq!(wheel.release(held), None);
    wheel.check();
    assert_eq!(wheel.fire_all(), [3]);
    assert_eq!(wheel.len(), 0);
}

#[test]
fn release_leaves_a_timer_that_was_rearmed() {
    let mut wheel = Wheel::with_limit(NS, 8, 0);
    let key = wheel.arm(10, 7).unwrap();
    assert_eq!(wheel.release(key), None, "armed");
    wheel.advance(10);
    assert_eq!(wheel.release(key), None, "due");
    assert_eq!(wheel.pop_due(), Some(key));
    *wheel.get_mut(key).unwrap() += 1;
    assert!(wheel.rearm(key, 20));
    assert_eq!(wheel.release(key), None, "rearmed");
    wheel.advance(20);
    assert_eq!(wheel.pop_due(), Some(key));
    assert_eq!(wheel.release(key), Some(8));
}

#[test]
fn the_limit_is_hard_and_gives_the_value_back() {
    let mut wheel = Wheel::with_limit(NS, 2, 0);
    let key = wheel.arm(1, "a".to_owned()).unwrap();
    wheel.arm(2, "b".to_owned()).unwrap();
    assert_eq!(wheel.arm(3, "c".to_owned()), Err("c".to_owned()));
    assert!(wheel.rearm(key, 5), "moving needs no room");
    wheel.advance(2);
    let held = wheel.pop_due().unwrap();
    assert_eq!(wheel.arm(3, "c".to_owned()), Err("c".to_owned()), "a held timer still takes its place");
    assert_eq!(wheel.release(held), Some("b".to_owned()));
    assert!(wheel.arm(3, "c".to_owned()).is_ok());
    assert_eq!((wheel.len(), wheel.high_water()), (2, 2));
    assert_eq!(Wheel::with_limit(NS, 0, 0).arm(0, 'x'), Err('x'));
}

#[test]
fn a_stale_key_matches_nothing() {
    let mut wheel = Wheel::with_limit(NS, 1, 0);
    let old = wheel.arm(10, 'a').unwrap();
    assert_eq!(wheel.cancel(old), Some('a'));
    for reused in [false, true] {
        if reused {
            let new = wheel.arm(10, 'b').unwrap();
            assert_eq!(new.index, old.index);
        }
        assert_eq!(wheel.get(old), None);
        assert_eq!(wheel.get_mut(old), None);
        assert_eq!(wheel.cancel(old), None);
        assert!(!wheel.rearm(old, 5));
        wheel.advance(0);
        assert_eq!(wheel.release(old), None);
    }
    wheel.advance(10);
    let held = wheel.pop_due().unwrap();
    assert_eq!(wheel.release(old), None, "the entry is held under another generation");
    assert_eq!(wheel.release(held), Some('b'));
    let unknown = TimerKey { index: 99, generation: 0 };
    assert_eq!((wheel.get(unknown).copied(), wheel.cancel(unknown), wheel.release(unknown)), (None, None, None));
}

#[test]
fn an_entry_at_its_last_generation_is_retired() {
    let mut wheel = Wheel::with_limit(NS, 1, 0);
    let key = wheel.arm(10, 'a').unwrap();
    wheel.cancel(key);
    wheel.entries[0].generation = u32::MAX;
    let last = wheel.arm(10, 'b').unwrap();
    assert_eq!((last.index, last.generation), (0, u32::MAX));
    assert_eq!(wheel.cancel(last), Some('b'));
    assert_eq!((wheel.get(last).copied(), wheel.cancel(last)), (None, None));
    let next = wheel.arm(10, 'c').unwrap();
    assert_eq!((next.index, next.generation), (1, 0), "a new entry takes its place within the limit");
    assert_eq!(wheel.arm(10, 'd'), Err('d'));
    wheel.check();
}

#[test]
fn a_million_timers_fire_in_order_and_their_memory_is_reused() {
    const COUNT: usize = 1 << 20;
    let mut wheel = Wheel::with_limit(MS, COUNT, 0);
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next_deadline = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random >> 16 // up to 78 hours
    };
    let mut rounds = Vec::new();
    for round in 0..2 {
        let start = round * (1 << 50);
        wheel.advance(start);
        let keys: Vec<_> = (0..COUNT)
            .map(|_| {
                let deadline = start + next_deadline();
                wheel.arm(deadline, deadline).unwrap()
            })
            .collect();
        assert!(wheel.arm(0, 0).is_err());
        for key in keys.iter().step_by(2) {
            wheel.cancel(*key).unwrap();
        }
        rounds.push((wheel.entries.capacity(), wheel.high_water()));
        let (mut fired, mut last_tick) = (0, 0);
        while let Some(now) = wheel.next_deadline_ns() {
            wheel.advance(now);
            for deadline in wheel.fire_all() {
                let tick = deadline.div_ceil(1_000_000);
                assert!(tick >= last_tick);
                assert_eq!(tick * 1_000_000, now, "it fires at its tick if the worker sleeps as told");
                (last_tick, fired) = (tick, fired + 1);
            }
        }
        assert_eq!((fired, wheel.len()), (COUNT / 2, 0));
    }
    assert_eq!(rounds[0], rounds[1]);
    assert_eq!(rounds[0].1, COUNT);
}

#[test]
fn sleeping_until_the_next_deadline_wakes_in_vain_at_most_ten_times() {
    for deadline in [1, 63, 64, 65, 4095, 4097, 1 << 36, (1 << 60) + 12_345_678_901, u64::MAX - 1, u64::MAX] {
        let mut wheel = Wheel::with_limit(NS, 1, 0);
        wheel.arm(deadline, ()).unwrap();
        let mut wakes = 0;
        let fired_at = loop {
            let now = wheel.next_deadline_ns().unwrap();
            assert!(now <= deadline);
            wheel.advance(now);
            if wheel.pop_due().is_some() {
                break now;
            }
            wakes += 1;
        };
        assert_eq!(fired_at, deadline);
        assert!(wakes <= 10, "{wakes} for {deadline}");
    }
}

#[derive(Debug, Clone)]
enum Op {
    Arm(u64),
    /// The picks choose one of the keys ever given out, stale ones included.
    Cancel(usize),
    Rearm(usize, u64),
    Release(usize),
    Advance(u64),
    Pop(usize),
}

/// A time: near the present at any of the scales that the levels have, or anywhere.
fn time() -> impl Strategy<Value = (bool, u32, u64)> {
    (prop::bool::weighted(0.9), 0_u32..64, any::<u64>())
}

fn resolve((near, scale, raw): (bool, u32, u64), now: u64) -> u64 {
    if !near {
        return raw;
    }
    let offset = raw & (u64::MAX >> (63 - scale));
    // One time in four lies in the past.
    if raw >> 62 == 0 { now.saturating_sub(offset) } else { now.saturating_add(offset) }
}

type Draw = (u8, (bool, u32, u64), usize);

fn op((kind, at, pick): Draw, now: u64) -> Op {
    match kind {
        0..=5 => Op::Arm(resolve(at, now)),
        6 => Op::Cancel(pick),
        7..=8 => Op::Rearm(pick, resolve(at, now)),
        9 => Op::Release(pick),
        10..=11 => Op::Advance(resolve(at, now)),
        // Small steps, so that timers are not all swept up by the large ones.
        12..=13 => Op::Advance(now.saturating_add(at.2 % 100)),
        _ => Op::Pop(pick % 8),
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Armed,
    Due,
    Held,
}

/// The wheel's contract, written down as a list that is sorted when needed.
struct Model {
    resolution: u64,
    limit: usize,
    now_tick: u64,
    sequence: u64,
    /// By value: state, tick, order of arming.
    timers: HashMap<u64, (State, u64, u64)>,
    due: Vec<u64>,
}

impl Model {
    fn arm(&mut self, id: u64, deadline: u64) {
        self.due.retain(|&due| due != id);
        self.sequence += 1;
        let tick = deadline.div_ceil(self.resolution).max(self.now_tick);
        self.timers.insert(id, (State::Armed, tick, self.sequence));
    }

    fn end(&mut self, id: u64) -> bool {
        self.due.retain(|&due| due != id);
        self.timers.remove(&id).is_some()
    }

    fn advance(&mut self, now: u64) {
        self.now_tick = self.now_tick.max(now / self.resolution);
        let mut fired: Vec<_> = self
            .timers
            .iter()
            .filter(|(_, (state, tick, _))| *state == State::Armed && *tick <= self.now_tick)
            .map(|(&id, &(_, tick, sequence))| (tick, sequence, id))
            .collect();
        fired.sort_unstable();
        for (_, _, id) in fired {
            self.due.push(id);
            self.timers.get_mut(&id).unwrap().0 = State::Due;
        }
    }

    fn state(&self, id: u64) -> Option<State> {
        self.timers.get(&id).map(|timer| timer.0)
    }

    fn check_next(&self, next: Option<u64>) {
        let waiting = self.timers.values().filter(|timer| timer.0 != State::Held);
        let Some(first) = waiting.map(|timer| timer.1).min() else {
            assert_eq!(next, None);
            return;
        };
        let (next, now_ns) = (next.unwrap(), self.now_tick * self.resolution);
        if first <= self.now_tick {
            assert!(next <= now_ns, "{next} has not passed, though a timer is due");
        } else {
            assert!(next > now_ns, "{next} has passed, though nothing is due");
            assert!(next <= first.saturating_mul(self.resolution), "{next} is too late for tick {first}");
        }
    }
}

fn run(draws: Vec<Draw>, resolution: u64, limit: usize, start: u64) {
    let mut wheel = Wheel::with_limit(Duration::from_nanos(resolution), limit, start);
    let mut model =
        Model { resolution, limit, now_tick: start / resolution, sequence: 0, timers: HashMap::new(), due: Vec::new() };
    // The value of a timer is its place in this list of all keys ever given out.
    let mut keys: Vec<TimerKey> = Vec::new();
    let mut now = start;
    for draw in draws {
        let op = op(draw, now);
        let picked = |pick: usize| (!keys.is_empty()).then(|| (pick % keys.len()) as u64);
        match op {
            Op::Arm(deadline) => {
                let id = keys.len() as u64;
                match wheel.arm(deadline, id) {
                    Ok(key) => {
                        keys.push(key);
                        model.arm(id, deadline);
                    }
                    Err(value) => assert_eq!((value, model.timers.len()), (id, model.limit)),
                }
            }
            Op::Cancel(pick) => {
                let Some(id) = picked(pick) else { continue };
                assert_eq!(wheel.cancel(keys[id as usize]), model.end(id).then_some(id));
            }
            Op::Rearm(pick, deadline) => {
                let Some(id) = picked(pick) else { continue };
                let known = model.state(id).is_some();
                assert_eq!(wheel.rearm(keys[id as usize], deadline), known);
                if known {
                    model.arm(id, deadline);
                }
            }
            Op::Release(pick) => {
                let Some(id) = picked(pick) else { continue };
                let held = model.state(id) == Some(State::Held);
                assert_eq!(wheel.release(keys[id as usize]), held.then_some(id));
                if held {
                    model.end(id);
                }
            }
            Op::Advance(to) => {
                wheel.advance(to);
                model.advance(to);
                now = now.max(to);
            }
            Op::Pop(count) => {
                for _ in 0..count {
                    let popped = wheel.pop_due();
                    if model.due.is_empty() {
                        assert_eq!(popped, None);
                        break;
                    }
                    let id = model.due.remove(0);
                    assert_eq!(popped, Some(keys[id as usize]));
                    assert_eq!(wheel.get(keys[id as usize]), Some(&id));
                    model.timers.get_mut(&id).unwrap().0 = State::Held;
                }
            }
        }
        wheel.check();
        assert_eq!(wheel.len(), model.timers.len());
        model.check_next(wheel.next_deadline_ns());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn it_does_what_a_sorted_list_does(
        draws in prop::collection::vec((0_u8..18, time(), any::<usize>()), 1..200),
        resolution in prop::sample::select(vec![1_u64, 7, 1000, 1_000_000]),
        limit in prop::sample::select(vec![1_usize, 4, 1000]),
        start in prop_oneof![Just(0_u64), any::<u64>(), 0_u64..1 << 40],
    ) {
        run(draws, resolution, limit, start);
    }
}
