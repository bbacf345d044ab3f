use super::tools::{at_once, patiently};
use crate::id::UserId;
use crate::testkit::Fresh;
use crate::testkit::fixtures::{commit, users};

async fn add(fresh: &Fresh, external: &str, user: UserId) -> bool {
    let mut unit = fresh.write().await;
    let added = unit.externals().add(external, user).await.unwrap();
    commit(unit).await;
    added
}

async fn find(fresh: &Fresh, external: &str) -> Option<UserId> {
    fresh.read().await.externals().find(external).await.unwrap()
}

pub async fn of_20_who_bind_one_id_at_once_exactly_one_does(fresh: &Fresh) {
    let people = users(&*fresh.store, "user", 20).await;
    let binders = at_once(people.into_iter().map(|user| {
        let store = fresh.store.clone();
        async move {
            patiently(|| async {
                let mut unit = store.write(&[]).await?;
                let added = unit.externals().add("x-1", user).await?;
                let _ = unit.commit().await?;
                Ok(added.then_some(user))
            })
            .await
            .unwrap()
        }
    }))
    .await;
    let bound: Vec<_> = binders.into_iter().flatten().collect();
    assert_eq!(bound.len(), 1);
    assert_eq!(find(fresh, "x-1").await, Some(bound[0]));
}

pub async fn ids_are_compared_by_their_bytes(fresh: &Fresh) {
    let people = users(&*fresh.store, "user", 4).await;
    let long = "x".repeat(255);
    for (external, user) in ["ann", "Ann", "ann ", &long].into_iter().zip(&people) {
        assert!(add(fresh, external, *user).await, "{external}");
        assert!(!add(fresh, external, people[0]).await, "{external}");
    }
    for (external, user) in ["ann", "Ann", "ann ", &long].into_iter().zip(&people) {
        assert_eq!(find(fresh, external).await, Some(*user), "{external}");
    }
    assert_eq!(find(fresh, "änn").await, None);
}

pub async fn an_account_that_is_gone_leaves_its_id_to_another(fresh: &Fresh) {
    let people = users(&*fresh.store, "user", 3).await;
    assert!(add(fresh, "x-1", people[0]).await && add(fresh, "x-2", people[1]).await);
    let mut unit = fresh.write().await;
    unit.externals().remove(people[0]).await.unwrap();
    unit.externals().remove(people[0]).await.unwrap();
    commit(unit).await;
    assert!(add(fresh, "x-1", people[2]).await);
    assert_eq!(find(fresh, "x-1").await, Some(people[2]));
    assert_eq!(find(fresh, "x-2").await, Some(people[1]));
}
