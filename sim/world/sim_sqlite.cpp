#include "sim/world/sim_sqlite.h"

#include <cstring>
#include <sqlite3.h>

#include "base/check.h"

namespace weir::world {
namespace {

SimDisk* g_disk = nullptr;

// The system's own file lies behind it in the same block of memory.
struct File {
    sqlite3_file base;
    sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
    static File& of(sqlite3_file* file) { return *reinterpret_cast<File*>(file); }
};

const sqlite3_io_methods& real(sqlite3_file* file) { return *File::of(file).real()->pMethods; }
sqlite3_file* inner(sqlite3_file* file) { return File::of(file).real(); }

int write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
    if (g_disk != nullptr) g_disk->step();
    if (g_disk != nullptr && g_disk->full) {
        // As much as there was room for.
        (void)real(file).xWrite(inner(file), bytes, size / 2, offset);
        return SQLITE_FULL;
    }
    return real(file).xWrite(inner(file), bytes, size, offset);
}

int sync(sqlite3_file*, int) {
    if (g_disk == nullptr) return SQLITE_OK;
    g_disk->step();
    return g_disk->failing ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

const sqlite3_io_methods& methods() {
    static const sqlite3_io_methods kMethods{
        .iVersion = 2,
        .xClose = [](sqlite3_file* f) { return real(f).xClose(inner(f)); },
        .xRead = [](sqlite3_file* f, void* to, int size,
                    sqlite3_int64 at) { return real(f).xRead(inner(f), to, size, at); },
        .xWrite = write,
        .xTruncate = [](sqlite3_file* f,
                        sqlite3_int64 size) { return real(f).xTruncate(inner(f), size); },
        .xSync = sync,
        .xFileSize = [](sqlite3_file* f,
                        sqlite3_int64* size) { return real(f).xFileSize(inner(f), size); },
        .xLock = [](sqlite3_file* f, int how) { return real(f).xLock(inner(f), how); },
        .xUnlock = [](sqlite3_file* f, int how) { return real(f).xUnlock(inner(f), how); },
        .xCheckReservedLock = [](sqlite3_file* f,
                                 int* is) { return real(f).xCheckReservedLock(inner(f), is); },
        .xFileControl = [](sqlite3_file* f, int what,
                           void* with) { return real(f).xFileControl(inner(f), what, with); },
        .xSectorSize = [](sqlite3_file* f) { return real(f).xSectorSize(inner(f)); },
        .xDeviceCharacteristics =
            [](sqlite3_file* f) { return real(f).xDeviceCharacteristics(inner(f)); },
        .xShmMap =
            [](sqlite3_file* f, int page, int size, int grow, void volatile** to) {
                return real(f).xShmMap(inner(f), page, size, grow, to);
            },
        .xShmLock = [](sqlite3_file* f, int at, int n,
                       int how) { return real(f).xShmLock(inner(f), at, n, how); },
        .xShmBarrier = [](sqlite3_file* f) { real(f).xShmBarrier(inner(f)); },
        .xShmUnmap = [](sqlite3_file* f,
                        int remove) { return real(f).xShmUnmap(inner(f), remove); },
        .xFetch = nullptr,
        .xUnfetch = nullptr,
    };
    return kMethods;
}

sqlite3_vfs* system_vfs() {
    static sqlite3_vfs* const kSystem = sqlite3_vfs_find("unix");
    WEIR_CHECK(kSystem != nullptr);
    return kSystem;
}

int open(sqlite3_vfs*, sqlite3_filename name, sqlite3_file* file, int flags, int* out_flags) {
    file->pMethods = nullptr;
    const int rc = system_vfs()->xOpen(system_vfs(), name, inner(file), flags, out_flags);
    if (rc == SQLITE_OK) file->pMethods = &methods();
    return rc;
}

// All but the opening of files is the system's.
sqlite3_vfs& simulated_vfs() {
    static sqlite3_vfs vfs = [] {
        sqlite3_vfs copy = *system_vfs();
        copy.zName = "weir-world";
        copy.pNext = nullptr;
        copy.szOsFile = static_cast<int>(sizeof(File)) + system_vfs()->szOsFile;
        copy.xOpen = open;
        return copy;
    }();
    return vfs;
}

}  // namespace

DatabaseDisk::DatabaseDisk(SimDisk& disk) {
    WEIR_CHECK(g_disk == nullptr);
    WEIR_CHECK(sqlite3_initialize() == SQLITE_OK);
    WEIR_CHECK(sqlite3_vfs_register(&simulated_vfs(), 1) == SQLITE_OK);
    g_disk = &disk;
}

DatabaseDisk::~DatabaseDisk() {
    g_disk = nullptr;
    sqlite3_vfs_register(system_vfs(), 1);
}

}  // namespace weir::world
