//! What in a newer document breaks a client of an older one. Requests may be taken more widely and
//! answers be said more narrowly, never the other way.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// Each break, in words that name its place.
pub fn breaks(old: &Value, new: &Value) -> Vec<String> {
    let mut comparison = Comparison {
        old,
        new,
        found: Vec::new(),
        under_way: Vec::new(),
    };
    for (path, item) in object(&old["paths"]) {
        for method in METHODS.into_iter().filter(|method| item.get(method).is_some()) {
            comparison.operation(
                &format!("{method} {path}"),
                &item[method],
                &new["paths"][path][method],
            );
        }
    }
    comparison.found
}

/// Whether a version says that it may break those who use the one before: by its first number that
/// is not 0.
pub fn may_break(old: &str, new: &str) -> bool {
    let numbers = |version: &str| {
        version
            .split(['.', '-', '+'])
            .take(2)
            .map(|number| number.parse::<u32>().unwrap())
            .collect::<Vec<_>>()
    };
    let (old, new) = (numbers(old), numbers(new));
    new[0] > old[0] || (old[0] == 0 && new[0] == 0 && new[1] > old[1])
}

#[derive(Clone, Copy, PartialEq)]
enum Direction {
    Request,
    Answer,
}

struct Comparison<'a> {
    old: &'a Value,
    new: &'a Value,
    found: Vec<String>,
    /// References that are being compared, for schemas that contain themselves.
    under_way: Vec<(String, String)>,
}

fn object(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let target = value["$ref"]
        .as_str()
        .and_then(|reference| document.pointer(reference.trim_start_matches('#')));
    target.map_or(value, |target| resolved(document, target))
}

/// The types that a schema allows; none of them named means any.
fn types(schema: &Value) -> Option<BTreeSet<&str>> {
    let mut types: BTreeSet<&str> = match &schema["type"] {
        Value::String(one) => [one.as_str()].into(),
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => return None,
    };
    // Whatever is an integer is a number.
    if types.contains("number") {
        types.insert("integer");
    }
    Some(types)
}

