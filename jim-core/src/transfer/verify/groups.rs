//! Groups: as many members as they say, and one owner, who is the one they name.

use super::{Look, place};
use crate::repo::tables::{GROUPS, MEMBERS};
use crate::repo::{Res, Row, Value};

/// How an owner's role is stored.
const OWNER: i64 = 2;

/// How often a group that changes while it is looked at is looked at.
const TRIES: usize = 5;

pub(super) async fn check(look: &mut Look<'_>) -> Res<()> {
    look.progress.begin(GROUPS.name, 0);
    let mut above = Row::new();
    loop {
        let rows = look.page(&GROUPS, &mut above).await?;
        if rows.is_empty() {
            return Ok(());
        }
        for row in rows {
            group(look, row).await?;
            look.progress.step(1);
        }
    }
}

async fn group(look: &mut Look<'_>, mut row: Row) -> Res<()> {
    let id = row[0].int().unwrap_or_default();
    let mut said: Option<Vec<String>> = None;
    for _ in 0..TRIES {
        let wrong = wrong(look, &row).await?;
        let now = look.of.store.rows(&GROUPS, &[Value::Int(id - 1)], 1).await?;
        let Some(now) = now.into_iter().next() else { return Ok(()) };
        // Twice the same of a group that did not change meanwhile is true.
        if now == row && (wrong.is_empty() || said.as_ref() == Some(&wrong)) {
            for what in wrong {
                look.found(place(&GROUPS, &row), what);
            }
            return Ok(());
        }
        said = Some(wrong);
        row = now;
    }
    Ok(())
}

async fn wrong(look: &mut Look<'_>, group: &Row) -> Res<Vec<String>> {
    let (mut count, mut owners) = (0, Vec::new());
    let mut at = vec![group[0].clone(), Value::Int(0)];
    loop {
        let mut members = look.page(&MEMBERS, &mut at).await?;
        members.retain(|member| member[0] == group[0]);
        if members.is_empty() {
            break;
        }
        count += i64::try_from(members.len()).unwrap_or(i64::MAX);
        let role = MEMBERS.place("role");
        owners.extend(
            members.into_iter().filter(|member| member[role] == Value::Int(OWNER)).map(|member| member[1].clone()),
        );
    }
    let said = group[GROUPS.place("member_count")].int().unwrap_or_default();
    let mut wrong = Vec::new();
    if said != count {
        wrong.push(format!("it says that it has {said} members, and has {count}"));
    }
    // Of a group that has ended the owner may go too.
    let ended = group[GROUPS.place("dissolved_at")] != Value::Null;
    if !ended && owners != [group[GROUPS.place("owner_id")].clone()] {
        wrong.push("its owner is not the one member who owns it".into());
    }
    Ok(wrong)
}
