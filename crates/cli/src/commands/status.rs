//! `serin status`: where everything stands, what is wrong first.

use crate::answers::{Halt, Policy, Rollout, Status};
use crate::arguments::Connection;
use crate::client::Client;
use crate::exit::Failure;
use crate::figures;
use crate::moments::{date_and_time, time_of_day, whole_seconds};
use crate::output::{self, BAD, CAUTION, GOOD, STRONG, sheet, styled};

pub(super) fn run(connection: &Connection) -> Result<(), Failure> {
    let answer = Client::new(connection)?.get("status")?;
    if connection.json {
        output::line(answer.text.trim_end());
    } else {
        output::line(&text(&answer.read()?));
    }
    Ok(())
}

/// The whole status, in paragraphs.
fn text(status: &Status) -> String {
    let mut paragraphs = vec![head(status)];
    match (&status.rollout, status.epoch) {
        (Some(rollout), _) => paragraphs.extend(about_rollout(rollout, status)),
        (None, Some(_)) => paragraphs.push("no rollout".into()),
        (None, None) => paragraphs.push("no controller: KV alone steers".into()),
    }
    paragraphs.join("\n\n")
}

fn head(status: &Status) -> String {
    let policy = status.policy.clone().unwrap_or_default();
    let telemetry = status.telemetry.as_ref();
    let reports = telemetry.and_then(|telemetry| {
        let (last, locations) = (telemetry.last_report.as_deref()?, telemetry.locations.unwrap_or_default());
        Some(format!("last report {}, {locations} locations", date_and_time(last)))
    });
    let version = status.version.as_ref().map(|version| {
        let epoch = status.epoch.map(|epoch| format!(", epoch {epoch}")).unwrap_or_default();
        format!("{version}{epoch}")
    });
    let mut rows = vec![("serin", version), ("canary", Some(share(&policy)))];
    rows.extend(status.halt.as_ref().map(|halt| ("halted", Some(styled(BAD, &about_halt(halt))))));
    rows.extend([("stable", policy.stable_worker.clone()), ("rules", policy.rules.filter(|n| *n > 0).map(count))]);
    for (name, switch) in status.switches.iter().filter(|(_, switch)| switch.on) {
        let until = switch.until.as_ref().map(|until| format!(", until {}", date_and_time(until)));
        let reason = switch.reason.as_ref().filter(|reason| !reason.is_empty()).map(|reason| format!(": {reason}"));
        let on = format!("{name} is on{}{}", reason.unwrap_or_default(), until.unwrap_or_default());
        rows.push(("switch", Some(styled(BAD, &on))));
    }
    let error = policy.error.as_ref().filter(|error| !error.is_null());
    rows.push((
        "error",
        error.map(|error| styled(BAD, &error.as_str().map_or_else(|| error.to_string(), str::to_owned))),
    ));
    for warning in policy.warnings.iter().flatten() {
        rows.push(("warning", Some(styled(CAUTION, warning))));
    }
    let outbox = status.outbox.as_ref().filter(|outbox| !outbox.is_empty());
    rows.push(("to do", outbox.map(|outbox| styled(CAUTION, &outbox.join(", ")))));
    rows.push(("telemetry", reports));
    sheet(rows)
}

fn share(policy: &Policy) -> String {
    let share = match (policy.enabled, policy.percentage) {
        (Some(true), Some(percentage)) => format!("{percentage} %"),
        (Some(true), None) => "on".into(),
        (Some(false), _) => "disabled".into(),
        (None, _) => "unknown: no valid canary-state".into(),
    };
    let of = policy.rollout_id.as_ref().filter(|id| !id.is_empty()).map(|id| format!(", salt {id}"));
    let worker = policy.canary_worker.as_ref().map(|worker| format!(", {worker}"));
    let generation = policy.generation.map(|generation| format!(", generation {generation}"));
    format!("{share}{}{}{}", of.unwrap_or_default(), worker.unwrap_or_default(), generation.unwrap_or_default())
}

fn about_halt(halt: &Halt) -> String {
    let mut text = format!("by {}", halt.by.as_deref().unwrap_or("somebody"));
    if let Some(at) = &halt.at {
        text = format!("{text} at {}", date_and_time(at));
    }
    match halt.why.as_deref().filter(|why| !why.is_empty()) {
        Some(why) => format!("{text}: {why}"),
        None => text,
    }
}

fn about_rollout(rollout: &Rollout, status: &Status) -> Vec<String> {
    let style = match rollout.phase.as_str() {
        "rolled-back" | "aborted" => BAD,
        "paused" => CAUTION,
        "completed" => GOOD,
        _ => STRONG,
    };
    let mut phase = format!("{}, {}", styled(style, &rollout.phase), rollout.place());
    if let Some(since) = &rollout.since {
        phase = format!("{phase}, since {}", date_and_time(since));
    }
    let why = rollout.why.as_ref().map(|why| match &rollout.who {
        Some(who) => format!("{why} ({who})"),
        None => why.clone(),
    });
    let left = super::watch::time_left(rollout, status.time.as_deref())
        .map(|(left, _)| format!("{} left", whole_seconds(left)));
    let next = rollout.next_look.as_deref().map(time_of_day);
    let counts = [("failed", rollout.failures), ("inconclusive", rollout.inconclusive), ("not taken", rollout.errors)];
    let counts: Vec<String> = counts
        .into_iter()
        .filter_map(|(name, count)| Some(format!("{} {name}", count.filter(|count| *count > 0)?)))
        .collect();
    let mut rows = vec![
        ("rollout", Some(styled(STRONG, &rollout.id))),
        ("schedule", rollout.schedule.clone()),
        ("phase", Some(phase)),
        ("why", why),
        ("hold", left),
        ("waits", rollout.window()),
        ("next look", next),
        ("looks", (!counts.is_empty()).then(|| format!("in a row: {}", counts.join(", ")))),
        ("started", started(rollout)),
    ];
    rows.extend(rollout.last_look.as_ref().map(|look| {
        let at = look.at.as_deref().map(|at| format!("{} ", time_of_day(at))).unwrap_or_default();
        let sentence = look.sentence.as_deref().map(|sentence| format!(": {sentence}")).unwrap_or_default();
        ("last look", Some(format!("{at}{}{sentence}", super::watch::verdict(&look.verdict))))
    }));
    for alarm in rollout.alarms.iter().flatten() {
        rows.push(("alarm", Some(styled(BAD, alarm))));
    }
    let overdue = rollout.overdue_ms.filter(|ms| *ms > 0).map(std::time::Duration::from_millis);
    rows.push(("overdue", overdue.map(|late| styled(BAD, &format!("nobody has looked for {}", whole_seconds(late))))));
    rows.push(("evidence", rollout.figures.as_ref().map(figures::all_evidence).filter(|text| !text.is_empty())));
    let arms = rollout.figures.as_ref().and_then(figures::arms_table);
    [Some(sheet(rows)), arms].into_iter().flatten().collect()
}

fn started(rollout: &Rollout) -> Option<String> {
    let mut text = date_and_time(rollout.started_at.as_deref()?);
    if let Some(by) = &rollout.started_by {
        text = format!("{text} by {by}");
    }
    match rollout.started_why.as_deref().filter(|why| !why.is_empty()) {
        Some(why) => Some(format!("{text}: {why}")),
        None => Some(text),
    }
}

fn count(number: u64) -> String {
    number.to_string()
}
