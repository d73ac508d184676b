//! Tools for trying, loading and measuring Rutter.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use rutter_tools::{acceptor, certify, client, compare, crowd, demo, latency, load, simulate};

/// Tools for trying, loading and measuring Rutter.
#[derive(Debug, Parser)]
#[command(name = "rutter-tools", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs both simulated exchanges and writes a node configuration that trades at them.
    Sim(simulate::Arguments),
    /// A FIX client of the node, driven by lines on standard input.
    Client(client::prompt::Arguments),
    /// Orders at a fixed rate from several FIX sessions; prints a JSON object.
    Load(load::Arguments),
    /// Latency of the real node beside relays of raw bytes over the same hops.
    Latency(latency::Arguments),
    /// The node beside `QuickFIX` and a bare floor, driven by one bare load client, alternating.
    Compare(compare::Arguments),
    /// What many sessions on one gateway thread cost each other, idle or flooding.
    Crowd(crowd::Arguments),
    /// A FIX acceptor as the conformance cases expect it, on the gateway's session code.
    FixAcceptor(acceptor::Arguments),
    /// Plays a client's certification against a FIX engine, ours or another.
    Certify(certify::Arguments),
    /// Everything at once: simulators, node, a trading client, and the proof at the end.
    Demo(demo::Arguments),
}

fn main() -> ExitCode {
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
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("rutter-tools: {error:#}");
            ExitCode::FAILURE
        }
    }
}
