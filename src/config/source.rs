//! Sources of values: the flag, the environment variable, and for a secret the file that the
//! variable `NAME_FILE` names. A flag takes precedence over the variable. A secret has no flag
//! (ASVS 13.3.1).

use std::path::Path;

use zeroize::Zeroizing;

use super::values::Form;
use super::{BadSetting, Setting, settings};

/// Allowed sources of a setting's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sources {
    /// The flag, or the variable if there is no flag.
    FlagOrVariable,
    /// For a secret: the variable or a file, not both.
    VariableOrFile,
    /// The flag or the variable, or a file instead of both.
    FlagVariableOrFile,
}

impl Sources {
    /// Whether there is a flag; a setting without a flag is a secret.
    #[must_use]
    pub const fn has_flag(self) -> bool {
        matches!(self, Self::FlagOrVariable | Self::FlagVariableOrFile)
    }

    /// Whether the variable `NAME_FILE` can name a file.
    #[must_use]
    pub const fn has_file(self) -> bool {
        matches!(self, Self::VariableOrFile | Self::FlagVariableOrFile)
    }
}

/// Given values; `flags` takes precedence over `environment`.
pub struct SettingSource<'a> {
    /// Values of flags by setting name.
    pub flags: &'a dyn Fn(&str) -> Option<String>,
    /// Every environment variable.
    pub environment: &'a [(String, String)],
}

impl SettingSource<'_> {
    /// Value of a variable; an empty variable counts as not set.
    fn variable(&self, name: &str) -> Option<&str> {
        self.environment
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }
}

/// Reader of settings that collects the faults.
pub(super) struct Reader<'a> {
    source: &'a SettingSource<'a>,
    /// Faults so far.
    pub bad: Vec<BadSetting>,
}

impl<'a> Reader<'a> {
    /// A reader that starts with the faults of unknown names.
    pub fn new(source: &'a SettingSource<'a>) -> Self {
        Self {
            source,
            bad: unknown_names(source.environment),
        }
    }

    /// The given value, or the default. After a fault, reading continues with the default, so that
    /// every setting is checked.
    pub fn read<F: Form>(&mut self, name: &str, default: &str, form: &F) -> F::Value {
        if let Some(text) = self.text(name, F::SOURCES) {
            match form.parse(&text) {
                Ok(value) => return value,
                Err(why) => self.bad.push(BadSetting::new(name, why)),
            }
        }
        form.default(default)
    }

    fn text(&mut self, name: &str, sources: Sources) -> Option<Zeroizing<String>> {
        let flag = if sources.has_flag() {
            (self.source.flags)(name)
        } else {
            None
        };
        let direct = flag
            .or_else(|| self.source.variable(name).map(str::to_owned))
            .map(Zeroizing::new);
        let file = if sources.has_file() {
            self.file_content(name)
        } else {
            None
        };
        if direct.is_some() && file.is_some() {
            let why = format!("is set twice, directly and by {name}_FILE");
            self.bad.push(BadSetting::new(name, why));
            return None;
        }
        direct.or(file)
    }

    /// The trimmed content of the file that `NAME_FILE` names.
    fn file_content(&mut self, name: &str) -> Option<Zeroizing<String>> {
        let variable = format!("{name}_FILE");
        let path = self.source.variable(&variable)?;
        match std::fs::read_to_string(Path::new(path)).map(Zeroizing::new) {
            Ok(text) => Some(Zeroizing::new(text.trim().to_owned())),
            Err(cause) => {
                let why = format!("cannot read {path}: {cause}");
                self.bad.push(BadSetting::new(&variable, why));
                None
            }
        }
    }
}

/// A refusal of each `DOORWARD_*` variable that is not a setting, with the most similar name.
fn unknown_names(environment: &[(String, String)]) -> Vec<BadSetting> {
    let accepts = |setting: &Setting, name: &str| {
        setting.name == name
            || (setting.sources.has_file() && name.strip_suffix("_FILE") == Some(setting.name))
    };
    environment
        .iter()
        .filter(|(name, _)| name.starts_with("DOORWARD_"))
        .filter(|(name, _)| !settings().any(|setting| accepts(setting, name)))
        .map(|(name, _)| {
            let similarity = |setting: &Setting| strsim::jaro_winkler(setting.name, name);
            let nearest = settings().max_by(|a, b| similarity(a).total_cmp(&similarity(b)));
            let meant = nearest
                .map(|setting| format!("; did you mean {}?", setting.name))
                .unwrap_or_default();
            BadSetting::new(name, format!("is not a setting{meant}"))
        })
        .collect()
}
