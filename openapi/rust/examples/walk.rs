//! What a person's app does with this package, for the tests: `walk PART URL`. Asks whoever runs it
//! to act by a line, and waits for one.

use std::error::Error;
use std::io::Read as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use doorward_client::verify::{IntrospectionVerifier, JwksOptions, JwksVerifier, VerifyError};
use doorward_client::{Doorward, Kind, LogoutScope, Tokens};

const PASSWORD: &str = "an owl keeps the door";

type Done = Result<(), Box<dyn Error>>;

fn ask(words: &str) -> Result<String, Box<dyn Error>> {
    println!("{words}");
    let mut reply = String::new();
    std::io::stdin().read_line(&mut reply)?;
    Ok(reply.trim().to_owned())
}

fn refused<T>(answer: Result<T, doorward_client::Error>, kind: Kind) -> doorward_client::Refusal {
    let error = answer.err().unwrap_or_else(|| panic!("not refused: {kind:?}"));
    assert_eq!(error.kind(), Some(kind), "{error}");
    error.refusal().expect("it has a kind").clone()
}

async fn session(url: &str) -> Done {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keeper = Arc::clone(&kept);
    let client = Doorward::with(url, reqwest::Client::new(), Tokens::default(), move |tokens| keeper.lock().expect("no panic").push(tokens.clone()));
    let me = client.register("alice@example.com", PASSWORD).await?;
    assert_eq!((me.email.as_str(), me.role.as_str(), me.is_active), ("alice@example.com", "user", true));
    let wrong = refused(client.login("alice@example.com", "not the password").await, Kind::BadCredentials);
    assert_eq!((wrong.status, wrong.code.as_str(), wrong.detail.as_str()), (401, "bad_credentials", "Incorrect email or password"));
    assert!(wrong.request_id.is_some());
    assert_eq!(refused(client.register("alice@example.com", PASSWORD).await, Kind::EmailTaken).status, 400);
    assert_eq!(refused(client.register("bob@example.com", "short").await, Kind::InvalidInput).fields[0].loc, ["body", "password"]);
    refused(client.me().await, Kind::NotAuthenticated);
    assert!(client.login("alice@example.com", PASSWORD).await?.expires_in > 0);
    assert!(client.tokens().device.is_some());
    assert_eq!(client.me().await?.email, "alice@example.com");
    let before = client.tokens();
    client.refresh().await?;
    assert!(client.tokens().refresh_token != before.refresh_token && client.tokens().device == before.device);
    let sessions = client.sessions().await?;
    assert!(sessions.len() == 1 && sessions[0].current && sessions[0].ip == "127.0.0.1");
    let second = Doorward::with(url, reqwest::Client::new(), client.tokens(), |_| {});
    assert_eq!(second.me().await?.id, me.id);
    client.logout(LogoutScope::This).await?;
    assert!(client.tokens().access_token.is_none() && kept.lock().expect("no panic").last() == Some(&client.tokens()));
    refused(second.me().await, Kind::SessionEnded);
    assert!(second.tokens().access_token.is_none());
    client.login("alice@example.com", PASSWORD).await?;
    assert_eq!(client.tokens().device, before.device, "it showed its ticket and got no other");
    assert!(!format!("{:?}", client.tokens()).contains("eyJ"));
    let before = client.tokens();
    client.change_password(PASSWORD, "two owls keep two doors").await?;
    assert!(client.tokens().refresh_token != before.refresh_token);
    assert_eq!(client.me().await?.id, me.id);
    refused(Doorward::with(url, reqwest::Client::new(), before, |_| {}).me().await, Kind::SessionEnded);
    client.refresh().await?;
    client.delete_me("two owls keep two doors").await?;
    refused(client.login("alice@example.com", PASSWORD).await, Kind::BadCredentials);
    Ok(())
}

async fn expiry(url: &str) -> Done {
    let client = Doorward::new(url);
    client.register("carol@example.com", PASSWORD).await?;
    let seconds = client.login("carol@example.com", PASSWORD).await?.expires_in;
    tokio::time::sleep(Duration::from_secs(u64::try_from(seconds)? + 1)).await;
    let calls: Vec<_> = (0..20).map(|_| client.clone()).map(|client| tokio::spawn(async move { client.me().await })).collect();
    for call in calls {
        assert_eq!(call.await??.email, "carol@example.com");
    }
    Ok(())
}

fn head(token: &str) -> &str {
    token.split('.').next().unwrap_or_default()
}

