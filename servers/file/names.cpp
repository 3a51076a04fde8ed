// Opening, and everything that works on names.
#include "clock.hpp"
#include "requests.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace ant::file_server {

namespace {

bool ends(const char (&path)[file::max_path]) { return strnlen(path, sizeof path) < sizeof path; }

bool is_file(const Inode& inode) { return LINUX_S_ISREG(inode.i_mode); }

}  // namespace

// A path that another process of this server has created the file at, for the same call, is opened as it is.
Result<Node> Requests::open_node(const file::Open& wanted, Call call) {
    using namespace file::open_flag;
    const std::uint32_t user = call.user_id();
    if (was_done(call)) {
        const DoneRecord done = tables_->last_done();
        if (done.volume < file::max_mounts && volumes_[done.volume].mounted()) return Node{&volumes_[done.volume], done.inode};
    }
    const bool creates = (wanted.flags & create) != 0, exclusively = creates && (wanted.flags & exclusive) != 0;
    if (creates && std::string_view{wanted.path}.ends_with('/')) return Failure(Error::is_directory);
    const Place place = ANT_TRY(tree_.walk(wanted.path, user, (wanted.flags & no_follow) == 0 && !exclusively));
    if (place.node.inode == 0) {
        if (!creates) return Failure(Error::not_found);
        return Node{place.parent.volume, ANT_TRY(tree_.create(place, {user, call.id()}, wanted.mode))};
    }
    if (exclusively) return Failure(Error::exists);
    Inode inode;
    ANT_TRY(place.node.volume->read_inode(place.node.inode, inode));
    if (LINUX_S_ISLNK(inode.i_mode)) return Failure(Error::too_many_links);
    if ((wanted.flags & directory) != 0 && !LINUX_S_ISDIR(inode.i_mode)) return Failure(Error::not_directory);
    const bool writes = (wanted.flags & (file::open_flag::write | file::open_flag::truncate)) != 0;
    if (writes && LINUX_S_ISDIR(inode.i_mode)) return Failure(Error::is_directory);
    if (!LINUX_S_ISDIR(inode.i_mode) && !is_file(inode)) return Failure(Error::not_supported);
    if (writes && place.node.volume->read_only()) return Failure(Error::read_only);
    ANT_TRY(permit(inode, user, ((wanted.flags & file::open_flag::read) != 0 ? may_read : 0) | (writes ? may_write : 0)));
    return place.node;
}

Outcome Requests::open(Call call) {
    const file::Open wanted = call.params<file::Open>();
    const auto opened = [&]() -> Result<file::Opened> {
        if (!ends(wanted.path)) return Failure(Error::name_too_long);
        const HandleRecord* const before = call.redelivered() ? handles_.opened_by(call.id()) : nullptr;
        Node node;
        if (before != nullptr) {
            node = {&volumes_[before->volume], before->inode};
        } else {
            node = ANT_TRY(open_node(wanted, call));
            if ((wanted.flags & file::open_flag::truncate) != 0)
                ANT_TRY(Content(*node.volume, node.inode, call.id(), page()).truncate(0));
        }
        const HandleRecord handle =
            before != nullptr
                ? *before
                : ANT_TRY(handles_.add({0, call.requester(), node.volume->index(), node.inode, wanted.flags, 0, call.id()}));
        Inode inode;
        ANT_TRY(node.volume->read_inode(node.inode, inode));
        return file::Opened{handle.handle, 0, file_server::status_of(*node.volume, node.inode, inode)};
    }();
    if (!opened) return opened.error();
    return call.reply_with(*opened);
}

Result<> Requests::release(Node node, std::uint64_t call) {
    if (node.inode == 0 || handles_.is_open(node.volume->index(), node.inode)) return {};
    return Content(*node.volume, node.inode, call, page()).release();
}

// Names that were removed while nobody had them open, by a process that could not finish it.
Result<> Requests::release_orphans(Volume& volume) {
    if (volume.read_only()) return {};
    auto* const fs = ANT_TRY(volume.fs());
    ext2_ino_t orphan = fs->super->s_last_orphan;
    for (std::uint32_t steps = 0; orphan != 0 && steps < fs->super->s_inodes_count; ++steps) {
        Inode inode;
        ANT_TRY(volume.read_inode(orphan, inode));
        const ext2_ino_t next = inode.i_dtime;
        const DoneRecord done = tables_->last_done();
        if (inode.i_links_count == 0) ANT_TRY(release({&volume, orphan}, done.call));
        orphan = next;
    }
    return {};
}

