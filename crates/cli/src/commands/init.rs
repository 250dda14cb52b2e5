//! `serin init`: writes the splitter's `wrangler.jsonc`, and prints the commands that follow.

/// The text of the configuration.
mod configuration;
/// Questions on the terminal.
mod questions;

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use self::configuration::{Configuration, MAIN, TEMPLATE, host, worker_name};
use self::questions::Questions;
use crate::exit::Failure;
use crate::output::{self, GOOD, STRONG, styled};

/// `init`.
#[derive(Args, Debug)]
pub(crate) struct Init {
    /// The folder that gets the configuration.
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// Name of the stable Worker, such as `shop`; asked for on a terminal.
    #[arg(long, value_name = "NAME", value_parser = worker_name)]
    stable: Option<String>,
    /// Name of the canary's Worker; asked for on a terminal, else the name of the stable Worker with `-canary`.
    #[arg(long, value_name = "NAME", value_parser = worker_name)]
    canary: Option<String>,
    /// The canary is a version of the stable Worker, and no Worker of its own.
    #[arg(long, conflicts_with = "canary")]
    versions: bool,
    /// A custom domain to try Serin at before it takes your route, such as `serin-test.shop.example`.
    #[arg(long, value_name = "HOST", value_parser = host)]
    domain: Option<String>,
    /// Name of Serin's own Worker.
    #[arg(long, value_name = "NAME", default_value = "serin", value_parser = worker_name)]
    name: String,
    /// Folder with the built Worker in `build`; else DIR itself, or the unpacked archive `serin-worker-VERSION` in it.
    #[arg(long, value_name = "FOLDER")]
    worker: Option<PathBuf>,
    /// Replace the `wrangler.jsonc` that is there.
    #[arg(long)]
    force: bool,
}

/// The file that is written.
const FILE: &str = "wrangler.jsonc";

/// Other files that wrangler takes for the configuration of a folder.
const OTHER_FILES: [&str; 2] = ["wrangler.json", "wrangler.toml"];

/// What the folder of a built Worker has.
const BUILT_FILES: [&str; 2] = [MAIN, "build/index_bg.wasm"];

/// The beginning of the name of the folder in the Worker's archive.
const ARCHIVE: &str = "serin-worker-";

/// The answer that makes the canary a version.
const VERSION: &str = "version";

/// One of the commands that follow, with what it is for.
struct Next {
    command: String,
    purpose: &'static str,
}

// === impl Init ===

impl Init {
    pub(crate) fn run(&self, json: bool) -> Result<(), Failure> {
        let file = self.folder.join(FILE);
        self.check(&file)?;
        let worker = self.built_worker()?;
        let configuration = self.ask(worker)?;
        std::fs::write(&file, configuration.text())
            .map_err(|error| Failure::Failed(format!("{} cannot be written: {error}", file.display())))?;
        let next = self.next(&configuration);
        if json {
            let next = next.iter().map(|Next { command, purpose }| json!({"command": command, "purpose": purpose}));
            let Configuration { name, stable, canary, .. } = &configuration;
            let report = json!({"file": file, "name": name, "stable": stable, "canary": canary, "next": next.collect::<Vec<_>>()});
            output::line(&report.to_string());
        } else {
            output::line(&text(&file, &configuration, &next));
        }
        Ok(())
    }

    /// Refuses to replace a configuration. The archive's own, which still names no Worker of an account, is filled in.
    fn check(&self, file: &Path) -> Result<(), Failure> {
        if let Some(other) = OTHER_FILES.iter().map(|name| self.folder.join(name)).find(|other| other.exists()) {
            return Err(Failure::Failed(format!(
                "{} configures this folder already, nothing was written; name another folder: `serin init DIR`",
                other.display()
            )));
        }
        let is_archives = std::fs::read_to_string(file).is_ok_and(|text| text == TEMPLATE);
        if file.exists() && !is_archives && !self.force {
            return Err(Failure::Failed(format!(
                "{} is there already, nothing was written; --force replaces it",
                file.display()
            )));
        }
        Ok(())
    }

