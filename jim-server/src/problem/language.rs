//! Which words a client wants.

use poem::http::HeaderValue;

pub(super) use jim_core::model::Language;

/// The better liked of the two languages by an `Accept-Language` header (RFC 9110, section 12.5.4); English by default.
pub(crate) fn liked(header: Option<&HeaderValue>) -> Language {
    let Some(header) = header.and_then(|header| header.to_str().ok()) else { return Language::En };
    let (mut en, mut zh) = (0.0, 0.0);
    for item in header.split(',') {
        let (range, weight) = item.split_once(';').unwrap_or((item, "q=1"));
        let weight: f32 = weight.trim().strip_prefix("q=").and_then(|q| q.parse().ok()).unwrap_or(0.0);
        let primary = range.trim().split('-').next().unwrap_or_default();
        if primary.eq_ignore_ascii_case("zh") {
            zh = weight.max(zh);
        } else if primary.eq_ignore_ascii_case("en") {
            en = weight.max(en);
        }
    }
    if zh > en { Language::Zh } else { Language::En }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_better_liked_language_wins() {
        for (header, expected) in [
            ("zh", Language::Zh),
            ("zh-CN,zh;q=0.9,en;q=0.8", Language::Zh),
            ("en-US,en;q=0.9,zh;q=0.8", Language::En),
            ("de, zh;q=0.3", Language::Zh),
            ("en;q=0.2, ZH-hant;q=0.3", Language::Zh),
            ("zh;q=0", Language::En),
            ("zh;q=x", Language::En),
            ("*", Language::En),
            ("zhx", Language::En),
            ("", Language::En),
        ] {
            assert_eq!(liked(Some(&HeaderValue::from_static(header))), expected, "{header}");
        }
        assert_eq!(liked(None), Language::En);
    }
}
