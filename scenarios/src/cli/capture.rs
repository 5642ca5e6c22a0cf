//! Captured packets as a pcapng file.

use std::collections::BTreeMap;
use std::io::{self, Write};

use reports::pcapng::{InterfaceId, Link, Writer};
use sim_net::world::Outcome;

/// Writes what a run captured. Capture points become interfaces, in the order of their names.
pub(crate) fn write(outcome: &Outcome, out: impl Write) -> io::Result<()> {
    let mut writer = Writer::new(out, concat!("ecsnet ", env!("CARGO_PKG_VERSION")))?;
    let mut points: BTreeMap<&str, Option<InterfaceId>> = outcome
        .captured
        .iter()
        .map(|packet| (packet.point.as_str(), None))
        .collect();
    for (name, id) in &mut points {
        *id = Some(writer.interface(name, "")?);
    }
    for packet in &outcome.captured {
        let Some(Some(point)) = points.get(packet.point.as_str()) else {
            continue;
        };
        let link = Link {
            source: packet.src_mac.octets(),
            destination: packet.dst_mac.octets(),
            vlan: packet.vlan,
        };
        let dropped = packet
            .verdict
            .map(|reason| format!("dropped: {}", reason.code()));
        writer.packet(*point, packet.at, link, &packet.packet, dropped.as_deref())?;
    }
    writer.finish().map(drop)
}
