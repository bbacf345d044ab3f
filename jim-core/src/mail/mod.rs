//! Mail: a port, and what the mails say. What needs a network or a folder stands behind the feature `mail`.

#[cfg(feature = "mail")]
mod compose;
#[cfg(feature = "mail")]
mod file;
#[cfg(feature = "mail")]
mod smtp;
mod templates;

use std::time::Duration;

use async_trait::async_trait;

use crate::model::Email;
use crate::secret::Secret;
use crate::time::Millis;

#[cfg(feature = "mail")]
pub use compose::Sender;
#[cfg(feature = "mail")]
pub use file::FileMailer;
#[cfg(feature = "mail")]
pub use smtp::SmtpMailer;
pub(crate) use templates::Words;

/// A mail to one person.
#[derive(Clone)]
pub struct Mail {
    /// Names it among all mails. One that is written anew, with a new code, is another.
    pub id: String,
    /// When it was written.
    pub at: Millis,
    /// Whom it goes to.
    pub to: Email,
    /// What it is about.
    pub subject: String,
    /// What it says, plain.
    pub text: Secret,
    /// The same in HTML.
    pub html: Secret,
}

/// Why a mail was not sent. Holds no word of the server's, which may name the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MailError {
    /// Nobody answers, or not as a mail server does.
    #[error("the mail server cannot be reached")]
    Unreachable,
    /// The server took too long.
    #[error("the mail server took too long")]
    Slow,
    /// The server said no, with this reply code of SMTP.
    #[error("the mail server refused with {0}")]
    Refused(u16),
    /// The mail cannot be written as it is.
    #[error("the mail cannot be written")]
    Unfit,
}

/// Takes mails on their way.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Hands a mail over. Ends within [`PATIENCE`], whatever the server does; a mail may have gone out all the same.
    async fn send(&self, mail: &Mail) -> Result<(), MailError>;

    /// Whether mails could be sent now.
    async fn check(&self) -> Result<(), MailError> {
        Ok(())
    }
}

/// The longest that one try may take.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// Says that a mail was written and nothing of it; for development.
#[derive(Debug, Default, Clone, Copy)]
pub struct LogMailer;

#[async_trait]
impl Mailer for LogMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        tracing::info!(mail.message_id = mail.id, mail.subject, "mail.written");
        Ok(())
    }
}
