//! The document of a plan, as an operator writes it. Unknown fields are refused, because they are most often typing errors; fields that
//! are left out have the values of [`PlanDocument::default`].

use core::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, IntoDeserializer, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::check::CheckDocument;
use super::freeze::FreezeDocument;
use super::{
    Freeze, Limits, Mirroring, OnFail, OnMaxWait, Plan, PlanStep, Schedule, Timing, check_steps, watched_bodies,
};
use crate::analysis::Regression;
use crate::document::InvalidDocument;
use crate::matcher::pattern::Patterns;
use crate::matcher::{self, Matcher};
use crate::percentage::Percentage;
use crate::span::Span;

pub(super) const SECOND: u64 = 1_000;
pub(super) const HOUR: u64 = 3_600 * SECOND;
const DAY: u64 = 24 * HOUR;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct PlanDocument {
    /// Required unless there are steps, which make it `custom`.
    schedule: Option<Schedule>,
    /// The schedule's; required for `custom`.
    steps: Option<Vec<StepDocument>>,
    /// The schedule's.
    hold: Option<SpanWithin<0, { 30 * DAY }>>,
    settle: SpanWithin<0, HOUR>,
    look_every: SpanWithin<100, HOUR>,
    /// The last step's hold.
    bake: Option<SpanWithin<0, { 30 * DAY }>>,
    alarm_grace: SpanWithin<SECOND, DAY>,
    undo_window: SpanWithin<0, { 30 * DAY }>,
    failure_limit: CountUpTo<100>,
    max_inconclusive: CountUpTo<1_000>,
    max_wait: Option<SpanWithin<SECOND, { 30 * DAY }>>,
    on_max_wait: OnMaxWait,
    on_fail: OnFail,
    watch_bodies: Percentage,
    detect: RegressionWithin,
    mirroring: Mirroring,
    freeze: Option<FreezeDocument>,
    analysis: Map<String, Value>,
}

/// A step: its fields, or its percentage alone.
struct StepDocument(StepFields);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StepFields {
    /// 0 where the step mirrors.
    #[serde(default)]
    percentage: Percentage,
    /// The plan's.
    hold: Option<SpanWithin<0, { 30 * DAY }>>,
    #[serde(default)]
    approval: bool,
    #[serde(rename = "where", default, deserialize_with = "ring")]
    ring: Option<Matcher>,
    mirror: Option<Percentage>,
    #[serde(default, deserialize_with = "matcher::paths")]
    paths: Option<Patterns>,
    check: Option<CheckDocument>,
}

fn ring<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Matcher>, D::Error> {
    Matcher::for_ring(deserializer).map(Some)
}

/// A span from `LOW` to `HIGH` milliseconds, both included.
pub(super) struct SpanWithin<const LOW: u64, const HIGH: u64>(pub(super) Span);

/// A whole number from 1 to `HIGH`.
pub(super) struct CountUpTo<const HIGH: u32>(pub(super) u32);

/// A regression whose numbers are within their ranges.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RegressionWithin {
    factor: Option<NumberWithin<110, 10_000>>,
    points: Option<NumberWithin<1, 10_000>>,
}

/// A number from `LOW` to `HIGH` hundredths, both included.
struct NumberWithin<const LOW: u32, const HIGH: u32>(f64);

// === impl Plan ===

impl Plan {
    /// Parses the document that an operator sends.
    ///
    /// # Errors
    /// The first field that is unknown, of the wrong type or outside its range.
    pub fn parse(json: &str) -> Result<Self, InvalidDocument> {
        crate::document::parse::<PlanDocument>("plan", json)?.try_into()
    }

    /// The same for a document that is part of another one.
    ///
    /// # Errors
    /// The first field that is unknown, of the wrong type or outside its range.
    pub fn read(json: Value) -> Result<Self, InvalidDocument> {
        crate::document::read::<PlanDocument>("plan", json)?.try_into()
    }
}

// === impl PlanDocument ===

impl Default for PlanDocument {
    fn default() -> Self {
        let Timing { settle, look_every, bake: _, alarm_grace, undo_window } = Timing::default();
        let Limits { failure_limit, max_inconclusive, max_wait: _, on_max_wait } = Limits::default();
        Self {
            schedule: None,
            steps: None,
            hold: None,
            settle: SpanWithin(settle),
            look_every: SpanWithin(look_every),
            bake: None,
            alarm_grace: SpanWithin(alarm_grace),
            undo_window: SpanWithin(undo_window),
            failure_limit: CountUpTo(failure_limit),
            max_inconclusive: CountUpTo(max_inconclusive),
            max_wait: None,
            on_max_wait,
            on_fail: OnFail::default(),
            watch_bodies: watched_bodies(),
            detect: RegressionWithin::default(),
            mirroring: Mirroring::default(),
            freeze: None,
            analysis: Map::new(),
        }
    }
}

impl TryFrom<PlanDocument> for Plan {
    type Error = InvalidDocument;

