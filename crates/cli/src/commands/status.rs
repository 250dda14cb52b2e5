//! `serin status`: shows policy, switches and rollout, problems first.

use crate::client::Client;
use crate::connection::Connection;
use crate::exit::Failure;
use crate::metrics_format;
use crate::output::{self, BAD, CAUTION, GOOD, STRONG, present, sheet, styled};
use crate::rollout_format::{place, window};
use crate::time_format::{date_and_time, time_of_day, whole_seconds};
use serin_logic::api::{HaltView, PolicyView, RolloutView, StatusView};

pub(super) fn run(connection: &Connection) -> Result<(), Failure> {
    let answer = Client::new(connection)?.get("status")?;
    if connection.json {
        output::line(answer.text.trim_end());
    } else {
        output::line(&text(&answer.read()?));
    }
    Ok(())
}

/// Formats the whole status in paragraphs.
fn text(status: &StatusView) -> String {
    let headline = present(&status.headline).map(|headline| styled(STRONG, &headline));
    let mut paragraphs: Vec<String> = headline.into_iter().chain([head(status)]).collect();
    match (&status.rollout, status.epoch) {
        (Some(rollout), _) => paragraphs.extend(about_rollout(rollout, status)),
        (None, Some(_)) => paragraphs.push("no rollout".into()),
        (None, None) => paragraphs.push("no controller: KV alone steers".into()),
    }
    paragraphs.join("\n\n")
}

fn head(status: &StatusView) -> String {
    let policy = &status.policy;
    let telemetry = status.telemetry.as_ref();
    let reports = telemetry.and_then(|telemetry| {
        let last = date_and_time(telemetry.last_report.as_deref()?);
        Some(format!("last report {last}, {} locations", telemetry.locations))
    });
    let version = present(&status.version).map(|version| {
        let epoch = status.epoch.map(|epoch| format!(", epoch {epoch}")).unwrap_or_default();
        format!("{version}{epoch}")
    });
    let mut rows = vec![("serin", version), ("canary", Some(share(policy)))];
    let differs = policy.enabled == Some(true) && policy.percentage != Some(status.effective.percentage);
    let stopped = status.effective.reason.as_ref().filter(|_| differs);
    rows.push(("in force", stopped.map(|why| styled(BAD, &format!("{} %: {why}", status.effective.percentage)))));
    rows.extend(status.halt.as_ref().map(|halt| ("halted", Some(styled(BAD, &about_halt(halt))))));
    rows.extend([("stable", policy.stable_worker.clone()), ("rules", policy.rules.filter(|n| *n > 0).map(count))]);
    for (name, switch) in status.switches.iter().filter(|(_, switch)| switch.on) {
        let until = switch.until.as_ref().map(|until| format!(", until {}", date_and_time(until)));
        let reason = switch.reason.as_ref().filter(|reason| !reason.is_empty()).map(|reason| format!(": {reason}"));
        let on = format!("{name} is on{}{}", reason.unwrap_or_default(), until.unwrap_or_default());
        rows.push(("switch", Some(styled(BAD, &on))));
    }
    rows.push(("error", policy.error.as_ref().map(|error| styled(BAD, error))));
    for warning in &policy.warnings {
        rows.push(("warning", Some(styled(CAUTION, warning))));
    }
    rows.push(("to do", present(&status.outbox.join(", ")).map(|outbox| styled(CAUTION, &outbox))));
    rows.push(("telemetry", reports));
    sheet(rows)
}

fn share(policy: &PolicyView) -> String {
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

fn about_halt(halt: &HaltView) -> String {
    let HaltView { actor, at, reason, .. } = halt;
    let text = format!("by {actor} at {}", date_and_time(at));
    if reason.is_empty() { text } else { format!("{text}: {reason}") }
}

fn about_rollout(rollout: &RolloutView, status: &StatusView) -> Vec<String> {
    let style = match rollout.phase.as_str() {
        "rolled-back" | "aborted" => BAD,
        "paused" => CAUTION,
        "completed" => GOOD,
        _ => STRONG,
    };
    let mut phase = format!("{}, {}", styled(style, &rollout.phase), place(rollout));
    if let Some(since) = present(&rollout.since) {
        phase = format!("{phase}, since {}", date_and_time(&since));
    }
    let why = rollout.reason.as_ref().map(|reason| match &rollout.actor {
        Some(actor) => format!("{reason} ({actor})"),
        None => reason.clone(),
    });
    let left = super::watch::time_left(rollout, &status.time).map(|(left, _)| format!("{} left", whole_seconds(left)));
    let next = rollout.next_look.as_deref().map(time_of_day);
    let counts = [("failed", rollout.failures), ("inconclusive", rollout.inconclusive), ("not taken", rollout.errors)];
    let counts: Vec<String> =
        counts.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| format!("{count} {name}")).collect();
    let mut rows = vec![
        ("rollout", Some(styled(STRONG, &rollout.id))),
        ("schedule", present(&rollout.schedule)),
        ("phase", Some(phase)),
        ("why", why),
        ("hold", left),
        ("waits", window(rollout)),
        ("next look", next),
        ("looks", (!counts.is_empty()).then(|| format!("in a row: {}", counts.join(", ")))),
        ("started", started(rollout)),
    ];
    rows.extend(rollout.last_look.as_ref().map(|look| {
        let at = present(&look.at).map(|at| format!("{} ", time_of_day(&at))).unwrap_or_default();
        let sentence = present(&look.sentence).map(|sentence| format!(": {sentence}")).unwrap_or_default();
        ("last look", Some(format!("{at}{}{sentence}", super::watch::verdict(&look.verdict))))
    }));
    for alarm in &rollout.alarms {
        rows.push(("alarm", Some(styled(BAD, alarm))));
    }
    let overdue = rollout.overdue_ms.filter(|ms| *ms > 0).map(std::time::Duration::from_millis);
    rows.push(("overdue", overdue.map(|late| styled(BAD, &format!("nobody has looked for {}", whole_seconds(late))))));
    rows.push(("evidence", rollout.figures.as_ref().map(metrics_format::all_evidence).filter(|text| !text.is_empty())));
    let variants = rollout.figures.as_ref().and_then(metrics_format::variants_table);
    [Some(sheet(rows)), variants].into_iter().flatten().collect()
}

fn started(rollout: &RolloutView) -> Option<String> {
    let at = date_and_time(&present(&rollout.started_at)?);
    let by = present(&rollout.started_by).map(|by| format!(" by {by}")).unwrap_or_default();
    let reason = present(&rollout.started_reason).map(|reason| format!(": {reason}")).unwrap_or_default();
    Some(format!("{at}{by}{reason}"))
}

fn count(number: u64) -> String {
    number.to_string()
}
