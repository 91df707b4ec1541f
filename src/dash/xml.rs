//! XML: a writer of lines, and the check of elements that are passed through.

use std::fmt;
use std::io;
use std::str::FromStr;

use quick_xml::events::attributes::Attribute;
use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};
use quick_xml::{Reader, Writer};

use super::error::{XmlError, XmlErrorKind};

/// An XML element that an MPD passes through: checked, and otherwise as it was given.
///
/// It is one well-formed element without comments, processing instructions, CDATA sections and
/// document types. Prefixes are declared in it; an element without a prefix and without a namespace
/// of its own is one of the MPD.
///
/// ```
/// use segment_stream::dash::XmlElement;
///
/// # fn main() -> Result<(), segment_stream::dash::XmlError> {
/// let protection: XmlElement = r#"<ContentProtection
///     xmlns:cenc="urn:mpeg:cenc:2013" cenc:default_KID="34e5db32-8625-47cd-ba06-68fca0655a72"
///     schemeIdUri="urn:mpeg:dash:mp4protection:2011" value="cenc"/>"#.parse()?;
/// assert_eq!(protection.name(), "ContentProtection");
/// assert!("<ContentProtection>".parse::<XmlElement>().is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct XmlElement {
    text: String,
    name: String,
}

impl XmlElement {
    /// The name of the element.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl FromStr for XmlElement {
    type Err = XmlError;

    fn from_str(text: &str) -> Result<Self, XmlError> {
        let text = text.trim();
        let is_space = |character: char| matches!(character, '\t' | '\n' | '\r');
        let odd = text
            .char_indices()
            .find(|(_, it)| !is_space(*it) && !is_xml(*it));
        if let Some((position, odd)) = odd {
            let why = format!("it contains the character {odd:?}");
            return Err(XmlError::new(XmlErrorKind::Character, position, why));
        }
        Checking::new(text).run()
    }
}

impl fmt::Debug for XmlElement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It may hold a key's identifier or licence.
        f.debug_struct("XmlElement")
            .field("name", &self.name)
            .field("bytes", &self.text.len())
            .finish()
    }
}

/// Whether a text can stand in an attribute or between tags: no control character, and none that
/// XML does not allow.
pub(crate) fn is_text(text: &str) -> bool {
    text.chars().all(is_xml)
}

fn is_xml(character: char) -> bool {
    !character.is_control() && !matches!(character, '\u{fffe}' | '\u{ffff}')
}

struct Checking<'a> {
    text: &'a str,
    reader: Reader<&'a [u8]>,
    /// The prefixes that each open element declares.
    open: Vec<Vec<String>>,
    root: Option<String>,
}

impl<'a> Checking<'a> {
    fn new(text: &'a str) -> Self {
        let mut reader = Reader::from_str(text);
        reader.config_mut().check_end_names = true;
        Self {
            text,
            reader,
            open: Vec::new(),
            root: None,
        }
    }

    fn run(mut self) -> Result<XmlElement, XmlError> {
        loop {
            let event = self.reader.read_event();
            let event = event.map_err(|error| self.malformed(&error.to_string()))?;
            match event {
                Event::Start(tag) => {
                    let prefixes = self.tag(&tag)?;
                    self.open.push(prefixes);
                }
                Event::Empty(tag) => drop(self.tag(&tag)?),
                Event::End(_) => drop(self.open.pop()),
                Event::Text(text) => self.between(&text)?,
                Event::GeneralRef(name) => self.reference(&name)?,
                Event::Eof => break,
                Event::Comment(_)
                | Event::CData(_)
                | Event::PI(_)
                | Event::Decl(_)
                | Event::DocType(_) => {
                    let why = "comments, instructions, CDATA and document types are not allowed";
                    return Err(self.error(XmlErrorKind::NotAllowed, why));
                }
            }
        }
        match self.root.take() {
            Some(name) if self.open.is_empty() => Ok(XmlElement {
                text: self.text.to_owned(),
                name,
            }),
            _ => Err(self.malformed("an element is not closed, or there is none")),
        }
    }

