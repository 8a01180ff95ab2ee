//! Forged access tokens: by keys that are not the service's, under headers that ask to be believed,
//! and with claims of the wrong kind under the right key.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use doorward::crypto::signing_keys::SigningKey;
use doorward::model::signing_key::SigningAlgorithm;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};

use super::ring::{NOW, Ring};
use super::wire::{Attack, CANARY, attack, bearer, get};

pub fn attacks(ring: &Ring) -> Vec<Attack> {
    ring.tokens
        .iter()
        .flat_map(|(algorithm, token)| {
            let victim = Victim {
                ring,
                key: ring.key(*algorithm),
                parts: token.split('.').collect(),
                token,
            };
            let forged: Vec<(String, String)> = [
                victim.mutations(),
                victim.confusions(),
                victim.headers(),
                victim.claims(),
            ]
            .into_iter()
            .flatten()
            .collect();
            let genuine = attack(
                format!("{} a genuine token, for comparison", algorithm.name()),
                get("/me", &bearer(token)),
                &[200],
            )
            .holding("alice@example.com");
            forged
                .into_iter()
                .map(|(name, token)| {
                    attack(
                        format!("{} {name}", algorithm.name()),
                        get("/me", &bearer(&token)),
                        &[401],
                    )
                    .holding("invalid_token")
                    .lacking("alice@")
                })
                .chain([genuine])
                .collect::<Vec<_>>()
        })
        .collect()
}

type Forged = Vec<(String, String)>;

/// A genuine token of one algorithm, and the key behind it.
struct Victim<'a> {
    ring: &'a Ring,
    key: &'a SigningKey,
    parts: Vec<&'a str>,
    token: &'a str,
}

pub const fn jwa(algorithm: SigningAlgorithm) -> Algorithm {
    match algorithm {
        SigningAlgorithm::Hs256 => Algorithm::HS256,
        SigningAlgorithm::EdDsa => Algorithm::EdDSA,
        SigningAlgorithm::Es256 => Algorithm::ES256,
        SigningAlgorithm::Rs256 => Algorithm::RS256,
    }
}

fn sealed(header: &str, claims: &str, secret: &EncodingKey, algorithm: Algorithm) -> String {
    let message = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(claims)
    );
    let signature = crypto::sign(message.as_bytes(), secret, algorithm).unwrap();
    format!("{message}.{signature}")
}

fn with(object: &Value, name: &str, value: Value) -> String {
    let mut object = object.clone();
    object[name] = value;
    object.to_string()
}

fn without(object: &Value, name: &str) -> String {
    let mut object = object.clone();
    object.as_object_mut().unwrap().remove(name);
    object.to_string()
}

