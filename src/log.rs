//! The log: one JSON line for what an operator must know, never one per request.

use serin_logic::notice::Notice;

use crate::runtime::console_log;

pub(crate) fn notice(notice: &Notice) {
    console_log(&notice.to_line());
}

pub(crate) fn notices(notices: &[Notice]) {
    notices.iter().for_each(notice);
}
