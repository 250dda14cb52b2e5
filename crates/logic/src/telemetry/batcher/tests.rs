use super::*;
use crate::analysis::SlowLimits;
use crate::version::VersionCounts;

fn step(step: usize) -> Observation {
    Observation { rollout_id: "r".into(), attempt: 0, step }
}

fn canary(visitor: u32) -> Observed {
    Observed { variant: Variant::Canary, visitor }
}

fn stable(visitor: u32) -> Observed {
    Observed { variant: Variant::Stable, visitor }
}

fn good(latency_ms: f64) -> Answered {
    Answered { failed: false, latency_ms: Some(latency_ms) }
}

const FAILED: Answered = Answered { failed: true, latency_ms: Some(1.0) };

fn record(batcher: &mut OutcomeBatcher, at: usize, observed: Observed, answered: Answered) {
    batcher.record(&step(at), observed, answered, &Measure::default(), || Network::UNKNOWN);
}

fn flushed(batcher: &mut OutcomeBatcher) -> Sample {
    let batch = batcher.flush();
    batcher.acknowledge(batch.seq);
    batch.sample.clone().unwrap()
}

fn keys(set: &KeySet) -> Vec<u32> {
    set.iter().map(|(key, _)| key).collect()
}

#[test]
fn a_visitor_is_reported_once_and_a_failure_has_no_latency() {
    let mut batcher = OutcomeBatcher::new("i".into());
    for _ in 0..3 {
        record(&mut batcher, 0, canary(5), FAILED);
    }
    record(&mut batcher, 0, stable(6), good(9.0));
    let sample = flushed(&mut batcher);
    let PerVariant { canary: of_canary, stable: of_stable } = &sample.variants;
    assert_eq!((of_canary.requests, of_canary.failures, of_canary.visits, of_canary.failed_visits), (3, 3, 1, 1));
    assert_eq!((keys(&sample.failed), keys(&sample.seen)), (vec![5], vec![5, 6]));
    assert_eq!((of_canary.latency.total(), of_stable.latency.total()), (0, 1));
    assert_eq!((of_canary.visitors.estimate(), of_stable.visitors.estimate()), (1, 1));
    // Later messages of the step do not name them again.
    record(&mut batcher, 0, canary(5), FAILED);
    let sample = flushed(&mut batcher);
    assert_eq!((sample.variants.canary.failures, sample.failed.len(), sample.seen.len()), (1, 0, 0));
    assert_eq!(sample.variants.canary.visitors.estimate(), 0);
}

#[test]
fn all_requests_are_counted_and_a_batch_that_is_sent_again_has_the_same_number() {
    let mut batcher = OutcomeBatcher::new("i".into());
    (0..3).for_each(|_| batcher.count_request());
    assert!(batcher.is_empty(), "no outcome to hand over");
    let lost = batcher.flush();
    batcher.count_request();
    assert_eq!((lost.requests, batcher.flush().requests), (3, 3));
    batcher.acknowledge(lost.seq);
    assert_eq!(batcher.flush().requests, 1);
}

#[test]
fn an_answer_of_another_version_counts_for_neither_side_and_its_visitor_was_assigned() {
    let mut batcher = OutcomeBatcher::new("i".into());
    batcher.record_version(&step(0), canary(5), VersionCheck::Wrong);
    batcher.record_version(&step(0), canary(6), VersionCheck::Right);
    record(&mut batcher, 0, canary(6), good(9.0));
    batcher.record_version(&step(0), stable(7), VersionCheck::Unmarked);
    let sample = flushed(&mut batcher);
    let counts = |right, wrong, unmarked| VersionCounts { right, wrong, unmarked };
    assert_eq!(sample.versions, PerVariant::new(counts(1, 1, 0), counts(0, 0, 1)));
    assert_eq!((sample.variants.canary.requests, sample.variants.canary.visitors.estimate()), (1, 1));
    assert_eq!(keys(&sample.seen), [5, 6]);
    batcher.record_version(&step(0), canary(5), VersionCheck::Wrong);
    assert_eq!(keys(&flushed(&mut batcher).seen), [0; 0], "reported before");
}

#[test]
fn a_thousand_failures_of_one_client_are_one_piece_of_evidence() {
    let mut batcher = OutcomeBatcher::new("isolate".into());
    for _ in 0..1_000 {
        record(&mut batcher, 0, canary(7), FAILED);
    }
    let sample = flushed(&mut batcher);
    let counts = &sample.variants.canary;
    assert_eq!((counts.failures, counts.failed_visits, keys(&sample.failed)), (1_000, 1, vec![7]));
}

