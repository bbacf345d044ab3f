use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use captcha::Captcha;
use captcha::filters::{Dots, Noise, Wave};

use super::{CaptchaProvider, Question};
use crate::error::{Error, Result};

/// Signs that are told from one another also when they are bent and spotted, and by who knows no difference of case.
const SIGNS: &str = "ADEFHJKMNPRTWXY3479";
/// How many a picture has.
const LENGTH: usize = 5;
const WIDTH: u32 = 240;
const HEIGHT: u32 = 120;

/// Signs in a noisy picture.
#[derive(Debug, Clone, Copy, Default)]
pub struct Picture;

impl CaptchaProvider for Picture {
    fn kind(&self) -> &'static str {
        "image"
    }

    fn make(&self, _nonce: &str) -> Result<Question> {
        let signs: Vec<char> = SIGNS.chars().collect();
        let mut picture = Captcha::new();
        picture.set_chars(&signs);
        for _ in 0..LENGTH {
            picture.add_char();
        }
        picture
            .apply_filter(Noise::new(0.2))
            .apply_filter(Wave::new(2.0, 10.0).horizontal())
            .view(WIDTH, HEIGHT)
            .apply_filter(Dots::new(8).min_radius(3).max_radius(6));
        let answer = picture.chars_as_string();
        let png = picture.as_png().filter(|_| answer.chars().count() == LENGTH);
        let png = png.ok_or(Error::internal("a picture could not be drawn"))?;
        let image = format!("data:image/png;base64,{}", STANDARD.encode(png));
        Ok(Question { answer, image: Some(image), challenge: None })
    }

    fn fold(&self, _nonce: &str, answer: &str) -> Option<String> {
        let folded: String = answer.chars().filter(|sign| !sign.is_whitespace()).take(LENGTH + 1).collect();
        let folded = folded.to_ascii_uppercase();
        let fits = folded.chars().count() == LENGTH && folded.chars().all(|sign| SIGNS.contains(sign));
        fits.then_some(folded)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn pictures_differ_and_have_signs_that_are_told_from_one_another() {
        let made: Vec<Question> = (0..20).map(|_| Picture.make("n").unwrap()).collect();
        let answers: BTreeSet<&String> = made.iter().map(|question| &question.answer).collect();
        assert!(answers.len() > 15, "{answers:?}");
        for question in &made {
            assert_eq!(Picture.fold("n", &question.answer).as_ref(), Some(&question.answer));
            assert!(question.answer.chars().all(|sign| SIGNS.contains(sign)), "{}", question.answer);
            let image = question.image.as_ref().unwrap().strip_prefix("data:image/png;base64,").unwrap();
            assert!(STANDARD.decode(image).unwrap().starts_with(b"\x89PNG"));
        }
    }

    #[test]
    fn case_and_spaces_make_no_difference_and_what_is_no_sign_is_wrong() {
        assert_eq!(Picture.fold("n", " adE fh ").as_deref(), Some("ADEFH"));
        for wrong in ["", "ADEF", "ADEFHJ", "ADEF1", "ADEF\u{410}", &"A".repeat(100_000)] {
            assert_eq!(Picture.fold("n", wrong), None);
        }
    }
}
