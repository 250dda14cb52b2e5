//! A few things by their names. A list in the order of the names: each kind of tree is 4 KiB of code, and these are read and stored whole.

use core::fmt;
use core::marker::PhantomData;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An object in JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ByName<T>(Vec<(String, T)>);

// === impl ByName ===

impl<T> ByName<T> {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&T> {
        self.place(name).ok().and_then(|place| self.0.get(place)).map(|(_, it)| it)
    }

    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut T> {
        let place = self.place(name).ok()?;
        self.0.get_mut(place).map(|(_, it)| it)
    }

    /// Gives what was there.
    pub(crate) fn insert(&mut self, name: String, it: T) -> Option<T> {
        match self.place(&name) {
            Ok(place) => self.0.get_mut(place).map(|(_, old)| core::mem::replace(old, it)),
            Err(place) => {
                self.0.insert(place, (name, it));
                None
            }
        }
    }

    /// Gives what was there.
    pub(crate) fn remove(&mut self, name: &str) -> Option<T> {
        self.place(name).ok().map(|place| self.0.remove(place).1)
    }

    pub(crate) fn retain(&mut self, mut is_kept: impl FnMut(&T) -> bool) {
        self.0.retain(|(_, it)| is_kept(it));
    }

    /// In the order of the names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.0.iter().map(|(name, it)| (name.as_str(), it))
    }

    /// Where it is, or would be.
    fn place(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(other, _)| other.as_str().cmp(name))
    }
}

impl<T> Default for ByName<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Serialize> Serialize for ByName<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for ByName<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Entries(PhantomData))
    }
}

struct Entries<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
    type Value = ByName<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<ByName<T>, A::Error> {
        let mut all = ByName::default();
        while let Some((name, it)) = entries.next_entry()? {
            all.insert(name, it);
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_does_what_a_tree_does(acts in prop::collection::vec(("[a-d]{0,2}", 0_u8..4, any::<u8>()), 0..40)) {
            let (mut list, mut tree) = (ByName::default(), BTreeMap::new());
            for (name, act, value) in acts {
                match act {
                    0 => prop_assert_eq!(list.remove(&name), tree.remove(&name)),
                    1 => {
                        list.retain(|it| *it > value);
                        tree.retain(|_, it| *it > value);
                    }
                    2 => prop_assert_eq!(list.get_mut(&name).map(|it| *it), tree.get_mut(&name).map(|it| *it)),
                    _ => prop_assert_eq!(list.insert(name.clone(), value), tree.insert(name.clone(), value)),
                }
                prop_assert_eq!((list.get(&name), list.len()), (tree.get(&name), tree.len()));
                let text = serde_json::to_string(&tree).unwrap();
                prop_assert_eq!(&serde_json::to_string(&list).unwrap(), &text);
                prop_assert_eq!(&serde_json::from_str::<ByName<u8>>(&text).unwrap(), &list);
            }
        }
    }
}