    fn tag(&mut self, tag: &BytesStart<'_>) -> Result<Vec<String>, XmlError> {
        let name = self.name(tag.name().as_ref())?;
        if self.open.is_empty() && self.root.replace(name.clone()).is_some() {
            return Err(self.malformed("there is more than one element"));
        }
        let mut prefixes = Vec::new();
        let mut used: Vec<String> = prefix(&name).map(str::to_owned).into_iter().collect();
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|error| self.malformed(&error.to_string()))?;
            let name = self.name(attribute.key.as_ref())?;
            self.value(&attribute)?;
            match (prefix(&name), name.split_once(':')) {
                (Some("xmlns"), Some((_, declared))) => prefixes.push(declared.to_owned()),
                (Some(prefix), _) => used.push(prefix.to_owned()),
                (None, _) => {}
            }
        }
        let is_declared = |prefix: &String| {
            let mut known = self.open.iter().flatten().chain(&prefixes);
            prefix == "xml" || known.any(|it| it == prefix)
        };
        match used.iter().find(|prefix| !is_declared(prefix)) {
            None => Ok(prefixes),
            Some(prefix) => {
                let why = format!("the prefix {prefix:?} is not declared");
                Err(self.error(XmlErrorKind::Prefix, why))
            }
        }
    }

    fn name(&self, text: &str) -> Result<String, XmlError> {
        let is_part = |part: &str| {
            let mut characters = part.chars();
            let is_first = |it: char| it.is_ascii_alphabetic() || it == '_';
            let is_next = |it: char| it.is_ascii_alphanumeric() || "_-.".contains(it);
            characters.next().is_some_and(is_first) && characters.all(is_next)
        };
        let is_name = match text.split_once(':') {
            None => is_part(text),
            Some((prefix, local)) => is_part(prefix) && is_part(local),
        };
        if is_name {
            Ok(text.to_owned())
        } else {
            Err(self.malformed(&format!("{text:?} is not a name in ASCII")))
        }
    }

    fn value(&self, attribute: &Attribute<'_>) -> Result<(), XmlError> {
        let value = &*attribute.value;
        if value.contains('<') {
            return Err(self.malformed("an attribute contains \"<\""));
        }
        for (at, _) in value.match_indices('&') {
            match value[at + 1..].split_once(';') {
                Some((name, _)) if is_reference(name) => {}
                _ => return Err(self.malformed("an attribute has an unknown reference")),
            }
        }
        Ok(())
    }

    fn between(&self, text: &str) -> Result<(), XmlError> {
        let is_inside = !self.open.is_empty();
        let is_space = text.bytes().all(|it| it.is_ascii_whitespace());
        if !is_inside && !is_space {
            return Err(self.malformed("there is text outside of the element"));
        }
        if text.contains("]]>") || text.contains('&') {
            return Err(self.malformed("a text contains \"]]>\" or a lone \"&\""));
        }
        Ok(())
    }

    fn reference(&self, name: &str) -> Result<(), XmlError> {
        if is_reference(name) && !self.open.is_empty() {
            Ok(())
        } else {
            Err(self.malformed("there is an unknown reference"))
        }
    }

    fn malformed(&self, why: &str) -> XmlError {
        self.error(XmlErrorKind::Malformed, format!("it is malformed: {why}"))
    }

    fn error(&self, kind: XmlErrorKind, why: impl Into<String>) -> XmlError {
        let position = usize::try_from(self.reader.buffer_position());
        XmlError::new(kind, position.unwrap_or_default(), why)
    }
}

fn prefix(name: &str) -> Option<&str> {
    name.split_once(':').map(|(prefix, _)| prefix)
}

/// Whether `&name;` stands for a character that XML allows.
fn is_reference(name: &str) -> bool {
    let Some(number) = name.strip_prefix('#') else {
        return matches!(name, "amp" | "lt" | "gt" | "quot" | "apos");
    };
    let code = match number.strip_prefix('x') {
        Some(digits) if digits.bytes().all(|it| it.is_ascii_hexdigit()) => {
            u32::from_str_radix(digits, 16)
        }
        None if number.bytes().all(|it| it.is_ascii_digit()) => number.parse(),
        _ => return false,
    };
    code.ok().and_then(char::from_u32).is_some_and(is_xml)
}

/// Writes elements, each on a line of its own.
pub(crate) struct Lines {
    writer: Writer<Vec<u8>>,
    depth: usize,
}

/// The attributes of an element, in the order in which they are written.
#[derive(Default)]
pub(crate) struct Attributes(Vec<(&'static str, String)>);

impl Attributes {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn with(self, name: &'static str, value: impl ToString) -> Self {
        self.maybe(name, Some(value))
    }

    pub(crate) fn maybe(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        let value = value.map(|value| (name, value.to_string()));
        self.0.extend(value);
        self
    }
}

impl Lines {
    pub(crate) fn new() -> Self {
        let declaration = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>";
        Self {
            writer: Writer::new(declaration.to_vec()),
            depth: 0,
        }
    }

    pub(crate) fn open(&mut self, name: &str, attributes: Attributes) -> io::Result<()> {
        let tag = self.begin(name, attributes)?;
        self.writer.write_event(Event::Start(tag))?;
        self.depth += 1;
        Ok(())
    }

    pub(crate) fn close(&mut self, name: &str) -> io::Result<()> {
        self.depth -= 1;
        self.line();
        self.writer.write_event(Event::End(BytesEnd::new(name)))
    }

    pub(crate) fn empty(&mut self, name: &str, attributes: Attributes) -> io::Result<()> {
        let tag = self.begin(name, attributes)?;
        self.writer.write_event(Event::Empty(tag))
    }

    pub(crate) fn text(&mut self, name: &str, text: &str) -> io::Result<()> {
        check(text)?;
        self.line();
        let mut write = |event| self.writer.write_event(event);
        write(Event::Start(BytesStart::new(name)))?;
        write(Event::Text(BytesText::new(text)))?;
        write(Event::End(BytesEnd::new(name)))
    }

    /// An element that was checked.
    pub(crate) fn element(&mut self, element: &XmlElement) {
        self.line();
        self.writer
            .get_mut()
            .extend_from_slice(element.text.as_bytes());
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        let mut text = self.writer.into_inner();
        text.push(b'\n');
        text
    }

    fn begin<'a>(
        &mut self,
        name: &'a str,
        Attributes(attributes): Attributes,
    ) -> io::Result<BytesStart<'a>> {
        self.line();
        let mut tag = BytesStart::new(name);
        for (name, value) in attributes {
            check(&value)?;
            tag.push_attribute((name, value.as_str()));
        }
        Ok(tag)
    }

    fn line(&mut self) {
        let text = self.writer.get_mut();
        text.push(b'\n');
        text.extend(std::iter::repeat_n(b' ', 2 * self.depth));
    }
}

