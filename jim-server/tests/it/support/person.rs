//! A person with an account and one log-in.

use std::ops::Deref;

use reqwest::Method;
use serde_json::{Value, json};

use super::{Answer, Client, Server, Socket};

/// Somebody who is logged in.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) password: String,
    pub(crate) session: i64,
    pub(crate) access: String,
    pub(crate) refresh: String,
    client: Client,
}

impl Deref for Person {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Person {
    pub(crate) async fn register(client: &Client, name: &str) -> Person {
        let password = password_of(name);
        let wish = json!({ "username": name, "password": password });
        Person::of(client, &password, &client.post("/auth/register", &wish).await.is(201))
    }

    /// Somebody whose account was made elsewhere, with the password that [`password_of`] gives him.
    pub(crate) async fn known(client: &Client, name: &str) -> Person {
        let password = password_of(name);
        let wish = json!({ "username": name, "password": password });
        Person::of(client, &password, &client.post("/auth/login", &wish).await.is(200))
    }

    /// The same person on another device.
    pub(crate) async fn log_in(&self, device: &str) -> Person {
        let wish = json!({ "username": self.name, "password": self.password, "device": device });
        Person::of(self, &self.password, &self.anonymous().post("/auth/login", &wish).await.is(200))
    }

    fn of(client: &Client, password: &str, answer: &Value) -> Person {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let (user, session) = (&answer["user"], &answer["session"]);
        let access = text(&session["access_token"]);
        Person {
            id: user["id"].as_i64().expect("an id"),
            name: text(&user["username"]),
            password: password.to_owned(),
            session: session["id"].as_i64().expect("an id"),
            client: client.bearer(&access),
            refresh: text(&session["refresh_token"]),
            access,
        }
    }

    /// A new person who goes on with the tokens of a session.
    pub(crate) fn with_session(&self, session: &Value) -> Person {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let access = text(&session["access_token"]);
        Person {
            client: self.bearer(&access),
            refresh: text(&session["refresh_token"]),
            session: session["id"].as_i64().expect("an id"),
            access,
            ..self.clone()
        }
    }

    /// The same person with the same log-in on another server, to which the data has moved.
    pub(crate) fn at(&self, stranger: &Client) -> Person {
        Person { client: stranger.bearer(&self.access), ..self.clone() }
    }

    /// The private room with somebody.
    pub(crate) fn room(&self, other: &Person) -> String {
        format!("p:{}:{}", self.id.min(other.id), self.id.max(other.id))
    }

    /// Sends a text.
    pub(crate) async fn say(&self, room: &str, client_ref: &str, text: &str) -> Answer {
        self.post(&format!("/rooms/{room}/messages"), &message(client_ref, text)).await
    }

    /// A part of a room's history, such as `after=3&limit=7`.
    pub(crate) async fn history(&self, room: &str, query: &str) -> Value {
        self.get(&format!("/rooms/{room}/entries?{query}")).await.is(200)
    }

    /// The whole history of a room, from its beginning.
    pub(crate) async fn whole_history(&self, room: &str) -> Vec<Value> {
        let mut entries: Vec<Value> = Vec::new();
        loop {
            let after = entries.last().map_or(0, seq);
            let page = self.history(room, &format!("after={after}&limit=100")).await;
            entries.extend(page["items"].as_array().expect("items").iter().cloned());
            if page["has_more"] == false {
                return entries;
            }
        }
    }

    /// One's own log after a number.
    pub(crate) async fn log(&self, after: i64) -> Vec<Value> {
        let mut entries: Vec<Value> = Vec::new();
        loop {
            let after = entries.last().map_or(after, seq);
            let page = self.get(&format!("/log?after={after}&limit=100")).await.is(200);
            entries.extend(page["items"].as_array().expect("items").iter().cloned());
            if page["has_more"] == false {
                return entries;
            }
        }
    }

    /// The types of the entries of one's own log after a number.
    pub(crate) async fn log_types(&self, after: i64) -> Vec<String> {
        self.log(after).await.iter().map(|entry| entry["type"].as_str().expect("a type").to_owned()).collect()
    }

