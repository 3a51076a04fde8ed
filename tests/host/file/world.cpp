#include "world.hpp"

#include "clock.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <unistd.h>

// A process that crashes gives nothing back, and libext2fs neither when the power fails in the middle of it.
extern "C" const char* __asan_default_options() { return "detect_leaks=0"; }

namespace ant::file_server {

// One microsecond per look: no two operations at the same time.
std::int64_t now_ns() {
    static std::int64_t now = 1'700'000'000 * ns_per_s;
    return now += 1000;
}

}  // namespace ant::file_server

namespace test {

namespace {

struct TemporaryFile {
    std::string name = "/tmp/ant-file-test-" + std::to_string(getpid());
    ~TemporaryFile() { std::filesystem::remove(name); }
};

// What is zero stays a hole: that is most of it.
void save(const std::vector<std::byte>& medium, const std::string& name) {
    constexpr std::size_t piece = 4096;
    static constexpr std::byte zeros[piece]{};
    std::ofstream out(name, std::ios::binary);
    for (std::size_t at = 0; at < medium.size(); at += piece) {
        if (std::memcmp(&medium[at], zeros, piece) == 0) continue;
        out.seekp(static_cast<long>(at));
        out.write(reinterpret_cast<const char*>(&medium[at]), piece);
    }
    out.close();
    std::filesystem::resize_file(name, medium.size());
}

std::pair<int, std::string> run(const std::string& command) {
    FILE* const pipe = popen((command + " 2>&1").c_str(), "r");
    if (pipe == nullptr) throw std::runtime_error("cannot run " + command);
    std::string text;
    char buffer[4096];
    for (std::size_t n; (n = fread(buffer, 1, sizeof buffer, pipe)) != 0;) text.append(buffer, n);
    return {pclose(pipe), text};
}

}  // namespace

bool ModelDisk::count() {
    ++operations;
    if (operations == cut_at) throw PowerCut{};
    if (operations == crash_at) throw Crash{};
    return fail_from == 0 || operations < fail_from;
}

Result<> ModelDisk::read(Memory to, std::span<const Extent> extents) {
    if (newest_.empty()) newest_ = medium;
    std::byte* at = to.data();
    for (const Extent& extent : extents) {
        if (extent.position + extent.bytes > newest_.size()) throw std::logic_error("read behind the end of the disk");
        std::memcpy(at, newest_.data() + extent.position, extent.bytes);
        at += extent.bytes;
    }
    return {};
}

Result<> ModelDisk::write(Memory from, std::span<const Extent> extents, bool through) {
    // The write during which the power fails may be there in part.
    const bool cut = operations + 1 == cut_at;
    if (through) this->through.push_back(operations + 1);
    if (!cut && !count()) return Failure(Error::io_error);
    if (newest_.empty()) newest_ = medium;
    const std::byte* at = from.data();
    for (const Extent& extent : extents) {
        if (extent.position + extent.bytes > newest_.size()) throw std::logic_error("write behind the end of the disk");
        for (std::uint64_t done = 0; done < extent.bytes;) {
            const std::uint64_t position = extent.position + done;
            const std::uint64_t part = std::min(extent.bytes - done, granule - position % granule);
            std::memcpy(newest_.data() + position, at, part);
            Write write{position, {at, at + part}};
            if (through && !cut)
                apply(write);
            else
                pending_.push_back(std::move(write));
            at += part;
            done += part;
        }
    }
    if (cut) (void)count();  // throws
    return {};
}

Result<> ModelDisk::flush() {
    if (!count()) return Failure(Error::io_error);
    for (const Write& write : pending_) apply(write);
    pending_.clear();
    return {};
}

void ModelDisk::apply(const Write& write) {
    std::copy(write.bytes.begin(), write.bytes.end(), medium.begin() + static_cast<long>(write.position));
}

void ModelDisk::cut_power(Random& random) {
    std::shuffle(pending_.begin(), pending_.end(), random);
    const unsigned chance = random() % 4;  // none, some, most, all
    for (const Write& write : pending_)
        if (random() % 3 < chance) apply(write);
    pending_.clear();
    newest_.clear();
    cut_at = crash_at = 0;
}

World::World(std::vector<std::byte> medium) {
    fake::Core::get().reset();
    disk.medium = std::move(medium);
    page_ = std::move(*Ica::reserve(1 << 20));
}

World::World(const std::string& options, unsigned mib) : World(std::vector<std::byte>(std::size_t{mib} << 20)) {
    const TemporaryFile file;
    const auto [status, text] =
        run("/usr/sbin/mke2fs -q -F -t ext4 -E root_owner=0:0 " + options + " " + file.name + " " + std::to_string(mib) + "M");
    if (status != 0) throw std::runtime_error(text);
    std::ifstream in(file.name, std::ios::binary);
    in.read(reinterpret_cast<char*>(disk.medium.data()), static_cast<long>(disk.medium.size()));
}

void World::mount() {
    tables = *Tables::create(state_format);
    process = std::make_unique<Process>();
    if (!process->blocks.start()) throw std::runtime_error("no memory");
    for (unsigned i = 0; i < file::max_mounts; ++i) process->volumes[i].use(*tables, process->blocks, i);
    VolumeRecord record{};
    record.bytes = disk.medium.size();
    record.parent = ~0U;
    if (const auto done = volume().mount(disk, record); !done)
        throw std::runtime_error(std::string("mount: ") + error_text(done.error()));
    if (const auto done = finish_orphans(); !done) throw std::runtime_error("orphans");
}

// Without destructors.
void World::end_process() { [[maybe_unused]] const Process* ended = process.release(); }

void World::restart() {
    end_process();
    process = std::make_unique<Process>();
    if (!process->blocks.start()) throw std::runtime_error("no memory");
    for (unsigned i = 0; i < file::max_mounts; ++i) process->volumes[i].use(*tables, process->blocks, i);
    VolumeRecord record{};
    if (tables->volumes.load(0, record) != record::Found::good) throw std::runtime_error("no volume on record");
    if (!volume().resume(disk, record)) throw std::runtime_error("resume");
}

void World::cut_power(Random& random) {
    disk.cut_power(random);
    end_process();
}

Result<> World::finish_orphans() {
    ext2_filsys fs = ANT_TRY(volume().fs());
    while (fs->super->s_last_orphan != 0) ANT_TRY(release(volume(), fs->super->s_last_orphan));
    return {};
}

Result<> World::release(Volume& of, ext2_ino_t inode) {
    return inode == 0 ? Result<>{} : Content(of, inode, call, page()).release();
}

Result<> World::make_directory(const std::string& path) {
    return tree().make_directory(ANT_TRY(tree().walk(path.c_str(), 0, false)), {0, call}, 0755);
}

Result<> World::create(const std::string& path) {
    const Place place = ANT_TRY(tree().walk(path.c_str(), 0, false));
    if (place.node.inode != 0) return Failure(Error::exists);
    ANT_TRY(tree().create(place, {0, call}, 0644));
    return {};
}

Result<> World::write(const std::string& path, std::uint64_t position, const std::string& data) {
    const Node node = ANT_TRY(tree().find(path.c_str(), 0, true));
    const Memory from = page() + 4096;
    std::memcpy(from.data(), data.data(), data.size());
    const std::uint64_t done = ANT_TRY(Content(*node.volume, node.inode, call, page()).write(position, from, data.size(), true));
    if (done != data.size()) return Failure(Error::no_space);
    return {};
}

Result<> World::append(const std::string& path, const std::string& data) {
    const Node node = ANT_TRY(tree().find(path.c_str(), 0, true));
    Inode inode;
    ANT_TRY(node.volume->read_inode(node.inode, inode));
    return write(path, size_of(inode), data);
}

Result<> World::truncate(const std::string& path, std::uint64_t size) {
    const Node node = ANT_TRY(tree().find(path.c_str(), 0, true));
    return Content(*node.volume, node.inode, call, page()).truncate(size);
}

Result<> World::remove(const std::string& path, bool directory) {
    const Place place = ANT_TRY(tree().walk(path.c_str(), 0, false));
    return release(volume(), ANT_TRY(tree().remove(place, {0, call}, directory)));
}

Result<> World::rename(const std::string& from, const std::string& to) {
    const Place old = ANT_TRY(tree().walk(from.c_str(), 0, false)), fresh = ANT_TRY(tree().walk(to.c_str(), 0, false));
    return release(volume(), ANT_TRY(tree().rename(old, fresh, {0, call}, false)));
}

Result<std::string> World::read(const std::string& path) {
    const Node node = ANT_TRY(tree().find(path.c_str(), 0, true));
    FileMap& file = process->maps[node.inode % process->maps.size()];
    ANT_TRY(file.use(*node.volume, node.inode));
    std::string out(file.size(), '?');
    for (std::uint64_t done = 0; done < out.size();) {
        Mapping mapping;
        ANT_TRY(file.map(done, out.size() - done, mapping));
        for (unsigned i = 0; i < mapping.count; ++i) {
            const Extent& extent = mapping.extents[i];
            if (extent.position == cache::hole)
                std::fill_n(out.begin() + static_cast<long>(done), extent.bytes, '\0');
            else
                ANT_TRY(disk.read({reinterpret_cast<std::uint64_t>(out.data()), done}, extent));
            done += extent.bytes;
        }
    }
    return out;
}

Result<std::vector<std::string>> World::names(const std::string& path) {
    const Node node = ANT_TRY(tree().find(path.c_str(), 0, true));
    std::vector<std::string> out;
    std::vector<std::byte> buffer(512);
    for (std::uint64_t cookie = 0;;) {
        const std::uint64_t bytes = ANT_TRY(tree().list(node, cookie, buffer.data(), buffer.size()));
        if (bytes == 0) return out;
        for (std::uint64_t at = 0; at < bytes;) {
            const auto& entry = *reinterpret_cast<const file::Entry*>(buffer.data() + at);
            out.emplace_back(reinterpret_cast<const char*>(&entry + 1), entry.name_bytes);
            cookie = entry.cookie;
            at += entry.entry_bytes;
        }
    }
}

void World::collect(const std::string& path, std::map<std::string, std::string>& out) {
    const auto listed = names(path.empty() ? "/" : path);
    if (!listed) throw std::runtime_error("list " + path + ": " + error_text(listed.error()));
    for (const std::string& name : *listed) {
        if (name == "." || name == ".." || name == "lost+found") continue;
        std::string full = path;
        full.append("/").append(name);
        Inode inode;
        const auto node = tree().find(full.c_str(), 0, false);
        if (!node || !volume().read_inode(node->inode, inode)) throw std::runtime_error("find " + full);
        if (LINUX_S_ISDIR(inode.i_mode)) {
            out[full + "/"];
            collect(full, out);
        } else {
            out[full] = *read(full);
        }
    }
}

std::map<std::string, std::string> World::contents() {
    std::map<std::string, std::string> out;
    collect("", out);
    return out;
}

std::string World::check(bool replay) {
    const TemporaryFile file;
    save(disk.medium, file.name);
    constexpr int repaired = 1;
    if (replay) {
        const auto [status, text] = run("/usr/sbin/e2fsck -p " + file.name);
        // When it takes the journal for damaged, it looks through all of the file system.
        if (status >> 8 > repaired || text.find(": clean,") == std::string::npos) return text;
    }
    const auto [status, text] = run("/usr/sbin/e2fsck -fn " + file.name);
    return status == 0 ? "" : text;
}

}  // namespace test
