//! Sending: the ways by which a handler sends, for receivers of either size.

use std::time::Duration;

use hippodrome::{ActorRef, AskError, Context};

use super::graph::{Peer, Route};
use super::message::{Answer, Content, Msg};
use super::party::{Fate, Party};
use super::plan::Sabotage;
use super::random::Random;
use super::stream::{Kind, StreamId};
use super::token::{Letter, Token};

/// Runs the same code for a receiver of either size, with its address as `$to`.
macro_rules! by_size {
    ($peer:expr, $to:ident => $run:expr) => {
        match $peer.route {
            Route::Small($to) => $run,
            Route::Large($to) => $run,
        }
    };
}
pub(crate) use by_size;

impl Peer {
    /// The stream for a message to this actor: any of its keys.
    pub(crate) fn stream(&self, random: &mut Random) -> StreamId {
        StreamId { kind: Kind::Tell, key: random.below(self.keys.into()) as u8 }
    }

    /// Tells it something.
    pub(crate) fn tell<C: Send + 'static>(&self, ctx: &mut Context<'_, C>, from: &Party, stream: StreamId, fuel: u32) {
        let token = Token::new(from, self.party, stream);
        by_size!(self, to => ctx.tell(to, Msg::work(Letter::seal(token, fuel))));
    }

    /// The same with a defect; `other` may be the one that gets it.
    pub(crate) fn tell_wrongly<C: Send + 'static>(
        &self,
        ctx: &mut Context<'_, C>,
        from: &Party,
        stream: StreamId,
        (sabotage, other): (Sabotage, Peer),
    ) {
        let token = || Token::new(from, self.party, stream);
        match (sabotage, self.route, other.route) {
            (Sabotage::Misroute, Route::Small(_), Route::Small(to)) => {
                ctx.tell(to, Msg::work(Letter::seal(token(), 0)))
            }
            (Sabotage::Misroute, Route::Large(_), Route::Large(to)) => {
                ctx.tell(to, Msg::work(Letter::seal(token(), 0)))
            }
            _ => by_size!(self, to => tell_wrongly(ctx, to, sabotage, || Letter::seal(token(), 0))),
        }
    }

    /// Tries to tell it something; notes if it is given back.
    pub(crate) fn try_tell<C: Send + 'static>(
        &self,
        ctx: &mut Context<'_, C>,
        from: &Party,
        stream: StreamId,
        fuel: u32,
    ) {
        let token = Token::new(from, self.party, stream);
        by_size!(self, to => if let Err(error) = ctx.try_tell(to, Msg::work(Letter::seal(token, fuel))) {
            error.into_message().into_letter().end(Fate::Refused);
        });
    }

    /// Tells it several things at once; the first gets what fuel is not needed for the others.
    pub(crate) fn tell_batch<C: Send + 'static>(
        &self,
        ctx: &mut Context<'_, C>,
        from: &Party,
        stream: StreamId,
        (count, fuel): (u32, u32),
    ) {
        let letter = |n| if n == 0 { fuel } else { 0 };
        by_size!(self, to => {
            let letters = (0..count).map(|n| Letter::seal(Token::new(from, self.party, stream), letter(n)));
            ctx.tell_batch(to, letters.map(Msg::work))
        });
    }

    /// Asks it; what comes of the ask has `fuels.1`.
    pub(crate) fn ask<const N: usize>(
        &self,
        ctx: &mut Context<'_, Msg<N>>,
        from: &'static Party,
        stream: StreamId,
        timeout: Duration,
        fuels: (u32, u32),
    ) {
        let ask = (Token::waiting(from, Kind::Ask), fuels.1);
        let map = move |answer: Result<Answer, AskError>| outcome::<N>(ask.0, ask.1, answer);
        by_size!(self, to => ctx.ask_within(timeout, to, |reply| {
            // Not before: an ask that cannot be made sends nothing.
            let letter = Letter::seal(Token::new(from, self.party, stream), fuels.0);
            Msg(Content::Question { letter, asker: from, reply })
        }, map));
    }
}

/// What an ask becomes for the actor that made it.
fn outcome<const N: usize>(mut ask: Token, fuel: u32, answer: Result<Answer, AskError>) -> Msg<N> {
    let me = ask.receiver();
    ask.sent();
    let outcome = answer.map(|mut answer| {
        answer.arrive(me);
        answer.end(Fate::Taken);
    });
    Msg(Content::Outcome { letter: Letter::seal(ask, fuel), outcome })
}

fn tell_wrongly<C: Send + 'static, const N: usize>(
    ctx: &mut Context<'_, C>,
    to: ActorRef<Msg<N>>,
    sabotage: Sabotage,
    next: impl Fn() -> Letter<N>,
) {
    let mut letter = next();
    match sabotage {
        Sabotage::Lose => return std::mem::forget(letter),
        Sabotage::Double => ctx.tell(to, Msg::work(letter.forged())),
        Sabotage::Reorder => ctx.tell(to, Msg::work(next())),
        Sabotage::Corrupt => letter.spoil(),
        Sabotage::Misroute => {}
    }
    ctx.tell(to, Msg::work(letter));
}
