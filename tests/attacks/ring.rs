//! The service under attack: one whose ring holds a key of each algorithm, and what the attacker
//! may know of it or even have stolen.

use doorward::crypto::root_secret::RootSecret;
use doorward::crypto::root_secrets::RootSecrets;
use doorward::crypto::signing_keys::SigningKey;
use doorward::model::clock::Timestamp;
use doorward::model::signing_key::SigningAlgorithm;
use doorward::store::url::DatabaseUrl;
use doorward::store::{IfAbsent, Store};

use crate::support::{Engine, SECRET, TestApp};

pub const NOW: i64 = 1_800_000_000;
pub const ORIGIN: &str = "https://app.example.com";
const SETTINGS: &[(&str, &str)] = &[("DOORWARD_CORS_ORIGINS", ORIGIN)];

pub struct Ring {
    pub app: TestApp,
    /// A live token of a plain account under each algorithm of the ring.
    pub tokens: Vec<(SigningAlgorithm, String)>,
    /// What only the service has; with it, claims that the service would never issue can be signed.
    pub keys: Vec<SigningKey>,
    pub refresh_token: String,
    pub admin: String,
}

impl Ring {
    pub async fn start() -> Self {
        let app = TestApp::start_with(Engine::Sqlite, SETTINGS).await;
        let admin = app.admin().await.token;
        let alice = app.registered("alice").await;
        let refresh_token = alice.refresh_token.clone();
        let mut tokens = vec![(SigningAlgorithm::Hs256, alice.token.clone())];
        for algorithm in [
            SigningAlgorithm::EdDsa,
            SigningAlgorithm::Es256,
            SigningAlgorithm::Rs256,
        ] {
            let sibling = app
                .sibling(
                    &[("DOORWARD_JWT_ALGORITHM", algorithm.name())],
                    Some(doorward::crypto::password_hash::Cost::cheapest()),
                )
                .await;
            let token = sibling.logged_in("alice@example.com").await.token;
            app.until(&token, 200).await;
            tokens.push((algorithm, token));
        }
        let store = Store::open(&DatabaseUrl::parse(&app.database).unwrap(), IfAbsent::Create)
            .await
            .unwrap();
        let root = RootSecrets {
            current: RootSecret::parse(SECRET).unwrap(),
            previous: None,
        };
        let keys = doorward::app::start::usable_keys(&store, &root, Timestamp::from_secs(NOW))
            .await
            .unwrap()
            .keys;
        store.close().await;
        assert_eq!(keys.len(), 4);
        Self {
            app,
            tokens,
            keys,
            refresh_token,
            admin,
        }
    }

    pub fn token(&self) -> &str {
        &self.tokens[0].1
    }

    pub fn key(&self, algorithm: SigningAlgorithm) -> &SigningKey {
        self.keys.iter().find(|key| key.algorithm == algorithm).unwrap()
    }

    /// Nothing that the attacks sent has become anyone's right, address or origin.
    pub async fn assert_untouched(&self) {
        let everyone = self
            .app
            .request("GET", "/users?limit=200")
            .bearer(&self.admin)
            .send()
            .await
            .expect(200)
            .json();
        for user in everyone["users"].as_array().unwrap() {
            assert_eq!(
                user["role"] == "admin",
                user["email"] == "boss@example.com",
                "{user}"
            );
            assert_eq!(user["is_active"], true, "{user}");
        }
        let sessions = self
            .app
            .request("GET", "/me/sessions")
            .bearer(self.token())
            .send()
            .await
            .expect(200)
            .json();
        assert!(
            sessions.as_array().unwrap().len() > self.tokens.len(),
            "the logins with spoofed addresses are among them"
        );
        assert!(
            sessions
                .as_array()
                .unwrap()
                .iter()
                .all(|session| session["ip"] == "127.0.0.1"),
            "{sessions}"
        );
        let events = self
            .app
            .request("GET", "/audit?limit=200")
            .bearer(&self.admin)
            .send()
            .await
            .expect(200)
            .json();
        assert!(
            events["events"]
                .as_array()
                .unwrap()
                .iter()
                .all(|event| ["127.0.0.1", ""].contains(&event["ip"].as_str().unwrap()))
        );
    }
}
