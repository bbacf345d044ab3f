use serde_json::json;

use super::tools::START;
use crate::id::{RoomId, Seq, UserId, WorldId};
use crate::model::entry::Kind;
use crate::model::friend::Direction;
use crate::repo::{Lock, RepoError, Slice, Task, Ticket, Unit};
use crate::testkit::Fresh;
use crate::testkit::fixtures::{
    AT, commit, event, friends, group, new_request, new_session, new_user, private, token_hash, user, users,
};
use crate::time::Millis;

/// Writes one thing of every noun.
async fn write_everything(unit: &mut Unit, a: UserId, b: UserId) {
    let room = private(a, b);
    unit.users().add(&new_user("carol")).await.unwrap();
    unit.users().set_password(a, "changed").await.unwrap();
    let session = unit.sessions().add(&new_session(a, "phone")).await.unwrap();
    let ticket = Ticket { hash: token_hash("ticket"), session, until: Millis(AT.0 + 1) };
    unit.sessions().add_ticket(&ticket).await.unwrap();
    unit.friends().add(a, b, AT).await.unwrap();
    unit.friend_requests().add(&new_request(a, b)).await.unwrap();
    unit.blocks().add(a, b, AT).await.unwrap();
    unit.conversations().ensure(a, &room, Some(Seq(1))).await.unwrap();
    unit.tell(a, event("told"), AT).await.unwrap();
    unit.owe(&room, &owed(), AT).await.unwrap();
    unit.settings().ensure("key", "value").await.unwrap();
}

/// How much of that a unit sees, by noun.
async fn seen(unit: &mut Unit, a: UserId, b: UserId) -> [bool; 11] {
    let room = private(a, b);
    [
        unit.users().find_by_username("carol").await.unwrap().is_some(),
        unit.users().credentials(a).await.unwrap().unwrap().password_hash == "changed",
        unit.sessions().find_by_access(&token_hash("access-phone")).await.unwrap().is_some(),
        !unit.sessions().list(a, AT).await.unwrap().is_empty(),
        unit.friends().get(b, a).await.unwrap().is_some(),
        !unit.friend_requests().list(b, Direction::In, None, 9).await.unwrap().is_empty(),
        unit.blocks().get(a, b).await.unwrap().is_some(),
        unit.conversations().get(a, &room).await.unwrap().is_some(),
        unit.user_log().head(a).await.unwrap() == Seq(1)
            && unit.user_log().read(a, Slice::After(START), 9).await.unwrap().len() == 1,
        !unit.outbox().list(&room, 9).await.unwrap().is_empty(),
        unit.settings().get("key").await.unwrap().is_some(),
    ]
}

fn owed() -> Task {
    Task::Append { kind: Kind::MESSAGE_SENT, content: json!({ "text": "welcome" }) }
}

fn missing_lock<T>(answer: &Result<T, RepoError>) -> bool {
    matches!(answer, Err(RepoError::Broken(_)))
}

pub async fn a_dropped_unit_leaves_no_trace(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    let mut unit = fresh.store.write(&[Lock::User(ids[0]), Lock::User(ids[1])]).await.unwrap();
    write_everything(&mut unit, ids[0], ids[1]).await;
    drop(unit);
    assert_eq!(seen(&mut fresh.read().await, ids[0], ids[1]).await, [false; 11]);
    let mut unit = fresh.write().await;
    assert_eq!(seen(&mut unit, ids[0], ids[1]).await, [false; 11]);
    assert_eq!(unit.sessions().take_ticket(&token_hash("ticket")).await.unwrap(), None);
}

pub async fn a_committed_unit_is_seen_by_every_later_one(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    let mut unit = fresh.store.write(&[Lock::User(ids[0]), Lock::User(ids[1])]).await.unwrap();
    write_everything(&mut unit, ids[0], ids[1]).await;
    commit(unit).await;
    assert_eq!(seen(&mut fresh.read().await, ids[0], ids[1]).await, [true; 11]);
    assert_eq!(seen(&mut fresh.write().await, ids[0], ids[1]).await, [true; 11]);
}

pub async fn a_unit_sees_its_own_changes_and_others_do_not_before_its_commit(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    let mut unit = fresh.store.write(&[Lock::User(ids[0]), Lock::User(ids[1])]).await.unwrap();
    write_everything(&mut unit, ids[0], ids[1]).await;
    assert_eq!(seen(&mut unit, ids[0], ids[1]).await, [true; 11]);
    assert_eq!(seen(&mut fresh.read().await, ids[0], ids[1]).await, [false; 11]);
    commit(unit).await;
}

pub async fn a_read_unit_sees_one_moment(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    let mut early = fresh.read().await;
    assert_eq!(seen(&mut early, ids[0], ids[1]).await, [false; 11]);
    let mut unit = fresh.store.write(&[Lock::User(ids[0]), Lock::User(ids[1])]).await.unwrap();
    write_everything(&mut unit, ids[0], ids[1]).await;
    commit(unit).await;
    assert_eq!(seen(&mut early, ids[0], ids[1]).await, [false; 11]);
    assert_eq!(seen(&mut fresh.read().await, ids[0], ids[1]).await, [true; 11]);
}

