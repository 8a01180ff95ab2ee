//! Bodies as types: the type that documents a body is the type that it is read as.
//!
//! [`body!`] declares one. All fields are read, in the order in which they are declared, and every
//! fault is noted. Members that are not declared are ignored, or refused by [`Exact`].

use std::marker::PhantomData;
use std::ops::Deref;

use zeroize::Zeroizing;

use super::fields::{Fields, SentValue};
use crate::http::problem::Problem;
use crate::model::invalid::Invalid;

/// Declares the type of a body, its schema and its reading. Each field's type is a [`FieldValue`];
/// where that has no schema of its own, `#[schema(value_type = …)]` names one.
macro_rules! body {
    ($(#[$attribute:meta])* $vis:vis struct $name:ident {
        $($(#[$field_attribute:meta])* $field_vis:vis $field:ident: $value:ty),+ $(,)?
    }) => {
        $(#[$attribute])*
        #[derive(utoipa::ToSchema)]
        $vis struct $name {
            $($(#[$field_attribute])* $field_vis $field: $value),+
        }

        impl $crate::http::extract::typed::FromFields for $name {
            const NAMES: &'static [&'static str] = &[$(stringify!($field)),+];

            fn from_fields(
                fields: &mut $crate::http::extract::fields::Fields,
                faults: &mut Vec<$crate::model::invalid::Invalid>,
            ) -> Self {
                use $crate::http::extract::typed::FieldValue;
                Self {
                    $($field: FieldValue::read(fields.take(stringify!($field)), stringify!($field), faults)),+
                }
            }
        }
    };
}
pub(crate) use body;

/// A type that the fields of a body are read as.
pub trait FromFields: Sized {
    /// Names of the fields.
    const NAMES: &'static [&'static str];

    /// Reads every field and notes those at fault; with one at fault, the result is of no use.
    fn from_fields(fields: &mut Fields, faults: &mut Vec<Invalid>) -> Self;
}

/// A type that one field is read as.
pub trait FieldValue {
    /// Reads the field, if there is one, and notes what is wrong.
    fn read(value: Option<SentValue>, name: &'static str, faults: &mut Vec<Invalid>) -> Self;
}

/// A body that has arrived, as an extractor gives it: read immediately, or [`Unread`].
pub trait Arrived: Sized {
    /// Takes the fields.
    ///
    /// # Errors
    /// Fields are at fault.
    fn arrived(fields: Fields) -> Result<Self, Problem>;
}

impl<T: FromFields> Arrived for T {
    fn arrived(mut fields: Fields) -> Result<Self, Problem> {
        let mut faults = Vec::new();
        let body = T::from_fields(&mut fields, &mut faults);
        if faults.is_empty() {
            Ok(body)
        } else {
            Err(faults.into())
        }
    }
}

/// A body of an administrative operation: a member that is not declared is refused, so that a change
/// that cannot be made is not answered as made.
pub struct Exact<T>(pub T);

impl<T: FromFields> Arrived for Exact<T> {
    fn arrived(mut fields: Fields) -> Result<Self, Problem> {
        let mut faults = Vec::new();
        let body = T::from_fields(&mut fields, &mut faults);
        if !fields.is_empty() {
            let takes = format!("Unknown member; this operation takes: {}", T::NAMES.join(", "));
            faults.push(Invalid::body("extra_forbidden", takes));
        }
        if faults.is_empty() {
            Ok(Self(body))
        } else {
            Err(faults.into())
        }
    }
}

/// A body whose fields are not read yet, for handlers that count a request before they refuse it.
pub struct Unread<T>(Fields, PhantomData<T>);

impl<T> Arrived for Unread<T> {
    fn arrived(fields: Fields) -> Result<Self, Problem> {
        Ok(Self(fields, PhantomData))
    }
}

impl<T> Unread<T> {
    /// The text of a field, if it is there and a text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.text(name)
    }
}

impl<T: FromFields> Unread<T> {
    /// Reads the fields.
    ///
    /// # Errors
    /// Fields are at fault.
    pub fn read(self) -> Result<T, Problem> {
        T::arrived(self.0)
    }
}

/// A password or token of a body: wiped when dropped, and never printed.
#[derive(Default)]
pub struct Secret(Zeroizing<String>);

impl Deref for Secret {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// A text that must be there.
impl FieldValue for Secret {
    fn read(value: Option<SentValue>, name: &'static str, faults: &mut Vec<Invalid>) -> Self {
        match value {
            Some(SentValue::Text(text)) => return Self(text),
            Some(SentValue::Switch(_) | SentValue::List(_) | SentValue::Other) => {
                faults.push(Invalid::field(
                    name,
                    "string_type",
                    "Input should be a valid string",
                ));
            }
            None => faults.push(Invalid::missing(name)),
        }
        Self::default()
    }
}

/// A text that must be there.
impl FieldValue for String {
    fn read(value: Option<SentValue>, name: &'static str, faults: &mut Vec<Invalid>) -> Self {
        std::mem::take(&mut Secret::read(value, name, faults).0)
    }
}

/// A list of texts that must be there.
impl<T: From<String>> FieldValue for Vec<T> {
    fn read(value: Option<SentValue>, name: &'static str, faults: &mut Vec<Invalid>) -> Self {
        match value {
            Some(SentValue::List(texts)) => return texts.into_iter().map(T::from).collect(),
            Some(SentValue::Text(_) | SentValue::Switch(_) | SentValue::Other) => {
                faults.push(Invalid::field(
                    name,
                    "list_type",
                    "Input should be a list of strings",
                ));
            }
            None => faults.push(Invalid::missing(name)),
        }
        Self::new()
    }
}

/// True or false, and it must be there.
impl FieldValue for bool {
    fn read(value: Option<SentValue>, name: &'static str, faults: &mut Vec<Invalid>) -> Self {
        match value {
            Some(SentValue::Switch(on)) => return on,
            Some(SentValue::Text(_) | SentValue::List(_) | SentValue::Other) => {
                faults.push(Invalid::field(
                    name,
                    "bool_type",
                    "Input should be a valid boolean",
                ));
            }
            None => faults.push(Invalid::missing(name)),
        }
        false
    }
}

/// A field that may be absent, but if it is there must be right; `null` is there.
impl<T: FieldValue> FieldValue for Option<T> {
    fn read(value: Option<SentValue>, name: &'static str, faults: &mut Vec<Invalid>) -> Self {
        value.map(|value| T::read(Some(value), name, faults))
    }
}

/// Field that is documented, and that the body itself does not use.
pub type Ignored = PhantomData<()>;

impl FieldValue for Ignored {
    fn read(_: Option<SentValue>, _: &'static str, _: &mut Vec<Invalid>) -> Self {
        Self
    }
}

/// A field that may be absent, and otherwise holds one certain word.
pub type Only<W> = PhantomData<fn() -> W>;

/// A word that a field must hold.
pub trait Word {
    /// The word.
    const WORD: &'static str;
    /// The rule in words, for another text.
    const RULE: &'static str;
}

impl<W: Word> FieldValue for Only<W> {
    fn read(value: Option<SentValue>, name: &'static str, faults: &mut Vec<Invalid>) -> Self {
        let given = Option::<String>::read(value, name, faults);
        if given.is_some_and(|given| given != W::WORD) {
            faults.push(Invalid::field(name, "string_pattern_mismatch", W::RULE));
        }
        Self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    body! {
        /// A body with a field of each kind.
        struct Everything {
            #[schema(value_type = Option<String>)]
            kind: Only<Kind>,
            #[schema(value_type = String)]
            password: Secret,
            email: String,
            role: Option<String>,
            is_active: Option<bool>,
            permissions: Vec<String>,
            #[schema(value_type = Option<String>)]
            scope: Ignored,
        }
    }

    enum Kind {}

    impl Word for Kind {
        const WORD: &'static str = "all";
        const RULE: &'static str = "all or nothing";
    }

    fn read(json: &str) -> Result<Everything, Vec<(&'static str, Option<&'static str>)>> {
        let mut fields: Fields = serde_json::from_str(json).unwrap();
        let mut faults = Vec::new();
        let read = Everything::from_fields(&mut fields, &mut faults);
        if faults.is_empty() {
            Ok(read)
        } else {
            Err(faults.iter().map(|fault| (fault.kind, fault.field)).collect())
        }
    }

    #[test]
    fn every_fault_is_noted_in_the_order_of_the_fields() {
        let missing = [
            ("missing", Some("password")),
            ("missing", Some("email")),
            ("missing", Some("permissions")),
        ];
        assert_eq!(read("{}").err(), Some(missing.to_vec()));
        let wrong = read(
            r#"{"permissions": ["a", 1], "is_active": "yes", "role": null, "email": 1, "password": [], "kind": "some"}"#,
        );
        let faults = [
            ("string_pattern_mismatch", Some("kind")),
            ("string_type", Some("password")),
            ("string_type", Some("email")),
            ("string_type", Some("role")),
            ("bool_type", Some("is_active")),
            ("list_type", Some("permissions")),
        ];
        assert_eq!(wrong.err(), Some(faults.to_vec()));
    }

    #[test]
    fn a_body_without_fault_is_read_and_other_members_are_ignored() {
        let read = read(
            r#"{"kind": "all", "password": "p", "email": "e", "is_active": true, "permissions": ["a"], "scope": 1, "x": {}}"#,
        );
        let read = read.ok().map(|body| {
            let Everything {
                kind: _,
                password,
                email,
                role,
                is_active,
                permissions,
                scope: _,
            } = body;
            (password.to_owned(), email, role, is_active, permissions)
        });
        assert_eq!(
            read,
            Some((
                "p".to_owned(),
                "e".to_owned(),
                None,
                Some(true),
                vec!["a".to_owned()]
            ))
        );
    }
}
