//! Three nodes restarted one after the other while the signing key is rotated: whoever asks the
//! next node when one is gone notices nothing.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use doorward::service::keys::KNOWN_EVERYWHERE;
use serde_json::{Value, json};

use super::settings;
use crate::support::app::fresh_database;
use crate::support::process::{Server, free_port, output};
use crate::support::{Engine, PASSWORD};

/// A client that asks the next node if one refuses the connection, loses it or says that it cannot
/// (503).
struct Client {
    http: reqwest::Client,
    nodes: Vec<String>,
    at: usize,
}

impl Client {
    async fn ask(
        &mut self,
        make: impl Fn(&reqwest::Client, &str) -> reqwest::RequestBuilder,
    ) -> (u16, Value) {
        for _ in 0..50 {
            let answer = make(&self.http, &self.nodes[self.at % self.nodes.len()])
                .send()
                .await;
            match answer {
                Ok(answer) if answer.status() != 503 => {
                    let status = answer.status().as_u16();
                    if let Ok(body) = answer.json().await {
                        return (status, body);
                    }
                }
                _ => {}
            }
            self.at += 1;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("no node answers");
    }

    /// Refreshes and looks, again and again; gives how often, and which keys signed.
    async fn live(mut self, number: usize, stop: &AtomicBool) -> (usize, HashSet<String>) {
        let email = format!("client{number}@example.com");
        let (status, body) = self
            .ask(|http, node| {
                http.post(format!("{node}/login"))
                    .form(&[("username", email.as_str()), ("password", PASSWORD)])
            })
            .await;
        assert_eq!(status, 200, "{body}");
        let text = |body: &Value, name: &str| body[name].as_str().unwrap().to_owned();
        let (mut access, mut refresh) = (text(&body, "access_token"), text(&body, "refresh_token"));
        let (mut times, mut signers) = (0, HashSet::new());
        while !stop.load(Ordering::SeqCst) {
            for _ in 0..5 {
                self.at += 1;
                let (status, body) = self
                    .ask(|http, node| http.get(format!("{node}/me")).bearer_auth(&access))
                    .await;
                assert_eq!(status, 200, "after {times}: {body}");
            }
            let (status, body) = self
                .ask(|http, node| {
                    http.post(format!("{node}/refresh"))
                        .form(&[("refresh_token", refresh.as_str())])
                })
                .await;
            assert_eq!(status, 200, "after {times}: {body}");
            (access, refresh) = (text(&body, "access_token"), text(&body, "refresh_token"));
            signers.insert(access.split('.').next().unwrap().to_owned());
            times += 6;
        }
        (times, signers)
    }
}

#[tokio::test]
async fn three_nodes_restart_one_by_one_while_keys_rotate_and_nobody_notices() {
    let (url, folder) = fresh_database(Engine::Postgres).await;
    let settings = [settings(&url).as_slice(), &[("DOORWARD_JWT_ALGORITHM", "EdDSA")]].concat();
    let ports: Vec<String> = (0..3).map(|_| format!("127.0.0.1:{}", free_port())).collect();
    let mut nodes: Vec<Server> = ports
        .iter()
        .map(|port| Server::start_on(folder.path(), &settings, port))
        .collect();
    let http = reqwest::Client::builder()
        .timeout(Duration::from_secs(20))
        .build()
        .unwrap();
    for number in 0..4 {
        let body = json!({"email": format!("client{number}@example.com"), "password": PASSWORD});
        assert_eq!(
            http.post(nodes[0].url("/register"))
                .json(&body)
                .send()
                .await
                .unwrap()
                .status(),
            201
        );
    }
    let urls: Vec<String> = nodes.iter().map(|node| node.url("")).collect();
    let stop = AtomicBool::new(false);
    let clients = (0..4).map(|number| {
        Client {
            http: http.clone(),
            nodes: urls.clone(),
            at: number,
        }
        .live(number, &stop)
    });
    let restarting = async {
        for (number, port) in ports.iter().enumerate() {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let (path, settings, port) = (
                folder.path().to_owned(),
                settings
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                    .collect::<Vec<_>>(),
                port.clone(),
            );
            let mut old = nodes.remove(0);
            let begun = tokio::task::spawn_blocking(move || {
                let settings: Vec<(&str, &str)> = settings
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str()))
                    .collect();
                // A planned rotation would sign in ten minutes; these do in five seconds.
                let now: &[&str] = if number == 1 {
                    &["keys", "rotate"]
                } else {
                    &["keys", "rotate", "--now"]
                };
                output(&path, &settings, now).expect(0);
                old.signal("TERM");
                old.expect_end(0);
                Server::start_on(&path, &settings, &port)
            });
            nodes.push(begun.await.unwrap());
        }
        tokio::time::sleep(KNOWN_EVERYWHERE + Duration::from_secs(1)).await;
        stop.store(true, Ordering::SeqCst);
    };
    let (lives, ()) = tokio::join!(futures_util::future::join_all(clients), restarting);
    for (times, signers) in lives {
        assert!(
            times > 30 && signers.len() > 1,
            "{times} times, with tokens of {} keys",
            signers.len()
        );
    }
}
