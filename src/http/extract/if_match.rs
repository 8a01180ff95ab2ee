//! Versions of things: `ETag` in answers, `If-Match` in requests (RFC 9110 section 13.1.1).

use actix_web::HttpRequest;
use actix_web::http::header::{self, EntityTag};

use super::bearer::Acting;
use crate::http::problem::Problem;
use crate::model::authority::{Authority, ExpectedVersion, Versions};

/// The right that the bearer acts by, and the version of the thing that they have seen.
///
/// # Errors
/// The header is malformed.
pub fn authority(acting: &Acting, request: &HttpRequest) -> Result<Authority, Problem> {
    let mut lines = request.headers().get_all(header::IF_MATCH).peekable();
    let known = if lines.peek().is_some() {
        // Lines of one name are one list (RFC 9110 section 5.3).
        let lines: Option<Vec<&str>> = lines.map(|line| line.to_str().ok()).collect();
        let list = lines.ok_or(Problem::Malformed)?.join(",");
        parse(&list).ok_or(Problem::Malformed)?
    } else {
        ExpectedVersion::Unstated
    };
    Ok(Authority {
        session: Some(acting.bearer.session),
        generation: acting.bearer.generation,
        known,
    })
}

/// Reads `*` or a list of entity tags; none if it is neither, or names more than
/// [`Versions::MOST`]. A tag that is weak or no version stays out of the list: comparison is strong.
fn parse(list: &str) -> Option<ExpectedVersion> {
    let mut rest = list.trim_matches(OWS);
    if rest == "*" {
        return Some(ExpectedVersion::Any);
    }
    let (mut versions, mut tags) = (Versions::default(), 0);
    while !rest.is_empty() {
        // Empty elements of a list are ignored (RFC 9110 section 5.6.1).
        if let Some(next) = rest.strip_prefix(',') {
            rest = next.trim_start_matches(OWS);
            continue;
        }
        let (weak, quoted) = match rest.strip_prefix("W/") {
            Some(quoted) => (true, quoted),
            None => (false, rest),
        };
        let (tag, next) = quoted.strip_prefix('"')?.split_once('"')?;
        rest = next.trim_start_matches(OWS);
        if !(rest.is_empty() || rest.starts_with(',')) {
            return None;
        }
        tags += 1;
        if let Some(version) = version(tag).filter(|_| !weak)
            && !versions.push(version)
        {
            return None;
        }
    }
    (tags > 0).then_some(ExpectedVersion::OneOf(versions))
}

/// Optional white space around the elements of a list.
const OWS: [char; 2] = [' ', '\t'];

/// The version whose tag this is; a number in another form than [`etag`] writes is none.
fn version(tag: &str) -> Option<i64> {
    tag.parse()
        .ok()
        .filter(|version: &i64| version.to_string() == tag)
}

/// The `ETag` of a version.
#[must_use]
pub fn etag(version: i64) -> header::ETag {
    header::ETag(EntityTag::new_strong(version.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_names_the_versions_of_its_strong_tags() {
        for (list, named) in [
            ("\"7\"", &[7][..]),
            (" \"7\",\t\"8\" ", &[7, 8]),
            (",, \"7\" ,,\"x,y\",", &[7]),
            ("W/\"7\", \"07\", \"+7\", \" 7\", \"\", \"7,7\"", &[]),
        ] {
            let expected = parse(list).unwrap();
            let accepted: Vec<i64> = (0..20).filter(|version| expected.is(*version)).collect();
            assert_eq!(accepted, named, "{list}");
        }
        assert_eq!(parse(" * "), Some(ExpectedVersion::Any));
    }

    #[test]
    fn what_is_no_list_of_tags_is_malformed() {
        for bad in [
            "",
            ",",
            "7",
            "\"7",
            "7\"",
            "w/\"7\"",
            "*, \"7\"",
            "\"7\" \"8\"",
            "\"7\"x",
            "W/",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        let many = |count: usize| vec!["\"7\""; count].join(", ");
        assert!(parse(&many(Versions::MOST)).is_some() && parse(&many(Versions::MOST + 1)).is_none());
    }
}