Result<> Requests::close_handle(const HandleRecord& handle, std::uint64_t call) {
    Volume& volume = volumes_[handle.volume];
    const bool freed = locks_.remove_if([&](const LockRecord& lock) {
        if (lock.handle != 0) return lock.handle == handle.handle;
        return lock.slot == handle.slot && lock.volume == handle.volume && lock.inode == handle.inode;
    });
    handles_.remove(handle.handle);
    if (freed) grant_locks();
    if (!volume.mounted()) return {};
    Inode inode;
    ANT_TRY(volume.read_inode(handle.inode, inode));
    return inode.i_links_count == 0 ? release({&volume, handle.inode}, call) : Result<>{};
}

Outcome Requests::close(Call call) {
    const auto handle = handles_.find(call.params<file::Handle>().handle, call.requester());
    if (!handle) return call.redelivered() ? Error::none : handle.error();
    const auto closed = close_handle(*handle, call.id());
    return closed ? Error::none : closed.error();
}

Outcome Requests::status(Call call) {
    const auto handle = handles_.find(call.params<file::Handle>().handle, call.requester());
    if (!handle) return handle.error();
    Volume& volume = volumes_[handle->volume];
    Inode inode;
    if (const auto read = volume.read_inode(handle->inode, inode); !read) return read.error();
    return call.reply_with(file_server::status_of(volume, handle->inode, inode));
}

Outcome Requests::status_of(Call call) {
    const auto& wanted = call.params<file::Path>();
    const auto node = tree_.find(wanted.path, call.user_id(), (wanted.flags & file::path_flag::no_follow) == 0);
    if (!node) return node.error();
    Inode inode;
    if (const auto read = node->volume->read_inode(node->inode, inode); !read) return read.error();
    return call.reply_with(file_server::status_of(*node->volume, node->inode, inode));
}

Outcome Requests::access(Call call) {
    const auto& wanted = call.params<file::Path>();
    const auto permitted = [&]() -> Result<> {
        const Node node = ANT_TRY(tree_.find(wanted.path, call.user_id(), (wanted.flags & file::path_flag::no_follow) == 0));
        if ((wanted.mode & may_write) != 0 && node.volume->read_only()) return Failure(Error::read_only);
        Inode inode;
        ANT_TRY(node.volume->read_inode(node.inode, inode));
        return permit(inode, call.user_id(), wanted.mode & 7);
    }();
    return permitted ? Error::none : permitted.error();
}

Outcome Requests::make_directory(Call call) {
    if (was_done(call)) return Error::none;
    const auto& wanted = call.params<file::Path>();
    const auto place = tree_.walk(wanted.path, call.user_id(), false);
    if (!place) return place.error();
    if (place->node.inode != 0) return Error::exists;
    const auto made = tree_.make_directory(*place, {call.user_id(), call.id()}, wanted.mode);
    return made ? Error::none : made.error();
}

// The name is gone with the first operation; what a crash then leaves is an orphan, released at the restart.
Outcome Requests::remove(Call call) {
    if (was_done(call)) return Error::none;
    const auto& wanted = call.params<file::Path>();
    const auto removed = [&]() -> Result<> {
        const Place place = ANT_TRY(tree_.walk(wanted.path, call.user_id(), false));
        const ext2_ino_t orphan =
            ANT_TRY(tree_.remove(place, {call.user_id(), call.id()}, (wanted.flags & file::path_flag::directory) != 0));
        return release({place.node.volume, orphan}, call.id());
    }();
    return removed ? Error::none : removed.error();
}

Outcome Requests::rename(Call call) {
    if (was_done(call)) return Error::none;
    const auto& wanted = call.params<file::TwoPaths>();
    const auto renamed = [&]() -> Result<> {
        const Place from = ANT_TRY(tree_.walk(wanted.from, call.user_id(), false));
        const Place to = ANT_TRY(tree_.walk(wanted.to, call.user_id(), false));
        const ext2_ino_t orphan =
            ANT_TRY(tree_.rename(from, to, {call.user_id(), call.id()}, (wanted.flags & file::path_flag::keep) != 0));
        return release({to.node.volume, orphan}, call.id());
    }();
    return renamed ? Error::none : renamed.error();
}

