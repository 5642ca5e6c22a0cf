//! EC2 instance types: what they have, and how many tasks with an interface of their own they carry.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use sim_core::DataRate;

use crate::diagnostic::nearest;

/// One instance type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceType {
    /// Its name, such as `c5.large`.
    pub name: String,
    /// The processor architecture.
    pub architecture: Architecture,
    /// What runs between the instance and the machine.
    pub hypervisor: Hypervisor,
    /// Virtual processors.
    pub vcpus: u32,
    /// Memory, in MiB, as sold; a little less is registered with ECS.
    pub memory_mib: u32,
    /// Elastic network interfaces that can be attached, the primary one included.
    pub max_enis: u32,
    /// Bandwidth that lasts, each direction, all network cards together.
    pub baseline: DataRate,
    /// Bandwidth while network credits last.
    pub peak: DataRate,
    /// Whether trunk interfaces are supported; `None` where no source says.
    pub trunking: Option<bool>,
    /// Tasks with trunking, by the developer guide or by the formula that fits it.
    pub trunk_tasks: Option<TaskLimit>,
    /// Whether a cluster placement group takes it.
    pub cluster_placement: bool,
    /// Idle time after which connection tracking forgets an established TCP connection, in seconds.
    pub tcp_established_s: u32,
}

/// A processor architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// 64-bit x86.
    X86,
    /// 64-bit Arm.
    Arm,
}

/// What runs between an instance and its machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hypervisor {
    /// AWS Nitro.
    Nitro,
    /// Xen, of older types.
    Xen,
    /// Nothing.
    BareMetal,
    /// Not published.
    Unknown,
}

/// How many tasks an instance type carries, and how that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskLimit {
    /// The developer guide of June 2023 says so.
    Documented(u32),
    /// Branch interfaces + interfaces - 2, which gives 422 of the 430 documented values.
    Derived(u32),
}

impl TaskLimit {
    /// The number.
    #[must_use]
    pub fn tasks(self) -> u32 {
        match self {
            Self::Documented(tasks) | Self::Derived(tasks) => tasks,
        }
    }
}

impl InstanceType {
    /// Tasks with an interface of their own, without trunking: the primary interface is the
    /// instance's.
    ///
    /// Source: Amazon ECS developer guide, container-instance-eni (vendor); of its 423 rows ten, all
    /// of types with several network cards, say less.
    #[must_use]
    pub fn tasks_without_trunking(&self) -> u32 {
        self.max_enis.saturating_sub(1)
    }

    /// Whether tasks can ride a trunk interface.
    #[must_use]
    pub fn can_trunk(&self) -> bool {
        self.trunking == Some(true) && self.trunk_tasks.is_some()
    }
}

/// The instance types that ecsnet knows.
#[derive(Clone, Debug)]
pub struct InstanceTypes {
    types: BTreeMap<String, InstanceType>,
}

impl InstanceTypes {
    /// The table that ecsnet ships; its README says where every column comes from.
    ///
    /// # Panics
    /// Never: the table is part of the program, and a test reads all of it.
    #[must_use]
    pub fn builtin() -> &'static Self {
        static BUILTIN: LazyLock<InstanceTypes> = LazyLock::new(|| {
            let text = include_str!("instance_types/instance_types.csv");
            let rows = text.lines().skip(1).map(|line| (line, row(line)));
            let types = rows.map(|(line, row)| {
                let row = row.unwrap_or_else(|| panic!("the shipped table has a bad line: {line}"));
                (row.name.clone(), row)
            });
            InstanceTypes {
                types: types.collect(),
            }
        });
        &BUILTIN
    }

    /// The type of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&InstanceType> {
        self.types.get(name)
    }

    /// The known name that is nearest to an unknown one.
    #[must_use]
    pub fn nearest(&self, name: &str) -> Option<&str> {
        nearest(name, self.types.keys().map(String::as_str))
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &InstanceType> {
        self.types.values()
    }
}

/// One line of the table.
fn row(line: &str) -> Option<InstanceType> {
    let mut fields = line.split(',');
    let mut next = || fields.next();
    let name = next()?.to_owned();
    let architecture = match next()? {
        "x86_64" => Architecture::X86,
        "arm64" => Architecture::Arm,
        _ => return None,
    };
    let hypervisor = match next()? {
        "nitro" => Hypervisor::Nitro,
        "xen" => Hypervisor::Xen,
        "bare-metal" => Hypervisor::BareMetal,
        "unknown" => Hypervisor::Unknown,
        _ => return None,
    };
    let mut number = || next()?.parse::<u32>().ok();
    let (vcpus, memory_mib, max_enis) = (number()?, number()?, number()?);
    let mut rate = || DataRate::from_bps(u64::from(number()?) * 1_000_000);
    let (baseline, peak) = (rate()?, rate()?);
    let trunking = match fields.next()? {
        "yes" => Some(true),
        "no" => Some(false),
        "unknown" => None,
        _ => return None,
    };
    let mut optional = || fields.next().map(|field| field.parse::<u32>().ok());
    let documented = optional()?.map(TaskLimit::Documented);
    let trunk_tasks = documented.or(optional()?.map(TaskLimit::Derived));
    let cluster_placement = fields.next()? == "yes";
    let tcp_established_s = fields.next()?.parse().ok()?;
    Some(InstanceType {
        name,
        architecture,
        hypervisor,
        vcpus,
        memory_mib,
        max_enis,
        baseline,
        peak,
        trunking,
        trunk_tasks,
        cluster_placement,
        tcp_established_s,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole_and_plausible() {
        let types = InstanceTypes::builtin();
        assert!(types.iter().count() > 1300);
        for one in types.iter() {
            assert!(
                one.vcpus > 0 && one.memory_mib > 0 && one.max_enis > 0,
                "{one:?}"
            );
            assert!(one.baseline <= one.peak, "{one:?}");
        }
    }

    #[test]
    fn known_types_have_the_documented_numbers() {
        let c5 = InstanceTypes::builtin().get("c5.large").unwrap();
        assert_eq!((c5.vcpus, c5.memory_mib, c5.max_enis), (2, 4096, 3));
        assert_eq!(c5.baseline, DataRate::from_bps(750_000_000).unwrap());
        assert_eq!(c5.peak, DataRate::from_bps(10_000_000_000).unwrap());
        assert_eq!(c5.tasks_without_trunking(), 2);
        assert_eq!(c5.trunk_tasks, Some(TaskLimit::Documented(10)));
        assert!(c5.can_trunk());
        assert!(
            !InstanceTypes::builtin()
                .get("t3.large")
                .unwrap()
                .can_trunk()
        );
        let m7g = InstanceTypes::builtin().get("m7g.large").unwrap();
        assert_eq!(m7g.architecture, Architecture::Arm);
    }

    #[test]
    fn a_misspelt_type_has_a_nearest_one() {
        let types = InstanceTypes::builtin();
        assert_eq!(types.get("c5.lrage"), None);
        assert_eq!(types.nearest("c5.lrage"), Some("c5.large"));
        assert_eq!(types.nearest("M5.XLARGE"), Some("m5.xlarge"));
        assert_eq!(types.nearest("a bicycle"), None);
    }
}
