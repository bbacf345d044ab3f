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
    !BLANK.contains(&char) && !unseen.contains(&unicode_general_category::get_general_category(char))
}

/// Letters and signs that are drawn as nothing.
const BLANK: [char; 8] =
    ['\u{115f}', '\u{1160}', '\u{17b4}', '\u{17b5}', '\u{2800}', '\u{3164}', '\u{ffa0}', '\u{180e}'];

/// Whether a character ends a line, or turns what follows it around on the screen (Unicode Technical Report 36, section
/// 3.1).
fn is_control(char: char) -> bool {
    let turns = matches!(char, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    char.is_control() || turns
}

/// A text of one line that people read: trimmed, without control characters, and not of invisible ones alone.
pub(super) fn line(text: &str, range: Range) -> Result<String, Broken> {
    let text = text.trim();
    length(text, range)?;
    if text.chars().any(is_control) {
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
        for unseen in ["\u{200b}", "\u{3164}", "\u{2800}", "\u{feff}", "\u{200b} \u{2060}", "\u{ad}"] {
            assert_eq!(line(unseen, RANGE).map_err(|broken| broken.code), Err("invisible"), "{unseen:?}");
        }
        for turned in ["\u{202e}abc", "a\u{2066}b", "a\u{2028}b"] {
            assert_eq!(line(turned, RANGE).map_err(|broken| broken.code), Err("control_character"), "{turned:?}");
        }
        // Joiners and signs of direction among letters and emoji stay.
        for seen in ["a", "👩\u{200d}👧", "\u{200f}أ", "–", "½"] {
            assert_eq!(line(seen, RANGE).map_err(|broken| broken.code), Ok(seen.to_owned()));
        }
    }
}
