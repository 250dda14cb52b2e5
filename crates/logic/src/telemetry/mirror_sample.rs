//! Pairs of answers in messages: what an isolate reports of the requests whose copies it sent to the canary.

use std::mem;

use serde::{Deserialize, Serialize};

use crate::analysis::{Measure, PairCounts, PerVariant, Unit};
use crate::fallback::Answer;
use crate::mirror::{Comparison, Differences, MirrorOrder, is_slower};
use crate::variant::Variant;
use crate::visitors::{Entry, KeySet, Marks, Network, VisitorSketch};

/// What a message says of mirrored traffic. Senders of other versions read it, so fields are only ever added.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MirrorSample {
    /// All pairs.
    pub counts: PairCounts,
    /// Visitors whose requests were copied.
    pub visitors: VisitorSketch,
    /// Visitors with a failed answer, by the variant that failed.
    pub failing: PerVariant<VisitorSketch>,
    /// Visitors with a pair in which an answer is worse, by the variant of the worse answer in the first such pair.
    #[serde(skip_serializing_if = "KeySet::is_empty")]
    pub worse: KeySet,
    /// Visitors with a pair whose times are compared: the canary's where it was slower in the first such pair, stable's where it was not.
    #[serde(skip_serializing_if = "KeySet::is_empty")]
    pub slower: KeySet,
    /// Requests that were not copied because too many copies were under way.
    pub busy: u64,
    /// Requests that were not copied because a breaker kept them from the canary.
    pub withheld: u64,
    /// The most frequent differences.
    #[serde(skip_serializing_if = "Differences::is_empty")]
    pub differences: Differences,
}

/// Both answers to one request.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'a> {
    /// The visitor: a hash of the sticky key and the salt that is independent of the bucket.
    pub visitor: u32,
    /// Stable's answer, which the visitor got.
    pub stable: Answer,
    /// The canary's answer to the copy.
    pub canary: Answer,
    /// Time to stable's answer, in ms.
    pub stable_ms: f64,
    /// Time to the canary's answer, in ms.
    pub canary_ms: f64,
    /// The path of the request's URL.
    pub path: &'a str,
    /// The request's id.
    pub ray: &'a str,
}

/// A request that was selected and not copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uncopied {
    /// Too many copies are under way.
    Busy,
    /// A breaker keeps requests from the canary.
    Withheld,
}

/// What an isolate's messages of one observation have carried.
#[derive(Clone, Debug, Default)]
pub(super) struct ReportedPairs {
    worse: KeySet,
    slower: KeySet,
    visitors: VisitorSketch,
    failing: PerVariant<VisitorSketch>,
}

// === impl MirrorSample ===

impl MirrorSample {
    /// Adds the pairs of another sender. Each set keeps `capacity` visitors.
    pub fn merge(&mut self, other: &Self, capacity: usize) {
        let Self { counts, visitors, failing, worse, slower, busy, withheld, differences } = other;
        self.counts += *counts;
        self.visitors.merge(visitors);
        for variant in Variant::ALL {
            self.failing.get_mut(variant).merge(failing.get(variant));
        }
        self.worse.merge(worse, capacity);
        self.slower.merge(slower, capacity);
        self.busy = self.busy.saturating_add(*busy);
        self.withheld = self.withheld.saturating_add(*withheld);
        self.differences.merge(differences);
    }

    /// Counts a request that was not copied.
    pub(super) fn skip(&mut self, why: Uncopied) {
        let count = match why {
            Uncopied::Busy => &mut self.busy,
            Uncopied::Withheld => &mut self.withheld,
        };
        *count = count.saturating_add(1);
    }
}

// === impl ReportedPairs ===

impl ReportedPairs {
    /// Counts a pair in a sample whose sets keep `capacity` visitors. `is_warm` says whether the canary's time counts.
    pub(super) fn record(
        &self,
        sample: &mut MirrorSample,
        pair: &Pair<'_>,
        (order, measure): (&MirrorOrder, &Measure),
        is_warm: bool,
        network: impl FnOnce() -> Network,
        capacity: usize,
    ) {
        let Pair { visitor, stable, canary, stable_ms, canary_ms, path, ray } = *pair;
        let comparison = order.statuses.compare(stable, canary);
        let failed = PerVariant::new(canary.is_failure(), stable.is_failure());
        let is_timed = is_warm && !failed.canary && !failed.stable;
        let slower = is_timed.then(|| is_slower(stable_ms, canary_ms, measure.slow.tolerance));
        sample.counts.record(comparison, failed, slower);
        if stable != canary {
            sample.differences.record(path, stable, canary, comparison, ray);
        }
        if measure.unit == Unit::Request {
            return;
        }
        sample.visitors.insert(visitor);
        for variant in Variant::ALL {
            if *failed.get(variant) {
                sample.failing.get_mut(variant).insert(visitor);
            }
        }
        let worse = match comparison {
            Comparison::AgainstCanary => Some(Variant::Canary),
            Comparison::AgainstStable => Some(Variant::Stable),
            Comparison::Neither => None,
        };
        let slower = slower.map(|slower| if slower { Variant::Canary } else { Variant::Stable });
        // The first pair of a visitor counts, also where a message has carried it.
        let worse = worse.filter(|_| !self.worse.knows(visitor, Marks::SEEN));
        let slower = slower.filter(|_| !self.slower.knows(visitor, Marks::SEEN));
        if worse.is_none() && slower.is_none() {
            return;
        }
        let network = network();
        for (variant, set, reported) in
            [(worse, &mut sample.worse, &self.worse), (slower, &mut sample.slower, &self.slower)]
        {
            if let Some(variant) = variant.filter(|_| !reported.has_enough_of(network)) {
                set.offer(visitor, Entry { variant, network, marks: Marks::SEEN }, capacity);
            }
        }
    }

