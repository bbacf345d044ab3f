use super::tools::{at_once, one_won, patiently};
use crate::id::{GroupId, InvitationId, JoinRequestId};
use crate::model::friend::RequestStatus;
use crate::model::joining::{InvitationRow, JoinRequestRow};
use crate::testkit::Fresh;
use crate::testkit::fixtures::{AT, commit, group, users};

fn request(group: GroupId, user: crate::id::UserId) -> JoinRequestRow {
    let (id, status) = (JoinRequestId(0), RequestStatus::Pending);
    JoinRequestRow { id, group, user, note: Some("It is me".into()), status, created_at: AT }
}

pub async fn a_person_has_one_invitation_into_a_group_by_the_first_word(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 3).await;
    let (first, second) = (group(&*fresh.store, &ids[..1], 5).await, group(&*fresh.store, &ids[..1], 5).await);
    let mut unit = fresh.write().await;
    let new = InvitationRow { id: InvitationId(0), group: first, user: ids[1], by: ids[0], created_at: AT };
    let id = unit.invitations().add(&new).await.unwrap();
    assert_eq!(unit.invitations().add(&InvitationRow { by: ids[2], ..new.clone() }).await.unwrap(), id);
    let other = unit.invitations().add(&InvitationRow { group: second, ..new.clone() }).await.unwrap();
    commit(unit).await;
    let mut unit = fresh.read().await;
    let row = InvitationRow { id, ..new };
    assert_eq!(unit.invitations().get(id).await.unwrap(), Some(row.clone()));
    assert_eq!(unit.invitations().find(first, ids[1]).await.unwrap(), Some(row.clone()));
    assert_eq!(unit.invitations().find(first, ids[2]).await.unwrap(), None);
    let listed = unit.invitations().list(ids[1], None, 9).await.unwrap();
    assert_eq!(listed.iter().map(|row| row.id).collect::<Vec<_>>(), [other, id], "newest first");
    assert_eq!(unit.invitations().list(ids[1], Some(other), 9).await.unwrap(), [row]);
    assert_eq!(unit.invitations().list(ids[0], None, 9).await.unwrap(), []);
}

pub async fn of_20_who_take_one_invitation_at_once_one_does(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    let group = group(&*fresh.store, &ids[..1], 5).await;
    let mut unit = fresh.write().await;
    let new = InvitationRow { id: InvitationId(0), group, user: ids[1], by: ids[0], created_at: AT };
    let id = unit.invitations().add(&new).await.unwrap();
    commit(unit).await;
    let taken = at_once((0..20).map(|_| {
        let store = fresh.store.clone();
        async move {
            patiently(|| async {
                let mut unit = store.write(&[]).await?;
                let taken = unit.invitations().remove(id).await?;
                let _ = unit.commit().await?;
                Ok(taken)
            })
            .await
            .unwrap()
        }
    }))
    .await;
    assert_eq!(taken.iter().filter(|taken| **taken).count(), 1, "{taken:?}");
    assert_eq!(fresh.read().await.invitations().get(id).await.unwrap(), None);
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
