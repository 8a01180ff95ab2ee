//! Settings as flags. Every command takes them; only `doorward help settings` lists them.

use std::collections::HashMap;

use clap::{Arg, ArgMatches, Args, Command, Error, FromArgMatches};

use crate::config::settings;

/// Values of the given flags, by setting name.
#[derive(Debug, Default)]
pub struct SettingFlags(HashMap<&'static str, String>);

impl SettingFlags {
    /// The flag's value for a setting.
    pub fn value(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }
}

impl Args for SettingFlags {
    fn augment_args(command: Command) -> Command {
        command.args(settings().filter_map(|setting| {
            let flag = Arg::new(setting.name).long(setting.flag()?).value_name("VALUE");
            Some(flag.global(true).hide(true))
        }))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SettingFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let given = settings()
            .filter(|setting| setting.sources.has_flag())
            .filter_map(|setting| {
                let value = matches.get_one::<String>(setting.name)?;
                Some((setting.name, value.clone()))
            });
        Ok(Self(given.collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
