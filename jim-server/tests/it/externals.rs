//! The host's own users log in by tokens that it signs.

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jim_core::time::{Clock as _, SystemClock};
use reqwest::Method;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::{Answer, Client, Server, Socket};

/// The secret that the page of own users has in its example.
pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";
/// A key made for this test, which opens nothing else.
const RSA_KEY: &str = include_str!("../keys/rsa.pem");
const RSA_PUBLIC: &str = include_str!("../keys/rsa.pub.pem");

fn now() -> i64 {
    SystemClock.now().0 / 1000
}

pub(crate) fn claims(sub: &str) -> Value {
    json!({ "sub": sub, "aud": "jim", "exp": now() + 300 })
}

/// A token of these parts, signed by whatever signs.
fn token(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(sign(message.as_bytes()));
    format!("{message}.{signature}")
}

fn hmac(secret: &[u8], message: &[u8]) -> Vec<u8> {
    ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret), message).as_ref().to_vec()
}

pub(crate) fn hs256(claims: &Value) -> String {
    token(&json!({ "alg": "HS256", "typ": "JWT" }), claims, |message| hmac(SECRET.as_bytes(), message))
}

fn rsa_sign(message: &[u8]) -> Vec<u8> {
    let body: String = RSA_KEY.lines().filter(|line| !line.starts_with('-')).collect();
    let key = RsaKeyPair::from_pkcs8(&STANDARD.decode(body).unwrap()).unwrap();
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
    signature
}

fn rs256(claims: &Value) -> String {
    token(&json!({ "alg": "RS256" }), claims, rsa_sign)
}

pub(crate) async fn come(client: &Client, token: &str) -> Answer {
    client.post("/auth/external", &json!({ "token": token })).await
}

async fn server() -> Server {
    Server::with(&[("auth.external_secret", SECRET), ("auth.registration", "closed")]).await
}

#[tokio::test]
async fn who_comes_from_the_host_gets_one_account_for_ever() {
    let server = server().await;
    let stranger = server.stranger();
    let named = json!({ "sub": "x-1", "aud": ["other", "jim"], "exp": now() + 300, "name": "Ann", "nbf": now() - 5 });
    let first = come(&stranger, &hs256(&named)).await.is(200);
    assert_eq!(first["user"]["nickname"], "Ann");
    let ann = stranger.bearer(first["session"]["access_token"].as_str().unwrap());
    assert_eq!(ann.get("/me").await.is(200), first["user"]);
    // Later tokens are for the same account, which keeps what its owner made of it.
    ann.patch("/me", &json!({ "nickname": "Annie" })).await.is(200);
    let again = come(&stranger, &hs256(&named)).await.is(200);
    assert_eq!((&again["user"]["id"], &again["user"]["nickname"]), (&first["user"]["id"], &json!("Annie")));
    assert_ne!(again["session"]["id"], first["session"]["id"]);
    let other = come(&stranger, &hs256(&claims("X-1"))).await.is(200);
    assert_ne!(other["user"]["id"], first["user"]["id"], "ids of the host are compared by their bytes");
    // A name that cannot be a nickname keeps nobody out.
    for name in ["", "\u{202e}", &"x".repeat(100)] {
        let mut odd = claims(&format!("odd-{}", name.len()));
        odd["name"] = json!(name);
        come(&stranger, &hs256(&odd)).await.is(200);
    }
    let refresh = json!({ "refresh_token": first["session"]["refresh_token"] });
    stranger.post("/auth/refresh", &refresh).await.is(200);
    assert!(stranger.get("/meta").await.is(200)["features"].as_array().unwrap().contains(&json!("external_users")));
}

#[tokio::test]
async fn of_twenty_first_visits_at_once_one_account_comes_out() {
    let server = server().await;
    let mut calls = JoinSet::new();
    for _ in 0..20 {
        let (client, token) = (server.stranger(), hs256(&claims("x-1")));
        calls.spawn(async move { come(&client, &token).await.is(200)["user"]["id"].clone() });
    }
    let ids = calls.join_all().await;
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(server.rows().await["jim_users"], 1, "none is left over");
}