    /// Remembers up to `capacity` visitors that a sample reports, and takes from it what earlier ones have reported.
    pub(super) fn take(&mut self, sample: &mut MirrorSample, capacity: usize) {
        self.worse.merge(&sample.worse, capacity);
        self.slower.merge(&sample.slower, capacity);
        take_known(&mut self.visitors, &mut sample.visitors);
        for variant in Variant::ALL {
            take_known(self.failing.get_mut(variant), sample.failing.get_mut(variant));
        }
    }
}

/// Leaves in `seen` what is new, and adds it to what is known.
pub(super) fn take_known(known: &mut VisitorSketch, seen: &mut VisitorSketch) {
    let all = mem::take(seen);
    *seen = all.since(known);
    known.merge(&all);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirror::StatusTable;

    fn pair(visitor: u32, stable: u16, canary: u16, canary_ms: f64) -> Pair<'static> {
        let (stable, canary) = (Answer::Status(stable), Answer::Status(canary));
        Pair { visitor, stable, canary, stable_ms: 100.0, canary_ms, path: "/item/7", ray: "r" }
    }

    fn record(reported: &ReportedPairs, sample: &mut MirrorSample, pairs: &[Pair<'_>]) {
        let (order, measure) = (MirrorOrder::default(), Measure::default());
        for pair in pairs {
            reported.record(sample, pair, (&order, &measure), true, || Network::UNKNOWN, 100);
        }
    }

    fn of(set: &KeySet, variant: Variant) -> usize {
        set.iter().filter(|(_, entry)| entry.variant == variant).count()
    }

    #[test]
    fn a_visitors_first_pair_counts_also_in_later_messages() {
        let (mut reported, mut sample) = (ReportedPairs::default(), MirrorSample::default());
        let pairs =
            [pair(1, 200, 500, 9.0), pair(1, 500, 200, 9.0), pair(2, 404, 200, 300.0), pair(3, 200, 200, 100.0)];
        record(&reported, &mut sample, &pairs);
        assert_eq!((of(&sample.worse, Variant::Canary), of(&sample.worse, Variant::Stable)), (1, 1));
        assert_eq!((of(&sample.slower, Variant::Canary), of(&sample.slower, Variant::Stable)), (1, 1));
        let counts = sample.counts;
        assert_eq!((counts.pairs, counts.against_canary, counts.against_stable, counts.timed), (4, 1, 2, 2));
        assert_eq!((sample.visitors.estimate(), sample.failing.canary.estimate()), (3, 1));
        assert_eq!(sample.differences.most_frequent().len(), 3);
        reported.take(&mut sample, 1_000);
        let mut next = MirrorSample::default();
        record(&reported, &mut next, &[pair(1, 500, 200, 9.0), pair(3, 200, 200, 900.0), pair(4, 200, 503, 1.0)]);
        reported.take(&mut next, 1_000);
        assert_eq!((next.worse.len(), next.slower.len(), next.visitors.estimate()), (1, 0, 1));
    }

    #[test]
    fn where_every_request_counts_for_itself_no_visitor_is_kept() {
        let measure = Measure { unit: Unit::Request, ..Measure::default() };
        let mut sample = MirrorSample::default();
        let order = MirrorOrder::default();
        let pair = pair(1, 200, 500, 9.0);
        ReportedPairs::default().record(&mut sample, &pair, (&order, &measure), true, || Network::UNKNOWN, 100);
        assert_eq!((sample.counts.against_canary, sample.worse.len(), sample.visitors.estimate()), (1, 0, 0));
    }

    #[test]
    fn the_plans_rules_decide_what_is_worse() {
        let rules = r#"[{"stable":200,"canary":404,"counts":"neither"}]"#;
        let statuses: StatusTable = serde_json::from_str(rules).unwrap();
        let order = MirrorOrder { statuses, ..MirrorOrder::default() };
        let mut sample = MirrorSample::default();
        let (reported, measure) = (ReportedPairs::default(), Measure::default());
        reported.record(&mut sample, &pair(1, 200, 404, 9.0), (&order, &measure), true, || Network::UNKNOWN, 100);
        assert_eq!((sample.counts.against_canary, sample.differences.most_frequent()[0].pairs), (0, 1));
    }

    #[test]
    fn the_wire_form_is_frozen_and_additive() {
        let mut sample = MirrorSample { busy: 1, withheld: 2, ..MirrorSample::default() };
        record(&ReportedPairs::default(), &mut sample, &[pair(7, 200, 500, 9.0), pair(8, 200, 200, 300.0)]);
        let json = concat!(
            r#"{"counts":{"pairs":2,"againstCanary":1,"againstStable":0,"timed":1,"slower":1,"failures":{"canary":1,"stable":0}},"#,
            r#""visitors":"","failing":{"canary":"","stable":""},"worse":"07000000000081","slower":"08000000000081","#,
            r#""busy":1,"withheld":2,"differences":[{"path":"/item/*","stable":200,"canary":500,"#,
            r#""counts":"against-canary","pairs":1,"example":"r"}]}"#
        );
        let sketches = MirrorSample { visitors: VisitorSketch::default(), failing: PerVariant::default(), ..sample };
        assert_eq!(serde_json::to_string(&sketches).unwrap(), json, "isolates and shards of other versions speak this");
        assert_eq!(serde_json::from_str::<MirrorSample>(json).unwrap(), sketches);
        assert_eq!(serde_json::from_str::<MirrorSample>("{}").unwrap(), MirrorSample::default());
    }
}
