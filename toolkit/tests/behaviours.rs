//! Behaviours: which function handles a message.

use std::sync::mpsc;
use std::time::Duration;

use hippodrome::sim::{Faults, explore, explore_with};
use hippodrome::{Actor, Context, Engine, On, Props, Reply, Restart};
use hippodrome_toolkit::behaviour::{Behaviours, DEPTH_MAX, TooDeep};

const PATIENCE: Duration = Duration::from_secs(30);

/// A menu whose pages are behaviours.
struct Menu {
    behaviours: Behaviours<Self>,
    deepest: Result<(), TooDeep>,
}

enum Key {
    Into,
    Other,
    Back(Reply<bool>),
    Page(Reply<(&'static str, usize)>),
    Panic,
}

impl Menu {
    fn new() -> Self {
        Self { behaviours: Behaviours::new(Self::main), deepest: Ok(()) }
    }

    fn page(&mut self, name: &'static str, key: Key, ctx: &mut Context<'_, Key>) {
        match key {
            Key::Into => {
                if let Err(too_deep) = self.behaviours.push(Self::settings) {
                    self.deepest = Err(too_deep);
                }
            }
            Key::Other => self.behaviours.replace(Self::help),
            Key::Back(reply) => {
                let went_back = self.behaviours.pop();
                reply.send(ctx, went_back);
            }
            Key::Page(reply) => reply.send(ctx, (name, self.behaviours.depth())),
            Key::Panic => std::panic::resume_unwind(Box::new("a panic of the test's")),
        }
    }

    fn main(&mut self, key: Key, ctx: &mut Context<'_, Key>) {
        self.page("main", key, ctx);
    }

    fn settings(&mut self, key: Key, ctx: &mut Context<'_, Key>) {
        self.page("settings", key, ctx);
    }

    fn help(&mut self, key: Key, ctx: &mut Context<'_, Key>) {
        self.page("help", key, ctx);
    }
}

impl Actor for Menu {
    type Msg = Key;

    fn handle(&mut self, key: Key, ctx: &mut Context<'_, Key>) {
        self.behaviours.current()(self, key, ctx);
        assert!(self.behaviours.depth() < DEPTH_MAX || self.deepest.is_ok() || self.deepest == Err(TooDeep));
    }
}

#[test]
fn a_behaviour_is_pushed_replaced_and_popped() {
    explore(20, |sim| {
        let menu = sim.handle().spawn(On::Worker(1), Menu::new).unwrap();
        assert_eq!(sim.ask(menu, Key::Page), Ok(("main", 0)));
        sim.handle().tell(menu, Key::Into);
        assert_eq!(sim.ask(menu, Key::Page), Ok(("settings", 1)));
        sim.handle().tell(menu, Key::Other);
        assert_eq!(sim.ask(menu, Key::Page), Ok(("help", 1)), "it is in the place of the other");
        assert_eq!(sim.ask(menu, Key::Back), Ok(true));
        assert_eq!(sim.ask(menu, Key::Page), Ok(("main", 0)));
        assert_eq!(sim.ask(menu, Key::Back), Ok(false));
        assert_eq!(sim.ask(menu, Key::Page), Ok(("main", 0)), "the last one stays");
    });
}

#[test]
fn there_is_a_limit_to_behaviours_on_each_other() {
    let mut menu = Menu::new();
    for depth in 0..DEPTH_MAX {
        assert_eq!(menu.behaviours.depth(), depth);
        menu.behaviours.push(Menu::settings).unwrap();
    }
    menu.behaviours.replace(Menu::help);
    assert_eq!(menu.behaviours.push(Menu::main), Err(TooDeep));
    assert_eq!(menu.behaviours.depth(), DEPTH_MAX);
    assert!(std::ptr::fn_addr_eq(menu.behaviours.current(), Menu::help as fn(&mut Menu, Key, &mut Context<'_, Key>)));
    assert_eq!((0..20).filter(|_| menu.behaviours.pop()).count(), DEPTH_MAX);
}

#[test]
fn a_restarted_actor_begins_with_its_first_behaviour() {
    explore(20, |sim| {
        let props = Props::on(On::Worker(0)).restart(Restart::up_to(10, Duration::from_secs(1)));
        let menu = sim.handle().spawn(props, Menu::new).unwrap();
        sim.handle().tell(menu, Key::Into);
        sim.handle().tell(menu, Key::Into);
        assert_eq!(sim.ask(menu, Key::Page), Ok(("settings", 2)));
        sim.handle().tell(menu, Key::Panic);
        assert_eq!(sim.ask(menu, Key::Page), Ok(("main", 0)));
    });
}

/// A lamp whose behaviours tell what came.
struct Lamp {
    behaviours: Behaviours<Self>,
    seen: mpsc::Sender<(bool, u64)>,
}

impl Lamp {
    fn dark(&mut self, n: u64, _: &mut Context<'_, u64>) {
        self.behaviours.replace(Self::lit);
        self.seen.send((false, n)).unwrap();
    }

    fn lit(&mut self, n: u64, _: &mut Context<'_, u64>) {
        self.behaviours.replace(Self::dark);
        self.seen.send((true, n)).unwrap();
    }
}

impl Actor for Lamp {
    type Msg = u64;

    fn handle(&mut self, n: u64, ctx: &mut Context<'_, u64>) {
        self.behaviours.current()(self, n, ctx);
    }
}

#[test]
fn a_change_holds_from_the_next_message_on_real_workers() {
    let engine = Engine::builder().unpinned_workers(2).start().unwrap();
    let (sender, seen) = mpsc::channel();
    let lamp = engine
        .handle()
        .spawn(On::Worker(1), move || Lamp { behaviours: Behaviours::new(Lamp::dark), seen: sender.clone() })
        .unwrap();
    (0..1000).for_each(|n| engine.handle().tell(lamp, n));
    engine.shutdown(PATIENCE).unwrap();
    assert_eq!(seen.iter().collect::<Vec<_>>(), (0..1000).map(|n| (n % 2 == 1, n)).collect::<Vec<_>>());
}

#[test]
fn behaviours_alternate_whatever_fails() {
    explore_with(
        100,
        |builder| builder.faults(Faults::chaos()),
        |sim| {
            let (sender, seen) = mpsc::channel();
            let props = Props::on(On::Worker(1)).restart(Restart::up_to(1000, Duration::from_secs(1)));
            let factory = move || Lamp { behaviours: Behaviours::new(Lamp::dark), seen: sender.clone() };
            let lamp = sim.handle().spawn(props, factory).unwrap();
            (0..200).for_each(|n| sim.handle().tell(lamp, n));
            sim.run_until_idle().unwrap();
            let report = sim.shutdown().unwrap();
            let seen: Vec<_> = seen.try_iter().collect();
            assert_eq!(seen.len() as u64 + report.dead_letters.total(), 200 + sim.injected().panics_after);
            // A new life begins dark; within one they alternate.
            let twice_dark = seen.windows(2).filter(|pair| !pair[0].0 && !pair[1].0).count() as u64;
            let twice_lit = seen.windows(2).filter(|pair| pair[0].0 && pair[1].0).count();
            assert_eq!(twice_lit, 0);
            let injected = sim.injected();
            assert!(twice_dark <= injected.panics + injected.panics_after + injected.failures + injected.start_panics);
        },
    );
}
