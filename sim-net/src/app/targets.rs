//! Whom a program asks, one after another.

use std::net::SocketAddrV4;
use std::sync::Arc;

/// The addresses that a program's connections go round, at least one. Programs of a workload share
/// them, but for the few that one of them is told otherwise, such as itself.
#[derive(Clone, Debug)]
pub struct Targets {
    all: Arc<[SocketAddrV4]>,
    /// Places in `all` where another address stands.
    own: Box<[(usize, SocketAddrV4)]>,
}

impl Targets {
    /// Those in `all`, with others in the places that `own` names.
    #[must_use]
    pub fn new(all: Arc<[SocketAddrV4]>, own: Vec<(usize, SocketAddrV4)>) -> Self {
        Self {
            all,
            own: own.into(),
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The one whose turn it is in round number `round`.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn in_turn(&self, round: usize) -> SocketAddrV4 {
        let place = round % self.all.len();
        let own = self.own.iter().find(|(at, _)| *at == place);
        own.map_or(self.all[place], |&(_, addr)| addr)
    }
}

impl From<Vec<SocketAddrV4>> for Targets {
    fn from(all: Vec<SocketAddrV4>) -> Self {
        Self::new(all.into(), Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_goes_round_all_with_its_own_address_in_place() {
        let addr = |n| SocketAddrV4::new([10, 0, 0, n].into(), 80);
        let all: Vec<_> = (0..3).map(addr).collect();
        let targets = Targets::new(all.into(), vec![(1, addr(9))]);
        let asked: Vec<_> = (1..5).map(|round| targets.in_turn(round)).collect();
        assert_eq!(asked, [addr(9), addr(2), addr(0), addr(9)]);
        assert_eq!(targets.len(), 3);
    }
}
