//! Mails as files in a folder; for development and tests.

use std::path::{Path, PathBuf};

use async_trait::async_trait;

use super::{Mail, MailError, Mailer, Sender};

/// Writes each mail into a file of its own, `<id>.eml`, which only its owner can read.
pub struct FileMailer {
    folder: PathBuf,
    sender: Sender,
}

impl FileMailer {
    /// Mails into a folder, which is made if it is not there.
    pub fn open(folder: &Path, sender: Sender) -> std::io::Result<Self> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
        Ok(FileMailer { folder: folder.to_owned(), sender })
    }

    async fn write(&self, name: &str, bytes: &[u8]) -> std::io::Result<()> {
        let (unfinished, whole) = (self.folder.join(format!(".{name}")), self.folder.join(name));
        let mut options = tokio::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        options.mode(0o600);
        let mut file = options.open(&unfinished).await?;
        tokio::io::AsyncWriteExt::write_all(&mut file, bytes).await?;
        file.sync_all().await?;
        // Who sees a mail sees all of it.
        tokio::fs::rename(unfinished, whole).await
    }
}

#[async_trait]
impl Mailer for FileMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let written = self.sender.compose(mail)?.formatted();
        self.write(&format!("{}.eml", mail.id), &written).await.map_err(|_| MailError::Unreachable)
    }

    async fn check(&self) -> Result<(), MailError> {
        match tokio::fs::metadata(&self.folder).await {
            Ok(known) if known.is_dir() => Ok(()),
            _ => Err(MailError::Unreachable),
        }
    }
}
