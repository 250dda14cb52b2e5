//! The live picture on a terminal: a scrolling log of changes above the rollout's status.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serin_logic::api::{RolloutView, StatusView};

use super::scene::{Change, line, scene};
use crate::output::{self, CAUTION, styled};

const WITH_HOLD: &str = "[{bar:40.green}]\n{prefix}";
const WITHOUT_HOLD: &str = "{prefix}\n{msg}";

/// The live picture on a terminal.
pub(super) struct Screen {
    bar: ProgressBar,
    before: Option<Change>,
    /// Most columns of the picture.
    width: usize,
}

// === impl Screen ===

impl Screen {
    pub(super) fn new() -> Self {
        Self::on(ProgressDrawTarget::stdout(), usize::MAX)
    }

    fn on(target: ProgressDrawTarget, width: usize) -> Self {
        let bar = ProgressBar::with_draw_target(Some(1), target);
        Self { bar, before: None, width }
    }

    pub(super) fn show(&mut self, status: &StatusView) {
        // The last column stays free, because some terminals begin a new line there.
        let (now, scene) = (Change::of(status), scene(status, output::width().min(self.width).saturating_sub(1)));
        if self.before.as_ref().is_some_and(|before| now.moved(before)) {
            self.bar.println(line(status));
        }
        self.before = Some(now);
        if let Some((passed, whole)) = scene.hold {
            self.template(WITH_HOLD);
            self.bar.set_length(milliseconds(whole).max(1));
            self.bar.set_position(milliseconds(passed));
        } else {
            self.template(WITHOUT_HOLD);
            self.bar.set_message("");
        }
        self.bar.set_prefix(scene.text);
        if status.rollout.as_ref().is_some_and(RolloutView::is_over) {
            self.bar.abandon();
        } else {
            self.bar.tick();
        }
    }

    /// Shows an error below the unchanged picture.
    pub(super) fn show_error(&mut self, why: &str) {
        self.template(WITHOUT_HOLD);
        self.bar.set_message(styled(CAUTION, &format!("retrying: {why}")));
        self.bar.tick();
    }

    fn template(&self, template: &str) {
        // The tests draw these constant templates. An invalid template would leave the default style of the bar.
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style.progress_chars("=> "));
        }
    }
}

impl Drop for Screen {
    /// Ends the display. The last picture stays on the terminal.
    fn drop(&mut self) {
        self.bar.abandon();
    }
}

fn milliseconds(span: std::time::Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use indicatif::InMemoryTerm;
    use serde_json::json;

    use super::*;

    fn status(phase: &str, step: u64, time: &str) -> StatusView {
        serde_json::from_value(json!({"time": time, "epoch": 1, "rollout": {
            "id": "r42", "phase": phase, "step": step, "of": 2, "percentage": 5,
            "since": "2026-11-21T03:00:00Z", "holdEnds": "2026-11-21T03:10:00Z",
            "figures": {"canary": {"requests": 174, "failures": 1, "p95Ms": 131}, "errors": {"evidence": 0.4, "limit": 200}},
            "lastLook": {"at": "2026-11-21T03:04:00Z", "verdict": "pass", "sentence": "nothing against it"},
        }}))
        .unwrap()
    }

    #[test]
    fn the_picture_shows_place_hold_figures_and_verdict_and_what_happened_scrolls_above() {
        let terminal = InMemoryTerm::new(60, 80);
        let mut screen = Screen::on(ProgressDrawTarget::term_like(Box::new(terminal.clone())), 80);
        screen.show(&status("progressing", 1, "2026-11-21T03:05:00Z"));
        insta::assert_snapshot!(terminal.contents());
        screen.show(&status("completed", 2, "2026-11-21T03:10:00Z"));
        let lines = terminal.contents();
        assert!(lines.starts_with("03:10:00 UTC completed, step 2 of 2, 5 %"), "{lines}");
        assert!(lines.contains("\nrollout  r42") && lines.contains("\nphase    completed"), "{lines}");
    }

    #[test]
    fn an_error_is_shown_below_the_unchanged_picture() {
        let terminal = InMemoryTerm::new(60, 80);
        let mut screen = Screen::on(ProgressDrawTarget::term_like(Box::new(terminal.clone())), 80);
        screen.show(&status("progressing", 1, "2026-11-21T03:05:00Z"));
        screen.show_error("the server does not respond");
        let lines = terminal.contents();
        assert!(lines.contains("174") && lines.ends_with("retrying: the server does not respond"), "{lines}");
    }
}
