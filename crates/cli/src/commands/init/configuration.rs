//! The splitter's configuration for wrangler. [`TEMPLATE`] is also the configuration in the release's archive of the built Worker, which
//! scripts/package.mjs copies, so that there is one text.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// The configuration with the names of no account. Each field that [`Configuration::text`] fills in occurs once.
pub(super) const TEMPLATE: &str = include_str!("wrangler.jsonc");

/// The Worker's module in the template. A folder of its own keeps wrangler from taking other files for the Worker's.
pub(super) const MAIN: &str = "build/index.js";
/// The console's files in the template.
const CONSOLE: &str = "build/console";

/// The canary's Worker in the template.
const TEMPLATE_CANARY: &str = "my-api-canary";

/// The longest name of a Worker. <https://developers.cloudflare.com/workers/platform/limits/>
const LONGEST_NAME: usize = 63;

/// What a configuration says beyond the template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Configuration {
    /// Name of the splitter's own Worker.
    pub(super) name: String,
    /// Name of the stable Worker.
    pub(super) stable: String,
    /// Name of the canary's Worker; none if the canary is a version of the stable Worker.
    pub(super) canary: Option<String>,
    /// A custom domain of the splitter.
    pub(super) domain: Option<String>,
    /// Folder that has the built Worker, absolute or relative to the configuration; empty if it is the same.
    pub(super) worker: PathBuf,
}

// === impl Configuration ===

impl Configuration {
    /// Checks that the Workers have different names.
    pub(super) fn check(&self) -> Result<(), String> {
        let Self { name, stable, canary, .. } = self;
        if canary.as_ref() == Some(stable) {
            return Err(format!(
                "stable and the canary are both {stable}, accepted: two Workers, named with --stable and --canary, or two versions of \
                 one: --versions"
            ));
        }
        if name == stable || canary.as_ref() == Some(name) {
            return Err(format!("{name} is Serin's own name; choose another for Serin with --name"));
        }
        Ok(())
    }