#[test]
fn a_body_that_broke_off_makes_its_answered_request_a_failed_one() {
    let mut batcher = OutcomeBatcher::new("i".into());
    record(&mut batcher, 0, canary(5), good(9.0));
    batcher.record_broken_body(&step(0), canary(5), || Network::UNKNOWN);
    let sample = flushed(&mut batcher);
    let counts = &sample.variants.canary;
    assert_eq!((counts.requests, counts.failures, counts.failed_visits, keys(&sample.failed)), (1, 1, 1, vec![5]));
}

#[test]
fn the_smallest_hashes_of_both_variants_are_reported() {
    let mut batcher = OutcomeBatcher::new("i".into());
    // Four fifths of the failing visitors are in the control slice.
    for visitor in (0..2_000).rev() {
        let observed = if visitor % 5 == 0 { canary(visitor) } else { stable(visitor) };
        record(&mut batcher, 0, observed, FAILED);
    }
    let first = flushed(&mut batcher);
    assert_eq!(keys(&first.failed), (0..512).collect::<Vec<u32>>());
    let on_canary = first.failed.iter().filter(|(_, entry)| entry.variant == Variant::Canary).count();
    assert_eq!(on_canary, 103);
    // A visitor who was not named is, with the next failure.
    record(&mut batcher, 0, canary(1_000), FAILED);
    assert_eq!(keys(&flushed(&mut batcher).failed), [1_000]);
}

#[test]
fn a_network_is_asked_for_where_something_speaks_against_the_variant() {
    let mut batcher = OutcomeBatcher::new("i".into());
    let of = |address| move || Network::of("r", address);
    batcher.record(&step(0), canary(1), good(9.0), &Measure::default(), || unreachable!());
    for visitor in 0..100 {
        batcher.record(&step(0), canary(visitor), FAILED, &Measure::default(), of("203.0.113.7"));
    }
    batcher.record(&step(0), canary(200), FAILED, &Measure::default(), of("198.51.100.7"));
    assert_eq!(flushed(&mut batcher).failed.len(), 17);
    batcher.record(&step(0), canary(300), FAILED, &Measure::default(), of("203.0.113.9"));
    assert_eq!(flushed(&mut batcher).failed.len(), 0, "the network has its sixteen");
}

#[test]
fn a_slow_answer_is_reported_once_a_step() {
    let slow = SlowLimits { p95: Some(bucket_of(100.0)), p99: None, tolerance: 9, ceiling: None };
    let measure = Measure { slow, ..Measure::default() };
    let mut batcher = OutcomeBatcher::new("i".into());
    let mut answer = |at, observed, ms| batcher.record(&step(at), observed, good(ms), &measure, || Network::UNKNOWN);
    for visitor in 0..20 {
        answer(0, canary(visitor), 500.0);
    }
    for (visitor, ms) in [(50, 300.0), (50, 400.0), (51, 115.0)] {
        answer(0, canary(visitor), ms);
    }
    answer(0, stable(60), 115.0);
    let sample = flushed(&mut batcher);
    assert_eq!(keys(&sample.slow), [50, 60], "the first twenty warm the canary up, and it may be slower by a fifth");
    let mut answer = |at| {
        batcher.record(&step(at), canary(50), good(300.0), &measure, || Network::UNKNOWN);
        keys(&flushed(&mut batcher).slow)
    };
    assert_eq!((answer(0), answer(1)), (vec![], vec![50]));
}

#[test]
fn a_request_with_a_body_has_no_latency() {
    let mut batcher = OutcomeBatcher::new("i".into());
    let slow = SlowLimits { p95: Some(0), ..SlowLimits::default() };
    let measure = Measure { slow, ..Measure::default() };
    let upload = Answered { failed: false, latency_ms: None };
    batcher.record(&step(0), stable(1), upload, &measure, || Network::UNKNOWN);
    let sample = flushed(&mut batcher);
    assert_eq!((sample.variants.stable.requests, sample.variants.stable.latency.total(), sample.slow.len()), (1, 0, 0));
}

