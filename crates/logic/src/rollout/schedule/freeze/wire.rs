//! The document of a freeze.

use chrono::NaiveDate;
use serde_json::{Map, Value};

use super::{ACCEPTED_ZONE, Dates, Freeze, Hours};
use crate::rollout::schedule::InvalidPlan;
use crate::rollout::schedule::wire::{Fields, invalid};

const FIELDS: [&str; 4] = ["timeZone", "days", "hours", "dates"];
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Longest name of a zone; the longest there is has 32 characters.
const MAX_ZONE: usize = 64;
/// Most entries of a list: a document must stay within what the control API takes.
const MAX_ENTRIES: usize = 100;
/// Longest stretch of dates.
const MAX_DAYS: i64 = 366;

const ACCEPTED: &str =
    r#"an object such as {"timeZone":"Europe/Berlin","days":["sat","sun"]} with days, hours or dates"#;
const ACCEPTED_DAYS: &str = "a list of mon, tue, wed, thu, fri, sat and sun";
const ACCEPTED_HOURS: &str = "a list of up to 100 such as 22:00-06:00, from 00:00 to 24:00";
const ACCEPTED_DATES: &str = "a list of up to 100 such as 2026-12-24 or 2026-12-24..2027-01-02, at most 366 days each";

/// Reads and checks what stands in a plan.
pub(in crate::rollout::schedule) fn check(value: &Value, strict: bool) -> Result<Freeze, InvalidPlan> {
    let Value::Object(of) = value else { return Err(invalid("freeze", value, ACCEPTED)) };
    let fields = Fields { path: "freeze.".into(), of };
    if strict {
        fields.known(&FIELDS)?;
    }
    let is_name = |name: &&str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-' | '+');
        !name.is_empty() && name.len() <= MAX_ZONE && name.chars().all(allowed)
    };
    let zone = fields.get("timeZone").and_then(Value::as_str).filter(is_name);
    let mut days = [false; 7];
    for day in entries(&fields, "days", ACCEPTED_DAYS, |name| DAYS.iter().position(|day| *day == name))? {
        days.iter_mut().skip(day).take(1).for_each(|frozen| *frozen = true);
    }
    let freeze = Freeze {
        zone: zone.ok_or_else(|| fields.wrong("timeZone", ACCEPTED_ZONE))?.to_owned(),
        days,
        hours: entries(&fields, "hours", ACCEPTED_HOURS, Hours::parse)?,
        dates: entries(&fields, "dates", ACCEPTED_DATES, Dates::parse)?,
    };
    if freeze.hours.is_empty() && freeze.dates.is_empty() && !freeze.days.contains(&true) {
        return Err(invalid("freeze", value, ACCEPTED));
    }
    if freeze.is_endless() {
        return Err(invalid("freeze", value, "days and hours that leave some time of the week for steps"));
    }
    Ok(freeze)
}

/// A list of texts, each understood by `read`.
fn entries<T>(
    fields: &Fields<'_>,
    name: &str,
    accepted: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, InvalidPlan> {
    let Some(value) = fields.get(name) else { return Ok(Vec::new()) };
    let list = value.as_array().filter(|list| list.len() <= MAX_ENTRIES).ok_or_else(|| fields.wrong(name, accepted))?;
    let mut understood = Vec::new();
    for (index, entry) in list.iter().enumerate() {
        let Some(it) = entry.as_str().and_then(&read) else {
            return Err(invalid(&format!("{}{name}[{index}]", fields.path), entry, accepted));
        };
        understood.push(it);
    }
    Ok(understood)
}

fn two_digits(text: &str) -> Option<u16> {
    (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

// === impl Hours ===

impl Hours {
    fn parse(text: &str) -> Option<Self> {
        let (start, end) = text.split_once('-')?;
        let (start, end) = (minute(start)?, minute(end)?);
        // Until midnight is until the end of the day.
        let end = if end == 0 { 1_440 } else { end };
        (start != end && start < 1_440).then_some(Self { start, end })
    }

    fn text(self) -> String {
        let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        format!("{}-{}", clock(self.start), clock(self.end))
    }
}

/// Minutes from midnight of `HH:MM`.
fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
    (minutes < 60 && hours * 60 + minutes <= 1_440).then_some(hours * 60 + minutes)
}

// === impl Dates ===

impl Dates {
    fn parse(text: &str) -> Option<Self> {
        let (first, last) = text.split_once("..").unwrap_or((text, text));
        let (first, last) = (date(first)?, date(last)?);
        (0..MAX_DAYS).contains(&last.signed_duration_since(first).num_days()).then_some(Self { first, last })
    }

    fn text(self) -> String {
        let Self { first, last } = self;
        if first == last { first.to_string() } else { format!("{first}..{last}") }
    }
}

fn date(text: &str) -> Option<NaiveDate> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, two_digits(parts.next()?)?, two_digits(parts.next()?)?);
    let year = (year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit())).then(|| year.parse().ok())??;
    if parts.next().is_some() {
        return None;
    }
    NaiveDate::from_ymd_opt(year, month.into(), day.into())
}

// === impl Freeze ===

impl From<&Freeze> for Value {
    fn from(freeze: &Freeze) -> Self {
        let Freeze { zone, days, hours, dates } = freeze;
        let mut of = Map::new();
        of.insert("timeZone".into(), zone.as_str().into());
        let days: Vec<&str> = DAYS.into_iter().zip(days).filter(|(_, frozen)| **frozen).map(|(day, _)| day).collect();
        let hours: Vec<String> = hours.iter().map(|hours| hours.text()).collect();
        let dates: Vec<String> = dates.iter().map(|dates| dates.text()).collect();
        if !days.is_empty() {
            of.insert("days".into(), days.into());
        }
        if !hours.is_empty() {
            of.insert("hours".into(), hours.into());
        }
        if !dates.is_empty() {
            of.insert("dates".into(), dates.into());
        }
        of.into()
    }
}
