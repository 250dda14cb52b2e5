//! The values of which a matcher wants one.

use core::borrow::Borrow;
use std::collections::BinaryHeap;

/// Values in ascending order, each once. A list and not a tree: it is made once and searched on every request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct OneOf<T>(Vec<T>);

// === impl OneOf ===

impl<T: Ord> OneOf<T> {
    pub(super) fn new(values: Vec<T>) -> Self {
        let mut values = sorted(values);
        values.dedup();
        Self(values)
    }

    pub(super) fn contains<V: Ord + ?Sized>(&self, value: &V) -> bool
    where
        T: Borrow<V>,
    {
        self.0.binary_search_by(|item| item.borrow().cmp(value)).is_ok()
    }
}

/// In ascending order. By way of a heap: `sort` is 2 to 3 KiB in the Wasm for each type that is sorted.
pub(super) fn sorted<T: Ord>(items: Vec<T>) -> Vec<T> {
    BinaryHeap::from(items).into_sorted_vec()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn contains_what_it_is_made_of(values in proptest::collection::vec(0..50_u64, 0..40), value in 0..50_u64) {
            prop_assert_eq!(OneOf::new(values.clone()).contains(&value), values.contains(&value));
        }
    }
}
