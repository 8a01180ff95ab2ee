//! The document in the form of OpenAPI 3.0.3. What 3.0 cannot say is said in its nearest words,
//! never left to be refused by a reader of 3.0.

use serde_json::{Map, Value, json};

/// Keywords of JSON Schema that 3.1 has and 3.0 lacks. Leaving one out only widens a schema.
const UNKNOWN: [&str; 14] = [
    "$comment",
    "$defs",
    "$id",
    "$schema",
    "contains",
    "contentMediaType",
    "dependentRequired",
    "dependentSchemas",
    "else",
    "if",
    "patternProperties",
    "prefixItems",
    "propertyNames",
    "then",
];
const COMBINING: [&str; 3] = ["oneOf", "anyOf", "allOf"];

/// Converts a document of OpenAPI 3.1.
#[must_use]
pub fn to_3_0(mut document: Value) -> Value {
    document["openapi"] = json!("3.0.3");
    if let Some(info) = document["info"].as_object_mut() {
        info.remove("summary");
        convert_license(info);
    }
    if let Some(root) = document.as_object_mut() {
        root.remove("jsonSchemaDialect");
        root.remove("webhooks");
        root.entry("paths").or_insert_with(|| json!({}));
    }
    find_schemas(&mut document);
    document
}

/// A license is named by a URL in 3.0: SPDX has a page for each, though not for two that one may
/// choose between.
fn convert_license(info: &mut Map<String, Value>) {
    let Some(license) = info.get_mut("license").and_then(Value::as_object_mut) else {
        return;
    };
    let Some(Value::String(identifier)) = license.remove("identifier") else {
        return;
    };
    let page = if identifier.contains(' ') {
        "https://spdx.org/licenses/".to_owned()
    } else {
        format!("https://spdx.org/licenses/{identifier}.html")
    };
    license.entry("url").or_insert(Value::String(page));
}

/// Converts every schema within a value.
fn find_schemas(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(find_schemas),
        Value::Object(map) => {
            for (key, value) in map.iter_mut() {
                match key.as_str() {
                    "schema" => convert(value),
                    "schemas" => value
                        .as_object_mut()
                        .into_iter()
                        .flatten()
                        .for_each(|(_, schema)| convert(schema)),
                    // Data of the service, which may look like a schema.
                    "example" | "examples" | "value" | "default" => {}
                    _ => find_schemas(value),
                }
            }
        }
        _ => {}
    }
}

fn convert(schema: &mut Value) {
    // `true` is any value, `false` none.
    if let Value::Bool(any) = schema {
        *schema = if *any { json!({}) } else { json!({"not": {}}) };
    }
    let Some(map) = schema.as_object_mut() else { return };
    for key in ["items", "additionalProperties", "not"] {
        if let Some(inner) = map
            .get_mut(key)
            .filter(|inner| key == "items" || key == "not" || !inner.is_boolean())
        {
            convert(inner);
        }
    }
    for key in COMBINING {
        map.get_mut(key)
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
            .for_each(convert);
    }
    map.get_mut("properties")
        .and_then(Value::as_object_mut)
        .into_iter()
        .flatten()
        .for_each(|(_, property)| convert(property));
    map.retain(|word, _| !UNKNOWN.contains(&word.as_str()));
    convert_words(map);
    convert_types(map);
    convert_null_branches(map);
    // Beside a reference 3.0 reads nothing.
    if map.len() > 1
        && let Some(reference) = map.remove("$ref")
    {
        let all = map.entry("allOf").or_insert_with(|| json!([]));
        all.as_array_mut()
            .into_iter()
            .for_each(|all| all.push(json!({"$ref": reference})));
    }
}

fn convert_words(map: &mut Map<String, Value>) {
    if let Some(only) = map.remove("const") {
        map.insert("enum".to_owned(), json!([only]));
    }
    if let Some(Value::Array(examples)) = map.remove("examples")
        && let Some(first) = examples.into_iter().next()
    {
        map.entry("example").or_insert(first);
    }
    match map.remove("contentEncoding") {
        Some(Value::String(encoding)) if encoding.starts_with("base64") => {
            drop(map.insert("format".to_owned(), json!("byte")));
        }
        _ => {}
    }
    for (exclusive, inclusive) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        let Some(bound) = map.get(exclusive).filter(|bound| bound.is_number()).cloned() else {
            continue;
        };
        // With both, the exclusive one counts unless the other is stricter.
        let looser = map.get(inclusive).and_then(Value::as_f64).zip(bound.as_f64());
        let stricter = looser.is_some_and(|(other, bound)| {
            if inclusive == "minimum" {
                other > bound
            } else {
                other < bound
            }
        });
        if stricter {
            map.remove(exclusive);
        } else {
            map.insert(inclusive.to_owned(), bound);
            map.insert(exclusive.to_owned(), json!(true));
        }
    }
}

fn convert_types(map: &mut Map<String, Value>) {
    let types = match map.get("type") {
        Some(Value::Array(types)) => types.clone(),
        Some(Value::String(null)) if null == "null" => vec![json!("null")],
        _ => return,
    };
    let mut others: Vec<Value> = types.iter().filter(|kind| *kind != "null").cloned().collect();
    if others.len() < types.len() {
        map.insert("nullable".to_owned(), json!(true));
    }
    match others.len() {
        0 => {
            map.remove("type");
            map.insert("enum".to_owned(), json!([null]));
        }
        1 => drop(map.insert("type".to_owned(), others.remove(0))),
        _ => {
            map.remove("type");
            let each: Vec<Value> = others.into_iter().map(|kind| json!({"type": kind})).collect();
            map.insert("anyOf".to_owned(), json!(each));
        }
    }
}

/// Turns `oneOf: [null, X]` into a nullable `X`.
fn convert_null_branches(map: &mut Map<String, Value>) {
    for key in ["oneOf", "anyOf"] {
        let Some(branches) = map.get_mut(key).and_then(Value::as_array_mut) else {
            continue;
        };
        let before = branches.len();
        branches.retain(|branch| branch["enum"] != json!([null]));
        if branches.len() == before {
            continue;
        }
        if branches.len() == 1 {
            let only = map.remove(key).unwrap_or_default();
            map.insert("allOf".to_owned(), only);
        }
        map.insert("nullable".to_owned(), json!(true));
    }
}
