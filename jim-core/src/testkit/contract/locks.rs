use super::tools::{at_once, patiently};
use crate::repo::Lock;
use crate::testkit::Fresh;
use crate::testkit::fixtures::{AT, commit, friends, users};

pub async fn what_is_counted_under_a_lock_holds_until_the_commit(fresh: &Fresh) {
    const MOST: u32 = 3;
    let ids = users(&*fresh.store, "user", 13).await;
    let owner = ids[0];
    let made = at_once(ids[1..].iter().map(|friend| {
        let (store, friend) = (fresh.store.clone(), *friend);
        async move {
            patiently(|| async {
                let mut unit = store.write(&[Lock::User(owner), Lock::User(friend)]).await?;
                let room = unit.friends().count(owner).await? < MOST;
                if room {
                    unit.friends().add(owner, friend, AT).await?;
                }
                let _ = unit.commit().await?;
                Ok(room)
            })
            .await
            .unwrap()
        }
    }))
    .await;
    assert_eq!(made.iter().filter(|made| **made).count(), 3, "{made:?}");
    assert_eq!(fresh.read().await.friends().count(owner).await.unwrap(), MOST);
}

pub async fn locks_named_in_either_order_do_not_wait_for_each_other(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 3).await;
    let orders = [[0, 1, 2], [2, 1, 0], [1, 2, 0], [0, 2, 1]];
    at_once((0..16).map(|n| {
        let store = fresh.store.clone();
        let locks = orders[n % orders.len()].map(|at| Lock::User(ids[at]));
        let told = ids[n % ids.len()];
        async move {
            patiently(|| async {
                let mut unit = store.write(&locks).await?;
                unit.users().set_password(told, "changed").await?;
                unit.commit().await.map(drop)
            })
            .await
            .unwrap();
        }
    }))
    .await;
}

pub async fn a_lock_may_be_named_twice(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 1).await;
    let mut unit = fresh.store.write(&[Lock::User(ids[0]), Lock::User(ids[0])]).await.unwrap();
    unit.users().set_password(ids[0], "changed").await.unwrap();
    commit(unit).await;
}

pub async fn a_dropped_unit_gives_its_locks_back(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    let locks = [Lock::User(ids[0]), Lock::User(ids[1])];
    for _ in 0..3 {
        let mut unit = fresh.store.write(&locks).await.unwrap();
        unit.friends().add(ids[0], ids[1], AT).await.unwrap();
        drop(unit);
    }
    friends(&*fresh.store, ids[0], ids[1]).await;
}

pub async fn reading_units_wait_for_nobody(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    let mut writing = fresh.store.write(&[Lock::User(ids[0])]).await.unwrap();
    writing.users().set_password(ids[0], "changed").await.unwrap();
    let mut one = fresh.read().await;
    let mut two = fresh.read().await;
    assert!(one.users().get(ids[0]).await.unwrap().is_some());
    assert!(two.users().get(ids[1]).await.unwrap().is_some());
    commit(writing).await;
}
