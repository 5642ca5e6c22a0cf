//! Tables, chains, and the walk of a packet through them.

use super::engine::Backend;
use super::rule::{Rule, Subject, Target, Tested};
use super::state::Hook;
use crate::cost::{Charge, Primitive};

/// A chain of either table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChainId(u16);

impl ChainId {
    /// Its number among the chains of its namespace, from 0.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// The tables that there are. `raw`, `mangle` and `security` are empty in every ECS mode that is
/// simulated, and an empty table that is not loaded costs nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// Translation: asked on a connection's first packet only.
    Nat,
    /// Policy: asked on every packet.
    Filter,
}

impl Table {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Nat, Self::Filter];

    /// Its name on iptables' command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nat => "nat",
            Self::Filter => "filter",
        }
    }

    /// The hooks at which it has built-in chains, in the order in which `iptables -S` lists them.
    #[must_use]
    pub fn hooks(self) -> &'static [Hook] {
        match self {
            Self::Nat => &[
                Hook::Prerouting,
                Hook::Input,
                Hook::Output,
                Hook::Postrouting,
            ],
            Self::Filter => &[Hook::Input, Hook::Forward, Hook::Output],
        }
    }
}

/// What a built-in chain does with a packet that no rule decided about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Let through.
    Accept,
    /// Dropped without a word.
    Drop,
}

/// A chain.
#[derive(Clone, Debug)]
pub struct Chain {
    pub(super) table: Table,
    pub(super) name: String,
    /// `None` for a chain that is jumped to.
    pub(super) policy: Option<Policy>,
    pub(super) rules: Vec<Rule>,
}

impl Chain {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The table it is in.
    #[must_use]
    pub fn table(&self) -> Table {
        self.table
    }

    /// The policy of a built-in chain.
    #[must_use]
    pub fn policy(&self) -> Option<Policy> {
        self.policy
    }

    /// Its rules, in order.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }
}

/// A rule by its place, or the policy of a chain: what decided about a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decider {
    /// The chain.
    pub chain: ChainId,
    /// The rule's place in it, from 0; `None` for the chain's policy.
    pub rule: Option<u16>,
}

/// Where a walk ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outcome {
    /// `None` where the policy applies or nothing was said.
    pub(super) target: Option<Target>,
    pub(super) policy: Policy,
    pub(super) decider: Decider,
}

/// Chains that jump to chains, this deep at most.
pub const MAX_DEPTH: usize = 16;

/// The two tables of one namespace.
#[derive(Debug)]
pub(super) struct RuleSet {
    chains: Vec<Chain>,
    /// Counts changes, so that what was remembered of a walk is known to be out of date.
    edition: u32,
}

impl RuleSet {
    pub(super) fn new() -> Self {
        let mut set = Self {
            chains: Vec::new(),
            edition: 0,
        };
        for table in Table::ALL {
            for hook in table.hooks() {
                set.push(table, hook.chain_name(), Some(Policy::Accept));
            }
        }
        set
    }

    fn push(&mut self, table: Table, name: &str, policy: Option<Policy>) -> ChainId {
        assert!(
            self.find(table, name).is_none(),
            "chain {name} exists already"
        );
        let id = ChainId(u16::try_from(self.chains.len()).expect("fewer than 65536 chains"));
        self.chains.push(Chain {
            table,
            name: name.to_owned(),
            policy,
            rules: Vec::new(),
        });
        id
    }

    pub(super) fn edition(&self) -> u32 {
        self.edition
    }

    pub(super) fn chain(&self, id: ChainId) -> &Chain {
        &self.chains[usize::from(id.0)]
    }

    pub(super) fn of_table(&self, table: Table) -> impl Iterator<Item = (ChainId, &Chain)> {
        (0_u16..)
            .map(ChainId)
            .zip(&self.chains)
            .filter(move |(_, chain)| chain.table == table)
    }

    pub(super) fn find(&self, table: Table, name: &str) -> Option<ChainId> {
        self.of_table(table)
            .find(|(_, chain)| chain.name == name)
            .map(|(id, _)| id)
    }

    /// The built-in chain of a table at a hook. They were made first and in a fixed order.
    pub(super) fn builtin(&self, table: Table, hook: Hook) -> Option<ChainId> {
        let at = table.hooks().iter().position(|&h| h == hook)?;
        let before = match table {
            Table::Nat => 0,
            Table::Filter => Table::Nat.hooks().len(),
        };
        u16::try_from(before + at).ok().map(ChainId)
    }

    pub(super) fn add_chain(&mut self, table: Table, name: &str) -> ChainId {
        self.push(table, name, None)
    }

    pub(super) fn set_policy(&mut self, chain: ChainId, policy: Policy) {
        let chain = &mut self.chains[usize::from(chain.0)];
        assert!(
            chain.policy.is_some(),
            "chain {} is not built in and has no policy",
            chain.name
        );
        chain.policy = Some(policy);
        self.edition += 1;
    }

