//! `ops:*` keys: any value but a few words for off turns the switch on, and the switch then stops the requests it is for.

use serin_logic::policy::Switch;
use serin_logic::policy::switches::Setting;
use serin_logic::problem::Problem;
use serin_logic::routing::{Outcome, decide};
use serin_logic::{Timestamp, Variant};

use super::{KEY, NOW, SETUP, are_lines, good, is_a_value, switched, text, visitors};

/// Parses the input as the value of each switch.
pub fn check(input: &[u8]) {
    let text = text(input);
    let setting = Setting::parse(Some(&text));
    let word = text.trim().to_ascii_lowercase();
    assert_eq!(setting.on, !["", "0", "false", "off", "no"].contains(&word.as_str()));
    if let Some(until) = setting.until {
        assert!(setting.is_on(Timestamp::from_millis(i64::MIN)) && !setting.is_on(until));
    }
    let good = good();
    for switch in Switch::ALL {
        let (snapshot, notices) = good.apply_kv_values(KEY, switched(switch, &text), NOW);
        are_lines(&notices);
        for visitor in visitors().iter() {
            let outcome = decide(&snapshot, &SETUP, visitor, NOW).outcome;
            let before = decide(&good, &SETUP, visitor, NOW).outcome;
            let is_on = setting.is_on(NOW);
            match switch {
                Switch::Maintenance if is_on => assert_eq!(outcome, Outcome::Unavailable(switch)),
                Switch::DisableCanary if is_on => assert_eq!(outcome, Outcome::Serve(Variant::Stable)),
                Switch::DisableWrites if is_on => assert!([before, Outcome::Unavailable(switch)].contains(&outcome)),
                _ => assert_eq!(outcome, before),
            }
        }
        let problem = Problem::unavailable(switch, &setting, NOW);
        problem.headers().for_each(|(_, value)| is_a_value(&value));
    }
}
