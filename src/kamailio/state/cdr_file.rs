//! The file of charging records that wait for the database: which file is taken, and which one stops the start.

use std::io::ErrorKind;
use std::ops::Deref;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::cdr_ring::{HEADER, PLACE, Sum, words_for};
use crate::interwork::ChargingRecord;
use crate::kamailio::sys::setting_error::SettingError;
use crate::kamailio::sys::shared_file::{MappedFile, SharedFile};

/// Attempts to lock the file, 50 ms apart: the processes of a Kamailio that was killed need some time to end.
#[cfg(not(test))]
const TRIES: u32 = 60;
#[cfg(test)]
const TRIES: u32 = 2;

/// The first word.
const MAGIC: u64 = u64::from_le_bytes(*b"IPSMGWCR");

/// The words at the start of the header.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Header {
    magic: u64,
    form: u64,
    place: u64,
    node: u64,
    sum: u64,
}

impl Header {
    const WORDS: usize = 5;

    const fn read([magic, form, place, node, sum]: [u64; Self::WORDS]) -> Self {
        Self {
            magic,
            form,
            place,
            node,
            sum,
        }
    }

    fn new(node: u16) -> Self {
        let header = Self {
            magic: MAGIC,
            form: ChargingRecord::FORM,
            place: PLACE as u64,
            node: node.into(),
            sum: 0,
        };
        Self {
            sum: header.right_sum(),
            ..header
        }
    }

    fn right_sum(&self) -> u64 {
        let mut sum = Sum::NONE;
        [self.form, self.place, self.node]
            .into_iter()
            .for_each(|word| sum.add(word));
        sum.0
    }

    /// Whether a file with this header is ours. The start may have ended before the header was written.
    fn is_ours(&self) -> bool {
        self.magic == 0 || self.magic == MAGIC && self.sum == self.right_sum()
    }

    /// That of a mapped file.
    fn of(words: &[AtomicU64]) -> Self {
        let mut found = [0; Self::WORDS];
        for (value, word) in found.iter_mut().zip(words) {
            *value = word.load(Acquire);
        }
        Self::read(found)
    }

    /// Writes it, its first word last.
    fn write(&self, words: &[AtomicU64]) {
        for (word, value) in words
            .iter()
            .zip([0, self.form, self.place, self.node, self.sum])
        {
            word.store(value, Relaxed);
        }
        if let Some(magic) = words.first() {
            magic.store(self.magic, Release);
        }
    }
}

/// A file in use: its words, without those that no place has.
pub(super) struct CdrFile {
    file: MappedFile,
    used: usize,
}

impl CdrFile {
    /// Whether the file still has a name: a later start finds no other.
    pub(super) fn has_name(&self) -> bool {
        self.file.has_name()
    }
}

impl Deref for CdrFile {
    type Target = [AtomicU64];
    fn deref(&self) -> &[AtomicU64] {
        self.file.get(..self.used).unwrap_or_default()
    }
}

/// The file with this path, with room for so many records or more. A file that does not exist is made.
pub(super) fn open(path: &str, places: u32, node: u16) -> Result<CdrFile, SettingError> {
    let wanted = words_for(places);
    let failed = |error| cannot_use(path, wanted, &error);
    let mut file = SharedFile::open(path, TRIES).map_err(failed)?.ok_or_else(|| {
        SettingError(format!(
            "cdr_file is '{path}', which another gateway uses: write a file of its own for each gateway, or stop the other one"
        ))
    })?;
    let length = file.words().map_err(failed)?;
    let is_new = file.is_empty().map_err(failed)?;
    if !is_new && (length < HEADER || !Header::read(file.first().map_err(failed)?).is_ours()) {
        return Err(not_ours(path));
    }
    if length < wanted {
        file.grow(wanted).map_err(failed)?;
    }
    let length = length.max(wanted);
    let file = file.map(length).map_err(failed)?;
    take(&file, path, node)?;
    // It becomes smaller as soon as no record is left beyond its end.
    let beyond = file.get(wanted..).unwrap_or_default();
    let used = match has_records(beyond, PLACE) {
        true => length,
        false => wanted,
    };
    Ok(CdrFile { file, used })
}

