//! Tools for trying, loading and measuring Rutter.
//!
//! A line belongs here if it is the table of commands. A command is the module of its name.

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use rutter_program::pages::Pages;
use rutter_tools::causes::with_causes;
use rutter_tools::{
    acceptor, certify, client, compare, crowd, demo, feed_check, latency, load, pipe, record,
    simulate,
};

/// Tools for trying, loading and measuring Rutter.
#[derive(Debug, Parser)]
#[command(name = "rutter-tools", version = rutter_program::version(), about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the simulated venues and writes a node configuration that trades at them.
    Sim(simulate::Arguments),
    /// A FIX client of the node, driven by lines on standard input.
    Client(client::prompt::Arguments),
    /// Orders at a fixed rate from several FIX sessions; prints a JSON object.
    Load(load::Arguments),
    /// Latency of the real node, compared with relays of raw bytes over the same hops.
    Latency(latency::Arguments),
    /// The node compared with `QuickFIX` and a minimal acceptor, under one minimal load client.
    Compare(compare::Arguments),
    /// How much many sessions on one gateway thread slow each other down, idle or flooding.
    Crowd(crowd::Arguments),
    /// A FIX acceptor for the conformance cases, on the gateway's session code.
    FixAcceptor(acceptor::Arguments),
    /// Plays a client's certification against a FIX engine, Rutter's or another.
    Certify(certify::Arguments),
    /// Simulated venues, node and a trading client in one run, with the proof at the end.
    Demo(demo::Arguments),
    /// Records public books and trades of a venue to files.
    Record(record::Arguments),
    /// Plays recordings of exchanges through the feeds, and compares with the exchange's own word.
    FeedCheck(feed_check::Arguments),
    #[command(flatten)]
    Pages(Pages),
}

fn main() -> ExitCode {
    pipe::end_quietly();
    let result = match Arguments::parse().command {
        Command::Sim(arguments) => simulate::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Client(arguments) => client::prompt::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Load(arguments) => load::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Latency(arguments) => latency::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Compare(arguments) => compare::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Crowd(arguments) => crowd::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::FixAcceptor(arguments) => acceptor::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Certify(arguments) => certify::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Record(arguments) => record::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::FeedCheck(arguments) => feed_check::run(&arguments),
        Command::Pages(pages) => print_pages(&pages).map(|()| ExitCode::SUCCESS),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("rutter-tools: {}", with_causes(&error));
            ExitCode::FAILURE
        }
    }
}

fn print_pages(pages: &Pages) -> anyhow::Result<()> {
    let mut text = Vec::new();
    pages.make(Arguments::command(), &mut text)?;
    print!("{}", String::from_utf8(text)?);
    Ok(())
}
