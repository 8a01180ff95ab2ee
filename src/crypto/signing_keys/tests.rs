//! Tests of sealed keys: what they tell, and when they do not open.

use super::*;

#[test]
fn a_sealed_key_tells_nothing_and_its_jwk_only_the_public_half() {
    let root = RootSecret::generate().unwrap();
    for &algorithm in SigningAlgorithm::ALL {
        let sealed = generate(
            &root,
            algorithm,
            1,
            Timestamp::from_secs(1),
            Timestamp::from_secs(1),
        )
        .unwrap();
        let key = open(&sealed, &root).unwrap();
        assert_eq!((key.algorithm, &key.kid), (algorithm, &sealed.kid));
        assert_eq!(SigningAlgorithm::parse(&sealed.algorithm), Some(algorithm));
        match key.jwk {
            None => assert_eq!(algorithm, SigningAlgorithm::Hs256),
            Some(jwk) => {
                let json = serde_json::to_value(&jwk).unwrap();
                assert_eq!(
                    (&json["alg"], &json["use"], &json["kid"]),
                    (
                        &algorithm.name().into(),
                        &"sig".into(),
                        &sealed.kid.clone().into()
                    )
                );
                assert!(
                    ["d", "p", "q", "dp", "dq", "qi", "k"]
                        .iter()
                        .all(|private| json.get(private).is_none()),
                    "{json}"
                );
                assert_eq!(
                    jwk.thumbprint(ThumbprintHash::SHA256).unwrap(),
                    sealed.kid,
                    "RFC 7638"
                );
            }
        }
        assert!(open(&sealed, &RootSecret::generate().unwrap()).is_err());
        assert!(
            open(
                &SealedKey {
                    kid: "another".to_owned(),
                    ..sealed
                },
                &root
            )
            .is_err()
        );
    }
}

#[test]
fn a_key_whose_row_was_edited_does_not_open() {
    let secrets = RootSecrets {
        current: RootSecret::generate().unwrap(),
        previous: Some(RootSecret::generate().unwrap()),
    };
    let root = &secrets.current;
    let at = Timestamp::from_secs;
    let key = generate(root, SigningAlgorithm::Hs256, 1, at(1), at(2)).unwrap();
    let keys = [key.clone()];
    let retired = SealedKey {
        retires_at: Some(at(9)),
        sealed: seal_retired(&keys, at(9), &secrets).unwrap().remove(0).1,
        ..key.clone()
    };
    for genuine in [&key, &retired] {
        assert!(open(genuine, root).is_ok());
        assert_eq!(bind(genuine, &secrets).unwrap(), None);
        let edits: [fn(&mut SealedKey); 6] = [
            |key| key.kid.push('x'),
            |key| key.generation += 1,
            |key| key.algorithm = "EdDSA".to_owned(),
            |key| key.created_at = Timestamp::from_secs(3),
            |key| key.activates_at = Timestamp::from_secs(1),
            |key| key.retires_at = Some(Timestamp::from_secs(10)),
        ];
        for (number, edit) in edits.iter().enumerate() {
            let mut edited = genuine.clone();
            edit(&mut edited);
            assert!(open(&edited, root).is_err(), "edit {number}");
        }
    }
    let revived = SealedKey {
        retires_at: None,
        ..retired
    };
    assert!(open(&revived, root).is_err());
}

#[test]
fn a_key_of_an_earlier_version_opens_and_is_bound_to_its_row_once() {
    let secrets = RootSecrets {
        current: RootSecret::generate().unwrap(),
        previous: Some(RootSecret::generate().unwrap()),
    };
    let root = secrets.previous.as_ref().unwrap();
    let at = Timestamp::from_secs(1);
    let mut key = generate(root, SigningAlgorithm::Hs256, 1, at, at).unwrap();
    key.sealed = root.seal(&format!("signing key {}", key.kid), &[7; 32]).unwrap();
    assert!(open(&key, root).is_ok());
    key.sealed = bind(&key, &secrets).unwrap().unwrap();
    assert_eq!(bind(&key, &secrets).unwrap(), None);
    assert!(open(&key, root).is_ok(), "under the same secret");
    key.activates_at = Timestamp::from_secs(0);
    assert!(open(&key, root).is_err());
}

#[test]
fn a_shared_secret_keeps_its_kid_and_hides_itself() {
    let secret = RootSecret::parse("a secret shared by a team, 32 bytes and more").unwrap();
    assert_eq!(shared(&secret).unwrap().kid, shared(&secret).unwrap().kid);
    assert!(shared(&secret).unwrap().jwk.is_none());
}
