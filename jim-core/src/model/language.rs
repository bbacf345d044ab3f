//! The languages that people are written to in.

/// A language that mails are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Chinese.
    Zh,
}

impl Language {
    /// Its subtag (BCP 47).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Language::En => "en",
            Language::Zh => "zh",
        }
    }

    /// The language of a subtag; English for any other.
    #[must_use]
    pub fn of(subtag: &str) -> Self {
        if subtag == "zh" { Language::Zh } else { Language::En }
    }
}
