//! Who reaches whom: every source against every listening port, found twice.
//!
//! First by evaluating the rules ([`matrix`], over [`sim_net::reach`]), then by real SYNs and datagrams
//! in the simulated world ([`simulate`]). A disagreement is a fault of ecsnet, and is told with the
//! pair, both findings and the steps that the rules foretell.

pub mod difference;
pub mod explain;
pub mod folder;
pub mod matrix;
pub mod names;
pub mod simulate;

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexMap;
use reports::reach::{
    AddressVerdict, Explanation, ListenerRecord, ModeReach, PairRecord, SimulatedRecord,
    SourceRecord, SymbolRecord,
};
use sim_net::build::BuildError;
use sim_net::cost::CostProfile;
use sim_net::headers::Protocol;
use sim_net::machine::ProbeResult;
use sim_net::plan::{HostLocation, HostPlan, ListenerPlan, Place, Plan, Target};
use sim_net::reach::Evaluator;
use sim_net::vpc::{PublicAddress, defaults};

pub use matrix::{Attempt, Cell, Found, Matrix, Tried};
pub use names::{Aim, Listener, NameError, Names, Source};
pub use simulate::{Disagreement, Sent, Simulate, Simulated};

use simulate::Second;

/// Pairs up to which each is listed with the verdict at every address.
pub const MOST_PAIRS: usize = 10_000;

/// Attempts that are explained at once; more are no longer read.
pub const MOST_EXPLAINED: usize = 24;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question<'a> {
    /// Who asks; `None` for everybody.
    pub from: Option<&'a str>,
    /// Who is asked, as `NAME[:PORT[/udp]]`; `None` for every listening port.
    pub to: Option<&'a str>,
    /// How much to find with packets, too.
    pub simulate: Simulate,
}

/// What was found in one plan.
#[derive(Clone, Debug)]
pub struct Survey {
    /// Who asks.
    pub sources: Vec<Source>,
    /// Who is asked.
    pub listeners: Vec<Listener>,
    /// The verdict of every pair.
    pub matrix: Matrix,
    /// What packets found; `None` where none was sent.
    pub simulated: Option<Simulated>,
    /// The pairs to which they were sent.
    pub sent: Sent,
}

/// Why nothing was found.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReachError {
    /// A name is not to be understood.
    #[error(transparent)]
    Name(#[from] NameError),
    /// No world can be made of the plan.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// Rules and packets disagree.
    #[error("{0}")]
    Disagreement(Box<Contradiction>),
}

/// Rules and packets disagree about an attempt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} to {} at {}: the rules say {}, the packets found {packets}{}",
    explanation.from, explanation.to, explanation.address, explanation.verdict.code, more(*others)
)]
pub struct Contradiction {
    /// What the rules foretell, step by step.
    pub explanation: Explanation,
    /// What the packets found.
    pub packets: String,
    /// On how many attempts more they disagree.
    pub others: u64,
}

fn more(others: u64) -> String {
    match others {
        0 => String::new(),
        n => format!(" (and {n} attempts more)"),
    }
}

/// Port of the machine on the internet. Source: RFC 9110 §4.2.2 (specified).
const HTTPS: u16 = 443;

/// The plan with a machine on the internet that can be asked for `https`, if there is an internet
/// gateway and nobody beyond it.
#[must_use]
pub fn with_internet(mut plan: Plan) -> Plan {
    let outside_is = |host: &HostPlan| host.location == HostLocation::Internet;
    let wanted = !plan.region.internet_gateways.is_empty() && !plan.hosts.iter().any(outside_is);
    if wanted {
        plan.listeners.push(ListenerPlan {
            target: Target {
                place: Place::Host(plan.hosts.len()),
                port: HTTPS,
            },
            protocol: Protocol::Tcp,
        });
        plan.hosts.push(internet());
    }
    plan
}

/// A machine somewhere on the internet, which costs no time and has no limit.
fn internet() -> HostPlan {
    HostPlan {
        name: names::INTERNET.to_owned(),
        cores: 1,
        profile: Arc::new(CostProfile::ideal()),
        offloads: false,
        location: HostLocation::Internet,
        address: None,
        public_address: PublicAddress::None,
        security_groups: Vec::new(),
        always_tracked: false,
        source_dest_check: true,
        bandwidth: None,
        mtu: defaults::MTU_INTERNET.as_usize(),
        default_route: true,
        routes: Vec::new(),
    }
}

