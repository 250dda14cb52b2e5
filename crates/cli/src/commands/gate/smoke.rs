//! Smoke requests: a file of requests, each with its expected response.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use ureq::http::Method;

use super::CheckResult;
use crate::client::{Client, Reply};
use crate::exit::Failure;

/// A request and its expected response.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::commands) struct Smoke {
    #[serde(default = "get")]
    method: String,
    path: String,
    /// Request headers.
    #[serde(default)]
    send: BTreeMap<String, String>,
    #[serde(default)]
    body: Option<String>,
    /// Expected status.
    #[serde(default = "ok")]
    status: u16,
    /// Expected headers. `*` at the end of a value matches any text.
    #[serde(default)]
    header: BTreeMap<String, String>,
    /// Text that the body must contain.
    #[serde(default)]
    contains: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    request: Vec<Smoke>,
}

fn get() -> String {
    "GET".into()
}

const fn ok() -> u16 {
    200
}

// === impl Smoke ===

impl Smoke {
    /// Reads a file of smoke requests.
    ///
    /// # Errors
    /// The file is not valid. The error names the field.
    pub(in crate::commands) fn read(file: &Path) -> Result<Vec<Self>, Failure> {
        let wrong = |why: String| Failure::Usage(format!("--smoke {}: {}", file.display(), why.trim_end()));
        let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
        let is_json = file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
        Self::parse(&text, is_json).map_err(wrong)
    }

    fn parse(text: &str, is_json: bool) -> Result<Vec<Self>, String> {
        let File { request } = if is_json {
            serde_json::from_str(text).map_err(|error| error.to_string())?
        } else {
            toml::from_str(text).map_err(|error| error.to_string())?
        };
        if request.is_empty() {
            return Err("it contains no request".into());
        }
        for (number, smoke) in request.iter().enumerate() {
            let wrong = |why: &str| Err(format!("request[{number}].{why}"));
            if !smoke.path.starts_with('/') {
                return wrong(&format!("path is {:?}, accepted: a path from /", smoke.path));
            }
            if Method::from_bytes(smoke.method.as_bytes()).is_err() {
                return wrong(&format!("method is {:?}, accepted: such as GET", smoke.method));
            }
            if !(100..=599).contains(&smoke.status) {
                return wrong(&format!("status is {}, accepted: 100 to 599", smoke.status));
            }
        }
        Ok(request)
    }

    /// Sends the request and judges the response.
    pub(in crate::commands) fn check(&self, client: &Client) -> CheckResult {
        let what = self.describe();
        let method = Method::from_bytes(self.method.as_bytes()).unwrap_or(Method::GET);
        let headers: Vec<(&str, &str)> = self.send.iter().map(|(name, value)| (&**name, &**value)).collect();
        CheckResult::of(what, client.send(&method, &self.path, &headers, self.body.clone()), |reply| self.judge(reply))
    }

    /// The request as text.
    pub(in crate::commands) fn describe(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    fn judge(&self, reply: &Reply) -> Vec<String> {
        let mut complaints = Vec::new();
        if reply.status != self.status {
            complaints.push(format!("status is {}, not {}", reply.status, self.status));
        }
        for (name, expected) in &self.header {
            let found = reply.header(name);
            let fits = match (found, expected.strip_suffix('*')) {
                (Some(found), Some(start)) => found.starts_with(start),
                (Some(found), None) => found == expected,
                (None, _) => false,
            };
            if !fits {
                complaints.push(format!("{name} is {}, not {expected}", found.unwrap_or("missing")));
            }
        }
        if let Some(text) = self.contains.as_ref().filter(|text| !reply.text.contains(*text)) {
            complaints.push(format!("the body does not contain {text:?}"));
        }
        complaints
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_file_in_the_documentation_can_be_read() {
        let page = include_str!("../../../../../docs/cli.md");
        let (_, rest) = page.split_once("```toml\n").unwrap();
        let (file, _) = rest.split_once("```").unwrap();
        assert_eq!(Smoke::parse(file, false).unwrap().len(), 2);
    }

    #[test]
    fn both_forms_of_the_file_say_the_same() {
        let toml = "[[request]]\npath = \"/a\"\nstatus = 302\nheader = { location = \"/b*\" }\n";
        let json = r#"{"request": [{"path": "/a", "status": 302, "header": {"location": "/b*"}}]}"#;
        let [toml, json] = [Smoke::parse(toml, false).unwrap(), Smoke::parse(json, true).unwrap()];
        assert_eq!(format!("{toml:?}"), format!("{json:?}"));
        assert_eq!((toml[0].method.as_str(), toml[0].status), ("GET", 302));
    }

    #[test]
    fn an_error_in_the_file_is_named() {
        for (text, named) in [
            ("[[request]]\npath = \"a\"", "request[0].path"),
            ("[[request]]\npath = \"/\"\nmethod = \"G T\"", "request[0].method"),
            ("[[request]]\npath = \"/\"\nstatus = 99", "request[0].status"),
            ("[[request]]\npath = \"/\"\nstaus = 200", "staus"),
            ("request = []", "no request"),
        ] {
            let error = Smoke::parse(text, false).unwrap_err();
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn every_difference_is_reported() {
        let text = "[[request]]\npath = \"/\"\nheader = { a = \"1\", b = \"x*\", c = \"2\" }\ncontains = \"hello\"";
        let smoke = Smoke::parse(text, false).unwrap();
        let headers = [("a", "1"), ("b", "xyz"), ("d", "3")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let reply = Reply { status: 500, headers: headers.to_vec(), text: "bye".into(), took: Duration::ZERO };
        let expected = ["status is 500, not 200", "c is missing, not 2", "the body does not contain \"hello\""];
        assert_eq!(smoke[0].judge(&reply), expected);
    }
}
