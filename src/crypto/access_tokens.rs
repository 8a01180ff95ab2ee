//! Access tokens: JWTs after RFC 9068, issued and verified by the same strict rules.
//!
//! The header may hold `alg`, `typ` and `kid` and nothing else, so `crit`, `jku`, `jwk`, `x5u`,
//! `zip` and their like are refused by their mere presence (RFC 7515 section 4.1.11, RFC 8725
//! section 3.10). A verified token proves who asks and by which session, nothing about rights.
//!
//! What the signature check proved is remembered for a bounded number of tokens, so that the
//! algorithm's cost is paid once a token. Only that: the token's time is checked again each time,
//! and its session's standing is the registry's matter.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hashlink::LruCache;
use jsonwebtoken::crypto;
use jsonwebtoken::jwk::JwkSet;
use serde::{Deserialize, Serialize};

use super::signing_keys::{SigningKey, jwa};
use super::{CryptoError, random};
use crate::model::clock::{NODES_APART, Timestamp};
use crate::model::ids::{SessionId, Subject};
use crate::model::permission::Permissions;
use crate::model::signing_key::SigningAlgorithm;

/// Tokens longer than this are refused unread.
const MAX_BYTES: usize = 8 * 1024;
/// How far a token's `nbf` may lie ahead of our clock (seconds); `exp` has no leeway, for the clock
/// that wrote it is ours.
const NOT_BEFORE_LEEWAY: i64 = 5;
/// How far another node's clock may run ahead of ours (seconds).
const CLOCK_SKEW: i64 = NODES_APART.as_secs().cast_signed();

/// RFC 9068 requires the claim; people log in here without a client of their own.
const FIRST_PARTY_CLIENT: &str = "doorward";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header<'a> {
    typ: &'a str,
    alg: &'a str,
    kid: &'a str,
}

#[derive(Serialize)]
struct IssuedClaims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: Subject,
    client_id: &'a str,
    iat: i64,
    exp: i64,
    jti: &'a str,
    sid: SessionId,
    role: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    scope: &'a str,
}

/// What a token says of its bearer, for services that read it.
#[derive(Debug, Clone, Copy)]
pub struct TokenIdentity<'a> {
    /// RFC 7519 section 4.1.2.
    pub subject: Subject,
    /// The role's name.
    pub role: &'a str,
    /// The `scope` (RFC 9068 section 2.2.3.1); left out if there is none.
    pub permissions: &'a Permissions,
}

#[derive(Deserialize)]
struct PresentedClaims {
    iss: String,
    aud: Audience,
    sub: Subject,
    iat: i64,
    exp: i64,
    nbf: Option<i64>,
    sid: SessionId,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn contains(&self, name: &str) -> bool {
        match self {
            Self::One(one) => one == name,
            Self::Several(several) => several.iter().any(|one| one == name),
        }
    }
}

/// The token is not one that we issued, or no longer good. Deliberately without a reason: the
/// caller is told none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid access token")]
pub struct NotValid;

/// What a valid token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedAccessToken {
    /// The session it belongs to.
    pub session: SessionId,
    /// Whose session that must be.
    pub subject: Subject,
}

/// What the signature check proved of a token: it is ours, for us, of this session, good in this
/// span of seconds.
#[derive(Clone, Copy)]
struct Proved {
    presented: VerifiedAccessToken,
    issued_at: i64,
    not_before: Option<i64>,
    /// The token's own end or its key's, whichever is first.
    expires_at: i64,
}

impl Proved {
    fn holds(&self, now: i64) -> bool {
        now < self.expires_at
            && self.issued_at <= now.saturating_add(CLOCK_SKEW)
            && self
                .not_before
                .is_none_or(|nbf| nbf <= now.saturating_add(NOT_BEFORE_LEEWAY))
    }
}

const PROVED_SHARDS: usize = 16;
const PROVED_PER_SHARD: usize = 512;