/// Finds who reaches whom.
///
/// # Errors
/// If a name is not to be understood, the plan cannot be built, or rules and packets disagree.
pub fn survey(plan: &Plan, question: &Question<'_>) -> Result<Survey, ReachError> {
    let evaluator = Evaluator::new(plan)?;
    let names = Names::new(plan, &evaluator);
    let sources = match question.from {
        Some(word) => names.find_sources(word)?,
        None => names.sources().to_vec(),
    };
    let listeners = match question.to {
        Some(words) => names.find_listeners(plan, words)?,
        None => names.listeners().to_vec(),
    };
    survey_of(plan, &evaluator, sources, listeners, question.simulate)
}

/// Finds which of `sources` reach which of `listeners`, both of the names of the plan.
///
/// # Errors
/// If the plan cannot be built, or rules and packets disagree.
pub fn survey_of(
    plan: &Plan,
    evaluator: &Evaluator,
    sources: Vec<Source>,
    listeners: Vec<Listener>,
    how: Simulate,
) -> Result<Survey, ReachError> {
    let matrix = Matrix::evaluate(evaluator, &sources, &listeners);
    let second = simulate::simulate(plan, evaluator, &sources, &listeners, &matrix, how)?;
    let (simulated, sent) = match second {
        Second::Agrees(simulated, sent) => (simulated, sent),
        Second::Disagrees(disagreement, all) => {
            let found = contradiction(evaluator, &sources, &listeners, &disagreement, all - 1);
            return Err(ReachError::Disagreement(Box::new(found)));
        }
    };
    Ok(Survey {
        sources,
        listeners,
        matrix,
        simulated: (how != Simulate::Nothing).then_some(simulated),
        sent,
    })
}

fn contradiction(
    evaluator: &Evaluator,
    sources: &[Source],
    listeners: &[Listener],
    disagreement: &Disagreement,
    others: u64,
) -> Contradiction {
    let Disagreement {
        source,
        listener,
        attempt,
        packets,
        ..
    } = disagreement;
    let (source, listener) = (&sources[*source], &listeners[*listener]);
    Contradiction {
        explanation: explain::explain(evaluator, "", source, listener, *attempt),
        packets: match packets {
            ProbeResult::Reached { .. } => "reached".to_owned(),
            ProbeResult::Failed {
                kind,
                dropped: None,
            } => kind.code().to_owned(),
            ProbeResult::Failed {
                kind,
                dropped: Some((leg, reason)),
            } => format!("{}, {} on the {leg:?} leg", kind.code(), reason.code()),
        },
        others,
    }
}

/// Explains every attempt of a survey, the first [`MOST_EXPLAINED`] of them, and says how many there
/// are.
///
/// # Errors
/// If the plan cannot be built.
pub fn explain_all(
    plan: &Plan,
    mode: &str,
    survey: &Survey,
) -> Result<(Vec<Explanation>, u64), ReachError> {
    let evaluator = Evaluator::new(plan)?;
    let mut explanations = Vec::new();
    for source in &survey.sources {
        for listener in &survey.listeners {
            for attempt in matrix::attempts(&evaluator, source, listener) {
                if explanations.len() < MOST_EXPLAINED {
                    let explained = explain::explain(&evaluator, mode, source, listener, attempt);
                    explanations.push(explained);
                }
            }
        }
    }
    Ok((explanations, survey.matrix.attempts()))
}

/// The record of a survey. `symbols` is shared by all modes of a document, so that a symbol means the
/// same in each.
///
/// # Errors
/// If the plan cannot be built.
pub fn record(
    plan: &Plan,
    survey: &Survey,
    symbols: &mut Symbols,
) -> Result<ModeReach, ReachError> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let mut by_cell: BTreeMap<Cell, (u64, char)> = BTreeMap::new();
    let columns = survey.listeners.len();
    let mut rows = Vec::with_capacity(survey.sources.len());
    for source in 0..survey.sources.len() {
        let mut row = String::with_capacity(columns);
        for cell in survey.matrix.row(source) {
            let (count, symbol) = by_cell
                .entry(*cell)
                .or_insert_with(|| (0, symbols.of(*cell)));
            *count += 1;
            row.push(*symbol);
        }
        rows.push(row);
    }
    for (cell, (count, _)) in &by_cell {
        let (verdict, _) = explain::found(cell.found());
        *counts.entry(verdict.code).or_default() += count;
    }
    let symbol = |(cell, (_, symbol)): (&Cell, &(u64, char))| {
        let (verdict, via) = explain::found(cell.found());
        SymbolRecord {
            symbol: *symbol,
            verdict,
            via,
        }
    };
    Ok(ModeReach {
        deployable: true,
        reason: None,
        sources: survey.sources.iter().map(source_record).collect(),
        listeners: survey.listeners.iter().map(listener_record).collect(),
        symbols: by_cell.iter().map(symbol).collect(),
        rows,
        counts,
        pairs: pairs(plan, survey)?,
        simulated: survey.simulated.map(|simulated| SimulatedRecord {
            probes: simulated.probes,
            possible: survey.matrix.attempts(),
            agreed: simulated.agreed,
            undetermined: simulated.undetermined,
        }),
    })
}

