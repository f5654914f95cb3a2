//! A layer that lets through so many messages in a time.

use std::any::type_name;
use std::fmt;
use std::time::Duration;

use hippodrome::Context;

use super::{Middleware, refuse};
use crate::duration::nanos;

/// Lets so many messages through in a time, by a bucket of tokens on the engine's clock: in any time `t` at most the burst
/// and the rate times `t`.
///
/// What is over the limit is a dead letter with the reason [`Refused`](hippodrome::DeadLetterReason::Refused), or goes to
/// [`otherwise`](Self::otherwise). The bucket belongs to one actor; it is full when that starts and after each restart.
///
/// # Cost
/// A look at the clock, a multiplication and some compares per message.
///
/// # Examples
/// ```
/// use hippodrome::{Context, Reply, from_fn};
/// use hippodrome_toolkit::middleware::{Layers, RateLimit};
///
/// enum Api {
///     Get(Reply<Result<u64, &'static str>>),
///     Tick,
/// }
///
/// let api = || from_fn(|msg: Api, ctx| if let Api::Get(reply) = msg { reply.send(ctx, Ok(1)) });
/// let limited = api.layer(|| {
///     RateLimit::per_second(100).burst(10).only(|msg| matches!(msg, Api::Get(_))).otherwise(|msg, ctx| {
///         if let Api::Get(reply) = msg {
///             reply.send(ctx, Err("come back later"));
///         }
///     })
/// });
/// # let _ = limited;
/// ```
pub struct RateLimit<M> {
    bucket: Bucket,
    only: Option<fn(&M) -> bool>,
    otherwise: fn(M, &mut Context<'_, M>),
}

impl<M: Send + 'static> RateLimit<M> {
    /// Up to so many messages a second, and as many at once. None at all if it is 0.
    #[must_use]
    pub fn per_second(messages: u32) -> Self {
        Self::new(messages, Duration::from_secs(1))
    }

    /// Up to so many messages in this time, and as many at once. None at all if it is 0. A time of less than a nanosecond
    /// is one.
    #[must_use]
    pub fn new(messages: u32, time: Duration) -> Self {
        Self { bucket: Bucket::new(messages, nanos(time).max(1)), only: None, otherwise: refuse }
    }

    /// How many messages go through at once when none has come for long; at least 1, if any may.
    #[must_use]
    pub fn burst(mut self, messages: u32) -> Self {
        self.bucket = self.bucket.holding(messages);
        self
    }

    /// Counts and limits only these messages; all others go through.
    #[must_use]
    pub fn only(self, these: fn(&M) -> bool) -> Self {
        Self { only: Some(these), ..self }
    }

    /// Instead of reporting a message that is over the limit, calls `then` with it.
    #[must_use]
    pub fn otherwise(self, then: fn(M, &mut Context<'_, M>)) -> Self {
        Self { otherwise: then, ..self }
    }
}

impl<M: Send + 'static> Middleware<M> for RateLimit<M> {
    #[inline]
    fn handle(&mut self, msg: M, ctx: &mut Context<'_, M>, next: impl FnOnce(M, &mut Context<'_, M>)) {
        let is_meant = self.only.is_none_or(|these| these(&msg));
        if is_meant && !self.bucket.take(ctx.now_ns()) {
            return (self.otherwise)(msg, ctx);
        }
        next(msg, ctx);
    }
}

impl<M> fmt::Debug for RateLimit<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RateLimit<{}>({:?})", type_name::<M>(), self.bucket)
    }
}

/// A bucket of tokens. So that nothing is ever rounded, a token is as many drops as the time has nanoseconds, and each
/// nanosecond adds as many drops as there may be messages in that time. A message's drops have 64 bits and so has a time,
/// the numbers of messages have 32: so all sums are below 2^98.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    drops_per_ns: u32,
    drops_per_message: u64,
    most: u128,
    drops: u128,
    filled_ns: u64,
}

impl Bucket {
    fn new(messages: u32, time_ns: u64) -> Self {
        let bucket = Self { drops_per_ns: messages, drops_per_message: time_ns, most: 0, drops: 0, filled_ns: 0 };
        bucket.holding(messages)
    }

    /// The same with room for so many messages, full.
    fn holding(self, messages: u32) -> Self {
        let messages = if self.drops_per_ns == 0 { 0 } else { messages.max(1) };
        let most = u128::from(self.drops_per_message) * u128::from(messages);
        Self { most, drops: most, ..self }
    }

    #[inline]
    fn take(&mut self, now_ns: u64) -> bool {
        let passed_ns = now_ns.saturating_sub(self.filled_ns);
        self.filled_ns = now_ns;
        let filled = self.drops + u128::from(passed_ns) * u128::from(self.drops_per_ns);
        self.drops = filled.min(self.most);
        let left = self.drops.checked_sub(self.drops_per_message.into());
        self.drops = left.unwrap_or(self.drops);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// In any window, what goes through is at most the burst and the rate times the window; and a message that comes
        /// when the bucket has had time to fill is never refused.
        #[test]
        fn a_bucket_lets_through_what_it_says(
            messages in 1_u32..50,
            time_ns in 1_u64..1_000,
            burst in 1_u32..20,
            pauses_ns in prop::collection::vec(0_u64..300, 1..200),
        ) {
            let mut bucket = Bucket::new(messages, time_ns).holding(burst);
            let mut now_ns = 0;
            let mut through: Vec<u64> = Vec::new();
            for pause_ns in pauses_ns {
                now_ns += pause_ns;
                let fills = u128::from(pause_ns) * u128::from(messages) >= u128::from(time_ns);
                let passed = bucket.take(now_ns);
                prop_assert!(passed || !fills, "refused after {pause_ns} ns");
                if passed {
                    through.push(now_ns);
                }
            }
            for (first, from_ns) in through.iter().enumerate() {
                for (last, to_ns) in through.iter().enumerate().skip(first) {
                    let count = (last - first + 1) as u64;
                    // In drops: what goes through is at most the bucket and what ran into it.
                    let most = u64::from(burst) * time_ns + (to_ns - from_ns) * u64::from(messages);
                    prop_assert!(count * time_ns <= most, "{count} from {from_ns} to {to_ns}");
                }
            }
        }
    }

    #[test]
    fn a_burst_is_what_it_says_however_long_the_time() {
        let day_ns = 86_400_000_000_000;
        let messages = 1_234_567;
        let mut bucket = Bucket::new(messages, day_ns);
        assert_eq!((0..2 * messages).filter(|_| bucket.take(0)).count(), messages as usize);
        assert_eq!((0..2 * messages).filter(|_| bucket.take(day_ns / 2)).count(), messages as usize / 2);
        assert_eq!((0..2 * messages).filter(|_| bucket.take(u64::MAX)).count(), messages as usize);
    }

    #[test]
    fn no_time_is_too_long_and_no_rate_too_high() {
        let mut bucket = Bucket::new(u32::MAX, u64::MAX).holding(1);
        assert!(bucket.take(0));
        assert!(!bucket.take(1));
        let mut bucket = Bucket::new(u32::MAX, 1);
        assert!((0..1000).all(|_| bucket.take(u64::MAX)));
        let mut none = Bucket::new(0, 1);
        assert!(!none.take(u64::MAX));
    }
}
