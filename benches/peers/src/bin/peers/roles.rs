//! The sides that are processes of their own, so that what each one uses is seen apart.

pub(crate) mod camera;
pub(crate) mod upload;

use std::env;
use std::io;
use std::process::Command;

pub(crate) const ROLE: &str = "role";

/// This program in one of its roles.
fn command(role: &str) -> io::Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    command.args([ROLE, role]);
    Ok(command)
}

pub(crate) fn play(arguments: &[String]) -> io::Result<()> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match &words[..] {
        [upload::NAME, arguments @ ..] => upload::play(arguments),
        [camera::NAME, arguments @ ..] => camera::play(arguments),
        _ => Err(io::Error::other(format!("no such role: {words:?}"))),
    }
}

fn number<T: std::str::FromStr>(word: &str) -> io::Result<T> {
    let number = word.parse();
    number.map_err(|_| io::Error::other(format!("no number: {word}")))
}