    /// The folder of the built Worker, as seen from the configuration.
    fn built_worker(&self) -> Result<PathBuf, Failure> {
        let has_files = |folder: &Path| BUILT_FILES.iter().all(|file| folder.join(file).is_file());
        if let Some(worker) = &self.worker {
            let missing = || {
                let files = BUILT_FILES.join(" and ");
                Failure::Usage(format!(
                    "--worker {}: accepted: a folder with {files}, as `npm run package` makes it",
                    worker.display()
                ))
            };
            return if has_files(worker) { self.seen_from_here(worker) } else { Err(missing()) };
        }
        if has_files(&self.folder) {
            return Ok(PathBuf::new());
        }
        let entries = std::fs::read_dir(&self.folder)
            .map_err(|error| Failure::Usage(format!("{}: {error}", self.folder.display())))?;
        let unpacked = |name: &String| name.starts_with(ARCHIVE) && has_files(&self.folder.join(name));
        let mut unpacked: Vec<String> =
            entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).filter(unpacked).collect();
        unpacked.sort();
        match unpacked.as_slice() {
            [one] => Ok(PathBuf::from(one)),
            [] => Err(Failure::Failed(format!(
                "there is no built Worker in {}, nothing was written; unpack {ARCHIVE}VERSION.tar.gz there (`npm run package` in a \
                 clone makes it), or name its folder with --worker",
                self.folder.display()
            ))),
            several => Err(Failure::Usage(format!(
                "there are several built Workers, choose one with --worker: {}",
                several.join(", ")
            ))),
        }
    }

    /// `worker` relative to the configuration's folder if that is the beginning of its path, else its absolute path.
    fn seen_from_here(&self, worker: &Path) -> Result<PathBuf, Failure> {
        let absolute = |path: &Path| {
            std::path::absolute(path).map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))
        };
        let (folder, worker) = (absolute(&self.folder)?, absolute(worker)?);
        Ok(worker.strip_prefix(&folder).map(Path::to_owned).unwrap_or(worker))
    }

    /// The configuration: what options do not say is asked for on a terminal.
    fn ask(&self, worker: PathBuf) -> Result<Configuration, Failure> {
        let has_terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        let (input, output) = (std::io::stdin().lock(), std::io::stderr());
        let mut questions = has_terminal.then(|| Questions::new(input, output));
        let stable = match (&self.stable, &mut questions) {
            (Some(stable), _) => stable.clone(),
            (None, Some(questions)) => questions.ask("Name of the stable Worker", None, worker_name)?,
            (None, None) => {
                let missing = "--stable is missing, and there is no terminal to ask on: name the stable Worker, such as --stable shop";
                return Err(Failure::Usage(missing.to_owned()));
            }
        };
        let usual = format!("{stable}-canary");
        let canary = match (&self.canary, &mut questions) {
            _ if self.versions => None,
            (Some(canary), _) => Some(canary.clone()),
            (None, Some(questions)) => {
                let question = format!("Is the canary a Worker of its own, or a version of {stable}?");
                if questions.choose(&question, ["worker", VERSION])? == VERSION {
                    None
                } else {
                    Some(questions.ask("Name of the canary's Worker", Some(&usual), worker_name)?)
                }
            }
            (None, None) => Some(usual),
        };
        let domain = match (&self.domain, &mut questions) {
            (Some(domain), _) => Some(domain.clone()),
            (None, Some(questions)) => {
                let question = "A custom domain to try Serin at (Enter: none for now)";
                let accepted = |text: &str| if text.is_empty() { Ok(String::new()) } else { host(text) };
                Some(questions.ask(question, Some(""), accepted)?).filter(|domain| !domain.is_empty())
            }
            (None, None) => None,
        };
        let configuration = Configuration { name: self.name.clone(), stable, canary, domain, worker };
        configuration.check().map_err(Failure::Usage)?;
        Ok(configuration)
    }

    /// The commands that follow, in order.
    fn next(&self, configuration: &Configuration) -> Vec<Next> {
        let Configuration { domain, stable, canary, .. } = configuration;
        let next = |purpose, command: &str| Next { command: command.to_owned(), purpose };
        let address = domain.as_deref().unwrap_or("YOUR-DOMAIN");
        let (deploys_canary, versions) = match canary {
            Some(_) => ("Deploy your service's folder as the canary.", ""),
            None => {
                ("Deploy your service's folder as a version, which no visitor gets yet: the canary.", " --versions")
            }
        };
        let deploys = match domain {
            Some(_) => "Deploy Serin. wrangler makes the KV namespace, and visitors notice nothing.",
            None => {
                "Put a domain to try Serin at under \"routes\" in wrangler.jsonc, and deploy. wrangler makes the KV namespace."
            }
        };
        let mut steps = Vec::new();
        if self.folder != Path::new(".") {
            steps.push(next(
                "Go to the folder: wrangler and serin read the configuration there.",
                &format!("cd {}", self.folder.display()),
            ));
        }
        steps.extend([
            next(
                "Set the operators' token: a long random text, such as `openssl rand -hex 32` prints.",
                "npx wrangler secret put ADMIN_TOKEN",
            ),
            next(deploys, "npx wrangler deploy"),
            next("Name Serin's address and the token.", &format!("export SERIN_URL=https://{address} SERIN_TOKEN=…")),
            next(
                "Write the first policy: no visitor gets the canary.",
                "serin state set --enable --percentage 0 --why 'first policy'",
            ),
            next("Check the installation. Each fault has its next step.", "serin doctor"),
            next(deploys_canary, &format!("serin canary deploy ../{stable}{versions} --why 'first canary'")),
            next(
                "Start the first rollout. `serin halt` stops it.",
                "serin start standard --why 'first rollout' --watch",
            ),
        ]);
        steps
    }
}

fn text(file: &Path, configuration: &Configuration, next: &[Next]) -> String {
    let Configuration { name, stable, canary, .. } = configuration;
    let wrote = styled(GOOD, "wrote");
    let variants = match canary {
        Some(canary) => format!("{stable} (stable) and {canary} (canary)"),
        None => format!("two versions of {stable}"),
    };
    let mut lines = vec![
        format!("{wrote}  {}: {name} in front of {variants}", file.display()),
        String::new(),
        "Next, in this order. docs/deploy.md has the check of each step, and how your route moves to Serin.".to_owned(),
    ];
    for (number, Next { command, purpose }) in next.iter().enumerate() {
        lines.extend([format!("{:2}. {purpose}", number + 1), format!("      {}", styled(STRONG, command))]);
    }
    lines.join("\n")
}
