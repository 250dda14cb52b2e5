use proptest::prelude::*;

use super::*;

fn entry(variant: Variant) -> Entry {
    Entry { variant, network: Network::UNKNOWN, marks: Marks::FAILED }
}

fn in_network(network: u16) -> Entry {
    Entry { network: Network::from_number(network), ..entry(Variant::Stable) }
}

fn keys(set: &KeySet) -> Vec<u32> {
    set.iter().map(|(key, _)| key).collect()
}

#[test]
fn a_visitor_counts_once_and_a_new_fact_counts_once_more() {
    let mut set = KeySet::default();
    assert_eq!(set.offer(7, entry(Variant::Canary), 10), Marks::FAILED);
    assert_eq!(set.offer(7, entry(Variant::Stable), 10), Marks::NONE);
    let slow = Entry { marks: Marks::FAILED | Marks::SLOWER_THAN_P95, ..entry(Variant::Canary) };
    assert_eq!(set.offer(7, slow, 10), Marks::SLOWER_THAN_P95);
    assert!(set.knows(7, Marks::FAILED | Marks::SLOWER_THAN_P95) && !set.knows(7, Marks::SLOWER_THAN_P99));
    assert_eq!(set.len(), 1);
}

#[test]
fn a_visitor_that_was_pushed_out_cannot_come_back() {
    let mut set = KeySet::default();
    for key in [30, 20, 10] {
        assert_eq!(set.offer(key, entry(Variant::Canary), 2), Marks::FAILED);
    }
    assert_eq!(set.offer(30, entry(Variant::Canary), 2), Marks::NONE);
    assert_eq!(keys(&set), [10, 20]);
}

#[test]
fn one_network_is_not_a_crowd() {
    let mut set = KeySet::default();
    for (keys, network) in [(0..100, 5), (100..110, 6), (110..150, 0)] {
        for key in keys {
            set.offer(key, in_network(network), 1_000);
        }
    }
    assert_eq!(set.len(), 16 + 10 + 40, "visitors without a network are not limited");
    assert!(set.has_enough_of(Network::from_number(5)) && !set.has_enough_of(Network::from_number(6)));
}

#[test]
fn the_wire_form_is_frozen() {
    let mut set = KeySet::default();
    set.offer(
        0x0403_0201,
        Entry { variant: Variant::Canary, network: Network::from_number(0x0605), marks: Marks::FAILED },
        9,
    );
    let json = r#""01020304050682""#;
    assert_eq!(serde_json::to_string(&set).unwrap(), json, "isolates and objects of other versions speak this form");
    assert_eq!(serde_json::from_str::<KeySet>(json).unwrap(), set);
    assert!(
        serde_json::from_str::<KeySet>(r#""010203""#).is_err() && serde_json::from_str::<KeySet>(r#""0x""#).is_err()
    );
}

/// A visitor with one variant and one fact.
fn visitors() -> impl Strategy<Value = Vec<(u32, bool)>> {
    prop::collection::vec((0_u32..400, any::<bool>()), 0..300)
}

/// Sends visitors through `isolates` isolates with flushes and restarts to a controller, as the edge does.
fn kept(visitors: &[(u32, bool)], isolates: usize, flush_every: usize, swap: bool, capacity: usize) -> KeySet {
    let mut controller = KeySet::default();
    let mut flushes = vec![KeySet::default(); isolates];
    for (number, (key, is_canary)) in visitors.iter().enumerate() {
        let variant = if *is_canary == swap { Variant::Stable } else { Variant::Canary };
        let network = Network::from_number(u16::try_from(key % 7).unwrap());
        let place = &mut flushes[number % isolates];
        place.offer(*key, Entry { network, ..entry(variant) }, capacity);
        if number % flush_every == 0 {
            controller.merge(&std::mem::take(place), capacity);
            // A restart: the stored form is the whole set.
            controller = serde_json::from_str(&serde_json::to_string(&controller).unwrap()).unwrap();
        }
    }
    for flush in &flushes {
        controller.merge(flush, capacity);
    }
    controller
}

proptest! {
    #[test]
    fn which_visitors_are_kept_does_not_depend_on_their_variant(
        visitors in visitors(), isolates in 1_usize..6, flush_every in 1_usize..40, capacity in 1_usize..60,
    ) {
        let one = kept(&visitors, isolates, flush_every, false, capacity);
        let other = kept(&visitors, isolates, flush_every, true, capacity);
        prop_assert_eq!(keys(&one), keys(&other));
    }

    #[test]
    fn the_smallest_are_kept_in_any_order_through_any_number_of_isolates(
        visitors in visitors(), isolates in 1_usize..6, flush_every in 1_usize..40, capacity in 1_usize..60, rotate in 0_usize..300,
    ) {
        let without_networks = |visitors: &[(u32, bool)]| visitors.iter().map(|(key, canary)| (key * 7, *canary)).collect::<Vec<_>>();
        let mut visitors = without_networks(&visitors);
        let mut smallest: Vec<u32> = visitors.iter().map(|(key, _)| *key).collect();
        smallest.sort_unstable();
        smallest.dedup();
        smallest.truncate(capacity);
        if !visitors.is_empty() {
            let middle = rotate % visitors.len();
            visitors.rotate_left(middle);
        }
        prop_assert_eq!(keys(&kept(&visitors, isolates, flush_every, false, capacity)), smallest);
    }

    #[test]
    fn any_set_reads_back_as_it_was(visitors in visitors()) {
        let set = kept(&visitors, 2, 10, false, 100);
        let text = serde_json::to_string(&set).unwrap();
        prop_assert_eq!(serde_json::from_str::<KeySet>(&text).unwrap(), set);
    }
}
