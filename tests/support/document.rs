//! The document as a judge: an answer that it does not declare fails the test that got it.

use std::sync::OnceLock;

use serde_json::Value;

static DOCUMENT: OnceLock<Value> = OnceLock::new();

pub fn document() -> &'static Value {
    DOCUMENT.get_or_init(|| serde_json::from_str(&doorward::http::openapi::text()).unwrap())
}

/// Fails unless the document declares this answer to this request. Paths and methods outside it may
/// only be refused.
pub fn assert_declared(method: &str, path: &str, status: u16) {
    let path = path.split('?').next().unwrap();
    let method = if method == "HEAD" {
        "get".to_owned()
    } else {
        method.to_ascii_lowercase()
    };
    let undocumented = path.starts_with("/docs") || ["/", "/openapi.json"].contains(&path);
    let fits = |template: &str| {
        let (wanted, given): (Vec<&str>, Vec<&str>) =
            (template.split('/').collect(), path.split('/').collect());
        wanted.len() == given.len()
            && wanted
                .iter()
                .zip(given)
                .all(|(wanted, given)| *wanted == given || wanted.starts_with('{'))
    };
    let item = document()["paths"]
        .as_object()
        .unwrap()
        .iter()
        .find(|(template, _)| fits(template))
        .map(|(_, item)| item);
    match item.and_then(|item| item[&method].as_object()) {
        Some(operation) => assert!(
            operation["responses"].get(status.to_string()).is_some(),
            "{method} {path} answered {status}, which the document does not declare"
        ),
        None => assert!(
            undocumented
                || [404, 405].contains(&status)
                || (method == "options" && [200, 204].contains(&status)),
            "{method} {path} answered {status} and is not in the document"
        ),
    }
}
