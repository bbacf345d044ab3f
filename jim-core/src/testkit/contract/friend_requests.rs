use super::tools::{at_once, one_won, patiently};
use crate::id::{FriendRequestId, UserId};
use crate::model::friend::{Direction, RequestRow, RequestStatus};
use crate::repo::{NewRequest, RepoError, Res};
use crate::testkit::Fresh;
use crate::testkit::fixtures::{AT, commit, new_request, users};

const NOTHING: FriendRequestId = FriendRequestId(1 << 40);

async fn add(fresh: &Fresh, request: &NewRequest) -> Res<FriendRequestId> {
    let mut unit = fresh.write().await;
    let id = unit.friend_requests().add(request).await?;
    commit(unit).await;
    Ok(id)
}

async fn get(fresh: &Fresh, id: FriendRequestId) -> Option<RequestRow> {
    fresh.read().await.friend_requests().get(id).await.unwrap()
}

async fn pending(fresh: &Fresh, from: UserId, to: UserId) -> Option<FriendRequestId> {
    fresh.read().await.friend_requests().find_pending(from, to).await.unwrap().map(|row| row.id)
}

async fn decide(fresh: &Fresh, id: FriendRequestId, status: RequestStatus, reason: Option<&str>) -> bool {
    let mut unit = fresh.write().await;
    let decided = unit.friend_requests().decide(id, status, reason).await.unwrap();
    commit(unit).await;
    decided
}

async fn remove(fresh: &Fresh, id: FriendRequestId) -> bool {
    let mut unit = fresh.write().await;
    let removed = unit.friend_requests().remove(id).await.unwrap();
    commit(unit).await;
    removed
}

pub async fn a_request_is_read_back_as_it_was_added_and_is_pending(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 3).await;
    let plain = new_request(ids[0], ids[1]);
    let muffled = NewRequest { note: None, muffled: true, ..new_request(ids[0], ids[2]) };
    for new in [plain, muffled] {
        let id = add(fresh, &new).await.unwrap();
        let expected = RequestRow {
            id,
            from: new.from,
            to: new.to,
            note: new.note,
            status: RequestStatus::Pending,
            reason: None,
            muffled: new.muffled,
            created_at: AT,
        };
        assert_eq!(get(fresh, id).await, Some(expected.clone()));
        let found = fresh.read().await.friend_requests().find_pending(new.from, new.to).await.unwrap();
        assert_eq!(found, Some(expected));
    }
    assert_eq!(get(fresh, NOTHING).await, None);
    assert_eq!(pending(fresh, ids[1], ids[0]).await, None);
}

pub async fn of_20_equal_requests_at_once_exactly_one_is_pending(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    let answers = at_once((0..20).map(|_| {
        let store = fresh.store.clone();
        let new = new_request(ids[0], ids[1]);
        async move {
            patiently(|| async {
                let mut unit = store.write(&[]).await?;
                let id = unit.friend_requests().add(&new).await?;
                let _ = unit.commit().await?;
                Ok(id)
            })
            .await
        }
    }))
    .await;
    assert!(one_won(&answers), "{answers:?}");
}

pub async fn a_pending_request_hinders_only_one_from_the_same_to_the_same(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 3).await;
    add(fresh, &new_request(ids[0], ids[1])).await.unwrap();
    let again = add(fresh, &NewRequest { muffled: true, note: None, ..new_request(ids[0], ids[1]) }).await;
    assert!(matches!(again, Err(RepoError::Conflict)), "{again:?}");
    add(fresh, &new_request(ids[1], ids[0])).await.unwrap();
    add(fresh, &new_request(ids[0], ids[2])).await.unwrap();
    add(fresh, &new_request(ids[2], ids[1])).await.unwrap();
}

pub async fn after_each_decision_one_may_ask_again(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    let mut asked = Vec::new();
    for status in [RequestStatus::Rejected, RequestStatus::Accepted, RequestStatus::Rejected] {
        let id = add(fresh, &new_request(ids[0], ids[1])).await.unwrap();
        assert!(decide(fresh, id, status, None).await);
        assert_eq!(pending(fresh, ids[0], ids[1]).await, None);
        asked.push(id);
    }
    let last = add(fresh, &new_request(ids[0], ids[1])).await.unwrap();
    assert_eq!(pending(fresh, ids[0], ids[1]).await, Some(last));
    asked.push(last);
    assert!(asked.is_sorted_by(|a, b| a < b), "{asked:?}");
}

