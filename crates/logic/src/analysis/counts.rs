//! Counts of both variants. Counts arrive over the network, merged from many isolates, so no value may break an invariant: failures never
//! exceed requests, sums saturate, and a fraction is always a number in 0..=1.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use crate::variant::Variant;

/// One value for each variant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PerVariant<T> {
    /// The canary's value.
    pub canary: T,
    /// Stable's value, of the control slice.
    pub stable: T,
}

/// Requests of one variant and how many of them failed. `failures <= requests` and `first_failures <= failures`, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", from = "CountsWire")]
pub struct Counts {
    requests: u64,
    failures: u64,
    first_failures: u64,
    /// Distinct visitors; 0 where every request counts for itself.
    #[serde(skip_serializing_if = "is_zero")]
    visitors: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CountsWire {
    requests: u64,
    failures: u64,
    #[serde(default)]
    first_failures: u64,
    #[serde(default)]
    visitors: u64,
}

/// Unit of assignment: the entity that is assigned to a variant, and therefore one piece of evidence.
///
/// With sticky visitors, a handful of visitors whose every request fails would roll back 17 % of healthy canaries if each request counted.
/// Counted once per visitor, the rate is 0.15 %.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// A sticky key is assigned once and keeps its variant. Its first failure counts, against the configured fraction.
    #[default]
    StickyKey,
    /// Every request is assigned separately. Every failure counts, against the fraction realised in the tick.
    Request,
}

impl Unit {
    /// Units as a word.
    pub fn plural(self) -> &'static str {
        match self {
            Self::StickyKey => "visitors",
            Self::Request => "requests",
        }
    }
}

/// The canary's fraction of the compared requests, 0..=1: canary / (canary + control slice). The fraction is never NaN.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Fraction(f64);

// === impl PerVariant ===

impl<T> PerVariant<T> {
    /// Pairs the canary's value with stable's.
    pub const fn new(canary: T, stable: T) -> Self {
        Self { canary, stable }
    }
}

impl<T> PerVariant<T> {
    /// The value of a variant, to change it.
    pub const fn get_mut(&mut self, variant: Variant) -> &mut T {
        match variant {
            Variant::Canary => &mut self.canary,
            Variant::Stable => &mut self.stable,
        }
    }

    /// The value of a variant.
    pub const fn get(&self, variant: Variant) -> &T {
        match variant {
            Variant::Canary => &self.canary,
            Variant::Stable => &self.stable,
        }
    }
}

impl<T: AddAssign> AddAssign for PerVariant<T> {
    fn add_assign(&mut self, other: Self) {
        self.canary += other.canary;
        self.stable += other.stable;
    }
}

// === impl Counts ===

impl Counts {
    /// Creates counts in which every failure is evidence. Failures are limited to the number of requests.
    pub fn new(requests: u64, failures: u64) -> Self {
        Self::sticky(requests, failures, failures)
    }

    /// Creates counts with the number of first failures of sticky keys, which is limited to the number of failures.
    pub fn sticky(requests: u64, failures: u64, first_failures: u64) -> Self {
        let failures = failures.min(requests);
        Self { requests, failures, first_failures: first_failures.min(failures), visitors: 0 }
    }

    /// The same counts with the number of distinct visitors. More visitors failed than there were is impossible, but the number is an
    /// estimate: it is at least the number of those that failed.
    pub fn of_visitors(self, visitors: u64) -> Self {
        Self { visitors: visitors.max(self.first_failures), ..self }
    }

    /// Requests that were answered or failed.
    pub fn requests(&self) -> u64 {
        self.requests
    }

    /// Requests that failed, including those that stable then answered.
    pub fn failures(&self) -> u64 {
        self.failures
    }

    /// The failures that count as evidence under `unit`.
    pub fn evidence(&self, unit: Unit) -> u64 {
        match unit {
            Unit::StickyKey => self.first_failures,
            Unit::Request => self.failures,
        }
    }

    /// Distinct visitors; 0 where they are not counted.
    pub fn visitors(&self) -> u64 {
        self.visitors
    }

    /// The number of units: visitors or requests.
    pub fn units(&self, unit: Unit) -> u64 {
        match unit {
            Unit::StickyKey => self.visitors,
            Unit::Request => self.requests,
        }
    }

