//! The options that all commands share: the server, the token, the actor, and the form of the output.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::exit::Failure;
use crate::time_format::positive_span;

/// Options of the connection: address, token, actor and output format.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Connection {
    /// Address of Serin: scheme, host and port.
    #[arg(long, global = true, env = "SERIN_URL", default_value = "http://localhost:8787", hide_env = true)]
    pub(crate) url: String,
    /// Read the token from this file instead of `SERIN_TOKEN`.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Name of the actor in the audit log; default: `SERIN_WHO`, then USER.
    #[arg(long, global = true, value_name = "NAME")]
    who: Option<String>,
    /// Longest time to wait for a response.
    #[arg(long, global = true, value_name = "SPAN", default_value = "10s", value_parser = positive_span)]
    pub(crate) timeout: Duration,
    /// Print the server's JSON.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Show times in UTC instead of the terminal's time zone.
    #[arg(long, global = true)]
    pub(crate) utc: bool,
}

/// The reason, for the audit.
#[derive(Args, Clone, Debug)]
pub(crate) struct Why {
    /// Reason for the audit log.
    #[arg(long, value_name = "TEXT")]
    pub(crate) why: Option<String>,
}

/// Variables for Cloudflare Access, and the request headers that carry them: of a person, and of a service token.
/// <https://developers.cloudflare.com/cloudflare-one/identity/service-tokens/>
const ACCESS_HEADERS: [(&str, &str); 3] = [
    ("SERIN_ACCESS_TOKEN", "cf-access-token"),
    ("SERIN_ACCESS_CLIENT_ID", "cf-access-client-id"),
    ("SERIN_ACCESS_CLIENT_SECRET", "cf-access-client-secret"),
];

/// File in which wrangler keeps secrets of a local Worker. `npm start` writes a token into it.
const LOCAL_VARIABLES: &str = ".dev.vars";

// === impl Connection ===

impl Connection {
    /// The token from the token file, or else from the environment. There is no argument for it, because every process can read arguments.
    /// For a server on this machine (`is_here`), the token that `npm start` wrote is enough.
    ///
    /// # Errors
    /// The file is not readable, or the token contains characters that a header cannot carry.
    pub(crate) fn token(&self, is_here: bool) -> Result<Option<String>, Failure> {
        let (token, source) = match &self.token_file {
            None => match std::env::var("SERIN_TOKEN") {
                Ok(token) => (token, "SERIN_TOKEN".to_owned()),
                Err(_) => (local_token(is_here).unwrap_or_default(), LOCAL_VARIABLES.to_owned()),
            },
            Some(file) => {
                let unreadable = |error| Failure::Usage(format!("--token-file {}: {error}", file.display()));
                (std::fs::read_to_string(file).map_err(unreadable)?, file.display().to_string())
            }
        };
        match (sendable(&token, &source)?, &self.token_file) {
            (None, Some(_)) => Err(Failure::Usage(format!("{source} contains no token"))),
            (token, _) => Ok(token),
        }
    }

    /// The headers that let a request through Cloudflare Access, as far as the environment has them.
    ///
    /// # Errors
    /// A variable contains characters that a header cannot carry.
    pub(crate) fn access_headers() -> Result<Vec<(&'static str, String)>, Failure> {
        let mut headers = Vec::new();
        for (variable, header) in ACCESS_HEADERS {
            let value = std::env::var(variable).unwrap_or_default();
            headers.extend(sendable(&value, variable)?.map(|value| (header, value)));
        }
        Ok(headers)
    }

    /// The actor for the audit, or `None` if neither an option nor the environment names one.
    pub(crate) fn who(&self) -> Option<String> {
        let variables = ["SERIN_WHO", "USER", "USERNAME"].into_iter().filter_map(|name| std::env::var(name).ok());
        self.who.iter().cloned().chain(variables).find(|who| !who.trim().is_empty())
    }
}

/// The admin token of the splitter that runs on this machine, from the file in the current folder that wrangler reads.
fn local_token(is_here: bool) -> Option<String> {
    let variables = is_here.then(|| std::fs::read_to_string(LOCAL_VARIABLES).ok())??;
    admin_token(&variables)
}

/// The value of `ADMIN_TOKEN` in a file of variables.
fn admin_token(variables: &str) -> Option<String> {
    let pairs = variables.lines().filter_map(|line| line.split_once('='));
    let value = pairs.filter(|(name, _)| name.trim() == "ADMIN_TOKEN").map(|(_, value)| value).next_back()?;
    Some(value.trim().trim_matches(['"', '\'']).to_owned())
}

/// The secret without surrounding white space; none if nothing is left.
fn sendable(secret: &str, source: &str) -> Result<Option<String>, Failure> {
    let secret = secret.trim();
    if !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        let accepted = "accepted: one line of printable ASCII without blanks";
        return Err(Failure::Usage(format!("the content of {source} is not a valid token, {accepted}")));
    }
    Ok((!secret.is_empty()).then(|| secret.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_local_token_is_the_last_one_in_the_file() {
        for (file, token) in [
            ("ADMIN_TOKEN=abc\n", Some("abc")),
            ("# ADMIN_TOKEN=old\nVIEWER_TOKEN=x\n ADMIN_TOKEN = \"a=b\" \n", Some("a=b")),
            ("ADMIN_TOKEN=a\nADMIN_TOKEN='b'", Some("b")),
            ("VIEWER_TOKEN=x\n", None),
        ] {
            assert_eq!(admin_token(file).as_deref(), token, "{file}");
        }
    }

    #[test]
    fn the_local_token_is_for_this_machine_alone() {
        assert_eq!(local_token(false), None);
    }
}
