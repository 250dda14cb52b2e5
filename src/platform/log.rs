//! The log: one JSON line for what an operator must know, never one per request.

use serin_logic::log_event::LogEvent;
use worker::console_log;

/// Writes a line.
pub(crate) fn event(event: &LogEvent) {
    console_log!("{}", event.to_line());
}

/// Writes a line for each event.
pub(crate) fn events(events: &[LogEvent]) {
    events.iter().for_each(event);
}

/// Writes that a part of the control plane does not work.
pub(crate) fn control_trouble(part: &'static str, why: String) {
    event(&LogEvent::ControlTrouble { part, why });
}
