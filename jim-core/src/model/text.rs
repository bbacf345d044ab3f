//! What all texts have in common.

use validator::ValidateLength;

use super::Broken;
use super::limits::Range;

/// Holds a text to its length in characters.
pub(super) fn length(text: &str, range: Range) -> Result<(), Broken> {
    if !text.validate_length(Some(range.min.into()), None, None) {
        let detail =
            if range.min == 1 { "must not be empty".into() } else { format!("at least {} characters", range.min) };
        return Err(Broken::new("too_short", detail));
    }
    if !text.validate_length(None, Some(range.max.into()), None) {
        return Err(Broken::new("too_long", format!("at most {} characters", range.max)));
    }
    Ok(())
}

/// Whether something of a character is to be seen.
fn is_visible(char: char) -> bool {
    use unicode_general_category::GeneralCategory::{
        Control, Format, LineSeparator, ParagraphSeparator, SpaceSeparator, Unassigned,
    };
    let unseen = [Control, Format, LineSeparator, ParagraphSeparator, SpaceSeparator, Unassigned];
    !unseen.contains(&unicode_general_category::get_general_category(char))
}

/// A text of one line that people read: trimmed, without control characters, and not of invisible ones alone.
pub(super) fn line(text: &str, range: Range) -> Result<String, Broken> {
    let text = text.trim();
    length(text, range)?;
    if text.chars().any(char::is_control) {
        return Err(Broken::new("control_character", "no control characters"));
    }
    if !text.is_empty() && !text.chars().any(is_visible) {
        return Err(Broken::new("invisible", "something to be seen"));
    }
    Ok(text.into())
}

/// A text of several lines, kept to the byte.
pub(super) fn prose(text: &str, range: Range) -> Result<String, Broken> {
    length(text, range)?;
    if text.contains('\0') {
        return Err(Broken::new("control_character", "no NUL character"));
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_something_to_be_seen() {
        const RANGE: Range = Range { min: 1, max: 9 };
        for unseen in ["\u{200b}", "\u{202e}", "\u{feff}", "\u{200b} \u{2060}", "\u{ad}"] {
            assert_eq!(line(unseen, RANGE).map_err(|broken| broken.code), Err("invisible"), "{unseen:?}");
        }
        // Joiners and signs of direction among letters and emoji stay.
        for seen in ["a", "👩\u{200d}👧", "\u{200f}أ", "–", "½"] {
            assert_eq!(line(seen, RANGE).map_err(|broken| broken.code), Ok(seen.to_owned()));
        }
    }
}
