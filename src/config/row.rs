//! The row of a setting, and the struct generated from the rows of an area.

use super::source::{Reader, Sources};
use super::values::Form;

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

/// Settings of one area.
pub(super) trait Area: Sized {
    /// Rows of the area, in display order.
    const SETTINGS: &'static [Setting];

    /// Reads every setting; the reader collects the faults.
    fn read(reader: &mut Reader<'_>) -> Self;

    /// Values in use, in the order of the rows, with secrets masked.
    fn shown(&self) -> Vec<String>;
}

/// Allowed sources of values of this form.
pub(super) const fn sources_of<F: Form>(_form: &F) -> Sources {
    F::SOURCES
}

/// Generates the struct of an area from its rows: `field: Type = NAME, default, form, help;`. The
/// form parses the text of the default. If the form computes its own default, the text only
/// describes it.
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
