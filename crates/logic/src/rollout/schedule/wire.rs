//! The document of a plan. Two stages: JSON values by name, then the checks, so that a message can name the field, what it was, and
//! what would be accepted. People get every slip refused; a stored plan may have fields that a newer version wrote.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

use super::freeze::wire as freeze;
use super::matcher::{self, Matcher};
use super::{Limits, Plan, PlanStep, Schedule, Timing};
use crate::percentage::Percentage;
use crate::policy::document::shown;
use crate::span::Span;
use crate::{json, object};

/// Most steps of a plan.
const MAX_STEPS: usize = 20;

/// Longest value that a message repeats, in characters.
const MAX_SHOWN: usize = 80;

const SECOND: u64 = 1_000;
const HOUR: u64 = 3_600 * SECOND;
const DAY: u64 = 24 * HOUR;

const FIELDS: [&str; 13] = [
    "schedule",
    "steps",
    "hold",
    "settle",
    "lookEvery",
    "bake",
    "alarmGrace",
    "undoWindow",
    "failureLimit",
    "maxInconclusive",
    "onFail",
    "freeze",
    "analysis",
];
const STEP_FIELDS: [&str; 4] = ["percentage", "hold", "approval", "where"];

/// A field that cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{field} is {value}, should be {accepted}")]
pub struct InvalidPlan {
    /// Its path: `steps[2].percentage`.
    pub field: String,
    /// What it was, as JSON.
    pub value: String,
    /// What would be taken.
    pub accepted: String,
}

/// A plan as it is stored and shown.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Stored(Value);

/// An object's fields, each taken once.
pub(super) struct Fields<'a> {
    pub(super) path: String,
    pub(super) of: &'a Map<String, Value>,
}

pub(super) fn parse(json: &str) -> Result<Plan, InvalidPlan> {
    let value = serde_json::from_str(json).map_err(|error| InvalidPlan {
        field: "plan".into(),
        value: format!("no JSON ({error})"),
        accepted: r#"an object such as {"schedule":"standard"}"#.into(),
    })?;
    check(&value, true)
}