/// Token and proof by keyed hash, the least recently used out first.
type ProvedShard = LruCache<u64, (Box<str>, Proved)>;

/// How many of a token's last bytes are hashed: of its signature, so as good as random.
const HASHED: usize = 32;

/// The tokens lately proved, by keyed hash; the whole token is compared, so a collision proves
/// nothing.
struct ProvedTokens {
    /// Taken by request threads for one look-up or one insertion; nothing awaits under it.
    shards: Vec<Mutex<ProvedShard>>,
    hasher: RandomState,
    /// Counts changes of the keys.
    epoch: AtomicU64,
}

impl ProvedTokens {
    fn new() -> Self {
        Self {
            shards: (0..PROVED_SHARDS)
                .map(|_| Mutex::new(LruCache::new(PROVED_PER_SHARD)))
                .collect(),
            hasher: RandomState::new(),
            epoch: AtomicU64::new(0),
        }
    }

    fn hash(&self, token: &str) -> u64 {
        let token = token.as_bytes();
        self.hasher.hash_one(
            token
                .last_chunk::<HASHED>()
                .map_or(token, <[u8; HASHED]>::as_slice),
        )
    }

    #[expect(clippy::cast_possible_truncation, reason = "any bits of a hash will do")]
    fn shard(&self, hash: u64) -> MutexGuard<'_, ProvedShard> {
        self.shards[hash as usize % PROVED_SHARDS]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, token: &str) -> Option<Proved> {
        let hash = self.hash(token);
        self.shard(hash)
            .get(&hash)
            .filter(|(proved, _)| **proved == *token)
            .map(|(_, proved)| *proved)
    }

    /// Remembers a proof unless the keys have changed since `epoch`, where the proving began.
    fn insert(&self, token: &str, proved: Proved, epoch: u64) {
        let hash = self.hash(token);
        let mut shard = self.shard(hash);
        if self.epoch.load(Ordering::SeqCst) == epoch {
            shard.insert(hash, (token.into(), proved));
        }
    }

    /// Forgets everything, and what is being proved by the old keys will not be remembered.
    fn clear(&self) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
        for shard in &self.shards {
            shard.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }
}

/// The claims of a token that are for others to read.
#[derive(Debug, Clone, Deserialize)]
pub struct Claims {
    /// RFC 7519 section 4.1.4, in seconds.
    pub exp: i64,
    /// RFC 7519 section 4.1.6, in seconds.
    pub iat: i64,
    /// RFC 7519 section 4.1.7.
    pub jti: String,
    /// RFC 8693 section 4.3.
    pub client_id: String,
}

/// Issues and verifies.
pub struct AccessTokens {
    /// Every key that verifies, the newest first. Replaced whole; held for the time of a clone.
    keys: RwLock<Arc<Vec<SigningKey>>>,
    /// What new tokens are signed with.
    algorithm: SigningAlgorithm,
    issuer: String,
    audience: String,
    ttl: Duration,
    proved: ProvedTokens,
}

impl AccessTokens {
    /// `keys` are those that verify, the newest first; `algorithm` is that of new tokens.
    #[must_use]
    pub fn new(
        keys: Vec<SigningKey>,
        algorithm: SigningAlgorithm,
        issuer: String,
        audience: String,
        ttl: Duration,
    ) -> Self {
        Self {
            keys: RwLock::new(Arc::new(keys)),
            algorithm,
            issuer,
            audience,
            ttl,
            proved: ProvedTokens::new(),
        }
    }

