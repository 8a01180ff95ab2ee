//! `generator openapi-3.0.json generated.rs`: the operations of the document as Rust, by
//! progenitor, which reads OpenAPI 3.0 only.

use std::error::Error;

use progenitor::{GenerationSettings, Generator, InterfaceStyle};
use serde_json::Value;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [document, output] = arguments.as_slice() else { return Err("usage: generator openapi-3.0.json generated.rs".into()) };
    let mut document: Value = serde_json::from_str(&std::fs::read_to_string(document)?)?;
    narrow(&mut document);
    let document: openapiv3::OpenAPI = serde_json::from_value(document)?;
    let mut settings = GenerationSettings::default();
    settings.with_interface(InterfaceStyle::Positional);
    // Whose token a request bears is known at the call, not when the client is made.
    settings.with_inner_type("crate::Bearer".parse()?);
    settings.with_pre_hook("crate::Bearer::attach".parse()?);
    let tokens = Generator::new(&settings).generate_tokens(&document)?;
    let code = prettyplease::unparse(&syn::parse2(tokens)?);
    std::fs::write(output, format!("// Generated from openapi.json by progenitor; `make sdk` makes it anew.\n\n{code}"))?;
    Ok(())
}

/// Leaves out what progenitor cannot take, and the rules of fields: the service judges them and
/// says why.
fn narrow(document: &mut Value) {
    // An answer that is neither a success nor a refusal.
    if let Some(answers) = document.pointer_mut("/paths/~1.well-known~1jwks.json/get/responses").and_then(Value::as_object_mut) {
        answers.remove("304");
    }
    // It has two kinds of refusal, and progenitor takes one: the one that tells which check fails.
    if let Some(answers) = document.pointer_mut("/paths/~1ready/get/responses").and_then(Value::as_object_mut) {
        answers.retain(|status, _| ["200", "503"].contains(&status.as_str()));
    }
    visit(document);
}

fn visit(value: &mut Value) {
    match value {
        Value::Object(object) => {
            for rule in ["pattern", "minLength", "maxLength"] {
                if object.get(rule).is_some_and(|rule| !rule.is_object()) {
                    object.remove(rule);
                }
            }
            object.values_mut().for_each(visit);
        }
        Value::Array(items) => items.iter_mut().for_each(visit),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
