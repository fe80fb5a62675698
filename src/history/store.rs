//! The history on disk, in redb: a table for each tier, one of series, one of breaks, one of metadata.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use redb::{
    Builder, Database, DatabaseError, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition,
};

use super::cell::{Cell, StoredCell};
use super::recent::RecentSamples;
use super::stored::StoredSeries;
use super::tier::TIERS;
use crate::api::history::{BreakInfo, BreakKind};
use crate::model::Bytes;
use crate::model::series::SeriesSubject;
use crate::model::time::UnixSeconds;

/// The version written. Files of a newer version are moved aside.
const FORMAT_VERSION: &str = "1";

/// The default of redb is a gigabyte; the pages of one commit and one request fit in this.
const CACHE_BYTES: usize = 1 << 20;

/// A row takes 100 bytes of the file, including half-filled pages and those of a commit (a test at the full cap: 17 MB).
/// The file doubles when it grows, so it must stay below half of its limit.
const ROW_BYTES: u64 = 192;

/// Maximum number of breaks.
const MAX_BREAKS: u64 = 1000;

/// Time and series.
type Key = (i64, u32);

const CELLS: [TableDefinition<'static, Key, StoredCell>; 3] =
    [TableDefinition::new("minutes"), TableDefinition::new("tens"), TableDefinition::new("hours")];
const SERIES: TableDefinition<'static, u32, &[u8]> = TableDefinition::new("series");
const BREAKS: TableDefinition<'static, i64, (u8, Option<u64>)> = TableDefinition::new("breaks");
const METADATA: TableDefinition<'static, &str, &str> = TableDefinition::new("facts");

/// The reason why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreError {
    /// Another process uses it.
    #[error("another supervisor has {} open", .0.display())]
    InUse(PathBuf),
    /// It is no store, or corrupt.
    #[error("{0}")]
    Broken(String),
    /// It was written by a newer version.
    #[error("its format is {0}, this version supports {FORMAT_VERSION}")]
    Newer(String),
    /// The disk is full, or returns an error.
    #[error("{0}")]
    Disk(String),
}

/// An open store.
pub(super) struct Store {
    database: Database,
    boot: String,
    /// Maximum number of rows of each tier.
    max_rows: [u64; 3],
    numbers: HashMap<SeriesSubject, u32>,
    next: u32,
}

/// Contents found when the store was opened.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct PreviousContents {
    /// It belongs to another machine.
    pub(super) foreign: bool,
    /// The boot that wrote it last, and when.
    pub(super) last: Option<(String, i64)>,
}

/// Rows by series number.
pub(super) type CellsBySeries = BTreeMap<u32, Vec<(i64, Cell)>>;

impl Store {
    /// Opens the store at `path`, or creates it.
    pub(super) fn open(
        path: &Path,
        machine: &str,
        boot: &str,
        cap: Bytes,
    ) -> Result<(Self, PreviousContents), StoreError> {
        let is_new = !fs::metadata(path).is_ok_and(|file| file.len() > 0);
        let opened = Self::try_open(path, machine, boot, cap);
        // Remove an incomplete file: it would be taken for a corrupt one next time. Keep one that another process uses.
        match opened {
            Err(StoreError::InUse(path)) => Err(StoreError::InUse(path)),
            Err(error) if is_new => {
                let _ = fs::remove_file(path);
                Err(StoreError::Disk(error.to_string()))
            }
            opened => opened,
        }
    }

    fn try_open(
        path: &Path,
        machine: &str,
        boot: &str,
        cap: Bytes,
    ) -> Result<(Self, PreviousContents), StoreError> {
        let mut builder = Builder::new();
        // Detects a file altered since it was written, on which redb could panic.
        builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
        // It contains the names of other users' programs.
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
        let rows = cap.get() / ROW_BYTES;
        let mut store = Self {
            database,
            boot: boot.to_owned(),
            max_rows: TIERS.map(|tier| rows * tier.share / 100),
            numbers: HashMap::new(),
            next: 0,
        };
        let before = store.read_contents(machine)?;
        Ok((store, before))
    }

    /// Creates missing tables, and reads the series of this boot.
    fn read_contents(&mut self, machine: &str) -> Result<PreviousContents, StoreError> {
        let write = self.database.begin_write().map_err(broken)?;
        let mut before = PreviousContents::default();
        {
            let mut metadata = write.open_table(METADATA).map_err(broken)?;
            let read_metadata =
                |name: &str| metadata.get(name).map(|f| f.map(|f| f.value().to_owned())).map_err(broken);
            if let Some(format) = read_metadata("format")?.filter(|format| format != FORMAT_VERSION) {
                return Err(StoreError::Newer(format));
            }
            before.foreign = read_metadata("machine")?.is_some_and(|known| known != machine);
            let last = read_metadata("last")?.and_then(|time| time.parse().ok());
            before.last = read_metadata("boot")?.zip(last);
            metadata.insert("format", FORMAT_VERSION).map_err(broken)?;
            // Do not change the file of another machine: it is moved aside.
            if !before.foreign {
                metadata.insert("machine", machine).map_err(broken)?;
            }
            for table in CELLS {
                write.open_table(table).map_err(broken)?;
            }
            write.open_table(BREAKS).map_err(broken)?;
            let series = write.open_table(SERIES).map_err(broken)?;
            for entry in series.iter().map_err(broken)? {
                let (number, stored) = entry.map_err(broken)?;
                self.next = self.next.max(number.value().saturating_add(1));
                let Ok(stored) = serde_json::from_slice::<StoredSeries>(stored.value()) else { continue };
                if let Some(subject) = stored.subject(&self.boot) {
                    self.numbers.insert(subject, number.value());
                }
            }
        }
        write.commit().map_err(broken)?;
        Ok(before)
    }