    /// The number of the newest entry of one's own log.
    pub(crate) async fn log_head(&self) -> i64 {
        self.get("/log").await.is(200)["last"].as_i64().expect("a number")
    }

    /// All of a list, page by page.
    pub(crate) async fn list(&self, path: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        let sign = if path.contains('?') { '&' } else { '?' };
        loop {
            let page = self.get(&format!("{path}{cursor}")).await.is(200);
            items.extend(page["items"].as_array().expect("items").iter().cloned());
            let Some(next) = page["next"].as_str() else { return items };
            cursor = format!("{sign}cursor={next}");
        }
    }

    /// All of the chat list for a query such as `latest=3`.
    pub(crate) async fn chats(&self, query: &str) -> Vec<Value> {
        self.list(&format!("/conversations?{query}")).await
    }

    /// One room of the chat list, put away or not.
    pub(crate) async fn chat(&self, room: &str) -> Value {
        let chat = self.chats("hidden=true&limit=100").await.into_iter().find(|chat| chat["room"] == room);
        chat.unwrap_or_else(|| panic!("{room} is not in the list"))
    }

    /// Pins, mutes or hides a room in the chat list.
    pub(crate) async fn set_chat(&self, room: &str, change: &Value) -> Answer {
        self.patch(&format!("/conversations/{room}"), change).await
    }

    /// Says how far one has read in a room.
    pub(crate) async fn read(&self, room: &str, seq: i64) -> Answer {
        self.call(Method::PUT, &format!("/rooms/{room}/read"), &json!({ "seq": seq })).await
    }

    /// A stream of events that has said hello.
    pub(crate) async fn events(&self) -> Socket {
        Socket::events(self).await
    }

    /// Chooses what friends see.
    pub(crate) async fn set_status(&self, status: &str) -> Answer {
        self.call(Method::PUT, "/me/status", &json!({ "status": status })).await
    }

    /// A friend as the list shows him.
    pub(crate) async fn friend(&self, friend: &Person) -> Value {
        let friends = self.list("/friends?limit=100").await;
        let found = friends.into_iter().find(|item| item["user"]["id"] == friend.id);
        found.unwrap_or_else(|| panic!("{} is no friend", friend.name))
    }

    /// Asks somebody to be friends.
    pub(crate) async fn ask(&self, other: &Person) -> Answer {
        self.post("/friend-requests", &json!({ "user_id": other.id })).await
    }

    /// A one-time ticket for a socket.
    pub(crate) async fn ticket(&self) -> String {
        let answer = self.act("/ws/tickets").await.is(201);
        answer["ticket"].as_str().expect("a ticket").to_owned()
    }

    /// A socket that has said hello.
    pub(crate) async fn socket(&self) -> Socket {
        Socket::open(self).await
    }
}

/// How every password of a person begins.
pub(crate) const PASSWORD_OF_ALL: &str = "open sesame";

/// The password that a test's people have.
pub(crate) fn password_of(name: &str) -> String {
    format!("{PASSWORD_OF_ALL} {}", name.chars().rev().collect::<String>())
}

/// The body of a send.
pub(crate) fn message(client_ref: &str, text: &str) -> Value {
    json!({ "client_ref": client_ref, "content": { "kind": "text", "text": text } })
}

/// The number of an entry.
pub(crate) fn seq(entry: &Value) -> i64 {
    entry["seq"].as_i64().expect("a number")
}

/// Makes two people friends; says which room is theirs.
pub(crate) async fn befriend(a: &Person, b: &Person) -> String {
    let request = a.ask(b).await.is(201);
    let friend = b.post(&format!("/friend-requests/{}/accept", request["id"]), &json!({})).await.is(200);
    assert_eq!(friend["room"], a.room(b));
    a.room(b)
}

/// A server with two friends on it, and their room.
pub(crate) async fn couple() -> (Server, Person, Person, String) {
    let server = Server::start().await;
    let (ann, ben) = friends_at(&server).await;
    let room = ann.room(&ben);
    (server, ann, ben, room)
}

/// Two friends on a server.
pub(crate) async fn friends_at(server: &Server) -> (Person, Person) {
    let (ann, ben) = (server.person("ann").await, server.person("ben").await);
    befriend(&ann, &ben).await;
    (ann, ben)
}
