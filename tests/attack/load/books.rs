//! The books of a load: what became of each text, by its serial number.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Which way a text goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// An instant message to a phone: its SIP answer is the report.
    ImToSm,
    /// A short message to a client: the RP-ACK or RP-ERROR is the report.
    SmToIm,
}

/// The report to the sender: RP-ACK or RP-ERROR.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Report {
    Ack,
    Error(u8),
}

/// A final response, as a place in [`Books::responses`].
type Response = u16;

struct Entry {
    direction: Direction,
    sent: Instant,
    mark: usize,
    answer: Option<(u16, Response, Instant)>,
    report: Option<(Report, Instant)>,
    /// The sender got two reports, such as an RP-ACK and an RP-ERROR.
    reports: u32,
    delivered: Option<Instant>,
    copies: u32,
    /// When the second copy came.
    again: Option<Instant>,
    /// The first response to a report of the phone on it.
    reported: Option<(Response, Instant)>,
}

/// What is known of a text.
enum Outcome {
    /// Delivered once, and the sender knows.
    Good(Duration),
    /// Not delivered, and the sender has the failure.
    Refused(u16),
    /// Accepted, and no report has come yet.
    Open,
    /// Neither answered nor delivered.
    Unanswered,
    /// Delivered, and never answered.
    Untold,
    Lost,
    /// The report to the sender was wrong.
    Contradicted,
    Doubled,
    Unreported,
}

impl Entry {
    fn outcome(&self) -> Outcome {
        let Some((status, _, answered)) = self.answer else {
            return match self.copies {
                0 => Outcome::Unanswered,
                1 => Outcome::Untold,
                _ => Outcome::Doubled,
            };
        };
        let (taken, told) = match (self.direction, self.report) {
            (Direction::ImToSm, _) => (status < 300, answered),
            (Direction::SmToIm, Some((Report::Ack, when))) => (true, when),
            (Direction::SmToIm, Some((Report::Error(_), when))) => (false, when),
            (Direction::SmToIm, None) if status < 300 => {
                return if self.copies > 0 {
                    Outcome::Unreported
                } else {
                    Outcome::Open
                };
            }
            (Direction::SmToIm, None) => (false, answered),
        };
        match (taken, self.copies) {
            (_, 2..) => Outcome::Doubled,
            (true, 1) => Outcome::Good(told - self.sent),
            (false, 0) => Outcome::Refused(match self.report {
                Some((Report::Error(cause), _)) => u16::from(cause),
                _ => status,
            }),
            (true, _) => Outcome::Lost,
            (false, _) => Outcome::Contradicted,
        }
    }

    /// No message and no report is missing.
    fn is_done(&self) -> bool {
        match self.outcome() {
            Outcome::Unanswered
            | Outcome::Untold
            | Outcome::Open
            | Outcome::Unreported
            | Outcome::Lost => false,
            Outcome::Good(_) | Outcome::Refused(_) | Outcome::Contradicted | Outcome::Doubled => {
                true
            }
        }
    }
}

/// All texts since the last summary.
pub(crate) struct Books {
    first: usize,
    entries: Vec<Entry>,
    marks: Vec<(String, Instant)>,
    /// Texts that came after their summary was made, and texts of no entry.
    late: u32,
    /// What was answered to the phones' own reports, other than 2xx.
    reports_refused: BTreeMap<String, u32>,
    /// All final responses that came, each once: status code and reason phrase.
    responses: Vec<String>,
}

impl Books {
    pub(crate) fn new() -> Self {
        Self {
            first: 0,
            entries: Vec::new(),
            marks: Vec::new(),
            late: 0,
            reports_refused: BTreeMap::new(),
            responses: Vec::new(),
        }
    }

    /// A name for the texts that are sent from now on.
    pub(crate) fn mark(&mut self, name: &str) {
        self.marks.push((name.to_owned(), Instant::now()));
    }

    /// The serial number of a new text.
    pub(crate) fn open(&mut self, direction: Direction) -> usize {
        if self.marks.is_empty() {
            self.mark("all");
        }
        self.entries.push(Entry {
            direction,
            sent: Instant::now(),
            mark: self.marks.len() - 1,
            answer: None,
            report: None,
            reports: 0,
            delivered: None,
            copies: 0,
            again: None,
            reported: None,
        });
        self.first + self.entries.len() - 1
    }

    fn entry(&mut self, serial: usize) -> Option<&mut Entry> {
        let found = serial
            .checked_sub(self.first)
            .and_then(|place| self.entries.get_mut(place));
        if found.is_none() {
            self.late += 1;
        }
        found
    }

    /// `line` is the start line of the response.
    pub(crate) fn answered(&mut self, serial: usize, status: u16, line: &str) {
        let response = self.response(line);
        if let Some(entry) = self.entry(serial) {
            entry
                .answer
                .get_or_insert((status, response, Instant::now()));
        }
    }

    /// A response to a phone's own report.
    pub(crate) fn report_answered(&mut self, serial: usize, status: u16, line: &str) {
        let response = self.response(line);
        if status >= 300 {
            let name = self.name(response).to_owned();
            *self.reports_refused.entry(name).or_default() += 1;
        }
        if let Some(entry) = self.entry(serial) {
            entry.reported.get_or_insert((response, Instant::now()));
        }
    }

    fn response(&mut self, line: &str) -> Response {
        let text = line.strip_prefix("SIP/2.0 ").unwrap_or(line);
        let known = self.responses.iter().position(|known| known == text);
        let place = known.unwrap_or_else(|| {
            self.responses.push(text.to_owned());
            self.responses.len() - 1
        });
        // A gateway has few of them.
        Response::try_from(place).unwrap_or(Response::MAX)
    }

