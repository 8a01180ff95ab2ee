//! Descriptions that come from doc comments, freed of the width that the source is wrapped at.

use utoipa::openapi::schema::Schema;
use utoipa::openapi::{OpenApi, RefOr};

use super::complete::operations;

/// Joins the lines of each paragraph, in operations, schemas and their properties. A line that ends
/// in a backslash, Markdown's hard break, keeps its end.
pub fn join(document: &mut OpenApi) {
    for item in document.paths.paths.values_mut() {
        for operation in operations(item) {
            join_lines(operation.description.as_mut());
        }
    }
    let schemas = document
        .components
        .as_mut()
        .map(|components| &mut components.schemas);
    for schema in schemas.into_iter().flat_map(|schemas| schemas.values_mut()) {
        join_schema(schema);
    }
}

fn join_schema(schema: &mut RefOr<Schema>) {
    match schema {
        RefOr::T(Schema::Object(object)) => {
            join_lines(object.description.as_mut());
            object.properties.values_mut().for_each(join_schema);
        }
        RefOr::T(Schema::Array(list)) => join_lines(list.description.as_mut()),
        RefOr::T(Schema::OneOf(one)) => join_lines(one.description.as_mut()),
        RefOr::T(_) => {}
        RefOr::Ref(reference) => join_lines(Some(&mut reference.description)),
    }
}

fn join_lines(text: Option<&mut String>) {
    let Some(text) = text else { return };
    let paragraphs = text.split("\n\n").map(|paragraph| {
        let broken = paragraph.split("\\\n").map(|line| line.replace('\n', " "));
        broken.collect::<Vec<_>>().join("\n")
    });
    *text = paragraphs.collect::<Vec<_>>().join("\n\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paragraph_is_one_line_but_for_its_hard_breaks() {
        let mut text = "One\ntwo.\n\nThree\\\nfour\nfive.".to_owned();
        join_lines(Some(&mut text));
        assert_eq!(text, "One two.\n\nThree\nfour five.");
    }
}