impl Comparison<'_> {
    fn breaks(&mut self, place: &str, what: &str) {
        self.found.push(format!("{place}: {what}"));
    }

    fn operation(&mut self, place: &str, old: &Value, new: &Value) {
        if new.is_null() {
            return self.breaks(place, "the operation is gone");
        }
        if old["operationId"] != new["operationId"] {
            self.breaks(place, "the operation has another id");
        }
        if list(&old["security"]).is_empty() && !list(&new["security"]).is_empty() {
            self.breaks(place, "it now asks for authentication");
        }
        let permission = |operation: &Value| operation["security"][0]["password"][0].clone();
        if !permission(new).is_null() && permission(new) != permission(old) {
            self.breaks(place, "it now needs another permission");
        }
        self.parameters(place, old, new);
        self.body(
            place,
            resolved(self.old, &old["requestBody"]),
            resolved(self.new, &new["requestBody"]),
        );
        for (status, answer) in object(&old["responses"]) {
            let place = format!("{place} {status}");
            let Some(now) = new["responses"].get(status) else {
                self.breaks(&place, "the status is gone");
                continue;
            };
            let (answer, now) = (resolved(self.old, answer), resolved(self.new, now));
            for (header, _) in
                object(&answer["headers"]).filter(|(header, _)| now["headers"].get(*header).is_none())
            {
                self.breaks(&place, &format!("the header {header} is gone"));
            }
            self.content(&place, &answer["content"], &now["content"], Direction::Answer);
        }
    }

    fn parameters(&mut self, place: &str, old: &Value, new: &Value) {
        let (before, after) = (self.old, self.new);
        let name = |parameter: &Value| (parameter["in"].clone(), parameter["name"].clone());
        let old: Vec<&Value> = list(&old["parameters"])
            .iter()
            .map(|one| resolved(before, one))
            .collect();
        let new: Vec<&Value> = list(&new["parameters"])
            .iter()
            .map(|one| resolved(after, one))
            .collect();
        for parameter in &old {
            let place = format!("{place} {}", parameter["name"]);
            match new.iter().find(|now| name(now) == name(parameter)) {
                Some(now) => self.schema(&place, &parameter["schema"], &now["schema"], Direction::Request),
                None => self.breaks(&place, "the parameter is gone"),
            }
        }
        for parameter in new.iter().filter(|parameter| parameter["required"] == true) {
            if !old
                .iter()
                .any(|known| name(known) == name(parameter) && known["required"] == true)
            {
                self.breaks(
                    place,
                    &format!("the parameter {} is now required", parameter["name"]),
                );
            }
        }
    }

    fn body(&mut self, place: &str, old: &Value, new: &Value) {
        if old["required"] != true && new["required"] == true {
            self.breaks(place, "a body is now required");
        }
        self.content(
            &format!("{place} body"),
            &old["content"],
            &new["content"],
            Direction::Request,
        );
    }

    fn content(&mut self, place: &str, old: &Value, new: &Value, direction: Direction) {
        for (media_type, content) in object(old) {
            match new.get(media_type) {
                Some(now) => self.schema(place, &content["schema"], &now["schema"], direction),
                None => self.breaks(place, &format!("the media type {media_type} is gone")),
            }
        }
    }

    fn schema(&mut self, place: &str, old: &Value, new: &Value, direction: Direction) {
        let references = (old["$ref"].to_string(), new["$ref"].to_string());
        if old["$ref"].is_string() && self.under_way.contains(&references) {
            return;
        }
        self.under_way.push(references);
        let (old, new) = (resolved(self.old, old), resolved(self.new, new));
        self.values(place, old, new, direction);
        self.bounds(place, old, new, direction);
        self.properties(place, old, new, direction);
        self.inner(place, old, new, direction);
        self.under_way.pop();
    }

    /// What kind of values, and which.
    fn values(&mut self, place: &str, old: &Value, new: &Value, direction: Direction) {
        // Whatever was sent must be taken; whatever comes must have been to be expected.
        let (narrow, wide) = if direction == Direction::Request {
            (old, new)
        } else {
            (new, old)
        };
        let fits = match (types(narrow), types(wide)) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(narrow), Some(wide)) => narrow.is_subset(&wide),
        };
        if !fits {
            self.breaks(
                place,
                &format!("the type was {} and is {}", old["type"], new["type"]),
            );
        }
        let words = |schema: &Value| match (schema.get("enum"), schema.get("const")) {
            (Some(words), _) => Some(words.clone()),
            (None, Some(only)) => Some(json!([only])),
            (None, None) => None,
        };
        let fits = match (words(narrow), words(wide)) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(narrow), Some(wide)) => list(&narrow).iter().all(|word| list(&wide).contains(word)),
        };
        if !fits {
            self.breaks(place, "the words are others");
        }
        let same = |word: &str| wide.get(word).is_none() || narrow.get(word) == wide.get(word);
        for word in ["format", "pattern"].into_iter().filter(|word| !same(word)) {
            self.breaks(
                place,
                &format!("the {word} was {} and is {}", old[word], new[word]),
            );
        }
    }

    /// Lengths, numbers of items, least and most.
    fn bounds(&mut self, place: &str, old: &Value, new: &Value, direction: Direction) {
        let (narrow, wide) = if direction == Direction::Request {
            (old, new)
        } else {
            (new, old)
        };
        for (word, least) in [
            ("minLength", true),
            ("minItems", true),
            ("minProperties", true),
            ("minimum", true),
            ("exclusiveMinimum", true),
            ("maxLength", false),
            ("maxItems", false),
            ("maxProperties", false),
            ("maximum", false),
            ("exclusiveMaximum", false),
        ] {
            let Some(bound) = wide[word].as_f64() else {
                continue;
            };
            let within = narrow[word]
                .as_f64()
                .is_some_and(|inner| if least { inner >= bound } else { inner <= bound });
            // A least length of nothing is none.
            let says_nothing = least && !word.ends_with("inimum") && bound <= 0.0;
            if !within && !says_nothing {
                self.breaks(place, &format!("{word} was {} and is {}", old[word], new[word]));
            }
        }
    }

    fn properties(&mut self, place: &str, old: &Value, new: &Value, direction: Direction) {
        for (name, property) in object(&old["properties"]) {
            let place = format!("{place}.{name}");
            match new["properties"].get(name) {
                Some(now) => self.schema(&place, property, now, direction),
                None => self.breaks(&place, "the property is gone"),
            }
        }
        let (promised, kept) = if direction == Direction::Request {
            (new, old)
        } else {
            (old, new)
        };
        for name in list(&promised["required"])
            .iter()
            .filter(|name| !list(&kept["required"]).contains(name))
        {
            let what = if direction == Direction::Request {
                "is now required"
            } else {
                "may now be absent"
            };
            self.breaks(place, &format!("{name} {what}"));
        }
        if direction == Direction::Request
            && old["additionalProperties"] != false
            && new["additionalProperties"] == false
        {
            self.breaks(place, "other properties are now refused");
        }
    }

    fn inner(&mut self, place: &str, old: &Value, new: &Value, direction: Direction) {
        for word in ["items", "additionalProperties"] {
            let empty = Value::Object(Map::new());
            let schema = |of: &Value| {
                of.get(word)
                    .filter(|inner| inner.is_object())
                    .unwrap_or(&empty)
                    .clone()
            };
            let (was, is) = (schema(old), schema(new));
            if was != is || was.get("$ref").is_some() {
                self.schema_of(&format!("{place}[]"), &was, &is, direction);
            }
        }
        for word in ["oneOf", "anyOf"] {
            let (was, is) = (list(&old[word]), list(&new[word]));
            let (narrow, wide) = if direction == Direction::Request {
                (was, is)
            } else {
                (is, was)
            };
            if !wide.is_empty()
                && (narrow.is_empty()
                    || !narrow
                        .iter()
                        .all(|one| wide.iter().any(|other| self.fits(one, other, direction))))
            {
                self.breaks(place, &format!("the alternatives of {word} are others"));
            }
        }
        // Each part of a whole binds: the newer may have more in an answer, and fewer in a request.
        let (was, is) = (list(&old["allOf"]), list(&new["allOf"]));
        let (narrow, wide) = if direction == Direction::Request {
            (was, is)
        } else {
            (is, was)
        };
        if !wide
            .iter()
            .all(|one| narrow.iter().any(|other| self.fits(other, one, direction)))
        {
            self.breaks(place, "the parts of allOf are others");
        }
    }

    /// As [`Self::schema`], of schemas that are copies.
    fn schema_of(&mut self, place: &str, old: &Value, new: &Value, direction: Direction) {
        let mut inner = Comparison {
            old: self.old,
            new: self.new,
            found: Vec::new(),
            under_way: self.under_way.clone(),
        };
        inner.schema(place, old, new, direction);
        self.found.append(&mut inner.found);
    }

    /// Whether the narrower of two fits the wider, which are of different documents.
    fn fits(&self, narrow: &Value, wide: &Value, direction: Direction) -> bool {
        let (old, new) = if direction == Direction::Request {
            (narrow, wide)
        } else {
            (wide, narrow)
        };
        let mut inner = Comparison {
            old: self.old,
            new: self.new,
            found: Vec::new(),
            under_way: self.under_way.clone(),
        };
        inner.schema("", old, new, direction);
        inner.found.is_empty()
    }
}
