//! Who reaches whom in each mode, as plain data.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::{InputHash, Reason};

/// Name and version of the document.
pub const SCHEMA: &str = "ecsnet.reach/1";

/// The document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReachResults {
    /// Always `ecsnet.reach/1`.
    pub schema: String,
    /// Where it comes from and what it rests on.
    pub provenance: ReachProvenance,
    /// One record per mode that was asked for. What has no modes, such as an imported VPC without
    /// tasks, has one of the name `as_imported`.
    #[schemars(with = "BTreeMap<String, ModeReach>")]
    pub modes: IndexMap<String, ModeReach>,
    /// What one mode exposes and others do not.
    pub differences: Vec<Difference>,
    /// Step by step, where that was asked for.
    pub explanations: Vec<Explanation>,
}

/// Everything needed to judge the verdicts and to find them again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReachProvenance {
    /// Version of ecsnet.
    pub version: String,
    /// The command that finds the same again.
    pub command: String,
    /// Name of the scenario.
    pub scenario_name: String,
    /// The files that were read, by content.
    pub inputs: Vec<InputHash>,
    /// What weakens trust in the verdicts, in words.
    pub caveats: Vec<String>,
    /// What was assumed, in words.
    pub assumptions: Vec<String>,
}

/// Who reaches whom in one mode.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModeReach {
    /// Whether the mode can carry the scenario.
    pub deployable: bool,
    /// Why not.
    pub reason: Option<Reason>,
    /// Who asks, in the order of the rows.
    pub sources: Vec<SourceRecord>,
    /// Who is asked, in the order of the columns.
    pub listeners: Vec<ListenerRecord>,
    /// What the symbols of the rows stand for; those that occur.
    pub symbols: Vec<SymbolRecord>,
    /// One row per source: a string of one symbol per listener, the best verdict over all addresses
    /// at which the source can try.
    pub rows: Vec<String>,
    /// How many pairs have each verdict, by its code.
    pub counts: BTreeMap<String, u64>,
    /// Every pair with the verdict at each address; absent where there are more than 10,000.
    pub pairs: Option<Vec<PairRecord>>,
    /// What was tried with real packets; absent where that was turned off.
    pub simulated: Option<SimulatedRecord>,
}

/// One who asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceRecord {
    /// Its name, as `--from` takes it.
    pub name: String,
    /// What it belongs to: a service, a group of instances, or itself.
    pub group: String,
}

/// A port that something listens on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListenerRecord {
    /// Its name, as `--to` takes it.
    pub name: String,
    /// What it belongs to, with the port: the same for all tasks of a service.
    pub group: String,
    /// The program's own port.
    pub port: u16,
    /// `tcp` or `udp`.
    pub protocol: String,
}

/// Which way a packet goes.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum LegName {
    /// From the one who asks.
    Forward,
    /// The answer.
    Return,
}

/// At which kind of address a listener is tried.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ViaName {
    /// `localhost`: both are in one namespace.
    Loopback,
    /// The address of its own namespace.
    Own,
    /// The host port that leads to it.
    Published,
    /// The public address.
    Public,
    /// The address was given as such.
    Literal,
}

impl ViaName {
    /// In words, after *reached*.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Loopback => "over loopback",
            Self::Own => "at its own address",
            Self::Published => "at the published port",
            Self::Public => "at its public address",
            Self::Literal => "at this address",
        }
    }
}

/// What becomes of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerdictRecord {
    /// `reached`, `refused`, `network_unreachable`, `no_address`, `undetermined`, or the reason for
    /// which a packet was dropped.
    pub code: String,
    /// One sentence for a person.
    pub description: String,
    /// On which leg it was decided.
    pub leg: LegName,
}

/// A symbol of the rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SymbolRecord {
    /// One character.
    pub symbol: char,
    /// The verdict that it stands for.
    pub verdict: VerdictRecord,
    /// At which kind of address, where it is reached.
    pub via: Option<ViaName>,
}

/// A source and a listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PairRecord {
    /// Name of the source.
    pub from: String,
    /// Name of the listener.
    pub to: String,
    /// Code of the best verdict.
    pub verdict: String,
    /// The verdict at each address; empty where the listener has none for this source.
    pub at: Vec<AddressVerdict>,
}

/// What becomes of an attempt at one address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddressVerdict {
    /// Address and port that the source tries.
    pub address: String,
    /// Which kind of address it is.
    pub via: ViaName,
    /// What becomes of it.
    pub verdict: VerdictRecord,
}

/// What was tried with real SYNs and datagrams in the simulated world. All of it agreed with the
/// rules: where it does not, there is no document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SimulatedRecord {
    /// Attempts that were made.
    pub probes: u64,
    /// Attempts that could be made: every source at every address of every listener.
    pub possible: u64,
    /// Attempts whose outcome the rules had foretold.
    pub agreed: u64,
    /// Attempts that nothing was foretold for.
    pub undetermined: u64,
}

/// What one mode exposes and others do not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// The mode in which it is reached.
    pub mode: String,
    /// The modes that can carry the scenario and in which it is not; `none`, which has no network to
    /// expose anything on, is left out.
    pub not_in: Vec<String>,
    /// How many pairs of a source and a listener.
    pub pairs: u64,
    /// Which, by what they belong to.
    pub flows: Vec<Flow>,
}

/// Pairs of the same belongings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    /// What the sources belong to.
    pub from: String,
    /// What the listeners belong to, with the port.
    pub to: String,
    /// How many pairs.
    pub pairs: u64,
}

/// One attempt step by step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Explanation {
    /// The mode.
    pub mode: String,
    /// Name of the source.
    pub from: String,
    /// Name of the listener.
    pub to: String,
    /// Address and port that the source tries.
    pub address: String,
    /// Which kind of address it is.
    pub via: ViaName,
    /// `tcp` or `udp`.
    pub protocol: String,
    /// What becomes of it.
    pub verdict: VerdictRecord,
    /// The steps there and back, in order.
    pub hops: Vec<HopRecord>,
    /// What would change the verdict; absent where there is nothing to change.
    pub remedy: Option<String>,
}

/// One step of a packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HopRecord {
    /// Which way.
    pub leg: LegName,
    /// The machine or the object of the VPC.
    pub place: String,
    /// The component there.
    pub component: String,
    /// What it did.
    pub decision: String,
    /// The rule that decided; absent where none did.
    pub rule: Option<String>,
    /// The packet: protocol, sender, receiver.
    pub before: String,
    /// The packet after a translation; absent where nothing was translated.
    pub after: Option<String>,
}
