//! The one row that a setting is written in, and what is made of the rows of an area.

use super::source::{Reader, Sources};
use super::values::Form;

/// A setting as `--help`, `doorward help settings` and `docs/settings.md` show it.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Name of the environment variable.
    pub name: &'static str,
    /// Value that holds if none is given, or a description of it.
    pub default: &'static str,
    /// Explanation in one line.
    pub help: &'static str,
    /// Places that its value may come from.
    pub sources: Sources,
}

impl Setting {
    /// Name of the flag, without its dashes, or none for a secret.
    #[must_use]
    pub fn flag(&self) -> Option<String> {
        let name = self.name.trim_start_matches("DOORWARD_");
        self.sources
            .has_flag()
            .then(|| name.to_ascii_lowercase().replace('_', "-"))
    }
}

/// Settings of one area.
pub(super) trait Area: Sized {
    /// Rows of the area, in the order in which they are shown.
    const SETTINGS: &'static [Setting];

    /// Reads every setting; a bad one is noted in the reader.
    fn read(reader: &mut Reader<'_>) -> Self;

    /// Values in force, in the order of the rows, secrets masked.
    fn shown(&self) -> Vec<String>;
}

/// Places that values of this form may come from.
pub(super) const fn sources_of<F: Form>(_form: &F) -> Sources {
    F::SOURCES
}

/// Makes the struct of an area from its rows: `field: Type = NAME, default, form, help;`. The
/// default is a text that the form parses, or words where the form has a default of its own.
macro_rules! settings {
    ($(#[$about:meta])* $area:ident {
        $($field:ident: $type:ty = $name:expr, $default:expr, $form:expr, $help:literal;)+
    }) => {
        $(#[$about])*
        #[derive(Debug)]
        #[allow(clippy::doc_markdown, reason = "the text is that of --help, where there is no markup")]
        pub struct $area {
            $(#[doc = $help] pub $field: $type,)+
        }

        impl $crate::config::row::Area for $area {
            const SETTINGS: &'static [$crate::config::Setting] = &[$($crate::config::Setting {
                name: $name,
                default: $default,
                help: $help,
                sources: $crate::config::row::sources_of(&$form),
            },)+];

            fn read(reader: &mut $crate::config::source::Reader<'_>) -> Self {
                Self { $($field: reader.read($name, $default, &$form),)+ }
            }

            fn shown(&self) -> Vec<String> {
                vec![$($crate::config::values::Form::show(&$form, &self.$field),)+]
            }
        }
    };
}
pub(super) use settings;
