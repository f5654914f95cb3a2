//! A program that tests an actor as its author would: the same expectations in a hundred simulations and on real workers,
//! then a panic at one message, and a day of virtual time.

#![forbid(unsafe_code)]

use std::time::Duration;

use hippodrome::sim::{Sim, explore};
use hippodrome::{
    Actor, ActorRef, AskError, Context, DeadLetterReason, Handle, MissedTick, On, Props, Reply, Restart, Stop,
    StopReason,
};
use hippodrome_toolkit::testing::{Letter, Probe, dead_letters, everywhere, watch};

const HOUR: Duration = Duration::from_secs(3600);

/// The question for a temperature.
struct Read(Reply<i32>);

enum Thermostat {
    /// Time to look.
    Tick,
    Came(Result<i32, AskError>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heating {
    On,
    Off,
}

/// Asks a sensor every hour, and switches the heating when it must.
struct Controller {
    sensor: ActorRef<Read>,
    heating: ActorRef<Heating>,
    last: Heating,
}

impl Actor for Controller {
    type Msg = Thermostat;

    fn started(&mut self, ctx: &mut Context<'_, Thermostat>) {
        if ctx.send_every(HOUR, MissedTick::Skip, || Thermostat::Tick).is_err() {
            ctx.stop_self();
        }
    }

    fn handle(&mut self, msg: Thermostat, ctx: &mut Context<'_, Thermostat>) {
        match msg {
            Thermostat::Tick => ctx.ask(self.sensor, Read, Thermostat::Came),
            Thermostat::Came(Ok(degrees)) => {
                let wanted = if degrees < 19 { Heating::On } else { Heating::Off };
                if wanted != self.last {
                    self.last = wanted;
                    ctx.tell(self.heating, wanted);
                }
            }
            // The heating stays as it is: there is another hour.
            Thermostat::Came(Err(_)) => {}
        }
    }
}

fn spawn(handle: &Handle, sensor: ActorRef<Read>, heating: ActorRef<Heating>) -> ActorRef<Thermostat> {
    let props = Props::on(On::Worker(1)).restart(Restart::up_to(3, HOUR));
    let controller = handle.spawn(props, move || Controller { sensor, heating, last: Heating::Off });
    controller.expect("there is room for an actor")
}

fn main() {
    everywhere(100, |runtime| {
        let sensor = Probe::new(runtime);
        let heating = Probe::new(runtime);
        let controller = spawn(&runtime.handle(), sensor.actor(), heating.actor());
        for (degrees, switched) in [(15, Some(Heating::On)), (16, None), (21, Some(Heating::Off))] {
            runtime.handle().tell(controller, Thermostat::Tick);
            let Read(reply) = sensor.expect(runtime);
            assert!(reply.send_from_outside(degrees).is_ok(), "the controller waits for it");
            if let Some(switched) = switched {
                heating.expect_eq(runtime, switched);
            }
        }
        let watched = watch(runtime, controller);
        assert!(runtime.handle().stop(controller, Stop::Now).is_ok(), "the engine runs");
        assert_eq!(watched.expect_stopped(runtime), StopReason::Stopped);
    });
    println!("the heating goes on and off, in simulations and on real workers");

    explore(100, |sim| {
        let letters = dead_letters(sim);
        let sensor = Probe::answering(sim, |Read(reply), ctx| {
            reply.send(ctx, 10);
            None
        });
        let heating = Probe::new(sim);
        let controller = spawn(&sim.handle(), sensor.actor(), heating.actor());
        sim.panic_at(controller, 1);
        // The first tick is lost by the panic; the actor that is made then has the next one an hour later.
        heating.expect_none_for(sim, HOUR);
        letters.expect_eq(sim, Letter::of::<Thermostat>(controller, DeadLetterReason::Panicked));
        heating.within(HOUR).expect_eq(sim, Heating::On);
    });
    println!("a controller that panics looks again an hour later");

    let mut sim = Sim::new(1);
    let mut degrees = [18, 20].into_iter().cycle();
    let sensor = Probe::answering(&mut sim, move |Read(reply), ctx| {
        reply.send(ctx, degrees.next().unwrap_or_default());
        None
    });
    let heating = Probe::new(&mut sim);
    spawn(&sim.handle(), sensor.actor(), heating.actor());
    heating.within(23 * HOUR).fish(&mut sim, "the heating to go off", |heating| *heating == Heating::Off);
    println!("the heating went off after {} hours", sim.now().as_secs() / 3600);
}
