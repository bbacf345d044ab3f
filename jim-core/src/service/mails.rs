//! Mails on their way. Who wants one is answered at once; it is written when it goes, so that its code is never stored in
//! words, lives from then on, and is a new one each time it is tried.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::{Context, codes, recovery};
use crate::error::{Code, Result};
use crate::mail::{Mail, MailError, Mailer, PATIENCE, Words};
use crate::model::Email;
use crate::model::code::Purpose;
use crate::model::user::UserState;
use crate::repo::{NewMail, Unit, WaitingMail};
use crate::time::Millis;

/// How often it is looked for mails that other nodes or an earlier run left.
const LOOK: Duration = Duration::from_secs(1);
/// Mails that go at one time from one node.
const AT_ONCE: u16 = 16;
/// For how long a mail is one node's: longer than two tries.
const LEASE: Duration = PATIENCE.saturating_mul(4);
/// One address gets one mail in so much time.
const SPACING: Duration = Duration::from_mins(1);
/// After so long a mail is given up.
const GIVE_UP: Duration = Duration::from_hours(24);
/// The first pause after a mail did not go, which grows threefold up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_mins(30);
/// How often it is asked whether mails could go.
const CHECK: Duration = Duration::from_secs(10);
/// How long those on their way may take when the server stops.
const FAREWELL: Duration = Duration::from_secs(2);

/// The way out.
pub(crate) struct Post {
    mailer: Arc<dyn Mailer>,
    wanted: Notify,
    up: AtomicBool,
}

impl Post {
    pub(crate) fn new(mailer: Arc<dyn Mailer>) -> Self {
        Post { mailer, wanted: Notify::new(), up: AtomicBool::new(false) }
    }

    /// Whether mails could go when it was last seen.
    pub(crate) fn is_up(&self) -> bool {
        self.up.load(Ordering::Relaxed)
    }

    /// A server that refuses one mail is there.
    fn saw(&self, done: Result<(), MailError>) {
        self.up.store(!matches!(done, Err(MailError::Unreachable | MailError::Slow)), Ordering::Relaxed);
    }

    /// Tries again at once when the connection broke, as it may at any time. A server that is slow or says no may have the
    /// mail already, or wants a pause.
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let mut done = self.mailer.send(mail).await;
        if done == Err(MailError::Unreachable) {
            done = self.mailer.send(mail).await;
        }
        self.saw(done);
        done
    }
}

/// Leaves a mail to be sent.
pub(super) async fn want(context: &Context, mail: &NewMail) -> Result<()> {
    let post = context.post.as_ref().ok_or(Code::EmailOff)?;
    let mut unit = context.write(&[]).await?;
    unit.mails().add(mail, mail.at.minus(SPACING)).await?;
    context.logs.finish(unit).await?;
    post.wanted.notify_one();
    Ok(())
}

/// Sends mails until it is told to stop.
pub(crate) async fn run(context: &Context, shutdown: CancellationToken) {
    let Some(post) = &context.post else { return };
    let check = async {
        loop {
            post.saw(post.mailer.check().await);
            tokio::time::sleep(CHECK).await;
        }
    };
    let mut going = JoinSet::new();
    let send = async {
        let mut tick = tokio::time::interval(LOOK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = post.wanted.notified() => {}
            }
            while going.try_join_next().is_some() {}
            let places = usize::from(AT_ONCE).saturating_sub(going.len());
            match begin(context, u16::try_from(places).unwrap_or_default()).await {
                Ok(begun) => begun.into_iter().for_each(|(waiting, mail)| {
                    going.spawn(deliver(context.clone(), post.clone(), waiting, mail));
                }),
                Err(error) => tracing::warn!(error.cause = ?error, "mails were not looked for; it will be tried again"),
            }
        }
    };
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = check => {}
        () = send => {}
    }
    // What does not end now is tried again by whoever runs when its lease is over.
    let _ = tokio::time::timeout(FAREWELL, async { while going.join_next().await.is_some() {} }).await;
}

/// Takes mails whose time has come, and writes them.
async fn begin(context: &Context, limit: u16) -> Result<Vec<(WaitingMail, Mail)>> {
    let now = context.now();
    // Nearly always there is nothing, and looking must not cost a turn of the one writer.
    if limit == 0 || context.read().await?.mails().due(now, 1).await?.is_empty() {
        return Ok(Vec::new());
    }
    let mut begun = Vec::new();
    let mut unit = context.write(&[]).await?;
    for waiting in unit.mails().due(now, limit).await? {
        if waiting.wanted.at.plus(GIVE_UP) <= now {
            unit.mails().remove(waiting.id).await?;
            tracing::warn!(mail.id = waiting.id.0, tries = waiting.tries, "mail.given_up");
        } else {
            begun.extend(write(context, &mut unit, &waiting, now).await?);
        }
    }
    context.logs.finish(unit).await?;
    Ok(begun)
}

