//! Pictures that the server draws: texts as QR codes, in PNG (ISO/IEC 15948) of one bit for each point.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use qrcode::{Color, EcLevel, QrCode};

/// Points of a module of the code, either way.
const SCALE: usize = 6;
/// Light modules around the code, which scanners want.
const MARGIN: usize = 4;

/// A text as a picture, in a `data:` URL; `None` if it is too long for one.
pub(crate) fn of_text(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let width = code.width();
    let size = (width + 2 * MARGIN) * SCALE;
    let is_dark = |x: usize, y: usize| {
        let module = |at: usize| (at / SCALE).checked_sub(MARGIN).filter(|at| *at < width);
        module(x).zip(module(y)).is_some_and(|at| code[at] == Color::Dark)
    };
    Some(format!("data:image/png;base64,{}", STANDARD.encode(png(size, is_dark))))
}

fn png(size: usize, is_dark: impl Fn(usize, usize) -> bool) -> Vec<u8> {
    let mut rows = Vec::with_capacity(size * (size / 8 + 2));
    for y in 0..size {
        // No filter; then the points, a light one is 1.
        rows.push(0);
        for x in (0..size).step_by(8) {
            rows.push((x..x + 8).fold(0, |byte, x| byte << 1 | u8::from(x < size && !is_dark(x, y))));
        }
    }
    let edge = u32::try_from(size).unwrap_or_default().to_be_bytes();
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut out, *b"IHDR", &[&edge[..], &edge, &[1, 0, 0, 0, 0]].concat());
    chunk(&mut out, *b"IDAT", &zlib(&rows));
    chunk(&mut out, *b"IEND", &[]);
    out
}

fn chunk(out: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    let whole = [&kind[..], data].concat();
    out.extend_from_slice(&u32::try_from(data.len()).unwrap_or_default().to_be_bytes());
    out.extend_from_slice(&whole);
    out.extend_from_slice(&crc32fast::hash(&whole).to_be_bytes());
}

/// The form that PNG wants (RFC 1950), with the data as they are (RFC 1951, section 3.2.4): a picture is small anyway.
fn zlib(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x78, 0x01];
    let mut blocks = data.chunks(usize::from(u16::MAX)).peekable();
    while let Some(block) = blocks.next() {
        out.push(u8::from(blocks.peek().is_none()));
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(block);
    }
    let sum = data.iter().fold((1, 0), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    out.extend_from_slice(&(sum.1 << 16 | sum.0).to_be_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_drawn_as_a_picture_of_black_and_white() {
        let url = of_text("otpauth://totp/Jim:ann?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Jim").unwrap();
        let png = STANDARD.decode(url.strip_prefix("data:image/png;base64,").unwrap()).unwrap();
        assert!(png.starts_with(b"\x89PNG\r\n\x1a\n") && png.len() < 20_000);
        // A code of version 5 has 37 modules.
        assert_eq!(u32::from_be_bytes(png[16..20].try_into().unwrap()), 45 * 6);
        assert_eq!(of_text(&"x".repeat(5000)), None);
    }

    #[test]
    fn checksums_are_those_of_the_standards() {
        let out = zlib(b"Wikipedia");
        assert_eq!(out[out.len() - 4..], 0x11E6_0398_u32.to_be_bytes());
        assert_eq!(out[..7], [0x78, 0x01, 1, 9, 0, 0xf6, 0xff]);
        let long = zlib(&vec![7; 70_000]);
        assert_eq!((long[2], long[7 + 65_535]), (0, 1), "only the last block says that it is the last");
    }
}
