//! Tests of passwords.

use proptest::prelude::*;

use super::*;

fn refusal(text: &str) -> Option<&'static str> {
    let email = Email::parse("email", "hedwig.courths@example.com").unwrap();
    Password::parse_new("password", text, 8, Some(&email))
        .err()
        .map(|invalid| invalid.kind)
}

#[test]
fn length_counts_code_points_after_normalisation() {
    assert_eq!(refusal("zq4!vK9"), Some("string_too_short"));
    assert_eq!(refusal("zq4!vK9p"), None);
    assert_eq!(refusal("е\u{301}жик в т"), None, "eight code points of Cyrillic");
    assert_eq!(
        refusal("e\u{301}u\u{301}o\u{301}i\u{301}"),
        Some("string_too_short"),
        "eight code points that NFC makes four"
    );
    assert_eq!(Password::parse("e\u{301}").unwrap().as_bytes(), "é".as_bytes());
}

#[test]
fn what_was_typed_is_kept_where_normalisation_changed_it() {
    assert_eq!(
        Password::parse("e\u{301}").unwrap().as_typed(),
        Some("e\u{301}".as_bytes())
    );
    assert_eq!(Password::parse("é").unwrap().as_typed(), None);
}

#[test]
fn the_longest_is_1024_bytes_and_nothing_is_cut() {
    let long: String = "xY7 ".chars().cycle().take(1020).chain("tail".chars()).collect();
    assert_eq!(refusal(&long), None);
    assert_eq!(Password::parse(&long).unwrap().as_bytes().len(), 1024);
    assert_eq!(refusal(&format!("{long}!")), Some("string_too_long"));
    assert!(Password::parse(&format!("{long}!")).is_none());
}

#[test]
fn spaces_emoji_and_case_count() {
    assert_eq!(refusal("  correct horse  "), None);
    assert_eq!(refusal("🦉🗝️🚪🌙🧦🪜🍵🧭"), None);
    assert_eq!(Password::parse(" a ").unwrap().as_bytes(), b" a ");
}

#[test]
fn control_characters_are_refused() {
    for bad in [
        "nul\0inside12",
        "tab\tinside12",
        "line\ninside12",
        "del\u{7f}inside12",
        "c1\u{85}inside12",
    ] {
        assert_eq!(refusal(bad), Some("value_error"), "{bad:?}");
        assert!(Password::parse(bad).is_none());
    }
}

#[test]
fn what_a_guesser_tries_first_is_refused() {
    for bad in [
        "password",
        "PassWord",
        "password1",
        "12345678",
        "87654321",
        "iloveyou",
        "football",
        "qwertyuiop",
        "abcdefgh",
        "aaaaaaaa",
        "abcabcabc",
        "doorward",
        "Doorward2026!",
        "hedwig.courths",
        "Hedwig.Courths@example.com",
        "zzzzzzzz",
        "1q2w3e4r",
    ] {
        assert_eq!(refusal(bad), Some("value_error"), "{bad:?}");
    }
    assert_eq!(
        refusal("password-of-mine-7"),
        None,
        "only the whole string counts"
    );
}

#[test]
fn a_common_password_is_refused_in_its_usual_disguises() {
    for bad in [
        "Password123!",
        "P@ssw0rd2024",
        "P@$$w0rd",
        "p455w0rd!!",
        "$unsh1ne2024",
        "We1come2025!",
        "admin123456",
        "Qwerty2026!",
        "dragon!!!!",
        "passwordpassword",
        "PasswordP@ssw0rd",
        "monkeymonkeymonkey1",
        "password1password1",
        &"password".repeat(128),
    ] {
        assert_eq!(refusal(bad), Some("value_error"), "{bad:?}");
    }
    for good in [
        "an owl keeps the door",
        "2024password-owl",
        "dragon of 1987",
        "password monkey",
        "49302175864",
        "zq4!vK9p",
    ] {
        assert_eq!(refusal(good), None, "{good:?}");
    }
}

#[test]
fn debug_output_hides_the_password() {
    assert!(!format!("{:?}", Password::parse("hunter2hunter2").unwrap()).contains("hunter"));
}

proptest! {
    #[test]
    fn no_text_panics_and_what_is_taken_keeps_the_rules(text in "\\PC{0,40}|[\\x00-\\x7f]{0,20}|(ab){0,600}|e\u{301}{0,20}") {
        let email = Email::parse("email", "hedwig.courths@example.com").unwrap();
        if let Ok(password) = Password::parse_new("password", &text, 8, Some(&email)) {
            let kept = std::str::from_utf8(password.as_bytes()).unwrap();
            prop_assert!(kept.chars().count() >= 8 && kept.len() <= MAX_BYTES);
            prop_assert!(!kept.chars().any(char::is_control));
            let again = Password::parse(kept).unwrap();
            prop_assert_eq!(again.as_bytes(), password.as_bytes(), "normal already");
        }
    }
}
