//! What operations have in common, put into the document from one place: who may ask, what every
//! answer carries, and what each refusal looks like.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, Parameter, PathItem};
use utoipa::openapi::schema::{AdditionalProperties, Schema, SchemaType, Type};
use utoipa::openapi::{Components, Content, Header, Object, OpenApi, Ref, RefOr, Response};

use super::examples;
use crate::http::routes::Endpoint;
use crate::http::surface::{ErrorForm, Surface};

const REQUEST_ID: &str = "6f1c2a9b7d3e4f50";
const PROBLEM: &str = "#/components/schemas/Problem";
/// The refusals that are shown, by name.
type Examples = BTreeMap<String, Value>;

/// Operations that take from the budget of an address.
const BUDGETED: [&str; 9] = [
    "register",
    "login",
    "token",
    "introspect",
    "revoke",
    "changeEmail",
    "changePassword",
    "reauthenticate",
    "deleteMe",
];

/// The headers that answers share: name, type, meaning, example.
fn shared_headers() -> [(&'static str, Type, &'static str, Value); 5] {
    [
        (
            "X-Request-Id",
            Type::String,
            "Id of the request in the log",
            json!(REQUEST_ID),
        ),
        ("Retry-After", Type::Integer, "Seconds to wait", json!(2)),
        (
            "WWW-Authenticate",
            Type::String,
            "Authentication scheme to use (RFC 6750 section 3, RFC 7617)",
            json!("Bearer realm=\"doorward\", error=\"invalid_token\""),
        ),
        (
            "RateLimit",
            Type::String,
            "Rest of the IP address's budget, if it has one",
            json!("\"default\";r=99;t=0"),
        ),
        (
            "RateLimit-Policy",
            Type::String,
            "Budget of the address: number of requests in a number of seconds",
            json!("\"default\";q=100;w=300"),
        ),
    ]
}

/// Completes the document that the routes made.
pub fn complete(document: &mut OpenApi, endpoints: &[Endpoint]) {
    let mut examples = Examples::new();
    for (path, item) in &mut document.paths.paths {
        let endpoint = endpoints.iter().find(|endpoint| endpoint.path == *path);
        let surface = endpoint.map_or(Surface::Api, |endpoint| endpoint.surface);
        for operation in operations(item) {
            complete_operation(operation, surface.rules().errors, &mut examples);
        }
    }
    close_bodies(document);
    add_shared(document.components.get_or_insert_default(), examples);
}

/// Forbids unknown members in the bodies of administrative operations, as those refuse them.
fn close_bodies(document: &mut OpenApi) {
    let mut bodies = Vec::new();
    for item in document.paths.paths.values_mut() {
        for operation in operations(item).filter(|operation| permission_of(operation).is_some()) {
            if let Some(RefOr::T(body)) = &operation.request_body
                && let Some(RefOr::T(content)) = body.content.get("application/json")
                && let Some(RefOr::Ref(schema)) = &content.schema
            {
                bodies.push(schema.ref_location.clone());
            }
        }
    }
    let components = document.components.get_or_insert_default();
    for (name, schema) in &mut components.schemas {
        let place = format!("#/components/schemas/{name}");
        if let RefOr::T(Schema::Object(object)) = schema
            && bodies.contains(&place)
        {
            object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
        }
    }
}

/// The operations of a path.
pub fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.post,
        &mut item.put,
        &mut item.patch,
        &mut item.delete,
    ]
    .into_iter()
    .flatten()
}

fn add_shared(components: &mut Components, examples: Examples) {
    for (name, kind, words, example) in shared_headers() {
        let header: Header = HeaderBuilder::new()
            .schema(Some(Object::with_type(kind)))
            .description(Some(words))
            .example(Some(example))
            .build();
        components.headers.insert(name.to_owned(), header.into());
    }
    for (name, body) in examples {
        components
            .examples
            .insert(name, ExampleBuilder::new().value(Some(body)).build().into());
    }
}

fn example_name(body: &Value, errors: ErrorForm) -> String {
    let code = body["code"].as_str().unwrap_or_default();
    match errors {
        ErrorForm::Problem => code.to_owned(),
        ErrorForm::OAuth => format!("oauth.{code}"),
    }
}

