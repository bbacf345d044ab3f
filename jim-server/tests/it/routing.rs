//! Whom a message is for: one person, a group, or everybody.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::json;
use tokio::task::JoinSet;

use crate::groups::group_of;
use crate::support::{Person, Server, WORLD, befriend, seq};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_message_reaches_those_it_is_for_once_and_no_other_socket() {
    const SENDERS: usize = 8;
    const EACH: usize = 125;
    let server = Server::with(&[("socket.queue_frames", "65536")]).await;
    let (people, _, club) = group_of(&server, &["ann", "ben", "cleo", "dora", "eric", "finn"]).await;
    // Who is in which room, by place among the people.
    let mut rooms: Vec<(String, Vec<usize>)> = vec![(club, (0..6).collect()), (WORLD.to_owned(), (0..6).collect())];
    rooms.extend((1..6).map(|at| (people[0].room(&people[at]), vec![0, at])));
    for (a, b) in [(1, 2), (3, 4), (2, 5)] {
        rooms.push((befriend(&people[a], &people[b]).await, vec![a, b]));
    }
    for members in [vec![1, 2], vec![3, 4]] {
        let wish = json!({ "name": "Small", "member_ids": [people[members[1]].id] });
        let made = people[members[0]].post("/groups", &wish).await.is(201);
        rooms.push((made["room"].as_str().unwrap().to_owned(), members));
    }
    let mut sockets = Vec::new();
    for person in &people {
        sockets.push(person.socket().await);
    }
    let mut sending = JoinSet::new();
    for sender in 0..SENDERS {
        let (people, rooms) = (people.clone(), rooms.clone());
        sending.spawn(async move {
            let mut rng = StdRng::seed_from_u64(sender as u64);
            let mut sent = Vec::new();
            for n in 0..EACH {
                let (room, members) = &rooms[rng.random_range(0..rooms.len())];
                let who: &Person = &people[members[rng.random_range(0..members.len())]];
                sent.push(who.say(room, &format!("m-{sender}-{n}"), "for whom it is").await.is(201));
            }
            sent
        });
    }
    let mut sent: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for entry in sending.join_all().await.into_iter().flatten() {
        sent.entry(entry["log"].as_str().unwrap().to_owned()).or_default().push(entry);
    }
    assert_eq!(sent.len(), rooms.len(), "each room was spoken in");
    for entries in sent.values_mut() {
        entries.sort_by_key(seq);
    }
    for (at, (person, socket)) in people.iter().zip(&mut sockets).enumerate() {
        person.patch("/me", &json!({ "nickname": format!("Done {at}") })).await.is(200);
        let mine: Vec<&str> =
            rooms.iter().filter(|(_, members)| members.contains(&at)).map(|(room, _)| room.as_str()).collect();
        let expected: usize = mine.iter().map(|room| sent[*room].len()).sum();
        let (mut heard, mut count, mut done) = (BTreeMap::<String, Vec<_>>::new(), 0, false);
        // His last event may come before the rooms' last ones.
        while count < expected || !done {
            let event = socket.event().await;
            done |= event["type"] == "profile.changed";
            if event["type"] == "message.sent" {
                count += 1;
                heard.entry(event["log"].as_str().unwrap().to_owned()).or_default().push(event);
            }
        }
        let theirs: BTreeMap<String, Vec<_>> =
            mine.iter().map(|room| ((*room).to_owned(), sent[*room].clone())).collect();
        assert!(heard == theirs, "{}: {:?}", person.name, heard.keys());
    }
}
