//! The man page of the command line, made of the definitions of its commands.

use clap::CommandFactory as _;

use super::args::Cli;

/// The man page of the command line, roff.
pub(crate) fn man_page() -> std::io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let man = clap_mangen::Man::new(Cli::command().disable_help_subcommand(true))
        .date("")
        .manual("Quaranta");
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    commands(&Cli::command(), "quaranta", &mut page)?;
    Ok(page)
}

/// Every command with its own options, on the same page.
fn commands(command: &clap::Command, path: &str, page: &mut Vec<u8>) -> std::io::Result<()> {
    use std::io::Write as _;
    for sub in command
        .get_subcommands()
        .filter(|sub| sub.get_name() != "help")
    {
        let path = format!("{path} {}", sub.get_name());
        if sub.has_subcommands() {
            commands(sub, &path, page)?;
            continue;
        }
        writeln!(page, ".SH \"{}\"", path.to_uppercase())?;
        let sub = sub.clone().disable_help_flag(true).bin_name(&path);
        let man = clap_mangen::Man::new(sub);
        let mut text = Vec::new();
        man.render_synopsis_section(&mut text)?;
        text.extend_from_slice(b".PP\n");
        man.render_description_section(&mut text)?;
        man.render_options_section(&mut text)?;
        let text = String::from_utf8_lossy(&text).into_owned();
        for line in text
            .lines()
            .filter(|l| !l.starts_with(".SH") && !l.starts_with(".ie") && !l.starts_with(".el"))
        {
            writeln!(page, "{line}")?;
        }
    }
    Ok(())
}
