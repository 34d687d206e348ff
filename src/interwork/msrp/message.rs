//! A message that comes in chunks: the octets that have come, and whether it is complete.

use super::chunk::{ByteRuns, Run};
use crate::base::Text;
use crate::exchange::ExchangeKey;
use crate::wire::msrp::{ByteRange, Continuation, FailureReport, Frame};

/// A message that is not finished.
#[derive(Clone, Copy, Debug)]
pub struct MsrpMessage {
    /// Its Message-ID.
    pub id: Text<32>,
    /// Its Content-Type.
    pub content_type: Text<126>,
    /// Whether the sender wants a report of success.
    pub success_report: bool,
    /// Which failures the sender wants to know.
    pub failure_report: FailureReport,
    /// The octets that have come.
    pub received: ByteRuns,
    /// Octets of the whole message, once its last chunk has come.
    pub total: Option<u32>,
    /// Its state.
    pub state: MsrpMessageState,
    /// The chunk that is not answered yet.
    pub held: Option<HeldChunk>,
}

/// The progress of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MsrpMessageState {
    /// Chunks are missing.
    Incomplete,
    /// It is complete. The exchange that delivers it, once it is open.
    Sent {
        /// The exchange.
        exchange: Option<ExchangeKey>,
    },
    /// The message is refused: each further chunk gets this status code.
    Refused {
        /// The status code.
        code: u16,
    },
}

/// A SEND that is answered when the outcome is known, or when its time is over.
#[derive(Clone, Copy, Debug)]
pub struct HeldChunk {
    /// Its transaction identifier.
    pub transaction: Text<32>,
    /// Until when it waits, in milliseconds since 1970 UTC.
    pub until_ms: u64,
    /// Whether its time is over, and the outcome was to come at once.
    pub is_late: bool,
}

/// Limits of a session.
#[derive(Clone, Copy, Debug)]
pub struct MsrpLimits {
    /// The largest number of octets of a message.
    pub max_size: u32,
    /// Milliseconds that the response to the last chunk is held.
    pub hold_ms: u64,
    /// Milliseconds without a frame after which a session ends.
    pub idle_ms: u64,
}

impl MsrpLimits {
    /// Longest time in milliseconds that the response to the last chunk is held: a sender gives up 30 s after its last octet
    /// (RFC 4975 §7.1.1).
    const LONGEST_HOLD_MS: u64 = 25_000;

    /// The limits of a gateway with this hold time.
    pub fn new(max_size: u32, hold_timeout_ms: u64, idle_ms: u64) -> Self {
        Self {
            max_size,
            hold_ms: hold_timeout_ms.min(Self::LONGEST_HOLD_MS),
            idle_ms,
        }
    }
}

/// Where and when a frame came in.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// The number of the connection.
    pub connection: i32,
    /// The time, in milliseconds since 1970 UTC.
    pub now_ms: u64,
    /// The limits.
    pub limits: MsrpLimits,
    /// An unpredictable number, for the transaction identifier of a report.
    pub random: u64,
}

/// The memory for the octets of incomplete messages: one area for each place of a message.
pub trait Rooms {
    /// Writes octets at this offset. False: there is no memory.
    fn write(&mut self, message: usize, at: u32, octets: &[u8]) -> bool;
    /// Releases the memory of a message.
    fn clear(&mut self, message: usize);
}

impl MsrpMessage {
    /// The response to this chunk waits for the outcome.
    pub(super) fn hold(&mut self, frame: &Frame<'_>, at: &Arrival) {
        self.held = Text::new(frame.transaction.as_str()).map(|transaction| HeldChunk {
            transaction,
            until_ms: at.now_ms + at.limits.hold_ms,
            is_late: false,
        });
    }

    /// Adds the octets of a chunk. True: the message is complete. An error is a status code.
    pub(super) fn add(
        &mut self,
        body: &[u8],
        range: ByteRange,
        continuation: Continuation,
        place: usize,
        limits: &MsrpLimits,
        rooms: &mut dyn Rooms,
    ) -> Result<bool, u16> {
        // The octets that came count, not the end that the range names (RFC 4975 §7.3.1).
        let start = range.start.checked_sub(1).ok_or(400_u16)?;
        let end = start.saturating_add(u64::try_from(body.len()).unwrap_or(u64::MAX));
        let max_size = u64::from(limits.max_size);
        if end > max_size || range.total.is_some_and(|total| total > max_size) {
            return Err(413);
        }
        let run = Run {
            start: u32::try_from(start).map_err(|_| 413_u16)?,
            end: u32::try_from(end).map_err(|_| 413_u16)?,
        };
        let is_beyond = self.total.is_some_and(|total| run.end > total)
            || range.total.is_some_and(|total| end > total);
        if is_beyond {
            return Err(400);
        }
        if continuation == Continuation::Last {
            // The last chunk has the length of the message.
            if self.received.end() > run.end || self.total.is_some_and(|total| total != run.end) {
                return Err(400);
            }
            self.total = Some(run.end);
        }
        if !rooms.write(place, run.start, body) {
            return Err(408);
        }
        if !self.received.add(run) {
            return Err(413);
        }
        Ok(self.total.is_some_and(|total| self.received.covers(total)))
    }

    /// Octets of a complete message.
    pub fn size(&self) -> usize {
        usize::try_from(self.total.unwrap_or_default()).unwrap_or_default()
    }
}