    /// Writes pending spans in one durable commit and drops excess rows; with `ages` also expired ones.
    pub(super) fn write(
        &mut self,
        recent: &RecentSamples,
        breaks: &[(BreakInfo, bool)],
        now: i64,
        ages: bool,
    ) -> Result<(), StoreError> {
        let write = self.database.begin_write().map_err(broken)?;
        {
            let mut table = write.open_table(BREAKS).map_err(broken)?;
            for (info, back) in breaks {
                let value = (info.kind as u8, info.seconds);
                table.insert(info.time.0, value).map_err(broken)?;
                if *back {
                    // It lies in the future. A row that began earlier stays: most of it may be valid.
                    for (cells, tier) in CELLS.iter().zip(TIERS) {
                        let mut cells = write.open_table(*cells).map_err(broken)?;
                        let next = tier.start(info.time.0) + i64::from(tier.width);
                        cells.retain_in((next, 0).., |_, _| false).map_err(broken)?;
                    }
                    table.retain_in(info.time.0 + 1.., |_, _| false).map_err(broken)?;
                }
            }
            while table.len().map_err(broken)? > MAX_BREAKS {
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
                        let stored =
                            StoredSeries::new(&followed.series, recent.agent_of(followed), &self.boot);
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
            for ((table, tier), max_rows) in tables.iter_mut().zip(TIERS).zip(self.max_rows) {
                if ages {
                    table.retain_in(..(now - tier.retention, 0), |_, _| false).map_err(broken)?;
                    // Recorded by a wrong clock.
                    table.retain_in((now + i64::from(tier.width), 0).., |_, _| false).map_err(broken)?;
                }
                // Drop a tenth more than necessary, so that not every minute begins with it.
                let mut rows = table.len().map_err(broken)?;
                if rows > max_rows {
                    while rows > max_rows - max_rows / 10 && table.pop_first().map_err(broken)?.is_some() {
                        rows -= 1;
                    }
                }
            }
            let mut metadata = write.open_table(METADATA).map_err(broken)?;
            metadata.insert("boot", self.boot.as_str()).map_err(broken)?;
            metadata.insert("last", now.to_string().as_str()).map_err(broken)?;
        }
        write.commit().map_err(broken)
    }

    /// Removes series without rows. Each series has a row in the coarsest tier as long as it has any.
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
        // Need not be durable: the next durable commit includes it.
        let mut write = write;
        write.set_durability(redb::Durability::None).map_err(broken)?;
        write.commit().map_err(broken)
    }

    /// All points of a tier from `since` until before `until`.
    pub(super) fn read(&self, tier: usize, since: i64, until: i64) -> Result<CellsBySeries, StoreError> {
        let read = self.database.begin_read().map_err(broken)?;
        let table = read.open_table(CELLS[tier]).map_err(broken)?;
        let mut points = CellsBySeries::new();
        let from = TIERS[tier].start(since);
        for entry in table.range((from, 0)..(until, 0)).map_err(broken)? {
            let (key, row) = entry.map_err(broken)?;
            let (time, number) = key.value();
            let cell = Cell::from_row(row.value())
                .ok_or_else(|| StoreError::Broken("a row is invalid".to_owned()))?;
            points.entry(number).or_default().push((time, cell));
        }
        Ok(points)
    }

    /// The description of a series.
    pub(super) fn series(&self, number: u32) -> Result<Option<StoredSeries>, StoreError> {
        let read = self.database.begin_read().map_err(broken)?;
        let table = read.open_table(SERIES).map_err(broken)?;
        let stored = table.get(number).map_err(broken)?;
        Ok(stored.and_then(|stored| serde_json::from_slice(stored.value()).ok()))
    }

    /// The number of a series of this boot.
    pub(super) fn number(&self, subject: &SeriesSubject) -> Option<u32> {
        self.numbers.get(subject).copied()
    }

    /// Breaks since then.
    pub(super) fn breaks(&self, since: i64) -> Result<Vec<BreakInfo>, StoreError> {
        let read = self.database.begin_read().map_err(broken)?;
        let table = read.open_table(BREAKS).map_err(broken)?;
        let mut breaks = Vec::new();
        for entry in table.range(since..).map_err(broken)? {
            let (time, value) = entry.map_err(broken)?;
            let (kind, seconds) = value.value();
            let Some(kind) = break_kind(kind) else { continue };
            breaks.push(BreakInfo { time: UnixSeconds(time.value()), kind, seconds });
        }
        Ok(breaks)
    }
}

fn break_kind(number: u8) -> Option<BreakKind> {
    [BreakKind::Boot, BreakKind::Gap, BreakKind::Clock].into_iter().find(|kind| *kind as u8 == number)
}

/// Errors of the disk are retried; a file that contradicts itself is moved aside.
fn broken(error: impl Into<StoreFailure>) -> StoreError {
    error.into().0
}

struct StoreFailure(StoreError);

impl<E: Into<redb::Error>> From<E> for StoreFailure {
    fn from(error: E) -> Self {
        match error.into() {
            // redb reports this for a file that is not its own.
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