/// Begins a mail and writes it; `None` if it is not to go now, or goes to nobody.
async fn write(
    context: &Context,
    unit: &mut Unit,
    waiting: &WaitingMail,
    now: Millis,
) -> Result<Option<(WaitingMail, Mail)>> {
    let NewMail { purpose, user, email, language, .. } = &waiting.wanted;
    if let Some(last) = unit.mails().begun_to(email, waiting.id).await?
        && last.plus(SPACING) > now
    {
        unit.mails().put_off(waiting, last.plus(SPACING)).await?;
        return Ok(None);
    }
    if !unit.mails().begin(waiting, now, now.plus(LEASE)).await? {
        return Ok(None);
    }
    let (subject, shown) = match user {
        Some(user) => (codes::of_user(*user), Some(email.clone())),
        None => (codes::of_address(context, email), None),
    };
    let to = reader(unit, &waiting.wanted).await?;
    // An account that is gone leaves no code with its address.
    let code = match (&to, user) {
        (None, Some(_)) => None,
        // One is made for nobody too: what follows is answered alike.
        _ => Some(codes::make(context, unit, *purpose, subject, shown).await?),
    };
    let (Some(to), Some(code)) = (to, code) else {
        // Kept for a while as if it had gone: the next one waits as any other does.
        unit.mails().set_done(waiting.id).await?;
        return Ok(None);
    };
    let words = Words::of(*purpose, *language, &code, context.options.code_for);
    let id = URL_SAFE_NO_PAD.encode(&context.random.bits()[..16]);
    let mail = Mail { id, at: now, to, subject: words.subject, text: words.text, html: words.html };
    Ok(Some((WaitingMail { tries: waiting.tries + 1, ..waiting.clone() }, mail)))
}

/// Where a mail goes, if there is somebody to read it: to a bound address as its owner wrote it.
async fn reader(unit: &mut Unit, wanted: &NewMail) -> Result<Option<Email>> {
    match (wanted.purpose, wanted.user) {
        (Purpose::Email, Some(user)) => {
            let user = unit.users().get(user).await?.filter(|user| user.state == UserState::Active);
            Ok(user.map(|_| wanted.email.clone()))
        }
        (Purpose::Recovery, None) => {
            let Some(user) = recovery::whose(unit, &wanted.email).await? else { return Ok(None) };
            Ok(unit.emails().get(user.id).await?)
        }
        _ => Ok(None),
    }
}

/// Forgets mails that have gone out, as soon as nothing more depends on them; called now and then.
pub(super) async fn sweep(context: &Context) -> Result<()> {
    let mut unit = context.write(&[]).await?;
    unit.mails().forget_done(context.now().minus(SPACING)).await?;
    context.logs.finish(unit).await
}

async fn deliver(context: Context, post: Arc<Post>, begun: WaitingMail, mail: Mail) {
    let sent = post.send(&mail).await;
    if let Err(error) = sent {
        tracing::warn!(mail.id = begun.id.0, tries = begun.tries, error.cause = %error, "mail.failed");
    }
    let end = async {
        let mut unit = context.write(&[]).await?;
        match sent {
            Ok(()) => unit.mails().set_done(begun.id).await?,
            Err(_) => unit.mails().put_off(&begun, context.now().plus(pause(begun.tries))).await?,
        }
        context.logs.finish(unit).await
    };
    if let Err(error) = end.await {
        tracing::warn!(mail.id = begun.id.0, error.cause = ?error, "what became of a mail was not stored; it goes again");
    }
}

fn pause(tries: i64) -> Duration {
    let times = u32::try_from(tries - 1).unwrap_or_default().min(8);
    FIRST_PAUSE.saturating_mul(3_u32.pow(times)).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_half_an_hour() {
        let pauses = [1, 2, 3, 4, 5, 6, 7, 100].map(|tries| pause(tries).as_secs());
        assert_eq!(pauses, [5, 15, 45, 135, 405, 1215, 1800, 1800]);
        assert!(LEASE > PATIENCE * 2);
    }
}
