//! The history checker: holds what senders were told against what readers saw. A pure function; nothing here talks
//! to a server.

mod rights;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub(crate) use rights::Change;
use rights::{Logs, Verdict};

/// What stands for one message: the room, who sent it, and the reference he gave it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name {
    pub(crate) room: String,
    pub(crate) by: i64,
    pub(crate) client_ref: String,
}

/// One attempt to send that was answered 2xx, with the number that the answer told.
#[derive(Debug, Clone)]
pub(crate) struct Ack {
    pub(crate) name: Name,
    pub(crate) seq: i64,
}

/// An entry as a reader saw it. A stub does not show what it stands for.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) room: String,
    pub(crate) seq: i64,
    /// Its time, in milliseconds.
    pub(crate) at: i64,
    /// `None` for a hidden stub. What is no message is named by its number, type and content.
    pub(crate) name: Option<Name>,
    /// What it changes about the people of the room.
    pub(crate) change: Change,
}

/// What one reader saw: the pushes of each of his sockets and the pages of history that he read, each in the order in
/// which they came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reader {
    /// Who he is.
    pub(crate) user: i64,
    /// The rooms he must know, and the last number of each when he stopped.
    pub(crate) heads: BTreeMap<String, i64>,
    /// The first number of each that he must know; 1 where nothing is said. What is before is from before his join.
    pub(crate) from: BTreeMap<String, i64>,
    pub(crate) sockets: Vec<Vec<Seen>>,
    pub(crate) pages: Vec<Vec<Seen>>,
    /// Messages in whose place a stub is right too.
    pub(crate) hidable: BTreeSet<Name>,
    /// Messages that he must never see.
    pub(crate) forbidden: BTreeSet<Name>,
}

/// Everything that was recorded.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    pub(crate) acks: Vec<Ack>,
    pub(crate) readers: Vec<Reader>,
}

/// What became of the promises. All but `acked` must be zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Report {
    /// Messages whose sender was told that they are stored.
    pub(crate) acked: usize,
    /// Those of them that a reader of the room never saw where they were said to be.
    pub(crate) lost: usize,
    /// Messages that stand under two numbers, pushes that a socket got twice, and changes that a log says twice.
    pub(crate) duplicated: usize,
    /// Numbers that a reader never saw, and pages that skip one.
    pub(crate) gaps: usize,
    /// Pushes and pages that go back, and numbers that stand for one message here and for another there.
    pub(crate) reordered: usize,
    /// Forbidden messages that were seen, and pushes of a room to somebody who was not in it.
    pub(crate) leaked: usize,
    /// Messages of those who were silenced or removed where they stand.
    pub(crate) silenced: usize,
}

impl Report {
    /// The head of the table of which a report is a row.
    pub(crate) const HEAD: &str = "| acked | lost | duplicated | gaps | reordered | leaked | silenced |";

    /// Whether every promise was kept.
    pub(crate) fn is_clean(&self) -> bool {
        Report { acked: 0, ..*self } == Report::default()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { acked, lost, duplicated, gaps, reordered, leaked, silenced } = self;
        write!(f, "| {acked} | {lost} | {duplicated} | {gaps} | {reordered} | {leaked} | {silenced} |")
    }
}

/// Checks a history.
pub(crate) fn check(history: &History) -> Report {
    let acked: BTreeSet<&Name> = history.acks.iter().map(|ack| &ack.name).collect();
    let mut report = Report { acked: acked.len(), ..Report::default() };
    // Where each message stands, and what stands at each place, as anybody saw it or was told.
    let mut places: BTreeMap<&Name, BTreeSet<i64>> = BTreeMap::new();
    let mut names: BTreeMap<(&str, i64), BTreeSet<&Name>> = BTreeMap::new();
    for ack in &history.acks {
        places.entry(&ack.name).or_default().insert(ack.seq);
        names.entry((&ack.name.room, ack.seq)).or_default().insert(&ack.name);
    }
    let verdict = Verdict::of(&history.logs());
    for reader in &history.readers {
        let known = reader.known();
        for (place, seen) in &known {
            for name in seen {
                places.entry(name).or_default().insert(place.1);
                names.entry(*place).or_default().insert(name);
            }
        }
        report.lost += history.acks.iter().filter(|ack| reader.misses(ack, &known)).count();
        report.gaps += reader.holes(&known);
        reader.order(&mut report);
    }
    report.leaked = leaks(history).len();
    report.silenced = verdict.silenced;
    report.duplicated += verdict.repeated;
    report.duplicated += places.values().map(|places| places.len() - 1).sum::<usize>();
    report.reordered += names.values().map(|names| names.len() - 1).sum::<usize>();
    report
}

