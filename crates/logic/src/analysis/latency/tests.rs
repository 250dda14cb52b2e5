use proptest::prelude::*;

use super::*;

fn of(latencies: &[(f64, u64)]) -> Histogram {
    let mut histogram = Histogram::default();
    for (ms, count) in latencies {
        histogram.add(bucket_of(*ms), *count);
    }
    histogram
}

#[test]
fn a_latency_on_the_edge_belongs_to_the_bucket_below_it() {
    for bucket in 0..BUCKETS {
        let edge = upper_edge(bucket);
        assert_eq!(bucket_of(edge), bucket);
        assert_eq!(bucket_of(edge * 1.000_1), (bucket + 1).min(BUCKETS - 1));
        let by_logarithm = (edge.ln() / GAMMA.ln()).round();
        assert!((by_logarithm - f64::from(bucket) - 1.0).abs() < 1e-9, "bucket {bucket} ends at {edge} ms");
    }
}

#[test]
fn any_number_has_a_bucket() {
    for (latency, bucket) in [(f64::NAN, 0), (-5.0, 0), (0.0, 0), (1.0, 0), (1e9, 479), (f64::INFINITY, 479)] {
        assert_eq!(bucket_of(latency), bucket, "{latency}");
    }
}

#[test]
fn a_quantile_is_the_upper_edge_of_its_bucket() {
    let histogram = of(&[(10.0, 94), (200.0, 5), (3_000.0, 1)]);
    let near = |quantile, ms: f64| {
        let found = histogram.quantile_ms(quantile).unwrap();
        assert!(found >= ms && found <= ms * GAMMA, "{found}");
    };
    near(0.5, 10.0);
    near(0.95, 200.0);
    near(0.99, 200.0);
    near(1.0, 3_000.0);
    assert_eq!(Histogram::default().quantile_ms(0.5), None);
}

#[test]
fn only_certainly_slower_requests_count_as_slower() {
    let histogram = of(&[(499.0, 7), (500.0, 3), (512.0, 5), (800.0, 2)]);
    assert_eq!(histogram.slower_than(500.0), 7);
    assert_eq!(histogram.slower_than(1e9), 0);
}

#[test]
fn the_wire_form_is_sparse_and_frozen() {
    let json = r#"{"116":94,"479":1}"#;
    let histogram = of(&[(10.0, 94), (60_000.0, 1)]);
    assert_eq!(
        serde_json::to_string(&histogram).unwrap(),
        json,
        "isolates and controllers of other versions read this form"
    );
    assert_eq!(serde_json::from_str::<Histogram>(json).unwrap(), histogram);
    assert_eq!(serde_json::from_str::<Histogram>(r#"{"5":0}"#).unwrap(), Histogram::default());
    let error = serde_json::from_str::<Histogram>(r#"{"480":1}"#).unwrap_err().to_string();
    assert!(error.starts_with("latency bucket 480, should be 0..=479"), "{error}");
}

#[test]
fn the_stored_test_is_frozen() {
    let test = LatencyTest::new(Quantile::P95, 0.0025, 0.2, Restarts { every: 6, count: 2 });
    let json = concat!(
        r#"{"process":{"grid":[1.25,1.5,2.0,3.0,5.0,10.0,20.0],"theta0":1.0,"restarts":{"every":6,"count":2},"ticks":0,"#,
        r#""lnR":[0,0,0,0,0,0,0]},"quantile":"p95","alpha":0.0025,"tolerance":9,"strong":null}"#
    );
    assert_eq!(
        serde_json::to_string(&test).unwrap(),
        json,
        "a controller of another version must read a running rollout"
    );
    assert_eq!(serde_json::from_str::<LatencyTest>(json).unwrap(), test);
}

#[test]
fn the_window_holds_the_sixty_seconds_before_the_tick() {
    let mut window = StableWindow::default();
    for tick in 1..=30 {
        window.expire(5_000, tick * 5_000);
        assert_eq!(window.merged().total(), (tick - 1).min(12));
        window.push(of(&[(10.0, 1)]), tick * 5_000);
    }
    window.expire(5_000, 1_000_000);
    assert_eq!(window.merged().total(), 0, "a pause empties it");
    for _ in 0..500 {
        window.expire(5_000, 7);
        window.push(of(&[(10.0, 1)]), 7);
    }
    assert_eq!(window.merged().total(), 64, "a clock that stands still does not grow it");
}

#[test]
fn a_twenty_percent_tolerance_is_nine_buckets() {
    let tolerance = |tolerance| LatencyTest::new(Quantile::P95, 0.0025, tolerance, Restarts::over(0, 1)).tolerance;
    assert_eq!((tolerance(0.2), tolerance(0.0), tolerance(-3.0), tolerance(f64::INFINITY)), (9, 0, 0, 480));
}

#[test]
fn slow_requests_count_only_once_stable_is_known() {
    let slow_canary = PerVariant::new(of(&[(900.0, 25)]), of(&[(50.0, 475)]));
    let judged = |quantile, known| {
        let mut test = LatencyTest::new(quantile, 0.0025, 0.2, Restarts::over(3_600_000, 5_000));
        (0..3).for_each(|_| test.close_tick(&of(&[(50.0, known)]), &slow_canary));
        test.is_strong()
    };
    assert!(!judged(Quantile::P95, 199) && judged(Quantile::P95, 200));
    assert!(!judged(Quantile::P99, 999) && judged(Quantile::P99, 1_000));
}

#[test]
fn a_canary_within_the_tolerance_is_not_slow() {
    let mut test = LatencyTest::new(Quantile::P95, 0.0025, 0.2, Restarts::over(3_600_000, 5_000));
    let tick = PerVariant::new(of(&[(50.0 * 1.18, 25)]), of(&[(50.0, 475)]));
    (0..100).for_each(|_| test.close_tick(&of(&[(50.0, 5_000)]), &tick));
    assert!(!test.is_suspicious(10.0));
}

proptest! {
    #[test]
    fn any_histograms_merge_and_give_quantiles(
        a in prop::collection::btree_map(0_u16..480, any::<u64>(), 0..20),
        b in prop::collection::btree_map(0_u16..480, any::<u64>(), 0..20),
        quantile in any::<f64>(),
    ) {
        let (mut a, b) = (Histogram::try_from(a).unwrap(), Histogram::try_from(b).unwrap());
        a += &b;
        prop_assert!(a.total() >= b.total());
        prop_assert_eq!(a.quantile_ms(quantile).is_none(), a.total() == 0);
        let mut test = LatencyTest::new(Quantile::P95, 0.0025, 0.2, Restarts::over(60_000, 5_000));
        test.close_tick(&b, &PerVariant::new(a, b.clone()));
        prop_assert!(test.evidence().ln_e.is_finite());
        let json = serde_json::to_string(&b).unwrap();
        prop_assert_eq!(serde_json::from_str::<Histogram>(&json).unwrap(), b);
    }
}
