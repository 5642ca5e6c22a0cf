//! The words that some keys take.

use crate::diagnostic::Problem;
use crate::document::Node;
use crate::document::reader::FromNode;
use crate::ecs::Mode;

use super::units::word;

/// A value that is written as one of a few words.
pub(crate) trait Word: Copy + 'static {
    /// The words and what they mean.
    const WORDS: &'static [(&'static str, Self)];
}

impl<T: Word> FromNode for T {
    fn from_node(node: &Node) -> Result<Self, Problem> {
        word(node, T::WORDS)
    }
}

/// What protocol a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleProtocol {
    /// Any.
    All,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP.
    Icmp,
}

/// The word for a kind of workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KindWord {
    /// Requests and responses.
    Request,
    /// Data in one direction.
    Bulk,
    /// Datagrams there and back, one at a time.
    PingPong,
}

/// The word for a transport protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolWord {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// The word for an arrival process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArrivalsWord {
    /// Exponential gaps.
    Poisson,
    /// Equal gaps.
    Constant,
    /// Bursts with exponential gaps.
    Bursty,
}

/// The word for a distribution of service times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DistributionWord {
    /// The same for all.
    Constant,
    /// Exponential.
    Exponential,
}

/// The word for who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirectionWord {
    /// The source.
    Upload,
    /// The target.
    Download,
}

/// The word for what a rule of a network ACL does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionWord {
    /// Lets pass.
    Allow,
    /// Drops.
    Deny,
}

/// The word for where a NAT gateway leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectivityWord {
    /// To the internet, with a public address.
    Public,
    /// To other private networks.
    Private,
}

/// The word for whether the metadata service asks for a session token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokensWord {
    /// It does: IMDSv2.
    Required,
    /// It answers without.
    Optional,
}

impl Word for ActionWord {
    const WORDS: &'static [(&'static str, Self)] = &[("allow", Self::Allow), ("deny", Self::Deny)];
}

impl Word for ConnectivityWord {
    const WORDS: &'static [(&'static str, Self)] =
        &[("public", Self::Public), ("private", Self::Private)];
}

impl Word for TokensWord {
    const WORDS: &'static [(&'static str, Self)] =
        &[("required", Self::Required), ("optional", Self::Optional)];
}

impl Word for RuleProtocol {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("all", Self::All),
        ("tcp", Self::Tcp),
        ("udp", Self::Udp),
        ("icmp", Self::Icmp),
    ];
}

impl Word for KindWord {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("request", Self::Request),
        ("bulk", Self::Bulk),
        ("ping_pong", Self::PingPong),
    ];
}

impl Word for ProtocolWord {
    const WORDS: &'static [(&'static str, Self)] = &[("tcp", Self::Tcp), ("udp", Self::Udp)];
}

impl Word for ArrivalsWord {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("poisson", Self::Poisson),
        ("constant", Self::Constant),
        ("bursty", Self::Bursty),
    ];
}

impl Word for DistributionWord {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("constant", Self::Constant),
        ("exponential", Self::Exponential),
    ];
}

impl Word for DirectionWord {
    const WORDS: &'static [(&'static str, Self)] =
        &[("upload", Self::Upload), ("download", Self::Download)];
}

impl Word for Mode {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("none", Self::None),
        ("bridge", Self::Bridge),
        ("host", Self::Host),
        ("awsvpc", Self::Awsvpc),
        ("fargate", Self::Fargate),
    ];
}