impl Victim<'_> {
    fn decoded(&self, part: usize) -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(self.parts[part]).unwrap()).unwrap()
    }

    /// Signed as the service signs.
    fn signed(&self, header: &str, claims: &str) -> String {
        sealed(header, claims, &self.key.signs, jwa(self.key.algorithm))
    }

    fn mutations(&self) -> Forged {
        let (header, claims, signature) = (self.parts[0], self.parts[1], self.parts[2]);
        let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let flipped = |at: usize| {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1;
            URL_SAFE_NO_PAD.encode(bytes)
        };
        let another = &self.ring.admin;
        let theirs: Vec<&str> = another.split('.').collect();
        let zeros = URL_SAFE_NO_PAD.encode(vec![0; bytes.len()]);
        let raised = URL_SAFE_NO_PAD.encode(with(&self.decoded(1), "role", json!("admin")));
        // The last character holds two or four bits that mean nothing: another with the same
        // meaning is another text for the same signature.
        let ending = signature.as_bytes()[signature.len() - 1];
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let place = alphabet.iter().position(|byte| *byte == ending).unwrap();
        let sloppy = format!(
            "{}{}",
            &signature[..signature.len() - 1],
            char::from(alphabet[place ^ 1])
        );
        let mut list = vec![
            ("without a signature", format!("{header}.{claims}.")),
            ("without the last dot", format!("{header}.{claims}")),
            ("with nothing but dots", "..".to_owned()),
            (
                "with a first bit flipped",
                format!("{header}.{claims}.{}", flipped(0)),
            ),
            (
                "with a last bit flipped",
                format!("{header}.{claims}.{}", flipped(bytes.len() - 1)),
            ),
            ("with a signature of zeros", format!("{header}.{claims}.{zeros}")),
            (
                "with half a signature",
                format!("{header}.{claims}.{}", &signature[..signature.len() / 2]),
            ),
            (
                "with its signature twice",
                format!("{header}.{claims}.{signature}{signature}"),
            ),
            (
                "with a signature that is not canonical",
                format!("{header}.{claims}.{sloppy}"),
            ),
            (
                "with padding",
                format!("{header}.{claims}.{}", URL_SAFE.encode(&bytes)),
            ),
            ("with an equals sign", format!("{}=", self.token)),
            (
                "with the other alphabet",
                format!("{header}.{claims}.+/{}", &STANDARD.encode(&bytes)[2..]),
            ),
            ("with a fourth part", format!("{}.{signature}", self.token)),
            ("with a fourth, empty part", format!("{}.", self.token)),
            (
                "with five parts, like a JWE",
                format!("{header}..{claims}.{signature}.x"),
            ),
            ("with an empty part first", format!(".{}", self.token)),
            (
                "with a header of its claims",
                format!("{claims}.{claims}.{signature}"),
            ),
            (
                "with its parts turned round",
                format!("{signature}.{claims}.{header}"),
            ),
            (
                "with a role of its own choice",
                format!("{header}.{raised}.{signature}"),
            ),
            (
                "with the claims of another",
                format!("{header}.{}.{signature}", theirs[1]),
            ),
            (
                "with the signature of another",
                format!("{header}.{claims}.{}", theirs[2]),
            ),
            (
                "with the header of another",
                format!(
                    "{}.{claims}.{signature}",
                    if theirs[0] == header { "e30" } else { theirs[0] }
                ),
            ),
            ("in lower case", self.token.to_ascii_lowercase()),
            ("backwards", self.token.chars().rev().collect()),
            (
                "with a canary for a signature",
                format!("{header}.{claims}.{CANARY}"),
            ),
        ];
        if self.key.algorithm == SigningAlgorithm::Es256 {
            // s -> n - s is a signature as good as the first; only the malleability of the text is
            // at stake, for sessions are known by their id.
            list.push((
                "with r = s = 1",
                format!(
                    "{header}.{claims}.{}",
                    URL_SAFE_NO_PAD.encode([[0; 31].as_slice(), &[1], &[0; 31], &[1]].concat())
                ),
            ));
            list.push((
                "with a DER signature",
                format!(
                    "{header}.{claims}.{}",
                    URL_SAFE_NO_PAD.encode([b"0D\x02 ", &bytes[..32], b"\x02 ", &bytes[32..]].concat())
                ),
            ));
        }
        list.into_iter()
            .map(|(name, token)| (name.to_owned(), token))
            .collect()
    }

    /// The public keys, and what else is known or guessed, as secrets of HMAC; and keys of the
    /// attacker's own.
    fn confusions(&self) -> Forged {
        let (header, claims) = (self.decoded(0), self.decoded(1).to_string());
        let mut secrets: Vec<(String, Vec<u8>)> =
            ["", "secret", "changeme", "your-256-bit-secret", "doorward"]
                .map(|secret| (format!("the secret {secret:?}"), secret.into()))
                .into();
        for key in self.ring.keys.iter().filter(|key| key.jwk.is_some()) {
            let jwk = serde_json::to_value(&key.jwk).unwrap();
            let name = key.algorithm.name();
            secrets.push((format!("the JWK of {name}"), jwk.to_string().into_bytes()));
            for member in ["x", "n", "y", "e"] {
                let Some(text) = jwk[member].as_str() else {
                    continue;
                };
                let raw = URL_SAFE_NO_PAD.decode(text).unwrap();
                let pem = format!(
                    "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
                    STANDARD.encode(&raw)
                );
                secrets.push((format!("{member} of {name} as text"), text.as_bytes().to_vec()));
                secrets.push((format!("{member} of {name} as bytes"), raw));
                secrets.push((format!("{member} of {name} as PEM"), pem.into_bytes()));
            }
        }
        let hs256 = with(&header, "alg", json!("HS256"));
        let mut list: Forged = secrets
            .into_iter()
            .map(|(name, secret)| {
                (
                    format!("signed with HMAC by {name}"),
                    sealed(
                        &hs256,
                        &claims,
                        &EncodingKey::from_secret(&secret),
                        Algorithm::HS256,
                    ),
                )
            })
            .collect();
        for key in self.ring.keys.iter().filter(|key| key.kid != self.key.kid) {
            let (name, algorithm) = (key.algorithm.name(), jwa(key.algorithm));
            // Both are the service's keys, but each is good for its own kid and algorithm alone.
            list.push((
                format!("signed by the key of {name}"),
                sealed(&header.to_string(), &claims, &key.signs, algorithm),
            ));
            list.push((
                format!("signed by the key of {name}, which it names as alg"),
                sealed(&with(&header, "alg", json!(name)), &claims, &key.signs, algorithm),
            ));
            list.push((
                format!("signed by the key of {name}, whose kid it names"),
                sealed(
                    &with(&header, "kid", json!(key.kid)),
                    &claims,
                    &key.signs,
                    algorithm,
                ),
            ));
            list.push((
                format!("signed by its own key under the kid of {name}"),
                self.signed(&with(&header, "kid", json!(key.kid)), &claims),
            ));
        }
        for unsigned in ["none", "None", "NONE", "nOnE", ""] {
            let header = URL_SAFE_NO_PAD.encode(with(&header, "alg", json!(unsigned)));
            list.push((
                format!("of alg {unsigned:?} without a signature"),
                format!("{header}.{}.", self.parts[1]),
            ));
            list.push((
                format!("of alg {unsigned:?} with the old signature"),
                format!("{header}.{}.{}", self.parts[1], self.parts[2]),
            ));
        }
        list
    }

    /// Under the right key, so that nothing but the header stands against them.
    fn headers(&self) -> Forged {
        let (header, claims) = (self.decoded(0), self.decoded(1).to_string());
        let jwk = json!({"kty": "oct", "k": "cXpjYW5hcnlxeg", "alg": "HS256"});
        let mut list: Forged = [
            ("crit", json!(["exp"])),
            ("crit", json!([])),
            ("crit", json!(["b64"])),
            ("crit", json!("exp")),
            ("crit", Value::Null),
            ("b64", json!(false)),
            ("b64", json!(true)),
            ("jku", json!("http://127.0.0.1:1/qzcanaryqz")),
            ("jwk", jwk),
            ("x5u", json!("http://127.0.0.1:1/qzcanaryqz")),
            ("x5c", json!(["qzcanaryqz"])),
            ("x5t", json!("qzcanaryqz")),
            ("x5t#S256", json!("x")),
            ("zip", json!("DEF")),
            ("enc", json!("A256GCM")),
            ("cty", json!("JWT")),
            ("epk", json!({})),
            ("p2c", json!(1)),
            ("qzcanaryqz", json!(1)),
            ("alg", json!("none")),
            ("alg", json!(["HS256"])),
            ("alg", Value::Null),
            ("alg", json!("HS384")),
            ("alg", json!("PS256")),
            ("alg", json!("ES256K")),
            ("alg", json!("dir")),
            ("typ", json!("JWT")),
            ("typ", json!("at+jwt ")),
            ("typ", json!("application/at+jwt;x")),
            ("typ", json!(1)),
            ("kid", json!("qzcanaryqz")),
            ("kid", json!("")),
            ("kid", json!(1)),
            ("kid", json!(["x"])),
            ("kid", json!("../../../dev/null")),
            ("kid", json!("' UNION SELECT 'x' --")),
            ("kid", json!("\0")),
            ("kid", json!("x".repeat(3000))),
        ]
        .into_iter()
        .map(|(name, value)| {
            (
                format!(
                    "with {name} {}",
                    value.to_string().chars().take(40).collect::<String>()
                ),
                self.signed(&with(&header, name, value), &claims),
            )
        })
        .collect();
        list.push((
            "with alg in lower case".to_owned(),
            self.signed(
                &with(
                    &header,
                    "alg",
                    json!(self.key.algorithm.name().to_ascii_lowercase()),
                ),
                &claims,
            ),
        ));
        for name in ["alg", "typ", "kid"] {
            list.push((
                format!("without {name}"),
                self.signed(&without(&header, name), &claims),
            ));
            let twice = header
                .to_string()
                .replacen('{', &format!("{{\"{name}\":{},", header[name]), 1);
            list.push((format!("with {name} twice"), self.signed(&twice, &claims)));
        }
        for (name, header) in [
            (
                "an array for a header",
                json!(["at+jwt", self.key.algorithm.name(), self.key.kid]).to_string(),
            ),
            ("null for a header", "null".to_owned()),
            ("no header", String::new()),
            ("a header and more", format!("{header}{{}}")),
        ] {
            list.push((format!("with {name}"), self.signed(&header, &claims)));
        }
        list
    }

    /// Under the right key and header, so that nothing but the claim stands against them.
    fn claims(&self) -> Forged {
        let (header, claims) = (self.decoded(0).to_string(), self.decoded(1));
        let mut list: Forged = [
            ("exp", json!(NOW)),
            ("exp", json!(NOW - 1)),
            ("exp", json!(0)),
            ("exp", json!(-1)),
            ("exp", json!("9999999999")),
            ("exp", json!(1.9e9)),
            ("exp", json!(1e300)),
            ("exp", json!(u64::MAX)),
            ("exp", json!([9_999_999_999_i64])),
            ("exp", json!(true)),
            ("exp", json!({"x": 1})),
            ("exp", Value::Null),
            ("iat", json!(NOW + 61)),
            ("iat", json!("1")),
            ("iat", json!(1.5)),
            ("iat", json!(u64::MAX)),
            ("iat", Value::Null),
            ("nbf", json!(NOW + 6)),
            ("nbf", json!("0")),
            ("nbf", json!(0.5)),
            ("nbf", json!([])),
            ("nbf", json!(u64::MAX)),
            ("iss", json!("https://evil.example")),
            ("iss", json!("http://127.0.0.1:8000/")),
            ("iss", json!("HTTP://127.0.0.1:8000")),
            ("iss", json!(["http://127.0.0.1:8000"])),
            ("iss", Value::Null),
            ("aud", json!("qzcanaryqz")),
            ("aud", json!("Doorward")),
            ("aud", json!([])),
            ("aud", json!([["doorward"]])),
            ("aud", json!({"doorward": 1})),
            ("aud", Value::Null),
            ("sub", json!("alice@example.com")),
            ("sub", json!(2)),
            ("sub", json!("00000000-0000-0000-0000-000000000000")),
            ("sub", json!([])),
            ("sid", json!("qzcanaryqz")),
            ("sid", json!(1)),
            ("sid", json!("00000000-0000-0000-0000-000000000000")),
            ("sid", json!([])),
            ("sid", json!("' OR 1=1 --")),
        ]
        .into_iter()
        .map(|(name, value)| {
            (
                format!("with {name} {value}"),
                self.signed(&header, &with(&claims, name, value)),
            )
        })
        .collect();
        for name in ["iss", "aud", "sub", "iat", "exp", "sid"] {
            list.push((
                format!("without {name}"),
                self.signed(&header, &without(&claims, name)),
            ));
            let twice = claims
                .to_string()
                .replacen('{', &format!("{{\"{name}\":{},", claims[name]), 1);
            list.push((format!("with {name} twice"), self.signed(&header, &twice)));
        }
        let theirs = URL_SAFE_NO_PAD
            .decode(self.ring.admin.split('.').nth(1).unwrap())
            .unwrap();
        let theirs: Value = serde_json::from_slice(&theirs).unwrap();
        list.push((
            "with the subject of another".to_owned(),
            self.signed(&header, &with(&claims, "sub", theirs["sub"].clone())),
        ));
        list.push((
            "with the session of another".to_owned(),
            self.signed(&header, &with(&claims, "sid", theirs["sid"].clone())),
        ));
        let array = json!([
            claims["iss"],
            claims["aud"],
            claims["sub"],
            claims["iat"],
            claims["exp"],
            null,
            claims["sid"]
        ])
        .to_string();
        for (name, claims) in [
            ("an array for claims", "[]"),
            ("null for claims", "null"),
            ("no claims", ""),
            ("an array of the right claims", &array),
            ("text for claims", "\"x\""),
            ("bad UTF-8 for claims", "{\"x\":"),
        ] {
            list.push((format!("with {name}"), self.signed(&header, claims)));
        }
        list
    }
}
