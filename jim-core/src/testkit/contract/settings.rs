use std::collections::BTreeSet;

use super::tools::{at_once, patiently};
use crate::testkit::Fresh;
use crate::testkit::fixtures::commit;

pub async fn the_first_value_stands(fresh: &Fresh) {
    assert_eq!(fresh.read().await.settings().get("epoch").await.unwrap(), None);
    for value in ["one", "two"] {
        let mut unit = fresh.write().await;
        assert_eq!(unit.settings().ensure("epoch", value).await.unwrap(), "one");
        commit(unit).await;
        assert_eq!(fresh.read().await.settings().get("epoch").await.unwrap().as_deref(), Some("one"));
    }
    let mut unit = fresh.write().await;
    assert_eq!(unit.settings().ensure("Epoch", "other").await.unwrap(), "other");
}

pub async fn of_20_who_ensure_at_once_all_get_the_same_value(fresh: &Fresh) {
    let answers = at_once((0..20).map(|n| {
        let store = fresh.store.clone();
        async move {
            patiently(|| async {
                let mut unit = store.write(&[]).await?;
                let value = unit.settings().ensure("key", &format!("value-{n}")).await?;
                let _ = unit.commit().await?;
                Ok(value)
            })
            .await
            .unwrap()
        }
    }))
    .await;
    let distinct: BTreeSet<_> = answers.into_iter().collect();
    let stands = fresh.read().await.settings().get("key").await.unwrap();
    assert_eq!(distinct.into_iter().collect::<Vec<_>>(), stands.into_iter().collect::<Vec<_>>());
}

pub async fn a_value_is_set_whether_there_is_one_or_not(fresh: &Fresh) {
    for value in ["one", "two", "two"] {
        let mut unit = fresh.write().await;
        unit.settings().set("key", value).await.unwrap();
        assert_eq!(unit.settings().get("key").await.unwrap().as_deref(), Some(value));
        commit(unit).await;
        let mut unit = fresh.read().await;
        assert_eq!(unit.settings().get("key").await.unwrap().as_deref(), Some(value));
        assert_eq!(unit.settings().get("other").await.unwrap(), None);
    }
}
