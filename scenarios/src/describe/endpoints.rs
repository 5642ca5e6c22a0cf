//! VPC endpoints, and what a route to one comes to. Interface endpoints are among the interfaces.

use sim_net::vpc::{GatewayEndpointPlan, RouteTarget};

use super::context::{Context, Ids, id};
use super::documents::{Documents, Item};
use super::kind::Kind;
use super::values::{name_tag, required};
use crate::diagnostic::Problem;
use crate::document::reader::{FromNode, Reader};
use crate::document::{Node, json};

/// Reads the endpoints. Those that are interfaces are among the interfaces.
pub(super) fn read(documents: &Documents<'_>, context: &mut Context) {
    for item in documents.items(Kind::Endpoint) {
        read_endpoint(item, context);
    }
}

fn read_endpoint(item: &Item<'_>, context: &mut Context) -> Option<()> {
    let command = Kind::Endpoint.command();
    let mut reader = context.reports.reader(item)?;
    let id = id(&mut reader, Kind::Endpoint)?;
    let name = name_tag(&mut reader, "Tags");
    let vpc = context
        .ids
        .refer(&mut reader, "VpcId", Kind::Vpc, Kind::Endpoint);
    let service = required::<String>(&mut reader, "ServiceName", command);
    let state = reader.get::<String>("State").map(|at| at.value);
    if state.is_some_and(|state| !state.eq_ignore_ascii_case("available")) {
        context.targets.insert(id, RouteTarget::Blackhole);
        return None;
    }
    // Before interface endpoints came, the key was not there.
    let kind = reader.get::<String>("VpcEndpointType");
    match kind.as_ref().map_or("Gateway", |kind| &kind.value) {
        "Gateway" => {}
        "Interface" => {
            check_interfaces(&mut reader, &context.ids);
            return None;
        }
        other => {
            let what = format!("endpoints of the type {other} are not simulated");
            let problem = Problem::new("not-simulated", undetermined(&what, &id));
            reader.caveat("VpcEndpointType", problem);
            let target = RouteTarget::Unmodelled(id.clone());
            context.targets.insert(id, target);
            return None;
        }
    }
    if policy_restricts(&mut reader) {
        let problem = Problem::new(
            "not-simulated",
            format!("the policy of {id} is not simulated: it lets everything pass"),
        );
        reader.caveat("PolicyDocument", problem);
    }
    let (vpc, service) = (vpc?, service?);
    let mut lists = context.region.prefix_lists.iter();
    let Some(prefix_list) = lists.position(|list| list.name == service.value) else {
        let what = format!("no file has the addresses of {}", service.value);
        let problem =
            Problem::new("unknown-prefix-list", undetermined(&what, &id)).with_help(format!(
                "save the output of `{}` in this folder",
                Kind::PrefixList.command()
            ));
        reader.caveat("ServiceName", problem);
        context
            .targets
            .insert(id.clone(), RouteTarget::Unmodelled(id));
        return None;
    };
    let index = context.region.gateway_endpoints.len();
    context.ids.add(Kind::Endpoint, &id, Some(index));
    context
        .targets
        .insert(id.clone(), RouteTarget::GatewayEndpoint(index));
    context.region.gateway_endpoints.push(GatewayEndpointPlan {
        vpc,
        name: name.unwrap_or_else(|| id.clone()),
        id,
        prefix_list,
    });
    Some(())
}

fn undetermined(what: &str, id: &str) -> String {
    format!("{what}: routes to {id} are undetermined")
}

/// The interfaces of an endpoint have to be there, for it is nothing else.
fn check_interfaces(reader: &mut Reader<'_>, ids: &Ids) {
    for interface in reader
        .list("NetworkInterfaceIds", String::from_node)
        .unwrap_or_default()
    {
        let _ = ids.resolve(reader, &interface, Kind::Interface);
    }
}

/// Whether an endpoint's policy is other than the one that AWS gives it: everything by everyone.
fn policy_restricts(reader: &mut Reader<'_>) -> bool {
    let Some(text) = reader.node("PolicyDocument").and_then(Node::as_str) else {
        return false;
    };
    let Ok(policy) = json::parse(text) else {
        return true;
    };
    let Some(statements) = policy.get("Statement").and_then(Node::as_array) else {
        return true;
    };
    let is = |statement: &Node, key: &str, value: &str| {
        statement.get(key).and_then(Node::as_str) == Some(value)
    };
    let open = |statement: &Node| {
        is(statement, "Effect", "Allow")
            && ["Principal", "Action", "Resource"]
                .iter()
                .all(|key| is(statement, key, "*"))
            && statement.get("Condition").is_none()
    };
    !matches!(statements, [only] if open(only))
}
