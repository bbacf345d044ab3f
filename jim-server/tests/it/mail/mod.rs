//! Mail, and what it opens: addresses, ways back to accounts; and the second factor beside it.

mod emails;
mod outages;
mod recovery;
mod tls;
mod totp;

use serde_json::{Value, json};

use crate::support::{Answer, Person, Server, Sink};

/// A server that sends by a mail server, with further settings.
async fn server_with(sink: &Sink, more: &[(&'static str, &str)]) -> Server {
    let settings = sink.settings();
    let mut settings: Vec<_> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    settings.extend(more);
    Server::with(&settings).await
}

async fn server(sink: &Sink) -> Server {
    server_with(sink, &[]).await
}

async fn wish(person: &Person, address: &str) -> Answer {
    person.post("/me/email", &json!({ "email": address })).await
}

async fn confirm(person: &Person, code: &str) -> Answer {
    person.post("/me/email/confirm", &json!({ "code": code })).await
}

/// Binds an address that has had no mail yet.
async fn bind(sink: &Sink, person: &Person, address: &str) {
    wish(person, address).await.is(202);
    confirm(person, &sink.code(address, 1).await).await.is(204);
}

/// Another code than this one.
fn other(code: &str) -> String {
    code.chars().rev().map(|sign| if sign == 'A' { 'C' } else { 'A' }).collect()
}

/// How a part of the server is.
async fn mail_is(server: &Server) -> Value {
    server.stranger().get("//health/ready").await.json()["parts"]["mail"].take()
}

/// For mails that have gone and mails that wait for them; not for one that goes just now, which would go twice.
async fn a_minute_passes(server: &Server) {
    server
        .run_sql(
            "UPDATE jim_mails SET begun_at = begun_at - 60000,
                 due_at = CASE WHEN tries = 0 THEN due_at - 60000 ELSE due_at END",
        )
        .await;
}
