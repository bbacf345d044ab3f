//! Groups in which somebody is silenced or removed all the time, while everybody talks.

use std::time::Duration;

use jim_core::time::{Clock as _, SystemClock};
use rand::RngExt as _;
use rand::rngs::StdRng;
use reqwest::Method;
use serde_json::json;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::sender::{answered, repeated};
use crate::groups::group_of;
use crate::support::{Person, Server, Tries};

/// Ordinary members of a group.
const MEMBERS: usize = 4;

/// A group: its owner, an admin, and ordinary members. All are friends of the owner.
pub(super) struct Group {
    pub(super) people: Vec<Person>,
    pub(super) room: String,
    id: i64,
}

impl Group {
    pub(super) async fn assemble(server: &Server, number: usize) -> Group {
        let names: Vec<String> = (0..MEMBERS + 2).map(|at| format!("club-{number}-{at}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let (people, id, room) = group_of(server, &names).await;
        let admin = format!("/groups/{id}/members/{}", people[1].id);
        people[0].patch(&admin, &json!({ "role": "admin" })).await.is(200);
        Group { people, room, id }
    }

    /// Those whom nobody silences here.
    pub(super) fn leaders(&self) -> &[Person] {
        &self.people[..2]
    }

    /// Those whom somebody may silence.
    pub(super) fn ordinary(&self) -> &[Person] {
        &self.people[2..]
    }

    /// The owner who has the power, with dice of his own.
    pub(super) fn warden(&self, rng: StdRng) -> Warden {
        let members = self.ordinary().iter().map(|person| person.id).collect();
        Warden { owner: self.people[0].clone(), group: format!("/groups/{}", self.id), members, rng, done: 0 }
    }
}

/// An owner who uses his power.
pub(super) struct Warden {
    owner: Person,
    group: String,
    members: Vec<i64>,
    rng: StdRng,
    done: u64,
}

impl Warden {
    /// Silences and removes until it is told to stop. In the end everybody is in; says how many changes were answered.
    pub(super) async fn run(mut self, stop: CancellationToken) -> u64 {
        while !stop.is_cancelled() {
            let member =
                format!("{}/members/{}", self.group, self.members[self.rng.random_range(0..self.members.len())]);
            let mute = format!("{member}/mute");
            match self.rng.random_range(0..5) {
                0 => {
                    self.mute(&mute, None).await;
                    self.pause().await;
                    self.change(Method::DELETE, &mute).await;
                }
                1 => {
                    let span = Duration::from_millis(self.rng.random_range(200..1200));
                    self.mute(&mute, Some(span)).await;
                }
                2 => {
                    let everybody = format!("{}/mute", self.group);
                    self.change(Method::PUT, &everybody).await;
                    self.pause().await;
                    self.change(Method::DELETE, &everybody).await;
                }
                3 => self.remove_for_a_while(&member).await,
                _ => {
                    self.mute(&mute, None).await;
                    self.remove_for_a_while(&member).await;
                }
            }
            self.pause().await;
        }
        self.done
    }

    async fn remove_for_a_while(&mut self, member: &str) {
        self.change(Method::DELETE, member).await;
        self.pause().await;
        let all = json!({ "user_ids": self.members });
        let path = format!("{}/members", self.group);
        repeated(|| self.owner.request(Method::POST, &path).json(&all), |answer| answer.status == 200).await;
        self.done += 1;
    }

    async fn change(&mut self, method: Method, path: &str) {
        answered(&self.owner, method, path, 204).await;
        self.done += 1;
    }

    /// Silences for good, or for a time from now; a time that is past when the server comes back is chosen again.
    async fn mute(&mut self, path: &str, span: Option<Duration>) {
        let mut tries = Tries::new();
        loop {
            let body =
                span.map_or_else(|| json!({}), |span| json!({ "until": SystemClock.now().plus(span).to_string() }));
            match tries.call(self.owner.request(Method::PUT, path).json(&body)).await {
                Ok(answer) if answer.status == 204 => break,
                Ok(answer) if answer.status != 503 && (answer.status != 422 || span.is_none()) => {
                    panic!("PUT {path}: {answer:?}")
                }
                Ok(_) | Err(_) => sleep(Duration::from_millis(20)).await,
            }
        }
        self.done += 1;
    }

    async fn pause(&mut self) {
        sleep(Duration::from_millis(self.rng.random_range(20..250))).await;
    }
}
