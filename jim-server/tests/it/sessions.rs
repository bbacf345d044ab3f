//! Sessions: logging out, seeing one's devices, ending some of them, and the change of a password.

use serde_json::{Value, json};

use crate::support::{Answer, Client, Person, Server};

async fn sessions(person: &Person) -> Vec<Value> {
    let list = person.get("/me/sessions").await.is(200);
    assert_eq!(list["next"], Value::Null);
    list["items"].as_array().unwrap().clone()
}

async fn log_out(client: &Client) -> Answer {
    client.act("/auth/logout").await
}

#[tokio::test]
async fn a_logout_ends_this_session_and_its_sockets_and_no_other() {
    let server = Server::start().await;
    let phone = server.person("ann").await;
    let desk = phone.log_in("desk").await;
    let (mut phone_socket, mut second, mut desk_socket) =
        (phone.socket().await, phone.socket().await, desk.socket().await);
    log_out(&phone).await.is(204);
    phone.get("/me").await.refused(401, "auth.required");
    log_out(&phone).await.refused(401, "auth.required");
    let wish = json!({ "refresh_token": phone.refresh });
    server.stranger().post("/auth/refresh", &wish).await.refused(401, "auth.refresh_invalid");
    assert_eq!(phone_socket.closed().await, Some(4401));
    assert_eq!(second.closed().await, Some(4401));
    assert_eq!(desk_socket.event_of("session.revoked").await["data"], json!({ "id": phone.session }));
    desk.get("/me").await.is(200);
}

#[tokio::test]
async fn a_logout_outlives_a_crash() {
    let mut server = Server::start().await;
    let ann = server.person("ann").await;
    log_out(&ann).await.is(204);
    server.kill();
    server.restart().await;
    ann.get("/me").await.refused(401, "auth.required");
}

#[tokio::test]
async fn the_list_shows_each_device_and_which_one_asks() {
    let server = Server::start().await;
    let first = server.person("ann").await;
    let phone = first.log_in("Ann's phone").await;
    let list = sessions(&phone).await;
    assert_eq!(list.len(), 2);
    for session in &list {
        assert_eq!(session["ip"], "127.0.0.1");
        assert_eq!(session["current"], session["id"] == phone.session, "{session}");
        for time in ["created_at", "last_seen_at"] {
            assert!(session[time].as_str().is_some_and(|time| time.len() == 24 && time.ends_with('Z')), "{session}");
        }
        let known = ["id", "device", "ip", "created_at", "last_seen_at", "current"];
        assert!(session.as_object().unwrap().keys().all(|key| known.contains(&key.as_str())), "{session}");
    }
    let of = |id: i64| list.iter().find(|session| session["id"] == id).unwrap();
    assert_eq!(of(phone.session)["device"], "Ann's phone");
    assert_eq!(of(first.session).get("device"), None);
    let ben = server.person("ben").await;
    assert_eq!(sessions(&ben).await.len(), 1, "one's own sessions only");
    let list = phone.get("/me/sessions").await.is(200);
    assert_eq!(list["log"], phone.log_head().await, "each list says which number of the log it includes");
}

#[tokio::test]
async fn ending_one_session_closes_its_sockets_only() {
    let server = Server::start().await;
    let (ann, ben) = (server.person("ann").await, server.person("ben").await);
    let (phone, desk) = (ann.log_in("phone").await, ann.log_in("desk").await);
    let (mut phone_socket, mut desk_socket, mut bens) = (phone.socket().await, desk.socket().await, ben.socket().await);
    let path = format!("/me/sessions/{}", phone.session);
    // Somebody else's session is none.
    ben.delete(&path).await.refused(404, "resource.not_found");
    desk.delete("/me/sessions/999999").await.refused(404, "resource.not_found");
    phone.get("/me").await.is(200);

    desk.delete(&path).await.is(204);
    desk.delete(&path).await.is(204);
    assert_eq!(phone_socket.closed().await, Some(4401));
    phone.get("/me").await.refused(401, "auth.required");
    assert_eq!(desk_socket.event_of("session.revoked").await["data"], json!({ "id": phone.session }));
    let left: Vec<_> = sessions(&desk).await.iter().map(|session| session["id"].clone()).collect();
    assert_eq!(left.len(), 2);
    assert!(left.contains(&json!(desk.session)) && left.contains(&json!(ann.session)), "{left:?}");
    ben.patch("/me", &json!({ "status_text": "here" })).await.is(200);
    bens.event_of("profile.changed").await;
}

#[tokio::test]
async fn all_other_sessions_can_be_ended_at_once() {
    let server = Server::start().await;
    let ann = server.person("ann").await;
    let (phone, desk) = (ann.log_in("phone").await, ann.log_in("desk").await);
    let (mut phone_socket, mut desk_socket) = (phone.socket().await, desk.socket().await);
    desk.delete("/me/sessions").await.is(204);
    assert_eq!(phone_socket.closed().await, Some(4401));
    for ended in [&ann, &phone] {
        ended.get("/me").await.refused(401, "auth.required");
    }
    assert_eq!(sessions(&desk).await.len(), 1);
    desk_socket.event_of("session.revoked").await;
    desk_socket.event_of("session.revoked").await;
    desk.get("/me").await.is(200);
}

#[tokio::test]
async fn a_new_password_needs_the_old_one_and_ends_the_other_sessions() {
    let server = Server::start().await;
    let ann = server.person("ann").await;
    let phone = ann.log_in("phone").await;
    let (mut socket, mut phone_socket) = (ann.socket().await, phone.socket().await);
    let change = async |old: &str, new: &str| {
        let wish = json!({ "old_password": old, "new_password": new });
        ann.call(reqwest::Method::PUT, "/me/password", &wish).await
    };
    change("not the old one", "a brand new password").await.refused(403, "auth.wrong_password");
    let short = change(&ann.password, "short").await;
    assert_eq!(short.broken_fields(), [("new_password".into(), "password.too_short".into())]);
    let own = change(&ann.password, "ann is my name").await;
    assert_eq!(own.broken_fields(), [("new_password".into(), "password.contains_username".into())]);
    phone.get("/me").await.is(200);

    change(&ann.password, "a brand new password").await.is(204);
    ann.get("/me").await.is(200);
    phone.get("/me").await.refused(401, "auth.required");
    assert_eq!(phone_socket.closed().await, Some(4401));
    assert_eq!(socket.event_of("session.revoked").await["data"]["id"], phone.session);
    let log_in = async |password: &str| {
        server.stranger().post("/auth/login", &json!({ "username": "ann", "password": password })).await
    };
    log_in(&ann.password).await.refused(401, "auth.invalid_credentials");
    log_in("a brand new password").await.is(200);
}
