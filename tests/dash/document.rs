//! XML as a tree, by a parser that shares nothing with the crate. Strict for what an MPD needs.

use std::collections::BTreeMap;

#[derive(Debug, Clone, Default)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) children: Vec<Element>,
    pub(crate) text: String,
}

impl Element {
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |it| it.name == name)
    }

    pub(crate) fn first<'a>(&'a self, name: &'a str) -> Option<&'a Element> {
        self.all(name).next()
    }
}

pub(crate) fn parse(text: &str) -> Result<Element, String> {
    let odd = text.chars().find(|it| it.is_control() && *it != '\n');
    if let Some(odd) = odd {
        return Err(format!("a control character: {odd:?}"));
    }
    let mut rest = text
        .strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>")
        .ok_or("no declaration")?;
    let mut open: Vec<Element> = Vec::new();
    loop {
        let at = rest.find('<').ok_or("it is truncated")?;
        let between = &rest[..at];
        match open.last_mut() {
            Some(last) => last.text.push_str(between.trim()),
            None if between.trim().is_empty() => {}
            None => return Err(format!("text outside: {between:?}")),
        }
        let end = at + rest[at..].find('>').ok_or("a tag is truncated")?;
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        let done = if let Some(name) = tag.strip_prefix('/') {
            let last = open.pop().ok_or("an end without a start")?;
            if last.name != name {
                return Err(format!("{name} ends {}", last.name));
            }
            last
        } else if let Some(tag) = tag.strip_suffix('/') {
            element(tag)?
        } else {
            open.push(element(tag)?);
            continue;
        };
        match open.last_mut() {
            Some(parent) => parent.children.push(done),
            None if rest.trim().is_empty() => return Ok(done),
            None => return Err("something follows the document".into()),
        }
    }
}

fn element(tag: &str) -> Result<Element, String> {
    let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
    let mut element = Element {
        name: name.to_owned(),
        ..Element::default()
    };
    while !rest.trim().is_empty() {
        let (name, value) = rest.trim_start().split_once("=\"").ok_or("no value")?;
        let (value, after) = value.split_once('"').ok_or("no end of a value")?;
        let value = value
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&apos;", "'")
            .replace("&amp;", "&");
        if element.attributes.insert(name.to_owned(), value).is_some() {
            return Err(format!("{name} twice"));
        }
        rest = after;
    }
    Ok(element)
}