/// Takes the words for this node. A file of another form or node is made anew if it has no records.
fn take(words: &[AtomicU64], path: &str, node: u16) -> Result<(), SettingError> {
    let (here, found) = (Header::new(node), Header::of(words));
    if found == here {
        return Ok(());
    }
    let rest = words.get(Header::WORDS..).unwrap_or_default();
    if found.magic == 0 {
        // The start may have ended before the header was written: then there is nothing else.
        if rest.iter().any(|word| word.load(Relaxed) != 0) {
            return Err(not_ours(path));
        }
    } else if has_records(
        words.get(HEADER..).unwrap_or_default(),
        usize::try_from(found.place).unwrap_or(0),
    ) {
        return Err(SettingError(
            match (found.form, found.place) == (here.form, here.place) {
                true => format!(
                    "cdr_file is '{path}', which has charging records of node {}, and this is node {node}: write a file of its own for each node",
                    found.node
                ),
                false => format!(
                    "cdr_file is '{path}', which has charging records of another version of ipsmgw: start that version once more until they are in cdr_table, or write the path of a file that does not exist"
                ),
            },
        ));
    }
    rest.iter().for_each(|word| word.store(0, Relaxed));
    here.write(words);
    Ok(())
}

/// Whether one of these places of so many words has a record. The first word of a free place is 0 in each form.
fn has_records(places: &[AtomicU64], words: usize) -> bool {
    words == 0
        || places
            .iter()
            .step_by(words)
            .any(|number| number.load(Relaxed) != 0)
}

fn not_ours(path: &str) -> SettingError {
    SettingError(format!(
        "cdr_file is '{path}', which is damaged, or no file of charging records of ipsmgw: write the path of a file that does not exist, such as \"/var/lib/ipsmgw/cdr\""
    ))
}

fn cannot_use(path: &str, words: usize, error: &std::io::Error) -> SettingError {
    let octets = words * 8;
    SettingError(match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => format!(
            "cdr_file is '{path}', for which the disk has no room: it needs {octets} octets. Make room, or write a path on another disk, or a smaller cdr_queue"
        ),
        _ => format!(
            "cdr_file is '{path}', which cannot be used ({error}): write the path of a file in a folder in which Kamailio's user may write, such as \"/var/lib/ipsmgw/cdr\""
        ),
    })
}

#[cfg(all(test, not(miri)))]
mod tests {
    use std::fs;
    use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
    use std::path::PathBuf;

    use super::*;
    use crate::kamailio::state::cdr_ring::tests::record;
    use crate::kamailio::state::cdr_ring::{CdrRing, Found};
    use crate::kamailio::sys::sharing::Heap;

