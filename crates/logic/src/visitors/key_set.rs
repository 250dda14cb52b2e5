//! Sets of visitors that keep the smallest hashes of both variants together.
//!
//! A limit for each variant would cut the wider control slice first, and an incident on both variants would look like a broken canary.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Place;

use serde::{Deserialize, Serialize, Serializer};
use thiserror::Error;

use super::marks::Marks;
use super::network::Network;
use super::{from_hexadecimal, hexadecimal};
use crate::variant::Variant;

/// Visitors of one client network that a set keeps, of both variants together.
const MAX_OF_A_NETWORK: u16 = 16;

/// Bytes of an entry in the stored form: hash, network, marks; little endian.
const ENTRY_BYTES: usize = 7;

/// Marks the canary in the byte of the marks.
const CANARY: u8 = 0x80;

/// A set of visitors, by their hash. The serialized form is hexadecimal, seven bytes a visitor, in ascending order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct KeySet {
    entries: BTreeMap<u32, Entry>,
    /// Kept visitors of each known network.
    networks: BTreeMap<Network, u16>,
}

/// A kept visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The variant the visitor was on.
    pub variant: Variant,
    /// The client's network.
    pub network: Network,
    /// Facts about the visitor.
    pub marks: Marks,
}

/// Error for a set that this code cannot have written.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidKeySet {
    /// The text is not hexadecimal.
    #[error("a set of visitors that is not hexadecimal")]
    Hex,
    /// The bytes are no whole number of entries.
    #[error("a set of visitors of {0} bytes, should be a multiple of 7")]
    Length(usize),
}

// === impl KeySet ===

impl KeySet {
    /// Adds a visitor, unless its hash is larger than the `capacity` smallest, or enough visitors of its network are kept. Returns the marks
    /// that are new. A visitor with a larger hash is dropped where the set is full; it cannot come back.
    pub fn offer(&mut self, key: u32, entry: Entry, capacity: usize) -> Marks {
        if let Some(known) = self.entries.get_mut(&key) {
            let new = entry.marks & !known.marks;
            known.marks |= new;
            return new;
        }
        let is_full = self.entries.len() >= capacity;
        if is_full && self.entries.last_key_value().is_none_or(|(largest, _)| key > *largest) {
            return Marks::NONE;
        }
        if self.has_enough_of(entry.network) {
            return Marks::NONE;
        }
        self.count(entry.network);
        self.entries.insert(key, entry);
        if is_full && let Some((_, dropped)) = self.entries.pop_last() {
            self.discount(dropped.network);
        }
        entry.marks
    }

    /// Adds all visitors of another set.
    pub fn merge(&mut self, other: &Self, capacity: usize) {
        for (key, entry) in other.iter() {
            self.offer(key, entry, capacity);
        }
    }

    /// Whether all of `marks` are known of a visitor.
    pub fn knows(&self, key: u32, marks: Marks) -> bool {
        self.entries.get(&key).is_some_and(|entry| entry.marks.contains(marks))
    }

    /// Whether no further visitor of this network is kept.
    pub fn has_enough_of(&self, network: Network) -> bool {
        network.is_known() && self.networks.get(&network).is_some_and(|kept| *kept >= MAX_OF_A_NETWORK)
    }

    /// The visitors in ascending order of their hashes.
    pub fn iter(&self) -> impl Iterator<Item = (u32, Entry)> + '_ {
        self.entries.iter().map(|(key, entry)| (*key, *entry))
    }

    /// Number of visitors.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no visitors.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn count(&mut self, network: Network) {
        if network.is_known() {
            *self.networks.entry(network).or_default() += 1;
        }
    }

    fn discount(&mut self, network: Network) {
        if let Place::Occupied(mut kept) = self.networks.entry(network) {
            *kept.get_mut() -= 1;
            if *kept.get() == 0 {
                kept.remove();
            }
        }
    }
}

impl Serialize for KeySet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = Vec::with_capacity(self.len() * ENTRY_BYTES);
        for (key, Entry { variant, network, marks }) in self.iter() {
            let variant = if variant == Variant::Canary { CANARY } else { 0 };
            bytes.extend(key.to_le_bytes());
            bytes.extend(network.number().to_le_bytes());
            bytes.push(marks.bits() | variant);
        }
        serializer.serialize_str(&hexadecimal(&bytes))
    }
}

impl TryFrom<String> for KeySet {
    type Error = InvalidKeySet;

    fn try_from(text: String) -> Result<Self, InvalidKeySet> {
        let bytes = from_hexadecimal(&text).map_err(|_| InvalidKeySet::Hex)?;
        let (entries, rest) = bytes.as_chunks::<ENTRY_BYTES>();
        if !rest.is_empty() {
            return Err(InvalidKeySet::Length(bytes.len()));
        }
        let entries = entries.iter().map(|[a, b, c, d, low, high, marks]| {
            let variant = if marks & CANARY == 0 { Variant::Stable } else { Variant::Canary };
            let network = Network::from_number(u16::from_le_bytes([*low, *high]));
            (u32::from_le_bytes([*a, *b, *c, *d]), Entry { variant, network, marks: Marks::from_bits(*marks) })
        });
        let mut set = Self { entries: entries.collect(), networks: BTreeMap::new() };
        let networks: Vec<Network> = set.entries.values().map(|entry| entry.network).collect();
        for network in networks {
            set.count(network);
        }
        Ok(set)
    }
}

#[cfg(test)]
mod tests;
