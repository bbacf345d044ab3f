//! A group as simply as it can be told.

use std::collections::{BTreeMap, BTreeSet};

use jim_core::error::Code;
use jim_core::model::RequestStatus;
use jim_core::model::group::{JoinPolicy, Role};

/// Places in the group, one less than there are people.
pub(super) const PLACES: usize = super::PEOPLE - 1;

/// What is kept of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) role: Role,
    pub(super) muted: bool,
}

/// What must be so after each step.
pub(super) struct Model {
    pub(super) members: BTreeMap<usize, Part>,
    /// Whether who went was muted.
    former: BTreeMap<usize, bool>,
    pub(super) blacklist: BTreeSet<usize>,
    /// Who invited whom.
    pub(super) invited: BTreeMap<usize, usize>,
    /// Requests in the order they were made.
    pub(super) asked: Vec<(usize, RequestStatus)>,
    pub(super) policy: JoinPolicy,
    muted: bool,
    dissolved: bool,
}

type Verdict = Result<(), Code>;

/// The first three are friends of each other, and nobody of the others.
pub(super) fn friends(a: usize, b: usize) -> bool {
    a < 3 && b < 3
}

fn check(may: bool, code: Code) -> Verdict {
    if may { Ok(()) } else { Err(code) }
}

impl Model {
    pub(super) fn new() -> Model {
        Model {
            members: BTreeMap::from([(0, Part { role: Role::Owner, muted: false })]),
            former: BTreeMap::new(),
            blacklist: BTreeSet::new(),
            invited: BTreeMap::new(),
            asked: Vec::new(),
            policy: JoinPolicy::Approval,
            muted: false,
            dissolved: false,
        }
    }

    fn acting(&self, who: usize) -> Result<Role, Code> {
        let part = self.members.get(&who).ok_or(Code::NotFound)?;
        check(!self.dissolved, Code::GroupDissolved).map(|()| part.role)
    }

    /// Whether somebody has at least a role, and one above that of whom he acts on.
    fn over(&self, who: usize, least: Role, target: Option<Role>) -> Verdict {
        let role = self.acting(who)?;
        check(role >= least && target.is_none_or(|target| target < role), Code::RoleRequired)
    }

    fn role(&self, who: usize) -> Option<Role> {
        self.members.get(&who).map(|part| part.role)
    }

    fn pending(&self, who: usize) -> Option<usize> {
        self.asked.iter().position(|(user, status)| *user == who && *status == RequestStatus::Pending)
    }

    fn settle(&mut self, who: usize, status: RequestStatus) {
        self.invited.remove(&who);
        if let Some(at) = self.pending(who) {
            self.asked[at].1 = status;
        }
    }

    fn let_in(&mut self, who: usize) -> Verdict {
        check(!self.blacklist.contains(&who), Code::Blacklisted)?;
        check(self.members.len() < PLACES, Code::GroupFull)?;
        let muted = self.former.get(&who).copied().unwrap_or_default();
        self.members.insert(who, Part { role: Role::Member, muted });
        self.settle(who, RequestStatus::Accepted);
        Ok(())
    }

    fn part(&mut self, who: usize) {
        if let Some(part) = self.members.remove(&who) {
            self.former.insert(who, part.muted);
        }
    }

    fn end(&mut self) {
        self.dissolved = true;
        self.invited.clear();
        for (_, status) in &mut self.asked {
            if *status == RequestStatus::Pending {
                *status = RequestStatus::Rejected;
            }
        }
    }

    pub(super) fn add(&mut self, who: usize, user: usize) -> Verdict {
        self.acting(who)?;
        if self.members.contains_key(&user) {
            return Ok(());
        }
        if friends(who, user) {
            return self.let_in(user);
        }
        check(!self.blacklist.contains(&user), Code::Blacklisted)?;
        self.invited.entry(user).or_insert(who);
        Ok(())
    }