    /// Takes up other keys: from now on nothing that only an old one proved is good.
    pub fn replace_keys(&self, keys: Vec<SigningKey>) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
        self.proved.clear();
    }

    fn keys(&self) -> Arc<Vec<SigningKey>> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The public keys that verify at `now`, those that do not sign yet included (RFC 7517); none
    /// of a symmetric algorithm.
    #[must_use]
    pub fn jwks(&self, now: Timestamp) -> JwkSet {
        let keys = self.keys();
        JwkSet {
            keys: keys
                .iter()
                .filter(|key| key.retires_at.is_none_or(|at| now < at))
                .filter_map(|key| key.jwk.clone())
                .collect(),
        }
    }

    /// What new tokens are signed with.
    #[must_use]
    pub fn algorithm(&self) -> SigningAlgorithm {
        self.algorithm
    }

    /// The `iss` of every token.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The life of a token in whole seconds: `expires_in`.
    #[must_use]
    pub fn ttl_secs(&self) -> u64 {
        self.ttl.as_secs()
    }

    /// The key that signs at `now`.
    fn signer<'a>(&self, keys: &'a [SigningKey], now: Timestamp) -> Option<&'a SigningKey> {
        let usable = || keys.iter().filter(|key| key.retires_at.is_none_or(|at| now < at));
        let mut begun = usable().filter(|key| key.activates_at <= now);
        // Better a key of another algorithm than none, while nodes change theirs one after the
        // other. None has begun where a clock was set back: then the oldest, which every node knows
        // best.
        begun
            .clone()
            .find(|key| key.algorithm == self.algorithm)
            .or_else(|| begun.next())
            .or_else(|| usable().next_back())
    }

    /// Since when the key that signs at `now` does; none if there is no key.
    #[must_use]
    pub fn signing_since(&self, now: Timestamp) -> Option<Timestamp> {
        self.signer(&self.keys(), now).map(|key| key.activates_at)
    }

    /// Issues a token for a session.
    ///
    /// # Errors
    /// No key, no entropy, or the signature failed.
    pub fn issue(
        &self,
        session: SessionId,
        claimed: TokenIdentity<'_>,
        now: Timestamp,
    ) -> Result<String, CryptoError> {
        let keys = self.keys();
        let key = self
            .signer(&keys, now)
            .ok_or(CryptoError::Primitive("no signing key"))?;
        let encode = |json: Result<String, serde_json::Error>| {
            json.map(|json| URL_SAFE_NO_PAD.encode(json))
                .map_err(|_| CryptoError::Primitive("JSON"))
        };
        let header = Header {
            typ: "at+jwt",
            alg: key.algorithm.name(),
            kid: &key.kid,
        };
        let claims = IssuedClaims {
            iss: &self.issuer,
            aud: &self.audience,
            sub: claimed.subject,
            client_id: FIRST_PARTY_CLIENT,
            iat: now.secs(),
            exp: now.plus(self.ttl).secs(),
            jti: &URL_SAFE_NO_PAD.encode(random::<16>()?),
            sid: session,
            role: claimed.role,
            scope: claimed.permissions.as_str(),
        };
        let mut token = encode(serde_json::to_string(&header))?;
        token.push('.');
        token.push_str(&encode(serde_json::to_string(&claims))?);
        let signature = crypto::sign(token.as_bytes(), &key.signs, jwa(key.algorithm))
            .map_err(|_| CryptoError::Primitive("signature"))?;
        token.push('.');
        token.push_str(&signature);
        Ok(token)
    }

    /// Verifies a token: form, key, signature, then every claim.
    ///
    /// # Errors
    /// [`NotValid`], for whatever reason.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<VerifiedAccessToken, NotValid> {
        let proved = if let Some(known) = self.proved.find(token) {
            known
        } else {
            let epoch = self.proved.epoch.load(Ordering::SeqCst);
            let proved = self.prove(token)?;
            self.proved.insert(token, proved, epoch);
            proved
        };
        if proved.holds(now.secs()) {
            Ok(proved.presented)
        } else {
            Err(NotValid)
        }
    }

    /// Verifies a token and reads what others may know of it.
    ///
    /// # Errors
    /// [`NotValid`], for whatever reason.
    pub fn claims(&self, token: &str, now: Timestamp) -> Result<Claims, NotValid> {
        self.verify(token, now)?;
        let claims = token
            .split('.')
            .nth(1)
            .and_then(|claims| URL_SAFE_NO_PAD.decode(claims).ok())
            .ok_or(NotValid)?;
        serde_json::from_slice(&claims).map_err(|_| NotValid)
    }

    /// The `aud` of every token.
    #[must_use]
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// All that does not change with time.
    fn prove(&self, token: &str) -> Result<Proved, NotValid> {
        if token.len() > MAX_BYTES {
            return Err(NotValid);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(NotValid)?;
        let (header, claims) = message.split_once('.').ok_or(NotValid)?;
        let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| NotValid)?;
        let header: Header<'_> = parse_object(&header)?;
        let keys = self.keys();
        let key = keys.iter().find(|key| key.kid == header.kid).ok_or(NotValid)?;
        if header.alg != key.algorithm.name() || !is_access_token_type(header.typ) {
            return Err(NotValid);
        }
        if !crypto::verify(signature, message.as_bytes(), &key.verifies, jwa(key.algorithm)).unwrap_or(false)
        {
            return Err(NotValid);
        }
        let claims = URL_SAFE_NO_PAD.decode(claims).map_err(|_| NotValid)?;
        let claims: PresentedClaims = parse_object(&claims)?;
        if claims.iss != self.issuer || !claims.aud.contains(&self.audience) {
            return Err(NotValid);
        }
        let presented = VerifiedAccessToken {
            session: claims.sid,
            subject: claims.sub,
        };
        let expires_at = key.retires_at.map_or(claims.exp, |at| claims.exp.min(at.secs()));
        Ok(Proved {
            presented,
            issued_at: claims.iat,
            not_before: claims.nbf,
            expires_at,
        })
    }
}

