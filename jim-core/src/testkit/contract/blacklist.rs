use crate::model::group::Blacklisted;
use crate::testkit::Fresh;
use crate::testkit::fixtures::{AT, commit, group, users};

pub async fn who_is_blacklisted_is_so_once_in_one_group_by_the_first_word(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 3).await;
    let (id, other) = (group(&*fresh.store, &ids[..1], 5).await, group(&*fresh.store, &ids[..1], 5).await);
    let first = Blacklisted { user: ids[1], by: ids[0], at: AT };
    for (who, added) in [(first.clone(), true), (Blacklisted { by: ids[2], ..first.clone() }, false)] {
        let mut unit = fresh.write().await;
        assert_eq!(unit.blacklist().add(id, &who).await.unwrap(), added);
        commit(unit).await;
        assert_eq!(fresh.read().await.blacklist().list(id, None, 10).await.unwrap(), std::slice::from_ref(&first));
    }
    assert!(fresh.read().await.blacklist().contains(id, ids[1]).await.unwrap());
    assert!(!fresh.read().await.blacklist().contains(id, ids[2]).await.unwrap());
    assert!(!fresh.read().await.blacklist().contains(other, ids[1]).await.unwrap());
    for removed in [true, false] {
        let mut unit = fresh.write().await;
        assert_eq!(unit.blacklist().remove(id, ids[1]).await.unwrap(), removed);
        commit(unit).await;
        assert!(!fresh.read().await.blacklist().contains(id, ids[1]).await.unwrap());
    }
}

pub async fn a_blacklist_is_paged_by_id(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 6).await;
    let (id, other) = (group(&*fresh.store, &ids[..1], 5).await, group(&*fresh.store, &ids[..1], 5).await);
    let mut unit = fresh.write().await;
    for user in ids[1..].iter().rev() {
        let who = Blacklisted { user: *user, by: ids[0], at: AT };
        unit.blacklist().add(id, &who).await.unwrap();
        unit.blacklist().add(other, &who).await.unwrap();
    }
    commit(unit).await;
    let mut unit = fresh.read().await;
    let page = |rows: Vec<Blacklisted>| rows.into_iter().map(|row| row.user).collect::<Vec<_>>();
    assert_eq!(page(unit.blacklist().list(id, None, 3).await.unwrap()), ids[1..4]);
    assert_eq!(page(unit.blacklist().list(id, Some(ids[3]), 3).await.unwrap()), ids[4..]);
}
