//! The log: one JSON line for what an operator must know, never one per request.

use serin_logic::notice::Notice;

use crate::javascript::{console_error, console_log};

/// One line.
pub fn notice(notice: &Notice) {
    console_log(&notice.to_line());
}

/// A line each.
pub fn notices(notices: &[Notice]) {
    notices.iter().for_each(notice);
}

/// From now on a panic's message and place are logged before the instance is given up.
pub fn panics() {
    std::panic::set_hook(Box::new(|info| console_error(&info.to_string())));
}

/// A part of the control plane does not work.
pub fn trouble(part: &'static str, why: String) {
    notice(&Notice::ControlTrouble { part, why });
}
