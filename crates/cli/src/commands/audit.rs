//! `serin audit`: lists the audit entries, newest first.

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use serin_logic::Timestamp;
use serin_logic::api::{AuditPage, AuditRecord};

use crate::client::Client;
use crate::clock;
use crate::connection::Connection;
use crate::exit::Failure;
use crate::output::{self, table_in};
use crate::time_format::{date_and_time, span};

/// Page size with `--all` and with filters: the most that the API returns.
const PAGE: u64 = 1_000;

/// `audit`.
#[derive(Args, Debug)]
pub(crate) struct Audit {
    /// Number of rows.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,
    /// Show all rows.
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    /// Show rows before this `seq`, such as `next` in the output of `--json`.
    #[arg(long, value_name = "SEQ")]
    before: Option<u64>,
    /// Show rows of this rollout.
    #[arg(long, value_name = "ID")]
    rollout: Option<String>,
    /// Show rows since this time: RFC 3339, or a span before now such as `2h`.
    #[arg(long, value_name = "MOMENT", value_parser = since)]
    since: Option<Since>,
    /// Show rows with these actions, such as `started,rolled-back,written`.
    #[arg(long, value_name = "ACTION", value_delimiter = ',')]
    actions: Vec<String>,
}

/// The oldest time of interest.
#[derive(Clone, Copy, Debug)]
enum Since {
    Moment(Timestamp),
    Ago(Duration),
}

// === impl Audit ===

impl Audit {
    pub(crate) fn run(&self, connection: &Connection) -> Result<(), Failure> {
        let client = Client::new(connection)?;
        let AuditPage { rows, next } = self.read(&client, clock::now())?;
        if connection.json {
            output::line(&json!({"rows": rows, "next": next}).to_string());
            return Ok(());
        }
        if rows.is_empty() {
            output::line(if self.is_filtered() { "no row matches" } else { "the audit log is empty" });
            return Ok(());
        }
        let rows = rows.into_iter().map(cells).collect();
        output::line(&table_in(&["seq", "at", "who", "what", "rollout", "account"], rows, output::width()));
        if let (Some(next), false) = (next, self.all) {
            output::error_line(&format!("there are more rows: use --all, or --before {next}"));
        }
        Ok(())
    }

    fn is_filtered(&self) -> bool {
        self.rollout.is_some() || self.since.is_some() || !self.actions.is_empty()
    }

    /// Requests the entries page by page, until there are enough or the rest is too old.
    fn read(&self, client: &Client, now: Timestamp) -> Result<AuditPage<Value>, Failure> {
        let mut found = AuditPage { rows: Vec::new(), next: self.before };
        let mut wanted = if self.all { u64::MAX } else { self.limit };
        let since = self.since.map(|since| since.from(now));
        loop {
            let before = found.next.map(|before| format!("&before={before}")).unwrap_or_default();
            let size = if self.is_filtered() { PAGE } else { wanted.min(PAGE) };
            let answer = client.get(&format!("audit?limit={size}{before}"))?;
            let page: AuditPage<Value> = answer.read()?;
            let is_repeated = page.rows.is_empty() || page.next == found.next;
            let is_too_old = |row: &Value| since.is_some_and(|since| at(row).is_some_and(|at| at < since));
            let reaches_back = page.rows.iter().any(is_too_old);
            for row in page.rows.into_iter().filter(|row| !is_too_old(row) && self.wants(row)) {
                if wanted == 0 {
                    // The next page begins after the last row that was shown.
                    found.next = found.rows.last().and_then(|row: &Value| row.get("seq")?.as_u64());
                    return Ok(found);
                }
                wanted -= 1;
                found.rows.push(row);
            }
            // A server that repeats a page or returns an empty one must not cause an endless loop.
            let ends = is_repeated || page.next.is_none() || reaches_back || wanted == 0;
            found.next = page.next.filter(|_| !reaches_back);
            if ends {
                return Ok(found);
            }
        }
    }

    fn wants(&self, row: &Value) -> bool {
        let text = |name: &str| row.get(name).and_then(Value::as_str);
        let is_of_rollout = self.rollout.as_deref().is_none_or(|id| text("rolloutId") == Some(id));
        is_of_rollout && (self.actions.is_empty() || self.actions.iter().any(|action| text("action") == Some(action)))
    }
}

// === impl Since ===

impl Since {
    fn from(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Moment(moment) => moment,
            Self::Ago(ago) => now.before(ago),
        }
    }
}

fn since(text: &str) -> Result<Since, String> {
    let accepted = "accepted: RFC 3339 such as 2027-01-15T08:00:00Z, or a span before now such as 2h";
    match (Timestamp::parse(text), span(text)) {
        (Some(moment), _) => Ok(Since::Moment(moment)),
        (None, Ok(ago)) => Ok(Since::Ago(ago)),
        (None, Err(_)) => Err(format!("{text:?} is not a time, {accepted}")),
    }
}

fn at(row: &Value) -> Option<Timestamp> {
    Timestamp::parse(row.get("at")?.as_str()?)
}

fn cells(row: Value) -> Vec<String> {
    let record: AuditRecord = serde_json::from_value(row).unwrap_or_default();
    let account = account(&record);
    let actor = if record.claimed { format!("{} (claimed)", record.actor) } else { record.actor };
    vec![
        record.seq.map(|seq| seq.to_string()).unwrap_or_default(),
        date_and_time(&record.at),
        actor,
        record.action,
        record.rollout_id.unwrap_or_default(),
        account.replace('\n', " "),
    ]
}

/// The row's sentence, without the parts that other columns show.
fn account(record: &AuditRecord) -> String {
    let AuditRecord { key, actor, sentence, reason, .. } = record;
    match key {
        Some(key) if reason.is_empty() => key.clone(),
        Some(key) => format!("{key}: {reason}"),
        None if sentence.is_empty() => reason.clone(),
        None => sentence.split_once(&format!(" by {actor}: ")).map_or(sentence.as_str(), |(_, rest)| rest).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_repeats_neither_actor_nor_action() {
        let stepped = AuditRecord {
            actor: "controller".into(),
            sentence: "Rollout r1 stepped by controller: step 1 of 2 at 5 % → step 2 of 2 at 100 %. All is well."
                .into(),
            ..AuditRecord::default()
        };
        assert_eq!(account(&stepped), "step 1 of 2 at 5 % → step 2 of 2 at 100 %. All is well.");
        let switched = AuditRecord {
            key: Some("ops:maintenance".into()),
            reason: "database".into(),
            sentence: "ops:maintenance written by ada: database".into(),
            ..AuditRecord::default()
        };
        assert_eq!(account(&switched), "ops:maintenance: database");
    }
}
