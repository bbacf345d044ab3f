//! Mails as they go over the wire.

use std::time::{Duration, SystemTime};

use lettre::message::{Mailbox, MultiPart};
use lettre::{Address, Message};

use super::{Mail, MailError};

/// Whom mails come from.
#[derive(Debug, Clone)]
pub struct Sender(Mailbox);

impl Sender {
    /// Reads `no-reply@example.org` or `Name <no-reply@example.org>`.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let plain = !text.chars().any(char::is_control);
        let mailbox = text.parse().ok().filter(|_| plain);
        mailbox.map(Sender).ok_or("wants an address such as no-reply@example.org or Name <no-reply@example.org>")
    }

    /// The host part of the address.
    pub(super) fn domain(&self) -> &str {
        self.0.email.domain()
    }

    /// Writes a mail: text and HTML, of which the reader's program shows one.
    pub(super) fn compose(&self, mail: &Mail) -> Result<Message, MailError> {
        let to: Address = mail.to.as_str().parse().map_err(|_| MailError::Unfit)?;
        let at = u64::try_from(mail.at.0).unwrap_or_default();
        let parts = MultiPart::alternative_plain_html(mail.text.expose().to_owned(), mail.html.expose().to_owned());
        Message::builder()
            .from(self.0.clone())
            .to(Mailbox::new(None, to))
            .subject(&*mail.subject)
            .message_id(Some(format!("<{}@{}>", mail.id, self.domain())))
            .date(SystemTime::UNIX_EPOCH + Duration::from_millis(at))
            .multipart(parts)
            .map_err(|_| MailError::Unfit)
    }
}
