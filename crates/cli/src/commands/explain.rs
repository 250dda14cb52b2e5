//! `serin explain`: shows the variant that a visitor gets, and the reason.

use clap::Args;
use serin_logic::api::Explanation;

use crate::client::Client;
use crate::connection::Connection;
use crate::exit::Failure;
use crate::output::{self, STRONG, present, sheet, styled};

/// `explain`.
#[derive(Args, Debug)]
pub(crate) struct Explain {
    /// Sticky key; default: the one that the headers and cookies below give.
    key: Option<String>,
    /// Path of the request.
    #[arg(long, default_value = "/")]
    path: String,
    /// Method of the request.
    #[arg(long)]
    method: Option<String>,
    /// Host of the request.
    #[arg(long)]
    host: Option<String>,
    /// The visitor's country, such as DE.
    #[arg(long)]
    country: Option<String>,
    /// The visitor's continent, such as EU.
    #[arg(long)]
    continent: Option<String>,
    /// Cloudflare location of the request, such as FRA.
    #[arg(long)]
    colo: Option<String>,
    /// Number of the visitor's network, such as 64496.
    #[arg(long, value_name = "NUMBER")]
    asn: Option<u64>,
    /// A header of the request.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair, action = clap::ArgAction::Append)]
    header: Vec<(String, String)>,
    /// A cookie of the request.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair, action = clap::ArgAction::Append)]
    cookie: Vec<(String, String)>,
}

// === impl Explain ===

impl Explain {
    pub(crate) fn run(&self, connection: &Connection) -> Result<(), Failure> {
        let answer = Client::new(connection)?.get(&format!("explain?{}", self.query()))?;
        output::line(&if connection.json { answer.text.trim_end().to_owned() } else { text(&answer.read()?) });
        Ok(())
    }

    fn query(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let path = Some(self.path.clone());
        let given = [
            ("key", &self.key),
            ("path", &path),
            ("method", &self.method),
            ("host", &self.host),
            ("country", &self.country),
            ("continent", &self.continent),
            ("colo", &self.colo),
            ("asn", &self.asn.map(|asn| asn.to_string())),
        ];
        query.extend_pairs(given.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?))));
        query.extend_pairs(self.header.iter().map(|(name, value)| (format!("header.{name}"), value)));
        query.extend_pairs(self.cookie.iter().map(|(name, value)| (format!("cookie.{name}"), value)));
        query.finish()
    }
}

fn text(explanation: &Explanation) -> String {
    let Explanation {
        key,
        key_from,
        salt,
        bucket,
        variant,
        reason,
        rule,
        percentage,
        changes_at,
        switches,
        measured_as,
        sentence,
    } = explanation;
    let key = key.as_ref().map(|key| match key_from {
        Some(from) => format!("{key} ({from})"),
        None => key.clone(),
    });
    let reason = match rule {
        Some(rule) => format!("{reason} {rule}"),
        None => reason.clone(),
    };
    let rows = sheet(vec![
        ("variant", Some(variant.as_deref().unwrap_or("none: 503").to_owned())),
        ("reason", present(&reason)),
        ("key", key),
        ("salt", salt.clone().filter(|salt| !salt.is_empty())),
        ("bucket", bucket.map(|bucket| format!("{bucket} of 100000"))),
        ("percentage", percentage.map(|percentage| format!("{percentage} %"))),
        ("on canary from", changes_at.map(|at| format!("{at} %"))),
        ("switches on", present(&switches.join(", "))),
        ("measured as", measured_as.clone()),
    ]);
    if sentence.is_empty() { rows } else { format!("{}\n\n{rows}", styled(STRONG, sentence)) }
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("accepted: NAME=VALUE".into()),
    }
}
