//! The past on disk, in redb: a table a tier, one of series, one of breaks, one of what the file is.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use redb::{
    Builder, Database, DatabaseError, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition,
};

use super::cell::{Cell, Row};
use super::recent::Recent;
use super::stored::Stored;
use super::tier::TIERS;
use crate::api::history::{BreakInfo, BreakKind};
use crate::model::Bytes;
use crate::model::series::SeriesSubject;
use crate::model::time::UnixSeconds;

/// What this version writes. One that is newer is set aside.
const FORMAT: &str = "1";

/// redb's own is a gigabyte; pages of a commit and of a question fit in this.
const CACHE: usize = 1 << 20;

/// A row takes 100 bytes of the file, half-filled pages and those of a commit included (a test at the full cap: 17 MB). The
/// file doubles as it grows, so it is to stay below half of what it may take.
const ROW: u64 = 192;

/// So many breaks are kept.
const BREAKS: u64 = 1000;

/// When, and of which series.
type Key = (i64, u32);

const CELLS: [TableDefinition<'static, Key, Row>; 3] =
    [TableDefinition::new("minutes"), TableDefinition::new("tens"), TableDefinition::new("hours")];
const SERIES: TableDefinition<'static, u32, &[u8]> = TableDefinition::new("series");
const BREAKS_AT: TableDefinition<'static, i64, (u8, Option<u64>)> = TableDefinition::new("breaks");
const FACTS: TableDefinition<'static, &str, &str> = TableDefinition::new("facts");

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreError {
    /// Somebody else has it.
    #[error("another supervisor has {} open", .0.display())]
    InUse(PathBuf),
    /// It is no store, or a broken one.
    #[error("{0}")]
    Broken(String),
    /// It is written by a newer version.
    #[error("it has format {0}, and this version knows {FORMAT}")]
    Newer(String),
    /// The disk is full, or refuses.
    #[error("{0}")]
    Disk(String),
}

/// An open store.
pub(super) struct Store {
    database: Database,
    boot: String,
    /// Rows of each tier at the most.
    most: [u64; 3],
    numbers: HashMap<SeriesSubject, u32>,
    next: u32,
}

/// What a store told of when it was opened.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Before {
    /// It is another machine's.
    pub(super) foreign: bool,
    /// Which boot wrote it last, and when.
    pub(super) last: Option<(String, i64)>,
}

/// What was read, by series number.
pub(super) type Points = BTreeMap<u32, Vec<(i64, Cell)>>;

impl Store {
    /// Opens the one at `path`, or makes it.
    pub(super) fn open(
        path: &Path,
        machine: &str,
        boot: &str,
        cap: Bytes,
    ) -> Result<(Self, Before), StoreError> {
        let is_new = !fs::metadata(path).is_ok_and(|file| file.len() > 0);
        let opened = Self::try_open(path, machine, boot, cap);
        // What is half made would be taken for a broken one the next time. Somebody else's is theirs.
        match opened {
            Err(StoreError::InUse(path)) => Err(StoreError::InUse(path)),
            Err(error) if is_new => {
                let _ = fs::remove_file(path);
                Err(StoreError::Disk(error.to_string()))
            }
            opened => opened,
        }
    }

