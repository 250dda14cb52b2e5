//! Client networks: one network with many addresses is not a crowd.

use std::hash::Hasher as _;
use std::net::{IpAddr, Ipv6Addr};

/// The client's network: a hash of the /24 of an IPv4 address or the /48 of an IPv6 address, salted for each rollout. Two networks may
/// share a number; this costs evidence and never makes any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Network(u16);

/// Separates the hashes of networks from those of sticky keys.
const SEED: u32 = 2;

// === impl Network ===

impl Network {
    /// A client without an address, as in a local runtime. Visitors without a network are not limited.
    pub const UNKNOWN: Self = Self(0);

    /// The network of an address as Cloudflare writes it in `CF-Connecting-IP`. What is no address has no network.
    pub fn of(salt: &str, address: &str) -> Self {
        let Ok(address) = address.trim().parse::<IpAddr>() else { return Self::UNKNOWN };
        let mut hasher = mur3::Hasher32::with_seed(SEED);
        hasher.write(salt.as_bytes());
        match address {
            IpAddr::V4(address) => prefix_of_v4(&mut hasher, address.octets()),
            IpAddr::V6(address) => match address.to_ipv4_mapped() {
                Some(address) => prefix_of_v4(&mut hasher, address.octets()),
                None => prefix_of_v6(&mut hasher, address),
            },
        }
        let [low, high, ..] = hasher.finish32().to_le_bytes();
        Self(u16::from_le_bytes([low, high]).max(1))
    }

    /// Whether the client's network is known.
    pub fn is_known(self) -> bool {
        self != Self::UNKNOWN
    }

    pub(super) fn number(self) -> u16 {
        self.0
    }

    pub(super) fn from_number(number: u16) -> Self {
        Self(number)
    }
}

fn prefix_of_v4(hasher: &mut mur3::Hasher32, [a, b, c, _]: [u8; 4]) {
    hasher.write(&[4, a, b, c]);
}

fn prefix_of_v6(hasher: &mut mur3::Hasher32, address: Ipv6Addr) {
    let [a, b, c, ..] = address.segments();
    hasher.write(&[6]);
    for segment in [a, b, c] {
        hasher.write(&segment.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_network_are_one_network() {
        let of = |address| Network::of("r1", address);
        assert_eq!(of("203.0.113.7"), of("203.0.113.254"));
        assert_ne!(of("203.0.113.7"), of("203.0.112.7"));
        assert_eq!(of("2001:db8:1::1"), of("2001:db8:1:ffff::9"));
        assert_ne!(of("2001:db8:1::1"), of("2001:db8:2::1"));
        assert_eq!(of("::ffff:203.0.113.7"), of("203.0.113.7"));
    }

    #[test]
    fn a_network_has_another_number_in_another_rollout() {
        assert_ne!(Network::of("r1", "203.0.113.7"), Network::of("r2", "203.0.113.7"));
    }

    #[test]
    fn what_is_no_address_has_no_network() {
        for address in ["", "local", "203.0.113", "1.2.3.4, 5.6.7.8"] {
            assert!(!Network::of("r1", address).is_known(), "{address}");
        }
    }
}
