//! The status of the splitter and its rollout as text, for `status` and `watch`. The functions are pure.

mod commands;
mod figures;
mod plan;

use std::time::Duration;

use serin_logic::api::{HaltView, PolicyView, RolloutView, StatusView, SwitchView, Verified};

pub(crate) use self::figures::{evidence, summary};
pub(crate) use self::plan::time_left;
use crate::output::{BAD, CAUTION, GOOD, STRONG, present, sheet_in, styled, wrapped};
use crate::time_format::{date_and_time, short_time, whole_seconds, with_times};

/// Formats the whole status in paragraphs of lines of at most `width` columns.
pub(crate) fn text(status: &StatusView, width: usize) -> String {
    let headline = headline(status).map(|headline| {
        let lines = wrapped(headline.split(' '), " ", width);
        lines.iter().map(|line| styled(STRONG, line)).collect::<Vec<_>>().join("\n")
    });
    let rollout = status.rollout.as_ref();
    let paragraphs = [
        headline,
        rollout.map(|rollout| sheet_in(plan_rows(rollout, status, width), width)),
        rollout.and_then(|rollout| rollout.figures.as_ref()).and_then(figures::side_by_side),
        rollout.map(|rollout| sheet_in(analysis_rows(rollout, status), width)),
        Some(sheet_in(splitter_rows(status), width)),
        commands::what_next(status),
    ];
    paragraphs.into_iter().flatten().filter(|paragraph| !paragraph.is_empty()).collect::<Vec<_>>().join("\n\n")
}

/// The server's headline. A server that is older than headlines has none.
pub(crate) fn headline(status: &StatusView) -> Option<String> {
    present(&status.headline).map(|headline| with_times(&headline, &status.time))
}

/// A phase in its colour.
pub(crate) fn phase(rollout: &RolloutView) -> String {
    let style = match rollout.phase.as_str() {
        "rolled-back" | "aborted" => BAD,
        "paused" => CAUTION,
        "completed" => GOOD,
        _ => STRONG,
    };
    styled(style, &rollout.phase)
}

/// The verdict of the last analysis in its colour, with its reason unless the headline has it.
pub(crate) fn last_verdict(status: &StatusView) -> Option<String> {
    let look = status.rollout.as_ref()?.last_look.as_ref()?;
    let style = match look.verdict.as_str() {
        "pass" => GOOD,
        "fail" => BAD,
        _ => CAUTION,
    };
    let reason = unless_said(status, &look.sentence).map(|reason| format!(": {reason}")).unwrap_or_default();
    Some(format!("{}{}", styled(style, &look.verdict), with_times(&reason, &status.time)))
}

/// Switches that are on, with who ordered what.
pub(crate) fn switches_on(status: &StatusView) -> impl Iterator<Item = String> {
    let on = status.switches.iter().filter(|(_, switch)| switch.on);
    on.map(|(name, switch)| {
        let SwitchView { reason, until, since, .. } = switch;
        let since = since.as_ref().map(|since| format!(" since {}", short_time(since, &status.time)));
        let until = until.as_ref().map(|until| format!(" until {}", short_time(until, &status.time)));
        let reason = reason.as_ref().filter(|reason| !reason.is_empty()).map(|reason| format!(": {reason}"));
        let parts = [since, until, reason].map(Option::unwrap_or_default).concat();
        styled(BAD, &format!("{name} is on{parts}"))
    })
}

/// A text of the server, unless the headline has said it.
fn unless_said(status: &StatusView, text: &str) -> Option<String> {
    let core = text.trim_end_matches('.');
    present(text).filter(|_| !status.headline.contains(core))
}

fn plan_rows(rollout: &RolloutView, status: &StatusView, width: usize) -> Vec<(&'static str, Option<String>)> {
    let now = &status.time;
    let started = present(&rollout.started_at).map(|at| {
        let by = present(&rollout.started_by).map(|by| format!(" by {by}")).unwrap_or_default();
        let reason = present(&rollout.started_reason).map(|reason| format!(": {reason}")).unwrap_or_default();
        format!(", started {}{by}{reason}", short_time(&at, now))
    });
    let schedule = present(&rollout.schedule).map(|schedule| format!(", {schedule}"));
    let id = styled(STRONG, &rollout.id);
    let since = present(&rollout.since).map(|since| format!(" since {}", short_time(&since, now)));
    let ring = rollout.ring.as_ref().map(|ring| format!(", for {ring} alone"));
    let why = rollout.reason.as_ref().and_then(|reason| unless_said(status, reason));
    let why = why.map(|why| match &rollout.actor {
        Some(actor) => format!("{} ({actor})", with_times(&why, now)),
        None => with_times(&why, now),
    });
    vec![
        ("rollout", Some(format!("{id}{}{}", schedule.unwrap_or_default(), started.unwrap_or_default()))),
        ("phase", Some(format!("{}{}{}", phase(rollout), since.unwrap_or_default(), ring.unwrap_or_default()))),
        ("why", why),
        ("plan", plan::stepper(rollout, now, width.saturating_sub("rollout  ".len()))),
    ]
}

