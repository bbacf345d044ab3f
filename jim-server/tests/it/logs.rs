//! The log of a whole scenario: one line for each request, and nothing secret in any of them.

use std::collections::HashMap;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Client, Person, Server, Socket, eventually, message, within};

/// A scenario that keeps what must not be logged, and the ids of its requests.
#[derive(Default)]
struct Scenario {
    secrets: Vec<String>,
    requests: Vec<(String, u16)>,
}

impl Scenario {
    /// A word that stands nowhere else and must not be logged.
    fn secret(&mut self, what: &str) -> String {
        self.secrets.push(format!("{what} zq{}", self.secrets.len() * 7919));
        self.secrets.last().unwrap().clone()
    }

    async fn call(&mut self, who: &Client, method: Method, path: &str, body: Option<Value>) -> Answer {
        let call = who.request(method, path);
        let answer = Answer::to(if let Some(body) = body { call.json(&body) } else { call }).await;
        self.requests.push((answer.header("x-request-id").to_owned(), answer.status));
        answer
    }

    fn keep_tokens(&mut self, session: &Value) {
        for token in ["access_token", "refresh_token"] {
            self.secrets.push(session[token].as_str().unwrap().to_owned());
        }
    }

    /// Everything that people do, rightly and wrongly.
    async fn play(&mut self, server: &Server) {
        let stranger = server.stranger();
        let (ann, ben) = (self.person(&stranger, "ann").await, self.person(&stranger, "ben").await);
        let wrong = json!({ "username": "ann", "password": self.secret("wrong password") });
        self.call(&stranger, Method::POST, "/auth/login", Some(wrong)).await.is(401);
        let short = json!({ "username": self.secret("no name"), "password": "zq-pw" });
        self.secrets.push("zq-pw".into());
        self.call(&stranger, Method::POST, "/auth/register", Some(short)).await.is(422);

        let note = self.secret("a note");
        let asked =
            self.call(&ann, Method::POST, "/friend-requests", Some(json!({ "user_id": ben.id, "note": note }))).await;
        let accept = format!("/friend-requests/{}/accept", asked.is(201)["id"]);
        let greeting = json!({ "greeting": self.secret("a greeting") });
        self.call(&ben, Method::POST, &accept, Some(greeting)).await.is(200);
        let remark = json!({ "remark": self.secret("a remark") });
        self.call(&ann, Method::PATCH, &format!("/friends/{}", ben.id), Some(remark)).await.is(200);
        let profile = json!({ "nickname": self.secret("nick"), "status_text": self.secret("status") });
        self.call(&ann, Method::PATCH, "/me", Some(profile)).await.is(200);

        let room = ann.room(&ben);
        let path = format!("/rooms/{room}/messages");
        let text = self.secret("a text");
        self.call(&ann, Method::POST, &path, Some(message("r1", &text))).await.is(201);
        self.call(&ann, Method::POST, &path, Some(message("r1", &text))).await.is(200);
        let other = message("r1", &self.secret("another text"));
        self.call(&ann, Method::POST, &path, Some(other)).await.is(409);
        self.call(&ben, Method::GET, &format!("/rooms/{room}/entries"), None).await.is(200);
        self.call(&ben, Method::GET, "/users?nickname=nick", None).await.is(200);
        self.call(&ben, Method::PUT, &format!("/blocks/{}", ann.id), None).await.is(204);
        let late = message("r2", &self.secret("a late text"));
        self.call(&ann, Method::POST, &path, Some(late)).await.is(403);

        for nonsense in ["{\"zq-twice\":1,\"zq-twice\":2}", "{\"zq-unknown\":\"zq-value\"}", "zq-garbage"] {
            let call = ann.request(Method::POST, &path).header("content-type", "application/json").body(nonsense);
            let answer = Answer::to(call).await;
            self.requests.push((answer.header("x-request-id").to_owned(), answer.status));
        }
        self.secrets.extend(["zq-twice", "zq-unknown", "zq-value", "zq-garbage"].map(Into::into));
        self.sockets(&ann, &ben).await;

        let refreshed =
            self.call(&stranger, Method::POST, "/auth/refresh", Some(json!({ "refresh_token": ann.refresh }))).await;
        self.keep_tokens(&refreshed.is(200)["session"]);
        let password = self.secret("new password");
        let change = json!({ "old_password": ben.password, "new_password": password });
        self.call(&ben, Method::PUT, "/me/password", Some(change)).await.is(204);
        self.call(&ben, Method::POST, "/auth/logout", None).await.is(204);
        within(Duration::from_secs(2), "the session ends", async || {
            (self.call(&ben, Method::GET, "/me", None).await.status == 401).then_some(())
        })
        .await;
    }