fn check(value: &Value, strict: bool) -> Result<Plan, InvalidPlan> {
    let Value::Object(of) = value else {
        return Err(invalid("plan", value, r#"an object such as {"schedule":"standard"}"#));
    };
    let fields = Fields { path: String::new(), of };
    if strict {
        fields.known(&FIELDS)?;
    }
    let schedule = fields.one_of::<Schedule>("schedule", "standard, fast, safe, blue-green or custom")?;
    let schedule = match (schedule, fields.get("steps")) {
        (Some(schedule), _) => schedule,
        (None, Some(_)) => Schedule::Custom,
        (None, None) => return Err(fields.wrong("schedule", "standard, fast, safe, blue-green or custom")),
    };
    let preset = Plan::preset(schedule);
    let hold = fields.span("hold", 0, 30 * DAY)?;
    let default_hold = hold.unwrap_or(schedule.shape().1);
    let steps = match fields.get("steps") {
        Some(steps) if schedule == Schedule::Custom || !strict => check_steps(steps, default_hold, strict)?,
        Some(_) => return Err(fields.wrong("steps", "left out, or schedule custom")),
        None if schedule == Schedule::Custom => {
            return Err(fields.wrong("steps", "given for a custom schedule: such as [5,25,50,100]"));
        }
        None => preset.steps.into_iter().map(|step| PlanStep { hold: default_hold, ..step }).collect(),
    };
    let last_hold = steps.last().map_or(default_hold, |step| step.hold);
    let timing = Timing {
        settle: fields.span("settle", 0, HOUR)?.unwrap_or(preset.timing.settle),
        look_every: fields.span("lookEvery", 100, HOUR)?.unwrap_or(preset.timing.look_every),
        bake: fields.span("bake", 0, 30 * DAY)?.unwrap_or(last_hold),
        alarm_grace: fields.span("alarmGrace", SECOND, DAY)?.unwrap_or(preset.timing.alarm_grace),
        undo_window: fields.span("undoWindow", 0, 30 * DAY)?.unwrap_or(preset.timing.undo_window),
    };
    let limits = Limits {
        failure_limit: fields.count("failureLimit", 100)?.unwrap_or(preset.limits.failure_limit),
        max_inconclusive: fields.count("maxInconclusive", 1_000)?.unwrap_or(preset.limits.max_inconclusive),
    };
    let on_fail = fields.one_of("onFail", "roll-back or hold")?.unwrap_or_default();
    let freeze = fields.get("freeze").map(|value| freeze::check(value, strict)).transpose()?;
    let analysis = match fields.get("analysis") {
        None => Map::new(),
        Some(Value::Object(analysis)) => analysis.clone(),
        Some(_) => return Err(fields.wrong("analysis", "an object")),
    };
    Ok(Plan { schedule, steps, timing, limits, on_fail, freeze, analysis })
}

fn check_steps(steps: &Value, hold: Span, strict: bool) -> Result<Vec<PlanStep>, InvalidPlan> {
    let Value::Array(wire) = steps else { return Err(invalid("steps", steps, "a list of 1 to 20 steps")) };
    if wire.is_empty() || wire.len() > MAX_STEPS {
        let had = Value::from(format!("{} steps", wire.len()));
        return Err(invalid("steps", &had, "a list of 1 to 20 steps"));
    }
    let mut checked: Vec<PlanStep> = Vec::with_capacity(wire.len());
    for (index, wire) in wire.iter().enumerate() {
        let step = check_step(wire, &format!("steps[{index}]"), hold, strict)?;
        let path = format!("steps[{index}].percentage");
        // Within its ring or within the world a step must grow; a ring's steps come before the world's.
        let before = checked.iter().rev().find(|before| before.ring == step.ring).map(|before| before.percentage);
        match before {
            Some(before) if step.percentage <= before => {
                return Err(invalid(&path, &step.percentage.into(), &format!("more than {before} %: steps ascend")));
            }
            None if step.percentage == Percentage::ZERO => {
                return Err(invalid(&path, &step.percentage.into(), "more than 0 %"));
            }
            _ => {}
        }
        if let (Some(ring), true) = (&step.ring, checked.last().is_some_and(|before| before.ring.is_none())) {
            return Err(invalid(
                &format!("steps[{index}].where"),
                &ring.as_json().clone().into(),
                "in a step before the world's",
            ));
        }
        checked.push(step);
    }
    match checked.last() {
        Some(last) if last.ring.is_some() => Err(invalid(
            &format!("steps[{}].where", checked.len() - 1),
            &json::value(&last.ring),
            "left out: the last step is 100 % of everything",
        )),
        Some(last) if last.percentage != Percentage::FULL => Err(invalid(
            &format!("steps[{}].percentage", checked.len() - 1),
            &last.percentage.into(),
            "100, as the last step",
        )),
        _ => Ok(checked),
    }
}

fn check_step(wire: &Value, path: &str, hold: Span, strict: bool) -> Result<PlanStep, InvalidPlan> {
    let accepted = "a number 0..=100 in steps of 0.001";
    let mut alone = Map::new();
    let of = match wire {
        Value::Object(of) => of,
        Value::Number(_) => {
            alone.insert("percentage".into(), wire.clone());
            &alone
        }
        _ => return Err(invalid(path, wire, r#"a percentage or an object such as {"percentage":5,"hold":"15m"}"#)),
    };
    let fields = Fields { path: format!("{path}."), of };
    if strict {
        fields.known(&STEP_FIELDS)?;
    }
    let percentage =
        fields.get("percentage").and_then(Value::as_f64).and_then(|number| Percentage::try_from(number).ok());
    let ring =
        fields.get("where").map(|ring| Matcher::new(ring).ok_or_else(|| fields.wrong("where", matcher::ACCEPTED)));
    Ok(PlanStep {
        percentage: percentage.ok_or_else(|| fields.wrong("percentage", accepted))?,
        hold: fields.span("hold", 0, 30 * DAY)?.unwrap_or(hold),
        approval: fields.one_of("approval", "true or false")?.unwrap_or_default(),
        ring: ring.transpose()?,
    })
}

pub(super) fn invalid(field: &str, value: &Value, accepted: &str) -> InvalidPlan {
    let value = json::text(value);
    let shown = match value.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", value.get(..end).unwrap_or_default()),
        None => value,
    };
    InvalidPlan { field: field.into(), value: shown, accepted: accepted.into() }
}

// === impl Fields ===

impl Fields<'_> {
    /// Null counts as absent.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.of.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn wrong(&self, name: &str, accepted: &str) -> InvalidPlan {
        let path = format!("{}{name}", self.path);
        match self.get(name) {
            Some(value) => invalid(&path, value, accepted),
            None => InvalidPlan { field: path, value: "missing".into(), accepted: accepted.into() },
        }
    }

    pub(super) fn known(&self, names: &[&str]) -> Result<(), InvalidPlan> {
        match self.of.iter().find(|(name, _)| !names.contains(&name.as_str())) {
            Some((name, value)) => Err(invalid(
                &format!("{}{}", self.path, shown(name)),
                value,
                &format!("left out: the fields are {}", names.join(", ")),
            )),
            None => Ok(()),
        }
    }

    fn one_of<T: DeserializeOwned>(&self, name: &str, accepted: &str) -> Result<Option<T>, InvalidPlan> {
        self.get(name).map(|value| json::read(value).map_err(|_| self.wrong(name, accepted))).transpose()
    }

    fn span(&self, name: &str, low: u64, high: u64) -> Result<Option<Span>, InvalidPlan> {
        let (low, high) = (Span::from_millis(low), Span::from_millis(high));
        match self.one_of::<Span>(name, &format!("{low}..={high}, as text such as 15m or a number of seconds"))? {
            Some(span) if span < low || span > high => {
                Err(self.wrong(name, &format!("{low}..={high}, as text such as 15m or a number of seconds")))
            }
            span => Ok(span),
        }
    }

    fn count(&self, name: &str, high: u32) -> Result<Option<u32>, InvalidPlan> {
        let accepted = format!("1..={high}");
        match self.one_of::<u32>(name, &accepted)? {
            Some(count) if count == 0 || count > high => Err(self.wrong(name, &accepted)),
            count => Ok(count),
        }
    }
}

// === impl Stored ===

impl TryFrom<Stored> for Plan {
    type Error = InvalidPlan;

    fn try_from(Stored(value): Stored) -> Result<Self, InvalidPlan> {
        check(&value, false)
    }
}

impl From<PlanStep> for Value {
    fn from(step: PlanStep) -> Self {
        let PlanStep { percentage, hold, approval, ring } = step;
        let mut of = Map::new();
        json::put(&mut of, "percentage", percentage.into());
        json::put(&mut of, "hold", hold.to_string().into());
        if approval {
            json::put(&mut of, "approval", approval.into());
        }
        if let Some(ring) = ring {
            json::put(&mut of, "where", ring.as_json().clone().into());
        }
        of.into()
    }
}

impl From<Plan> for Stored {
    fn from(plan: Plan) -> Self {
        let Plan { schedule, steps, timing, limits, on_fail, freeze, analysis } = plan;
        let Timing { settle, look_every, bake, alarm_grace, undo_window } = timing;
        let Limits { failure_limit, max_inconclusive } = limits;
        let mut stored = object!({
            "schedule": json::value(&schedule),
            "steps": steps.into_iter().map(Value::from).collect::<Vec<_>>(),
            "settle": settle.to_string(),
            "lookEvery": look_every.to_string(),
            "bake": bake.to_string(),
            "alarmGrace": alarm_grace.to_string(),
            "undoWindow": undo_window.to_string(),
            "failureLimit": failure_limit,
            "maxInconclusive": max_inconclusive,
            "onFail": json::value(&on_fail),
            "analysis": analysis,
        });
        if let (Some(freeze), Value::Object(of)) = (&freeze, &mut stored) {
            of.insert("freeze".into(), freeze.into());
        }
        Self(stored)
    }
}
