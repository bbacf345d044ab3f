use serde_json::{Value, json};

use crate::id::{GroupId, OutboxId, RoomId, Seq, UserId};
use crate::model::entry::Kind;
use crate::model::group::HistoryPolicy;
use crate::repo::{RoomEvent, Task};
use crate::testkit::Fresh;
use crate::testkit::fixtures::{AT, commit};
use crate::time::Millis;

const ROOM: RoomId = RoomId::Group(GroupId(4));
const OTHER: RoomId = RoomId::Group(GroupId(44));

fn task(text: &str) -> Task {
    Task::Append { kind: Kind::named("system.greeted".into()), content: json!({ "text": text, "n": [1, null, 2.5] }) }
}

fn json(task: &Task) -> Value {
    serde_json::to_value(task).unwrap()
}

async fn add(fresh: &Fresh, room: &RoomId, text: &str) -> OutboxId {
    let mut unit = fresh.write().await;
    let id = unit.outbox().add(room, &task(text), AT).await.unwrap();
    commit(unit).await;
    id
}

async fn remove(fresh: &Fresh, id: OutboxId) -> bool {
    let mut unit = fresh.write().await;
    let removed = unit.outbox().remove(id).await.unwrap();
    commit(unit).await;
    removed
}

async fn ids(fresh: &Fresh, room: &RoomId, limit: u16) -> Vec<OutboxId> {
    let tasks = fresh.read().await.outbox().list(room, limit).await.unwrap();
    tasks.into_iter().map(|(id, ..)| id).collect()
}

async fn rooms(fresh: &Fresh, limit: u16) -> Vec<RoomId> {
    let mut rooms = fresh.read().await.outbox().rooms(limit).await.unwrap();
    rooms.sort_unstable();
    rooms
}

pub async fn a_task_is_read_back_as_it_was_left(fresh: &Fresh) {
    let id = add(fresh, &ROOM, "hello 😀 \u{202e}أهلا \\ \" \u{1}").await;
    let tasks = fresh.read().await.outbox().list(&ROOM, 9).await.unwrap();
    let [(stored, task, at)] = &tasks[..] else { panic!("one task, got {tasks:?}") };
    assert_eq!((*stored, *at), (id, AT));
    assert_eq!(json(task), json(&self::task("hello 😀 \u{202e}أهلا \\ \" \u{1}")));
}

pub async fn every_sort_of_task_is_read_back_as_it_was_left(fresh: &Fresh) {
    let event = || RoomEvent { kind: Kind::MEMBER_JOINED, by: UserId(3), data: json!({ "user_id": 3 }) };
    let sorts = [
        task("hello"),
        Task::Event(event()),
        Task::Erase {
            seq: Seq(7),
            stub: json!({ "client_ref": "a", "retracted": { "by": 3, "at": AT } }),
            event: event(),
        },
        Task::Join {
            event: event(),
            user: UserId(3),
            joined_at: AT,
            history: HistoryPolicy::Joined,
            group: json!({ "id": 4, "name": "Club" }),
        },
    ];
    let mut unit = fresh.write().await;
    for task in &sorts {
        unit.outbox().add(&ROOM, task, AT).await.unwrap();
    }
    commit(unit).await;
    let tasks = fresh.read().await.outbox().list(&ROOM, 9).await.unwrap();
    assert_eq!(tasks.iter().map(|(_, task, _)| json(task)).collect::<Vec<_>>(), sorts.each_ref().map(json));
}

pub async fn the_time_of_a_task_is_the_one_it_was_given(fresh: &Fresh) {
    let mut unit = fresh.write().await;
    unit.outbox().add(&ROOM, &task("late"), Millis(7)).await.unwrap();
    commit(unit).await;
    assert_eq!(fresh.read().await.outbox().list(&ROOM, 1).await.unwrap()[0].2, Millis(7));
}

pub async fn tasks_of_a_room_come_in_the_order_they_were_left(fresh: &Fresh) {
    let mut left = Vec::new();
    for n in 0..12 {
        left.push(add(fresh, &ROOM, &n.to_string()).await);
        add(fresh, &OTHER, "other").await;
    }
    assert!(left.is_sorted_by(|a, b| a < b), "{left:?}");
    assert_eq!(ids(fresh, &ROOM, 99).await, left);
    assert_eq!(ids(fresh, &ROOM, 5).await, left[..5]);
}

pub async fn rooms_with_tasks_are_named_once(fresh: &Fresh) {
    assert_eq!(rooms(fresh, 9).await, []);
    for room in [OTHER, ROOM, OTHER, ROOM] {
        add(fresh, &room, "x").await;
    }
    assert_eq!(rooms(fresh, 9).await, [ROOM, OTHER]);
    assert_eq!(rooms(fresh, 1).await.len(), 1);
}

pub async fn a_removed_task_is_gone_and_its_id_is_not_used_again(fresh: &Fresh) {
    let first = add(fresh, &ROOM, "first").await;
    let second = add(fresh, &ROOM, "second").await;
    remove(fresh, second).await;
    assert_eq!(ids(fresh, &ROOM, 9).await, [first]);
    remove(fresh, first).await;
    assert_eq!(rooms(fresh, 9).await, []);
    let third = add(fresh, &ROOM, "third").await;
    assert!(third > second, "{third} after {second}");
}

pub async fn a_task_is_removed_once(fresh: &Fresh) {
    let first = add(fresh, &ROOM, "first").await;
    let second = add(fresh, &ROOM, "second").await;
    assert!(remove(fresh, first).await);
    assert!(!remove(fresh, first).await);
    assert_eq!(ids(fresh, &ROOM, 9).await, [second]);
}
