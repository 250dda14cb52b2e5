//! `serin audit`: lists the audit entries, newest first.

use clap::Args;
use serde_json::{Value, json};
use serin_logic::api::{AuditPage, AuditRecord};

use crate::client::Client;
use crate::connection::Connection;
use crate::exit::Failure;
use crate::output::{self, table};
use crate::time_format::date_and_time;

/// Page size with `--all`: the most that the API returns.
const PAGE: u64 = 1_000;

/// `audit`.
#[derive(Args, Debug)]
pub(crate) struct Audit {
    /// How many rows.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,
    /// Every row there is.
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    /// Only rows before this one, as `next` of `--json` says.
    #[arg(long, value_name = "SEQ")]
    before: Option<u64>,
}

// === impl Audit ===

impl Audit {
    pub(crate) fn run(&self, connection: &Connection) -> Result<(), Failure> {
        let client = Client::new(connection)?;
        let AuditPage { rows, next } = self.read(&client)?;
        if connection.json {
            output::line(&json!({"rows": rows, "next": next}).to_string());
            return Ok(());
        }
        if rows.is_empty() {
            output::line("nothing was done yet");
            return Ok(());
        }
        let rows = rows.into_iter().map(cells).collect();
        output::line(&table(&["seq", "at (UTC)", "who", "what", "rollout", "account"], rows));
        if let (Some(next), false) = (next, self.all) {
            output::error_line(&format!("there is more: --all, or --before {next}"));
        }
        Ok(())
    }

    /// Requests the entries page by page.
    fn read(&self, client: &Client) -> Result<AuditPage<Value>, Failure> {
        let mut found = AuditPage { rows: Vec::new(), next: self.before };
        let mut wanted = if self.all { u64::MAX } else { self.limit };
        loop {
            let before = found.next.map(|before| format!("&before={before}")).unwrap_or_default();
            let answer = client.get(&format!("audit?limit={}{before}", wanted.min(PAGE)))?;
            let page: AuditPage<Value> = answer.read()?;
            wanted = wanted.saturating_sub(page.rows.len() as u64);
            // A server that repeats a page or returns an empty one must not cause an endless loop.
            let ends = page.rows.is_empty() || page.next.is_none() || page.next == found.next || wanted == 0;
            found.rows.extend(page.rows);
            found.next = page.next;
            if ends {
                return Ok(found);
            }
        }
    }
}

fn cells(row: Value) -> Vec<String> {
    let record: AuditRecord = serde_json::from_value(row).unwrap_or_default();
    let account = if record.sentence.is_empty() { record.reason } else { record.sentence };
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
