//! `serin switch`: sets and clears the kill switches.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use serin_logic::Timestamp;
use serin_logic::api::{ChangeAnswer, SwitchView};
use serin_logic::policy::Switch;

use super::rollout::actor_and_reason;
use crate::client::Client;
use crate::connection::{Connection, Why};
use crate::exit::Failure;
use crate::output::{self, STRONG, styled};
use crate::{clock, time_format};

/// `switch`.
#[derive(Args, Debug)]
pub(crate) struct SetSwitch {
    /// Switch to set.
    #[arg(value_enum)]
    name: Name,
    /// New position of the switch.
    #[arg(value_enum)]
    position: Position,
    /// Reason, for the audit and for refused clients; required to turn a switch on.
    #[arg(long, value_name = "TEXT", required_if_eq("position", "on"))]
    why: Option<String>,
    /// Time at which the switch turns itself off: RFC 3339, or a span from now such as `30m`.
    #[arg(long, value_name = "MOMENT")]
    until: Option<String>,
}

/// The switches there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Name {
    /// Send all visitors to stable.
    #[value(name = "disable_canary", alias = "disable-canary")]
    DisableCanary,
    /// Methods other than GET, HEAD, OPTIONS and TRACE get 503.
    #[value(name = "disable_writes", alias = "disable-writes")]
    DisableWrites,
    /// All requests get 503.
    Maintenance,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Position {
    On,
    Off,
}

// === impl SetSwitch ===

impl SetSwitch {
    pub(crate) fn run(&self, connection: &Connection) -> Result<(), Failure> {
        let is_on = self.position == Position::On;
        if self.until.is_some() && !is_on {
            return Err(Failure::Usage("--until is accepted only with `on`".into()));
        }
        let until = self.until.as_deref().map(|until| time_format::moment(until, clock::now())).transpose();
        let until = until.map_err(|error| Failure::Usage(format!("--until: {error}")))?;
        let mut body = actor_and_reason(connection, &Why { why: self.why.clone() });
        body.insert("on".into(), is_on.into());
        body.extend(until.map(|until| ("until".to_owned(), json!(until.to_rfc3339()))));

        let name = self.name.switch().name();
        let answer = Client::new(connection)?.put(&format!("switches/{name}"), &Value::Object(body))?;
        if connection.json {
            output::line(answer.text.trim_end());
            return Ok(());
        }
        let ChangeAnswer::<SwitchView> { already, before, failed, .. } = answer.read()?;
        let after = SwitchView { on: is_on, until: until.map(Timestamp::to_rfc3339), ..SwitchView::default() };
        let was = before.filter(|_| !already).map(|before| format!(", was {}", position(&before)));
        let already = if already { "nothing changed: " } else { "" };
        let name = styled(STRONG, name);
        output::line(&format!("{already}{name} is {}{}", position(&after), was.unwrap_or_default()));
        failed.lines().for_each(|line| output::error_line(&format!("warning: {line}")));
        Ok(())
    }
}

/// `off`, or `on until 2026-11-21 04:00:00: database`.
fn position(switch: &SwitchView) -> String {
    if !switch.on {
        return "off".to_owned();
    }
    let until = switch.until.as_ref().map(|until| format!(" until {}", time_format::date_and_time(until)));
    let reason = switch.reason.as_ref().filter(|reason| !reason.is_empty()).map(|reason| format!(": {reason}"));
    format!("on{}{}", until.unwrap_or_default(), reason.unwrap_or_default())
}

// === impl Name ===

impl Name {
    const fn switch(self) -> Switch {
        match self {
            Self::DisableCanary => Switch::DisableCanary,
            Self::DisableWrites => Switch::DisableWrites,
            Self::Maintenance => Switch::Maintenance,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_switch_of_the_worker_can_be_typed_by_its_name() {
        for switch in Switch::ALL {
            assert_eq!(Name::from_str(switch.name(), false).map(Name::switch), Ok(switch));
        }
    }
}
