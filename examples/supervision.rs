//! A small accountancy under supervision: a line that nobody can read, a reader that is made anew, a ledger that is
//! killed, and who comes back with whom.

#![forbid(unsafe_code)]

use std::error::Error;
use std::time::{Duration, Instant};

use hippodrome::{Actor, ActorRef, Context, Engine, Handle, On, Reply, Stop};
use hippodrome_toolkit::supervision::{
    ChildRef, ChildSpec, NodeState, Quarantine, QuarantineOrder, Retry, Strategy, Supervise, Supervisor, Tree,
};

/// Adds up what the readers have read.
#[derive(Default)]
struct Ledger(u64);

enum Entry {
    Add(u64),
    Total(Reply<u64>),
}

impl Actor for Ledger {
    type Msg = Entry;

    fn handle(&mut self, entry: Entry, ctx: &mut Context<'_, Entry>) {
        match entry {
            Entry::Add(n) => self.0 += n,
            Entry::Total(reply) => reply.send(ctx, self.0),
        }
    }
}

/// Reads a number from each line, and panics where there is none.
struct Reader(ActorRef<Entry>);

impl Actor for Reader {
    type Msg = String;

    fn handle(&mut self, line: String, ctx: &mut Context<'_, String>) {
        let number = line.parse().unwrap_or_else(|_| panic!("{line:?} is no number"));
        ctx.tell(self.0, Entry::Add(number));
    }
}

/// Where the children are found.
#[derive(Clone, Default)]
struct Refs {
    quarantine: ChildRef<QuarantineOrder<String>>,
    ledger: ChildRef<Entry>,
    readers: [ChildRef<String>; 2],
}

/// The readers need the ledger, so they come after it and are made anew with it; they do not need each other.
fn accountancy(refs: &Refs) -> Supervisor {
    let (refs, noted) = (refs.clone(), refs.clone());
    let readers = move || {
        let (quarantine, ledger) = (refs.quarantine.get().expect("it is up"), refs.ledger.get().expect("it is up"));
        let reader = Retry::times(2).then_quarantine(quarantine);
        let spec = |n: usize, name| {
            let factory = reader.clone().wrap(move || Reader(ledger));
            ChildSpec::new(name, On::Worker(n), factory).note(&refs.readers[n])
        };
        let readers = Supervisor::new(Strategy::OneForOne).intensity(10, Duration::from_secs(1));
        readers.child(spec(0, "left")).child(spec(1, "right"))
    };
    Supervisor::new(Strategy::RestForOne)
        .named("accountancy")
        .child(ChildSpec::new("quarantine", On::Worker(0), || Quarantine::holding(100)).note(&noted.quarantine))
        .child(ChildSpec::new("ledger", On::Worker(1), Ledger::default).note(&noted.ledger))
        .child(ChildSpec::new("readers", On::Worker(0), readers))
}

/// Asks for the tree until it is as it should be, and prints it.
fn show(
    handle: &Handle,
    root: ActorRef<Supervise>,
    title: &str,
    is_so: impl Fn(&Tree) -> bool,
) -> Result<(), Box<dyn Error>> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let tree = handle.ask(root, Supervise::tree).wait(Duration::from_secs(5))?;
        if is_so(&tree) && tree.nodes().count() == 6 && tree.nodes().all(|node| node.state == NodeState::Running) {
            println!("{title}:\n{tree}\n");
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(format!("not {title}:\n{tree}").into());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn restarts(tree: &Tree, path: &[&str]) -> Option<u32> {
    tree.find(path).map(|node| node.restarts)
}

fn main() -> Result<(), Box<dyn Error>> {
    // What panics here is shown in the tree and in quarantine.
    std::panic::set_hook(Box::new(|_| ()));
    let engine = Engine::builder().unpinned_workers(2).start()?;
    let handle = engine.handle();
    let refs = Refs::default();
    let noted = refs.clone();
    let root = handle.spawn(On::Worker(0), move || accountancy(&noted))?;
    show(&handle, root, "all are up", |_| true)?;

    let [left, right] = refs.readers.clone().map(|reader| reader.get().expect("it is up"));
    for line in ["5", "twelve", "7"] {
        handle.tell(left, line.to_owned());
        handle.tell(right, line.to_owned());
    }
    show(&handle, root, "both readers have panicked three times", |tree| {
        ["left", "right"].iter().all(|name| restarts(tree, &["readers", name]) == Some(3))
    })?;
    let patience = Duration::from_secs(5);
    let quarantine = refs.quarantine.get().expect("it is up");
    for poisoned in handle.ask(quarantine, QuarantineOrder::Take).wait(patience)? {
        println!("in quarantine after {} panics: {}", poisoned.panics, poisoned.reason);
    }
    let ledger = refs.ledger.get().expect("it is up");
    let total = || handle.ask(ledger, Entry::Total).wait(patience);
    while total()? < 24 {}
    println!("the ledger has {}\n", total()?);

    handle.stop(ledger, Stop::Kill)?;
    show(&handle, root, "the ledger was killed, and the readers came back with it", |tree| {
        restarts(tree, &["ledger"]) == Some(1) && restarts(tree, &["readers"]) == Some(1)
    })?;
    let report = engine.shutdown(patience)?;
    println!("{} dead letters", report.dead_letters.total());
    Ok(())
}
