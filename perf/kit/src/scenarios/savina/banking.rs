//! Savina's Banking: a teller has 50,000 transfers made between 1,000 accounts, which wait for each other.
//!
//! ```text
//!   Teller -- credit --> Account A -- debit --> Account B
//!          <-- done ---            <-- reply --
//! ```
//!
//! The account that pays puts aside whatever it is told, until the account that is paid has replied. Who is paid always
//! has the greater number, as published, so that no two of them wait for each other. The published teller sends
//! everything in one go; this one sends a chunk and then tells itself to go on. Amounts are whole, so that the final
//! balances are known to the last unit whatever the order, and in the end the teller asks for all of them. `messages`
//! are the transfers.

use std::collections::VecDeque;
use std::sync::Arc;

use super::random::{Random, mix};
use super::{CHUNK, GATES};
use crate::cores::Cores;
use crate::finish::{Finish, Found};
use crate::platform::{Context as _, Place, Platform, Role, Run};
use crate::sample::{Failure, Sample};
use crate::scenario::{Case, Scenario};

/// The scenario.
pub static SCENARIO: Scenario = Scenario {
    name: "savina_banking",
    about: "Savina Banking: transfers between 1,000 accounts that wait for each other's replies",
    unit: "transfer",
    cores: 1,
    cases: &[Case { payload_bytes: 8, actors: 1_000, messages: 50_000 }],
    expected: |case| {
        let mut orders = Orders::new(case.actors);
        let mut balances = vec![opening_balance(case.messages); case.actors as usize];
        for _ in 0..case.messages {
            let Transfer { from, to, amount } = orders.draw();
            balances[from] -= amount;
            balances[to] += amount;
        }
        let closed = balances.iter().zip(0..).map(|(balance, number)| closed(number, *balance));
        Found { units: case.messages, checksum: closed.fold(0, u64::wrapping_add) }
    },
    gates: GATES,
};

/// Every amount is below it.
const LIMIT: u64 = 1_000;

/// Runs it once.
///
/// # Errors
/// The platform's.
pub fn run<P: Platform>(case: &Case, cores: &Cores) -> Result<Sample, Failure> {
    let Case { actors, messages, .. } = *case;
    let main = move |finish| Teller::<P> {
        size: actors,
        accounts: Vec::new(),
        orders: Orders::new(actors),
        finish,
        sent: 0,
        total: messages,
        closed: 0,
        found: Found::default(),
    };
    P::run(Run { main: Box::new(main), set_up: Some(Order::SetUp), go: Order::Go }, cores)
}

/// So much that no account is ever overdrawn.
fn opening_balance(transfers: u64) -> u64 {
    LIMIT * transfers
}

/// What an account that is closed with this balance adds to the checksum.
fn closed(number: u64, balance: u64) -> u64 {
    mix(mix(number) ^ balance)
}

struct Transfer {
    from: usize,
    to: usize,
    amount: u64,
}

/// Which transfers are made.
struct Orders {
    random: Random,
    accounts: u64,
}

impl Orders {
    /// Between so many accounts, two at least.
    fn new(accounts: u64) -> Self {
        Self { random: Random::new(accounts), accounts }
    }

    /// From one of the first four fifths to one behind it.
    #[inline]
    fn draw(&mut self) -> Transfer {
        let from = self.random.below((self.accounts * 4 / 5).max(1));
        let to = from + 1 + self.random.below(self.accounts - from - 1);
        Transfer { from: from as usize, to: to as usize, amount: self.random.below(LIMIT) }
    }
}

enum Order {
    SetUp,
    /// Send the next chunk.
    Go,
    /// A transfer is made.
    Done,
    /// The account of this number is closed with this balance.
    Closed {
        number: u64,
        balance: u64,
    },
}

struct Teller<P: Platform> {
    size: u64,
    accounts: Vec<P::Ref<Account<P>>>,
    orders: Orders,
    finish: Arc<Finish>,
    sent: u64,
    total: u64,
    closed: u64,
    found: Found,
}

impl<P: Platform> Teller<P> {
    fn set_up(&mut self, context: &mut P::Context<'_, Self>) {
        for number in 0..self.size {
            let account = Account {
                number,
                teller: context.me(),
                balance: opening_balance(self.total),
                is_waiting: false,
                put_aside: VecDeque::new(),
            };
            self.accounts.push(context.spawn(Place::Here, account));
        }
    }

    fn send_chunk(&mut self, context: &mut P::Context<'_, Self>) {
        let chunk = CHUNK.min(self.total - self.sent);
        self.sent += chunk;
        for _ in 0..chunk {
            let Transfer { from, to, amount } = self.orders.draw();
            let to = self.accounts[to].clone();
            context.tell(&self.accounts[from], Entry::Credit { to, amount });
        }
        if self.sent < self.total {
            context.tell(&context.me(), Order::Go);
        }
    }
}

impl<P: Platform> Role<P> for Teller<P> {
    type Msg = Order;

    #[inline]
    fn receive(&mut self, message: Order, context: &mut P::Context<'_, Self>) {
        match message {
            Order::SetUp => self.set_up(context),
            Order::Go => self.send_chunk(context),
            Order::Done => {
                self.found.units += 1;
                if self.found.units == self.total {
                    for account in &self.accounts {
                        context.tell(account, Entry::Close);
                    }
                }
            }
            Order::Closed { number, balance } => {
                self.found.checksum = self.found.checksum.wrapping_add(closed(number, balance));
                self.closed += 1;
                if self.closed == self.size {
                    self.finish.set(self.found.units, self.found.checksum);
                }
            }
        }
    }
}

enum Entry<P: Platform> {
    /// Pay so much to this account, and tell the teller when it has it.
    Credit { to: P::Ref<Account<P>>, amount: u64 },
    /// Take so much from this account, and reply.
    Debit { from: P::Ref<Account<P>>, amount: u64 },
    /// The account that was paid has it.
    Reply,
    /// Tell the teller the balance.
    Close,
}

struct Account<P: Platform> {
    number: u64,
    teller: P::Ref<Teller<P>>,
    balance: u64,
    is_waiting: bool,
    /// What came while it waited for a reply.
    put_aside: VecDeque<Entry<P>>,
}

impl<P: Platform> Account<P> {
    /// Makes an entry. It must not be waiting, except for this.
    #[inline]
    fn enter(&mut self, entry: Entry<P>, context: &mut P::Context<'_, Self>) {
        match entry {
            Entry::Credit { to, amount } => {
                self.balance -= amount;
                self.is_waiting = true;
                let from = context.me();
                context.tell(&to, Entry::Debit { from, amount });
            }
            Entry::Debit { from, amount } => {
                self.balance += amount;
                context.tell(&from, Entry::Reply);
            }
            Entry::Reply => {
                self.is_waiting = false;
                context.tell(&self.teller, Order::Done);
            }
            Entry::Close => {
                context.tell(&self.teller, Order::Closed { number: self.number, balance: self.balance });
            }
        }
    }
}

impl<P: Platform> Role<P> for Account<P> {
    type Msg = Entry<P>;

    #[inline]
    fn receive(&mut self, message: Entry<P>, context: &mut P::Context<'_, Self>) {
        match message {
            Entry::Reply => {
                self.enter(message, context);
                while !self.is_waiting
                    && let Some(entry) = self.put_aside.pop_front()
                {
                    self.enter(entry, context);
                }
            }
            entry if self.is_waiting => self.put_aside.push_back(entry),
            entry => self.enter(entry, context),
        }
    }
}