/// What was leaked, a line for each: forbidden messages that somebody saw, and pushes of rooms in which he was not.
pub(crate) fn leaks(history: &History) -> Vec<String> {
    let verdict = Verdict::of(&history.logs());
    let mut leaks = Vec::new();
    for reader in &history.readers {
        let user = reader.user;
        for ((room, seq), names) in reader.known() {
            let forbidden = names.into_iter().filter(|name| reader.forbidden.contains(*name));
            leaks.extend(
                forbidden.map(|name| format!("{user} saw {room}/{seq}, which was refused or hidden: {name:?}")),
            );
        }
        let pushes = reader.sockets.iter().flatten();
        let overheard = pushes.filter(|seen| verdict.is_absent(user, &seen.room, seen.seq));
        leaks.extend(overheard.map(|seen| format!("{user} was pushed {}/{} and not there", seen.room, seen.seq)));
    }
    leaks
}

/// What stands at each place that a reader saw; nothing for a stub.
type Known<'a> = BTreeMap<(&'a str, i64), BTreeSet<&'a Name>>;

impl History {
    /// The logs as all readers together saw them. Where they saw different things, the order is not one.
    fn logs(&self) -> Logs<'_> {
        let mut logs = Logs::new();
        let seen = self.readers.iter().flat_map(|reader| reader.sockets.iter().chain(&reader.pages)).flatten();
        for seen in seen.filter(|seen| seen.name.is_some()) {
            logs.entry((&seen.room, seen.seq)).or_insert(seen);
        }
        logs
    }
}

impl Reader {
    /// The first number of a room that he must know.
    fn from(&self, room: &str) -> i64 {
        self.from.get(room).copied().unwrap_or(1)
    }