    pub(super) fn insert(&mut self, id: ChainId, at: usize, rule: Rule) {
        self.check(id, &rule);
        let chain = &mut self.chains[usize::from(id.0)];
        assert!(
            chain.rules.len() < usize::from(u16::MAX),
            "fewer than 65536 rules in a chain"
        );
        let jumps = matches!(rule.target, Target::Jump(_));
        chain.rules.insert(at, rule);
        self.edition += 1;
        if jumps {
            let deepest = (0_u16..)
                .map(ChainId)
                .take(self.chains.len())
                .map(|id| self.depth(id, 0))
                .max();
            assert!(
                deepest <= Some(MAX_DEPTH),
                "chains jump in a circle or too deep"
            );
        }
    }

    pub(super) fn remove(&mut self, id: ChainId, at: usize) -> Rule {
        self.edition += 1;
        let chain = &mut self.chains[usize::from(id.0)];
        chain.rules.remove(at)
    }

    /// A rule that iptables would refuse is a mistake of whoever wrote the rule set.
    fn check(&self, id: ChainId, rule: &Rule) {
        let chain = self.chain(id);
        let table = chain.table;
        let name = &chain.name;
        match rule.target {
            Target::Jump(to) => {
                let to = self.chain(to);
                assert!(
                    to.table == table && to.policy.is_none(),
                    "{name}: jump to {} of table {}",
                    to.name,
                    to.table.name()
                );
            }
            Target::Dnat(_) | Target::Redirect(_) | Target::Masquerade => {
                assert_eq!(table, Table::Nat, "{name}: translation outside nat");
            }
            Target::Drop | Target::Reject(_) => {
                assert_eq!(table, Table::Filter, "{name}: policy outside filter");
            }
            Target::Accept | Target::Return => {}
        }
        assert!(
            rule.matches.dports.is_none() || rule.matches.protocol.is_some(),
            "{name}: a port without a protocol"
        );
    }

    fn depth(&self, id: ChainId, above: usize) -> usize {
        if above > MAX_DEPTH {
            return above;
        }
        let jumps = self.chain(id).rules.iter().filter_map(|r| match r.target {
            Target::Jump(to) => Some(to),
            _ => None,
        });
        jumps
            .map(|to| self.depth(to, above + 1))
            .max()
            .unwrap_or(above)
    }

    /// Walks a packet through a built-in chain until a rule decides.
    pub(super) fn walk(&self, start: ChainId, packet: &Subject<'_>, tests: &mut Tests) -> Outcome {
        // Sixteen bits each: the stack is cleared for every packet.
        let mut stack = [(start, 0_u16); MAX_DEPTH + 1];
        let mut depth = 0;
        loop {
            let (id, at) = stack[depth];
            let chain = &self.chains[usize::from(id.0)];
            let Some(rule) = chain.rules.get(usize::from(at)) else {
                if depth == 0 {
                    return self.by_policy(start);
                }
                depth -= 1;
                continue;
            };
            stack[depth].1 = at + 1;
            match rule.matches.test(packet) {
                Tested::Differs => tests.differ += 1,
                Tested::DiffersInMatch => tests.differ_in_match += 1,
                Tested::Applies => {
                    tests.apply += 1;
                    match rule.target {
                        Target::Jump(to) => {
                            depth += 1;
                            stack[depth] = (to, 0);
                        }
                        Target::Return if depth == 0 => return self.by_policy(start),
                        Target::Return => depth -= 1,
                        target => {
                            return Outcome {
                                target: Some(target),
                                policy: Policy::Accept,
                                decider: Decider {
                                    chain: id,
                                    rule: Some(at),
                                },
                            };
                        }
                    }
                }
            }
        }
    }

    fn by_policy(&self, start: ChainId) -> Outcome {
        Outcome {
            target: None,
            policy: self.chain(start).policy.unwrap_or(Policy::Accept),
            decider: Decider {
                chain: start,
                rule: None,
            },
        }
    }
}

/// How many rules a walk tested, by their price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tests {
    pub(super) differ: u32,
    pub(super) differ_in_match: u32,
    pub(super) apply: u32,
}

impl Tests {
    /// Charges a walk through the filter table.
    pub(super) fn charge_filter(self, backend: Backend, charge: &mut impl Charge) {
        let [test, in_match, applies] = match backend {
            Backend::Legacy => [
                Primitive::FilterRuleTestLegacy,
                Primitive::FilterMatchTestLegacy,
                Primitive::FilterRuleMatchLegacy,
            ],
            Backend::Nft => [
                Primitive::FilterRuleTestNft,
                Primitive::FilterMatchTestNft,
                Primitive::FilterRuleMatchNft,
            ],
        };
        charge.charge(Primitive::NetfilterTable, 0);
        for (primitive, n) in [
            (test, self.differ),
            (in_match, self.differ_in_match),
            (applies, self.apply),
        ] {
            if n > 0 {
                charge.charge_n(primitive, n);
            }
        }
    }

    /// Charges a walk through the nat table, whose every rule has one price.
    pub(super) fn charge_nat(self, backend: Backend, charge: &mut impl Charge) {
        let test = match backend {
            Backend::Legacy => Primitive::NatRuleTestLegacy,
            Backend::Nft => Primitive::NatRuleTestNft,
        };
        let n = self.differ + self.differ_in_match;
        if n > 0 {
            charge.charge_n(test, n);
        }
    }
}
