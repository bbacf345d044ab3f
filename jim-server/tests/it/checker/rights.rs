//! Who may write in a room, and who is in it, as the room's own log says: number by number.

use std::collections::{BTreeMap, BTreeSet};

use super::Seen;

/// What an entry changes about the people of its room.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Change {
    /// Nothing.
    #[default]
    Nothing,
    /// Somebody is in from here on; the silence of all may spare him.
    Joined { user: i64, spared: bool },
    /// The silence of all spares somebody from here on, or no more.
    Ranked { user: i64, spared: bool },
    /// Somebody is not in from here on.
    Gone(i64),
    /// Somebody is silenced, until a time or for good.
    Muted { user: i64, until: Option<i64> },
    /// Somebody may write again.
    Unmuted(i64),
    /// Everybody is silenced.
    AllMuted,
    /// The silence of all is over.
    AllUnmuted,
}

/// The entries of all rooms, in the order of their numbers.
pub(super) type Logs<'a> = BTreeMap<(&'a str, i64), &'a Seen>;

/// What the log of one room has said so far. Of whom it says nothing, he may write.
#[derive(Default)]
struct Rights {
    inside: BTreeSet<i64>,
    gone: BTreeSet<i64>,
    spared: BTreeSet<i64>,
    muted: BTreeMap<i64, Option<i64>>,
    all: bool,
}

impl Rights {
    /// Whether the change changes anything; the log says nothing twice.
    fn apply(&mut self, change: &Change) -> bool {
        match *change {
            Change::Nothing => true,
            Change::Joined { user, spared } => {
                self.gone.remove(&user);
                self.rank(user, spared);
                self.inside.insert(user)
            }
            Change::Ranked { user, spared } => self.rank(user, spared),
            Change::Gone(user) => {
                // A mute belongs to a membership, and so does a rank.
                self.muted.remove(&user);
                self.spared.remove(&user);
                self.gone.insert(user);
                self.inside.remove(&user)
            }
            Change::Muted { user, until } => self.muted.insert(user, until) != Some(until),
            Change::Unmuted(user) => self.muted.remove(&user).is_some(),
            Change::AllMuted => !std::mem::replace(&mut self.all, true),
            Change::AllUnmuted => std::mem::take(&mut self.all),
        }
    }

    fn rank(&mut self, user: i64, spared: bool) -> bool {
        if spared { self.spared.insert(user) } else { self.spared.remove(&user) }
    }

    fn may_write(&self, user: i64, at: i64) -> bool {
        let muted = self.muted.get(&user).is_some_and(|until| until.is_none_or(|until| at < until));
        let silenced = muted || self.all && !self.spared.contains(&user);
        !silenced && !self.gone.contains(&user)
    }
}

/// What the logs say of themselves.
#[derive(Default)]
pub(super) struct Verdict<'a> {
    /// Messages of those who were silenced or gone where they stand.
    pub(super) silenced: usize,
    /// Changes that are said twice.
    pub(super) repeated: usize,
    /// By room and person.
    absences: BTreeMap<(&'a str, i64), Vec<Absence>>,
}

/// From this number on somebody is not in a room, until he joins again.
struct Absence {
    from: i64,
    join: Option<i64>,
}