/// Header and claims are objects (RFC 7515 section 5.2, RFC 7519 section 7.2); serde alone would
/// take an array for a struct, field by field.
fn parse_object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, NotValid> {
    if !json.trim_ascii_start().starts_with(b"{") {
        return Err(NotValid);
    }
    serde_json::from_slice(json).map_err(|_| NotValid)
}

/// `application/` may be left out (RFC 9068 section 2.1); media types are compared without regard
/// to case (RFC 7515 section 4.1.9).
fn is_access_token_type(typ: &str) -> bool {
    typ.eq_ignore_ascii_case("at+jwt") || typ.eq_ignore_ascii_case("application/at+jwt")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::super::root_secret::RootSecret;
    use super::super::signing_keys;
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn tokens() -> AccessTokens {
        let root = RootSecret::generate().unwrap();
        tokens_of(vec![key(&root, SigningAlgorithm::Hs256)])
    }

    fn key(root: &RootSecret, algorithm: SigningAlgorithm) -> SigningKey {
        signing_keys::open(
            &signing_keys::generate(root, algorithm, 1, NOW, NOW).unwrap(),
            root,
        )
        .unwrap()
    }

    fn tokens_of(keys: Vec<SigningKey>) -> AccessTokens {
        let algorithm = keys[0].algorithm;
        AccessTokens::new(
            keys,
            algorithm,
            "https://door.example".to_owned(),
            "doorward".to_owned(),
            Duration::from_mins(15),
        )
    }

    fn issued(tokens: &AccessTokens) -> String {
        tokens
            .issue(
                SessionId::from(Uuid::from_u128(7)),
                claimed(Subject::from(Uuid::from_u128(8)), &Permissions::default()),
                NOW,
            )
            .unwrap()
    }

    fn decoded(part: &str) -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    }

    /// A token signed by the right key over whatever header and claims the test wants.
    fn forged(tokens: &AccessTokens, header: &str, claims: &str) -> String {
        let message = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(claims)
        );
        let signature = crypto::sign(
            message.as_bytes(),
            &tokens.keys()[0].signs,
            jwa(tokens.keys()[0].algorithm),
        )
        .unwrap();
        format!("{message}.{signature}")
    }

    fn changed(json: &Value, name: &str, value: Value) -> String {
        let mut json = json.clone();
        match value {
            Value::Null => drop(json.as_object_mut().unwrap().remove(name)),
            value => json[name] = value,
        }
        json.to_string()
    }

    fn claimed(subject: Subject, permissions: &Permissions) -> TokenIdentity<'_> {
        TokenIdentity {
            subject,
            role: "user",
            permissions,
        }
    }

    #[test]
    fn a_token_has_the_header_and_claims_of_rfc_9068() {
        let tokens = tokens();
        let token = issued(&tokens);
        let parts: Vec<&str> = token.split('.').collect();
        assert_eq!(
            decoded(parts[0]),
            json!({"typ": "at+jwt", "alg": "HS256", "kid": tokens.keys()[0].kid})
        );
        let claims = decoded(parts[1]);
        let mut names: Vec<&str> = claims.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "aud",
                "client_id",
                "exp",
                "iat",
                "iss",
                "jti",
                "role",
                "sid",
                "sub"
            ]
        );
        assert_eq!(
            claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
            900
        );
        assert_eq!(
            tokens.verify(&token, NOW).unwrap().subject,
            Subject::from(Uuid::from_u128(8))
        );
    }

    #[test]
    fn it_lives_until_its_expiry_and_not_a_second_longer() {
        let tokens = tokens();
        let token = issued(&tokens);
        assert!(tokens.verify(&token, NOW.plus(Duration::from_secs(899))).is_ok());
        assert!(tokens.verify(&token, NOW.plus(Duration::from_mins(15))).is_err());
    }

    #[test]
    fn each_algorithm_signs_and_verifies_and_passes_for_no_other() {
        let root = RootSecret::generate().unwrap();
        let all: Vec<AccessTokens> = SigningAlgorithm::ALL
            .iter()
            .map(|algorithm| tokens_of(vec![key(&root, *algorithm)]))
            .collect();
        for (number, ours) in all.iter().enumerate() {
            let token = issued(ours);
            assert_eq!(
                decoded(token.split('.').next().unwrap())["alg"],
                ours.algorithm().name()
            );
            for (other, theirs) in all.iter().enumerate() {
                assert_eq!(theirs.verify(&token, NOW).is_ok(), number == other);
            }
            assert_eq!(
                ours.jwks(NOW).keys.len(),
                usize::from(ours.algorithm() != SigningAlgorithm::Hs256)
            );
        }
    }

    #[test]
    fn a_public_key_is_no_hmac_secret() {
        let root = RootSecret::generate().unwrap();
        for algorithm in [
            SigningAlgorithm::EdDsa,
            SigningAlgorithm::Es256,
            SigningAlgorithm::Rs256,
        ] {
            let tokens = tokens_of(vec![key(&root, algorithm)]);
            let public = serde_json::to_string(&tokens.jwks(NOW).keys[0]).unwrap();
            let claims = decoded(issued(&tokens).split('.').nth(1).unwrap()).to_string();
            for secret in [
                public.as_bytes(),
                tokens.keys()[0].verifies.try_get_as_bytes().unwrap_or_default(),
            ] {
                let header =
                    json!({"typ": "at+jwt", "alg": "HS256", "kid": tokens.keys()[0].kid}).to_string();
                let message = format!(
                    "{}.{}",
                    URL_SAFE_NO_PAD.encode(header),
                    URL_SAFE_NO_PAD.encode(&claims)
                );
                let signature = crypto::sign(
                    message.as_bytes(),
                    &jsonwebtoken::EncodingKey::from_secret(secret),
                    jsonwebtoken::Algorithm::HS256,
                )
                .unwrap();
                assert!(tokens.verify(&format!("{message}.{signature}"), NOW).is_err());
            }
        }
    }

    #[test]
    fn a_new_key_waits_for_its_time_and_an_old_one_goes_with_its() {
        let root = RootSecret::generate().unwrap();
        let later = NOW.plus(Duration::from_mins(10));
        let end = NOW.plus(Duration::from_mins(26));
        let mut old = signing_keys::generate(&root, SigningAlgorithm::EdDsa, 1, NOW, NOW).unwrap();
        old.retires_at = Some(end);
        let new = signing_keys::generate(&root, SigningAlgorithm::EdDsa, 2, NOW, later).unwrap();
        let tokens = tokens_of(
            [&new, &old]
                .map(|sealed| signing_keys::open(sealed, &root).unwrap())
                .into(),
        );
        let issue = |at| {
            tokens
                .issue(
                    SessionId::from(Uuid::nil()),
                    claimed(Subject::from(Uuid::nil()), &Permissions::default()),
                    at,
                )
                .unwrap()
        };
        let kid = |token: &str| {
            decoded(token.split('.').next().unwrap())["kid"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        assert_eq!(
            (kid(&issue(NOW)), kid(&issue(later))),
            (old.kid.clone(), new.kid.clone())
        );
        assert_eq!(tokens.jwks(NOW).keys.len(), 2, "published before its first use");
        assert!(tokens.verify(&issue(later), later).is_ok());
        assert_eq!(
            kid(&issue(Timestamp::from_secs(7))),
            old.kid,
            "a clock set back stops nobody"
        );
        let by_old = issue(NOW);
        assert!(tokens.verify(&by_old, NOW.plus(Duration::from_mins(14))).is_ok());
        assert_eq!(tokens.jwks(end).keys.len(), 1);
        tokens.replace_keys(vec![signing_keys::open(&new, &root).unwrap()]);
        assert!(
            tokens.verify(&by_old, NOW).is_err(),
            "what was proved by a key that has gone is forgotten"
        );
    }

    #[test]
    fn what_was_proved_is_remembered_of_the_whole_token_and_in_bounded_number() {
        let tokens = tokens();
        let token = issued(&tokens);
        assert!(tokens.proved.find(&token).is_none());
        tokens.verify(&token, NOW).unwrap();
        assert!(tokens.proved.find(&token).is_some());
        // The same hash with another token behind it: what a collision would look like.
        let hash = tokens.proved.hash(&token);
        let proved = tokens.proved.find(&token).unwrap();
        tokens
            .proved
            .shard(hash)
            .insert(hash, ("another token".into(), proved));
        assert!(tokens.proved.find(&token).is_none());
        for _ in 0..10_000 {
            tokens.verify(&issued(&tokens), NOW).unwrap();
        }
        assert!(
            tokens
                .proved
                .shards
                .iter()
                .all(|shard| shard.lock().unwrap().len() <= PROVED_PER_SHARD)
        );
    }

    #[test]
    fn every_claim_is_required_and_checked() {
        let tokens = tokens();
        let token = issued(&tokens);
        let header = decoded(token.split('.').next().unwrap()).to_string();
        let claims = decoded(token.split('.').nth(1).unwrap());
        assert!(
            tokens
                .verify(&forged(&tokens, &header, &claims.to_string()), NOW)
                .is_ok()
        );
        assert!(
            tokens
                .verify(
                    &forged(
                        &tokens,
                        &header,
                        &changed(&claims, "aud", json!(["other", "doorward"]))
                    ),
                    NOW
                )
                .is_ok()
        );
        let now = NOW.secs();
        for (name, value) in [
            ("iss", Value::Null),
            ("iss", json!("https://evil.example")),
            ("iss", json!("https://door.example/")),
            ("aud", Value::Null),
            ("aud", json!("other")),
            ("aud", json!([])),
            ("aud", json!(["other"])),
            ("aud", json!(1)),
            ("exp", Value::Null),
            ("exp", json!(now)),
            ("exp", json!("9999999999")),
            ("exp", json!(1.9e9)),
            ("exp", json!(-1)),
            ("exp", json!(1e300)),
            ("iat", Value::Null),
            ("iat", json!(now + 61)),
            ("iat", json!("1")),
            ("nbf", json!(now + 6)),
            ("nbf", json!("0")),
            ("nbf", json!(0.5)),
            ("sub", Value::Null),
            ("sub", json!("alice@example.com")),
            ("sub", json!(8)),
            ("sid", Value::Null),
            ("sid", json!("7")),
            ("sid", json!(["7"])),
        ] {
            assert!(
                tokens
                    .verify(
                        &forged(&tokens, &header, &changed(&claims, name, value.clone())),
                        NOW
                    )
                    .is_err(),
                "{name} {value}"
            );
        }
        let doubled = claims
            .to_string()
            .replacen('{', &format!("{{\"exp\":{},", now + 99), 1);
        assert!(
            tokens.verify(&forged(&tokens, &header, &doubled), NOW).is_err(),
            "a claim twice"
        );
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
        for odd in ["", "[]", "null", "7", "{", "\"x\"", &array] {
            assert!(
                tokens.verify(&forged(&tokens, &header, odd), NOW).is_err(),
                "{odd}"
            );
        }
    }

    #[test]
    fn a_header_with_anything_else_in_it_is_refused() {
        let tokens = tokens();
        let token = issued(&tokens);
        let header = decoded(token.split('.').next().unwrap());
        let claims = decoded(token.split('.').nth(1).unwrap()).to_string();
        assert!(
            tokens
                .verify(
                    &forged(
                        &tokens,
                        &changed(&header, "typ", json!("application/AT+JWT")),
                        &claims
                    ),
                    NOW
                )
                .is_ok()
        );
        for (name, value) in [
            ("alg", json!("none")),
            ("alg", json!("hs256")),
            ("alg", json!("HS512")),
            ("alg", json!("RS256")),
            ("alg", Value::Null),
            ("typ", json!("JWT")),
            ("typ", Value::Null),
            ("kid", Value::Null),
            ("kid", json!("unknown")),
            ("kid", json!("../../dev/null")),
            ("crit", json!(["exp"])),
            ("crit", json!([])),
            ("jku", json!("https://evil.example")),
            ("jwk", json!({"kty": "oct", "k": "AA"})),
            ("x5u", json!("https://evil.example")),
            ("x5c", json!(["AA"])),
            ("zip", json!("DEF")),
            ("enc", json!("A256GCM")),
            ("b64", json!(false)),
            ("cty", json!("JWT")),
        ] {
            assert!(
                tokens
                    .verify(
                        &forged(&tokens, &changed(&header, name, value.clone()), &claims),
                        NOW
                    )
                    .is_err(),
                "{name} {value}"
            );
        }
        let array = json!([header["typ"], header["alg"], header["kid"]]).to_string();
        assert!(
            tokens.verify(&forged(&tokens, &array, &claims), NOW).is_err(),
            "an array"
        );
    }

    #[test]
    fn a_token_of_another_key_or_form_is_refused() {
        let (ours, theirs) = (tokens(), tokens());
        assert!(ours.verify(&issued(&theirs), NOW).is_err());
        let token = issued(&ours);
        for bent in [
            String::new(),
            "..".to_owned(),
            "a.b.c".to_owned(),
            format!("{token}="),
            format!("{token}."),
            format!(".{token}"),
            format!(" {token}"),
            format!("{token} "),
            token.replace('.', ".."),
            token.rsplit_once('.').unwrap().0.to_owned() + ".",
            "x".repeat(9000),
            token.replacen('.', "=.", 1),
        ] {
            assert!(ours.verify(&bent, NOW).is_err(), "{bent}");
        }
    }

    #[test]
    fn no_single_changed_character_goes_unseen() {
        let tokens = tokens();
        let token = issued(&tokens);
        for at in 0..token.len() {
            for other in *b"Aa0_-.=" {
                let mut bent = token.clone().into_bytes();
                if bent[at] != other {
                    bent[at] = other;
                    assert!(
                        tokens.verify(&String::from_utf8(bent).unwrap(), NOW).is_err(),
                        "{at} {}",
                        char::from(other)
                    );
                }
            }
        }
    }
}
