//! Text of the elements of a reply. Stores differ in namespaces and in the elements that they add, so
//! an element is found by its name alone.

/// The text of the first element of this name.
pub(super) fn text(document: &str, name: &str) -> Option<String> {
    elements(document, name).next().map(unescape)
}

/// What is inside of the elements of this name, from the first to the last.
pub(super) fn elements<'a>(
    document: &'a str,
    name: &'a str,
) -> impl Iterator<Item = &'a str> + use<'a> {
    let mut rest = document;
    let end = format!("</{name}>");
    std::iter::from_fn(move || {
        loop {
            let (_, after) = rest.split_once(&format!("<{name}"))?;
            rest = after;
            // Not an element whose name is longer.
            let (attributes, inside) = after.split_once('>')?;
            let is_it = attributes.is_empty() || attributes.starts_with(char::is_whitespace);
            if !is_it || attributes.ends_with('/') {
                continue;
            }
            let (inside, after) = inside.split_once(&end)?;
            rest = after;
            return Some(inside);
        }
    })
}

fn unescape(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        rest = after;
        if let Some((entity, after)) = after.split_once(';')
            && let Some(character) = entity_of(entity)
        {
            plain.push(character);
            rest = after;
        } else {
            plain.push('&');
        }
    }
    plain.push_str(rest);
    plain
}

fn entity_of(entity: &str) -> Option<char> {
    let number = |text, radix| char::from_u32(u32::from_str_radix(text, radix).ok()?);
    match entity {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => match entity.strip_prefix("#x") {
            Some(digits) => number(digits, 16),
            None => number(entity.strip_prefix('#')?, 10),
        },
    }
}

/// The text with the characters escaped that mean something in XML.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_by_their_whole_name() {
        let document = "<?xml version=\"1.0\"?><L xmlns=\"x\"><KeyMarker/><Key>a</Key>\
            <Keys>b</Keys><Key a=\"1\">c</Key><Key/><Key>d";
        assert_eq!(elements(document, "Key").collect::<Vec<_>>(), ["a", "c"]);
        assert_eq!(text(document, "KeyMarker"), None);
        assert_eq!(text("<L>", "L"), None);
        assert_eq!(text("<L", "L"), None);
    }

    #[test]
    fn text_is_unescaped() {
        for (inside, expected) in [
            ("&quot;a&#34;&#x22;&apos;&amp;lt;", "\"a\"\"'&lt;"),
            ("&unknown;&#xFFFFFFFF;&", "&unknown;&#xFFFFFFFF;&"),
            ("", ""),
        ] {
            let document = format!("<E>{inside}</E>");
            assert_eq!(text(&document, "E").as_deref(), Some(expected));
        }
        let plain = "<a & \"b\">";
        assert_eq!(unescape(&escape(plain)), plain);
    }
}
