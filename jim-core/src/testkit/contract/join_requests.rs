use super::tools::{at_once, one_won, patiently};
use crate::id::{GroupId, JoinRequestId, UserId};
use crate::model::friend::RequestStatus;
use crate::model::joining::JoinRequestRow;
use crate::testkit::Fresh;
use crate::testkit::fixtures::{AT, commit, group, users};

fn request(group: GroupId, user: UserId) -> JoinRequestRow {
    let (id, status) = (JoinRequestId(0), RequestStatus::Pending);
    JoinRequestRow { id, group, user, note: Some("It is me".into()), status, created_at: AT }
}

pub async fn of_20_equal_requests_to_join_at_once_exactly_one_is_pending(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    let group = group(&*fresh.store, &ids[..1], 5).await;
    let user = ids[1];
    let asked = at_once((0..20).map(|_| {
        let store = fresh.store.clone();
        async move {
            patiently(|| async {
                let mut unit = store.write(&[]).await?;
                let id = unit.join_requests().add(&request(group, user)).await?;
                let _ = unit.commit().await?;
                Ok(id)
            })
            .await
        }
    }))
    .await;
    assert!(one_won(&asked), "{asked:?}");
    assert_eq!(fresh.read().await.join_requests().list(group, None, 50).await.unwrap().len(), 1);
}

pub async fn a_request_to_join_is_decided_once_and_can_be_made_again(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    let group = group(&*fresh.store, &ids[..1], 5).await;
    let mut made = Vec::new();
    for status in [RequestStatus::Rejected, RequestStatus::Accepted] {
        let mut unit = fresh.write().await;
        let id = unit.join_requests().add(&request(group, ids[1])).await.unwrap();
        let pending = JoinRequestRow { id, ..request(group, ids[1]) };
        assert_eq!(unit.join_requests().find_pending(group, ids[1]).await.unwrap(), Some(pending.clone()));
        assert!(unit.join_requests().decide(id, status).await.unwrap());
        assert!(!unit.join_requests().decide(id, RequestStatus::Rejected).await.unwrap());
        commit(unit).await;
        let mut unit = fresh.read().await;
        assert_eq!(unit.join_requests().get(id).await.unwrap(), Some(JoinRequestRow { status, ..pending }));
        assert_eq!(unit.join_requests().find_pending(group, ids[1]).await.unwrap(), None);
        made.insert(0, id);
    }
    let mut unit = fresh.read().await;
    let listed = unit.join_requests().list(group, None, 9).await.unwrap();
    assert_eq!(listed.iter().map(|row| row.id).collect::<Vec<_>>(), made, "newest first");
    assert_eq!(unit.join_requests().list(group, Some(made[0]), 9).await.unwrap().len(), 1);
    assert_eq!(unit.join_requests().list(group, None, 1).await.unwrap().len(), 1);
}

pub async fn pending_requests_for_a_group_are_paged_by_the_person(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 6).await;
    let (id, other) = (group(&*fresh.store, &ids[..1], 5).await, group(&*fresh.store, &ids[..1], 5).await);
    let mut unit = fresh.write().await;
    for user in ids[1..].iter().rev() {
        let request_id = unit.join_requests().add(&request(id, *user)).await.unwrap();
        unit.join_requests().add(&request(other, *user)).await.unwrap();
        if *user == ids[3] {
            assert!(unit.join_requests().decide(request_id, RequestStatus::Rejected).await.unwrap());
        }
    }
    commit(unit).await;
    let mut unit = fresh.read().await;
    let page = |rows: Vec<JoinRequestRow>| rows.into_iter().map(|row| row.user).collect::<Vec<_>>();
    let first = unit.join_requests().list_pending(id, None, 3).await.unwrap();
    assert!(first.iter().all(|row| row.group == id && row.status == RequestStatus::Pending));
    assert_eq!(page(first), [ids[1], ids[2], ids[4]]);
    assert_eq!(page(unit.join_requests().list_pending(id, Some(ids[4]), 3).await.unwrap()), [ids[5]]);
}

pub async fn the_pending_requests_of_one_person_are_listed(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 3).await;
    let mut requests = Vec::new();
    for _ in 0..3 {
        let group = group(&*fresh.store, &ids[..1], 5).await;
        let mut unit = fresh.write().await;
        for user in &ids[1..] {
            requests.push(unit.join_requests().add(&request(group, *user)).await.unwrap());
        }
        commit(unit).await;
    }
    let mut unit = fresh.write().await;
    unit.join_requests().decide(requests[2], RequestStatus::Accepted).await.unwrap();
    commit(unit).await;
    let listed = fresh.read().await.join_requests().list_of(ids[1]).await.unwrap();
    assert_eq!(listed.iter().map(|row| row.id).collect::<Vec<_>>(), [requests[0], requests[4]]);
    assert_eq!(fresh.read().await.join_requests().list_of(ids[0]).await.unwrap(), []);
}
