//! Rules about what a container may say of its namespace: links, names, name servers, parameters.

use super::Findings;
use crate::ecs::mode::{Mode, NetworkMode};
use crate::ecs::task_definition::{ContainerDefinition, TaskDefinition};

/// Checks every container.
pub(super) fn check(definition: &TaskDefinition, mode: Mode, findings: &mut Findings) {
    for container in &definition.containers {
        links(definition, container, mode, findings);
        match NetworkMode::of(mode) {
            NetworkMode::Awsvpc => awsvpc(container, findings),
            NetworkMode::Host => host(container, findings),
            NetworkMode::None | NetworkMode::Bridge => {}
        }
    }
}

fn links(
    definition: &TaskDefinition,
    container: &ContainerDefinition,
    mode: Mode,
    findings: &mut Findings,
) {
    let place = format!("{}.links", container.place);
    if container.links.is_empty() {
        return;
    }
    let network_mode = NetworkMode::of(mode);
    if network_mode != NetworkMode::Bridge {
        // Words: aws-observability/aws-otel-collector#1359; ours for the other modes.
        let message = match network_mode {
            NetworkMode::Awsvpc => {
                "ClientException: Links are not supported when networkMode=awsvpc.".to_owned()
            }
            _ => format!("links are not supported when networkMode={network_mode}"),
        };
        findings.refuse(
            "links",
            message,
            place,
            "drop `links`: it exists in bridge only",
        );
        return;
    }
    for link in &container.links {
        let name = link.split(':').next().unwrap_or_default();
        if definition.container(name).is_none() {
            findings.refuse(
                "link-to-nowhere",
                format!(
                    "container `{}` links to `{name}`, which the task does not have",
                    container.name
                ),
                &place,
                "link to a container of the same task",
            );
        }
    }
}

/// Source: Amazon ECS API and developer guide, task definition parameters (specified). The words are
/// ECS's where it is known what it says; it is not for `dnsSearchDomains`.
fn awsvpc(container: &ContainerDefinition, findings: &mut Findings) {
    let mut refuse = |key: &str, present: bool, message: String| {
        if present {
            let place = format!("{}.{key}", container.place);
            findings.refuse("not-with-awsvpc", message, place, format!("drop `{key}`"));
        }
    };
    let ecs = |what: &str| {
        format!("ClientException: {what} not supported on container when networkMode=awsvpc.")
    };
    let hostname = container
        .hostname
        .as_deref()
        .is_some_and(|name| !name.is_empty());
    refuse("hostname", hostname, ecs("hostname is"));
    refuse(
        "dnsServers",
        !container.dns_servers.is_empty(),
        ecs("DNS servers are"),
    );
    refuse(
        "dnsSearchDomains",
        !container.dns_search_domains.is_empty(),
        "`dnsSearchDomains` cannot be used when networkMode=awsvpc".to_owned(),
    );
    refuse(
        "extraHosts",
        !container.extra_hosts.is_empty(),
        ecs("Extra hosts are"),
    );
    refuse(
        "disableNetworking",
        container.disable_networking,
        ecs("Disable Networking is"),
    );
}

/// Source: ECS developer guide, `systemControls` (specified): no `net.*` in host mode; our words.
fn host(container: &ContainerDefinition, findings: &mut Findings) {
    let net = |parameter: &&str| parameter.starts_with("net.");
    let parameters = container
        .system_controls
        .iter()
        .map(|control| control.namespace.as_str());
    if let Some(parameter) = parameters.into_iter().find(net) {
        findings.refuse(
            "sysctl-in-host",
            format!(
                "container `{}` sets `{parameter}`: network parameters cannot be set when \
                 networkMode=host",
                container.name
            ),
            format!("{}.systemControls", container.place),
            "drop the parameter: the namespace is the instance's",
        );
    }
}
