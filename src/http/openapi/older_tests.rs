//! Each word of OpenAPI 3.1 beside what becomes of it in 3.0.

use serde_json::{Value, json};

use super::older::to_3_0;

fn converted(schema: Value) -> Value {
    to_3_0(
        json!({"openapi": "3.1.0", "info": {}, "paths": {}, "components": {"schemas": {"It": schema}}}),
    )["components"]["schemas"]["It"]
        .take()
}

#[test]
fn each_word_that_is_new_in_3_1_becomes_its_older_one() {
    for (newer, older) in [
        (
            json!({"type": ["string", "null"], "format": "uuid"}),
            json!({"type": "string", "format": "uuid", "nullable": true}),
        ),
        (json!({"type": ["string"]}), json!({"type": "string"})),
        (
            json!({"type": ["string", "integer", "null"]}),
            json!({"anyOf": [{"type": "string"}, {"type": "integer"}], "nullable": true}),
        ),
        (json!({"type": "null"}), json!({"enum": [null], "nullable": true})),
        (
            json!({"oneOf": [{"type": "null"}, {"$ref": "#/x"}]}),
            json!({"allOf": [{"$ref": "#/x"}], "nullable": true}),
        ),
        (
            json!({"oneOf": [{"type": "string"}, {"type": "null"}, {"type": "integer"}]}),
            json!({"oneOf": [{"type": "string"}, {"type": "integer"}], "nullable": true}),
        ),
        (
            json!({"exclusiveMinimum": 1}),
            json!({"minimum": 1, "exclusiveMinimum": true}),
        ),
        (
            json!({"exclusiveMaximum": 9, "maximum": 10}),
            json!({"maximum": 9, "exclusiveMaximum": true}),
        ),
        (
            json!({"exclusiveMinimum": 1, "minimum": 2}),
            json!({"minimum": 2}),
        ),
        (json!({"const": "bearer"}), json!({"enum": ["bearer"]})),
        (json!({"examples": ["a", "b"]}), json!({"example": "a"})),
        (
            json!({"example": "c", "examples": ["a"]}),
            json!({"example": "c"}),
        ),
        (
            json!({"$ref": "#/x", "description": "It"}),
            json!({"allOf": [{"$ref": "#/x"}], "description": "It"}),
        ),
        (json!({"$ref": "#/x"}), json!({"$ref": "#/x"})),
        (
            json!({"type": "string", "contentEncoding": "base64"}),
            json!({"type": "string", "format": "byte"}),
        ),
        (
            json!({"type": "object", "propertyNames": {"type": "string"}, "additionalProperties": true}),
            json!({"type": "object", "additionalProperties": true}),
        ),
        (json!(true), json!({})),
        (json!(false), json!({"not": {}})),
    ] {
        assert_eq!(converted(newer.clone()), older, "{newer}");
    }
}

#[test]
fn schemas_are_found_at_any_depth_and_data_is_left_alone() {
    let deep = |kind: Value| json!({"type": "object", "properties": {"type": {"type": kind}, "example": {"type": "array", "items": {"type": "object", "additionalProperties": {"type": "string"}}}}});
    let mut older = deep(json!("string"));
    older["properties"]["type"]["nullable"] = json!(true);
    assert_eq!(converted(deep(json!(["string", "null"]))), older);
    let data = json!({"const": 1, "type": ["string", "null"], "schema": {"const": 1}});
    let body =
        json!({"schema": {"const": 1}, "example": data.clone(), "examples": {"a": {"value": data.clone()}}});
    let paths = json!({"/x": {"get": {"responses": {"200": {"content": {"application/json": body}}}}}});
    let document = to_3_0(json!({"openapi": "3.1.0", "info": {}, "paths": paths}));
    let content = &document["paths"]["/x"]["get"]["responses"]["200"]["content"]["application/json"];
    assert_eq!(
        (
            &content["schema"],
            &content["example"],
            &content["examples"]["a"]["value"]
        ),
        (&json!({"enum": [1]}), &data, &data)
    );
}

#[test]
fn the_head_is_that_of_3_0_3_and_a_license_has_a_page() {
    let head = |identifier: &str| {
        let newer = json!({"openapi": "3.1.0", "jsonSchemaDialect": "x", "info": {"title": "x", "summary": "x", "license": {"name": "x", "identifier": identifier}}});
        to_3_0(newer)
    };
    let page = "https://spdx.org/licenses/MIT.html";
    assert_eq!(
        head("MIT"),
        json!({"openapi": "3.0.3", "info": {"title": "x", "license": {"name": "x", "url": page}}, "paths": {}})
    );
    assert_eq!(
        head("MIT OR Apache-2.0")["info"]["license"]["url"],
        "https://spdx.org/licenses/"
    );
}