pub async fn a_write_unit_sees_what_was_committed_while_it_waited(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    let lock = [Lock::User(ids[0]), Lock::User(ids[1])];
    let first = fresh.store.write(&lock).await.unwrap();
    let store = fresh.store.clone();
    let (a, b) = (ids[0], ids[1]);
    let waiting = tokio::spawn(async move {
        let mut unit = store.write(&[Lock::User(a), Lock::User(b)]).await.unwrap();
        unit.friends().get(a, b).await.unwrap()
    });
    tokio::task::yield_now().await;
    let mut first = first;
    first.friends().add(a, b, AT).await.unwrap();
    commit(first).await;
    assert!(waiting.await.unwrap().is_some());
}

pub async fn a_conflict_undoes_nothing_else_of_its_unit(fresh: &Fresh) {
    let ann = user(&*fresh.store, "ann").await;
    let mut unit = fresh.write().await;
    let bob = unit.users().add(&new_user("bob")).await.unwrap();
    let taken = unit.users().add(&new_user("Ann")).await;
    assert!(matches!(taken, Err(RepoError::Conflict)), "{taken:?}");
    unit.friends().add(ann, bob, AT).await.unwrap();
    commit(unit).await;
    let mut unit = fresh.read().await;
    assert!(unit.users().get(bob).await.unwrap().is_some());
    assert!(unit.friends().get(bob, ann).await.unwrap().is_some());
}

pub async fn nobody_is_told_without_his_lock(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    let mut unit = fresh.store.write(&[Lock::User(ids[0])]).await.unwrap();
    assert!(missing_lock(&unit.tell(ids[1], event("refused"), AT).await));
    unit.tell(ids[0], event("told"), AT).await.unwrap();
    commit(unit).await;
    let mut unit = fresh.read().await;
    assert!(missing_lock(&unit.tell(ids[0], event("refused"), AT).await));
    assert_eq!(unit.user_log().heads(&ids).await.unwrap(), [Seq(1), START]);
}

pub async fn no_private_room_is_owed_without_both_locks(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    let room = private(ids[0], ids[1]);
    for locks in [vec![], vec![Lock::User(ids[0])], vec![Lock::User(ids[1])]] {
        let mut unit = fresh.store.write(&locks).await.unwrap();
        assert!(missing_lock(&unit.owe(&room, &owed(), AT).await), "{locks:?}");
        commit(unit).await;
    }
    let mut unit = fresh.store.write(&[Lock::User(ids[1]), Lock::User(ids[0])]).await.unwrap();
    let id = unit.owe(&room, &owed(), AT).await.unwrap();
    commit(unit).await;
    let tasks = fresh.read().await.outbox().list(&room, 9).await.unwrap();
    assert_eq!(tasks.into_iter().map(|(id, ..)| id).collect::<Vec<_>>(), [id]);
}

pub async fn a_commit_names_whom_it_told_and_which_rooms_it_owes(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    friends(&*fresh.store, ids[0], ids[1]).await;
    let room = private(ids[0], ids[1]);
    let mut unit = fresh.store.write(&[Lock::User(ids[0]), Lock::User(ids[1])]).await.unwrap();
    for (user, text) in [(ids[1], "first"), (ids[0], "second"), (ids[1], "third")] {
        unit.tell(user, event(text), AT).await.unwrap();
    }
    unit.owe(&room, &owed(), AT).await.unwrap();
    unit.owe(&room, &owed(), AT).await.unwrap();
    let told = unit.commit().await.unwrap().0;
    let numbers: Vec<_> = told.users.iter().map(|entry| (entry.user, entry.seq)).collect();
    assert_eq!(numbers, [(ids[1], Seq(1)), (ids[0], Seq(1)), (ids[1], Seq(2))]);
    assert_eq!(told.rooms.into_iter().collect::<Vec<RoomId>>(), [room]);
}

pub async fn a_commit_names_the_rooms_that_it_locked_though_it_owes_nothing(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    let id = group(&*fresh.store, &ids, 5).await;
    let room = private(ids[0], ids[1]);
    let locks = [Lock::User(ids[0]), Lock::User(ids[1]), Lock::Group(id), Lock::World(WorldId::FIRST)];
    for private in [false, true] {
        let mut unit = fresh.store.write(&locks).await.unwrap();
        let mut expected = vec![RoomId::Group(id), RoomId::World(WorldId::FIRST)];
        if private {
            unit.holds(room);
            expected.insert(0, room);
        }
        let told = unit.commit().await.unwrap().0;
        assert_eq!(told.rooms.into_iter().collect::<Vec<RoomId>>(), expected);
    }
}

pub async fn a_store_in_order_answers_a_ping(fresh: &Fresh) {
    fresh.store.ping().await.unwrap();
}
