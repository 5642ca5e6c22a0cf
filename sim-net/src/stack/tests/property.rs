//! What holds whatever the network does.

use proptest::prelude::*;
use sim_core::SimDuration;

use super::harness::{CLIENT, Net, SERVER, Treatment, options};
use crate::stack::SocketOptions;
use crate::stack::ports::mix;

const MS: SimDuration = SimDuration::from_ms(1);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is lost, late or doubled: every octet arrives once and in its place, and both
    /// ends are gone in the end.
    #[test]
    fn a_stream_survives_loss_reordering_and_duplication(
        seed: u64,
        loss in 0_u64..8,
        late in 0_u64..20,
        twice in 0_u64..10,
        up in 1_u64..300_000,
        down in 1_u64..300_000,
        mtu in prop::sample::select(vec![576_usize, 1500, 9001]),
        nodelay: bool,
    ) {
        let mut net = Net::new(MS);
        for (n, link) in net.links.iter_mut().enumerate() {
            let mut state = seed ^ n as u64;
            link.treat = Box::new(move |_, _| {
                state = mix(state.wrapping_add(0x9e37_79b9_7f4a_7c15));
                match state % 100 {
                    x if x < loss => Treatment::Drop,
                    x if x < loss + late => Treatment::Delay(MS * (state >> 40 & 7)),
                    x if x < loss + late + twice => Treatment::Twice,
                    _ => Treatment::Pass,
                }
            });
        }
        net.listen();
        let client = net.connect_with(SocketOptions { mtu, nodelay, ..options() });
        net.hosts[CLIENT].to_send.insert(client, (up, true));
        net.hosts[SERVER].habits.closes = false;
        net.run_for(SimDuration::from_secs(40));
        let server = net.accepted().expect("seven SYNs are not all lost");
        net.send_all(SERVER, server, down, true);
        net.run_out();
        prop_assert_eq!(net.hosts[SERVER].received[&server], up);
        prop_assert_eq!(net.hosts[CLIENT].received[&client], down);
        for host in &net.hosts {
            prop_assert_eq!(host.stack.connection_count(), 0);
            prop_assert_eq!(host.stack.accounts().corrupted, 0);
        }
    }
}
