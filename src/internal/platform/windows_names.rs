//! The file names of Windows.

/// The names of devices, in every directory and with every extension.
const DEVICES: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];
/// The same with a digit behind them.
const NUMBERED: [&str; 2] = ["COM", "LPT"];
/// ISO 8859-1 has these digits as well, and Windows takes them for 1, 2 and 3.
const SUPERSCRIPTS: [&str; 3] = ["\u{b9}", "\u{b2}", "\u{b3}"];

/// Whether Windows takes a component of a path for the file of exactly this name. The name is
/// encoded as by [`OsStr::as_encoded_bytes`](std::ffi::OsStr::as_encoded_bytes).
///
/// A colon begins a drive before it or an alternate data stream behind it, dots and spaces at the
/// end are cut off, and some names are devices.
pub(super) fn is_plain(name: &[u8]) -> bool {
    let is_special = |byte: &u8| *byte < 0x20 || b"/\\:<>\"|?*".contains(byte);
    let Some(last) = name.last() else {
        return false;
    };
    !name.iter().any(is_special) && !b". ".contains(last) && !is_device(name)
}

fn is_device(name: &[u8]) -> bool {
    let end = name.iter().position(|byte| *byte == b'.');
    let stem = name[..end.unwrap_or(name.len())].trim_ascii_end();
    let numbered = |device: &str| {
        let (Some(start), Some(number)) = (stem.get(..3), stem.get(3..)) else {
            return false;
        };
        let is_digit = number.len() == 1 && number[0].is_ascii_digit();
        let is_superscript = SUPERSCRIPTS.iter().any(|it| it.as_bytes() == number);
        start.eq_ignore_ascii_case(device.as_bytes()) && (is_digit || is_superscript)
    };
    DEVICES
        .iter()
        .any(|device| stem.eq_ignore_ascii_case(device.as_bytes()))
        || NUMBERED.iter().any(|device| numbered(device))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_windows_takes_for_another_or_for_a_device_is_not_plain() {
        for name in [
            "",
            ".",
            "..",
            "a/b",
            "a\\b",
            "..\\x",
            "C:",
            "C:\\x",
            "c:d.ts",
            "\\\\host\\share\\x",
            "\\\\?\\C:\\x",
            "0.ts:stream",
            "0.ts::$DATA",
            "0.ts.",
            "0.ts ",
            "a*",
            "a?",
            "a\"b",
            "<a>",
            "a|b",
            "a\nb",
            "a\0b",
            "nul",
            "NUL.ts",
            "aux .ts",
            "Con.tar.gz",
            "prn",
            "conin$",
            "CONOUT$.x",
            "com0",
            "COM1.ts",
            "lpt9",
            "LPT\u{b2}",
        ] {
            assert!(!is_plain(name.as_bytes()), "{name:?}");
        }
        for name in [
            "0.ts",
            ".hidden",
            "..a",
            " 0.ts",
            "a b.ts",
            "\u{fc}.ts",
            "null.ts",
            "console",
            "com",
            "com10",
            "comb",
            "com\u{b4}",
            "x.nul",
            "aux-0.ts",
        ] {
            assert!(is_plain(name.as_bytes()), "{name:?}");
        }
    }
}
