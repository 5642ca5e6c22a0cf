//! What to change where something is not reached.

use super::verdict::{Leg, ReachOutcome, Walk, WalkHop};
use crate::verdict::DropReason;

/// What to change so that the attempt passes the step at which it ended: one sentence that names the
/// group, list, table or setting. `None` where it is reached.
///
/// Whether it *should* pass is not asked here.
#[must_use]
pub fn remedy(walk: &Walk) -> Option<String> {
    let end = walk.hops.last();
    match walk.verdict.outcome {
        ReachOutcome::Reached => None,
        ReachOutcome::Refused => Some(refused(&walk.hops)),
        ReachOutcome::NetworkUnreachable => Some(match end {
            Some(hop) => format!(
                "give {} a route to {}: in mode `none` there is none, so choose another network mode",
                hop.place,
                hop.before.dst.ip()
            ),
            None => "give the namespace a route to the address".to_owned(),
        }),
        ReachOutcome::Undetermined => Some(match end {
            Some(hop) => format!("ask what is behind `{}`: it is not simulated", hop.rule),
            None => "ask by TCP or UDP, for an address and port".to_owned(),
        }),
        ReachOutcome::Dropped(reason) => Some(dropped(reason, walk)),
    }
}

fn refused(hops: &[WalkHop]) -> String {
    let refusing = hops
        .iter()
        .rfind(|hop| matches!(hop.decision, "refuse" | "reject"));
    match refusing {
        Some(hop) if hop.decision == "reject" => {
            format!("on {}, remove the rule `{}`", hop.place, hop.rule)
        }
        Some(hop) => format!(
            "have a program listen on {} port {} of {}, or publish the port there",
            hop.before.protocol,
            hop.before.dst.port(),
            hop.place
        ),
        None => "have a program listen on the port".to_owned(),
    }
}

fn dropped(reason: DropReason, walk: &Walk) -> String {
    let Some(end) = walk.hops.last() else {
        return format!(
            "nothing is known but the reason: {}",
            reason.description().trim_end_matches('.')
        );
    };
    let (place, rule) = (&end.place, &end.rule);
    let (src, dst) = (end.before.src, end.before.dst);
    let protocol = end.before.protocol;
    let what = match (walk.verdict.leg, protocol) {
        (Leg::Return, crate::headers::Protocol::Tcp | crate::headers::Protocol::Udp) => {
            format!("{protocol} 1024-65535 (the client's ports)")
        }
        (_, crate::headers::Protocol::Icmp) => "icmp 3".to_owned(),
        _ => format!("{protocol} {}", dst.port()),
    };
    match reason {
        DropReason::SecurityGroupEgress => {
            format!(
                "add an egress rule for {what} to {} to a security group of {place}",
                dst.ip()
            )
        }
        DropReason::SecurityGroupIngress => {
            format!(
                "add an ingress rule for {what} from {} to a security group of {place}",
                src.ip()
            )
        }
        DropReason::NetworkAclEgress => {
            format!(
                "allow {what} to {} in the egress entries of {} below the number that denies it",
                dst.ip(),
                first_word(rule)
            )
        }
        DropReason::NetworkAclIngress => {
            format!(
                "allow {what} from {} in the ingress entries of {} below the number that denies it",
                src.ip(),
                first_word(rule)
            )
        }
        _ => on_the_way(reason, end),
    }
}

/// What routes, gateways and namespaces drop.
fn on_the_way(reason: DropReason, end: &WalkHop) -> String {
    let (place, rule, dst) = (&end.place, &end.rule, end.before.dst);
    match reason {
        DropReason::VpcNoRoute | DropReason::VpcBlackhole => format!(
            "add a route to {} to route table {} of {place}, with a target that is there",
            dst.ip(),
            first_word(rule)
        ),
        DropReason::NotModelled => format!("ask what is behind `{rule}`: it is not simulated"),
        DropReason::NoPublicAddress => format!(
            "give the interface a public address, or send its subnet's traffic to a NAT gateway instead of {place}"
        ),
        DropReason::PeeringInactive => format!("accept the peering connection {place}"),
        DropReason::PeeringNotTransitive => format!(
            "peer with the VPC of {} itself: {place} leads no further than its other end",
            dst.ip()
        ),
        DropReason::NatNoMapping => format!(
            "have the answer leave as the question came: {place} knows only what began behind it, so route to the internet gateway, or begin the conversation from behind {place}"
        ),
        DropReason::FabricNoRoute => {
            format!("use an address that somebody has: for {}, {rule}", dst.ip())
        }
        DropReason::SourceCheck | DropReason::DestinationCheck => {
            format!("turn the source/destination check of {place} off")
        }
        DropReason::MetadataOff => {
            "turn the metadata service on (`HttpEndpoint`), or use task roles, which need none"
                .to_owned()
        }
        DropReason::Blackhole => format!(
            "remove the blackhole route of {place} (`ECS_AWSVPC_BLOCK_IMDS=false`), or use task roles"
        ),
        DropReason::TtlExceeded if end.component == "NAT gateway" => {
            format!(
                "route what {place} sends on to an internet gateway: now its route leads back to it"
            )
        }
        DropReason::TtlExceeded => {
            "raise the hop limit of the metadata service (`HttpPutResponseHopLimit`) to 2"
                .to_owned()
        }
        DropReason::FilterForward | DropReason::FilterInput | DropReason::FilterOutput => {
            filter(place, rule)
        }
        other => in_machine(other, end),
    }
}

