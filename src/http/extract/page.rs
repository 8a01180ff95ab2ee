//! Pages of lists: their size, and the cursor that leads from one to the next.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::query::QueryFields;
use crate::model::ids::UserId;
use crate::model::invalid::Invalid;
use crate::model::user::AccountCursor;

/// The rule for cursors, which one of another list breaks.
pub const NO_CURSOR: (&str, &str) = ("value_error", "Value error, not a cursor of this list");

impl QueryFields {
    /// The size of a page: 1 to 200, or 50 if absent.
    pub fn limit(&self, faults: &mut Vec<Invalid>) -> usize {
        let rule = ("less_than_equal", "Input should be from 1 to 200");
        self.parsed("limit", faults, rule, |text| {
            text.parse().ok().filter(|limit| (1..=200).contains(limit))
        })
        .unwrap_or(50)
    }
}

/// The order of a list of accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountOrder {
    /// By number.
    Id,
    /// By address.
    Email,
}

/// The text of a position in the list of accounts.
#[must_use]
pub fn write_cursor(place: &AccountCursor) -> String {
    URL_SAFE_NO_PAD.encode(match place {
        AccountCursor::AfterId(id) => format!("i{}", id.get()),
        AccountCursor::AfterEmail(email) => format!("e{email}"),
    })
}

/// The position that a text names, if the list is in that order.
#[must_use]
pub fn parse_cursor(text: &str, order: AccountOrder) -> Option<AccountCursor> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    match text.split_at_checked(1)? {
        ("i", id) if order == AccountOrder::Id => id
            .parse()
            .ok()
            .map(|id: i64| AccountCursor::AfterId(UserId::from(id))),
        ("e", email) if order == AccountOrder::Email && !email.chars().any(char::is_control) => {
            Some(AccountCursor::AfterEmail(email.to_owned()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_leads_back_to_its_place_and_into_no_other_list(id in any::<i64>(), email in "\\PC{0,40}") {
            for (place, order, other) in [
                (AccountCursor::AfterId(UserId::from(id)), AccountOrder::Id, AccountOrder::Email),
                (AccountCursor::AfterEmail(email), AccountOrder::Email, AccountOrder::Id),
            ] {
                let cursor = write_cursor(&place);
                prop_assert_eq!(parse_cursor(&cursor, order).map(|place| write_cursor(&place)), Some(cursor.clone()));
                prop_assert!(parse_cursor(&cursor, other).is_none());
            }
        }

        #[test]
        fn a_text_is_a_cursor_of_one_list_at_most_and_names_one_place(
            text in "\\PC{0,30}|[A-Za-z0-9_-]{0,30}|-?[0-9]{0,25}", inner in "[ie][+-]?[0-9]{0,25}|[ie]\\PC{0,10}|[\\x00-\\x7f]{0,4}",
        ) {
            for text in [text, URL_SAFE_NO_PAD.encode(inner)] {
                let [by_id, by_email] = [AccountOrder::Id, AccountOrder::Email]
                    .map(|order| parse_cursor(&text, order).map(|place| (order, write_cursor(&place))));
                prop_assert!(by_id.is_none() || by_email.is_none(), "{}", text);
                for (order, written) in by_id.into_iter().chain(by_email) {
                    let again = parse_cursor(&written, order).map(|place| write_cursor(&place));
                    prop_assert_eq!(again, Some(written));
                }
            }
        }
    }
}