pub async fn a_request_is_decided_once_and_keeps_its_answer(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 3).await;
    let id = add(fresh, &new_request(ids[0], ids[1])).await.unwrap();
    let other = add(fresh, &new_request(ids[0], ids[2])).await.unwrap();
    assert!(decide(fresh, id, RequestStatus::Rejected, Some("no 😀")).await);
    assert!(!decide(fresh, id, RequestStatus::Accepted, None).await);
    assert!(!decide(fresh, NOTHING, RequestStatus::Accepted, None).await);
    let row = get(fresh, id).await.unwrap();
    assert_eq!((row.status, row.reason.as_deref()), (RequestStatus::Rejected, Some("no 😀")));
    assert_eq!(get(fresh, other).await.unwrap().status, RequestStatus::Pending);
}

pub async fn a_list_is_newest_first_and_paged_downwards(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 6).await;
    let mut made = Vec::new();
    for asker in &ids[1..] {
        made.push(add(fresh, &new_request(*asker, ids[0])).await.unwrap());
    }
    made.reverse();
    let mut unit = fresh.read().await;
    let mut page = async |before, limit| -> Vec<FriendRequestId> {
        let page = unit.friend_requests().list(ids[0], Direction::In, before, limit).await.unwrap();
        page.into_iter().map(|row| row.id).collect()
    };
    assert_eq!(page(None, 2).await, made[..2]);
    assert_eq!(page(Some(made[1]), 2).await, made[2..4]);
    assert_eq!(page(Some(made[3]), 2).await, made[4..]);
    assert_eq!(page(Some(made[4]), 2).await, []);
}

pub async fn a_list_holds_one_direction_and_every_status(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 3).await;
    let rejected = add(fresh, &new_request(ids[0], ids[1])).await.unwrap();
    assert!(decide(fresh, rejected, RequestStatus::Rejected, None).await);
    let accepted = add(fresh, &new_request(ids[0], ids[1])).await.unwrap();
    assert!(decide(fresh, accepted, RequestStatus::Accepted, None).await);
    let back = add(fresh, &new_request(ids[1], ids[0])).await.unwrap();
    add(fresh, &new_request(ids[2], ids[1])).await.unwrap();
    let mut unit = fresh.read().await;
    let sent = unit.friend_requests().list(ids[0], Direction::Out, None, 9).await.unwrap();
    assert_eq!(sent.iter().map(|row| row.id).collect::<Vec<_>>(), [accepted, rejected]);
    let got = unit.friend_requests().list(ids[0], Direction::In, None, 9).await.unwrap();
    assert_eq!(got.iter().map(|row| row.id).collect::<Vec<_>>(), [back]);
}

pub async fn a_muffled_request_is_seen_by_the_one_who_asks_alone(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 3).await;
    let muffled = add(fresh, &NewRequest { muffled: true, ..new_request(ids[0], ids[1]) }).await.unwrap();
    let plain = add(fresh, &new_request(ids[2], ids[1])).await.unwrap();
    let mut unit = fresh.read().await;
    let got = unit.friend_requests().list(ids[1], Direction::In, None, 1).await.unwrap();
    assert_eq!(got.iter().map(|row| row.id).collect::<Vec<_>>(), [plain]);
    let below = unit.friend_requests().list(ids[1], Direction::In, Some(plain), 9).await.unwrap();
    assert_eq!(below, []);
    let sent = unit.friend_requests().list(ids[0], Direction::Out, None, 9).await.unwrap();
    assert_eq!(sent.iter().map(|row| row.id).collect::<Vec<_>>(), [muffled]);
}

pub async fn a_removed_request_is_gone_and_its_id_is_not_used_again(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    let first = add(fresh, &new_request(ids[0], ids[1])).await.unwrap();
    assert!(remove(fresh, first).await);
    assert!(!remove(fresh, first).await);
    assert_eq!(get(fresh, first).await, None);
    assert_eq!(pending(fresh, ids[0], ids[1]).await, None);
    let second = add(fresh, &new_request(ids[0], ids[1])).await.unwrap();
    assert!(second > first, "{second} after {first}");
}

pub async fn a_decided_request_can_be_removed(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    let id = add(fresh, &new_request(ids[0], ids[1])).await.unwrap();
    assert!(decide(fresh, id, RequestStatus::Rejected, None).await);
    assert!(remove(fresh, id).await);
    assert_eq!(get(fresh, id).await, None);
}
