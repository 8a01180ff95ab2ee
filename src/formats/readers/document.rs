//! One JSON text that holds all records: a list, or a document with a list `users` beside much
//! else, which is read past.
//!
//! The list's elements are handed over while it is parsed, one at a time. A fault in here ends the
//! reading: nothing tells where the next record would begin.

use std::fmt;
use std::io::BufRead;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::metered::{Meter, Metered};
use crate::formats::record::{Each, MAX_RECORD_BYTES, ReadError, RecordError, parser_words};

/// The kind of an object over several lines.
pub(super) enum Document {
    /// It had a list `users`, or the reading was ended.
    OfUsers,
    /// It had none; the reader stands right behind its last brace.
    Other,
}

/// The state of one reading, written by the visitors below.
struct ReadProgress<'a, 'e> {
    each: &'a mut Each<'e>,
    meter: &'a Meter,
    records: u64,
    found_users: bool,
    stopped: bool,
}

/// Hands over the elements of a list that takes up the whole reader.
pub(super) fn list(
    reader: &mut impl BufRead,
    lines_before: usize,
    each: &mut Each<'_>,
) -> Result<(), ReadError> {
    parse(reader, lines_before, each, |progress, json| {
        progress.found_users = true;
        Elements(progress).deserialize(json)
    })
    .map(|_| ())
}

/// Hands over the elements of the member `users` of the object that the reader begins with.
pub(super) fn users(
    reader: &mut impl BufRead,
    lines_before: usize,
    each: &mut Each<'_>,
) -> Result<Document, ReadError> {
    parse(reader, lines_before, each, |progress, json| {
        Members(progress).deserialize(json)
    })
}

type JsonReader<'j, 'm, R> = &'j mut serde_json::Deserializer<serde_json::de::IoRead<Metered<'m, R>>>;

fn parse<R: BufRead>(
    reader: R,
    lines_before: usize,
    each: &mut Each<'_>,
    visit: impl FnOnce(&mut ReadProgress<'_, '_>, JsonReader<'_, '_, R>) -> serde_json::Result<()>,
) -> Result<Document, ReadError> {
    let meter = Meter::unlimited();
    let mut json = serde_json::Deserializer::from_reader(Metered {
        inner: reader,
        meter: &meter,
    });
    let mut progress = ReadProgress {
        each,
        meter: &meter,
        records: 0,
        found_users: false,
        stopped: false,
    };
    let visited = visit(&mut progress, &mut json);
    let ReadProgress {
        records,
        found_users,
        stopped,
        ..
    } = progress;
    if stopped {
        return Ok(Document::OfUsers);
    }
    let visited = match visited {
        Ok(()) if !found_users => return Ok(Document::Other),
        Ok(()) => {
            meter.allow(usize::MAX);
            json.end()
        }
        Err(broken) => Err(broken),
    };
    match visited {
        Ok(()) => Ok(Document::OfUsers),
        Err(_) if meter.is_spent() => Err(ReadError::TooLong { records }),
        Err(broken) if broken.is_io() => Err(ReadError::Io(broken.into())),
        Err(broken) => Err(ReadError::Json {
            what: parser_words(&broken),
            line: lines_before + broken.line(),
            column: broken.column(),
            records,
        }),
    }
}

/// The object as a whole.
struct Members<'p, 'a, 'e>(&'p mut ReadProgress<'a, 'e>);

impl<'de> DeserializeSeed<'de> for Members<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Members<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let Self(progress) = self;
        loop {
            progress.meter.allow(MAX_RECORD_BYTES);
            let Some(name) = members.next_key::<String>()? else {
                return Ok(());
            };
            if name == "users" {
                members.next_value_seed(Users(progress))?;
            } else {
                progress.meter.allow(usize::MAX);
                members.next_value::<IgnoredAny>()?;
            }
        }
    }
}

/// The member `users`, which in a document that is not of users may be of any kind.
struct Users<'p, 'a, 'e>(&'p mut ReadProgress<'a, 'e>);

impl<'de> DeserializeSeed<'de> for Users<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Users<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<(), A::Error> {
        self.0.found_users = true;
        Elements(self.0).visit_seq(elements)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        self.0.meter.allow(usize::MAX);
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// The list of records.
struct Elements<'p, 'a, 'e>(&'p mut ReadProgress<'a, 'e>);

impl<'de> DeserializeSeed<'de> for Elements<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Elements<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let Self(progress) = self;
        loop {
            progress.meter.allow(MAX_RECORD_BYTES);
            let Some(element) = elements.next_element::<Value>()? else {
                return Ok(());
            };
            let record = match element {
                Value::Object(record) => Ok(record),
                _ => Err(RecordError::NotAnObject),
            };
            progress.records += 1;
            if (progress.each)(progress.records, record).is_break() {
                progress.stopped = true;
                return Err(A::Error::custom("ended by the caller"));
            }
        }
    }
}