fn source_record(source: &Source) -> SourceRecord {
    SourceRecord {
        name: source.name.clone(),
        group: source.group.clone(),
    }
}

fn listener_record(listener: &Listener) -> ListenerRecord {
    ListenerRecord {
        name: listener.name.clone(),
        group: listener.group.clone(),
        port: listener.port(),
        protocol: listener.protocol.to_string(),
    }
}

/// Every pair with the verdict at each address, unless there are too many.
fn pairs(plan: &Plan, survey: &Survey) -> Result<Option<Vec<PairRecord>>, ReachError> {
    if survey.matrix.cells().len() > MOST_PAIRS {
        return Ok(None);
    }
    let evaluator = Evaluator::new(plan)?;
    let mut pairs = Vec::with_capacity(survey.matrix.cells().len());
    for (index, source) in survey.sources.iter().enumerate() {
        for (listener, cell) in survey.listeners.iter().zip(survey.matrix.row(index)) {
            let at = |attempt: Attempt| AddressVerdict {
                address: attempt.addr.to_string(),
                via: explain::via(attempt.tried),
                verdict: explain::verdict(evaluator.decide(
                    source.place,
                    attempt.addr,
                    listener.protocol,
                )),
            };
            let attempts = matrix::attempts(&evaluator, source, listener);
            pairs.push(PairRecord {
                from: source.name.clone(),
                to: listener.name.clone(),
                verdict: explain::found(cell.found()).0.code,
                at: attempts.into_iter().map(at).collect(),
            });
        }
    }
    Ok(Some(pairs))
}

/// One character for each verdict, given out as they come up. Usual ones have one that is easy to
/// remember.
#[derive(Clone, Debug, Default)]
pub struct Symbols(IndexMap<Cell, char>);

/// Characters for verdicts that are reached come first in the alphabet of their address kinds; those
/// for drops are letters of their reason.
const USUAL: [(&str, char); 10] = [
    ("no_address", '-'),
    ("undetermined", '?'),
    ("refused", 'r'),
    ("network_unreachable", 'u'),
    ("security_group_ingress", 's'),
    ("security_group_egress", 'e'),
    ("network_acl_ingress", 'n'),
    ("network_acl_egress", 'm'),
    ("vpc_no_route", 'v'),
    ("filter_forward", 'f'),
];

impl Symbols {
    /// The character of a verdict.
    fn of(&mut self, cell: Cell) -> char {
        if let Some(symbol) = self.0.get(&cell) {
            return *symbol;
        }
        let (verdict, via) = explain::found(cell.found());
        let usual = match via {
            Some(via) => Some(via_symbol(via)),
            None => USUAL
                .iter()
                .find(|(code, _)| *code == verdict.code)
                .map(|(_, symbol)| *symbol),
        };
        let free = |symbol: &char| !self.0.values().any(|taken| taken == symbol);
        let reserved = |symbol: &char| {
            let usual = USUAL.iter().any(|(_, usual)| usual == symbol);
            usual || "LOPIA".contains(*symbol)
        };
        // There are more letters from Latin-1 on than verdicts.
        let others = ('a'..='z')
            .chain('B'..='Z')
            .chain('0'..='9')
            .chain('\u{c0}'..='\u{24f}');
        let others = others.filter(|symbol| !reserved(symbol));
        let symbol = usual.into_iter().chain(others).find(free);
        let symbol = symbol.expect("there are more characters than verdicts");
        self.0.insert(cell, symbol);
        symbol
    }
}

fn via_symbol(via: reports::reach::ViaName) -> char {
    use reports::reach::ViaName;
    match via {
        ViaName::Loopback => 'L',
        ViaName::Own => 'O',
        ViaName::Published => 'P',
        ViaName::Public => 'I',
        ViaName::Literal => 'A',
    }
}
