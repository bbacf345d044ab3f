use super::tools::{at_once, patiently};
use crate::id::{Seq, UserId};
use crate::model::block::BlockRow;
use crate::repo::Lock;
use crate::testkit::Fresh;
use crate::testkit::fixtures::{AT, block, commit, users};
use crate::time::Millis;

async fn get(fresh: &Fresh, user: UserId, blocked: UserId) -> Option<BlockRow> {
    fresh.read().await.blocks().get(user, blocked).await.unwrap()
}

async fn cut(fresh: &Fresh, user: UserId, blocked: UserId, cut: i64) {
    let mut unit = fresh.write().await;
    unit.blocks().set_cut(user, blocked, Seq(cut)).await.unwrap();
    commit(unit).await;
}

async fn remove(fresh: &Fresh, user: UserId, blocked: UserId) -> bool {
    let mut unit = fresh.write().await;
    let removed = unit.blocks().remove(user, blocked).await.unwrap();
    commit(unit).await;
    removed
}

pub async fn a_block_is_its_owners_alone(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    block(&*fresh.store, ids[0], ids[1]).await;
    assert_eq!(get(fresh, ids[0], ids[1]).await, Some(BlockRow { blocked: ids[1], cut: None, at: AT }));
    assert_eq!(get(fresh, ids[1], ids[0]).await, None);
}

pub async fn two_who_block_each_other_at_once_both_do_and_each_removes_his_own(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    let added = at_once([(ids[0], ids[1]), (ids[1], ids[0])].map(|(user, blocked)| {
        let store = fresh.store.clone();
        async move {
            patiently(|| async {
                let mut unit = store.write(&[Lock::User(user), Lock::User(blocked)]).await?;
                let added = unit.blocks().add(user, blocked, AT).await?;
                let _ = unit.commit().await?;
                Ok(added)
            })
            .await
            .unwrap()
        }
    }))
    .await;
    assert_eq!(added, [true, true]);
    assert!(remove(fresh, ids[0], ids[1]).await);
    assert_eq!(get(fresh, ids[0], ids[1]).await, None);
    assert!(get(fresh, ids[1], ids[0]).await.is_some());
}

pub async fn a_second_block_of_the_same_changes_nothing(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    block(&*fresh.store, ids[0], ids[1]).await;
    cut(fresh, ids[0], ids[1], 5).await;
    let mut unit = fresh.write().await;
    assert!(!unit.blocks().add(ids[0], ids[1], Millis(1)).await.unwrap());
    commit(unit).await;
    assert_eq!(get(fresh, ids[0], ids[1]).await, Some(BlockRow { blocked: ids[1], cut: Some(Seq(5)), at: AT }));
}

pub async fn the_cut_is_set_once(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 3).await;
    block(&*fresh.store, ids[0], ids[1]).await;
    block(&*fresh.store, ids[1], ids[0]).await;
    for number in [0, 7, 3] {
        cut(fresh, ids[0], ids[1], number).await;
        assert_eq!(get(fresh, ids[0], ids[1]).await.unwrap().cut, Some(Seq(0)));
    }
    assert_eq!(get(fresh, ids[1], ids[0]).await.unwrap().cut, None);
    cut(fresh, ids[0], ids[2], 1).await;
    assert_eq!(get(fresh, ids[0], ids[2]).await, None);
}

pub async fn a_block_is_removed_once_and_a_later_one_is_new(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    block(&*fresh.store, ids[0], ids[1]).await;
    cut(fresh, ids[0], ids[1], 5).await;
    assert!(remove(fresh, ids[0], ids[1]).await);
    assert!(!remove(fresh, ids[0], ids[1]).await);
    let mut unit = fresh.write().await;
    assert!(unit.blocks().add(ids[0], ids[1], Millis(9)).await.unwrap());
    commit(unit).await;
    assert_eq!(get(fresh, ids[0], ids[1]).await, Some(BlockRow { blocked: ids[1], cut: None, at: Millis(9) }));
}

pub async fn blocks_are_paged_by_id_of_the_blocked(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 6).await;
    for blocked in [5, 0, 4, 1, 3] {
        block(&*fresh.store, ids[2], ids[blocked]).await;
    }
    block(&*fresh.store, ids[1], ids[2]).await;
    let mut unit = fresh.read().await;
    let mut page = async |after, limit| -> Vec<UserId> {
        unit.blocks().list(ids[2], after, limit).await.unwrap().into_iter().map(|row| row.blocked).collect()
    };
    assert_eq!(page(None, 2).await, [ids[0], ids[1]]);
    assert_eq!(page(Some(ids[1]), 2).await, [ids[3], ids[4]]);
    assert_eq!(page(Some(ids[4]), 2).await, [ids[5]]);
    assert_eq!(page(Some(ids[5]), 2).await, []);
}

pub async fn who_of_some_people_blocks_a_person_is_told(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 5).await;
    for blocker in [0, 3, 4] {
        block(&*fresh.store, ids[blocker], ids[1]).await;
    }
    block(&*fresh.store, ids[1], ids[2]).await;
    let mut unit = fresh.read().await;
    let mut blockers = unit.blocks().blockers(ids[1], &[ids[0], ids[2], ids[3]]).await.unwrap();
    blockers.sort_unstable();
    assert_eq!(blockers, [ids[0], ids[3]]);
    assert_eq!(unit.blocks().blockers(ids[1], &[]).await.unwrap(), []);
}
