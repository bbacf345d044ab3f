use super::tools::{at_once, patiently};
use crate::id::InvitationId;
use crate::model::joining::InvitationRow;
use crate::testkit::Fresh;
use crate::testkit::fixtures::{AT, commit, group, users};

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

pub async fn the_invitations_into_one_group_are_listed_by_who_is_invited(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 3).await;
    let (first, second) = (group(&*fresh.store, &ids[..1], 5).await, group(&*fresh.store, &ids[..1], 5).await);
    let mut unit = fresh.write().await;
    for (group, user) in [(first, ids[2]), (first, ids[1]), (second, ids[1])] {
        let new = InvitationRow { id: InvitationId(0), group, user, by: ids[0], created_at: AT };
        unit.invitations().add(&new).await.unwrap();
    }
    commit(unit).await;
    let mut unit = fresh.read().await;
    let mut listed = async |group, after, limit| {
        let rows = unit.invitations().list_of(group, after, limit).await.unwrap();
        assert!(rows.iter().all(|row| row.group == group));
        rows.into_iter().map(|row| row.user).collect::<Vec<_>>()
    };
    assert_eq!(listed(first, None, 9).await, ids[1..]);
    assert_eq!(listed(first, None, 1).await, ids[1..2]);
    assert_eq!(listed(first, Some(ids[1]), 9).await, ids[2..]);
    assert_eq!(listed(second, None, 9).await, ids[1..2]);
    assert_eq!(listed(second, Some(ids[1]), 9).await, []);
}