Outcome Requests::link(Call call) {
    if (was_done(call)) return Error::none;
    const auto& wanted = call.params<file::TwoPaths>();
    const auto linked = [&]() -> Result<> {
        const Node node = ANT_TRY(tree_.find(wanted.from, call.user_id(), false));
        const Place to = ANT_TRY(tree_.walk(wanted.to, call.user_id(), false));
        return tree_.link(node, to, {call.user_id(), call.id()});
    }();
    return linked ? Error::none : linked.error();
}

Outcome Requests::symbolic_link(Call call) {
    if (was_done(call)) return Error::none;
    const auto& wanted = call.params<file::TwoPaths>();
    if (!ends(wanted.from)) return Error::name_too_long;
    const auto place = tree_.walk(wanted.to, call.user_id(), false);
    if (!place) return place.error();
    const auto linked = tree_.symbolic_link(*place, {call.user_id(), call.id()}, wanted.from);
    return linked ? Error::none : linked.error();
}

Outcome Requests::read_link(Call call) {
    file::Target target{};
    const auto read = [&]() -> Result<> {
        const Node node = ANT_TRY(tree_.find(call.params<file::Path>().path, call.user_id(), false));
        return tree_.read_link(node, target.path);
    }();
    if (!read) return read.error();
    return call.reply_with(target, static_cast<std::int64_t>(std::strlen(target.path)));
}

Outcome Requests::change(Call call) {
    if (was_done(call)) return Error::none;
    const auto& wanted = call.params<file::Change>();
    const std::uint32_t user = call.user_id();
    const auto changed = [&]() -> Result<> {
        Node node;
        if (wanted.path[0] == 0) {
            const HandleRecord handle = ANT_TRY(handles_.find(wanted.handle, call.requester()));
            node = {&volumes_[handle.volume], handle.inode};
        } else {
            node = ANT_TRY(tree_.find(wanted.path, user, (wanted.flags & file::path_flag::no_follow) == 0));
        }
        Inode inode;
        ANT_TRY(node.volume->read_inode(node.inode, inode));
        const bool owner = user == 0 || user == owner_of(inode);
        const bool gives = (wanted.user != file::keep_value && wanted.user != owner_of(inode)) ||
                           (wanted.group != file::keep_value && wanted.group != group_of(inode));
        const bool only_now = wanted.mode == file::keep_value &&
                              (wanted.accessed_ns == file::now_time || wanted.accessed_ns == file::keep_time) &&
                              (wanted.modified_ns == file::now_time || wanted.modified_ns == file::keep_time);
        if (gives && user != 0) return Failure(Error::denied);
        if (!owner && !(only_now && permit(inode, user, may_write))) return Failure(Error::denied);
        return node.volume->operate(call.id(), [&]() -> Result<> {
            constexpr std::uint32_t permissions = 07777, set_ids = 06000;
            if (wanted.mode != file::keep_value)
                inode.i_mode = static_cast<std::uint16_t>((inode.i_mode & ~permissions) | (wanted.mode & permissions));
            if (gives) {
                set_owner(inode, wanted.user != file::keep_value ? wanted.user : owner_of(inode),
                          wanted.group != file::keep_value ? wanted.group : group_of(inode));
                if (is_file(inode)) inode.i_mode = static_cast<std::uint16_t>(inode.i_mode & ~set_ids);
            }
            const std::int64_t now = now_ns();
            const auto time = [&](std::int64_t ns, std::uint32_t& seconds, std::uint32_t& extra) {
                if (ns != file::keep_time) set_time(seconds, extra, ns == file::now_time ? now : ns);
            };
            time(wanted.accessed_ns, inode.i_atime, inode.i_atime_extra);
            time(wanted.modified_ns, inode.i_mtime, inode.i_mtime_extra);
            set_time(inode.i_ctime, inode.i_ctime_extra, now);
            return node.volume->write_inode(node.inode, inode);
        });
    }();
    return changed ? Error::none : changed.error();
}

}  // namespace ant::file_server
