//! Permissions of a token.

use super::request::PREFIX;
use crate::bearer::is_authorized;
use crate::problem::Problem;
use crate::rollout::is_valid_id;

/// The path, below the prefix, to which a plan is sent: to start it, or to check it only.
const ROLLOUTS: &str = "rollouts";

/// Paths that a viewer may read. A path that is added to the API is closed to viewers until it is in this list.
const VIEWABLE: [&str; 7] = ["status", "audit", "metrics", "explain", "series", "locations", ROLLOUTS];

/// Permissions of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Of `ADMIN_TOKEN`: everything.
    Admin,
    /// Of `VIEWER_TOKEN`: reads what happens, and checks plans.
    Viewer,
}

// === impl Role ===

impl Role {
    /// The role's name.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Viewer => "viewer",
        }
    }

    /// The role of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Admin, Self::Viewer].into_iter().find(|role| role.word() == name)
    }

    /// The role of a request with this `Authorization` header.
    ///
    /// # Errors
    /// No token is configured, or the request has another.
    pub fn of(authorization: Option<&str>, admin: Option<&str>, viewer: Option<&str>) -> Result<Self, Problem> {
        let has = |token: Option<&str>| token.is_some_and(|token| is_authorized(authorization, token));
        match (has(admin), has(viewer)) {
            (true, _) => Ok(Self::Admin),
            (false, true) => Ok(Self::Viewer),
            _ if admin.is_none() && viewer.is_none() => Err(Problem::forbidden()),
            _ => Err(Problem::unauthorized()),
        }
    }

    /// Whether the role permits a request.
    ///
    /// # Errors
    /// The problem names the token that the request needs.
    pub fn check(self, method: &str, path: &str, query: &str) -> Result<(), Problem> {
        let path = path.strip_prefix(PREFIX).unwrap_or_default();
        let may_view = match method {
            "GET" | "HEAD" => VIEWABLE.contains(&path) || is_rollout(path),
            "POST" => path == ROLLOUTS && is_dry_run(query) == Some(true),
            _ => false,
        };
        if self == Self::Admin || may_view { Ok(()) } else { Err(Problem::read_only()) }
    }
}

/// Whether the path is that of one rollout: `rollouts/current`, or `rollouts/ID`.
fn is_rollout(path: &str) -> bool {
    path.strip_prefix("rollouts/").is_some_and(is_valid_id)
}

/// Whether the query asks for a check of the plan alone; none if it says neither or both.
pub(super) fn is_dry_run(query: &str) -> Option<bool> {
    let mut values = form_urlencoded::parse(query.as_bytes());
    match (values.next(), values.next()) {
        (None, _) => Some(false),
        (Some((name, value)), None) if name == "dryRun" => match &*value {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(role: Role, method: &str, path: &str) -> bool {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        role.check(method, &format!("{PREFIX}{path}"), query).is_ok()
    }

    #[test]
    fn a_token_has_its_role_and_without_a_token_there_is_none() {
        let role = |header, admin, viewer| Role::of(header, admin, viewer).map_err(|problem| problem.status());
        assert_eq!(role(Some("Bearer a"), Some("a"), Some("v")), Ok(Role::Admin));
        assert_eq!(role(Some("Bearer v"), Some("a"), Some("v")), Ok(Role::Viewer));
        assert_eq!(role(Some("Bearer same"), Some("same"), Some("same")), Ok(Role::Admin));
        assert_eq!(role(Some("Bearer v"), None, Some("v")), Ok(Role::Viewer));
        assert_eq!(role(Some("Bearer x"), Some("a"), Some("v")), Err(401));
        assert_eq!(role(None, Some("a"), None), Err(401));
        assert_eq!(role(Some("Bearer "), None, None), Err(403));
        assert_eq!(role(Some("Bearer "), None, Some("")), Err(401), "an empty token is nobody's");
    }

    #[test]
    fn a_viewer_reads_and_checks_plans_and_changes_nothing() {
        for path in VIEWABLE.into_iter().chain(["rollouts/current", "rollouts/r42"]) {
            assert!(may(Role::Viewer, "GET", path) && may(Role::Viewer, "HEAD", path), "{path}");
            for method in ["POST", "PUT", "DELETE", "PATCH", "get"] {
                assert!(!may(Role::Viewer, method, path), "{method} {path}");
                assert!(may(Role::Admin, method, path), "{method} {path}");
            }
        }
        assert!(may(Role::Viewer, "POST", "rollouts?dryRun=true"));
        let refused = [
            ("POST", "rollouts"),
            ("POST", "rollouts?dryRun=false"),
            ("POST", "rollouts?dryRun=true&dryRun=false"),
            ("POST", "rollouts?dryRun=True"),
            ("POST", "halt?dryRun=true"),
            ("POST", "rollouts/current/abort?dryRun=true"),
            ("GET", "state"),
            ("GET", "rollouts/current/pause"),
            ("GET", "rollouts/"),
            ("PUT", "state"),
            ("PUT", "switches/maintenance"),
            ("POST", "resume-canary"),
            ("GET", "of-tomorrow"),
        ];
        for (method, path) in refused {
            assert!(!may(Role::Viewer, method, path), "{method} {path}");
        }
    }
}
