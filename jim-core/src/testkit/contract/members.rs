use super::tools::{at_once, patiently};
use crate::id::{GroupId, UserId};
use crate::model::group::{FOREVER, Former, MemberRow, Role};
use crate::model::user::UserState;
use crate::repo::{Lock, RepoError};
use crate::testkit::Fresh;
use crate::testkit::fixtures::{AT, commit, group, users};
use crate::time::Millis;

async fn count(fresh: &Fresh, id: GroupId) -> u32 {
    fresh.read().await.groups().get(id).await.unwrap().unwrap().member_count
}

pub async fn a_member_is_read_back_as_it_was_added_and_is_added_once(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    let id = group(&*fresh.store, &ids[..1], 5).await;
    let member = MemberRow {
        role: Role::Admin,
        nickname: Some("Boss".into()),
        muted_until: Some(FOREVER),
        ..MemberRow::new(id, ids[1], AT)
    };
    let mut unit = fresh.write().await;
    assert!(unit.members().add(&member).await.unwrap());
    commit(unit).await;
    assert_eq!(fresh.read().await.members().get(id, ids[1]).await.unwrap(), Some(member.clone()));
    let mut unit = fresh.write().await;
    let again = unit.members().add(&MemberRow::new(id, ids[1], AT)).await;
    assert!(matches!(again, Err(RepoError::Conflict)), "{again:?}");
    drop(unit);
    assert_eq!(fresh.read().await.members().get(id, ids[1]).await.unwrap(), Some(member));
    assert_eq!(count(fresh, id).await, 2);
}

pub async fn of_20_who_want_the_last_3_places_at_once_exactly_3_get_one(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 22).await;
    let id = group(&*fresh.store, &ids[..2], 5).await;
    let taken = at_once(ids[2..].iter().map(|user| {
        let (store, user) = (fresh.store.clone(), *user);
        async move {
            patiently(|| async {
                let mut unit = store.write(&[Lock::Group(id)]).await?;
                let added = unit.members().add(&MemberRow::new(id, user, AT)).await?;
                let _ = unit.commit().await?;
                Ok(added)
            })
            .await
            .unwrap()
        }
    }))
    .await;
    assert_eq!(taken.iter().filter(|taken| **taken).count(), 3, "{taken:?}");
    assert_eq!(fresh.read().await.members().list(id, None, 100).await.unwrap().len(), 5);
    assert_eq!(count(fresh, id).await, 5);
}

pub async fn a_removed_member_is_gone_once_and_leaves_a_place(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 3).await;
    let id = group(&*fresh.store, &ids[..2], 2).await;
    for (user, removed, left) in [(ids[2], false, 2), (ids[1], true, 1), (ids[1], false, 1)] {
        let mut unit = fresh.write().await;
        assert_eq!(unit.members().remove(id, user).await.unwrap(), removed);
        commit(unit).await;
        assert_eq!(count(fresh, id).await, left);
        assert_eq!(fresh.read().await.members().get(id, user).await.unwrap(), None);
    }
    let mut unit = fresh.write().await;
    assert!(unit.members().add(&MemberRow::new(id, ids[2], AT)).await.unwrap());
    assert!(!unit.members().add(&MemberRow::new(id, ids[1], AT)).await.unwrap());
}

pub async fn set_replaces_role_nickname_and_mute_of_one_member(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    let id = group(&*fresh.store, &ids, 5).await;
    let before = fresh.read().await.members().get(id, ids[0]).await.unwrap();
    let full = MemberRow {
        role: Role::Admin,
        nickname: Some("Deputy".into()),
        muted_until: Some(AT),
        ..MemberRow::new(id, ids[1], AT)
    };
    for member in [full, MemberRow::new(id, ids[1], AT)] {
        let mut unit = fresh.write().await;
        unit.members().set(&member).await.unwrap();
        commit(unit).await;
        assert_eq!(fresh.read().await.members().get(id, ids[1]).await.unwrap(), Some(member));
    }
    assert_eq!(fresh.read().await.members().get(id, ids[0]).await.unwrap(), before);
}

pub async fn members_are_paged_by_id_and_admins_are_counted_without_the_owner(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 7).await;
    let id = group(&*fresh.store, &ids, 9).await;
    group(&*fresh.store, &ids, 9).await;
    let mut unit = fresh.write().await;
    for user in &ids[3..5] {
        unit.members().set(&MemberRow { role: Role::Admin, ..MemberRow::new(id, *user, AT) }).await.unwrap();
    }
    commit(unit).await;
    let mut unit = fresh.read().await;
    assert_eq!(unit.members().admins(id).await.unwrap(), 2);
    let mut listed: Vec<UserId> = Vec::new();
    while listed.len() < 7 {
        let page = unit.members().list(id, listed.last().copied(), 3).await.unwrap();
        assert!(!page.is_empty() && page.len() <= 3);
        listed.extend(page.iter().map(|member| member.user));
    }
    assert_eq!(listed, ids);
    assert_eq!(unit.members().list(id, listed.last().copied(), 3).await.unwrap(), []);
}

