//! List of common passwords, and the search in it.
//!
//! The list is part of the program as text, and is searched as it is: nothing is built at the start.

/// Common passwords of at least eight characters, lower case, sorted, one a line; the head of the
/// file names its source.
const COMMON: &str = include_str!("../common_passwords.txt");

/// Whether a text in lower case is a line of the list.
pub fn is_common(folded: &str) -> bool {
    let list = COMMON
        .split_once('\n')
        .map_or("", |(_source, list)| list.trim_end());
    // The lines are sorted: halve the text, then step back to the start of the line that the middle
    // fell into.
    let (mut low, mut high) = (0, list.len());
    while low < high {
        let middle = usize::midpoint(low, high);
        let start = list.as_bytes()[..middle]
            .iter()
            .rposition(|&b| b == b'\n')
            .map_or(0, |at| at + 1);
        let end = list.as_bytes()[start..]
            .iter()
            .position(|&b| b == b'\n')
            .map_or(list.len(), |at| start + at);
        match list.as_bytes()[start..end].cmp(folded.as_bytes()) {
            std::cmp::Ordering::Equal => return true,
            std::cmp::Ordering::Less => low = end + 1,
            std::cmp::Ordering::Greater => high = start,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_long_sorted_and_found_from_end_to_end() {
        let lines: Vec<&str> = COMMON.lines().skip(1).collect();
        assert!(lines.len() >= 3000, "{}", lines.len());
        assert!(lines.is_sorted());
        for line in &lines {
            assert!(is_common(line), "{line}");
            assert!(
                line.chars().count() >= 8 && *line == line.to_lowercase(),
                "{line}"
            );
        }
        assert!(!is_common("") && !is_common("zzzzzzzzzzzzzzzzzzzz~") && !is_common("\u{1}"));
    }
}