    async fn person(&mut self, stranger: &Client, name: &str) -> Person {
        let person = Person::register(stranger, name).await;
        self.secrets.extend([person.password.clone(), person.access.clone(), person.refresh.clone()]);
        person
    }

    /// Tickets and tokens where they belong, and where they do not.
    async fn sockets(&mut self, ann: &Person, ben: &Person) {
        let socket = Socket::with_token(&ann.base, &ann.access).await.unwrap();
        let ticket =
            self.call(ann, Method::POST, "/ws/tickets", None).await.is(201)["ticket"].as_str().unwrap().to_owned();
        drop(Socket::with_ticket(&ann.base, &ticket).await.unwrap());
        assert!(Socket::with_ticket(&ann.base, &ticket).await.is_err());
        let in_url = format!("/ws?ticket={ticket}&access_token={}", ben.access);
        self.call(&ann.anonymous(), Method::GET, &in_url, None).await.is(400);
        let in_path = format!("/users/{}", ben.refresh);
        self.call(ann, Method::GET, &in_path, None).await.is(404);
        self.call(ann, Method::GET, &format!("//{}", ben.refresh), None).await.is(404);
        self.call(&ann.bearer(&format!("{ticket}x")), Method::GET, "/me", None).await.is(401);
        self.secrets.push(ticket);
        socket.cut();
    }
}

/// The lines of a log, by the id of their request.
fn by_request(printed: &[String]) -> HashMap<String, Vec<Value>> {
    let mut lines: HashMap<String, Vec<Value>> = HashMap::new();
    for line in printed {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("every line is JSON: {line}"));
        for field in ["name", "msg", "level", "time", "pid", "hostname", "v"] {
            assert!(!line[field].is_null(), "{field} in {line}");
        }
        if let (Some(id), "request") = (line["request_id"].as_str(), line["msg"].as_str().unwrap()) {
            lines.entry(id.to_owned()).or_default().push(line);
        }
    }
    lines
}

async fn play(level: &str) -> (Scenario, Vec<String>) {
    let mut server = Server::with(&[("log.level", level)]).await;
    let mut scenario = Scenario::default();
    scenario.play(&server).await;
    let last = scenario.requests.last().unwrap().0.clone();
    eventually("the last request is logged", async || {
        server.printed().iter().any(|line| line.contains(&last)).then_some(())
    })
    .await;
    assert_eq!(server.stop().await, Some(0));
    (scenario, server.printed())
}

fn nothing_secret(scenario: &Scenario, printed: &[String]) {
    assert!(scenario.secrets.len() > 20 && printed.len() > 20);
    for secret in &scenario.secrets {
        let line = printed.iter().find(|line| line.contains(secret.as_str()));
        assert!(line.is_none(), "{secret} in {line:?}");
    }
}

#[tokio::test]
async fn every_request_is_one_line_with_the_id_of_its_answer_and_nothing_secret() {
    let (scenario, printed) = play("info").await;
    nothing_secret(&scenario, &printed);
    let lines = by_request(&printed);
    for (id, status) in &scenario.requests {
        let [line] = lines.get(id).map(Vec::as_slice).unwrap_or_default() else { panic!("not one line of {id}") };
        assert_eq!(line["status"], *status, "{line}");
        assert!(line["method"].is_string() && line["route"].is_string() && line["duration_us"].is_u64(), "{line}");
    }
    assert!(lines.values().all(|lines| lines.len() == 1));
}

#[tokio::test]
async fn the_most_talkative_log_has_nothing_secret_either() {
    let (scenario, printed) = play("trace").await;
    nothing_secret(&scenario, &printed);
}