impl<'a> Verdict<'a> {
    pub(super) fn of(logs: &Logs<'a>) -> Verdict<'a> {
        let mut verdict = Verdict::default();
        let mut rooms: BTreeMap<&str, Rights> = BTreeMap::new();
        for ((room, seq), seen) in logs {
            let rights = rooms.entry(room).or_default();
            if let (Some(name), Change::Nothing) = (&seen.name, &seen.change) {
                verdict.silenced += usize::from(!rights.may_write(name.by, seen.at));
            }
            verdict.repeated += usize::from(!rights.apply(&seen.change));
            match seen.change {
                Change::Gone(user) => {
                    verdict.absences.entry((room, user)).or_default().push(Absence { from: *seq, join: None });
                }
                Change::Joined { user, .. } => {
                    let last = verdict.absences.get_mut(&(*room, user)).and_then(|absences| absences.last_mut());
                    if let Some(Absence { join: join @ None, .. }) = last {
                        *join = Some(*seq);
                    }
                }
                _ => {}
            }
        }
        verdict
    }

    /// Whether somebody is not in a room at a number.
    pub(super) fn is_absent(&self, user: i64, room: &str, seq: i64) -> bool {
        let absences = self.absences.get(&(room, user));
        absences.is_some_and(|all| {
            all.iter().any(|absence| seq >= absence.from && absence.join.is_none_or(|join| seq < join))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Ack, History, Name, Reader, Report, check};
    use super::*;

    const ROOM: &str = "g:1";
    const OWNER: i64 = 1;
    const BEN: i64 = 2;

    fn entry(seq: i64, by: i64, client_ref: &str, change: Change) -> Seen {
        let name = Name { room: ROOM.into(), by, client_ref: client_ref.into() };
        Seen { room: ROOM.into(), seq, at: seq * 100, name: Some(name), change }
    }

    /// A log of which the owner sees everything; what is `None` is a message of the one who is spoken of.
    fn log(changes: &[Option<Change>]) -> Vec<Seen> {
        let mut log = vec![
            entry(1, OWNER, "#1", Change::Joined { user: OWNER, spared: true }),
            entry(2, OWNER, "#2", Change::Joined { user: BEN, spared: false }),
        ];
        for (seq, change) in (3..).zip(changes) {
            log.push(match change {
                Some(change) => entry(seq, OWNER, &format!("#{seq}"), change.clone()),
                None => entry(seq, BEN, &format!("m-{seq}"), Change::Nothing),
            });
        }
        log
    }

    fn reader(user: i64, from: i64, log: &[Seen], sockets: Vec<Vec<Seen>>) -> Reader {
        let last = log.last().map_or(0, |seen| seen.seq);
        let pages = vec![log.iter().filter(|seen| seen.seq >= from).cloned().collect()];
        let heads = [(ROOM.to_owned(), last)].into();
        Reader { user, heads, from: [(ROOM.to_owned(), from)].into(), sockets, pages, ..Reader::default() }
    }

    fn report(log: &[Seen]) -> Report {
        check(&History { acks: Vec::new(), readers: vec![reader(OWNER, 1, log, vec![log.to_vec()])] })
    }

    fn silenced(changes: &[Option<Change>]) -> usize {
        let report = report(&log(changes));
        assert_eq!(report, Report { silenced: report.silenced, ..Report::default() });
        report.silenced
    }

    #[test]
    fn nobody_is_silenced_who_writes_before_and_after_his_mute() {
        let muted = Change::Muted { user: BEN, until: None };
        assert_eq!(silenced(&[None, Some(muted), Some(Change::Unmuted(BEN)), None]), 0);
    }

    #[test]
    fn a_message_of_a_muted_member_is_silenced_speech() {
        let muted = Change::Muted { user: BEN, until: None };
        assert_eq!(silenced(&[Some(muted.clone()), None, Some(Change::Unmuted(BEN)), None]), 1);
        assert_eq!(silenced(&[Some(muted), None, None]), 2);
    }

    #[test]
    fn a_mute_with_an_end_is_over_at_its_time_and_not_before() {
        let muted = |until| Some(Change::Muted { user: BEN, until: Some(until) });
        assert_eq!(silenced(&[muted(400), None, None]), 0);
        assert_eq!(silenced(&[muted(401), None, None]), 1);
        assert_eq!(silenced(&[muted(401), muted(501), None, None]), 1, "the later mute counts");
    }

    #[test]
    fn while_everybody_is_muted_only_those_are_silenced_who_are_not_spared() {
        assert_eq!(silenced(&[Some(Change::AllMuted), None, Some(Change::AllUnmuted), None]), 1);
        let mut log = log(&[Some(Change::AllMuted)]);
        log.push(entry(4, OWNER, "mine", Change::Nothing));
        assert_eq!(report(&log), Report::default());
        let ranked = |spared| Some(Change::Ranked { user: BEN, spared });
        assert_eq!(silenced(&[Some(Change::AllMuted), ranked(true), None, ranked(false), None]), 1);
    }

    #[test]
    fn a_mute_silences_also_whom_the_silence_of_all_spares() {
        let muted = Change::Muted { user: BEN, until: None };
        let spared = Change::Ranked { user: BEN, spared: true };
        assert_eq!(silenced(&[Some(spared), Some(muted), None]), 1);
    }

    #[test]
    fn a_message_of_a_removed_member_is_silenced_speech_until_he_comes_again() {
        let joined = Change::Joined { user: BEN, spared: false };
        let muted = Change::Muted { user: BEN, until: None };
        assert_eq!(silenced(&[Some(Change::Gone(BEN)), None, Some(joined.clone()), None]), 1);
        assert_eq!(silenced(&[Some(muted), Some(Change::Gone(BEN)), Some(joined), None]), 0, "his mute went with him");
    }

    #[test]
    fn a_change_that_the_log_says_twice_is_duplicated() {
        let joined = Change::Joined { user: BEN, spared: false };
        let muted = Change::Muted { user: BEN, until: None };
        for twice in [joined, muted, Change::AllMuted, Change::Gone(BEN)] {
            let changes = [Some(twice.clone()), Some(twice)];
            let duplicated = if matches!(changes[0], Some(Change::Joined { .. })) { 2 } else { 1 };
            assert_eq!(report(&log(&changes)), Report { duplicated, ..Report::default() }, "{changes:?}");
        }
        for nothing in [Change::Unmuted(BEN), Change::AllUnmuted] {
            assert_eq!(report(&log(&[Some(nothing)])).duplicated, 1);
        }
    }

    /// What a member's socket brings of a log in which he goes at 4 and comes again at 6.
    fn pushed_to_ben(brought: &[i64]) -> Report {
        let joined = Change::Joined { user: BEN, spared: false };
        let mut log = log(&[None, Some(Change::Gone(BEN))]);
        log.push(entry(5, OWNER, "without", Change::Nothing));
        log.push(entry(6, OWNER, "#6", joined));
        log.push(entry(7, BEN, "again", Change::Nothing));
        let acks = log.iter().filter(|seen| seen.change == Change::Nothing).map(|seen| {
            let name = seen.name.clone().unwrap();
            Ack { name, seq: seen.seq }
        });
        let acks = acks.collect();
        let socket = log.iter().filter(|seen| brought.contains(&seen.seq)).cloned().collect();
        let readers = vec![reader(OWNER, 1, &log, Vec::new()), reader(BEN, 6, &log, vec![socket])];
        check(&History { acks, readers })
    }

    #[test]
    fn who_was_gone_for_a_while_need_not_know_what_happened_meanwhile() {
        assert_eq!(pushed_to_ben(&[2, 3, 6, 7]), Report { acked: 3, ..Report::default() });
    }

    #[test]
    fn a_push_to_somebody_who_is_gone_is_leaked() {
        assert_eq!(pushed_to_ben(&[2, 3, 4, 6, 7]), Report { acked: 3, leaked: 1, ..Report::default() });
        assert_eq!(pushed_to_ben(&[3, 4, 5, 7]), Report { acked: 3, leaked: 2, ..Report::default() });
    }
}