    /// A folder of its own for each test.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let folder =
                std::env::temp_dir().join(format!("ipsmgw-cdr-{}-{name}", std::process::id()));
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir(&folder).unwrap();
            Self(folder)
        }

        fn file(&self) -> String {
            self.0.join("cdr").to_str().unwrap().to_owned()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn start(path: &str, places: u32, node: u16) -> (CdrRing<Heap, CdrFile>, Found) {
        CdrRing::new(open(path, places, node).unwrap()).unwrap()
    }

    fn refusal(path: &str, places: u32, node: u16) -> String {
        let Err(SettingError(sentence)) = open(path, places, node) else {
            panic!("the file is taken");
        };
        sentence
    }

    fn put(ring: &CdrRing<Heap, CdrFile>, count: u64) -> usize {
        let records: Vec<_> = (0..count).map(record).collect();
        ring.put(records.iter())
    }

    #[test]
    fn records_outlive_the_start_that_made_them() {
        let folder = Folder::new("outlive");
        let (ring, _) = start(&folder.file(), 16, 1);
        assert_eq!(put(&ring, 20), 4);
        let mode = fs::metadata(folder.file()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        drop(ring);
        let (ring, found) = start(&folder.file(), 16, 1);
        assert_eq!(
            found,
            Found {
                left: 16,
                damaged: 0
            }
        );
        let group = ring.first(20);
        assert!(group.records.iter().map(|record| record.number).eq(0..16));
        ring.done_with(&group);
        drop(ring);
        assert_eq!(start(&folder.file(), 16, 1).1.left, 0);
    }

    #[test]
    fn a_second_gateway_is_refused() {
        let folder = Folder::new("second");
        let first = open(&folder.file(), 16, 1).unwrap();
        assert!(refusal(&folder.file(), 16, 1).contains("another gateway uses"));
        drop(first);
        assert!(open(&folder.file(), 16, 1).is_ok());
    }

    #[test]
    fn the_number_of_places_may_change() {
        let folder = Folder::new("size");
        let (ring, _) = start(&folder.file(), 16, 1);
        put(&ring, 10);
        drop(ring);
        // More places: the records stay where they are.
        let (ring, found) = start(&folder.file(), 32, 1);
        assert_eq!(found.left, 10);
        assert_eq!(put(&ring, 30), 8);
        drop(ring);
        // Fewer places: the others are in use until they are free.
        let (ring, found) = start(&folder.file(), 16, 1);
        assert_eq!(found.left, 32);
        ring.done_with(&ring.first(32));
        drop(ring);
        let (ring, _) = start(&folder.file(), 16, 1);
        assert_eq!(put(&ring, 20), 4);
    }

    #[test]
    fn a_file_of_another_node_or_form_is_taken_when_it_is_empty() {
        let folder = Folder::new("form");
        drop(start(&folder.file(), 16, 1));
        let (ring, _) = start(&folder.file(), 16, 2);
        put(&ring, 1);
        drop(ring);
        assert!(refusal(&folder.file(), 16, 1).contains("node 2, and this is node 1"));
        // Another form, with other places.
        let other = Header {
            form: 7,
            place: 64,
            ..Header::new(2)
        };
        let other = Header {
            sum: other.right_sum(),
            ..other
        };
        other.write(&open(&folder.file(), 16, 2).unwrap());
        assert!(refusal(&folder.file(), 16, 2).contains("another version"));
        let words = open_words(&folder.file());
        words.write_all_at(&[0; 8], HEADER as u64 * 8).unwrap();
        let (ring, found) = start(&folder.file(), 16, 2);
        assert_eq!((found.left, found.damaged), (0, 0));
        assert_eq!(put(&ring, 17), 1);
    }

    fn open_words(path: &str) -> fs::File {
        fs::OpenOptions::new().write(true).open(path).unwrap()
    }

    #[test]
    fn other_files_stay_as_they_are() {
        let folder = Folder::new("other");
        for content in [&b"people"[..], &[b'x'; 5000], &[0; 100]] {
            fs::write(folder.file(), content).unwrap();
            assert!(refusal(&folder.file(), 16, 1).contains("no file of charging records"));
            assert_eq!(fs::read(folder.file()).unwrap(), content);
        }
        // It begins with zeros.
        let mut content = vec![0; words_for(16) * 8];
        content[9_000] = 1;
        fs::write(folder.file(), &content).unwrap();
        assert!(refusal(&folder.file(), 16, 1).contains("no file of charging records"));
        assert_eq!(fs::read(folder.file()).unwrap(), content);
        // A header that was damaged.
        fs::remove_file(folder.file()).unwrap();
        put(&start(&folder.file(), 16, 1).0, 3);
        open_words(&folder.file()).write_all_at(&[9], 9).unwrap();
        assert!(refusal(&folder.file(), 16, 1).contains("damaged"));
    }

    #[test]
    fn a_start_that_ended_before_the_header_was_whole_does_no_harm() {
        let folder = Folder::new("begun");
        for length in [HEADER * 8, words_for(3) * 8 + 5, words_for(16) * 8] {
            let mut content = vec![0; length];
            content[8] = 1;
            fs::write(folder.file(), content).unwrap();
            let (ring, found) = start(&folder.file(), 16, 1);
            assert_eq!((found.left, found.damaged), (0, 0));
            assert_eq!(put(&ring, 17), 1);
            drop(ring);
            assert_eq!(start(&folder.file(), 16, 1).1.left, 16);
        }
    }

    #[test]
    fn wrong_paths_have_a_sentence() {
        let folder = Folder::new("wrong");
        let folder = folder.0.to_str().unwrap();
        for path in [
            folder.to_owned(),
            format!("{folder}/none/cdr"),
            "/dev/null".into(),
        ] {
            assert!(
                refusal(&path, 16, 1).contains("which cannot be used"),
                "{path}"
            );
        }
        assert!(refusal("/dev/full", 16, 1).contains("cdr_file is '/dev/full'"));
    }

    #[test]
    fn a_full_disk_has_a_sentence_and_changes_nothing() {
        let folder = Folder::new("full");
        put(&start(&folder.file(), 16, 1).0, 3);
        let before = fs::read(folder.file()).unwrap();
        let mut file = SharedFile::open(&folder.file(), 1).unwrap().unwrap();
        assert!(file.grow(1 << 58).is_err());
        assert_eq!(fs::read(folder.file()).unwrap(), before);
        let error = std::io::Error::from(ErrorKind::StorageFull);
        let SettingError(sentence) = cannot_use("/cdr", 100, &error);
        assert!(sentence.contains("no room: it needs 800 octets"));
    }
}
