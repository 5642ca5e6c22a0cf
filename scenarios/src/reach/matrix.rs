//! The verdict for every source and every listening port.

use std::net::SocketAddrV4;

use rayon::prelude::*;
use sim_net::reach::{Endpoint, Evaluator, Leg, ReachOutcome, Verdict, Via};
use sim_net::verdict::DropReason;

use super::names::{Aim, Listener, Source};

/// At which kind of address a listener is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tried {
    /// One that the listener has for the one who asks.
    Via(Via),
    /// One that was given as such.
    Literal,
}

/// One address at which a listener is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The address.
    pub addr: SocketAddrV4,
    /// Which kind it is.
    pub tried: Tried,
}

/// The addresses at which a source tries a listener.
#[must_use]
pub fn attempts(evaluator: &Evaluator, source: &Source, listener: &Listener) -> Vec<Attempt> {
    match listener.aim {
        Aim::Literal(addr) => vec![Attempt {
            addr,
            tried: Tried::Literal,
        }],
        Aim::Program(target) => evaluator
            .endpoints(source.place, target, listener.protocol)
            .into_iter()
            .map(|Endpoint { addr, via }| Attempt {
                addr,
                tried: Tried::Via(via),
            })
            .collect(),
    }
}

/// The best verdict of a pair, in one octet: a thousand tasks of ten ports make ten million pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cell(u8);

/// What a [`Cell`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The listener has no address that the source could try.
    NoAddress,
    /// It is reached at this kind of address.
    Reached(Tried),
    /// It is not, at any address; this is the verdict that comes nearest.
    Not(Verdict),
}

/// Kinds of addresses, by their number in a cell.
const TRIED: [Tried; 6] = [
    Tried::Via(Via::Loopback),
    Tried::Via(Via::Own),
    Tried::Via(Via::Published),
    Tried::Via(Via::Public),
    Tried::Via(Via::Amazon),
    Tried::Literal,
];

/// Outcomes that are neither reached nor dropped, by their number in a cell.
const OTHERS: [ReachOutcome; 3] = [
    ReachOutcome::Refused,
    ReachOutcome::NetworkUnreachable,
    ReachOutcome::Undetermined,
];

const LEGS: [Leg; 2] = [Leg::Forward, Leg::Return];

const FIRST_OTHER: usize = 1 + TRIED.len();
const FIRST_DROP: usize = FIRST_OTHER + OTHERS.len() * LEGS.len();
const _: () = assert!(
    FIRST_DROP + DropReason::ALL.len() * LEGS.len() <= 256,
    "a cell is an octet"
);

impl Cell {
    /// The cell that says `found`.
    ///
    /// # Panics
    /// Never: there is a number for everything that can be found, as is asserted at compile time.
    #[must_use]
    pub fn new(found: Found) -> Self {
        let leg_of = |verdict: Verdict| usize::from(verdict.leg == Leg::Return);
        let number = match found {
            Found::NoAddress => 0,
            Found::Reached(tried) => 1 + place_in(&TRIED, &tried),
            Found::Not(verdict) => match verdict.outcome {
                ReachOutcome::Dropped(reason) => {
                    FIRST_DROP + place_in(DropReason::ALL, &reason) * LEGS.len() + leg_of(verdict)
                }
                other => FIRST_OTHER + place_in(&OTHERS, &other) * LEGS.len() + leg_of(verdict),
            },
        };
        Self(u8::try_from(number).expect("asserted above"))
    }

    /// What the cell says.
    #[must_use]
    pub fn found(self) -> Found {
        let number = usize::from(self.0);
        let verdict = |outcome, number: usize| {
            let leg = LEGS[number % LEGS.len()];
            Found::Not(Verdict { outcome, leg })
        };
        if number == 0 {
            Found::NoAddress
        } else if number < FIRST_OTHER {
            Found::Reached(TRIED[number - 1])
        } else if number < FIRST_DROP {
            let number = number - FIRST_OTHER;
            verdict(OTHERS[number / LEGS.len()], number)
        } else {
            let number = number - FIRST_DROP;
            let reason = DropReason::ALL[number / LEGS.len()];
            verdict(ReachOutcome::Dropped(reason), number)
        }
    }

    /// Whether it is reached.
    #[must_use]
    pub fn reached(self) -> bool {
        (1..FIRST_OTHER).contains(&usize::from(self.0))
    }
}

fn place_in<T: PartialEq>(list: &[T], value: &T) -> usize {
    let place = list.iter().position(|known| known == value);
    place.expect("the list is closed")
}

