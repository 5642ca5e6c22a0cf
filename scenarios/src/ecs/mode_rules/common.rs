//! Rules that are not about ports: what is not simulated, CPU and memory, Fargate.

use super::{Findings, RefusalKind};
use crate::ecs::fargate::FargateSize;
use crate::ecs::mode::Mode;
use crate::ecs::task_definition::{OperatingSystem, TaskDefinition};

/// CPU units that a task may ask for on instances.
///
/// Source: Amazon ECS API, `cpu` of `RegisterTaskDefinition` (specified).
const EC2_CPU: std::ops::RangeInclusive<u32> = 128..=196_608;

/// What ecsnet refuses rather than ignores.
pub(super) fn not_simulated(definition: &TaskDefinition, findings: &mut Findings) {
    let mut refuse = |code, message: String, place: &str, remedy: &str| {
        findings.refuse_as(RefusalKind::NotSimulated, code, message, place, remedy);
    };
    if let OperatingSystem::Windows(family) = &definition.operating_system {
        refuse(
            "windows-containers",
            format!("Windows containers are not simulated: the task definition is for {family}"),
            "runtimePlatform.operatingSystemFamily",
            "give a task definition for Linux",
        );
    }
    if definition.app_mesh {
        refuse(
            "app-mesh",
            "App Mesh is not simulated: its proxy would take the task's traffic".to_owned(),
            "proxyConfiguration",
            "drop `proxyConfiguration` to simulate the task without its proxy",
        );
    }
}

/// CPU and memory, of the task and of its containers.
pub(super) fn resources(definition: &TaskDefinition, mode: Mode, findings: &mut Findings) {
    if let Some(cpu) = definition.cpu
        && mode != Mode::Fargate
        && !EC2_CPU.contains(&cpu)
    {
        findings.refuse(
            "invalid-cpu",
            // Words: cds-snc/notification-terraform#329.
            "ClientException: Invalid 'cpu' setting for task.",
            "cpu",
            format!(
                "{cpu} CPU units: give {} to {}",
                EC2_CPU.start(),
                EC2_CPU.end()
            ),
        );
    }
    for container in &definition.containers {
        let name = &container.name;
        if definition.memory.is_none()
            && container.memory.is_none()
            && container.memory_reservation.is_none()
            && mode != Mode::Fargate
        {
            // Words: cuttlesoft/ecs-deploy.py#17.
            findings.refuse(
                "no-memory",
                format!(
                    "ClientException: Invalid setting for container '{name}'. At least one of \
                     'memory' or 'memoryReservation' must be specified."
                ),
                &container.place,
                "give the container a `memory`, or the task one",
            );
        }
        if let (Some(hard), Some(soft)) = (container.memory, container.memory_reservation)
            && hard < soft
        {
            findings.refuse(
                "memory-below-reservation",
                format!(
                    "`memory` of container `{name}` is {hard} MiB, less than its \
                     `memoryReservation` of {soft} MiB"
                ),
                format!("{}.memory", container.place),
                format!("give at least {soft}"),
            );
        }
    }
    task_holds_containers(definition, findings);
}

/// The containers together must fit in the task.
fn task_holds_containers(definition: &TaskDefinition, findings: &mut Findings) {
    let containers = &definition.containers;
    let cpu: u64 = containers
        .iter()
        .map(|container| u64::from(container.cpu))
        .sum();
    if let Some(task) = definition.cpu
        && cpu > u64::from(task)
    {
        findings.refuse(
            "containers-exceed-cpu",
            format!("the containers reserve {cpu} CPU units, the task has {task}"),
            "cpu",
            "give the task more CPU, or its containers less",
        );
    }
    let memory = |c: &crate::ecs::ContainerDefinition| {
        u64::from(c.memory_reservation.or(c.memory).unwrap_or(0))
    };
    let memory: u64 = containers.iter().map(memory).sum();
    if let Some(task) = definition.memory
        && memory > u64::from(task)
    {
        findings.refuse(
            "containers-exceed-memory",
            format!("the containers reserve {memory} MiB, the task has {task} MiB"),
            "memory",
            "give the task more memory, or its containers less",
        );
    }
}

/// The size of the micro-VM, and what Fargate does not offer.
pub(super) fn fargate(definition: &TaskDefinition, findings: &mut Findings) -> Option<FargateSize> {
    let needed = FargateSize {
        cpu: definition.reserved_cpu(),
        memory: definition.reserved_memory(),
    };
    let offer = needed.nearest();
    // Words: mongodb/terraform-aws-ecs-task-definition#38, aws/amazon-ecs-cli#982.
    for (key, value, offered) in [
        ("cpu", definition.cpu, offer.cpu),
        ("memory", definition.memory, offer.memory),
    ] {
        if value.is_none() {
            findings.refuse(
                "fargate-needs-size",
                format!(
                    "ClientException: Fargate requires that '{key}' be defined at the task level."
                ),
                key,
                format!("set \"{key}\": \"{offered}\" at the task level"),
            );
        }
    }
    for container in definition
        .containers
        .iter()
        .filter(|container| container.privileged)
    {
        // Source: Amazon ECS API, `privileged` (specified): not supported for tasks on Fargate.
        findings.caveat(
            "privileged-on-fargate",
            format!(
                "container `{}` is privileged, which Fargate does not support",
                container.name
            ),
            format!("{}.privileged", container.place),
        );
    }
    let size = FargateSize {
        cpu: definition.cpu?,
        memory: definition.memory?,
    };
    if !size.is_offered() {
        // Words: towardsthecloud/aws-cdk-examples#1.
        findings.refuse(
            "fargate-size",
            format!(
                "ClientException: No Fargate configuration exists for given values: {} CPU, {} \
                 memory. See the Amazon ECS documentation for the valid values.",
                size.cpu, size.memory
            ),
            if FargateSize::all().iter().any(|s| s.cpu == size.cpu) {
                "memory"
            } else {
                "cpu"
            },
            format!("the nearest size that holds it is {}", size.nearest()),
        );
    }
    Some(size)
}
