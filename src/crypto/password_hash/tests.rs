//! Tests of hashes, ours and those of other systems.

use std::cell::RefCell;

use proptest::prelude::*;

use super::*;
use crate::crypto::password_hash::cost::CEILING;

fn password(text: &str) -> Password {
    Password::parse(text).unwrap()
}

/// Hashes one after the other, with one memory.
struct Hasher {
    cost: Cost,
    scratch: RefCell<Scratch>,
}

impl Hasher {
    fn of(cost: Cost) -> Self {
        Self {
            cost,
            scratch: RefCell::default(),
        }
    }

    fn hash(&self, password: Password) -> Result<String, HashError> {
        hash(&self.cost, &password, &mut self.scratch.borrow_mut())
    }

    fn verify(&self, password: Password, stored: Option<String>) -> Result<Verdict, HashError> {
        verify(
            &self.cost,
            &password,
            stored.as_deref(),
            &mut self.scratch.borrow_mut(),
        )
    }
}

fn hasher() -> Hasher {
    Hasher::of(Cost::cheapest())
}

#[test]
fn a_password_verifies_against_its_own_hash_only() {
    let hasher = hasher();
    let stored = hasher.hash(password("correct horse")).unwrap();
    assert!(stored.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{stored}");
    assert_eq!(
        hasher.verify(password("correct horse"), Some(stored.clone())),
        Ok(Verdict::Right)
    );
    assert_eq!(
        hasher.verify(password("correct horsf"), Some(stored.clone())),
        Ok(Verdict::Wrong)
    );
    assert_eq!(hasher.verify(password("correct horse"), None), Ok(Verdict::Wrong));
    assert_ne!(
        stored,
        hasher.hash(password("correct horse")).unwrap(),
        "each hash has a salt of its own"
    );
}

#[test]
fn passwords_that_differ_after_72_bytes_differ() {
    let hasher = hasher();
    let long = "a password longer than the seventy-two bytes at which bcrypt stops reading: ";
    let stored = hasher.hash(password(&format!("{long}1"))).unwrap();
    assert_eq!(
        hasher.verify(password(&format!("{long}2")), Some(stored)),
        Ok(Verdict::Wrong)
    );
}

#[test]
fn the_default_is_stored_as_the_requirement_says_and_outdates_the_cheaper() {
    let cheap = hasher().hash(password("correct horse")).unwrap();
    let hasher = Hasher::of(Cost::parse("m=19456,t=2,p=1").unwrap());
    let stored = hasher.hash(password("correct horse")).unwrap();
    let parts: Vec<&str> = stored.split('$').collect();
    assert_eq!(parts[1..4], ["argon2id", "v=19", "m=19456,t=2,p=1"]);
    assert_eq!(
        (parts[4].len(), parts[5].len()),
        (22, 43),
        "16 and 32 bytes in base64"
    );
    assert_eq!(
        hasher.verify(password("correct horse"), Some(cheap)),
        Ok(Verdict::RightButOutdated)
    );
    assert_eq!(
        hasher.verify(password("correct horse"), Some(stored)),
        Ok(Verdict::Right),
        "a larger buffer serves a smaller cost"
    );
}

#[test]
fn the_reference_implementation_agrees() {
    // From phc-winner-argon2's own test.c: "password", "somesalt", t=2, m=2^16, p=1.
    let stored = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    assert_eq!(
        hasher().verify(password("password"), Some(stored.to_owned())),
        Ok(Verdict::RightButOutdated)
    );
}

#[test]
fn a_stored_hash_beyond_the_ceiling_or_of_another_kind_is_just_wrong() {
    let hasher = hasher();
    for stored in [
        "$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=65536,t=4000000000,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ",
        "",
        "plain",
    ] {
        assert_eq!(
            hasher.verify(password("password"), Some(stored.to_owned())),
            Ok(Verdict::Wrong),
            "{stored}"
        );
    }
}

#[test]
fn foreign_hashes_are_right_but_outdated() {
    let hasher = hasher();
    // By argon2-cffi 25.1, Django 5.2 and bcrypt 4.0.
    for stored in [
        "$argon2i$v=16$m=64,t=1,p=2$c29tZXNhbHRzb21lc2FsdA$UePw9vIRlYCkXaGqqWxK2Wk5Mp7M6ec1nWKSPg4Tp/o",
        "$argon2i$v=19$m=64,t=1,p=2$c29tZXNhbHRzb21lc2FsdA$x2FRhTZTjHPpCHPqq6DJMOKEwdgMazxgXk++mgYT0uw",
        "$argon2d$v=19$m=64,t=1,p=2$c29tZXNhbHRzb21lc2FsdA$FynZj3KEaULlg3Z3MnDTQ7vL4JP2EcKt39tFc8tVGyI",
        "$argon2id$v=16$m=64,t=1,p=2$c29tZXNhbHRzb21lc2FsdA$mKfGwrfUHZH5/AVEjIpPY1MvzGWCCwpKnXqe9jdXr2M",
        "$argon2id$v=19$m=64,t=1,p=2$c29tZXNhbHRzb21lc2FsdA$vnXYxPvf2nX+mBli9pMlKONYXiHquLCsjGLLhNWRSAU",
        "argon2$argon2id$v=19$m=64,t=1,p=8$c29tZXNhbHRzb21lc2FsdA$xfcPb+B9t6KurjPU2RYVTTEgtK3XxLekAAZn+53Fjb8",
        "$2b$04$5mmXsGcQCMYpEhaSF5pTUeSM9VZeEHXQlyqDuTsqTd5AExaz22sTe",
    ] {
        assert_eq!(check_verifiable(stored), Ok(()), "{stored}");
        assert_eq!(
            hasher.verify(password("correct horse"), Some(stored.to_owned())),
            Ok(Verdict::RightButOutdated),
            "{stored}"
        );
        assert_eq!(
            hasher.verify(password("correct horsf"), Some(stored.to_owned())),
            Ok(Verdict::Wrong),
            "{stored}"
        );
    }
}

#[test]
fn a_foreign_hash_is_verified_as_typed_and_as_nfc() {
    let hasher = hasher();
    let (composed, decomposed) = ("caf\u{e9} noir", "cafe\u{301} noir");
    for (hashed, stored) in [
        (
            composed,
            "$argon2id$v=19$m=64,t=1,p=2$c29tZXNhbHRzb21lc2FsdA$d1jDRiPq9a5KUd5rdXCXrLv/YAn8EYRITbrSW5aAuHM",
        ),
        (
            composed,
            "$2b$04$L9NdH4JoK007RqSf8PLP2.RD5Hn6uAXhwF2LNpvQ890ZYJC2g2sIq",
        ),
        (
            decomposed,
            "$argon2id$v=19$m=64,t=1,p=2$c29tZXNhbHRzb21lc2FsdA$Sow+wL3lAzSsgfFUpmqdVa5JQxs7qP1TZ6tBqZOyPa0",
        ),
        (
            decomposed,
            "$2b$04$tMbsRvr7zcHAUiherGrmQu5K66nXdqvNFGcq0aoLri5gMlNV8iDs.",
        ),
    ] {
        assert_eq!(
            hasher.verify(password(decomposed), Some(stored.to_owned())),
            Ok(Verdict::RightButOutdated),
            "{stored}"
        );
        let composed = hasher.verify(password(composed), Some(stored.to_owned()));
        assert_eq!(
            composed,
            Ok(if hashed == decomposed {
                Verdict::Wrong
            } else {
                Verdict::RightButOutdated
            }),
            "{stored}"
        );
    }
}

#[test]
fn what_cannot_be_verified_is_refused_with_a_reason() {
    assert_eq!(
        check_verifiable(
            "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
        ),
        Ok(())
    );
    for (stored, why) in [
        ("", "no known form of password hash"),
        ("plain", "no known form of password hash"),
        ("argon2$", "no known form of password hash"),
        ("$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ", "malformed Argon2 hash"),
        (
            "$argon2id$v=17$m=8,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "malformed Argon2 hash",
        ),
        (
            "$argon2i$v=19$m=8,t=11,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "Argon2 cost above m=524288,t=10,p=16",
        ),
    ] {
        assert_eq!(check_verifiable(stored), Err(why), "{stored}");
    }
}

proptest! {
    #[test]
    fn no_text_panics_as_cost_or_stored_hash(text in "\\PC{0,30}|m=[0-9]{0,12},t=[0-9]{0,4},p=[0-9]{0,4}", phc in "(argon2)?\\$argon2(id|i|d)\\$(v=[0-9]{1,3}\\$)?(m=[0-9]{1,7})?(,t=[0-9]{1,3})?(,p=[0-9]{1,3})?(\\$[a-zA-Z0-9+/]{0,50}){0,3}") {
        if let Ok(cost) = Cost::parse(&text) {
            prop_assert_eq!(Cost::parse(&cost.to_string()), Ok(cost));
        }
        for stored in [&text, &phc] {
            if check_verifiable(stored).is_ok() {
                // Past the ceiling nothing is verified, and so nothing would be begun that
                // halts the service.
                let memory = stored.split("m=").nth(1);
                let memory = memory.and_then(|rest| rest.split([',', '$']).next()?.parse::<u32>().ok());
                prop_assert!(memory.is_none_or(|memory| memory <= CEILING.0), "{}", stored);
            }
        }
    }
}
