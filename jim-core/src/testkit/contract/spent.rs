use super::tools::{at_once, patiently};
use crate::testkit::Fresh;
use crate::testkit::fixtures::{AT, commit};
use crate::time::Millis;

async fn spend(fresh: &Fresh, hash: &str, until: Millis) -> bool {
    let mut unit = fresh.write().await;
    let spent = unit.spent().spend(hash, until).await.unwrap();
    commit(unit).await;
    spent
}

pub async fn of_20_who_spend_one_thing_at_once_exactly_one_does(fresh: &Fresh) {
    let spenders = at_once((0..20).map(|_| {
        let store = fresh.store.clone();
        async move {
            patiently(|| async {
                let mut unit = store.write(&[]).await?;
                let spent = unit.spent().spend("one", Millis(AT.0 + 1)).await?;
                let _ = unit.commit().await?;
                Ok(spent)
            })
            .await
            .unwrap()
        }
    }))
    .await;
    assert_eq!(spenders.into_iter().filter(|spent| *spent).count(), 1);
    assert!(spend(fresh, "ONE", AT).await, "hashes are compared by their bytes");
}

pub async fn what_a_dropped_unit_spent_can_be_spent(fresh: &Fresh) {
    let mut unit = fresh.write().await;
    assert!(unit.spent().spend("one", AT).await.unwrap());
    drop(unit);
    assert!(spend(fresh, "one", AT).await);
    assert!(!spend(fresh, "one", AT).await);
}

pub async fn what_is_over_is_forgotten_and_the_rest_stays_spent(fresh: &Fresh) {
    for (hash, until) in [("old", AT.0 - 1), ("now", AT.0), ("new", AT.0 + 1)] {
        assert!(spend(fresh, hash, Millis(until)).await);
    }
    let mut unit = fresh.write().await;
    unit.spent().forget_before(AT).await.unwrap();
    commit(unit).await;
    for (hash, is_forgotten) in [("old", true), ("now", true), ("new", false)] {
        assert_eq!(spend(fresh, hash, AT).await, is_forgotten, "{hash}");
    }
}
