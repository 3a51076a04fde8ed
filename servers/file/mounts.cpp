// Volumes: at start, by request, and what is due with time.
#include "clock.hpp"
#include "partitions.hpp"
#include "requests.hpp"

#include <ant/interface/block.hpp>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace ant::file_server {

namespace {

constexpr std::uint64_t first_pause_us = 50'000, last_pause_us = 2'000'000;
constexpr std::int64_t commit_after_ns = 5 * ns_per_s;  // ext4's own interval
constexpr std::uint32_t max_partitions = 16;

}  // namespace

Result<cache::Disks> Requests::disks() {
    auto answer = ANT_TRY(buffer_cache.call(cache::disks, {}, {}, no_limit));
    return answer.result;
}

Result<> Requests::mount_volume(unsigned index, const file::Mount& wanted, Node over) {
    const cache::Disks known = ANT_TRY(disks());
    if (!usable(known, wanted.disk)) return Failure(Error::not_found);
    CacheDisk& disk = disks_[index];
    disk.use(wanted.disk);
    const Range range = ANT_TRY(find_partition(disk, known.disk[wanted.disk].bytes, wanted.partition, page()));
    for (const Volume& volume : volumes_)
        if (volume.mounted() && volume.record().disk == wanted.disk && volume.record().base == range.base)
            return Failure(Error::busy);
    VolumeRecord record{};
    record.disk = wanted.disk;
    record.partition = wanted.partition;
    record.read_only = wanted.read_only != 0 || (known.disk[wanted.disk].flags & block::unit_flag::read_only) != 0 ? 1 : 0;
    record.base = range.base;
    record.bytes = range.bytes;
    record.parent = over.volume != nullptr ? over.volume->index() : ~0U;
    record.covered = over.inode;
    std::strncpy(record.path, wanted.path, sizeof record.path - 1);
    Volume& volume = volumes_[index];
    ANT_TRY(volume.mount(disk, record));
    return release_orphans(volume);
}

// "/" is on the disk and partition that the environment names ("ROOT=1:2"), or on the first that has an ext4.
void Requests::mount_root() {
    if (volumes_.root() != nullptr || clock_us() < next_mount_us_) return;
    mount_pause_us_ = std::clamp(mount_pause_us_ * 2, first_pause_us, last_pause_us);
    next_mount_us_ = clock_us() + mount_pause_us_;
    const auto known = disks();
    if (!known) return;
    file::Mount wanted{};
    wanted.path[0] = '/';
    if (const char* const named = environment("ROOT"); named != nullptr) {
        char* rest = nullptr;
        wanted.disk = static_cast<std::uint32_t>(std::strtoul(named, &rest, 10));
        if (*rest == ':') wanted.partition = static_cast<std::uint32_t>(std::strtoul(rest + 1, nullptr, 10));
        if (const auto done = mount_volume(0, wanted, {}); !done) log("ROOT=%s: %s", named, error_text(done.error()));
        return;
    }
    for (wanted.disk = 0; wanted.disk < known->count; ++wanted.disk) {
        for (wanted.partition = 0; wanted.partition <= max_partitions; ++wanted.partition) {
            const auto done = mount_volume(0, wanted, {});
            if (done) return;
            if (done.error() != Error::not_found)
                log("disk %u partition %u: %s", wanted.disk, wanted.partition, error_text(done.error()));
        }
    }
}

Outcome Requests::space(Call call) {
    const auto space = [&]() -> Result<file::Space> {
        const Node node = ANT_TRY(tree_.find(call.params<file::Path>().path, call.user_id(), true));
        auto* const fs = ANT_TRY(node.volume->fs());
        file::Space s{};
        s.block_bytes = fs->blocksize;
        s.blocks = ext2fs_blocks_count(fs->super);
        s.free_blocks = ext2fs_free_blocks_count(fs->super);
        s.files = fs->super->s_inodes_count;
        s.free_files = fs->super->s_free_inodes_count;
        s.device = node.volume->index() + 1;
        s.read_only = node.volume->read_only() ? 1 : 0;
        std::memcpy(s.type, "ext4", sizeof "ext4");
        return s;
    }();
    if (!space) return space.error();
    return call.reply_with(*space);
}