pub async fn what_outlives_a_membership_is_kept_of_the_last_one(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    let (id, other) = (group(&*fresh.store, &ids[..1], 5).await, group(&*fresh.store, &ids, 5).await);
    assert_eq!(fresh.read().await.members().former(id, ids[1]).await.unwrap(), None);
    for (at, muted_until) in [(AT, Some(FOREVER)), (Millis(AT.0 + 7), Some(AT)), (Millis(AT.0 + 9), None)] {
        let mut unit = fresh.write().await;
        let before = unit.members().former(id, ids[1]).await.unwrap();
        let member = MemberRow { muted_until, ..MemberRow::new(id, ids[1], at) };
        assert!(unit.members().add(&member).await.unwrap());
        assert_eq!(unit.members().former(id, ids[1]).await.unwrap(), before, "it is not over");
        assert!(unit.members().remove(id, ids[1]).await.unwrap());
        assert!(!unit.members().remove(id, ids[1]).await.unwrap());
        commit(unit).await;
        let former = fresh.read().await.members().former(id, ids[1]).await.unwrap();
        assert_eq!(former, Some(Former { joined_at: at, muted_until }));
    }
    assert_eq!(fresh.read().await.members().former(other, ids[1]).await.unwrap(), None);
    assert_eq!(fresh.read().await.members().former(id, ids[0]).await.unwrap(), None);
}

pub async fn who_decides_is_the_owner_first_and_then_the_admins_by_id(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 6).await;
    let id = group(&*fresh.store, &[ids[3], ids[0], ids[1], ids[4], ids[5]], 9).await;
    group(&*fresh.store, &ids, 9).await;
    let mut unit = fresh.write().await;
    for user in [ids[5], ids[1]] {
        unit.members().set(&MemberRow { role: Role::Admin, ..MemberRow::new(id, user, AT) }).await.unwrap();
    }
    commit(unit).await;
    assert_eq!(fresh.read().await.members().deciders(id).await.unwrap(), [ids[3], ids[1], ids[5]]);
    assert_eq!(fresh.read().await.members().deciders(GroupId(id.0 + 9)).await.unwrap(), []);
}

pub async fn what_a_person_is_in_some_groups_comes_by_group(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    let mut groups = Vec::new();
    for n in 0..5 {
        let members = if n == 3 { &ids[..1] } else { &ids[..] };
        groups.push(group(&*fresh.store, members, 5).await);
    }
    let asked = [groups[4], groups[0], groups[3], groups[0], GroupId(groups[4].0 + 9), groups[2]];
    let listed = fresh.read().await.members().list_of(ids[1], &asked).await.unwrap();
    let expected = [0, 2, 4].map(|n| MemberRow::new(groups[n], ids[1], AT));
    assert_eq!(listed, expected);
    assert_eq!(fresh.read().await.members().list_of(ids[1], &[]).await.unwrap(), []);
}

pub async fn those_of_some_people_who_are_members_come_by_id(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 4).await;
    let (id, other) = (group(&*fresh.store, &ids[..3], 5).await, group(&*fresh.store, &ids, 5).await);
    let asked = [ids[2], ids[3], ids[1], ids[2]];
    let listed = fresh.read().await.members().list_by_id(id, &asked).await.unwrap();
    assert_eq!(listed, [ids[1], ids[2]].map(|user| MemberRow::new(id, user, AT)));
    assert_eq!(fresh.read().await.members().list_by_id(other, &[]).await.unwrap(), []);
}

pub async fn the_heir_is_the_oldest_admin_then_the_oldest_member_and_active_ones_first(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 5).await;
    let group = group(&*fresh.store, &ids[..1], 9).await;
    let mut unit = fresh.write().await;
    for (user, role, at) in
        [(ids[1], Role::Member, 1), (ids[2], Role::Admin, 9), (ids[3], Role::Admin, 5), (ids[4], Role::Member, 0)]
    {
        let member = MemberRow { role, ..MemberRow::new(group, user, Millis(AT.0 + at)) };
        assert!(unit.members().add(&member).await.unwrap());
    }
    commit(unit).await;
    let heir = async |of| fresh.read().await.members().heir(group, of).await.unwrap().map(|member| member.user);
    assert_eq!(heir(ids[0]).await, Some(ids[3]));
    for (off, next) in [(ids[3], Some(ids[2])), (ids[2], Some(ids[4])), (ids[4], Some(ids[1])), (ids[1], Some(ids[3]))]
    {
        let mut unit = fresh.write().await;
        unit.users().set_state(off, UserState::Disabled).await.unwrap();
        commit(unit).await;
        assert_eq!(heir(ids[0]).await, next, "without {off}");
    }
    for member in &ids[1..] {
        let mut unit = fresh.write().await;
        unit.members().remove(group, *member).await.unwrap();
        commit(unit).await;
    }
    assert_eq!(heir(ids[0]).await, None, "nobody else is left");
    assert_eq!(fresh.read().await.members().former_of(ids[1]).await.unwrap(), [group]);
    assert_eq!(fresh.read().await.members().former_of(ids[0]).await.unwrap(), []);
}
