//! A small bank: accounts whose messages and clients are made from their methods, and a teller that moves money between
//! them, each on a worker of its own.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use hippodrome::{AskError, Context, Engine, On, Reply};

const PATIENCE: Duration = Duration::from_secs(5);

struct Account {
    balance: u64,
}

#[hippodrome::actor]
impl Account {
    /// Gives what there is then.
    fn deposit(&mut self, amount: u64) -> u64 {
        self.balance += amount;
        self.balance
    }

    /// Gives what is left, or what there is if it is not enough.
    fn withdraw(&mut self, amount: u64) -> Result<u64, u64> {
        self.balance = self.balance.checked_sub(amount).ok_or(self.balance)?;
        Ok(self.balance)
    }

    fn balance(&self) -> u64 {
        self.balance
    }
}

/// Why a transfer was not made.
#[derive(Debug)]
enum Declined {
    /// There is only so much.
    TooLittle(u64),
    /// The account did not answer.
    Unanswered(AskError),
}

/// Money on its way.
struct Transfer {
    amount: u64,
    to: AccountClient,
    /// Takes what the receiver has then.
    reply: Reply<Result<u64, Declined>>,
}

/// Moves money. It never waits: the answer of an account is a message to it.
#[derive(Default)]
struct Teller {
    transfers: u64,
    declined: u64,
    /// What waits for an account, by its number.
    under_way: BTreeMap<u64, Transfer>,
}

#[hippodrome::actor]
impl Teller {
    fn transfer(
        &mut self,
        ctx: &mut Context<'_, TellerMsg>,
        amount: u64,
        from: AccountClient,
        to: AccountClient,
        reply: Reply<Result<u64, Declined>>,
    ) {
        self.transfers += 1;
        let number = self.transfers;
        self.under_way.insert(number, Transfer { amount, to, reply });
        from.withdraw_then(ctx, amount, move |answer| TellerMsg::Withdrawn { number, answer });
    }

    fn withdrawn(&mut self, ctx: &mut Context<'_, TellerMsg>, number: u64, answer: Result<Result<u64, u64>, AskError>) {
        let Some(Transfer { amount, to, reply }) = self.under_way.remove(&number) else { return };
        match answer {
            Ok(Ok(_left)) => to.deposit_then(ctx, amount, |answer| TellerMsg::Deposited { reply, answer }),
            Ok(Err(balance)) => self.decline(ctx, reply, Declined::TooLittle(balance)),
            Err(error) => self.decline(ctx, reply, Declined::Unanswered(error)),
        }
    }

    fn deposited(
        &mut self,
        ctx: &mut Context<'_, TellerMsg>,
        reply: Reply<Result<u64, Declined>>,
        answer: Result<u64, AskError>,
    ) {
        match answer {
            Ok(balance) => reply.send(ctx, Ok(balance)),
            Err(error) => self.decline(ctx, reply, Declined::Unanswered(error)),
        }
    }

    fn declined(&self) -> u64 {
        self.declined
    }

    #[skip]
    fn decline(&mut self, ctx: &mut Context<'_, TellerMsg>, reply: Reply<Result<u64, Declined>>, why: Declined) {
        self.declined += 1;
        reply.send(ctx, Err(why));
    }
}

fn main() -> Result<ExitCode, hippodrome::Error> {
    let engine = Engine::builder().unpinned_workers(2).start()?;
    let handle = engine.handle();
    let alice = AccountClient::from(handle.spawn(On::Worker(0), || Account { balance: 100 })?);
    let bob = AccountClient::from(handle.spawn(On::Worker(1), || Account { balance: 0 })?);
    let teller = TellerClient::from(handle.spawn(On::Worker(0), Teller::default)?);

    for amount in [60, 30, 20] {
        match teller.transfer(&handle, amount, alice, bob).wait(PATIENCE)? {
            Ok(balance) => println!("{amount} went from Alice to Bob, who has {balance}"),
            Err(Declined::TooLittle(balance)) => println!("{amount} was declined: Alice has {balance}"),
            Err(Declined::Unanswered(error)) => println!("{amount} was declined: {error}"),
        }
    }
    let balances = (alice.balance(&handle).wait(PATIENCE)?, bob.balance(&handle).wait(PATIENCE)?);
    let declined = teller.declined(&handle).wait(PATIENCE)?;
    println!("Alice has {}, Bob has {}, {declined} declined", balances.0, balances.1);
    engine.shutdown(PATIENCE)?;
    Ok(if balances == (10, 90) && declined == 1 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