    pub(crate) fn reported(&mut self, serial: usize, report: Report) {
        if let Some(entry) = self.entry(serial) {
            entry.report.get_or_insert((report, Instant::now()));
            entry.reports += 1;
        }
    }

    pub(crate) fn delivered(&mut self, serial: usize) {
        if let Some(entry) = self.entry(serial) {
            let now = Instant::now();
            if entry.delivered.is_some() {
                entry.again.get_or_insert(now);
            }
            entry.delivered.get_or_insert(now);
            entry.copies += 1;
        }
    }

    /// Every text has its end.
    pub(crate) fn is_complete(&self) -> bool {
        self.entries.iter().all(Entry::is_done)
    }

    /// What became of the texts of each mark; the books are empty behind it.
    pub(crate) fn close(&mut self) -> Value {
        let marks: Vec<Value> = (0..self.marks.len())
            .map(|mark| self.of_mark(mark))
            .collect();
        let late = std::mem::take(&mut self.late);
        let refused = std::mem::take(&mut self.reports_refused);
        self.first += self.entries.len();
        self.entries.clear();
        self.marks.clear();
        json!({"marks": marks, "late": late, "reports_refused": refused})
    }

    fn of_mark(&self, mark: usize) -> Value {
        let (name, began) = &self.marks[mark];
        let mut count: BTreeMap<&str, u32> = BTreeMap::new();
        let mut refused: BTreeMap<String, u32> = BTreeMap::new();
        let mut doubled: BTreeMap<String, u32> = BTreeMap::new();
        let (mut delays, mut deliveries) = (Vec::new(), Vec::new());
        let mut seconds: BTreeMap<u64, (u32, Vec<u64>)> = BTreeMap::new();
        for entry in self.entries.iter().filter(|entry| entry.mark == mark) {
            let second = seconds.entry((entry.sent - *began).as_secs()).or_default();
            second.0 += 1;
            *count.entry("sent").or_default() += 1;
            let word = match entry.outcome() {
                Outcome::Good(delay) => {
                    delays.push(milliseconds(delay));
                    second.1.push(milliseconds(delay));
                    "good"
                }
                Outcome::Refused(code) => {
                    let side = if entry.direction == Direction::ImToSm {
                        "im"
                    } else {
                        "sm"
                    };
                    let told = match entry.answer {
                        Some((status, response, _)) if status == code => self.name(response),
                        _ => &code.to_string(),
                    };
                    *refused.entry(format!("{side} {told}")).or_default() += 1;
                    "refused"
                }
                Outcome::Open => "open",
                Outcome::Unanswered => "unanswered",
                Outcome::Untold => "untold",
                Outcome::Lost => "lost",
                Outcome::Contradicted => "contradicted",
                Outcome::Doubled => {
                    *doubled.entry(self.how_doubled(entry)).or_default() += 1;
                    "doubled"
                }
                Outcome::Unreported => "unreported",
            };
            *count.entry(word).or_default() += 1;
            if entry.reports > 1 {
                *count.entry("told_twice").or_default() += 1;
            }
            if matches!(entry.answer, Some((202, ..))) && entry.direction == Direction::ImToSm {
                *count.entry("im_202").or_default() += 1;
            }
            if let Some(when) = entry.delivered {
                deliveries.push(milliseconds(when - entry.sent));
            }
        }
        let seconds: Vec<Value> = seconds
            .into_iter()
            .map(|(second, (sent, mut good))| {
                json!({"second": second, "sent": sent, "good": good.len(), "p99": percentile(&mut good, 99)})
            })
            .collect();
        json!({
            "name": name, "count": count, "refused": refused, "doubled": doubled,
            "p50": percentile(&mut delays, 50), "p99": percentile(&mut delays, 99),
            "max": delays.last(), "delivery_p50": percentile(&mut deliveries, 50),
            "delivery_p99": percentile(&mut deliveries, 99), "seconds": seconds,
        })
    }

    fn name(&self, response: Response) -> &str {
        self.responses
            .get(usize::from(response))
            .map_or("", |name| name)
    }

    /// In words: when the second copy came, and what became of the phone's report on the first one.
    fn how_doubled(&self, entry: &Entry) -> String {
        let Some((first, again)) = entry.delivered.zip(entry.again) else {
            return String::new();
        };
        let told = entry
            .answer
            .map_or("nothing", |(_, response, _)| self.name(response));
        let side = match entry.direction {
            Direction::ImToSm => "im",
            Direction::SmToIm => "sm",
        };
        let report = match (entry.direction, entry.reported) {
            (Direction::SmToIm, _) => String::new(),
            (Direction::ImToSm, None) => ", the phone's report was not answered".to_owned(),
            (Direction::ImToSm, Some((response, when))) => {
                let seconds = (when - first).as_secs();
                let name = self.name(response);
                format!(", the phone's report was answered \"{name}\" after {seconds} s")
            }
        };
        let seconds = (again - first).as_secs();
        format!(
            "{side}: the second one {seconds} s after the first, the sender got \"{told}\"{report}"
        )
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Sorts them, and takes the one below which that many of a hundred lie.
fn percentile(values: &mut [u64], percent: usize) -> Option<u64> {
    values.sort_unstable();
    let place = (values.len() * percent).div_ceil(100).saturating_sub(1);
    values.get(place).copied()
}