#[test]
fn a_visitor_with_very_many_requests_is_one_visit_a_message() {
    let mut batcher = OutcomeBatcher::new("i".into());
    for _ in 0..10_000 {
        record(&mut batcher, 0, stable(1), good(900.0));
    }
    for visitor in 2..12 {
        record(&mut batcher, 0, stable(visitor), good(50.0));
    }
    let counts = flushed(&mut batcher).variants.stable;
    assert_eq!((counts.requests, counts.visits, counts.visitors.estimate()), (10_010, 11, 11));
    assert!(counts.latency.quantile_ms(0.9).unwrap() < 60.0);
}

#[test]
fn where_every_request_counts_for_itself_a_heavy_key_is_noticed() {
    let mut batcher = OutcomeBatcher::new("i".into());
    let measure = Measure { unit: Unit::Request, ..Measure::default() };
    for _ in 0..30 {
        batcher.record(&step(0), stable(1), good(9.0), &measure, || Network::UNKNOWN);
    }
    let sample = flushed(&mut batcher);
    assert_eq!((sample.variants.stable.visits, sample.heavy.heaviest()), (30, 30));
}

#[test]
fn the_first_twenty_canary_requests_have_no_latency() {
    let mut batcher = OutcomeBatcher::new("i".into());
    for visitor in 0..25 {
        record(&mut batcher, 0, canary(visitor), good(9.0));
    }
    assert_eq!(flushed(&mut batcher).variants.canary.latency.total(), 5);
}

#[test]
fn a_batch_stays_the_same_until_it_is_acknowledged() {
    let mut batcher = OutcomeBatcher::new("i".into());
    record(&mut batcher, 0, canary(1), good(1.0));
    let first = batcher.flush();
    record(&mut batcher, 0, canary(2), good(1.0));
    assert_eq!(batcher.flush(), first);
    batcher.acknowledge(first.seq + 1);
    assert_eq!(batcher.flush(), first);
    batcher.acknowledge(first.seq);
    let second = batcher.flush();
    assert_eq!((second.seq, second.sample.clone().unwrap().variants.canary.requests), (first.seq + 1, 1));
    batcher.acknowledge(first.seq + 1);
    assert!(batcher.is_empty());
}

#[test]
fn a_late_outcome_of_the_step_before_does_not_drop_the_counts_since() {
    let mut batcher = OutcomeBatcher::new("i".into());
    record(&mut batcher, 0, canary(1), good(1.0));
    record(&mut batcher, 1, canary(2), good(1.0));
    record(&mut batcher, 0, canary(3), FAILED);
    batcher.short_circuit(&step(0), 7, Unit::StickyKey);
    let sample = flushed(&mut batcher);
    let counts = &sample.variants.canary;
    assert_eq!((sample.observation.step, counts.requests, counts.failures), (1, 1, 0));
    // Nor after a flush, nor where the rollout is another one.
    record(&mut batcher, 0, canary(3), FAILED);
    let next = Observation { rollout_id: "s".into(), ..step(0) };
    batcher.record(&next, canary(4), good(1.0), &Measure::default(), || Network::UNKNOWN);
    record(&mut batcher, 1, canary(5), good(1.0));
    assert_eq!(flushed(&mut batcher).observation, next);
}

#[test]
fn a_visitor_is_reported_again_in_each_step() {
    let mut batcher = OutcomeBatcher::new("i".into());
    record(&mut batcher, 0, canary(5), good(9.0));
    drop(flushed(&mut batcher));
    record(&mut batcher, 1, canary(5), good(9.0));
    let sample = flushed(&mut batcher);
    assert_eq!(keys(&sample.seen), [5], "the controller counts visitors by step");
    assert_eq!(sample.variants.canary.visitors.estimate(), 1);
}

#[test]
fn counts_of_the_step_before_are_dropped() {
    let mut batcher = OutcomeBatcher::new("i".into());
    record(&mut batcher, 0, canary(1), good(1.0));
    record(&mut batcher, 1, canary(2), good(1.0));
    let sample = flushed(&mut batcher);
    assert_eq!((sample.observation.step, sample.variants.canary.requests), (1, 1));
}

#[test]
fn a_failed_request_that_stable_answers_is_a_failure_and_a_rescue() {
    let mut batcher = OutcomeBatcher::new("i".into());
    for _ in 0..2 {
        record(&mut batcher, 0, canary(5), FAILED);
    }
    batcher.rescue(&step(0));
    let sample = flushed(&mut batcher);
    assert_eq!((sample.variants.canary.failures, sample.rescued), (2, 1));
}