    /// Share of the units that failed, 0..=1; 0 without units.
    pub fn failure_rate(&self, unit: Unit) -> f64 {
        ratio(self.evidence(unit), self.units(unit))
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        // Saturating each count keeps their order: a smaller count never saturates before a larger one.
        self.requests = self.requests.saturating_add(other.requests);
        self.failures = self.failures.saturating_add(other.failures);
        self.first_failures = self.first_failures.saturating_add(other.first_failures);
        self.visitors = self.visitors.saturating_add(other.visitors);
    }
}

impl From<CountsWire> for Counts {
    fn from(wire: CountsWire) -> Self {
        let counts = Self::sticky(wire.requests, wire.failures, wire.first_failures);
        if wire.visitors == 0 { counts } else { counts.of_visitors(wire.visitors) }
    }
}

// === impl Fraction ===

impl Fraction {
    /// The fraction of two widths in the same unit (buckets, weights, requests); 0 if both are 0.
    pub fn of(canary: u64, stable: u64) -> Self {
        Self::clamped(canary as f64 / (canary as f64 + stable as f64))
    }

    /// Creates a fraction from a number. A number outside 0..=1 is clamped, and NaN becomes 0.
    pub fn clamped(fraction: f64) -> Self {
        if fraction.is_nan() { Self(0.0) } else { Self(fraction.clamp(0.0, 1.0)) }
    }

    /// The fraction as a number in 0..=1.
    pub fn get(self) -> f64 {
        self.0
    }

    /// Stable's fraction of the same comparison.
    pub fn complement(self) -> Self {
        Self(1.0 - self.0)
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(super) fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// `part / whole`, or 0 if `whole` is 0.
pub(crate) fn ratio(part: u64, whole: u64) -> f64 {
    Fraction::clamped(part as f64 / whole as f64).get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_failures_than_requests_are_cut_to_the_requests() {
        let counts = Counts::sticky(3, 9, 27);
        assert_eq!((counts.requests(), counts.failures(), counts.evidence(Unit::StickyKey)), (3, 3, 3));
        let from_wire: Counts = serde_json::from_str(r#"{"requests":3,"failures":9,"firstFailures":4}"#).unwrap();
        assert_eq!((from_wire.failures(), from_wire.evidence(Unit::StickyKey)), (3, 3));
    }

    #[test]
    fn merging_saturates_and_keeps_the_order() {
        let mut sum = PerVariant::new(Counts::new(u64::MAX, u64::MAX - 1), Counts::default());
        sum += PerVariant::new(Counts::new(5, 5), Counts::new(7, 1));
        assert_eq!(sum.canary, Counts::new(u64::MAX, u64::MAX));
        assert_eq!(sum.stable, Counts::new(7, 1));
    }

    #[test]
    fn a_fraction_is_always_a_number_between_0_and_1() {
        assert_eq!(Fraction::of(0, 0), Fraction(0.0));
        assert_eq!(Fraction::of(5, 20), Fraction(0.2));
        assert_eq!(Fraction::of(u64::MAX, 0), Fraction(1.0));
        assert_eq!(Fraction::clamped(f64::NAN), Fraction(0.0));
        assert_eq!(Fraction::clamped(f64::INFINITY), Fraction(1.0));
        assert_eq!(Fraction(0.25).complement(), Fraction(0.75));
    }

    #[test]
    fn a_visitor_who_fails_a_hundred_times_is_one_piece_of_evidence() {
        let counts = Counts::sticky(500, 100, 1);
        assert_eq!(counts.evidence(Unit::StickyKey), 1);
        assert_eq!(counts.evidence(Unit::Request), 100);
        assert!((counts.failure_rate(Unit::Request) - 0.2).abs() < 1e-12);
        let counts = counts.of_visitors(50);
        assert!((counts.failure_rate(Unit::StickyKey) - 0.02).abs() < 1e-12);
    }

    #[test]
    fn the_stored_form_is_frozen() {
        let json = r#"{"canary":{"requests":5,"failures":2,"firstFailures":1},"stable":{"requests":9,"failures":0,"firstFailures":0}}"#;
        let variants = PerVariant::new(Counts::sticky(5, 2, 1), Counts::new(9, 0));
        assert_eq!(
            serde_json::to_string(&variants).unwrap(),
            json,
            "isolates and controllers of other versions read this form"
        );
        assert_eq!(serde_json::from_str::<PerVariant<Counts>>(json).unwrap(), variants);
    }
}