/// The token with another header, which the test made.
fn forged(token: &str, head: &str) -> String {
    token.split_once('.').map_or_else(String::new, |(_, rest)| format!("{head}.{rest}"))
}

async fn verify(url: &str) -> Done {
    let (client, boss) = (Doorward::new(url), Doorward::new(url));
    client.register("erin@example.com", PASSWORD).await?;
    boss.register("boss@example.com", PASSWORD).await?;
    ask("admin boss@example.com")?;
    client.login("erin@example.com", PASSWORD).await?;
    boss.login("boss@example.com", PASSWORD).await?;
    let offline = JwksVerifier::new(JwksOptions { cooldown: Duration::from_secs(1), ..JwksOptions::new(url) });
    let asking = IntrospectionVerifier::new(boss.clone());
    let first = client.tokens().access_token.ok_or("logged in")?;
    let claims = offline.verify(&first).await?;
    assert_eq!(claims, asking.verify(&first).await?);
    assert_eq!(claims.role, "user");
    let refresh_token = client.tokens().refresh_token.ok_or("logged in")?;
    for bad in [format!("{}AAAAAAAAAA", &first[..first.len() - 10]), refresh_token, "x".to_owned(), String::new()] {
        assert!(matches!(offline.verify(&bad).await, Err(VerifyError::InvalidToken)), "{bad}");
        assert!(matches!(asking.verify(&bad).await, Err(VerifyError::InvalidToken)), "{bad}");
    }
    let secret = ask("client orders")?;
    let service = IntrospectionVerifier::with_credentials(Doorward::new(url), "orders", &secret);
    assert_eq!(claims, service.verify(&first).await?);
    let wrong = IntrospectionVerifier::with_credentials(Doorward::new(url), "orders", "dwx_x");
    assert!(matches!(wrong.verify(&first).await, Err(VerifyError::Unavailable(_))));
    let another = JwksVerifier::new(JwksOptions { audience: "another".to_owned(), ..JwksOptions::new(url) });
    assert!(matches!(another.verify(&first).await, Err(VerifyError::InvalidToken)));
    let not_permitted = IntrospectionVerifier::new(client.clone());
    assert!(matches!(not_permitted.verify(&first).await, Err(VerifyError::Unavailable(_))));
    let nobody = JwksVerifier::new(JwksOptions::new("http://127.0.0.1:9"));
    assert!(matches!(nobody.verify(&first).await, Err(VerifyError::Unavailable(_))));
    let roles = boss.call(|api| async move { api.list_roles().await }).await?;
    assert!(["user", "admin"].iter().all(|name| roles.iter().any(|role| role.name == *name)));
    ask("rotate")?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let next = loop {
        client.refresh().await?;
        let token = client.tokens().access_token.ok_or("logged in")?;
        if head(&token) != head(&first) {
            break token;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(offline.verify(&next).await?, asking.verify(&next).await?);
    let careful = JwksVerifier::new(JwksOptions { cooldown: Duration::from_secs(60), ..JwksOptions::new(url) });
    careful.verify(&next).await?;
    // {"typ":"at+jwt","alg":"EdDSA","kid":"unknown"}
    let unknown = forged(&next, "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFZERTQSIsImtpZCI6InVua25vd24ifQ");
    for _ in 0..20 {
        assert!(matches!(careful.verify(&unknown).await, Err(VerifyError::InvalidToken)));
    }
    client.logout(LogoutScope::This).await?;
    assert!(matches!(asking.verify(&next).await, Err(VerifyError::InvalidToken)));
    offline.verify(&next).await?;
    Ok(())
}

/// Tokens of an issuer that the test plays: only the good one is believed.
async fn offline(url: &str) -> Done {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let tokens: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text)?;
    let verifier = JwksVerifier::new(JwksOptions { leeway: Duration::ZERO, ..JwksOptions::new(url) });
    for (name, token) in &tokens {
        let answer = verifier.verify(token.as_str().ok_or("a token")?).await;
        match name.as_str() {
            "good" => assert_eq!(answer?.subject, "someone"),
            _ => assert!(matches!(answer, Err(VerifyError::InvalidToken)), "{name}: {answer:?}"),
        }
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Done {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["session", url] => session(url).await,
        ["expiry", url] => expiry(url).await,
        ["verify", url] => verify(url).await,
        ["offline", url] => offline(url).await,
        _ => Err("walk PART URL".into()),
    }
}