Outcome Requests::mount(Call call) {
    const file::Mount wanted = call.params<file::Mount>();
    const auto mounted = [&]() -> Result<> {
        if (strnlen(wanted.path, sizeof wanted.path) == sizeof wanted.path) return Failure(Error::name_too_long);
        if (wanted.path[0] == '/' && wanted.path[1] == 0) {
            if (volumes_.root() != nullptr) return Failure(Error::busy);
            return mount_volume(0, wanted, {});
        }
        const Node over = ANT_TRY(tree_.find(wanted.path, call.user_id(), true));
        Inode inode;
        ANT_TRY(over.volume->read_inode(over.inode, inode));
        if (!LINUX_S_ISDIR(inode.i_mode)) return Failure(Error::not_directory);
        if (over.inode == root_inode) return Failure(Error::busy);
        unsigned index = 1;
        while (index < file::max_mounts && volumes_[index].mounted()) ++index;
        if (index == file::max_mounts) return Failure(Error::too_many);
        return mount_volume(index, wanted, over);
    }();
    return mounted ? Error::none : mounted.error();
}

Outcome Requests::unmount(Call call) {
    const auto unmounted = [&]() -> Result<> {
        const Node node = ANT_TRY(tree_.find(call.params<file::Path>().path, call.user_id(), true));
        if (node.inode != root_inode) return Failure(Error::invalid_argument);
        const bool carries = std::any_of(volumes_.begin(), volumes_.end(), [&](const Volume& v) {
            return v.mounted() && v.index() != 0 && v.record().parent == node.volume->index();
        });
        if (carries || handles_.any_of(node.volume->index())) return Failure(Error::busy);
        return node.volume->unmount();
    }();
    return unmounted ? Error::none : unmounted.error();
}

Outcome Requests::mounts(Call call) {
    file::Mounts all{};
    for (Volume& volume : volumes_) {
        if (!volume.mounted()) continue;
        const VolumeRecord& record = volume.record();
        file::MountRecord& out = all.mount[all.count++];
        out = {record.disk,      record.partition,
               record.read_only, 0,
               "ext4",           {},
               record.bytes,     volume.free_blocks() * volume.block_bytes()};
        std::strncpy(out.path, record.path, sizeof out.path - 1);
    }
    return call.reply_with(all);
}

// A commit that is due is made when nobody waits for an answer: after a receive that did not wait and got nothing.
std::uint64_t Requests::before_receive() {
    if (std::exchange(ended_, false)) process_ended();
    mount_root();
    std::uint64_t wait_us = volumes_.root() == nullptr ? mount_pause_us_ : no_limit;
    bool due = false;
    for (Volume& volume : volumes_) {
        // What the cache had not written is lost: the next process mounts it again, by its journal.
        if (volume.mounted() && disks_[volume.index()].gone()) panic("the disk of %s is gone", volume.record().path);
        if (!volume.mounted() || volume.dirty_since() == 0) continue;
        const std::int64_t left = volume.dirty_since() + commit_after_ns - now_ns();
        if (left <= 0 && due_) {
            // Without success the transaction stays as it is, and is tried again.
            (void)volume.sync();
            continue;
        }
        due = due || left <= 0;
        const auto left_us = static_cast<std::uint64_t>(std::max<std::int64_t>(left, 1'000'000) / 1000);
        if (wait_us == no_limit || left_us < wait_us) wait_us = left_us;
    }
    due_ = due;
    return due ? abi::poll : wait_us;
}

void Requests::start(Tables& tables) {
    tables_ = &tables;
    if (!pages_) {
        auto pages = Ica::reserve(std::size_t{2} * cache::block_bytes);
        if (!pages || !blocks_.start()) panic("no memory");
        pages_ = std::move(*pages);
    }
    for (unsigned i = 0; i < file::max_mounts; ++i) volumes_[i].use(tables, blocks_, i);
    handles_.use(tables.handles);
    locks_.use(tables.locks);
}

void Requests::resume(Tables& tables) {
    start(tables);
    const auto known = disks();
    for (unsigned i = 0; i < file::max_mounts; ++i) {
        VolumeRecord record{};
        if (tables.volumes.load(i, record) != record::Found::good) continue;
        if (known && !usable(*known, record.disk)) {
            log("%s: its disk is gone", record.path);
            tables.volumes.erase(i);
            continue;
        }
        disks_[i].use(record.disk);
        if (const auto done = volumes_[i].resume(disks_[i], record); !done)
            log("%s is lost: %s", record.path, error_text(done.error()));
        else
            (void)release_orphans(volumes_[i]);
    }
    ended_ = true;  // somebody may have ended meanwhile
}

}  // namespace ant::file_server