#[tokio::test]
async fn a_token_that_is_not_wholly_right_is_refused() {
    let server = server().await;
    let stranger = server.stranger();
    let with = |field: &str, value: Value| {
        let mut claims = claims("x-1");
        claims[field] = value;
        hs256(&claims)
    };
    let without = |field: &str| {
        let mut claims = claims("x-1");
        claims.as_object_mut().unwrap().remove(field);
        hs256(&claims)
    };
    let none = json!({ "alg": "none" });
    let good = hs256(&claims("x-1"));
    let mut wrong = vec![
        token(&json!({ "alg": "HS256" }), &claims("x-1"), |message| hmac(&[b'k'; 32], message)),
        token(&none, &claims("x-1"), |_| Vec::new()),
        token(&none, &claims("x-1"), |message| hmac(SECRET.as_bytes(), message)),
        token(&json!({ "alg": "HS512" }), &claims("x-1"), |message| hmac(SECRET.as_bytes(), message)),
        token(&json!({ "alg": "HS256", "crit": ["exp"] }), &claims("x-1"), |message| hmac(SECRET.as_bytes(), message)),
        token(&json!({ "alg": "HS256" }), &json!("x-1"), |message| hmac(SECRET.as_bytes(), message)),
        rs256(&claims("x-1")),
        with("aud", json!("tim")),
        with("aud", json!(["tim", "JIM"])),
        with("aud", json!([])),
        with("exp", json!(now() - 1)),
        with("exp", json!(now())),
        with("exp", json!("tomorrow")),
        with("exp", json!(-1)),
        with("nbf", json!(now() + 600)),
        with("sub", json!("")),
        with("sub", json!(7)),
        with("sub", json!("x\n1")),
        with("sub", json!("x".repeat(256))),
        without("aud"),
        without("exp"),
        without("sub"),
        good.rsplit_once('.').unwrap().0.to_owned(),
        format!("{good}."),
        format!("{good}A"),
        String::new(),
        "..".into(),
        "x".repeat(50_000),
    ];
    for at in 0..good.len() {
        let mut bytes = good.as_bytes().to_vec();
        bytes[at] ^= 1;
        wrong.push(String::from_utf8(bytes).unwrap());
    }
    for token in wrong {
        come(&stranger, &token).await.refused(401, "auth.invalid_token");
    }
    assert_eq!(server.rows().await["jim_users"], 0, "nobody was made");
    // A token of the host opens nothing but this door, and tokens of ours do not open it.
    stranger.bearer(&good).get("/me").await.refused(401, "auth.required");
    assert!(Socket::with_token(server.base(), &good).await.is_err());
    let session = come(&stranger, &good).await.is(200)["session"].clone();
    for kind in ["access_token", "refresh_token"] {
        come(&stranger, session[kind].as_str().unwrap()).await.refused(401, "auth.invalid_token");
    }
    let printed = server.printed().join("\n");
    let seal = good.rsplit('.').next().unwrap();
    assert!(!printed.contains(SECRET) && !printed.contains(seal), "no log holds them");
}

/// A server that has public keys of the host in a file.
async fn with_keys(folder: &Path, text: &str) -> Server {
    let file = folder.join("keys");
    std::fs::write(&file, text).unwrap();
    Server::with(&[("auth.external_key", file.to_str().unwrap())]).await
}

#[tokio::test]
async fn a_public_key_in_pem_takes_its_own_signatures_and_is_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let server = with_keys(folder.path(), RSA_PUBLIC).await;
    let stranger = server.stranger();
    come(&stranger, &rs256(&claims("x-1"))).await.is(200);
    let header = json!({ "alg": "HS256" });
    let body: String = RSA_PUBLIC.lines().filter(|line| !line.starts_with('-')).collect();
    let der = STANDARD.decode(body).unwrap();
    for secret in [RSA_PUBLIC.as_bytes(), RSA_PUBLIC.trim().as_bytes(), &der, &der[24..]] {
        let forged = token(&header, &claims("x-1"), |message| hmac(secret, message));
        come(&stranger, &forged).await.refused(401, "auth.invalid_token");
    }
    come(&stranger, &hs256(&claims("x-1"))).await.refused(401, "auth.invalid_token");
    let good = rs256(&claims("x-1"));
    let (message, signature) = good.rsplit_once('.').unwrap();
    for alg in ["RS512", "PS256", "EdDSA", "ES256"] {
        let other = token(&json!({ "alg": alg }), &claims("x-1"), rsa_sign);
        come(&stranger, &other).await.refused(401, "auth.invalid_token");
    }
    let flipped = signature.replacen(&signature[..1], if signature.starts_with('A') { "B" } else { "A" }, 1);
    come(&stranger, &format!("{message}.{flipped}")).await.refused(401, "auth.invalid_token");
}

