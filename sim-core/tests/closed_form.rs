//! A queue in front of one server, built on the public interface, waits as queueing theory says.

use sim_core::{
    Context, Engine, EntityId, EventCode, Partition, PartitionId, SimDuration, SimRng, SimTime,
    StopReason, Streams, Summary, dist,
};

const SERVICE: SimDuration = SimDuration::from_us(10);
const ARRIVALS: EntityId = EntityId::new(0);
const SERVER: EntityId = EntityId::new(1);

#[derive(Clone, Copy, Debug)]
enum Event {
    Arrival,
    Departure,
}

impl EventCode for Event {
    fn code(&self) -> u64 {
        *self as u64
    }
}

/// How long a customer is served.
#[derive(Clone, Copy)]
enum Service {
    Deterministic,
    Exponential,
}

impl Service {
    /// The squared coefficient of variation.
    fn variability(self) -> f64 {
        match self {
            Self::Deterministic => 0.0,
            Self::Exponential => 1.0,
        }
    }
}

struct Queue {
    service: Service,
    interval: SimDuration,
    arrivals: SimRng,
    services: SimRng,
    waiting: std::collections::VecDeque<SimTime>,
    busy: bool,
    /// Customers that leave before any is counted.
    warm_up: u32,
    /// Customers to count.
    counted: u32,
    /// Their waiting times.
    waits: Vec<SimDuration>,
}

impl Queue {
    fn serve(&mut self, arrived: SimTime, ctx: &mut Context<'_, Event, ()>) {
        self.busy = true;
        if self.warm_up > 0 {
            self.warm_up -= 1;
        } else {
            self.waits.push(ctx.now() - arrived);
        }
        let duration = match self.service {
            Service::Deterministic => SERVICE,
            Service::Exponential => dist::exponential(&mut self.services, SERVICE),
        };
        ctx.schedule(SERVER, ctx.now() + duration, Event::Departure);
    }
}

impl Partition for Queue {
    type Event = Event;
    type Message = ();
    type Worker = ();

    fn entity_count(&self) -> usize {
        2
    }

    fn handle(&mut self, event: Event, ctx: &mut Context<'_, Event, ()>, (): &mut ()) {
        match event {
            Event::Arrival => {
                if self.waits.len() < self.counted as usize {
                    let gap = dist::exponential(&mut self.arrivals, self.interval);
                    ctx.schedule(ARRIVALS, ctx.now() + gap, Event::Arrival);
                }
                if self.busy {
                    self.waiting.push_back(ctx.now());
                } else {
                    self.serve(ctx.now(), ctx);
                }
            }
            Event::Departure => {
                self.busy = false;
                if let Some(arrived) = self.waiting.pop_front() {
                    self.serve(arrived, ctx);
                }
            }
        }
    }

    fn accept(&mut self, (): (), (): &mut ()) -> Event {
        unreachable!("there is one partition")
    }
}

/// The mean waiting time of one replication, in service times.
fn mean_wait(service: Service, interval: SimDuration, replication: u32) -> f64 {
    let streams = Streams::for_replication(1, replication);
    let counted = 20_000;
    let queue = Queue {
        service,
        interval,
        arrivals: streams.stream("queue", "arrivals"),
        services: streams.stream("queue", "services"),
        waiting: std::collections::VecDeque::new(),
        busy: false,
        warm_up: 1_000,
        counted,
        waits: Vec::new(),
    };
    let mut engine = Engine::new(vec![queue], SimDuration::ZERO);
    engine.schedule(PartitionId::new(0), ARRIVALS, SimTime::ZERO, Event::Arrival);
    let stats = engine.run_until(SimTime::MAX, &mut ());
    assert_eq!(stats.stopped, StopReason::Idle);
    let waits = &engine.partition(PartitionId::new(0)).waits[..counted as usize];
    let total: SimDuration = waits.iter().copied().sum();
    total.as_secs_f64() / f64::from(counted) / SERVICE.as_secs_f64()
}

/// Pollaczek and Khinchine: the mean wait is `load (1 + c²) / (2 (1 - load))` service times, with c
/// the coefficient of variation of the service time.
fn agrees_with_theory(service: Service, interval: SimDuration) {
    let load = SERVICE.as_secs_f64() / interval.as_secs_f64();
    let theory = load * (1.0 + service.variability()) / (2.0 * (1.0 - load));
    let replications: Summary = (0..20)
        .map(|replication| mean_wait(service, interval, replication))
        .collect();
    let (low, high) = replications.interval(0.95).unwrap();
    assert!(
        low <= theory && theory <= high,
        "{theory} is not within {low} to {high}"
    );
    assert!(
        high - low < 0.1 * theory,
        "{low} to {high} is too wide to say anything"
    );
}

#[test]
fn constant_service_waits_as_md1() {
    agrees_with_theory(Service::Deterministic, SERVICE * 2);
    agrees_with_theory(Service::Deterministic, SERVICE * 5 / 4);
}

#[test]
fn exponential_service_waits_as_mm1() {
    agrees_with_theory(Service::Exponential, SERVICE * 2);
    agrees_with_theory(Service::Exponential, SERVICE * 5 / 4);
}