    fn try_open(path: &Path, machine: &str, boot: &str, cap: Bytes) -> Result<(Self, Before), StoreError> {
        let mut builder = Builder::new();
        // What was altered since we wrote it is refused then, where redb might panic else.
        builder.set_cache_size(CACHE).set_check_integrity_on_open(true);
        // It names other users' programs.
        OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path)
            .map_err(|error| StoreError::Disk(error.to_string()))?;
        let database = builder.create(path).map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => StoreError::InUse(path.to_owned()),
            error => broken(error),
        })?;
        let rows = cap.get() / ROW;
        let mut store = Self {
            database,
            boot: boot.to_owned(),
            most: TIERS.map(|tier| rows * tier.share / 100),
            numbers: HashMap::new(),
            next: 0,
        };
        let before = store.look_over(machine)?;
        Ok((store, before))
    }

    /// Makes its tables where they are not there, and reads what they hold of this boot.
    fn look_over(&mut self, machine: &str) -> Result<Before, StoreError> {
        let write = self.database.begin_write().map_err(broken)?;
        let mut before = Before::default();
        {
            let mut facts = write.open_table(FACTS).map_err(broken)?;
            let fact = |name: &str| facts.get(name).map(|f| f.map(|f| f.value().to_owned())).map_err(broken);
            if let Some(format) = fact("format")?.filter(|format| format != FORMAT) {
                return Err(StoreError::Newer(format));
            }
            before.foreign = fact("machine")?.is_some_and(|known| known != machine);
            let last = fact("last")?.and_then(|time| time.parse().ok());
            before.last = fact("boot")?.zip(last);
            facts.insert("format", FORMAT).map_err(broken)?;
            // Of another machine's file nothing is to be changed: it is set aside.
            if !before.foreign {
                facts.insert("machine", machine).map_err(broken)?;
            }
            for table in CELLS {
                write.open_table(table).map_err(broken)?;
            }
            write.open_table(BREAKS_AT).map_err(broken)?;
            let series = write.open_table(SERIES).map_err(broken)?;
            for entry in series.iter().map_err(broken)? {
                let (number, stored) = entry.map_err(broken)?;
                self.next = self.next.max(number.value().saturating_add(1));
                let Ok(stored) = serde_json::from_slice::<Stored>(stored.value()) else { continue };
                if let Some(subject) = stored.subject(&self.boot) {
                    self.numbers.insert(subject, number.value());
                }
            }
        }
        write.commit().map_err(broken)?;
        Ok(before)
    }

    /// Writes what is not on disk yet, in one durable commit, and drops what is too much; and where `ages` what is too old.
    pub(super) fn write(
        &mut self,
        recent: &Recent,
        breaks: &[(BreakInfo, bool)],
        now: i64,
        ages: bool,
    ) -> Result<(), StoreError> {
        let write = self.database.begin_write().map_err(broken)?;
        {
            let mut table = write.open_table(BREAKS_AT).map_err(broken)?;
            for (info, back) in breaks {
                let value = (info.kind as u8, info.seconds);
                table.insert(info.time.0, value).map_err(broken)?;
                if *back {
                    // It has not happened yet. A row that began before it stays: most of it may have.
                    for (cells, tier) in CELLS.iter().zip(TIERS) {
                        let mut cells = write.open_table(*cells).map_err(broken)?;
                        let next = tier.start(info.time.0) + i64::from(tier.width);
                        cells.retain_in((next, 0).., |_, _| false).map_err(broken)?;
                    }
                    table.retain_in(info.time.0 + 1.., |_, _| false).map_err(broken)?;
                }
            }
            while table.len().map_err(broken)? > BREAKS {
                table.pop_first().map_err(broken)?;
            }
            let mut series = write.open_table(SERIES).map_err(broken)?;
            let mut tables = Vec::with_capacity(TIERS.len());
            for cells in CELLS {
                tables.push(write.open_table(cells).map_err(broken)?);
            }
            for followed in recent.series().filter(|followed| !followed.pending.is_empty()) {
                let subject = followed.series.subject;
                let number = match self.numbers.get(&subject) {
                    Some(number) => *number,
                    None => {
                        let stored = Stored::of(&followed.series, recent.agent_of(followed), &self.boot);
                        let text =
                            serde_json::to_vec(&stored).map_err(|e| StoreError::Broken(e.to_string()))?;
                        series.insert(self.next, text.as_slice()).map_err(broken)?;
                        self.numbers.insert(subject, self.next);
                        self.next = self.next.saturating_add(1);
                        self.next - 1
                    }
                };
                for (minute, cell) in &followed.pending {
                    for (table, tier) in tables.iter_mut().zip(TIERS) {
                        let key = (tier.start(*minute), number);
                        let known =
                            table.get(key).map_err(broken)?.and_then(|row| Cell::from_row(row.value()));
                        let merged = known.map_or(*cell, |known| known.merge(*cell));
                        table.insert(key, merged.row()).map_err(broken)?;
                    }
                }
            }
            for ((table, tier), most) in tables.iter_mut().zip(TIERS).zip(self.most) {
                if ages {
                    table.retain_in(..(now - tier.keep, 0), |_, _| false).map_err(broken)?;
                    // By a clock that was wrong.
                    table.retain_in((now + i64::from(tier.width), 0).., |_, _| false).map_err(broken)?;
                }
                // A tenth more than there must be, so that not each minute begins with it.
                let mut rows = table.len().map_err(broken)?;
                if rows > most {
                    while rows > most - most / 10 && table.pop_first().map_err(broken)?.is_some() {
                        rows -= 1;
                    }
                }
            }
            let mut facts = write.open_table(FACTS).map_err(broken)?;
            facts.insert("boot", self.boot.as_str()).map_err(broken)?;
            facts.insert("last", now.to_string().as_str()).map_err(broken)?;
        }
        write.commit().map_err(broken)
    }

    /// Forgets series of which nothing is left. Each of them has a row in the coarsest tier as long as it has one at all.
    pub(super) fn sweep(&mut self) -> Result<(), StoreError> {
        let write = self.database.begin_write().map_err(broken)?;
        {
            let mut used: HashSet<u32> = HashSet::new();
            for cells in CELLS {
                let table = write.open_table(cells).map_err(broken)?;
                for entry in table.iter().map_err(broken)? {
                    used.insert(entry.map_err(broken)?.0.value().1);
                }
            }
            let mut series = write.open_table(SERIES).map_err(broken)?;
            series.retain(|number, _| used.contains(&number)).map_err(broken)?;
            self.numbers.retain(|_, number| used.contains(number));
        }
        // Nobody would miss it: the next durable commit takes it along.
        let mut write = write;
        write.set_durability(redb::Durability::None).map_err(broken)?;
        write.commit().map_err(broken)
    }

    /// All points of a tier from `since` until before `until`.
    pub(super) fn read(&self, tier: usize, since: i64, until: i64) -> Result<Points, StoreError> {
        let read = self.database.begin_read().map_err(broken)?;
        let table = read.open_table(CELLS[tier]).map_err(broken)?;
        let mut points = Points::new();
        let from = TIERS[tier].start(since);
        for entry in table.range((from, 0)..(until, 0)).map_err(broken)? {
            let (key, row) = entry.map_err(broken)?;
            let (time, number) = key.value();
            let cell = Cell::from_row(row.value())
                .ok_or_else(|| StoreError::Broken("a row is none of ours".to_owned()))?;
            points.entry(number).or_default().push((time, cell));
        }
        Ok(points)
    }

    /// What is known of a series.
    pub(super) fn series(&self, number: u32) -> Result<Option<Stored>, StoreError> {
        let read = self.database.begin_read().map_err(broken)?;
        let table = read.open_table(SERIES).map_err(broken)?;
        let stored = table.get(number).map_err(broken)?;
        Ok(stored.and_then(|stored| serde_json::from_slice(stored.value()).ok()))
    }

    /// The number of a series of this boot.
    pub(super) fn number(&self, subject: &SeriesSubject) -> Option<u32> {
        self.numbers.get(subject).copied()
    }

    /// Where the record is broken since then.
    pub(super) fn breaks(&self, since: i64) -> Result<Vec<BreakInfo>, StoreError> {
        let read = self.database.begin_read().map_err(broken)?;
        let table = read.open_table(BREAKS_AT).map_err(broken)?;
        let mut breaks = Vec::new();
        for entry in table.range(since..).map_err(broken)? {
            let (time, value) = entry.map_err(broken)?;
            let (kind, seconds) = value.value();
            let Some(kind) = kind_of(kind) else { continue };
            breaks.push(BreakInfo { time: UnixSeconds(time.value()), kind, seconds });
        }
        Ok(breaks)
    }
}

fn kind_of(number: u8) -> Option<BreakKind> {
    [BreakKind::Boot, BreakKind::Gap, BreakKind::Clock].into_iter().find(|kind| *kind as u8 == number)
}

/// What the disk refuses is tried again; what the file says against itself is set aside.
fn broken(error: impl Into<Failed>) -> StoreError {
    error.into().0
}

struct Failed(StoreError);

impl<E: Into<redb::Error>> From<E> for Failed {
    fn from(error: E) -> Self {
        match error.into() {
            // redb says so of what is no store of its own.
            redb::Error::Io(error)
                if matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) =>
            {
                Self(StoreError::Broken(error.to_string()))
            }
            error @ (redb::Error::Io(_) | redb::Error::PreviousIo | redb::Error::DatabaseClosed) => {
                Self(StoreError::Disk(error.to_string()))
            }
            error => Self(StoreError::Broken(error.to_string())),
        }
    }
}