    /// The file's text.
    pub(super) fn text(&self) -> String {
        let (main, console) = (slashed(&self.worker.join(MAIN)), slashed(&self.worker.join(CONSOLE)));
        let canary = self.canary.as_deref().unwrap_or(TEMPLATE_CANARY);
        let fields = [
            ("\"name\": ", "serin", self.name.as_str()),
            ("\"main\": ", MAIN, main.as_str()),
            ("\"STABLE\", \"service\": ", "my-api-stable", self.stable.as_str()),
            ("\"CANARY\", \"service\": ", TEMPLATE_CANARY, canary),
            ("\"directory\": ", CONSOLE, console.as_str()),
        ];
        let template = if self.canary.is_some() { TEMPLATE.to_owned() } else { self.template_of_versions() };
        let text = fields.into_iter().fold(template, |text, (field, from, to)| {
            text.replace(&format!("{field}{}", quoted(from)), &format!("{field}{}", quoted(to)))
        });
        match &self.domain {
            None => text,
            Some(host) => {
                let route = format!(r#""routes": [{{ "pattern": {}, "custom_domain": true }}]"#, quoted(host));
                text.replace(r#""routes": []"#, &route)
            }
        }
    }

    /// The template without the canary's Worker, and with the name of the Worker that has the versions.
    fn template_of_versions(&self) -> String {
        let canary = format!(",\n    {{ \"binding\": \"CANARY\", \"service\": {} }}", quoted(TEMPLATE_CANARY));
        let vars = "\"vars\": { ";
        TEMPLATE
            .replace("two Workers", "two versions of one Worker")
            .replace(&canary, "")
            .replace(vars, &format!("{vars}\"SERVICE_WORKER\": {}, ", quoted(&self.stable)))
    }
}

/// A text as JSON has it.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// A path with the separators that wrangler accepts on every system.
fn slashed(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}

/// A Worker's name, in the form that wrangler accepts.
pub(super) fn worker_name(text: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-';
    let is_name = (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(is_plain) && !text.starts_with('-');
    let wrong = || {
        format!(
            "{text:?} is no Worker's name, accepted: 1 to {LONGEST_NAME} of a-z, 0-9, - and _, and no - at its start"
        )
    };
    is_name.then(|| text.to_owned()).ok_or_else(wrong)
}

/// A host name with at least one dot.
pub(super) fn host(text: &str) -> Result<String, String> {
    let is_label = |label: &str| {
        let is_plain = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        !label.is_empty() && is_plain && !label.starts_with('-') && !label.ends_with('-')
    };
    let is_host = text.len() <= 253 && text.contains('.') && text.split('.').all(is_label);
    let wrong = || {
        format!(
            "{text:?} is no host name, accepted: one such as serin-test.shop.example, without scheme, port and path"
        )
    };
    is_host.then(|| text.to_ascii_lowercase()).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_shop() -> Configuration {
        let [name, stable, canary] = ["serin", "shop", "shop-canary"].map(str::to_owned);
        Configuration { name, stable, canary: Some(canary), domain: None, worker: PathBuf::new() }
    }

    fn parsed(text: &str) -> Value {
        jsonc_parser::parse_to_serde_value(text, &jsonc_parser::ParseOptions::default()).unwrap()
    }

    #[test]
    fn each_name_has_its_one_place_and_the_rest_is_the_template() {
        let configuration = Configuration {
            name: "front".into(),
            domain: Some("serin-test.shop.example".into()),
            worker: "serin-worker-9.9.9".into(),
            ..of_shop()
        };
        let mut expected = parsed(TEMPLATE);
        expected["name"] = "front".into();
        expected["main"] = "serin-worker-9.9.9/build/index.js".into();
        expected["assets"]["directory"] = "serin-worker-9.9.9/build/console".into();
        expected["services"][0]["service"] = "shop".into();
        expected["services"][1]["service"] = "shop-canary".into();
        expected["routes"] = serde_json::json!([{"pattern": "serin-test.shop.example", "custom_domain": true}]);
        assert_eq!(parsed(&configuration.text()), expected);
    }

    #[test]
    fn the_built_worker_beside_the_configuration_is_as_in_the_archive() {
        let canary = Some(TEMPLATE_CANARY.to_owned());
        let template = Configuration { stable: "my-api-stable".into(), canary, ..of_shop() };
        assert_eq!(template.text(), TEMPLATE);
    }

    #[test]
    fn for_versions_there_is_one_worker_and_the_variable_that_names_it() {
        let text = Configuration { canary: None, ..of_shop() }.text();
        let mut expected = parsed(TEMPLATE);
        expected["services"] = serde_json::json!([{"binding": "STABLE", "service": "shop"}]);
        expected["vars"]["SERVICE_WORKER"] = "shop".into();
        assert_eq!(parsed(&text), expected);
        assert!(text.starts_with("// Serin in front of two versions of one Worker."), "{text}");
    }

    #[test]
    fn workers_have_different_names() {
        assert_eq!(of_shop().check(), Ok(()));
        let same = Configuration { canary: Some("shop".into()), ..of_shop() };
        assert!(same.check().unwrap_err().contains("--canary"));
        for canary in [None, of_shop().canary] {
            let shop = Configuration { name: "shop".into(), canary, ..of_shop() };
            assert!(shop.check().unwrap_err().contains("--name"));
        }
    }

    #[test]
    fn names_and_hosts_are_checked() {
        for name in ["shop", "_a", "shop-2", &"a".repeat(63)] {
            assert!(worker_name(name).is_ok(), "{name}");
        }
        for name in ["", "Shop", "-a", "a b", "shöp", "a\"b", &"a".repeat(64)] {
            assert!(worker_name(name).unwrap_err().contains("accepted"), "{name}");
        }
        assert_eq!(host("Serin.Shop.example").as_deref(), Ok("serin.shop.example"));
        for name in
            ["", "localhost", "https://shop.example", "shop.example/x", "a..b", "-a.example", "shop.example:443"]
        {
            assert!(host(name).unwrap_err().contains("accepted"), "{name}");
        }
    }
}
