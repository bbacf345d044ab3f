//! Digests: two who have read the same can tell.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::groups::group_of;
use crate::support::{Person, Server, WORLD, couple, seq};

/// The digest of a room for a query such as `?upto=3`.
async fn digest(who: &Person, room: &str, query: &str) -> (i64, String) {
    let answer = who.get(&format!("/rooms/{room}/digest{query}")).await.is(200);
    assert_eq!(answer.as_object().unwrap().len(), 2, "{answer}");
    (seq(&answer), answer["digest"].as_str().unwrap().to_owned())
}

/// What a client computes from the entries that it read, by the words of `docs/src/clients.md`.
async fn computed(who: &Person, room: &str, from: i64, upto: i64) -> String {
    let mut hash = [0_u8; 32];
    for seq in from..=upto {
        let entry = who.get(&format!("/rooms/{room}/entries/{seq}")).await;
        entry.is(200);
        let mut next = Sha256::new();
        next.update(hash);
        next.update(&entry.body);
        hash = next.finalize().into();
    }
    hash.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[tokio::test]
async fn both_get_the_digest_that_each_can_compute_from_what_he_reads() {
    let (mut server, ann, ben, room) = couple().await;
    for (n, text) in ["hello", "été \u{1F600} \u{2028}", "{\"x\": 1}"].into_iter().enumerate() {
        ann.say(&room, &format!("m-{n}"), text).await.is(201);
    }
    let (head, whole) = digest(&ann, &room, "").await;
    assert_eq!(head, 4, "the greeting counts");
    assert_eq!(digest(&ben, &room, "").await, (head, whole.clone()));
    assert_eq!(whole, computed(&ben, &room, 1, head).await);
    for upto in 0..=head {
        let (seq, part) = digest(&ben, &room, &format!("?upto={upto}")).await;
        assert_eq!((seq, part), (upto, computed(&ann, &room, 1, upto).await));
    }
    assert_eq!(digest(&ann, &room, "?upto=0").await.1, "0".repeat(64));
    server.kill();
    server.restart().await;
    assert_eq!(digest(&ann, &room, "").await, (head, whole));
}

#[tokio::test]
async fn what_one_hides_from_himself_changes_no_digest_and_what_is_taken_back_changes_it_for_all() {
    let (_server, ann, ben, room) = couple().await;
    for n in 0..3 {
        ann.say(&room, &format!("m-{n}"), "hello").await.is(201);
    }
    let before = digest(&ann, &room, "?upto=4").await;
    ben.put(&format!("/conversations/{room}/hidden/2")).await.is(204);
    ben.delete(&format!("/conversations/{room}")).await.is(204);
    ben.put(&format!("/blocks/{}", ann.id)).await.is(204);
    assert_eq!(digest(&ben, &room, "?upto=4").await, before);
    ben.delete(&format!("/blocks/{}", ann.id)).await.is(204);

    ann.act(&format!("/rooms/{room}/entries/3/retract")).await.is(200);
    assert_eq!(digest(&ann, &room, "?upto=2").await, digest(&ben, &room, "?upto=2").await);
    let after = digest(&ann, &room, "?upto=4").await;
    assert_ne!(after, before);
    assert_eq!(after, digest(&ben, &room, "?upto=4").await);
    let (head, whole) = digest(&ben, &room, "").await;
    assert_eq!(head, 5, "the retraction is an entry");
    assert_eq!(whole, computed(&ann, &room, 1, head).await);
}

#[tokio::test]
async fn a_log_of_many_pages_has_one_digest() {
    let (_server, ann, ben, room) = couple().await;
    for n in 0..600 {
        ann.say(&room, &format!("m-{n}"), &format!("text {n}")).await.is(201);
    }
    assert_eq!(digest(&ben, &room, "").await, (601, computed(&ann, &room, 1, 601).await));
    assert_eq!(digest(&ben, &room, "?upto=300").await, (300, computed(&ann, &room, 1, 300).await));
}

#[tokio::test]
async fn beyond_the_head_is_ahead_and_who_may_not_read_a_room_gets_no_digest_of_it() {
    let (server, ann, ben, room) = couple().await;
    for upto in ["2", "99", "18446744073709551615"] {
        ann.get(&format!("/rooms/{room}/digest?upto={upto}")).await.refused(409, "log.ahead");
    }
    let dora = server.person("dora").await;
    for room in [room.as_str(), "g:1", "p:1:99", "nonsense"] {
        dora.get(&format!("/rooms/{room}/digest")).await.refused(404, "resource.not_found");
    }
    dora.anonymous().get(&format!("/rooms/{room}/digest")).await.refused(401, "auth.required");
    assert_eq!(digest(&dora, WORLD, "").await, digest(&ben, WORLD, "").await);
}

#[tokio::test]
async fn who_came_later_gets_the_digest_of_what_came_after() {
    let server = Server::start().await;
    let (people, id, room) = group_of(&server, &["ann", "ben"]).await;
    let ann = &people[0];
    ann.say(&room, "before", "not for everybody").await.is(201);
    let cleo = server.person("cleo").await;
    crate::support::befriend(ann, &cleo).await;
    ann.post(&format!("/groups/{id}/members"), &json!({ "user_ids": [cleo.id] })).await.is(200);
    ann.say(&room, "after", "for everybody").await.is(201);
    let first = cleo.get(&format!("/rooms/{room}")).await.is(200)["first"].as_i64().unwrap();
    let (head, later) = digest(&cleo, &room, "").await;
    assert_eq!(later, computed(ann, &room, first, head).await);
    assert_ne!(digest(ann, &room, "").await.1, later);
    assert_eq!(digest(&cleo, &room, "?upto=1").await, (1, "0".repeat(64)), "nothing below it is told");
    cleo.act(&format!("/groups/{id}/leave")).await.is(204);
    cleo.get(&format!("/rooms/{room}/digest")).await.refused(404, "resource.not_found");
}

#[tokio::test]
async fn digests_count_as_searches() {
    let server = Server::with(&[("rate.enabled", "true"), ("rate.search", "2/1h")]).await;
    let ann = server.person("ann").await;
    for _ in 0..2 {
        digest(&ann, WORLD, "").await;
    }
    let limited: Value = ann.get(&format!("/rooms/{WORLD}/digest")).await.refused(429, "rate.limited");
    assert!(limited["detail"].is_string());
}
