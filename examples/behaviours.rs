//! A link to a server that is hard to reach: a state machine with a timeout for each attempt, and a stash for what is to
//! be sent meanwhile. The server first is silent, then refuses, and then accepts: its behaviours.

#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::time::Duration;

use hippodrome::{Actor, ActorRef, AskError, Context, DeadLetterReason, Engine, On, Reply};
use hippodrome_toolkit::behaviour::Behaviours;
use hippodrome_toolkit::machine::{Machine, StateMachine, StateTimeout, Transition};
use hippodrome_toolkit::stash::Stash;

use Transition::{Goto, Stay};

const ORDERS: u64 = 5;

struct Server {
    behaviours: Behaviours<Self>,
    /// Replies that it is silent about.
    kept: Vec<Reply<bool>>,
    orders: Vec<u64>,
}

enum Request {
    Connect(Reply<bool>),
    Order(u64),
    Orders(Reply<Vec<u64>>),
}

impl Server {
    fn new() -> Self {
        Self { behaviours: Behaviours::new(Self::silent), kept: Vec::new(), orders: Vec::new() }
    }

    fn silent(&mut self, request: Request, _: &mut Context<'_, Request>) {
        if let Request::Connect(reply) = request {
            self.kept.push(reply);
            self.behaviours.replace(Self::refusing);
        }
    }

    fn refusing(&mut self, request: Request, ctx: &mut Context<'_, Request>) {
        if let Request::Connect(reply) = request {
            reply.send(ctx, false);
            self.behaviours.replace(Self::accepting);
        }
    }

    fn accepting(&mut self, request: Request, ctx: &mut Context<'_, Request>) {
        match request {
            Request::Connect(reply) => reply.send(ctx, true),
            Request::Order(order) => self.orders.push(order),
            Request::Orders(reply) => reply.send(ctx, self.orders.clone()),
        }
    }
}

impl Actor for Server {
    type Msg = Request;

    fn handle(&mut self, request: Request, ctx: &mut Context<'_, Request>) {
        self.behaviours.current()(self, request, ctx);
    }
}

struct Link {
    server: ActorRef<Request>,
    stash: Stash<Event>,
}

#[derive(Debug)]
enum State {
    Connecting { attempt: u32 },
    Waiting { attempt: u32 },
    Connected,
}

enum Event {
    Send(u64),
    Connected { attempt: u32, result: Result<bool, AskError> },
    TimedOut(StateTimeout),
    Orders(Reply<Vec<u64>>),
}

impl Machine for Link {
    type State = State;
    type Msg = Event;

    fn handle(&mut self, state: &mut State, event: Event, ctx: &mut Context<'_, Event>) -> Transition<State> {
        match (&*state, event) {
            (State::Connected, Event::Send(order)) => ctx.tell(self.server, Request::Order(order)),
            // Behind all orders, so that they are there when it is answered.
            (State::Connected, Event::Orders(reply)) => ctx.tell(self.server, Request::Orders(reply)),
            (State::Connecting { attempt }, Event::Connected { attempt: of, result }) if *attempt == of => {
                return Goto(if result == Ok(true) { State::Connected } else { State::Waiting { attempt: *attempt } });
            }
            (State::Connecting { attempt } | State::Waiting { attempt }, Event::TimedOut(_)) => {
                return Goto(State::Connecting { attempt: attempt + 1 });
            }
            (_, early @ (Event::Send(_) | Event::Orders(_))) => {
                if let Err(full) = self.stash.stash(ctx, early) {
                    ctx.dead_letter(ctx.me(), full.message, DeadLetterReason::Refused);
                }
            }
            // An answer to an attempt that was given up.
            (_, Event::Connected { .. } | Event::TimedOut(_)) => {}
        }
        Stay
    }

    fn timeout(&self, state: &State, token: StateTimeout) -> Option<(Duration, Event)> {
        let time = match state {
            State::Connecting { .. } => Duration::from_millis(50),
            State::Waiting { attempt } => Duration::from_millis(10) * *attempt,
            State::Connected => return None,
        };
        Some((time, Event::TimedOut(token)))
    }

    fn timeout_of(event: &Event) -> Option<StateTimeout> {
        if let Event::TimedOut(token) = event { Some(*token) } else { None }
    }

    fn entered(&mut self, state: &mut State, ctx: &mut Context<'_, Event>) {
        println!("{state:?}");
        if let State::Connecting { attempt } = *state {
            ctx.ask(self.server, Request::Connect, move |result| Event::Connected { attempt, result });
        }
    }

    fn stash(&mut self) -> Option<&mut Stash<Event>> {
        Some(&mut self.stash)
    }
}

fn main() -> Result<ExitCode, hippodrome::Error> {
    let engine = Engine::builder().unpinned_workers(2).start()?;
    let handle = engine.handle();
    let patience = Duration::from_secs(10);
    let server = handle.spawn(On::Worker(0), Server::new)?;
    let link = handle.spawn(On::Worker(1), move || {
        StateMachine::new(Link { server, stash: Stash::with_limit(64) }, State::Connecting { attempt: 1 })
    })?;
    (1..=ORDERS).for_each(|order| handle.tell(link, Event::Send(order)));
    let orders = handle.ask(link, Event::Orders).wait(patience)?;
    println!("orders {orders:?}");
    let dead_letters = engine.shutdown(patience)?.dead_letters.total();
    println!("dead letters {dead_letters}");
    let is_right = orders == (1..=ORDERS).collect::<Vec<_>>() && dead_letters == 0;
    Ok(if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
