//! `docs/http.md`: generated from the OpenAPI document, and compared.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::compare;
use crate::support::document::document;

const HEAD: &str = "# HTTP operations\n
Generated from [openapi/openapi.json](../openapi/openapi.json) by `make docs`: do not edit.\n
Refusals have one JSON body. FastAPI's clients read `detail`, clients of RFC 9457 read `title`, `status` and `type`,
and OAuth clients read `error` on `/login`, `/refresh` and below `/oauth/`. Programs should act on `code`; people should
quote `request_id`. HEAD is answered wherever GET is, OPTIONS everywhere, and a wrong method gets 405 with `Allow`.
The tables leave out the statuses that most operations may give: 408 `timeout`, 413 `too_large`,
415 `unsupported_media_type`, 500 `internal`, 503 `busy` or `unavailable`. The 503 of `GET /ready` has
the body of its 200.\n";

/// Longest line of prose, in characters.
const WIDTH: usize = 118;

/// Statuses that the page's head explains once.
const COMMON: &[&str] = &["408", "413", "415", "500", "503"];

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_default()
}

/// A schema behind its reference, with the reference's name.
fn resolve<'a>(document: &'a Value, schema: &'a Value) -> (Option<&'a str>, &'a Value) {
    match schema["$ref"].as_str() {
        Some(path) => {
            let pointer = path.trim_start_matches('#');
            (pointer.rsplit('/').next(), document.pointer(pointer).unwrap())
        }
        None => (None, schema),
    }
}

/// A short name of a type: `string`, `integer or null`, `list of User`.
fn kind(document: &Value, schema: &Value) -> String {
    if let Some(list) = ["oneOf", "anyOf"].iter().find_map(|key| schema[*key].as_array()) {
        return list
            .iter()
            .map(|one| kind(document, one))
            .collect::<Vec<_>>()
            .join(" or ");
    }
    if let (Some(name), resolved) = resolve(document, schema) {
        return match resolved["enum"].as_array() {
            Some(_) => kind(document, resolved),
            None => name.to_owned(),
        };
    }
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<String> = words
            .iter()
            .filter_map(|word| word.as_str().map(|word| format!("`{word}`")))
            .collect();
        return words.join(", ");
    }
    let name = match &schema["type"] {
        Value::String(name) => name.clone(),
        Value::Array(names) => names
            .iter()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join(" or "),
        _ => "any".to_owned(),
    };
    if name.starts_with("array") {
        return name.replacen(
            "array",
            &format!("list of {}", kind(document, &schema["items"])),
            1,
        );
    }
    match schema["format"].as_str() {
        Some(format) if !format.starts_with("int") => format!("{name} ({format})"),
        _ => name,
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|")
}

/// Prose in lines of at most [`WIDTH`] characters.
fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last_mut().unwrap();
        if last.is_empty() {
            last.push_str(word);
        } else if last.chars().count() + 1 + word.chars().count() <= WIDTH {
            last.push(' ');
            last.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines.join("\n")
}

fn fields(document: &Value, schema: &Value, page: &mut String) {
    let required: Vec<&str> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    page.push_str("| field | type | required | meaning |\n|---|---|---|---|\n");
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let needed = if required.contains(&name.as_str()) {
            "yes"
        } else {
            "no"
        };
        let meaning = one_line(text(field, "description"));
        writeln!(
            page,
            "| `{name}` | {} | {needed} | {meaning} |",
            kind(document, field)
        )
        .unwrap();
    }
    page.push('\n');
}

fn needs(operation: &Value) -> String {
    let scopes = operation["security"][0]["password"].as_array();
    match scopes {
        None => "Public.".to_owned(),
        Some(scopes) if scopes.is_empty() => "Needs a bearer token.".to_owned(),
        Some(scopes) => {
            let names: Vec<String> = scopes
                .iter()
                .filter_map(|scope| scope.as_str().map(|scope| format!("`{scope}`")))
                .collect();
            let has_other = operation["security"][1].is_object();
            let client = if has_other {
                ", or the id and secret of a client with it"
            } else {
                ""
            };
            format!(
                "Needs a bearer token with the permission {}{client}.",
                names.join(", ")
            )
        }
    }
}

fn parameters(document: &Value, operation: &Value, page: &mut String) {
    let Some(list) = operation["parameters"].as_array().filter(|list| !list.is_empty()) else {
        return;
    };
    page.push_str("| parameter | in | type | meaning |\n|---|---|---|---|\n");
    for one in list {
        let meaning = one_line(text(one, "description"));
        let (name, place) = (text(one, "name"), text(one, "in"));
        writeln!(
            page,
            "| `{name}` | {place} | {} | {meaning} |",
            kind(document, &one["schema"])
        )
        .unwrap();
    }
    page.push('\n');
}

fn body(document: &Value, operation: &Value, page: &mut String) {
    let content = operation["requestBody"]["content"].as_object();
    for (media, value) in content.into_iter().flatten() {
        let (name, schema) = resolve(document, &value["schema"]);
        writeln!(page, "Body: `{media}`, schema `{}`.\n", name.unwrap_or("inline")).unwrap();
        fields(document, schema, page);
    }
}

fn answers(document: &Value, operation: &Value, page: &mut String) {
    page.push_str("| answer | body | meaning |\n|---|---|---|\n");
    let responses = operation["responses"].as_object().unwrap();
    for (status, response) in responses
        .iter()
        .filter(|(status, _)| !COMMON.contains(&status.as_str()))
    {
        let content = response["content"]
            .as_object()
            .and_then(|content| content.values().next());
        let schema = content.map_or(String::new(), |value| kind(document, &value["schema"]));
        writeln!(
            page,
            "| {status} | {schema} | {} |",
            one_line(text(response, "description"))
        )
        .unwrap();
    }
    page.push('\n');
}

fn operations_of<'a>(paths: &'a Map<String, Value>, tag: &str) -> Vec<(String, &'a Value)> {
    let mut found = Vec::new();
    for (path, item) in paths {
        for (method, operation) in item.as_object().unwrap() {
            if operation["tags"][0] == tag {
                found.push((format!("{} {path}", method.to_ascii_uppercase()), operation));
            }
        }
    }
    found
}

/// The page as the document says it.
fn page() -> String {
    let document = document();
    let mut page = HEAD.to_owned();
    for tag in document["tags"].as_array().unwrap() {
        let name = text(tag, "name");
        writeln!(page, "\n## {name}: {}\n", text(tag, "description")).unwrap();
        for (title, operation) in operations_of(document["paths"].as_object().unwrap(), name) {
            writeln!(page, "### `{title}`\n").unwrap();
            let description = text(operation, "description");
            let described = description.split("\n\nNeeds the permission").next().unwrap();
            let told = format!("{}. {described}", text(operation, "summary"));
            writeln!(page, "{}\n\n{}\n", wrapped(&told), needs(operation)).unwrap();
            parameters(document, operation, &mut page);
            body(document, operation, &mut page);
            answers(document, operation, &mut page);
        }
    }
    page.trim_end().to_owned() + "\n"
}

#[test]
fn the_page_of_operations_is_the_document_s() {
    compare("docs/http.md", &page());
}
