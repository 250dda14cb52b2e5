//! Sets of sticky keys, by their hashes.

use core::mem;
use std::collections::BinaryHeap;

use serde::{Deserialize, Serialize};

/// Hashes in ascending order, each once. A list and not a tree: there are some thousands at most, and the code is a tenth.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<u32>")]
pub struct Units(Vec<u32>);

// === impl Units ===

impl Units {
    /// Puts one in. Whether it is new.
    pub fn insert(&mut self, unit: u32) -> bool {
        match self.0.binary_search(&unit) {
            Ok(_) => false,
            Err(place) => {
                self.0.insert(place, unit);
                true
            }
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes all out.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// All, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.0.iter().copied()
    }
}

impl Extend<u32> for Units {
    /// As one list into another: one by one, ten thousand would be moved ten thousand times.
    fn extend<I: IntoIterator<Item = u32>>(&mut self, units: I) {
        let mut own = mem::take(&mut self.0).into_iter().peekable();
        // A heap's sort is the smallest there is.
        for unit in BinaryHeap::from_iter(units).into_sorted_vec() {
            while let Some(less) = own.next_if(|own| *own < unit) {
                self.0.push(less);
            }
            if self.0.last() != Some(&unit) && own.peek() != Some(&unit) {
                self.0.push(unit);
            }
        }
        self.0.extend(own);
    }
}

impl FromIterator<u32> for Units {
    fn from_iter<I: IntoIterator<Item = u32>>(units: I) -> Self {
        let mut set = Self::default();
        set.extend(units);
        set
    }
}

impl From<Vec<u32>> for Units {
    fn from(units: Vec<u32>) -> Self {
        units.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn is_the_set_of_what_was_put_in(
            units in prop::collection::vec(0..30_u32, 0..60), more in prop::collection::vec(0..30_u32, 0..60),
        ) {
            let (mut set, mut tree) = (Units::default(), BTreeSet::new());
            for unit in &units {
                prop_assert_eq!(set.insert(*unit), tree.insert(*unit));
            }
            prop_assert_eq!(set.iter().collect::<Vec<_>>(), tree.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(&Units::from(units), &set);
            set.extend(more.iter().copied());
            tree.extend(more);
            prop_assert_eq!(set.iter().collect::<Vec<_>>(), tree.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(serde_json::to_string(&set).unwrap(), serde_json::to_string(&tree).unwrap());
        }
    }
}
