//! Addresses of a subnet, handed out in order.

use std::collections::{BTreeSet, VecDeque};
use std::net::Ipv4Addr;

use ipnet::{Ipv4AddrRange, Ipv4Net};

/// Addresses at the start of a subnet that AWS keeps: the network, the router, the resolver, and
/// one for later. The last address is kept too.
/// Source: Amazon VPC User Guide, subnet-sizing, 2023-06 (vendor).
const RESERVED_FIRST: u32 = 4;

/// Why there is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// All usable addresses are taken. The name is EC2's error code.
    #[error(
        "InsufficientFreeAddressesInSubnet: all {usable} usable addresses of {subnet} are taken"
    )]
    InsufficientFreeAddressesInSubnet {
        /// The subnet.
        subnet: Ipv4Net,
        /// Addresses that it has beside the five that AWS keeps.
        usable: u32,
    },
    /// The address is outside the subnet, or one of the five that AWS keeps.
    #[error("{addr} is not a usable address of {subnet}")]
    NotUsable {
        /// The address.
        addr: Ipv4Addr,
        /// The subnet.
        subnet: Ipv4Net,
    },
    /// All addresses of a pool are taken.
    #[error("all addresses of the pool are taken")]
    PoolExhausted,
    /// A service has only addresses of its prefix list.
    #[error("{addr} is in no range of the prefix list `{list}`")]
    NotInPrefixList {
        /// The address.
        addr: Ipv4Addr,
        /// The prefix list.
        list: String,
    },
    /// Somebody has it.
    #[error("InvalidIPAddress.InUse: {addr} is taken")]
    InUse {
        /// The address.
        addr: Ipv4Addr,
    },
}

/// Hands out the addresses of one subnet, lowest first.
///
/// EC2 picks at random; in order is as good and the same in every run.
#[derive(Clone, Debug)]
pub struct AddressAllocator {
    subnet: Ipv4Net,
    next: u32,
    end: u32,
    taken_ahead: BTreeSet<u32>,
}

impl AddressAllocator {
    /// The allocator of `subnet`, nothing taken. A subnet of fewer than six addresses has none.
    #[must_use]
    pub fn new(subnet: Ipv4Net) -> Self {
        let network = u32::from(subnet.network());
        let last = u32::from(subnet.broadcast());
        let next = network.saturating_add(RESERVED_FIRST).min(last);
        Self {
            subnet,
            next,
            end: last,
            taken_ahead: BTreeSet::new(),
        }
    }

    /// The lowest free address.
    ///
    /// # Errors
    /// If none is left.
    pub fn allocate(&mut self) -> Result<Ipv4Addr, AddressError> {
        while self.taken_ahead.remove(&self.next) {
            self.next += 1;
        }
        if self.next >= self.end {
            return Err(AddressError::InsufficientFreeAddressesInSubnet {
                subnet: self.subnet,
                usable: self.usable(),
            });
        }
        self.next += 1;
        Ok(Ipv4Addr::from(self.next - 1))
    }

    /// Takes one address in particular.
    ///
    /// # Errors
    /// If it is not a usable address of the subnet, or is taken.
    pub fn reserve(&mut self, addr: Ipv4Addr) -> Result<(), AddressError> {
        let number = u32::from(addr);
        if !(self.first()..self.end).contains(&number) {
            return Err(AddressError::NotUsable {
                addr,
                subnet: self.subnet,
            });
        }
        if number < self.next || !self.taken_ahead.insert(number) {
            return Err(AddressError::InUse { addr });
        }
        Ok(())
    }

    /// Addresses of the subnet without the five that AWS keeps.
    #[must_use]
    pub fn usable(&self) -> u32 {
        self.end - self.first()
    }

    /// Addresses not taken yet.
    #[must_use]
    pub fn available(&self) -> u32 {
        let ahead = u32::try_from(self.taken_ahead.len()).unwrap_or(u32::MAX);
        (self.end - self.next).saturating_sub(ahead)
    }

    fn first(&self) -> u32 {
        u32::from(self.subnet.network())
            .saturating_add(RESERVED_FIRST)
            .min(self.end)
    }
}