/// How near a verdict comes to being reached; smaller is nearer.
fn distance(verdict: Verdict) -> u8 {
    use DropReason::{Blackhole, FabricNoRoute, NoRoute, VpcBlackhole, VpcNoRoute};
    match (verdict.outcome, verdict.leg) {
        (ReachOutcome::Reached, _) => 0,
        (ReachOutcome::Undetermined, _) => 1,
        (ReachOutcome::Refused, _) => 2,
        (ReachOutcome::Dropped(_), Leg::Return) => 3,
        // An address that leads nowhere says less than a rule that forbids it.
        (
            ReachOutcome::Dropped(Blackhole | FabricNoRoute | NoRoute | VpcBlackhole | VpcNoRoute),
            Leg::Forward,
        ) => 5,
        (ReachOutcome::Dropped(_), Leg::Forward) => 4,
        (ReachOutcome::NetworkUnreachable, _) => 6,
    }
}

/// The best of the verdicts of a pair; of equal ones the first.
#[must_use]
pub fn best(verdicts: impl Iterator<Item = (Tried, Verdict)>) -> Found {
    let nearest = verdicts.min_by_key(|(_, verdict)| distance(*verdict));
    match nearest {
        None => Found::NoAddress,
        Some((tried, verdict)) if verdict.outcome == ReachOutcome::Reached => Found::Reached(tried),
        Some((_, verdict)) => Found::Not(verdict),
    }
}

/// Every source against every listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matrix {
    /// Row by row.
    cells: Vec<Cell>,
    columns: usize,
    /// How many addresses each source can try.
    attempts: Vec<u64>,
}

impl Matrix {
    /// Evaluates all of it, rows in parallel. The result does not depend on the threads.
    #[must_use]
    pub fn evaluate(evaluator: &Evaluator, sources: &[Source], listeners: &[Listener]) -> Self {
        let columns = listeners.len();
        let mut cells = vec![Cell(0); sources.len() * columns];
        let mut attempts = vec![0; sources.len()];
        if columns > 0 {
            cells
                .par_chunks_mut(columns)
                .zip(&mut attempts)
                .zip(sources)
                .for_each(|((row, attempts), source)| {
                    *attempts = evaluate_row(evaluator, source, listeners, row);
                });
        }
        Self {
            cells,
            columns,
            attempts,
        }
    }

    /// The row of a source.
    #[must_use]
    pub fn row(&self, source: usize) -> &[Cell] {
        &self.cells[source * self.columns..][..self.columns]
    }

    /// All cells, row by row.
    #[must_use]
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// How many attempts there are: every source at every address of every listener.
    #[must_use]
    pub fn attempts(&self) -> u64 {
        self.attempts.iter().sum()
    }

    /// Octets that the verdicts take.
    #[must_use]
    pub fn octets(&self) -> usize {
        self.cells.len() * size_of::<Cell>() + self.attempts.len() * size_of::<u64>()
    }
}

fn evaluate_row(
    evaluator: &Evaluator,
    source: &Source,
    listeners: &[Listener],
    row: &mut [Cell],
) -> u64 {
    let mut all = 0;
    for (cell, listener) in row.iter_mut().zip(listeners) {
        let attempts = attempts(evaluator, source, listener);
        all += attempts.len() as u64;
        let verdict = |attempt: &Attempt| {
            let verdict = evaluator.decide(source.place, attempt.addr, listener.protocol);
            (attempt.tried, verdict)
        };
        *cell = Cell::new(best(attempts.iter().map(verdict)));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_says_what_was_put_in() {
        let mut all = vec![Found::NoAddress];
        all.extend(TRIED.map(Found::Reached));
        let drops = DropReason::ALL.iter().map(|r| ReachOutcome::Dropped(*r));
        for outcome in OTHERS.into_iter().chain(drops) {
            all.extend(LEGS.map(|leg| Found::Not(Verdict { outcome, leg })));
        }
        for found in all {
            assert_eq!(Cell::new(found).found(), found);
            let reached = matches!(found, Found::Reached(_));
            assert_eq!(Cell::new(found).reached(), reached, "{found:?}");
        }
    }

    #[test]
    fn the_best_verdict_is_the_nearest_to_being_reached() {
        let verdict = |outcome, leg| Verdict { outcome, leg };
        let own = Tried::Via(Via::Own);
        let dropped = verdict(
            ReachOutcome::Dropped(DropReason::SecurityGroupIngress),
            Leg::Forward,
        );
        let on_the_way_back = verdict(
            ReachOutcome::Dropped(DropReason::NetworkAclEgress),
            Leg::Return,
        );
        let reached = verdict(ReachOutcome::Reached, Leg::Return);
        let of = |verdicts: &[Verdict]| best(verdicts.iter().map(|v| (own, *v)));
        assert_eq!(of(&[]), Found::NoAddress);
        assert_eq!(of(&[dropped, reached]), Found::Reached(own));
        assert_eq!(of(&[dropped, on_the_way_back]), Found::Not(on_the_way_back));
    }
}
