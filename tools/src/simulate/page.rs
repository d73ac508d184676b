//! A page with the fault commands, for a browser on the same machine.
//!
//! A line belongs here if it reads a request of the page or writes its HTML. The page has no
//! password. It listens on loopback only, and refuses requests that a page of another site made a
//! browser send.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use rutter_sim::Venue;
use rutter_sim::front::HttpRequest;
use rutter_sim::server::http;

use super::command;
use super::doors::{Ask, LINE_BYTES_MAX};

/// Longest request, in bytes.
const REQUEST_BYTES_MAX: usize = 16 * 1024;

/// Longest wait for a browser, which holds up the next one.
const PATIENCE: Duration = Duration::from_secs(2);

/// Commands that need only the name of a venue; each has a button.
const BUTTONS: [&str; 7] =
    ["disconnect", "halfopen", "heal", "drop", "duplicate", "reorder", "corrupt"];

/// Starts the page; returns its address.
///
/// # Errors
/// The address is not on loopback, or is taken.
pub fn open(address: SocketAddr, ask: &Ask) -> io::Result<SocketAddr> {
    if !address.ip().is_loopback() {
        let open = format!("{address} is not on loopback, and the page has no password");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, open));
    }
    let listener = TcpListener::bind(address)?;
    let bound = listener.local_addr()?;
    let ask = ask.clone();
    std::thread::Builder::new().name("page".to_owned()).spawn(move || {
        for stream in listener.incoming().flatten() {
            // A browser that goes away concerns nobody else.
            let _ = serve(stream, bound, &ask);
        }
    })?;
    Ok(bound)
}

fn serve(mut stream: TcpStream, own: SocketAddr, ask: &Ask) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut bytes = Vec::new();
    let mut chunk = [0; 4_096];
    let (status, body) = loop {
        match http::parse(&bytes) {
            Ok(Some(parsed)) => break answer(&parsed.request, own, ask),
            Ok(None) if bytes.len() > REQUEST_BYTES_MAX => break (413, "too long".to_owned()),
            Ok(None) => {}
            Err(error) => break (error.status(), error.to_string()),
        }
        match stream.read(&mut chunk)? {
            0 => return Ok(()),
            count => bytes.extend_from_slice(&chunk[..count]),
        }
    };
    write!(
        stream,
        "HTTP/1.1 {status} {}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
         Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; form-action \
         'self'; frame-ancestors 'none'\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n\
         {body}",
        if status == 200 { "OK" } else { "Refused" },
        body.len()
    )?;
    stream.flush()
}

fn answer(request: &HttpRequest, own: SocketAddr, ask: &Ask) -> (u16, String) {
    let names = [own.to_string(), format!("localhost:{}", own.port())];
    let host = request.header("host").unwrap_or("");
    let origin = request.header("origin");
    let own_origin = |origin: &str| names.iter().any(|name| origin == format!("http://{name}"));
    if !names.iter().any(|name| name == host) || origin.is_some_and(|origin| !own_origin(origin)) {
        return (403, "this page answers only itself".to_owned());
    }
    let said = match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/") => String::new(),
        // The forms send text/plain, which is not encoded.
        ("POST", "/") => match request.body.trim().strip_prefix("command=") {
            Some(line) if line.len() <= LINE_BYTES_MAX && !line.contains(['\r', '\n']) => {
                let said = ask.ask(line.to_owned());
                format!("{line}: {}", said.unwrap_or_else(|error| error.to_string()))
            }
            _ => return (400, "one command, please".to_owned()),
        },
        _ => return (404, "there is only one page".to_owned()),
    };
    let counters = ask.ask("counters".to_owned()).unwrap_or_else(|error| error.to_string());
    (200, page(&said, &counters))
}

fn page(said: &str, counters: &str) -> String {
    let mut html = format!(
        "<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\"><title>Simulated exchanges\
         </title><style>body{{font:16px/1.5 system-ui,sans-serif;max-width:50em;margin:2em auto;\
         padding:0 1em}}button{{margin:.15em}}pre{{background:#f2f2f2;padding:.6em;overflow:auto}}\
         input{{width:60%}}</style><h1>Simulated exchanges</h1><pre>{}</pre>\
         <form method=\"post\" action=\"/\" enctype=\"text/plain\">",
        escaped(if said.is_empty() { "Choose a fault, or write a command." } else { said })
    );
    for venue in Venue::ALL.map(Venue::name) {
        let _ = write!(html, "<p><b>{venue}</b> ");
        for word in BUTTONS {
            let _ =
                write!(html, "<button name=\"command\" value=\"{word} {venue}\">{word}</button>");
        }
        html.push_str("</p>");
    }
    let _ = write!(
        html,
        "</form><form method=\"post\" action=\"/\" enctype=\"text/plain\"><p><input name=\"command\" \
         maxlength=\"200\" placeholder=\"delay binance 50 10\" autofocus> <button>send</button></p>\
         </form><p>Connections and messages so far:</p><pre>{}</pre><pre>{}</pre></html>",
        escaped(counters),
        escaped(&command::help())
    );
    html
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::doors::{Asked, line};
    use super::*;

    /// A page whose commands are answered with `done`.
    fn opened() -> SocketAddr {
        let (ask, asked) = line();
        std::thread::spawn(move || {
            for Asked { line, answer } in asked {
                let _ = answer.send(format!("done {line}"));
            }
        });
        open(SocketAddr::from(([127, 0, 0, 1], 0)), &ask).expect("page")
    }

    fn get(page: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(page).expect("connected");
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        answer
    }

    #[test]
    fn a_button_sends_its_command_and_the_page_shows_the_answer() {
        let page = opened();
        let got = get(page, &format!("GET / HTTP/1.1\r\nHost: {page}\r\n\r\n"));
        assert!(got.starts_with("HTTP/1.1 200") && got.contains("value=\"heal binance\""), "{got}");
        let body = "command=heal <all>\r\n";
        let length = body.len();
        let posted = get(
            page,
            &format!(
                "POST / HTTP/1.1\r\nHost: {page}\r\nOrigin: http://{page}\r\n\
                 Content-Length: {length}\r\n\r\n{body}"
            ),
        );
        assert!(posted.contains("heal &lt;all&gt;: done heal &lt;all&gt;"), "{posted}");
    }

    #[test]
    fn a_request_that_another_site_made_is_refused() {
        let page = opened();
        let body = "command=disconnect all";
        let length = body.len();
        for (host, origin) in
            [(page.to_string(), "http://evil.example"), ("evil.example".to_owned(), "null")]
        {
            let refused = get(
                page,
                &format!(
                    "POST / HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\n\
                     Content-Length: {length}\r\n\r\n{body}"
                ),
            );
            assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
        }
    }

    #[test]
    fn every_button_is_a_command_and_the_page_stays_on_loopback() {
        for word in BUTTONS {
            assert!(command::help().contains(&format!("  {word} VENUE")), "{word}");
        }
        let (ask, _) = line();
        assert!(open(SocketAddr::from(([0, 0, 0, 0], 0)), &ask).is_err());
    }
}