/// Hands out the addresses of several ranges, in their order.
#[derive(Clone, Debug)]
pub struct AddressPool {
    /// What is left of each range; ranges without their first and last address, as `hosts` says.
    ranges: VecDeque<Ipv4AddrRange>,
}

impl AddressPool {
    /// The pool of `cidrs`, nothing taken.
    #[must_use]
    pub fn new(cidrs: &[Ipv4Net]) -> Self {
        Self {
            ranges: cidrs.iter().map(Ipv4Net::hosts).collect(),
        }
    }

    /// The first address that is left and not in `taken`; it is in `taken` then.
    ///
    /// # Errors
    /// If none is left.
    pub fn allocate(&mut self, taken: &mut BTreeSet<Ipv4Addr>) -> Result<Ipv4Addr, AddressError> {
        while let Some(range) = self.ranges.front_mut() {
            if let Some(addr) = range.find(|addr| !taken.contains(addr)) {
                taken.insert(addr);
                return Ok(addr);
            }
            self.ranges.pop_front();
        }
        Err(AddressError::PoolExhausted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allocator(cidr: &str) -> AddressAllocator {
        AddressAllocator::new(cidr.parse().expect("a network"))
    }

    fn addr(text: &str) -> Ipv4Addr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_28_has_eleven_addresses_and_then_none() {
        let mut a = allocator("10.0.1.16/28");
        assert_eq!((a.usable(), a.available()), (11, 11));
        let got: Vec<_> = std::iter::from_fn(|| a.allocate().ok()).collect();
        assert_eq!(got.len(), 11);
        assert_eq!((got[0], got[10]), (addr("10.0.1.20"), addr("10.0.1.30")));
        let error = a.allocate().expect_err("it is empty");
        insta::assert_snapshot!(error, @"InsufficientFreeAddressesInSubnet: all 11 usable addresses of 10.0.1.16/28 are taken");
    }

    #[test]
    fn a_default_subnet_has_4091_addresses() {
        assert_eq!(allocator("172.31.0.0/20").usable(), 4_091);
    }

    #[test]
    fn a_subnet_smaller_than_what_is_kept_has_none() {
        for cidr in [
            "10.0.0.0/30",
            "10.0.0.0/31",
            "10.0.0.0/32",
            "255.255.255.252/30",
        ] {
            let mut a = allocator(cidr);
            assert_eq!(a.usable(), 0, "{cidr}");
            assert!(a.allocate().is_err());
        }
    }

    #[test]
    fn a_pool_goes_from_range_to_range_and_skips_what_is_taken() {
        let cidrs = ["192.0.2.0/30", "192.0.2.8/32"].map(|c| c.parse().expect("a range"));
        let mut pool = AddressPool::new(&cidrs);
        let mut taken = BTreeSet::from([addr("192.0.2.1")]);
        assert_eq!(pool.allocate(&mut taken), Ok(addr("192.0.2.2")));
        assert_eq!(pool.allocate(&mut taken), Ok(addr("192.0.2.8")));
        assert_eq!(pool.allocate(&mut taken), Err(AddressError::PoolExhausted));
        assert_eq!(taken.len(), 3);
    }

    #[test]
    fn a_reserved_address_is_skipped_and_counted() {
        let mut a = allocator("10.0.0.0/28");
        a.reserve(addr("10.0.0.4")).expect("free");
        a.reserve(addr("10.0.0.6")).expect("free");
        assert_eq!(a.available(), 9);
        assert_eq!(a.allocate(), Ok(addr("10.0.0.5")));
        assert_eq!(a.allocate(), Ok(addr("10.0.0.7")));
        for (text, taken) in [
            ("10.0.0.5", true),
            ("10.0.0.3", false),
            ("10.0.0.15", false),
        ] {
            let error = a.reserve(addr(text)).expect_err("not to be had");
            assert_eq!(matches!(error, AddressError::InUse { .. }), taken, "{text}");
        }
        assert_eq!(a.available(), 7);
    }
}