fn complete_operation(operation: &mut Operation, errors: ErrorForm, examples: &mut Examples) {
    let permission = permission_of(operation);
    if let Some(permission) = &permission {
        operation
            .extensions
            .get_or_insert_default()
            .merge(Extensions::from_iter([("x-permission", permission.as_str())]));
        let words = operation.description.get_or_insert_default();
        *words = format!("{words}\n\nNeeds the permission `{permission}`.");
    }
    // Public operations say it too, because generated pages show one operation at a time.
    operation.security.get_or_insert_default();
    operation.parameters.iter_mut().flatten().for_each(|parameter| {
        if let RefOr::T(parameter) = parameter {
            without_null(parameter);
        }
    });
    let budgeted = operation
        .operation_id
        .as_deref()
        .is_some_and(|id| BUDGETED.contains(&id));
    let answers = &mut operation.responses.responses;
    answers
        .entry("400".to_owned())
        .or_insert_with(|| malformed().into());
    for (status, answer) in answers {
        let RefOr::T(answer) = answer else { continue };
        for name in headers_of(status, permission.is_some(), budgeted) {
            answer
                .headers
                .entry(name.to_owned())
                .or_insert_with(|| RefOr::Ref(Ref::new(format!("#/components/headers/{name}"))));
        }
        show_refusal(status, answer, errors, examples);
    }
}

/// Answer that every operation can give: the request is not HTTP, or asks for another protocol.
fn malformed() -> Response {
    let mut answer = Response::new("The request is malformed (`malformed`)");
    answer.content.insert(
        "application/json".to_owned(),
        Content::new(Some(Ref::new(PROBLEM))).into(),
    );
    answer
}

fn permission_of(operation: &Operation) -> Option<String> {
    let needed = json!(operation.security.as_ref()?.first()?);
    Some(needed["password"].get(0)?.as_str()?.to_owned())
}

/// A parameter that is not given is absent, and never null.
fn without_null(parameter: &mut Parameter) {
    let Some(RefOr::T(Schema::Object(schema))) = &mut parameter.schema else {
        return;
    };
    if let SchemaType::Array(types) = &mut schema.schema_type {
        types.retain(|kind| *kind != Type::Null);
        if let [one] = types.as_slice() {
            schema.schema_type = SchemaType::Type(one.clone());
        }
    }
}

fn headers_of(status: &str, guarded: bool, budgeted: bool) -> Vec<&'static str> {
    let mut names = vec!["X-Request-Id"];
    match status {
        "401" => names.push("WWW-Authenticate"),
        "403" if guarded => names.push("WWW-Authenticate"),
        "429" | "503" => names.push("Retry-After"),
        _ => {}
    }
    // A body that is not read takes nothing.
    if budgeted && !["408", "413", "415"].contains(&status) {
        names.extend(["RateLimit", "RateLimit-Policy"]);
    }
    names
}

/// Both media types of a refusal, with an example of each code that its description names.
fn show_refusal(status: &str, answer: &mut Response, errors: ErrorForm, examples: &mut Examples) {
    let Some(RefOr::T(content)) = answer.content.get("application/json") else {
        return;
    };
    if !matches!(&content.schema, Some(RefOr::Ref(schema)) if schema.ref_location == PROBLEM) {
        return;
    }
    let mut content = content.clone();
    for problem in examples::refusals() {
        let body = json!(problem.body(REQUEST_ID, errors));
        let of_status = body["status"].as_u64() == status.parse().ok();
        let named = body["code"]
            .as_str()
            .is_some_and(|code| answer.description.contains(&format!("`{code}`")));
        if of_status && named {
            let name = example_name(&body, errors);
            content.examples.insert(
                name.clone(),
                RefOr::Ref(Ref::new(format!("#/components/examples/{name}"))),
            );
            examples.insert(name, body);
        }
    }
    answer
        .content
        .insert("application/json".to_owned(), content.clone().into());
    answer
        .content
        .insert("application/problem+json".to_owned(), content.into());
}
