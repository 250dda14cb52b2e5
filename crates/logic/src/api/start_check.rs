//! Checks of the start of a rollout, beyond a valid plan: refusals and warnings.

use crate::percentage::Percentage;
use crate::policy::Switch;
use crate::policy::switches::Setting;
use crate::problem::Problem;
use crate::rollout::Plan;

/// The start of a rollout, and the policy that it starts from.
#[derive(Clone, Copy, Debug)]
pub struct StartCheck<'a> {
    /// The plan to carry out.
    pub plan: &'a Plan,
    /// The share of visitors that the canary has now.
    pub present: Percentage,
    /// The switch `disable_canary`, if it is on.
    pub disabled: Option<&'a Setting>,
    /// Start although the switch is on.
    pub anyway: bool,
    /// The share of the first step, as the actor expects it. Required where it is below the present one.
    pub confirmed: Option<Percentage>,
}

// === impl StartCheck ===

impl StartCheck<'_> {
    /// Sentences about what may surprise.
    ///
    /// # Errors
    /// The rollout cannot have visitors, and the request does not confirm that.
    pub fn run(&self) -> Result<Vec<String>, Problem> {
        let mut warnings = Vec::new();
        if let Some(setting) = self.disabled {
            let key = Switch::DisableCanary.key();
            let reason = setting.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
            let is_on = format!("the switch {key} is on{reason}: no visitor gets the canary until it is off");
            if !self.anyway {
                let remedy = "turn it off first, or start with \"anyway\": true";
                return Err(Problem::conflict(format!("{is_on}; {remedy}")));
            }
            warnings.push(is_on);
        }
        warnings.extend(self.falling_share()?);
        warnings.extend(self.short_holds());
        Ok(warnings)
    }

    /// The share falls with the first step, so that visitors go back to stable.
    ///
    /// # Errors
    /// It falls, and the request does not confirm that; or it is another one than the actor expects.
    fn falling_share(&self) -> Result<Option<String>, Problem> {
        let Some(first) = self.plan.steps().first() else { return Ok(None) };
        let (now, is_everywhere) = (self.present, first.ring.is_none());
        let next = if is_everywhere { first.percentage } else { Percentage::ZERO };
        let place = if is_everywhere { "" } else { " outside its ring" };
        let steps = format!("the canary has {now} % of the visitors, and the first step gives it {next} %{place}");
        let falls = (next < now).then(|| format!("{steps}: the others go back to stable"));
        match self.confirmed {
            None => falls.map_or(Ok(None), |falls| Err(Problem::unconfirmed(next, falls))),
            Some(expected) if expected != next => Err(Problem::unconfirmed(next, steps)),
            Some(_) => Ok(falls),
        }
    }

    /// A hold below `settle` is no hold: the first analysis comes after it.
    fn short_holds(&self) -> Vec<String> {
        let settle = self.plan.timing().settle;
        let last = self.plan.last();
        let holds = self.plan.steps().iter().enumerate().map(|(index, step)| {
            if index == last {
                ("bake".to_owned(), self.plan.timing().bake)
            } else {
                (format!("steps[{index}].hold"), step.hold)
            }
        });
        let short = holds.filter(|(_, hold)| *hold < settle);
        short
            .map(|(field, hold)| {
                format!("{field} is {hold}, shorter than settle, {settle}: the first analysis comes after settle, so the step takes at least {settle}")
            })
            .collect()
    }
}

/// Whether the query of `POST rollouts` or `PUT state` asks for a check alone.
///
/// # Errors
/// The query is another one.
pub(super) fn dry_run(query: &str) -> Result<bool, Problem> {
    let message = format!("the query is {query:?}, accepted: dryRun=true, or no query");
    super::role::is_dry_run(query).ok_or_else(|| Problem::invalid("dryRun", &message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(plan: &str, present: u32, disabled: Option<&Setting>, anyway: bool) -> Result<Vec<String>, Problem> {
        check_confirmed(plan, present, None, disabled, anyway)
    }

    fn check_confirmed(
        plan: &str,
        present: u32,
        confirmed: Option<u32>,
        disabled: Option<&Setting>,
        anyway: bool,
    ) -> Result<Vec<String>, Problem> {
        let (present, confirmed) = (Percentage::percent(present), confirmed.map(Percentage::percent));
        StartCheck { plan: &Plan::parse(plan).unwrap(), present, disabled, anyway, confirmed }.run()
    }

    #[test]
    fn a_plan_without_surprises_has_no_warnings() {
        for present in [0, 5] {
            assert_eq!(check(r#"{"schedule":"standard"}"#, present, None, false), Ok(vec![]), "{present}");
        }
    }

    #[test]
    fn a_hold_below_settle_and_a_falling_share_are_named() {
        let warnings = check_confirmed(r#"{"steps":[5,100],"hold":"30s"}"#, 50, Some(5), None, false).unwrap();
        assert_eq!(
            warnings,
            [
                "the canary has 50 % of the visitors, and the first step gives it 5 %: the others go back to stable",
                "steps[0].hold is 30s, shorter than settle, 1m: the first analysis comes after settle, so the step takes at least 1m",
                "bake is 30s, shorter than settle, 1m: the first analysis comes after settle, so the step takes at least 1m",
            ]
        );
        let ring = r#"{"steps":[{"percentage":100,"where":{"country":"NZ"}},100]}"#;
        let warnings = check_confirmed(ring, 50, Some(0), None, false).unwrap();
        assert!(warnings[0].contains("0 % outside its ring"), "{warnings:?}");
    }

    #[test]
    fn a_share_that_falls_or_is_not_the_expected_one_must_be_confirmed() {
        let standard = r#"{"schedule":"standard"}"#;
        let refused = check(standard, 50, None, false).unwrap_err();
        let json: serde_json::Value = serde_json::from_str(&refused.to_json()).unwrap();
        assert_eq!((refused.status(), &json["type"]), (409, &"urn:serin:unconfirmed".into()));
        assert_eq!((&json["field"], &json["percentage"]), (&"percentage".into(), &5.into()));
        assert!(refused.detail().contains("the canary has 50 % of the visitors, and the first step gives it 5 %"));
        for (present, confirmed, is_accepted) in [(50, 5, true), (50, 50, false), (0, 5, true), (0, 50, false)] {
            let checked = check_confirmed(standard, present, Some(confirmed), None, false);
            assert_eq!(checked.is_ok(), is_accepted, "{present} {confirmed}");
        }
    }

    #[test]
    fn a_switch_that_takes_every_visitor_away_must_be_meant() {
        let setting = Setting { on: true, reason: Some("pager".into()), until: None };
        let refused = check(r#"{"schedule":"fast"}"#, 0, Some(&setting), false).unwrap_err();
        assert_eq!(refused.status(), 409);
        assert!(refused.to_json().contains("ops:disable_canary is on (pager)"), "{}", refused.to_json());
        let warnings = check(r#"{"schedule":"fast"}"#, 0, Some(&setting), true).unwrap();
        assert!(warnings[0].starts_with("the switch ops:disable_canary is on (pager)"), "{warnings:?}");
    }

    #[test]
    fn the_query_is_understood_or_refused() {
        assert_eq!([dry_run(""), dry_run("dryRun=false"), dry_run("dryRun=true")], [Ok(false), Ok(false), Ok(true)]);
        for query in ["dryrun=true", "dryRun", "dryRun=1", "dryRun=true&dryRun=false", "x=1"] {
            assert_eq!(dry_run(query).map_err(|problem| problem.status()), Err(422), "{query}");
        }
    }
}
