//! A setting as it is described to the operator, and its refusal.

/// Description of a setting, as `doorward help settings` and `docs/settings.md` show it.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Name of the environment variable.
    pub name: &'static str,
    /// Default value, or a description of it.
    pub default: &'static str,
    /// Explanation in one line.
    pub help: &'static str,
    /// Allowed sources of its value.
    pub sources: Sources,
}

impl Setting {
    /// Name of the flag without its dashes, or `None` for a secret.
    #[must_use]
    pub fn flag(&self) -> Option<String> {
        let name = self.name.trim_start_matches("DOORWARD_");
        self.sources
            .has_flag()
            .then(|| name.to_ascii_lowercase().replace('_', "-"))
    }
}

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

/// A refused setting: its name and the reason, in one line.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {why}")]
pub struct BadSetting {
    /// Name of the variable.
    pub name: String,
    /// The reason; it never contains the value of a secret.
    pub why: String,
}

impl BadSetting {
    pub(super) fn new(name: &str, why: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            why: why.into(),
        }
    }
}
