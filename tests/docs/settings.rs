//! `docs/settings.md`: generated from the rows of the settings, and compared.

use std::fmt::Write as _;

use doorward::config::{AREAS, Setting};

use super::compare;

const HEAD: &str = "# Settings

Generated from `src/config/` by `make docs`: do not edit. `doorward help settings` prints the same list, and
`doorward config` prints the settings in use.

A flag wins over the environment variable. A secret has no flag: it comes from the variable, or from the file that
`NAME_FILE` names (mode 0640 at most). An unknown `DOORWARD_*` variable refuses the start. Durations
are whole numbers with a unit: `30s`, `15m`, `12h`, `30d`.

With PostgreSQL every node gets the same `DATABASE_URL` and the same `DOORWARD_SECRET` (`openssl rand -base64 32`). Keep
a copy of the secret, in another place than the backups: without it the signing keys in the database cannot be opened,
and whoever has both can issue tokens.
";

fn row(setting: &Setting) -> String {
    let Setting {
        name, default, help, ..
    } = setting;
    let flag = setting
        .flag()
        .map_or("none".to_owned(), |flag| format!("`--{flag}`"));
    // A description of the default has spaces, a value has none.
    let default = if *default == "none" || default.contains(' ') {
        (*default).to_owned()
    } else {
        format!("`{default}`")
    };
    format!("| `{name}` | {flag} | {default} | {help} |")
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    for (title, settings) in AREAS {
        writeln!(
            page,
            "\n## {title}\n\n| setting | flag | default | meaning |\n|---|---|---|---|"
        )
        .unwrap();
        for setting in *settings {
            writeln!(page, "{}", row(setting)).unwrap();
        }
    }
    page
}

#[test]
fn the_page_of_settings_is_that_of_the_rows() {
    compare("docs/settings.md", &page());
}
