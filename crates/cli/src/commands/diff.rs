//! `serin diff`: in which answers to the same requests the canary and stable differ, where a rollout mirrors.

use clap::Args;
use serin_logic::api::{DifferenceView, RolloutView};

use crate::client::Client;
use crate::connection::Connection;
use crate::exit::Failure;
use crate::output::{self, BAD, GOOD, present, styled};

/// Show the most frequent differences between the answers of the canary and of stable.
#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// Most differences to show.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..))]
    limit: u16,
}

// === impl Diff ===

impl Diff {
    pub(crate) fn run(&self, connection: &Connection) -> Result<(), Failure> {
        let answer = Client::new(connection)?.get("rollouts/current")?;
        let rollout: Option<RolloutView> = answer.read()?;
        let mirror = rollout.and_then(|rollout| rollout.mirror);
        if connection.json {
            let differences = mirror.map(|mirror| mirror.differences).unwrap_or_default();
            let text = serde_json::to_string(&differences);
            output::line(&text.unwrap_or_default());
            return Ok(());
        }
        let Some(mirror) = mirror else {
            output::line("No step of the rollout mirrors requests: there is nothing to compare.");
            return Ok(());
        };
        if mirror.differences.is_empty() {
            output::line(&format!("{} requests were copied, and no answer had another status.", mirror.copies));
            return Ok(());
        }
        output::line(&table(&mirror.differences, usize::from(self.limit)));
        Ok(())
    }
}

fn table(differences: &[DifferenceView], limit: usize) -> String {
    let rows = differences.iter().take(limit).map(|it| {
        let counts = match it.counts.as_str() {
            "against-canary" => styled(BAD, "canary worse"),
            "against-stable" => styled(GOOD, "stable worse"),
            _ => "neither".to_owned(),
        };
        let example = present(&it.example).unwrap_or_else(|| "-".to_owned());
        vec![it.pairs.to_string(), status(it.stable), status(it.canary), counts, example, it.path.clone()]
    });
    output::table(&["pairs", "stable", "canary", "counts as", "example", "path"], rows.collect())
}

fn status(status: Option<u16>) -> String {
    status.map_or_else(|| "none".to_owned(), |status| status.to_string())
}
