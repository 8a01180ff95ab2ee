//! Sources of values: the flag, the environment variable, and for a secret the file that the
//! variable `NAME_FILE` names. A flag takes precedence over the variable. A secret has no flag
//! (ASVS 13.3.1).

use std::path::Path;

use zeroize::Zeroizing;

use super::setting::{BadSetting, Setting, Sources};
use super::values::ValueForm;
use crate::crypto::private_file::{self, Readers};

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

    /// A refusal of each `DOORWARD_*` variable that is not a setting, with the most similar name.
    pub(super) fn unknown_names(&self, settings: &[&Setting]) -> Vec<BadSetting> {
        let accepts = |setting: &Setting, name: &str| {
            setting.name == name
                || (setting.sources.has_file() && name.strip_suffix("_FILE") == Some(setting.name))
        };
        self.environment
            .iter()
            .filter(|(name, _)| name.starts_with("DOORWARD_"))
            .filter(|(name, _)| !settings.iter().any(|setting| accepts(setting, name)))
            .map(|(name, _)| {
                let similarity = |setting: &Setting| strsim::jaro_winkler(setting.name, name);
                let nearest = settings
                    .iter()
                    .max_by(|a, b| similarity(a).total_cmp(&similarity(b)));
                let meant = nearest
                    .map(|setting| format!("; did you mean {}?", setting.name))
                    .unwrap_or_default();
                BadSetting::new(name, format!("is not a setting{meant}"))
            })
            .collect()
    }
}

/// Reader of settings that collects the faults.
pub(super) struct Reader<'a> {
    source: &'a SettingSource<'a>,
    /// Faults so far.
    pub bad: Vec<BadSetting>,
}

impl<'a> Reader<'a> {
    /// A reader without faults.
    pub const fn new(source: &'a SettingSource<'a>) -> Self {
        Self {
            source,
            bad: Vec::new(),
        }
    }

    /// The given value, or the default. After a fault, reading continues with the default, so that
    /// every setting is checked.
    pub fn read<F: ValueForm>(&mut self, name: &str, default: &str, form: &F) -> F::Value {
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

    /// The trimmed content of the file that `NAME_FILE` names, if others may not read it.
    fn file_content(&mut self, name: &str) -> Option<Zeroizing<String>> {
        let variable = format!("{name}_FILE");
        let path = self.source.variable(&variable)?;
        let read = private_file::read(Path::new(path), Readers::OwnerAndGroup)
            .map_err(|why| why.to_string())
            .and_then(|content| {
                let text = str::from_utf8(&content).map_err(|_| "is not UTF-8".to_owned())?;
                Ok(Zeroizing::new(text.trim().to_owned()))
            });
        match read {
            Ok(text) => Some(text),
            Err(why) => {
                self.bad.push(BadSetting::new(&variable, format!("{path} {why}")));
                None
            }
        }
    }
}
