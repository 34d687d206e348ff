//! The codec does not use the heap to decode a short message, and makes at most one allocation to encode it.
#![allow(unsafe_code)] // a GlobalAlloc cannot be written without

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use ipsmgw::wire::{
    ConcatenationReference, Cut, Direction, EncodedText, RpAddress, RpData, RpMessage, RpMr,
    Segments, SmsDeliver, TextCoding, TpAddress, TpPid, TpScts, Tpdu,
};

struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

fn count() {
    COUNT.with(|count| count.set(count.get() + 1));
}

// SAFETY: every call goes to the system's allocator as it came; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as our own caller promised.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as our own caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as our own caller promised.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations<T>(run: impl FnOnce() -> T) -> (usize, T) {
    let before = COUNT.with(Cell::get);
    let value = run();
    (COUNT.with(Cell::get) - before, value)
}

fn encode(text: &str, out: &mut Vec<u8>) {
    let text = EncodedText::single(text).unwrap();
    let deliver = SmsDeliver {
        more_messages: false,
        loop_prevention: false,
        status_report_indication: false,
        reply_path: false,
        originating_address: TpAddress::from_number("+15550001").unwrap(),
        pid: TpPid(0),
        dcs: text.dcs(),
        scts: TpScts::from_unix(1_767_225_600, 4),
        user_data: text.user_data(),
    };
    let data = RpMessage::Data(RpData {
        mr: RpMr(1),
        originator: Some(RpAddress::from_number("+15559999").unwrap()),
        destination: None,
        user_data: &[],
    });
    data.encode_with(Direction::NetworkToMs, &Tpdu::Deliver(deliver), out)
        .unwrap();
}

#[test]
fn a_short_message_takes_no_heap_to_decode_and_one_allocation_to_encode() {
    for text in ["a".repeat(160), "é{}€".repeat(22), "Ж".repeat(70)] {
        let (encoding, octets) = allocations(|| {
            let mut out = Vec::with_capacity(255);
            encode(&text, &mut out);
            out
        });
        assert_eq!(encoding, 1);
        let mut out = String::with_capacity(480);
        let (decoding, ()) = allocations(|| {
            let (direction, message) = RpMessage::decode(&octets).unwrap();
            let Some(Ok(Tpdu::Deliver(deliver))) = message.tpdu(direction) else {
                panic!()
            };
            deliver.user_data.text_into(&mut out).unwrap();
        });
        assert_eq!((decoding, out), (0, text));
    }
}

#[test]
fn a_long_text_is_cut_without_the_heap() {
    let text = "👩\u{200d}👩\u{200d}👧\u{200d}👦 e\u{301} 🇫🇷 क्षत्रिय 한국어 ".repeat(40);
    let coding = TextCoding::of(&text, &[]);
    let reference = ConcatenationReference::Eight(1);
    let (cutting, parts) = allocations(|| {
        let segments = Segments::of(&text, coding, reference, Cut::Graphemes).unwrap();
        segments.texts().count()
    });
    assert_eq!(cutting, 0);
    assert!(parts > 10, "{parts}");
}