    fn known(&self) -> Known<'_> {
        let mut known = Known::new();
        for seen in self.sockets.iter().chain(&self.pages).flatten() {
            known.entry((&seen.room, seen.seq)).or_default().extend(&seen.name);
        }
        known
    }

    /// Whether something acknowledged is not where the reader must see it.
    fn misses(&self, ack: &Ack, known: &Known) -> bool {
        if !self.heads.contains_key(&ack.name.room) || ack.seq < self.from(&ack.name.room) {
            return false;
        }
        match known.get(&(ack.name.room.as_str(), ack.seq)) {
            Some(names) if names.is_empty() => !self.hidable.contains(&ack.name),
            Some(names) => !names.contains(&ack.name),
            None => true,
        }
    }

    /// Counts the numbers up to each head that the reader must know and never saw.
    fn holes(&self, known: &Known) -> usize {
        let missing = |(room, head): (&String, &i64)| {
            let from = self.from(room);
            let due = usize::try_from(head + 1 - from).unwrap_or(0);
            due - known.range((room.as_str(), from)..(room.as_str(), from.max(head + 1))).count()
        };
        self.heads.iter().map(missing).sum()
    }

    /// Pushes of a room only rise, and nothing is pushed twice; a page goes up one by one.
    fn order(&self, report: &mut Report) {
        for socket in &self.sockets {
            let mut last: BTreeMap<&str, i64> = BTreeMap::new();
            for seen in socket {
                let last = last.entry(&seen.room).or_default();
                report.duplicated += usize::from(seen.seq == *last);
                report.reordered += usize::from(seen.seq < *last);
                *last = seen.seq.max(*last);
            }
        }
        for pair in self.pages.iter().flat_map(|page| page.windows(2)) {
            report.gaps += usize::from(pair[1].seq > pair[0].seq + 1);
            report.reordered += usize::from(pair[1].seq <= pair[0].seq);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: &str = "p:1:2";
    const LAST: i64 = 6;

    fn name(seq: i64) -> Name {
        Name { room: ROOM.into(), by: 1 + seq % 2, client_ref: format!("ref-{seq}") }
    }

    fn seen(seq: i64) -> Seen {
        Seen { room: ROOM.into(), seq, at: seq, name: Some(name(seq)), change: Change::Nothing }
    }

    /// Two readers: one got everything by push, the other read half of it.
    fn sound() -> History {
        let heads = BTreeMap::from([(ROOM.to_owned(), LAST)]);
        let acks = (1..=LAST).map(|seq| Ack { name: name(seq), seq }).collect();
        let pushed = Reader { heads, sockets: vec![(1..=LAST).map(seen).collect()], ..Reader::default() };
        let half = |range: std::ops::RangeInclusive<i64>| range.map(seen).collect::<Vec<_>>();
        let resumed = Reader { sockets: vec![half(1..=2), half(5..=6)], pages: vec![half(3..=4)], ..pushed.clone() };
        History { acks, readers: vec![pushed, resumed] }
    }

    fn clean() -> Report {
        Report { acked: 6, ..Report::default() }
    }

    /// The report of a sound history after one error was planted.
    fn planted(error: impl FnOnce(&mut History)) -> Report {
        let mut history = sound();
        error(&mut history);
        check(&history)
    }

    #[test]
    fn a_sound_history_is_clean() {
        assert_eq!(check(&sound()), clean());
        assert!(clean().is_clean());
        assert_eq!(clean().to_string(), "| 6 | 0 | 0 | 0 | 0 | 0 | 0 |");
        assert_eq!(clean().to_string().matches('|').count(), Report::HEAD.matches('|').count());
    }

    #[test]
    fn a_replay_with_the_same_answer_is_no_second_message() {
        assert_eq!(planted(|history| history.acks.push(history.acks[2].clone())), clean());
    }

    #[test]
    fn a_message_that_nobody_acknowledged_may_stand_in_the_log() {
        assert_eq!(planted(|history| drop(history.acks.remove(2))), Report { acked: 5, ..Report::default() });
    }

    #[test]
    fn an_acknowledged_message_that_is_missing_at_the_end_is_lost() {
        // The log ends before it, so there is no gap either.
        let report = planted(|history| {
            for reader in &mut history.readers {
                reader.heads.insert(ROOM.into(), LAST - 1);
                reader.sockets.last_mut().unwrap().pop();
            }
        });
        assert_eq!(report, Report { lost: 2, ..clean() });
    }

    #[test]
    fn an_acknowledged_message_that_is_a_stub_for_its_reader_is_lost() {
        let report = planted(|history| history.readers[1].pages[0][0].name = None);
        assert_eq!(report, Report { lost: 1, ..clean() });
    }

    #[test]
    fn an_acknowledged_message_in_whose_place_stands_another_is_lost() {
        let report = planted(|history| {
            history.acks.push(Ack { name: Name { client_ref: "phantom".into(), ..name(1) }, seq: 3 });
        });
        assert_eq!(report, Report { acked: 7, lost: 2, reordered: 1, ..Report::default() });
    }

    #[test]
    fn a_message_under_two_numbers_is_duplicated() {
        let report = planted(|history| {
            let twice = Seen { seq: LAST + 1, ..seen(3) };
            history.readers[0].heads.insert(ROOM.into(), LAST + 1);
            history.readers[0].sockets[0].push(twice);
        });
        assert_eq!(report, Report { duplicated: 1, ..clean() });
    }

    #[test]
    fn a_replay_that_is_told_another_number_is_duplicated() {
        let report = planted(|history| {
            history.acks.push(Ack { name: name(3), seq: LAST + 1 });
            history.readers[0].heads.insert(ROOM.into(), LAST);
        });
        // Nobody sees it where the second answer says either.
        assert_eq!(report, Report { duplicated: 1, lost: 2, ..clean() });
    }

    #[test]
    fn a_push_that_comes_twice_on_one_socket_is_duplicated() {
        let report = planted(|history| history.readers[0].sockets[0].push(seen(LAST)));
        assert_eq!(report, Report { duplicated: 1, ..clean() });
    }

    #[test]
    fn a_number_that_a_reader_never_sees_is_a_gap() {
        // Nobody was told that it is stored: nothing is lost, and still the hole is seen.
        let report = planted(|history| {
            history.acks.remove(2);
            history.readers[0].sockets[0].remove(2);
        });
        assert_eq!(report, Report { acked: 5, gaps: 1, ..Report::default() });
    }

    #[test]
    fn a_page_that_skips_a_number_is_a_gap_although_it_is_read_later() {
        let report = planted(|history| {
            let reader = &mut history.readers[1];
            reader.pages = vec![vec![seen(1), seen(3)], vec![seen(3), seen(4)]];
        });
        assert_eq!(report, Report { gaps: 1, ..clean() });
    }

    #[test]
    fn two_readers_who_see_another_order_are_reordered() {
        let report = planted(|history| {
            history.acks.truncate(2);
            history.readers[1].pages[0][0].name = Some(name(4));
            history.readers[1].pages[0][1].name = Some(name(3));
        });
        // Each of the two stands under two numbers, and under each number stand two.
        assert_eq!(report, Report { acked: 2, duplicated: 2, reordered: 2, ..Report::default() });
    }

    #[test]
    fn a_push_after_a_later_one_is_reordered() {
        let report = planted(|history| history.readers[0].sockets[0].swap(3, 4));
        assert_eq!(report, Report { reordered: 1, ..clean() });
    }

    #[test]
    fn a_page_that_goes_back_is_reordered() {
        let report = planted(|history| history.readers[1].pages[0].swap(0, 1));
        assert_eq!(report, Report { reordered: 1, ..clean() });
    }

    #[test]
    fn a_forbidden_message_that_is_seen_is_leaked_and_its_stub_is_not() {
        let forbid = |history: &mut History| history.readers[1].forbidden.extend([name(4)]);
        assert_eq!(planted(forbid), Report { leaked: 1, ..clean() });
        let hidden = planted(|history| {
            forbid(history);
            history.readers[1].hidable.insert(name(4));
            history.readers[1].pages[0][1].name = None;
        });
        assert_eq!(hidden, clean());
    }
}
