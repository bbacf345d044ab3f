use super::tools::{at_once, patiently};
use crate::model::Email;
use crate::model::code::Purpose;
use crate::repo::CodeRow;
use crate::testkit::Fresh;
use crate::testkit::fixtures::{AT, commit, token_hash};
use crate::time::Millis;

fn code(purpose: Purpose, subject: &str, hash: &str) -> CodeRow {
    let email = (purpose == Purpose::Email).then(|| Email::parse("Ann@example.org").unwrap());
    CodeRow { purpose, subject: subject.into(), hash: token_hash(hash), email, until: Millis(AT.0 + 600_000) }
}

async fn set(fresh: &Fresh, code: &CodeRow) {
    let mut unit = fresh.write().await;
    unit.codes().set(code).await.unwrap();
    commit(unit).await;
}

async fn guess_at(fresh: &Fresh, code: &CodeRow, now: Millis) -> Option<CodeRow> {
    let mut unit = fresh.write().await;
    let found = unit.codes().guess(code.purpose, &code.subject, now, 5).await.unwrap();
    commit(unit).await;
    found
}

async fn guess(fresh: &Fresh, code: &CodeRow) -> Option<CodeRow> {
    guess_at(fresh, code, AT).await
}

pub async fn a_code_is_read_back_as_it_was_set_for_its_purpose_and_subject_alone(fresh: &Fresh) {
    let codes = [code(Purpose::Email, "1", "a"), code(Purpose::Email, "11", "b"), code(Purpose::Recovery, "1", "c")];
    for code in &codes {
        assert_eq!(guess(fresh, code).await, None);
        set(fresh, code).await;
    }
    for code in &codes {
        assert_eq!(guess(fresh, code).await.as_ref(), Some(code));
    }
    assert_eq!(guess(fresh, &code(Purpose::Recovery, "11", "b")).await, None);
}

pub async fn a_code_bears_as_many_guesses_as_it_is_told(fresh: &Fresh) {
    let (code, other) = (code(Purpose::Email, "1", "a"), code(Purpose::Email, "2", "a"));
    set(fresh, &code).await;
    set(fresh, &other).await;
    for _ in 0..5 {
        assert!(guess(fresh, &code).await.is_some());
    }
    assert_eq!(guess(fresh, &code).await, None);
    assert!(guess(fresh, &other).await.is_some());
}

pub async fn a_guess_of_a_dropped_unit_does_not_count(fresh: &Fresh) {
    let code = code(Purpose::Email, "1", "a");
    set(fresh, &code).await;
    for _ in 0..8 {
        let mut unit = fresh.write().await;
        assert!(unit.codes().guess(code.purpose, &code.subject, AT, 5).await.unwrap().is_some());
    }
}

pub async fn the_old_code_dies_with_the_new_one_and_guesses_begin_anew(fresh: &Fresh) {
    let (old, new) = (code(Purpose::Email, "1", "old"), code(Purpose::Email, "1", "new"));
    set(fresh, &old).await;
    for _ in 0..5 {
        guess(fresh, &old).await;
    }
    set(fresh, &new).await;
    for _ in 0..5 {
        assert_eq!(guess(fresh, &old).await.as_ref(), Some(&new));
    }
    assert_eq!(guess(fresh, &new).await, None);
}

pub async fn a_code_lasts_for_its_time(fresh: &Fresh) {
    let code = code(Purpose::Email, "1", "a");
    set(fresh, &code).await;
    assert!(guess_at(fresh, &code, Millis(code.until.0 - 1)).await.is_some());
    assert_eq!(guess_at(fresh, &code, code.until).await, None);
    let later = CodeRow { until: Millis(code.until.0 + 1), ..self::code(Purpose::Email, "2", "b") };
    set(fresh, &later).await;
    let mut unit = fresh.write().await;
    unit.codes().forget_before(code.until).await.unwrap();
    commit(unit).await;
    assert_eq!(guess(fresh, &code).await, None, "it is not even stored");
    assert_eq!(guess(fresh, &later).await.as_ref(), Some(&later));
}

pub async fn a_removed_code_is_gone_once(fresh: &Fresh) {
    let code = code(Purpose::Recovery, "1", "a");
    set(fresh, &code).await;
    for removed in [true, false] {
        let mut unit = fresh.write().await;
        assert_eq!(unit.codes().remove(code.purpose, &code.subject).await.unwrap(), removed);
        commit(unit).await;
    }
    assert_eq!(guess(fresh, &code).await, None);
}

pub async fn of_20_who_guess_at_once_as_many_as_it_bears_get_the_code(fresh: &Fresh) {
    let code = code(Purpose::Email, "1", "a");
    set(fresh, &code).await;
    let found = at_once((0..20).map(|_| {
        let store = fresh.store.clone();
        async move {
            patiently(|| async {
                let mut unit = store.write(&[]).await?;
                let found = unit.codes().guess(Purpose::Email, "1", AT, 5).await?;
                let _ = unit.commit().await?;
                Ok(found)
            })
            .await
            .unwrap()
        }
    }))
    .await;
    assert_eq!(found.into_iter().flatten().count(), 5);
}
