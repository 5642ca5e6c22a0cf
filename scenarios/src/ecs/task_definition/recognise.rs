//! Tells a task definition from the other documents that people have lying around.

use crate::diagnostic::Problem;
use crate::document::{Node, Value};

/// What a JSON document is.
#[derive(Clone, Debug, PartialEq)]
pub enum Recognised<'a> {
    /// The task definition in it, and the path to it (empty, or `taskDefinition`).
    TaskDefinition(&'a Node, &'static str),
    /// Something else, and why it cannot be used.
    Other(Problem),
}

/// A key that only one kind of document has, and that kind.
const RESPONSES: &[(&str, &str)] = &[
    ("services", "the output of `aws ecs describe-services`"),
    (
        "service",
        "the output of `aws ecs create-service` or `update-service`",
    ),
    (
        "tasks",
        "the output of `aws ecs run-task` or `describe-tasks`",
    ),
    ("clusters", "the output of `aws ecs describe-clusters`"),
    (
        "containerInstances",
        "the output of `aws ecs describe-container-instances`",
    ),
    (
        "capacityProviders",
        "the output of `aws ecs describe-capacity-providers`",
    ),
    ("taskSets", "the output of `aws ecs describe-task-sets`"),
    (
        "serviceDeployments",
        "the output of `aws ecs describe-service-deployments`",
    ),
    (
        "serviceRevisions",
        "the output of `aws ecs describe-service-revisions`",
    ),
    (
        "taskDefinitionArns",
        "the output of `aws ecs list-task-definitions`",
    ),
    ("AWSTemplateFormatVersion", "a CloudFormation template"),
    ("Resources", "a CloudFormation template"),
    (
        "ContainerDefinitions",
        "a task definition with CloudFormation's capitalised keys",
    ),
    ("Vpcs", "the output of `aws ec2 describe-vpcs`"),
    ("Subnets", "the output of `aws ec2 describe-subnets`"),
    (
        "SecurityGroups",
        "the output of `aws ec2 describe-security-groups`",
    ),
    (
        "NetworkInterfaces",
        "the output of `aws ec2 describe-network-interfaces`",
    ),
    (
        "RouteTables",
        "the output of `aws ec2 describe-route-tables`",
    ),
    (
        "NetworkAcls",
        "the output of `aws ec2 describe-network-acls`",
    ),
    ("Reservations", "the output of `aws ec2 describe-instances`"),
];

/// Says what a JSON document is.
#[must_use]
pub fn recognise(node: &Node) -> Recognised<'_> {
    let Some(entries) = node.as_table() else {
        return Recognised::Other(not_an_object(node));
    };
    if node.get("containerDefinitions").is_some() {
        return Recognised::TaskDefinition(node, "");
    }
    if let Some(inner) = node.get("taskDefinition") {
        if inner.get("containerDefinitions").is_some() {
            return Recognised::TaskDefinition(inner, "taskDefinition");
        }
        if matches!(inner.value, Value::String(_)) {
            let call = if node.get("serviceName").is_some() {
                "the input of `aws ecs create-service`"
            } else {
                "the input of `aws ecs run-task`"
            };
            return Recognised::Other(other(call));
        }
    }
    if let Some((_, kind)) = RESPONSES.iter().find(|(key, _)| node.get(key).is_some()) {
        return Recognised::Other(other(kind));
    }
    let keys: Vec<_> = entries
        .iter()
        .take(5)
        .map(|entry| format!("`{}`", entry.key))
        .collect();
    let found = match keys.len() {
        0 => "the object is empty".to_owned(),
        _ => format!("found {}", keys.join(", ")),
    };
    Recognised::Other(not_a_task_definition(format!(
        "it has no `containerDefinitions`; {found}"
    )))
}

fn not_an_object(node: &Node) -> Problem {
    let containers = |nodes: &[Node]| nodes.iter().any(|n| n.get("image").is_some());
    match node.as_array() {
        Some(nodes) if containers(nodes) => not_a_task_definition(
            "it looks like a bare list of container definitions, as Terraform takes it".to_owned(),
        )
        .with_help("wrap it: {\"family\": \"...\", \"containerDefinitions\": [...]}"),
        _ => not_a_task_definition(format!("it is {}", node.kind())),
    }
}

fn other(kind: &str) -> Problem {
    not_a_task_definition(format!("it looks like {kind}"))
}

fn not_a_task_definition(why: String) -> Problem {
    Problem::new(
        "not-a-task-definition",
        format!("not a task definition: {why}"),
    )
    .with_help(
        "give what `aws ecs register-task-definition --cli-input-json` takes or \
         `aws ecs describe-task-definition` returns",
    )
}
