//! Tests the split against independently computed numbers and against chance.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic, outside its functions too")]

use serde_json::Value;
use serin_logic::Percentage;
use serin_logic::bucket::{BUCKETS, Bucket};

fn vectors(text: &str, list: &str) -> Vec<Value> {
    let document: Value = serde_json::from_str(text).unwrap();
    document[list].as_array().unwrap().clone()
}

#[test]
fn the_hash_agrees_with_the_published_vectors_of_flagd_and_with_another_implementation() {
    let text = include_str!("../../../tests/vectors/murmur3.json");
    for vector in vectors(text, "published").iter().chain(&vectors(text, "computed")) {
        let hash = mur3::murmurhash3_x86_32(vector["key"].as_str().unwrap().as_bytes(), 0);
        assert_eq!(u64::from(hash), vector["hash"].as_u64().unwrap(), "{vector}");
    }
}

#[test]
fn every_golden_key_is_in_its_bucket() {
    // These values are frozen: a different bucket would move real visitors to the other variant.
    let vectors = vectors(include_str!("../../../tests/vectors/buckets.json"), "vectors");
    assert!(vectors.len() > 50);
    for vector in vectors {
        let bucket = Bucket::of(vector["salt"].as_str().unwrap(), vector["key"].as_str().unwrap());
        assert_eq!(u64::from(bucket.index()), vector["bucket"].as_u64().unwrap(), "{vector}");
    }
}

const KEYS: u32 = 1_000_000;

#[test]
fn each_share_of_a_million_keys_is_within_four_standard_errors() {
    let buckets: Vec<Bucket> = (0..KEYS).map(|key| Bucket::of("r1", &format!("visitor-{key}"))).collect();
    for percentage in ["0.1", "1", "5", "25", "50", "99.9"] {
        let share = Percentage::try_from(percentage.parse::<f64>().unwrap()).unwrap();
        let canary = buckets.iter().filter(|bucket| share.contains(**bucket)).count();
        let (n, p) = (f64::from(KEYS), percentage.parse::<f64>().unwrap() / 100.0);
        let deviation = (f64::from(u32::try_from(canary).unwrap()) - n * p) / (n * p * (1.0 - p)).sqrt();
        assert!(deviation.abs() <= 4.0, "{percentage} %: {canary} of {KEYS}, {deviation:.2} standard errors");
    }
    assert!(!buckets.iter().any(|bucket| Percentage::ZERO.contains(*bucket)));
    assert!(buckets.iter().all(|bucket| Percentage::FULL.contains(*bucket)));
}

#[test]
fn two_salts_assign_independently() {
    // Of 200,000 keys at 50 % each, a quarter is on the canary under both salts if the salts are independent.
    let half = Percentage::percent(50);
    let keys = 200_000_u32;
    let on = |salt: &str, key: u32| half.contains(Bucket::of(salt, &format!("visitor-{key}")));
    let both = (0..keys).filter(|key| on("r1", *key) && on("r2", *key)).count();
    let (n, p) = (f64::from(keys), 0.25_f64);
    let deviation = (f64::from(u32::try_from(both).unwrap()) - n * p) / (n * p * (1.0 - p)).sqrt();
    assert!(deviation.abs() <= 4.0, "{both} of {keys} on both, {deviation:.2} standard errors");
}

#[test]
fn growing_a_share_moves_no_visitor_off_the_canary() {
    for key in 0..2_000 {
        let bucket = Bucket::of("r1", &format!("visitor-{key}"));
        let mut was_canary = false;
        for step in ["0", "0.001", "1", "5", "15", "35", "65", "99.999", "100"] {
            let is_canary = Percentage::try_from(step.parse::<f64>().unwrap()).unwrap().contains(bucket);
            assert!(is_canary || !was_canary, "visitor-{key} left the canary at {step} %");
            was_canary = is_canary;
        }
        assert!(was_canary && bucket.index() < BUCKETS);
    }
}