    pub(super) fn leave(&mut self, who: usize) -> Verdict {
        let role = self.role(who).ok_or(Code::NotFound)?;
        check(self.dissolved || role != Role::Owner || self.members.len() == 1, Code::OwnerMustTransfer)?;
        self.part(who);
        if role == Role::Owner {
            self.end();
        }
        Ok(())
    }

    pub(super) fn remove(&mut self, who: usize, user: usize, blacklist: bool) -> Verdict {
        self.over(who, Role::Admin, self.acting(who).ok().and(self.role(user)))?;
        if blacklist {
            self.blacklist.insert(user);
            self.settle(user, RequestStatus::Rejected);
        }
        self.part(user);
        Ok(())
    }

    pub(super) fn let_back(&mut self, who: usize, user: usize) -> Verdict {
        self.over(who, Role::Admin, None)?;
        self.blacklist.remove(&user);
        Ok(())
    }

    pub(super) fn appoint(&mut self, who: usize, user: usize, role: Role) -> Verdict {
        self.acting(who)?;
        let target = self.role(user).ok_or(Code::NotFound)?;
        self.over(who, Role::Owner, Some(target))?;
        self.members.entry(user).and_modify(|part| part.role = role);
        Ok(())
    }

    pub(super) fn transfer(&mut self, who: usize, heir: usize) -> Verdict {
        self.over(who, Role::Owner, None)?;
        check(self.members.contains_key(&heir), Code::NotMember)?;
        self.members.entry(who).and_modify(|part| part.role = Role::Member);
        self.members.insert(heir, Part { role: Role::Owner, muted: false });
        Ok(())
    }

    pub(super) fn mute(&mut self, who: usize, user: usize, muted: bool) -> Verdict {
        self.acting(who)?;
        let target = self.role(user).ok_or(Code::NotFound)?;
        self.over(who, Role::Admin, Some(target))?;
        self.members.entry(user).and_modify(|part| part.muted = muted);
        Ok(())
    }

    pub(super) fn mute_all(&mut self, who: usize, muted: bool) -> Verdict {
        self.over(who, Role::Admin, None)?;
        self.muted = muted;
        Ok(())
    }

    pub(super) fn open_to(&mut self, who: usize, policy: JoinPolicy) -> Verdict {
        self.over(who, Role::Admin, None)?;
        self.policy = policy;
        Ok(())
    }

    pub(super) fn join(&mut self, who: usize) -> Verdict {
        let member = self.members.contains_key(&who);
        check(!(member && self.dissolved), Code::GroupDissolved)?;
        check(!member, Code::AlreadyMember)?;
        check(!self.dissolved && self.policy != JoinPolicy::Invite, Code::NotFound)?;
        check(!self.blacklist.contains(&who), Code::Blacklisted)?;
        if self.policy == JoinPolicy::Open {
            return self.let_in(who);
        }
        if self.pending(who).is_none() {
            self.asked.push((who, RequestStatus::Pending));
        }
        Ok(())
    }

    /// Follows an invitation that stands.
    pub(super) fn accept(&mut self, who: usize) -> Verdict {
        check(self.members.contains_key(&self.invited[&who]), Code::NotFound)?;
        self.let_in(who)
    }

    pub(super) fn decide(&mut self, who: usize, at: usize, yes: bool) -> Verdict {
        self.over(who, Role::Admin, None)?;
        let (user, status) = self.asked[at];
        check(status == RequestStatus::Pending, Code::JoinRequestDecided)?;
        if yes {
            return self.let_in(user);
        }
        self.asked[at].1 = RequestStatus::Rejected;
        Ok(())
    }

    pub(super) fn dissolve(&mut self, who: usize) -> Verdict {
        self.over(who, Role::Owner, None)?;
        self.end();
        Ok(())
    }

    pub(super) fn send(&self, who: usize) -> Verdict {
        let part = self.members.get(&who).ok_or(Code::NotFound)?;
        check(!self.dissolved, Code::GroupDissolved)?;
        check(!part.muted, Code::MemberMuted)?;
        check(!self.muted || part.role > Role::Member, Code::GroupMuted)
    }
}
