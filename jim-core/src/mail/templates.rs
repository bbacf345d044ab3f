//! What the mails say. The first line of a text is its subject.

use std::time::Duration;

use crate::model::Language;
use crate::model::code::Purpose;
use crate::secret::Secret;

/// What a mail says, in one language.
pub(crate) struct Words {
    pub(crate) subject: String,
    pub(crate) text: Secret,
    pub(crate) html: Secret,
}

macro_rules! template {
    ($name:literal) => {
        (include_str!(concat!("templates/", $name, ".txt")), include_str!(concat!("templates/", $name, ".html")))
    };
}

impl Words {
    /// The mail with a code, which is good for so long.
    pub(crate) fn of(purpose: Purpose, language: Language, code: &Secret, good_for: Duration) -> Self {
        let (text, html) = match (purpose, language) {
            (Purpose::Email, Language::En) => template!("email.en"),
            (Purpose::Email, Language::Zh) => template!("email.zh"),
            (Purpose::Recovery, Language::En) => template!("recovery.en"),
            (Purpose::Recovery, Language::Zh) => template!("recovery.zh"),
        };
        let (subject, text) = text.split_once("\n\n").unwrap_or(("", text));
        // Neither can hold a sign that means something in HTML.
        let minutes = good_for.as_secs().div_ceil(60).to_string();
        let fill = |text: &str| Secret::new(text.replace("{code}", code.expose()).replace("{minutes}", &minutes));
        Words { subject: subject.to_owned(), text: fill(text), html: fill(html) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mail_has_a_subject_its_code_and_its_time_in_text_and_html() {
        let code = Secret::new("ACDEFGHJ");
        let mut subjects = std::collections::BTreeSet::new();
        for purpose in [Purpose::Email, Purpose::Recovery] {
            for language in [Language::En, Language::Zh] {
                let words = Words::of(purpose, language, &code, Duration::from_secs(601));
                assert_eq!(words.subject.is_ascii(), language == Language::En, "{}", words.subject);
                assert!(!words.subject.contains(['\n', '\r', '{']));
                for said in [words.text.expose(), words.html.expose()] {
                    assert!(said.contains("ACDEFGHJ") && said.contains("11") && !said.contains('{'), "{said}");
                    assert!(!said.contains("http"), "a mail has no link: {said}");
                }
                assert!(words.html.expose().contains(&format!("lang=\"{}\"", language.as_str())));
                subjects.insert(words.subject);
            }
        }
        assert_eq!(subjects.len(), 4);
    }
}
