//! Answers from threads outside, where there is no room for messages.

mod common;

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use common::{dead, settle};
use hippodrome::{AskError, Context, DeadLetterReason, Engine, ManualClock, On, Reply, TryTellError, from_fn};

enum Work {
    /// A message that takes room.
    Fill,
    Give,
    Done(Result<u64, AskError>),
}

#[test]
fn an_answer_from_outside_finds_room_where_the_ingress_is_full() {
    let builder = Engine::builder().unpinned_workers(1).clock(std::sync::Arc::new(ManualClock::default()));
    let mut host = builder.configure(|config| config.defaults.ingress_kib = 4).host().unwrap();
    let handle = host.handle();
    let (given, gifts) = mpsc::channel::<Reply<u64>>();
    let (told, answers) = mpsc::channel();
    let actor = handle.spawn(On::Worker(0), move || {
        let (given, told) = (given.clone(), told.clone());
        from_fn(move |work, ctx: &mut Context<'_, Work>| match work {
            Work::Fill => {}
            Work::Give => given.send(ctx.promise(Duration::from_secs(1), Work::Done)).unwrap(),
            Work::Done(result) => told.send(result).unwrap(),
        })
    });
    let actor = actor.unwrap();
    (0..3).for_each(|_| handle.tell(actor, Work::Give));
    settle(&mut host);
    let replies: Vec<_> = gifts.try_iter().collect();
    assert_eq!(replies.len(), 3);

    let mut filled = 0;
    while let Ok(()) = handle.try_tell(actor, Work::Fill) {
        filled += 1;
    }
    assert!(filled > 0 && matches!(handle.try_tell(actor, Work::Fill), Err(TryTellError::Full(Work::Fill))));
    let answering = thread::spawn(move || {
        replies.into_iter().zip(1..).map(|(reply, n)| reply.send_from_outside(n)).collect::<Vec<_>>()
    });
    assert_eq!(answering.join().unwrap(), [Ok(()); 3]);
    settle(&mut host);
    let mut answers: Vec<_> = answers.try_iter().collect();
    answers.sort_by_key(|answer| answer.ok());
    assert_eq!(answers, [Ok(1), Ok(2), Ok(3)]);
    assert_eq!(DeadLetterReason::ALL.map(|reason| dead(&handle, reason)).iter().sum::<u64>(), 0);
}