    fn try_from(document: PlanDocument) -> Result<Self, InvalidDocument> {
        let schedule = document
            .schedule
            .or_else(|| document.steps.as_ref().map(|_| Schedule::Custom))
            .ok_or_else(|| missing("schedule", "standard, fast, safe, blue-green or custom"))?;
        let preset = Self::preset(schedule);
        let hold = document.hold.map(|hold| hold.0);
        let default_hold = hold.unwrap_or_else(|| schedule.hold());
        let is_preset = |steps: &[StepDocument]| {
            let percentages = steps.iter().map(|step| step.0.percentage);
            percentages.eq(preset.steps.iter().map(|step| step.percentage))
        };
        let steps = match document.steps {
            // A preset's own steps are accepted, so that a plan that is shown can be sent again.
            Some(steps) if schedule == Schedule::Custom || is_preset(&steps) => {
                steps.into_iter().map(|step| step.with_defaults(default_hold, document.failure_limit.0)).collect()
            }
            Some(_) => {
                let message = format!("accepted only with schedule custom, not with {}", schedule.name());
                return Err(InvalidDocument { field: "steps".into(), message });
            }
            None if schedule == Schedule::Custom => return Err(missing("steps", "a list such as [5,25,50,100]")),
            None => preset.steps.into_iter().map(|step| PlanStep { hold: default_hold, ..step }).collect(),
        };
        let steps = check_steps(steps)?;
        let last_hold = steps.last().map_or(default_hold, |step| step.hold);
        Ok(Self {
            schedule,
            steps,
            timing: Timing {
                settle: document.settle.0,
                look_every: document.look_every.0,
                bake: document.bake.map_or(last_hold, |bake| bake.0),
                alarm_grace: document.alarm_grace.0,
                undo_window: document.undo_window.0,
            },
            limits: Limits {
                failure_limit: document.failure_limit.0,
                max_inconclusive: document.max_inconclusive.0,
                max_wait: document.max_wait.map(|wait| wait.0),
                on_max_wait: document.on_max_wait,
            },
            on_fail: document.on_fail,
            watch_bodies: document.watch_bodies,
            detect: document.detect.into(),
            mirroring: document.mirroring.check()?,
            freeze: document.freeze.map(|freeze| Freeze::from(freeze).check()).transpose()?,
            analysis: document.analysis,
        })
    }
}

fn missing(field: &str, accepted: &str) -> InvalidDocument {
    InvalidDocument { field: field.into(), message: format!("missing, needed: {accepted}") }
}

// === impl StepDocument ===

impl StepDocument {
    fn with_defaults(self, default_hold: Span, failure_limit: u32) -> PlanStep {
        let StepFields { percentage, hold, approval, ring, mirror, paths, check } = self.0;
        let hold = hold.map_or(default_hold, |hold| hold.0);
        let check = check.map(|check| check.with_limit(failure_limit));
        PlanStep { percentage, hold, approval, ring, mirror, paths, check }
    }
}

impl From<Percentage> for StepDocument {
    fn from(percentage: Percentage) -> Self {
        let (hold, approval) = (None, false);
        Self(StepFields { percentage, hold, approval, ring: None, mirror: None, paths: None, check: None })
    }
}

impl<'de> Deserialize<'de> for StepDocument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StepVisitor)
    }
}

/// An untagged enum would accept the same, but lose the path of an error within the step.
struct StepVisitor;

impl<'de> Visitor<'de> for StepVisitor {
    type Value = StepDocument;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(r#"a percentage or an object such as {"percentage":5,"hold":"15m"}"#)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<StepDocument, E> {
        Percentage::deserialize(number.into_deserializer()).map(StepDocument::from)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<StepDocument, E> {
        Percentage::deserialize(number.into_deserializer()).map(StepDocument::from)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<StepDocument, E> {
        Percentage::deserialize(number.into_deserializer()).map(StepDocument::from)
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<StepDocument, A::Error> {
        StepFields::deserialize(MapAccessDeserializer::new(fields)).map(StepDocument)
    }
}

// === impl SpanWithin ===

impl<'de, const LOW: u64, const HIGH: u64> Deserialize<'de> for SpanWithin<LOW, HIGH> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (low, high) = (Span::from_millis(LOW), Span::from_millis(HIGH));
        let accepted = format!("{low}..={high}, as text such as 15m or a number of seconds");
        let span = Span::deserialize(deserializer).ok().filter(|span| (low..=high).contains(span));
        span.map(Self).ok_or_else(|| D::Error::invalid_value(Unexpected::Other("span"), &accepted.as_str()))
    }
}

// === impl CountUpTo ===

impl<'de, const HIGH: u32> Deserialize<'de> for CountUpTo<HIGH> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let count = u32::deserialize(deserializer).ok().filter(|count| (1..=HIGH).contains(count));
        let accepted = format!("1..={HIGH}");
        count.map(Self).ok_or_else(|| D::Error::invalid_value(Unexpected::Other("number"), &accepted.as_str()))
    }
}

// === impl NumberWithin ===

impl<'de, const LOW: u32, const HIGH: u32> Deserialize<'de> for NumberWithin<LOW, HIGH> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (low, high) = (f64::from(LOW) / 100.0, f64::from(HIGH) / 100.0);
        let number = f64::deserialize(deserializer).ok().filter(|number| (low..=high).contains(number));
        let accepted = format!("{low}..={high}");
        number.map(Self).ok_or_else(|| D::Error::invalid_value(Unexpected::Other("number"), &accepted.as_str()))
    }
}

// === impl RegressionWithin ===

impl From<RegressionWithin> for Regression {
    fn from(document: RegressionWithin) -> Self {
        let default = Self::default();
        Self {
            factor: document.factor.map_or(default.factor, |factor| factor.0),
            points: document.points.map_or(default.points, |points| points.0),
        }
    }
}