/// No value reaches a text unchecked, whoever made it.
fn check(value: &str) -> io::Result<()> {
    if is_text(value) {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("{value:?} contains a control character"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_well_formed_element_is_passed_through_as_it_is() {
        for text in [
            "<a/>",
            "<a>\n  <b c='1' d=\"&lt;&#x41;&#66;\"/>text &amp; more</a>",
            "<a xmlns:c='urn:c' c:d='1'><c:e/></a>",
            "<a xmlns='urn:other' xml:lang='en'><b/></a>",
        ] {
            let element: XmlElement = text.parse().unwrap();
            assert_eq!(element.name(), "a");
            let mut lines = Lines::new();
            lines.element(&element);
            let out = String::from_utf8(lines.finish()).unwrap();
            assert!(out.ends_with(&format!("?>\n{text}\n")));
            assert!(!format!("{element:?}").contains("text"));
        }
    }

    #[test]
    fn what_would_break_the_document_is_refused() {
        use XmlErrorKind::{Character, Malformed, NotAllowed, Prefix};

        for (text, kind) in [
            ("", Malformed),
            ("text", Malformed),
            ("<a>", Malformed),
            ("</a>", Malformed),
            ("<a></b>", Malformed),
            ("<a/><b/>", Malformed),
            ("<a/>text", Malformed),
            ("<a/>&amp;", Malformed),
            ("<a b></a>", Malformed),
            ("<a b=1/>", Malformed),
            ("<a b='1' b='2'/>", Malformed),
            ("<a b='<'/>", Malformed),
            ("<a b='&x;'/>", Malformed),
            ("<a b='&'/>", Malformed),
            ("<a>&x;</a>", Malformed),
            ("<a>&#0;</a>", Malformed),
            ("<a>&#xd800;</a>", Malformed),
            ("<a>&</a>", Malformed),
            ("<a>]]></a>", Malformed),
            ("<1/>", Malformed),
            ("<a:/>", Malformed),
            ("<:a/>", Malformed),
            ("<a:b:c xmlns:a='u'/>", Malformed),
            ("<a></a", Malformed),
            ("<c:a/>", Prefix),
            ("<a c:b='1'/>", Prefix),
            ("<a><b xmlns:c='u'/><c:d/></a>", Prefix),
            ("<a><!-- b --></a>", NotAllowed),
            ("<a><![CDATA[b]]></a>", NotAllowed),
            ("<?xml version='1.0'?><a/>", NotAllowed),
            ("<a><?b?></a>", NotAllowed),
            ("<!DOCTYPE a><a/>", NotAllowed),
            ("<a>\u{0}</a>", Character),
            ("<a b='\u{7f}'/>", Character),
            ("<a>\u{ffff}</a>", Character),
        ] {
            let error = text.parse::<XmlElement>().unwrap_err();
            assert_eq!(error.kind(), kind, "{text:?}: {error}");
        }
    }

    #[test]
    fn values_are_escaped_and_control_characters_refused() {
        let mut lines = Lines::new();
        let attributes = Attributes::new().with("b", "<&>'\"").maybe("c", None::<u8>);
        lines.open("a", attributes).unwrap();
        lines.text("d", "<&>").unwrap();
        assert!(lines.text("d", "\n").is_err());
        assert!(
            lines
                .empty("d", Attributes::new().with("e", "\u{1}"))
                .is_err()
        );
        let mut lines = Lines::new();
        let attributes = Attributes::new().with("b", "<&>'\"");
        lines.open("a", attributes).unwrap();
        lines.text("d", "<&>").unwrap();
        lines.close("a").unwrap();
        let text = String::from_utf8(lines.finish()).unwrap();
        let expected = "\n<a b=\"&lt;&amp;&gt;&apos;&quot;\">\n  <d>&lt;&amp;&gt;</d>\n</a>\n";
        assert!(text.ends_with(expected), "{text}");
    }
}