fn analysis_rows(rollout: &RolloutView, status: &StatusView) -> Vec<(&'static str, Option<String>)> {
    let now = &status.time;
    let counts =
        [("failed", rollout.failures), ("inconclusive", rollout.inconclusive), ("without data", rollout.errors)];
    let counts: Vec<String> =
        counts.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| format!("{count} {name}")).collect();
    let at = rollout.last_look.as_ref().and_then(|look| present(&look.at)).map(|at| short_time(&at, now));
    let last = last_verdict(status).map(|verdict| format!("{}, {verdict}", at.unwrap_or_default()));
    let mut rows = vec![
        ("evidence", rollout.figures.as_ref().and_then(evidence)),
        ("failures", figures::impact(rollout.impact)),
        ("mirror", rollout.mirror.as_ref().and_then(figures::mirror)),
        ("analysis", last),
        ("in a row", (!counts.is_empty()).then(|| counts.join(", "))),
        ("next", plan::next(rollout, now)),
    ];
    rows.extend(rollout.alarms.iter().map(|alarm| ("alarm", Some(styled(BAD, alarm)))));
    let overdue = rollout.overdue_ms.filter(|ms| *ms > 0).map(Duration::from_millis);
    rows.push(("overdue", overdue.map(|late| styled(BAD, &format!("no analysis for {}", whole_seconds(late))))));
    rows
}

fn splitter_rows(status: &StatusView) -> Vec<(&'static str, Option<String>)> {
    let policy = &status.policy;
    let mut rows = vec![("halted", status.halt.as_ref().map(|halt| styled(BAD, &about_halt(halt, status))))];
    rows.extend(switches_on(status).map(|switch| ("switch", Some(switch))));
    rows.push(("error", policy.error.as_ref().map(|error| styled(BAD, error))));
    rows.extend(policy.warnings.iter().map(|warning| ("warning", Some(styled(CAUTION, warning)))));
    rows.push(("to do", present(&status.outbox.join(", ")).map(|outbox| styled(CAUTION, &outbox))));
    let reports = status.telemetry.as_ref().and_then(|telemetry| {
        let last = short_time(telemetry.last_report.as_deref()?, &status.time);
        let locations = if telemetry.locations == 1 { "location" } else { "locations" };
        Some(format!("last report {last}, {} {locations}", telemetry.locations))
    });
    let version = present(&status.version).map(|version| {
        let epoch = status.epoch.map(|epoch| format!(", epoch {epoch}")).unwrap_or_default();
        format!("{version}{epoch}, {}", date_and_time(&status.time))
    });
    let controller = match (&status.rollout, status.epoch) {
        (Some(_), _) => None,
        (None, Some(_)) => Some("none".to_owned()),
        (None, None) => Some("no controller: KV alone decides".to_owned()),
    };
    rows.extend([
        ("rollout", controller),
        ("canary", Some(share(policy, status))),
        ("stable", policy.stable_worker.clone()),
        ("rules", policy.rules.filter(|rules| *rules > 0).map(|rules| rules.to_string())),
        ("versions", versions(status)),
        ("telemetry", reports),
        ("serin", version),
    ]);
    rows
}

/// What is wrong with the versions of answers: other ones came, or they are not verified.
pub(crate) fn unverified(status: &StatusView) -> Option<String> {
    let view = status.versions.as_ref()?;
    let is_fine = view.verified == Verified::EachRequest && view.wrong == 0;
    (!is_fine).then(|| styled(CAUTION, &view.message))
}

/// The versions that are the variants, and how far answers are verified.
fn versions(status: &StatusView) -> Option<String> {
    let view = status.versions.as_ref()?;
    let message = unverified(status).unwrap_or_else(|| view.message.clone());
    let stable = view.stable.as_ref().map(|stable| format!(", stable {stable}")).unwrap_or_default();
    Some(format!("canary {}{stable}; {message}", view.canary))
}

fn share(policy: &PolicyView, status: &StatusView) -> String {
    let effective = status.effective.percentage;
    let share = match (policy.enabled, policy.percentage) {
        (Some(true), Some(percentage)) if status.effective.reason.is_some() && percentage != effective => {
            styled(BAD, &format!("{effective} % in force, {percentage} % in canary-state"))
        }
        (Some(true), Some(percentage)) => format!("{percentage} %"),
        (Some(true), None) => "on".into(),
        (Some(false), _) => "disabled".into(),
        (None, _) => "unknown: no valid canary-state".into(),
    };
    let of = policy.rollout_id.as_ref().filter(|id| !id.is_empty()).map(|id| format!(", salt {id}"));
    let worker = policy.canary_worker.as_ref().map(|worker| format!(", {worker}"));
    let generation = policy.generation.map(|generation| format!(", generation {generation}"));
    [Some(share), of, worker, generation].into_iter().flatten().collect()
}

fn about_halt(halt: &HaltView, status: &StatusView) -> String {
    let HaltView { actor, at, reason, .. } = halt;
    let text = format!("by {actor} at {}", short_time(at, &status.time));
    unless_said(status, reason).map_or(text.clone(), |reason| format!("{text}: {reason}"))
}

#[cfg(test)]
mod tests;
