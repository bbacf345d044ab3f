//! Units on groups. What a unit locks is named before it begins; so whom a command concerns is read before, and read again
//! when they are locked.

use std::collections::BTreeSet;

use super::{Context, joining};
use crate::error::{Error, Result};
use crate::id::{GroupId, UserId};
use crate::model::group::{JoinPolicy, Role};
use crate::repo::{Lock, RepoError, Unit};

/// How often others may come among those concerned while one unit begins.
const TRIES: usize = 16;

/// Whom a command on a group concerns besides those whom it names.
#[derive(Debug, Clone, Copy)]
pub(super) enum Concerned {
    /// Who decides on requests to join; nobody where none are made.
    Deciders,
    /// Who waits to come in.
    Waiting,
    /// The same, where the group ends with this one's going.
    WaitingFor(UserId),
}

impl Concerned {
    async fn read(self, unit: &mut Unit, id: GroupId) -> Result<BTreeSet<UserId>> {
        match self {
            Concerned::Deciders => {
                let group = unit.groups().get(id).await?;
                match group.filter(|group| group.join_policy == JoinPolicy::Approval) {
                    Some(_) => Ok(unit.members().deciders(id).await?.into_iter().collect()),
                    None => Ok(BTreeSet::new()),
                }
            }
            Concerned::WaitingFor(user) => {
                let member = unit.members().get(id, user).await?;
                match member.filter(|member| member.role == Role::Owner) {
                    Some(_) => joining::waiting(unit, id).await,
                    None => Ok(BTreeSet::new()),
                }
            }
            Concerned::Waiting => joining::waiting(unit, id).await,
        }
    }
}

/// A unit that locks people and a group.
pub(super) async fn lock(context: &Context, people: &[UserId], id: GroupId) -> Result<Unit> {
    let mut locks: Vec<_> = people.iter().copied().map(Lock::User).collect();
    locks.push(Lock::Group(id));
    locks.sort_unstable();
    locks.dedup();
    Ok(context.logs.store.write(&locks).await?)
}

/// A unit that locks people, a group and whom it concerns; says who these are.
pub(super) async fn lock_with(
    context: &Context,
    people: &[UserId],
    id: GroupId,
    concerned: Concerned,
) -> Result<(Unit, BTreeSet<UserId>)> {
    let mut known = concerned.read(&mut context.read().await?, id).await?;
    for _ in 0..TRIES {
        let people: Vec<_> = people.iter().chain(&known).copied().collect();
        let mut unit = lock(context, &people, id).await?;
        let now = concerned.read(&mut unit, id).await?;
        if now.is_subset(&known) {
            return Ok((unit, now));
        }
        known = now;
    }
    Err(Error::Unavailable(RepoError::Busy))
}
