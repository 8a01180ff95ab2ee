//! Tests of addresses.

use proptest::prelude::*;

use super::*;

fn key(text: &str) -> Option<String> {
    Email::parse("email", text)
        .ok()
        .map(|email| email.key().as_str().to_owned())
}

#[test]
fn the_address_is_shown_as_typed_with_its_domain_lowered() {
    let email = Email::parse("email", "Alice.B+news@Example.COM").unwrap();
    assert_eq!(email.as_str(), "Alice.B+news@example.com");
    assert_eq!(email.key().as_str(), "alice.b+news@example.com");
}

#[test]
fn only_ascii_letters_fold() {
    assert_eq!(key("ALICE@EXAMPLE.COM"), key("alice@example.com"));
    assert_ne!(
        key("\u{131}van@example.com"),
        key("ivan@example.com"),
        "dotless i"
    );
    assert_ne!(
        key("\u{430}lice@example.com"),
        key("alice@example.com"),
        "Cyrillic a"
    );
    assert_ne!(key("É@example.com"), key("é@example.com"));
    assert_eq!(key("\u{212a}im@example.com"), None, "Kelvin sign");
    assert_eq!(key("kim@\u{212a}.example.com"), None, "Kelvin sign in the domain");
}

#[test]
fn an_international_domain_has_one_key_in_both_spellings() {
    assert_eq!(key("a@bücher.example"), key("a@xn--bcher-kva.example"));
    assert_eq!(
        Email::parse("email", "a@xn--bcher-kva.example").unwrap().as_str(),
        "a@bücher.example"
    );
    assert_eq!(key("a@\u{ff45}xample.com"), None, "full-width e");
}

#[test]
fn what_is_not_an_address_is_refused() {
    let long_local = format!("{}@example.com", "a".repeat(65));
    let long_total = format!(
        "a@{}.com",
        [
            "b".repeat(60),
            "c".repeat(60),
            "d".repeat(60),
            "e".repeat(60),
            "f".repeat(20)
        ]
        .join(".")
    );
    for bad in [
        "",
        "@",
        "a",
        "a@",
        "@example.com",
        "a@b@example.com",
        "a b@example.com",
        "a@example",
        "a@localhost",
        "a..b@example.com",
        ".a@example.com",
        "a.@example.com",
        "a@-example.com",
        "a@example-.com",
        "a@exa_mple.com",
        "a@.example.com",
        "a@example.com.",
        "a@example..com",
        "\"a\"@example.com",
        "a(comment)@example.com",
        "a@[127.0.0.1]",
        "a@127.0.0.1",
        "a\u{ff20}example.com",
        "a\r\n@example.com",
        "a\0@example.com",
        "a@exam\nple.com",
        " a@example.com",
        "a@example.com ",
        "a@example.com\n",
        "a<b>@example.com",
        "a,b@example.com",
        "a;b@example.com",
        "a\u{202e}b@example.com",
        &long_local,
        &long_total,
    ] {
        assert!(Email::parse("email", bad).is_err(), "{bad:?}");
    }
}

proptest! {
    #[test]
    fn parsing_never_panics_and_is_stable(text in "\\PC{0,40}@?\\PC{0,40}") {
        if let Ok(email) = Email::parse("email", &text) {
            let again = Email::parse("email", email.as_str()).unwrap();
            prop_assert_eq!(again, email);
        }
    }

    #[test]
    fn every_ascii_case_of_an_address_is_the_same_account(text in "[a-z]{1,10}@[a-z]{1,10}\\.[a-z]{2,5}", flips in any::<u64>()) {
        let flipped: String = text.chars().enumerate()
            .map(|(i, c)| if flips >> (i % 64) & 1 == 1 { c.to_ascii_uppercase() } else { c }).collect();
        prop_assert_eq!(key(&flipped), key(&text));
    }
}
