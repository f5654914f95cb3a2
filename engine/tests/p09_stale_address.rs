//! Promise 9: a stale address is harmless. What is sent to it is a dead letter and never reaches the slot's new tenant.

mod support;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hippodrome::{
    ActorRef, DeadLetterReason, Engine, FnActor, Host, MailboxSpec, On, OrderError, Props, SpawnError, Stop,
    StopReason, TryTellError, from_fn,
};
use support::{Ledger, PATIENCE, Token, wait_until};

/// An actor that handles tokens, and says whose they were.
fn tenant(seen: &Arc<AtomicU64>) -> impl FnMut() -> FnActor<Token, TokenFn> + Send + 'static {
    let seen = seen.clone();
    move || {
        let seen = seen.clone();
        from_fn(Box::new(move |token: Token, _: &mut hippodrome::Context<'_, Token>| {
            seen.fetch_add(1, Ordering::SeqCst);
            token.handled();
        }) as TokenFn)
    }
}

type MakeProps = fn() -> Props<Token>;

type TokenFn = Box<dyn FnMut(Token, &mut hippodrome::Context<'_, Token>)>;

enum Order {
    Tell(ActorRef<Token>, Token),
    TryTell(ActorRef<Token>, Token),
    Stop(ActorRef<Token>, Stop),
}

/// An actor that sends as it is told; what `try_tell` gives back as stopped is counted.
fn sender(host: &Host, worker: usize, stopped: &Arc<AtomicU64>) -> ActorRef<Order> {
    let stopped = stopped.clone();
    let factory = move || {
        let stopped = stopped.clone();
        from_fn(move |order, ctx: &mut hippodrome::Context<'_, Order>| match order {
            Order::Tell(to, token) => ctx.tell(to, token),
            Order::TryTell(to, token) => match ctx.try_tell(to, token) {
                Ok(()) => {}
                Err(TryTellError::Stopped(token)) => {
                    stopped.fetch_add(1, Ordering::SeqCst);
                    token.given_back();
                }
                Err(error) => panic!("{error:?}"),
            },
            Order::Stop(actor, how) => ctx.stop(actor, how),
        })
    };
    host.handle().spawn(On::Worker(worker), factory).unwrap()
}

fn mailbox() -> Props<Token> {
    Props::on(On::Worker(0)).mailbox(MailboxSpec::bounded(NonZeroUsize::new(4).unwrap()))
}

#[test]
fn a_new_tenant_never_gets_what_was_for_the_old_one() {
    let plain = || Props::on(On::Worker(0));
    // Old and new tenant with and without a private mailbox: the address says which way messages go.
    let tenancies: [[MakeProps; 2]; 4] = [[plain, plain], [mailbox, plain], [plain, mailbox], [mailbox, mailbox]];
    for (round, [old_props, new_props]) in tenancies.into_iter().enumerate() {
        for how in [Stop::Now, Stop::AfterQueued, Stop::Kill] {
            let context = format!("tenancy {round}, {how:?}");
            let mut host = Engine::builder().unpinned_workers(2).host().unwrap();
            let (handle, ledger) = (host.handle(), Ledger::leak(100));
            let (old_seen, new_seen, stopped) = <(Arc<AtomicU64>, Arc<AtomicU64>, Arc<AtomicU64>)>::default();
            let (near, far) = (sender(&host, 0, &stopped), sender(&host, 1, &stopped));
            let old = handle.spawn(old_props(), tenant(&old_seen)).unwrap();
            let mut port = handle.port().unwrap();
            handle.tell(old, ledger.token());
            host.poll(100);
            assert_eq!(old_seen.load(Ordering::SeqCst), 1, "{context}");
            handle.stop(old, how).unwrap();
            host.poll(100);
            let new = handle.spawn(new_props(), tenant(&new_seen)).unwrap();
            assert_eq!(old.address().slot(), new.address().slot(), "{context}: the slot is used again");
            assert_ne!(old.address().generation(), new.address().generation(), "{context}");
            host.poll(100);
            // All ways on which a message can come.
            handle.tell(old, ledger.token());
            port.tell(old, ledger.token());
            handle.tell(near, Order::Tell(old, ledger.token()));
            handle.tell(far, Order::Tell(old, ledger.token()));
            handle.tell(far, Order::TryTell(old, ledger.token()));
            handle.tell(near, Order::TryTell(old, ledger.token()));
            // Nor does an order to stop the old one end the new one.
            for how in [Stop::Now, Stop::AfterQueued, Stop::Kill] {
                handle.stop(old, how).unwrap();
                handle.tell(near, Order::Stop(old, how));
                handle.tell(far, Order::Stop(old, how));
            }
            host.poll(1000);
            handle.tell(new, ledger.token());
            host.poll(1000);
            assert_eq!(old_seen.load(Ordering::SeqCst), 1, "{context}");
            assert_eq!(new_seen.load(Ordering::SeqCst), 1, "{context}: only what was sent to the new tenant");
            assert_eq!(stopped.load(Ordering::SeqCst), 1, "{context}: only the sender on the same worker can know");
            let dead = host.stats().dead_letters();
            assert_eq!(dead.get(DeadLetterReason::Stopped), 5, "{context}: {dead:?}");
            assert_eq!(dead.total(), 5, "{context}: {dead:?}");
            // Somebody who begins to watch the old one is told that it has gone.
            let watch = handle.watch(old).unwrap();
            host.poll(100);
            assert_eq!(watch.wait(PATIENCE).unwrap().reason, StopReason::Unknown);
            drop(port);
            host.shutdown(PATIENCE).unwrap();
            ledger.settle(&context);
        }
    }
}

