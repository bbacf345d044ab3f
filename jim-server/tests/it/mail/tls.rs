//! Mails under TLS, and mail servers that cannot be trusted with them.

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use tokio_rustls::TlsAcceptor;

use super::{confirm, wish};
use crate::support::{Cover, Person, Server, Sink, eventually};

const PASSWORD: &str = "mail-pass:word";
const AUTHORITY: &str = "jim:mail-pass%3Aword";

/// What a mail server shows, and the file that makes it known.
fn cover(folder: &Path, wrapped: bool) -> Cover {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(folder.join("ca.pem"), cert.pem()).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![cert.der().clone()], key.into()).unwrap();
    Cover { acceptor: TlsAcceptor::from(Arc::new(config)), wrapped }
}

async fn server(url: &str) -> (Server, Person) {
    let server = Server::with(&[("mail.url", url), ("mail.from", "no-reply@jim.example")]).await;
    let ann = server.person("ann").await;
    (server, ann)
}

#[tokio::test]
async fn mails_go_under_tls_with_the_password_to_a_server_that_is_known() {
    let folder = tempfile::tempdir().unwrap();
    for (wrapped, scheme) in [(true, "smtps"), (false, "smtp")] {
        let sink = Sink::under(cover(folder.path(), wrapped)).await;
        let ca = folder.path().join("ca.pem");
        let url = format!("{scheme}://{AUTHORITY}@{}?ca={}", sink.address(), ca.display());
        let (_server, ann) = server(&url).await;
        wish(&ann, "ann@example.org").await.is(202);
        confirm(&ann, &sink.code("ann@example.org", 1).await).await.is(204);
        let plain = STANDARD.encode(format!("\0jim\0{PASSWORD}"));
        assert_eq!(sink.received()[0].auth, Some(format!("AUTH PLAIN {plain}")), "{scheme}");
    }
}

#[tokio::test]
async fn nothing_is_sent_to_a_mail_server_that_nobody_vouches_for_or_that_offers_no_tls() {
    let folder = tempfile::tempdir().unwrap();
    let (wrapped, offers) =
        (Sink::under(cover(folder.path(), true)).await, Sink::under(cover(folder.path(), false)).await);
    let clear = Sink::start().await;
    for (sink, url) in [
        (&wrapped, format!("smtps://{AUTHORITY}@{}", wrapped.address())),
        (&offers, format!("smtp://{AUTHORITY}@{}", offers.address())),
        (&clear, format!("smtp://{AUTHORITY}@{}", clear.address())),
        (&clear, format!("smtp://{}?tls=required", clear.address())),
    ] {
        let (server, ann) = server(&url).await;
        wish(&ann, "ann@example.org").await.is(202);
        eventually("a try that failed", async || server.log("mail.failed").pop()).await;
        assert!(sink.received().is_empty(), "{url}");
        assert!(!server.printed().iter().any(|line| line.contains("mail-pass")), "the password is not logged");
    }
}
