//! How many tasks fit on an instance: the document `ecsnet.density/1`, and its table of values.

use std::collections::BTreeMap;
use std::io::{self, Write};

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Serialize;

use crate::csv::cause;

/// Name and version of the document.
pub const SCHEMA: &str = "ecsnet.density/1";

/// How many tasks fit on one empty instance of each type, in each mode.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Density {
    /// `ecsnet.density/1`.
    pub schema: String,
    /// Each task alone, and the mix of a scenario; a single one without tasks if only the limits of
    /// the types were asked for.
    pub subjects: Vec<Subject>,
    /// What was assumed, in sentences.
    pub notes: Vec<String>,
}

/// A task, or a set of tasks, that instances are filled with.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Subject {
    /// The service, the family of the task definition, or `mix`.
    pub name: String,
    /// The tasks of one set, by name; empty if any task that needs nothing but an interface is meant.
    #[schemars(with = "BTreeMap<String, u32>")]
    pub tasks: IndexMap<String, u32>,
    /// CPU units that one set reserves.
    pub cpu: u64,
    /// Memory that one set reserves, in MiB.
    pub memory_mib: u64,
    /// Modes that cannot carry it, with the reason.
    #[schemars(with = "BTreeMap<String, String>")]
    pub refused: IndexMap<String, String>,
    /// The size of each task on Fargate, where no instance is shared; empty if that was not asked
    /// for.
    pub fargate: Vec<FargateFit>,
    /// The instance types.
    pub rows: Vec<Row>,
}

/// What a task becomes on Fargate.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct FargateFit {
    /// The task.
    pub task: String,
    /// CPU units that it asks for.
    pub asked_cpu: u32,
    /// Memory that it asks for, in MiB.
    pub asked_memory_mib: u32,
    /// CPU units of the smallest size that holds it.
    pub cpu: u32,
    /// Memory of that size, in MiB.
    pub memory_mib: u32,
    /// Whether a size of Fargate is asked for as it is.
    pub exact: bool,
}

/// One instance type.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Row {
    /// Its name.
    pub instance_type: String,
    /// `x86_64` or `arm64`; null where its size is not known.
    pub architecture: Option<String>,
    /// What runs between the instance and the machine; null where its size is not known.
    pub hypervisor: Option<String>,
    /// Virtual processors.
    pub vcpus: Option<u32>,
    /// Memory as sold, in MiB.
    pub memory_mib: Option<u32>,
    /// Memory that tasks can have, in MiB.
    pub registered_memory_mib: Option<u32>,
    /// Interfaces that can be attached, the primary one included.
    pub max_enis: Option<u32>,
    /// Whether trunk interfaces are supported; null where no source says.
    pub trunking: Option<bool>,
    /// How many fit, by `none`, `bridge`, `host`, `awsvpc` and `awsvpc-trunked`.
    #[schemars(with = "BTreeMap<String, Fit>")]
    pub fits: IndexMap<String, Fit>,
}

/// How many sets fit on one instance in one mode.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Fit {
    /// Sets; null where it is not known, or the mode is refused, or the type has no trunk.
    pub sets: Option<u64>,
    /// Tasks of these sets, without those that are kept on Fargate.
    pub tasks: Option<u64>,
    /// What runs out first: `CPU`, `memory`, `ENI`, `ports`, `dynamic ports`, `bridge addresses` or
    /// `subnet addresses`; why there is no number: `refused`, `no trunk`, `unknown size` or
    /// `unknown ENI`.
    pub limit: Option<String>,
    /// Places for task interfaces, in `awsvpc`.
    pub eni_tasks: Option<u32>,
    /// How that is known; null in modes without task interfaces.
    pub eni_source: Option<EniSource>,
    /// The arithmetic, or the reason, in words.
    pub detail: String,
}

/// How the number of task interfaces is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EniSource {
    /// Amazon ECS developer guide, June 2023.
    Documented,
    /// Interfaces of the type less the primary one.
    InterfacesLessOne,
    /// Branch interfaces + interfaces - 2, a fit to the documented values.
    Derived,
    /// No trunk interface is supported.
    NoTrunk,
    /// No source says.
    Unknown,
}

impl EniSource {
    /// The word in JSON and CSV.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Documented => "documented",
            Self::InterfacesLessOne => "interfaces_less_one",
            Self::Derived => "derived",
            Self::NoTrunk => "no_trunk",
            Self::Unknown => "unknown",
        }
    }
}

/// Writes the document, indented and with a final line feed.
///
/// # Errors
/// Those of `out`.
pub fn write_json(density: &Density, mut out: impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut out, density)?;
    out.write_all(b"\n")
}

const HEADER: [&str; 17] = [
    "subject",
    "instance_type",
    "architecture",
    "hypervisor",
    "vcpus",
    "memory_mib",
    "registered_memory_mib",
    "max_enis",
    "trunking",
    "mode",
    "sets",
    "tasks",
    "limit",
    "eni_tasks",
    "eni_source",
    "cpu_per_set",
    "detail",
];

/// Writes one line for each subject, type and mode, with a header.
///
/// # Errors
/// Those of `out`.
pub fn write_csv(density: &Density, out: impl Write) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(HEADER).map_err(cause)?;
    for subject in &density.subjects {
        for row in &subject.rows {
            for (mode, fit) in &row.fits {
                writer
                    .write_record(line(subject, row, mode, fit))
                    .map_err(cause)?;
            }
        }
    }
    writer.flush()
}

fn line(subject: &Subject, row: &Row, mode: &str, fit: &Fit) -> [String; 17] {
    fn text<T: ToString>(value: Option<T>) -> String {
        value.map(|value| value.to_string()).unwrap_or_default()
    }
    [
        subject.name.clone(),
        row.instance_type.clone(),
        text(row.architecture.as_ref()),
        text(row.hypervisor.as_ref()),
        text(row.vcpus),
        text(row.memory_mib),
        text(row.registered_memory_mib),
        text(row.max_enis),
        text(row.trunking),
        mode.to_owned(),
        text(fit.sets),
        text(fit.tasks),
        text(fit.limit.as_ref()),
        text(fit.eni_tasks),
        text(fit.eni_source.map(EniSource::word)),
        subject.cpu.to_string(),
        fit.detail.clone(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pipe whose reader has seen enough.
    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_has_gone_is_told_by_the_kind_of_error() {
        let fit = Fit {
            detail: "longer than any buffer ".repeat(10_000),
            ..Fit::default()
        };
        let row = Row {
            instance_type: "c5.large".to_owned(),
            architecture: None,
            hypervisor: None,
            vcpus: None,
            memory_mib: None,
            registered_memory_mib: None,
            max_enis: None,
            trunking: None,
            fits: IndexMap::from([("bridge".to_owned(), fit)]),
        };
        let density = Density {
            schema: SCHEMA.to_owned(),
            subjects: vec![Subject {
                name: "web".to_owned(),
                tasks: IndexMap::new(),
                cpu: 0,
                memory_mib: 0,
                refused: IndexMap::new(),
                fargate: Vec::new(),
                rows: vec![row],
            }],
            notes: Vec::new(),
        };
        let error = write_csv(&density, Closed).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