#[tokio::test]
async fn a_set_of_keys_takes_the_key_that_a_token_names() {
    let random = SystemRandom::new();
    let pair = || Ed25519KeyPair::from_pkcs8(Ed25519KeyPair::generate_pkcs8(&random).unwrap().as_ref()).unwrap();
    let (old, new, foreign) = (pair(), pair(), pair());
    let jwk = |id: &str, pair: &Ed25519KeyPair| json!({ "kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": id, "x": URL_SAFE_NO_PAD.encode(pair.public_key()) });
    let oct = json!({ "kty": "oct", "kid": "oct", "alg": "HS256", "k": URL_SAFE_NO_PAD.encode(SECRET) });
    let ec = json!({ "kty": "EC", "crv": "P-256", "x": URL_SAFE_NO_PAD.encode([1; 32]), "y": URL_SAFE_NO_PAD.encode([2; 32]) });
    let mut sealing = jwk("enc", &foreign);
    sealing["use"] = json!("enc");
    let folder = tempfile::tempdir().unwrap();
    let set = json!({ "keys": [jwk("old", &old), oct, ec, sealing, jwk("new", &new)] });
    let server = with_keys(folder.path(), &set.to_string()).await;
    let stranger = server.stranger();
    let signed = |header: Value, pair: &Ed25519KeyPair| {
        token(&header, &claims("x-1"), |message| pair.sign(message).as_ref().to_vec())
    };
    for (id, pair) in [("old", &old), ("new", &new)] {
        come(&stranger, &signed(json!({ "alg": "EdDSA", "kid": id }), pair)).await.is(200);
        come(&stranger, &signed(json!({ "alg": "EdDSA" }), pair)).await.is(200);
    }
    for (id, pair) in [("old", &new), ("other", &new), ("enc", &foreign)] {
        let refused = come(&stranger, &signed(json!({ "alg": "EdDSA", "kid": id }), pair)).await;
        refused.refused(401, "auth.invalid_token");
    }
    come(&stranger, &signed(json!({ "alg": "EdDSA" }), &foreign)).await.refused(401, "auth.invalid_token");
    come(&stranger, &hs256(&claims("x-1"))).await.refused(401, "auth.invalid_token");
}

#[tokio::test]
async fn a_server_without_keys_of_a_host_knows_no_such_door() {
    let server = Server::start().await;
    come(&server.stranger(), &hs256(&claims("x-1"))).await.refused(404, "resource.not_found");
    let features = server.stranger().get("/meta").await.is(200)["features"].clone();
    assert!(!features.as_array().unwrap().contains(&json!("external_users")));
}

#[tokio::test]
async fn the_lines_of_the_page_of_own_users_make_a_token_that_opens_the_door() {
    let page = include_str!("../../../docs/src/users.md");
    let lines = page.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let made = Command::new("sh").args(["-ec", lines]).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let server = server().await;
    let answer = come(&server.stranger(), &String::from_utf8(made.stdout).unwrap()).await.is(200);
    assert_eq!(answer["user"]["nickname"], "Ann");
}

#[tokio::test]
async fn who_comes_from_the_host_deletes_his_account_by_a_token_and_comes_again_as_somebody_new() {
    let server = server().await;
    let stranger = server.stranger();
    let first = come(&stranger, &hs256(&claims("x-1"))).await.is(200);
    let ann = stranger.bearer(first["session"]["access_token"].as_str().unwrap());
    let delete = async |proof: &str| ann.call(Method::DELETE, "/me", &json!({ "password": proof })).await;
    for wrong in ["", "a password that nobody set", &hs256(&claims("x-2")), &format!("{}x", hs256(&claims("x-1")))] {
        delete(wrong).await.refused(403, "auth.wrong_password");
    }
    ann.get("/me").await.is(200);
    delete(&hs256(&claims("x-1"))).await.is(204);
    let again = come(&stranger, &hs256(&claims("x-1"))).await.is(200);
    assert_ne!(again["user"]["id"], first["user"]["id"]);
}