#[test]
fn an_address_of_another_engine_reaches_nobody() {
    let mut host = Engine::builder().unpinned_workers(2).host().unwrap();
    let other = Engine::builder().unpinned_workers(2).host().unwrap();
    let (handle, ledger) = (host.handle(), Ledger::leak(100));
    let (seen, stopped) = <(Arc<AtomicU64>, Arc<AtomicU64>)>::default();
    // The same worker, slot and generation in both engines.
    let mine = handle.spawn(On::Worker(0), tenant(&seen)).unwrap();
    let foreign = other.handle().spawn(On::Worker(0), tenant(&seen)).unwrap();
    assert_eq!(mine.address().slot(), foreign.address().slot());
    assert_eq!(mine.address().generation(), foreign.address().generation());
    let local = sender(&host, 0, &stopped);
    let mut port = handle.port().unwrap();
    host.poll(10);

    handle.tell(foreign, ledger.token());
    port.tell(foreign, ledger.token());
    assert_eq!(handle.tell_batch(PATIENCE, foreign, [ledger.token()]), 0);
    assert_eq!(port.tell_batch(PATIENCE, foreign, [ledger.token()]), 0);
    handle.tell(local, Order::Tell(foreign, ledger.token()));
    handle.tell(local, Order::TryTell(foreign, ledger.token()));
    handle.try_tell(foreign, ledger.token()).unwrap_err().into_message().given_back();
    port.try_tell(foreign, ledger.token()).unwrap_err().into_message().given_back();
    for how in [Stop::Now, Stop::AfterQueued, Stop::Kill] {
        assert_eq!(handle.stop(foreign, how), Err(OrderError::Unreachable));
        handle.tell(local, Order::Stop(foreign, how));
    }
    assert_eq!(handle.watch(foreign).map(|_| ()), Err(OrderError::Unreachable));
    let spawned = handle.spawn(On::SameAs(foreign.address()), tenant(&seen));
    assert_eq!(spawned, Err(SpawnError::ForeignActor(foreign.address())));
    host.poll(1000);
    assert_eq!(stopped.load(Ordering::SeqCst), 1);
    handle.tell(mine, ledger.token());
    host.poll(1000);
    assert_eq!(seen.load(Ordering::SeqCst), 1, "nothing was taken for a message to the actor in the same place");

    let dead = host.stats().dead_letters();
    assert_eq!(dead.get(DeadLetterReason::Unreachable), 5, "{dead:?}");
    assert_eq!(dead.total(), 5, "{dead:?}");
    drop(port);
    host.shutdown(PATIENCE).unwrap();
    assert_eq!(other.shutdown(PATIENCE).unwrap().handled, 0);
    ledger.settle(&"two engines");
}

/// Slots change their tenants while other threads and workers go on sending to every address that ever was.
#[test]
fn addresses_stay_apart_while_slots_change_tenants() {
    let engine = Engine::builder().unpinned_workers(2).configure(|config| config.max_actors = 8).start().unwrap();
    let handle = engine.handle();
    let ledger = Ledger::leak(100_000);
    let wrong = Arc::new(AtomicU64::new(0));
    let mut old: Vec<(u64, ActorRef<(u64, Token)>)> = Vec::new();
    let mut slots_reused = 0;
    for tenant in 0..400_u64 {
        let wrong = wrong.clone();
        let spawned = handle.spawn(On::RoundRobin, move || {
            let wrong = wrong.clone();
            from_fn(move |(to, token): (u64, Token), _: &mut hippodrome::Context<'_, _>| {
                wrong.fetch_add(u64::from(to != tenant), Ordering::SeqCst);
                token.handled();
            })
        });
        // All slots are taken until those that were told to stop have done so.
        let Ok(actor) = spawned else {
            for (_, actor) in &old {
                let _ = handle.stop(*actor, Stop::Now);
            }
            wait_until("the actors have stopped", || handle.stats().workers.iter().all(|worker| worker.actors == 0));
            continue;
        };
        slots_reused += u64::from(actor.address().generation() > 1);
        for (number, address) in old.iter().rev().take(20) {
            // The number says for whom it was: an address never means anybody else.
            if let Some(token) = ledger.try_token() {
                handle.tell(*address, (*number, token));
            }
        }
        if let Some(token) = ledger.try_token() {
            handle.tell(actor, (tenant, token));
        }
        old.push((tenant, actor));
        if tenant % 3 == 0 {
            let _ = handle.stop(actor, Stop::Kill);
        }
    }
    engine.shutdown(PATIENCE).unwrap();
    assert_eq!(wrong.load(Ordering::SeqCst), 0, "a message came to somebody else");
    assert!(slots_reused > 100, "only {slots_reused} slots had a second tenant");
    let summary = ledger.settle(&"tenants");
    assert_eq!(summary.dead, handle.stats().dead_letters().total());
    assert!(summary.dead > 0 && summary.handled > 0, "{summary:?}");
}
