//! The struct of an area, generated from the rows of its settings.

use super::setting::{Setting, Sources};
use super::source::Reader;
use super::values::ValueForm;

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
pub(super) const fn sources_of<F: ValueForm>(_form: &F) -> Sources {
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
            const SETTINGS: &'static [$crate::config::setting::Setting] = &[$(
                $crate::config::setting::Setting {
                    name: $name,
                    default: $default,
                    help: $help,
                    sources: $crate::config::row::sources_of(&$form),
                },
            )+];

            fn read(reader: &mut $crate::config::source::Reader<'_>) -> Self {
                Self { $($field: reader.read($name, $default, &$form),)+ }
            }

            fn shown(&self) -> Vec<String> {
                vec![$($crate::config::values::ValueForm::show(&$form, &self.$field),)+]
            }
        }
    };
}
pub(super) use settings;
