use serde_json::json;

use crate::id::AuditId;
use crate::model::audit::{AuditFilter, AuditRow};
use crate::testkit::Fresh;
use crate::testkit::fixtures::{AT, commit, users};
use crate::time::Millis;

/// An act that says as little as one can.
fn new_row(action: &str, target: &str) -> AuditRow {
    AuditRow {
        id: AuditId(0),
        at: AT,
        by: None,
        action: action.into(),
        target: target.into(),
        ip: None,
        before: None,
        after: None,
    }
}

async fn add(fresh: &Fresh, row: &AuditRow) -> AuditId {
    let mut unit = fresh.write().await;
    let id = unit.audit().add(row).await.unwrap();
    commit(unit).await;
    id
}

async fn listed(fresh: &Fresh, filter: &AuditFilter, before: Option<AuditId>, limit: u16) -> Vec<AuditId> {
    let rows = fresh.read().await.audit().list(filter, before, limit).await.unwrap();
    rows.into_iter().map(|row| row.id).collect()
}

pub async fn an_act_is_read_back_as_it_was_written_down(fresh: &Fresh) {
    let ids = users(&*fresh.store, "root", 1).await;
    let full = AuditRow {
        by: Some(ids[0]),
        ip: Some("2001:db8::1".into()),
        before: Some(json!({ "state": "active" })),
        after: Some(json!({ "state": "disabled", "n": [1, null] })),
        at: Millis(AT.0 + 1),
        ..new_row("user.disabled", "user/3")
    };
    for row in [full, new_row("registration.changed", "registration")] {
        let id = add(fresh, &row).await;
        let read = fresh.read().await.audit().list(&AuditFilter::default(), None, 1).await.unwrap();
        assert_eq!(read, [AuditRow { id, ..row }]);
    }
    let mut unit = fresh.write().await;
    unit.audit().add(&new_row("user.enabled", "user/3")).await.unwrap();
    drop(unit);
    assert_eq!(listed(fresh, &AuditFilter::default(), None, 9).await.len(), 2, "an act that was not done is none");
}

pub async fn acts_come_newest_first_page_by_page_and_through_a_filter(fresh: &Fresh) {
    let root = users(&*fresh.store, "root", 1).await[0];
    let mut ids = Vec::new();
    for n in 0..12 {
        let (action, target) = ([("a.x"), "a.y"][n % 2], format!("user/{}", n % 3));
        let by = n.is_multiple_of(4).then_some(root);
        ids.push(add(fresh, &AuditRow { by, ..new_row(action, &target) }).await);
    }
    ids.reverse();
    let all = AuditFilter::default();
    assert_eq!(listed(fresh, &all, None, 99).await, ids);
    assert_eq!(listed(fresh, &all, None, 5).await, ids[..5]);
    assert_eq!(listed(fresh, &all, Some(ids[4]), 5).await, ids[5..10]);
    let number = |id: &AuditId| 11 - ids.iter().position(|other| other == id).unwrap();
    for by in [None, Some(root)] {
        for action in [None, Some("a.x"), Some("a.z")] {
            for target in [None, Some("user/1")] {
                let fits = |n: usize| {
                    by.is_none_or(|_| n.is_multiple_of(4))
                        && action.is_none_or(|action| action == ["a.x", "a.y"][n % 2])
                        && target.is_none_or(|target| target == format!("user/{}", n % 3))
                };
                let expected: Vec<_> = ids.iter().copied().filter(|id| fits(number(id))).collect();
                let filter = AuditFilter { by, action: action.map(Into::into), target: target.map(Into::into) };
                assert_eq!(listed(fresh, &filter, None, 99).await, expected, "{filter:?}");
            }
        }
    }
}
