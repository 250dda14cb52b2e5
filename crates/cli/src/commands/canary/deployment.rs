//! The deployment of a Worker: which of its versions serve, and how much. A command changes it only if it is still the one that the command
//! was planned for, because another person may have deployed meanwhile.

use serde::Deserialize;
use serde_json::Value;

use super::worker::Worker;
use crate::exit::Failure;
use crate::wrangler::{Invocation, Wrangler};

/// Stands for the id of the version that a command uploads, until it is known.
pub(super) const UPLOADED: &str = "UPLOADED-VERSION";

/// A Worker's present deployment, as `wrangler deployments status --json` shows it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Deployment {
    pub(super) id: String,
    #[serde(default)]
    created_on: String,
    #[serde(default)]
    author_email: String,
    versions: Vec<Share>,
}

/// A version, and its percentage of the requests that name no version.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Share {
    pub(super) version_id: String,
    pub(super) percentage: f64,
}

/// A change of a deployment.
pub(super) struct DeployVersions {
    pub(super) name: String,
    /// The versions to deploy.
    pub(super) shares: Vec<Share>,
    /// The deployment that the change was planned for.
    pub(super) before: Deployment,
    pub(super) status: Invocation,
    pub(super) call: Invocation,
}

// === impl Deployment ===

impl Deployment {
    /// Reads the present deployment.
    ///
    /// # Errors
    /// wrangler fails, because there is no such Worker for example, or what it prints is not a deployment.
    pub(super) fn read(wrangler: &Wrangler, call: &Invocation) -> Result<Self, Failure> {
        let outcome = wrangler.output(call)?;
        if !outcome.is_good {
            return Err(wrangler.failure(call, &outcome));
        }
        serde_json::from_str(&outcome.stdout).map_err(|error| {
            Failure::Failed(format!("`{}` printed no deployment: {error}\n{}", wrangler.describe(call), outcome.stdout))
        })
    }

    /// The version that serves every request that names none, if no other version does and none but `canary` is beside it.
    ///
    /// # Errors
    /// Another version is in the deployment.
    pub(super) fn stable_beside(&self, canary: Option<&str>) -> Result<&str, Failure> {
        let is_canary = |share: &Share| Some(share.version_id.as_str()) == canary && share.percentage <= 0.0;
        let others: Vec<_> = self.versions.iter().filter(|share| !is_canary(share)).collect();
        match others.as_slice() {
            [share] if share.percentage >= 100.0 => Ok(&share.version_id),
            _ => Err(Failure::Failed(format!(
                "the deployment is not one of this command's: {}; nothing was deployed. Finish it with `npx wrangler versions deploy`, so that \
                 one version has 100 %, and run this command again",
                self.describe()
            ))),
        }
    }

    /// Whether this version serves every request that names none.
    pub(super) fn is_all(&self, version: &str) -> bool {
        self.versions.iter().any(|share| share.version_id == version && share.percentage >= 100.0)
    }

    pub(super) fn has(&self, version: &str) -> bool {
        self.versions.iter().any(|share| share.version_id == version)
    }

    fn describe(&self) -> String {
        let versions: Vec<_> = self.versions.iter().map(Share::spec).collect();
        let by = if self.author_email.is_empty() { String::new() } else { format!(" by {}", self.author_email) };
        format!("{} of {}{by}", versions.join(" "), self.created_on)
    }
}

// === impl Share ===

impl Share {
    pub(super) fn new(version_id: &str, percentage: u8) -> Self {
        Self { version_id: version_id.to_owned(), percentage: percentage.into() }
    }

    /// As wrangler takes it.
    pub(super) fn spec(&self) -> String {
        format!("{}@{}", self.version_id, self.percentage)
    }
}

// === impl DeployVersions ===

impl DeployVersions {
    pub(super) fn new(worker: &Worker, before: &Deployment, shares: Vec<Share>) -> Self {
        Self {
            name: worker.name.clone(),
            call: worker.deploy_versions(&shares),
            status: worker.deployment(),
            before: before.clone(),
            shares,
        }
    }

    /// Deploys the versions, `uploaded` in place of [`UPLOADED`].
    ///
    /// # Errors
    /// The deployment is another one by now, or wrangler fails.
    pub(super) fn perform(&self, wrangler: &Wrangler, uploaded: Option<&str>) -> Result<String, Failure> {
        let present = Deployment::read(wrangler, &self.status)?;
        if present.id != self.before.id {
            return Err(Failure::Failed(format!(
                "{} was deployed meanwhile: {}; nothing was deployed. Run this command again if that is meant to be",
                self.name,
                present.describe()
            )));
        }
        let known = |text: &str| text.replace(UPLOADED, uploaded.unwrap_or(UPLOADED));
        let call = Invocation { args: self.call.args.iter().map(|arg| known(arg)).collect(), ..self.call.clone() };
        wrangler.follow(&call)?;
        Ok(self.shares.iter().map(|share| known(&share.spec())).collect::<Vec<_>>().join(" "))
    }
}

/// The version id in wrangler's report of `versions upload`.
pub(super) fn uploaded(report: &[Value]) -> Option<String> {
    let upload = report.iter().find(|entry| entry.get("type").is_some_and(|kind| kind == "version-upload"))?;
    Some(upload.get("version_id")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(versions: &[(&str, f64)]) -> Deployment {
        let versions: Vec<_> =
            versions.iter().map(|(id, percentage)| json!({"version_id": id, "percentage": percentage})).collect();
        let deployment = json!({"id": "d1", "created_on": "2026-11-21T03:00:00Z", "author_email": "ada@shop.example",
            "source": "wrangler", "strategy": "percentage", "versions": versions});
        serde_json::from_value(deployment).unwrap()
    }

    #[test]
    fn only_one_version_and_this_commands_own_may_be_deployed() {
        let stable = |versions: &[(&str, f64)], canary| {
            of(versions).stable_beside(canary).map(str::to_owned).map_err(|failure| failure.to_string())
        };
        assert_eq!(stable(&[("a", 100.0)], None), Ok("a".to_owned()));
        assert_eq!(stable(&[("b", 0.0), ("a", 100.0)], Some("b")), Ok("a".to_owned()));
        for (versions, canary) in [
            (&[("b", 0.0), ("a", 100.0)][..], None),
            (&[("b", 0.0), ("a", 100.0)], Some("c")),
            (&[("b", 10.0), ("a", 90.0)], Some("b")),
            (&[], None),
        ] {
            let error = stable(versions, canary).unwrap_err();
            assert!(error.contains("nothing was deployed") && error.contains("ada@shop.example"), "{error}");
        }
    }

    #[test]
    fn a_version_serves_all_where_no_other_has_a_share() {
        assert!(of(&[("a", 100.0)]).is_all("a") && of(&[("a", 100.0), ("b", 0.0)]).is_all("a"));
        assert!(!of(&[("a", 100.0)]).is_all("b") && !of(&[("a", 100.0), ("b", 0.0)]).is_all("b"));
        assert!(!of(&[("a", 50.0), ("b", 50.0)]).is_all("a"));
    }

    #[test]
    fn the_uploads_id_is_read_from_wranglers_report() {
        let report = [json!({"type": "wrangler-session"}), json!({"type": "version-upload", "version_id": "v2"})];
        assert_eq!(uploaded(&report).as_deref(), Some("v2"));
        assert_eq!(uploaded(&report[..1]), None);
    }
}