fn filter(place: &str, rule: &str) -> String {
    if rule.contains("-P FORWARD DROP") {
        return format!("publish the port: on {place} Docker forwards to published ports only");
    }
    format!("on {place}, put an ACCEPT before `{rule}`")
}

/// What machines and interfaces drop for reasons that are not the VPC's.
fn in_machine(reason: DropReason, end: &WalkHop) -> String {
    let (place, dst) = (&end.place, end.before.dst);
    match reason {
        DropReason::NoRoute => format!("give {place} a route to {}", dst.ip()),
        DropReason::NeighbourUnreachable => {
            format!(
                "use an address that a container of {place} has: nobody there is {}",
                dst.ip()
            )
        }
        DropReason::ForwardingOff => {
            format!(
                "set `net.ipv4.ip_forward = 1` on {place}, or send to the address of the target"
            )
        }
        DropReason::MartianAddress => {
            format!(
                "set `net.ipv4.conf.all.route_localnet = 1` on {place}, or use another address than {}",
                dst.ip()
            )
        }
        DropReason::BridgeHairpinOff => format!(
            "turn the userland proxy off, which turns hairpin mode on, or have the container use localhost: {}",
            end.rule
        ),
        DropReason::UnexpectedReply => format!(
            "have {} answer by the way on which it was asked: the answer came from {}, which was not asked",
            end.before.src.ip(),
            end.before.src
        ),
        DropReason::RxRingFull
        | DropReason::BacklogFull
        | DropReason::TxQueueFull
        | DropReason::BwOutAllowance
        | DropReason::BwInAllowance
        | DropReason::PpsAllowance
        | DropReason::FlowLimit
        | DropReason::LinkLocalAllowance
        | DropReason::ConntrackAllowance
        | DropReason::SocketBufferFull
        | DropReason::ListenBacklogFull => {
            format!("send less, or use a larger instance type than that of {place}")
        }
        DropReason::NatErrorPortAllocation | DropReason::NatPortsExhausted => {
            format!(
                "open fewer connections to {dst} at a time, or spread them over more addresses than that of {place}"
            )
        }
        DropReason::NatIdleTimeout => {
            "send TCP keepalives more often than every 350 seconds".to_owned()
        }
        DropReason::ConntrackTableFull | DropReason::ConntrackInsertFailed => {
            format!("raise `net.netfilter.nf_conntrack_max` on {place}")
        }
        DropReason::TooBig => format!("lower the MTU of the sender to that of the path at {place}"),
        DropReason::LinkLoss => "set the scenario's loss to zero".to_owned(),
        other => format!(
            "look at {place}: {}",
            other.description().trim_end_matches('.')
        ),
    }
}

fn first_word(text: &str) -> &str {
    text.split([' ', ':']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::headers::{FiveTuple, Protocol};
    use crate::reach::Verdict;

    fn ended(outcome: ReachOutcome, leg: Leg, decision: &'static str) -> Walk {
        let tuple = FiveTuple {
            protocol: Protocol::Tcp,
            src: "10.0.0.5:32768".parse().expect("an address"),
            dst: "10.0.1.4:80".parse().expect("an address"),
        };
        let hop = WalkHop {
            leg,
            place: "web/0".into(),
            component: "somewhere",
            decision,
            rule: "acl-0 * deny all".into(),
            before: tuple,
            after: tuple,
        };
        Walk {
            verdict: Verdict { outcome, leg },
            hops: vec![hop],
        }
    }

    #[test]
    fn every_way_to_fail_has_a_remedy_and_success_has_none() {
        let mut all: BTreeSet<ReachOutcome> = [
            ReachOutcome::Refused,
            ReachOutcome::NetworkUnreachable,
            ReachOutcome::Undetermined,
        ]
        .into();
        all.extend(DropReason::ALL.iter().map(|&r| ReachOutcome::Dropped(r)));
        for outcome in all {
            let mut walk = ended(outcome, Leg::Forward, "drop");
            let said = remedy(&walk).expect("there is something to change");
            assert!(!said.is_empty() && !said.ends_with('.'), "{said}");
            walk.hops.clear();
            assert!(remedy(&walk).is_some(), "{outcome:?} without a step");
        }
        let reached = ended(ReachOutcome::Reached, Leg::Return, "accept");
        assert_eq!(remedy(&reached), None);
    }

    #[test]
    fn it_names_what_to_change() {
        let said = |reason, leg| {
            let walk = ended(ReachOutcome::Dropped(reason), leg, "deny");
            remedy(&walk).expect("there is something to change")
        };
        let group = said(DropReason::SecurityGroupIngress, Leg::Forward);
        insta::assert_snapshot!(group, @"add an ingress rule for tcp 80 from 10.0.0.5 to a security group of web/0");
        let list = said(DropReason::NetworkAclEgress, Leg::Return);
        insta::assert_snapshot!(list, @"allow tcp 1024-65535 (the client's ports) to 10.0.1.4 in the egress entries of acl-0 below the number that denies it");
        let route = said(DropReason::VpcNoRoute, Leg::Forward);
        insta::assert_snapshot!(route, @"add a route to 10.0.1.4 to route table acl-0 of web/0, with a target that is there");
        let refused = remedy(&ended(ReachOutcome::Refused, Leg::Forward, "refuse"));
        insta::assert_snapshot!(refused.expect("there is something to change"), @"have a program listen on tcp port 80 of web/0, or publish the port there");
    }
}
