//! Messages at a steady pace, and when each of them had reached everybody.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::Res;
use crate::bars::Plan;
use crate::crowd::Crowd;
use crate::http::{Connection, Template};
use crate::load::next_number;
use crate::process::Server;
use crate::sockets::Receivers;

/// Length of a message's text in bytes.
const TEXT: usize = 160;

/// What the messages of a round took, in seconds.
#[derive(Default)]
pub(crate) struct Paced {
    /// From the POST to its answer.
    pub(crate) answered: Vec<f64>,
    /// From the POST to the last of those who listen.
    pub(crate) reached: Vec<f64>,
}

/// Messages of a group's owner, one after the other, to all members who are logged in.
pub(crate) struct Pace {
    each_second: u32,
    receivers: Receivers,
    connection: Connection,
    template: Template,
    /// When each was posted, and how long its answer took.
    posted: Vec<(Instant, f64)>,
    /// How many of them warmed up.
    warm: usize,
}

impl Pace {
    /// Opens a socket for everybody and posts for as long as the warm-up lasts; then it may go on for so long.
    pub(crate) async fn begin(
        plan: &Plan,
        server: &Server,
        crowd: &Crowd,
        each_second: u32,
        most: Duration,
    ) -> Res<Self> {
        let mut receivers = Receivers::timed(messages(each_second, plan.warm_up + most));
        receivers.open_each(&server.address, &crowd.tokens).await?;
        let owner = crowd.tokens.first().ok_or("nobody is logged in")?;
        let connection = Connection::open(&server.address).await?;
        let template = Template::send(&crowd.room, owner, TEXT)?;
        let mut pace = Pace { each_second, receivers, connection, template, posted: Vec::new(), warm: 0 };
        pace.go_on(plan.warm_up).await?;
        pace.warm = pace.posted.len();
        Ok(pace)
    }

    /// Posts for a time.
    pub(crate) async fn go_on(&mut self, time: Duration) -> Res<()> {
        let mut beat = interval(Duration::from_secs(1) / self.each_second);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let end = Instant::now() + time;
        while beat.tick().await < end {
            let began = Instant::now();
            self.connection.ask(self.template.numbered(next_number())).await?;
            self.posted.push((began, began.elapsed().as_secs_f64()));
        }
        Ok(())
    }

    /// Waits until everybody has got everything. Returns what the messages took, without those that warmed up.
    pub(crate) async fn end(self) -> Res<Paced> {
        self.receivers.all(self.posted.len() as u64).await?;
        let mut paced = Paced::default();
        for (number, (began, answered)) in self.posted.iter().enumerate().skip(self.warm) {
            let last = self.receivers.last_arrival(number)?;
            paced.answered.push(*answered);
            paced.reached.push(last.duration_since(*began).as_secs_f64());
        }
        Ok(paced)
    }
}

/// More messages than are posted in a time, however often posting begins anew: then the first one goes at once.
fn messages(each_second: u32, time: Duration) -> usize {
    let seconds = usize::try_from(time.as_secs()).unwrap_or(usize::MAX);
    seconds.saturating_add(2).saturating_mul(2 * each_second as usize)
}
