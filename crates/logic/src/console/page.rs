//! The files of the page. Only these are ever fetched from the assets, by names that are constants, so that no path of a client's making
//! reaches them.

use crate::api::PREFIX;

/// A file of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum File {
    /// The page.
    Page,
    /// Its script.
    Script,
    /// Its style.
    Style,
    /// Its icon.
    Icon,
}

/// Headers of every file. The policy permits the page's own script and style, calls to its own origin, and nothing else: no inline script,
/// no frame around it, no form, nothing from elsewhere.
pub const HEADERS: [(&str, &str); 7] = [
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    ("X-Frame-Options", "DENY"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    // Asked for again each time, so that a page never runs beside a Worker of another version.
    ("Cache-Control", "no-cache"),
];

// === impl File ===

impl File {
    const ALL: [Self; 4] = [Self::Page, Self::Script, Self::Style, Self::Icon];

    /// The file at a path of the splitter, if it is one.
    pub fn at(path: &str) -> Option<Self> {
        let name = path.strip_prefix(PREFIX)?;
        Self::ALL.into_iter().find(|file| file.name() == name)
    }

    /// The name below the control API's prefix; empty for the page.
    const fn name(self) -> &'static str {
        match self {
            Self::Page => "",
            Self::Script => "console.js",
            Self::Style => "console.css",
            Self::Icon => "console.svg",
        }
    }

    /// The path in the assets.
    pub const fn asset(self) -> &'static str {
        match self {
            Self::Page => "/console.html",
            Self::Script => "/console.js",
            Self::Style => "/console.css",
            Self::Icon => "/console.svg",
        }
    }

    /// The media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Page => "text/html; charset=utf-8",
            Self::Script => "text/javascript; charset=utf-8",
            Self::Style => "text/css; charset=utf-8",
            Self::Icon => "image/svg+xml",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_paths_of_the_page_are_files() {
        for (path, file) in [
            ("/__serin/", Some(File::Page)),
            ("/__serin/console.js", Some(File::Script)),
            ("/__serin/console.css", Some(File::Style)),
            ("/__serin/console.svg", Some(File::Icon)),
            ("/__serin/console.html", None),
            ("/__serin/console.js/", None),
            ("/__serin/status", None),
            ("/__serin", None),
            ("/console.js", None),
            ("/", None),
        ] {
            assert_eq!(File::at(path), file, "{path}");
        }
    }
}
