//! The attribute macro of Hippodrome. Use it as `hippodrome::actor`, with the feature `macros`.

#![forbid(unsafe_code)]

mod actor;
mod errors;
mod expansion;
mod method;
mod options;
mod owned;
#[cfg(test)]
mod tests;

use proc_macro::TokenStream;

/// Makes the messages of an actor, its `Actor` implementation and a typed client from the methods of an `impl`.
///
/// The `impl` stays as it is. For `impl Counter` it adds
/// * `enum CounterMsg`: a variant for each method, with a field for each argument, and one for the reply if there is one;
/// * `impl Actor for Counter`: the `match` that one would write by hand;
/// * `CounterClient`: an `ActorRef<CounterMsg>`, `Copy`, with a method for each message. It is made by `From`, and gives
///   the address by `actor()`.
///
/// # Which methods
/// Each method with `&self` or `&mut self` is a message. An associated function without a receiver is left alone, and so is
/// a method marked `#[skip]`. One marked `#[started]` or `#[stopped]` is called then, instead of being a message.
///
/// * A method without a result is told: `client.add(&handle, 5)` from a thread, `client.add(&mut *ctx, 5)` from a handler.
///   The sender is a `hippodrome::Tell`: `&Handle`, `&mut Port` or `&mut Context`.
/// * One with a result is asked: `client.total(&handle)` is an `Ask` for a thread, which is a `hippodrome::Outside`:
///   `&Handle` or `&mut Port`. From a handler, `client.total_then(ctx, map)` asks, and the answer, or why there is none,
///   arrives as the message that `map` makes of it.
/// * An argument `&mut Context<'_, CounterMsg>` is no part of the message: the method gets the context of the call.
/// * With an argument `Reply<T>` instead of a result the method may answer later; the client asks for a `T`.
///
/// Everything else, such as a timeout of one's own, is done with the address and the message:
/// `ctx.ask_within(timeout, client.actor(), |reply| CounterMsg::Total { reply }, map)`.
///
/// The message and the client are `pub`, so that the actor may be; each method of the client is as visible as the actor's.
/// Comments and `#[cfg]`s of methods are those of their variants and client methods too. Type parameters of the `impl` are
/// parameters of the message and of the client as far as the messages have them.
///
/// # Options
/// `#[actor(message = Count, client = Counting)]` names the two. `crate = path` says where the engine is, for crates that
/// export it under another name.
///
/// # Costs
/// Those of the program that is written by hand: the expansion is that program.
///
/// # Examples
/// ```
/// use hippodrome::{Context, Engine, On};
/// use std::time::Duration;
///
/// struct Counter(u64);
///
/// #[hippodrome::actor]
/// impl Counter {
///     /// Adds to the total.
///     fn add(&mut self, n: u64) {
///         self.0 += n;
///     }
///
///     /// What was added so far.
///     fn total(&self) -> u64 {
///         self.0
///     }
/// }
///
/// # fn main() -> Result<(), hippodrome::Error> {
/// let engine = Engine::builder().unpinned_workers(1).start()?;
/// let handle = engine.handle();
/// let counter = CounterClient::from(handle.spawn(On::Worker(0), || Counter(0))?);
/// counter.add(&handle, 2);
/// counter.add(&handle, 3);
/// assert_eq!(counter.total(&handle).wait(Duration::from_secs(5))?, 5);
/// engine.shutdown(Duration::from_secs(5))?;
/// # Ok(())
/// # }
/// ```
#[proc_macro_attribute]
pub fn actor(options: TokenStream, item: TokenStream) -> TokenStream {
    expansion::expand(options.into(), item.into()).into()
}
