//! `serin watch`: follows a rollout until it ends, with a live picture on a terminal and one line for each change elsewhere. The exit
//! code reports the outcome.

mod scene;
mod screen;

use serin_logic::api::StatusView;
use std::time::Duration;

use clap::Args;

use self::scene::{Change, end, line};
use self::screen::Screen;
use crate::client::Client;
use crate::connection::Connection;
use crate::exit::Failure;
use crate::time_format::{exact, positive_span};
use crate::{clock, output};

/// Longest time without a response from the server before watching ends. A deploy of Serin itself and a change of networks are shorter.
const LONGEST_OUTAGE: Duration = Duration::from_mins(1);

/// `watch`.
#[derive(Args, Debug)]
pub(crate) struct Watch {
    /// Interval between two requests for the status.
    #[arg(long, value_name = "SPAN", default_value = "2s", value_parser = positive_span)]
    every: Duration,
    /// Stop after this time, with exit code 6 if the rollout is not over.
    #[arg(long = "for", value_name = "SPAN", value_parser = positive_span)]
    at_most: Option<Duration>,
    /// Stop when the rollout pauses, with exit code 6.
    #[arg(long)]
    stop_when_paused: bool,
    /// Follow this rollout; default: the current one.
    #[arg(long, value_name = "ID")]
    rollout: Option<String>,
}

/// Output format of each status.
enum Display {
    Screen(Screen),
    Lines(Option<Change>),
    Json(Option<Change>),
}

// === impl Watch ===

impl Watch {
    /// Follows the rollout with this id, or the current one.
    pub(super) const fn of(rollout: Option<String>) -> Self {
        Self { every: Duration::from_secs(2), at_most: None, stop_when_paused: false, rollout }
    }

    pub(crate) fn run(&self, connection: &Connection) -> Result<(), Failure> {
        self.follow(&Client::new(connection)?, connection.json)
    }

    /// Polls the status until the rollout ends.
    pub(super) fn follow(&self, client: &Client, json: bool) -> Result<(), Failure> {
        let mut display = match () {
            () if json => Display::Json(None),
            () if output::is_terminal() => Display::Screen(Screen::new()),
            () => Display::Lines(None),
        };
        let begun = clock::tick();
        let mut wanted = self.rollout.clone();
        let mut answered_at = None;
        loop {
            match client.get("status") {
                Ok(answer) => {
                    answered_at = Some(clock::tick());
                    let status: StatusView = answer.read()?;
                    let is_over = self.is_over(&status, &mut wanted)?;
                    display.show(&status, &answer.text);
                    if is_over {
                        return status.rollout.as_ref().map_or(Ok(()), end);
                    }
                }
                Err(failure) => {
                    let may_pass = match &failure {
                        Failure::Unreachable(_) => true,
                        Failure::Refused(refusal) => refusal.status >= 500 && !refusal.is("unbound"),
                        _ => false,
                    };
                    match answered_at {
                        Some(at) if may_pass && at.elapsed() < LONGEST_OUTAGE => display.show_error(&failure),
                        _ => return Err(failure),
                    }
                }
            }
            if let Some(most) = self.at_most.filter(|most| begun.elapsed() >= *most) {
                return Err(Failure::NotOver(format!("the rollout is not over after {}", exact(most))));
            }
            clock::wait(self.every);
        }
    }

    /// Whether watching ends with this status.
    ///
    /// # Errors
    /// The rollout cannot be watched any further.
    fn is_over(&self, status: &StatusView, wanted: &mut Option<String>) -> Result<bool, Failure> {
        let Some(rollout) = &status.rollout else {
            let why = if status.epoch.is_some() { "there is no rollout" } else { "there is no rollout controller" };
            return Err(Failure::Failed(why.into()));
        };
        let id = wanted.get_or_insert_with(|| rollout.id.clone());
        if *id != rollout.id {
            return Err(Failure::Failed(format!("rollout {id} is no longer the current one: {} is", rollout.id)));
        }
        Ok(rollout.is_over() || (self.stop_when_paused && rollout.phase == "paused"))
    }
}

// === impl Display ===

impl Display {
    fn show(&mut self, status: &StatusView, text: &str) {
        match self {
            Self::Screen(screen) => screen.show(status),
            Self::Lines(before) => {
                if Change::happened(before, status) {
                    output::line(&line(status));
                }
            }
            Self::Json(before) => {
                if Change::happened(before, status) {
                    // Each document is one line, even if the server indents its JSON.
                    let value = serde_json::from_str::<serde_json::Value>(text);
                    output::line(&value.map_or_else(|_| text.replace('\n', " "), |value| value.to_string()));
                }
            }
        }
    }

    fn show_error(&mut self, failure: &Failure) {
        match self {
            Self::Screen(screen) => screen.show_error(&failure.to_string()),
            Self::Lines(_) | Self::Json(_) => output::error_line(&format!("retrying: {failure}")),
        }
    }
}
