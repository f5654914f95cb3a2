//! A chat room: what is said is published to all members of a group, one of them leaves by stopping, and the news of the
//! house come by a topic, whoever listens.

#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};

use hippodrome::{Actor, Context, Engine, On, Stop};
use hippodrome_toolkit::group::Group;
use hippodrome_toolkit::topic::Topic;

/// The number of a piece of news.
struct News(u64);

const NEWS: Topic<News> = Topic::named("house/news");
const WEATHER: Topic<News> = Topic::named("house/weather");

/// What a person hears.
#[derive(Clone)]
enum Heard {
    Said(&'static str),
    News(u64),
}

/// What a person has heard in all.
type Summary = (&'static str, usize, u64);

struct Person {
    summary: Summary,
    comes: Sender<()>,
    goes: Sender<Summary>,
}

impl Actor for Person {
    type Msg = Heard;

    fn started(&mut self, ctx: &mut Context<'_, Heard>) {
        NEWS.subscribe(ctx, |News(number)| Some(Heard::News(*number)));
        // Whoever waits for it may have given up, here and below.
        let _ = self.comes.send(());
    }

    fn handle(&mut self, heard: Heard, _ctx: &mut Context<'_, Heard>) {
        match heard {
            Heard::Said(text) => self.summary.1 += text.split_whitespace().count(),
            Heard::News(number) => self.summary.2 += number,
        }
    }

    fn stopped(&mut self, _ctx: &mut Context<'_, Heard>) {
        let _ = self.goes.send(self.summary);
    }
}

const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> Result<ExitCode, hippodrome::Error> {
    let engine = Engine::builder().unpinned_workers(2).start()?;
    let mut handle = engine.handle();
    let room = Group::spawn(&handle, On::Worker(0))?;
    let (comes, came) = mpsc::channel();
    let (goes, gone) = mpsc::channel();
    let mut people = Vec::new();
    for name in ["ann", "bob", "cid"] {
        let (comes, goes) = (comes.clone(), goes.clone());
        let make = move || Person { summary: (name, 0, 0), comes: comes.clone(), goes: goes.clone() };
        let person = handle.spawn(On::RoundRobin, make)?;
        let joined = room.join(&mut handle, person);
        assert!(joined && came.recv_timeout(PATIENCE).is_ok(), "{name} does not come");
        people.push(person);
    }

    let mut voice = room.publisher();
    println!("{} hear it", voice.publish(&mut handle, Heard::Said("good evening everybody")));
    assert!(NEWS.publish_from_outside(&handle, News(1)), "the bus is full");
    assert!(WEATHER.publish_from_outside(&handle, News(100)), "the bus is full");

    // He hears what was said before, and leaves the room by himself.
    let left = handle.watch(people[1])?;
    handle.stop(people[1], Stop::AfterQueued)?;
    left.wait(PATIENCE)?;
    let deadline = Instant::now() + PATIENCE;
    while room.len() > 2 && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(1));
    }
    println!("{} hear it", voice.publish(&mut handle, Heard::Said("bob has left")));
    let report = engine.shutdown(PATIENCE)?;

    drop((comes, goes));
    let mut summaries: Vec<Summary> = gone.iter().take(3).collect();
    summaries.sort_unstable();
    for (name, words, _) in &summaries {
        println!("{name} has heard {words} words");
    }
    let words: Vec<_> = summaries.iter().map(|(_, words, _)| *words).collect();
    // Bob may have left before the news came to his worker.
    let news = summaries[0].2 == 1 && summaries[2].2 == 1;
    let is_right = words == [6, 3, 6] && news && report.dead_letters.total() == 0;
    Ok(if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
