//! A load of messages on one gateway, made to cost little: phones that speak SMS over IP and instant
//! messaging clients, who write to each other and keep books of what becomes of each text.
//!
//! ```text
//! load GATEWAY DOMAIN CENTRE udp|tcp PEOPLE
//! ```
//!
//! PEOPLE is a file with a line for each: `phone|client NAME NUMBER PASSWORD ADDRESS`. All register; then
//! commands are read from standard input, a line each:
//!
//! ```text
//! mark NAME        what is sent from now on has this name in the summary
//! rate N           so many texts in a second, half of them by phones; 0: none
//! stop SECONDS     sends nothing more, waits so long for what is still to come, prints the summary
//! quit
//! ```
//!
//! The summary is a line of JSON. `good` texts were delivered once, and their senders were told so; `refused` ones were
//! delivered to nobody, and their senders were told so; `lost`, `doubled`, `contradicted`, `unreported`,
//! `untold`, `unanswered` and `open` ones are what must not be.

mod books;
mod digest;
mod line;
mod message;
mod player;
mod short_message;

use std::io::{BufRead as _, Write as _};
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::time::{Duration, Instant};

use player::{Person, Player};
use serde_json::{Value, json};

/// The pause between two checks of the sockets when no packet came.
const NAP: Duration = Duration::from_micros(700);
/// Registrations under way at once.
const AT_ONCE: usize = 50;

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [gateway, domain, centre, transport @ ("udp" | "tcp"), people] = words[..] else {
        eprintln!("usage: load GATEWAY DOMAIN CENTRE udp|tcp PEOPLE");
        return ExitCode::from(2);
    };
    match play(gateway, domain, centre, transport == "tcp", people) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("load: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn play(gateway: &str, domain: &str, centre: &str, tcp: bool, file: &str) -> Result<(), Failure> {
    let text = std::fs::read_to_string(file)?;
    let rows: Vec<Vec<&str>> = text
        .lines()
        .map(|l| l.split_whitespace().collect())
        .collect();
    if let Some(row) = rows.iter().find(|row| row.len() != 5) {
        return Err(format!("{file}: five words in each line, not {row:?}").into());
    }
    let addresses: Vec<&str> = rows.iter().map(|row| row[4]).collect();
    let (lines, places) = player::lines(&addresses, gateway.parse()?, tcp)?;
    let people = rows
        .iter()
        .zip(places)
        .map(|(row, line)| Person::new(row[0] == "phone", [row[1], row[2], row[3]], line))
        .collect();
    let mut load = Load::new(Player::new(domain, centre, people, lines));
    load.register()?;
    load.obey(&commands())
}

/// Commands as they come.
fn commands() -> Receiver<String> {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                return;
            }
        }
    });
    receive
}

fn say(value: &Value) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{value}")?;
    out.flush()?;
    Ok(())
}

/// The clock: when the next text leaves, and who writes it.
struct Load {
    player: Player,
    phones: Vec<usize>,
    clients: Vec<usize>,
    buffer: Vec<u8>,
    pause: Option<Duration>,
    due: Instant,
    turn: usize,
    /// When the sockets were last read, and the longest time between two readings.
    read: Instant,
    longest: Duration,
}

impl Load {
    fn new(player: Player) -> Self {
        let all = 0..player.people.len();
        let (phones, clients) = all.partition(|person| player.people[*person].is_phone);
        let buffer = vec![0; 65536];
        Self {
            player,
            phones,
            clients,
            buffer,
            pause: None,
            due: Instant::now(),
            turn: 0,
            read: Instant::now(),
            longest: Duration::ZERO,
        }
    }

    fn register(&mut self) -> Result<(), Failure> {
        let (count, began) = (self.player.people.len(), Instant::now());
        let mut started = 0;
        while self.player.registered < count {
            while started < count && started - self.player.registered < AT_ONCE {
                self.player.register(started);
                started += 1;
            }
            self.breathe();
            let registered = self.player.registered;
            if let Some(refusal) = &self.player.refusal {
                return Err(format!("a REGISTER was answered {refusal:?}").into());
            }
            if began.elapsed() > Duration::from_secs(60) {
                return Err(format!("{registered} of {count} are registered after 60 s").into());
            }
        }
        say(&json!({"registered": count, "seconds": began.elapsed().as_secs_f64()}))
    }

    /// Everything that is always to be done.
    fn breathe(&mut self) {
        let now = Instant::now();
        self.longest = self.longest.max(now - self.read);
        self.read = now;
        let came = self.player.receive(&mut self.buffer);
        self.player.retransmit();
        if came == 0 {
            std::thread::sleep(NAP);
        }
    }

    fn obey(&mut self, commands: &Receiver<String>) -> Result<(), Failure> {
        loop {
            let command = match commands.try_recv() {
                Ok(command) => command,
                Err(TryRecvError::Disconnected) => return Ok(()),
                Err(TryRecvError::Empty) => {
                    self.write_texts();
                    self.breathe();
                    continue;
                }
            };
            match command.split_whitespace().collect::<Vec<_>>()[..] {
                ["mark", name] => self.player.books.mark(name),
                ["rate", rate] => self.set_rate(rate.parse()?),
                ["stop", seconds] => self.stop(seconds.parse()?)?,
                ["quit"] => return Ok(()),
                _ => return Err(format!("no such command: {command}").into()),
            }
        }
    }

    fn set_rate(&mut self, rate: f64) {
        self.pause = (rate > 0.0).then(|| Duration::from_secs_f64(1.0 / rate));
        self.due = Instant::now();
    }

    /// Starts the texts whose time has come, in turn by a client and by a phone.
    fn write_texts(&mut self) {
        let Some(pause) = self.pause else { return };
        let now = Instant::now();
        // If the machine was too slow, the missing texts are not sent in a burst.
        if now - self.due > Duration::from_millis(200) {
            self.due = now;
        }
        while self.due <= now {
            self.due += pause;
            let turn = self.turn / 2;
            let pick = |people: &[usize], shift: usize| people[(turn + shift) % people.len()];
            // Another pair in each round.
            let (phone, client) = (
                pick(&self.phones, 0),
                pick(&self.clients, turn / self.phones.len()),
            );
            if self.turn.is_multiple_of(2) {
                self.player.instant_message(client, phone);
            } else {
                self.player.short_message(phone, client);
            }
            self.turn += 1;
        }
    }

    fn stop(&mut self, seconds: f64) -> Result<(), Failure> {
        self.pause = None;
        let began = Instant::now();
        let patience = Duration::from_secs_f64(seconds);
        while began.elapsed() < patience && !self.player.books.is_complete() {
            self.breathe();
        }
        // A second copy would come about now.
        let linger = Instant::now();
        while linger.elapsed() < Duration::from_millis(700) {
            self.breathe();
        }
        let mut summary = self.player.books.close();
        summary["open_transactions"] = self.player.open_transactions().into();
        // While the sockets are not read, messages wait: a delay of this length is the generator's.
        let longest = std::mem::take(&mut self.longest);
        summary["longest_pause"] = u64::try_from(longest.as_millis())?.into();
        summary["drained_after"] = (linger - began).as_secs_f64().into();
        say(&summary)?;
        self.read = Instant::now();
        Ok(())
    }
}
