// A disk that loses what was not flushed, a file system on it, and the file server's code over both.
#pragma once

#include "fake_core.hpp"
#include "tree.hpp"

#include <map>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace test {

using namespace ant;
using namespace ant::file_server;
using Random = std::mt19937;

struct PowerCut {};
struct Crash {};

// Not REQUIRE: that would swallow a PowerCut.
inline void must(const Result<>& done) {
    if (!done) throw std::runtime_error(error_text(done.error()));
}

class ModelDisk final : public Disk {
public:
    static constexpr std::size_t granule = 512;  // written whole or not at all

    Result<> read(Memory to, std::span<const Extent> extents) override;
    Result<> write(Memory from, std::span<const Extent> extents, bool through) override;
    Result<> flush() override;
    using Disk::read;
    using Disk::write;

    // Each sector that was not flushed is there or not, in any order.
    void cut_power(Random& random);

    std::vector<std::byte> medium;
    unsigned operations = 0;                           // writes and flushes
    std::vector<unsigned> through;                     // those of them that were written through
    unsigned cut_at = 0, crash_at = 0, fail_from = 0;  // when `operations` gets there: PowerCut, Crash; io_error from then on

private:
    bool count();
    struct Write {
        std::uint64_t position;
        std::vector<std::byte> bytes;
    };
    void apply(const Write& write);
    std::vector<std::byte> newest_;
    std::vector<Write> pending_;
    friend class World;
};

// The server's process; its records and areas outlive it.
struct Process {
    BlockCache blocks;
    Volumes volumes;
    Tree tree{volumes};
    std::array<FileMap, 4> maps;
};

class World {
public:
    // `options`: of mke2fs.
    explicit World(const std::string& options = "", unsigned mib = 16);
    // Over what another one has left.
    explicit World(std::vector<std::byte> medium);

    void mount();    // fresh: after a power cut as well
    void restart();  // the next process, with the records of the one before
    void cut_power(Random& random);

    [[nodiscard]] Volume& volume() { return process->volumes[0]; }
    [[nodiscard]] Tree& tree() { return process->tree; }
    [[nodiscard]] Memory page() const { return {page_.address(), 0}; }

    // As the server's handlers do; what was done by a process before is not done again.
    Result<> make_directory(const std::string& path);
    Result<> create(const std::string& path);
    Result<> append(const std::string& path, const std::string& data);
    Result<> write(const std::string& path, std::uint64_t position, const std::string& data);
    Result<> truncate(const std::string& path, std::uint64_t size);
    Result<> remove(const std::string& path, bool directory = false);
    Result<> rename(const std::string& from, const std::string& to);
    Result<std::string> read(const std::string& path);
    Result<std::vector<std::string>> names(const std::string& path);
    // All files with their contents; directories end with a slash.
    std::map<std::string, std::string> contents();
    // Runs f until it is not interrupted by a crash of the server.
    template <class F>
    Result<> persistently(F&& f) {
        ++call;
        for (;;) {
            try {
                return f();
            } catch (const Crash&) {
                disk.crash_at = 0;
                restart();
                if (tables->last_done().call == call) return finish_orphans();
            }
        }
    }
    Result<> finish_orphans();

    // What e2fsck says of the medium: "" if it is clean, after it has replayed the journal if `replay`.
    std::string check(bool replay);

    ModelDisk disk;
    std::optional<Tables> tables;
    void end_process();

    std::unique_ptr<Process> process;
    std::uint64_t call = 1;

private:
    Result<> release(Volume& volume, ext2_ino_t inode);
    void collect(const std::string& path, std::map<std::string, std::string>& out);
    Ica page_;
};

}  // namespace test
