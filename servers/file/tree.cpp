#include "tree.hpp"

#include "clock.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace ant::file_server {

namespace {

constexpr unsigned max_followed = 40;       // symbolic links of one path, as Linux
constexpr std::uint32_t max_links = 65000;  // EXT4_LINK_MAX
constexpr std::uint32_t sticky = 01000;
constexpr std::uint32_t permissions = 07777;
constexpr std::uint16_t header_magic = 0xf30a, header_entries = 4;  // of the extents in an inode

std::uint8_t entry_type(std::uint32_t mode) {
    if (LINUX_S_ISREG(mode)) return EXT2_FT_REG_FILE;
    if (LINUX_S_ISDIR(mode)) return EXT2_FT_DIR;
    if (LINUX_S_ISLNK(mode)) return EXT2_FT_SYMLINK;
    if (LINUX_S_ISCHR(mode)) return EXT2_FT_CHRDEV;
    if (LINUX_S_ISBLK(mode)) return EXT2_FT_BLKDEV;
    if (LINUX_S_ISFIFO(mode)) return EXT2_FT_FIFO;
    if (LINUX_S_ISSOCK(mode)) return EXT2_FT_SOCK;
    return EXT2_FT_UNKNOWN;
}

file::Type type_of_entry(unsigned type) {
    switch (type) {
        case EXT2_FT_REG_FILE:
            return file::Type::regular;
        case EXT2_FT_DIR:
            return file::Type::directory;
        case EXT2_FT_SYMLINK:
            return file::Type::link;
        case EXT2_FT_CHRDEV:
            return file::Type::character;
        case EXT2_FT_BLKDEV:
            return file::Type::block;
        case EXT2_FT_FIFO:
            return file::Type::fifo;
        case EXT2_FT_SOCK:
            return file::Type::socket;
        default:
            return file::Type::unknown;
    }
}

bool is_dots(const char* name) { return name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0)); }

Result<ext2_ino_t> lookup(Volume& volume, ext2_ino_t directory, const char* name) {
    auto* const fs = ANT_TRY(volume.fs());
    ext2_ino_t found = 0;
    ANT_TRY(checked(ext2fs_lookup(fs, directory, name, static_cast<int>(std::strlen(name)), nullptr, &found)));
    return found;
}

}  // namespace

Volume* Volumes::covering(unsigned volume, ext2_ino_t inode) {
    for (Volume& v : volumes_)
        if (v.mounted() && v.index() != 0 && v.record().parent == volume && v.record().covered == inode) return &v;
    return nullptr;
}

Result<> permit(const Inode& inode, std::uint32_t user, std::uint32_t wanted) {
    if (user == 0) {
        // Execution needs somebody's permission even so.
        const bool runs = (wanted & may_execute) == 0 || LINUX_S_ISDIR(inode.i_mode) || (inode.i_mode & 0111) != 0;
        if (!runs) return Failure(Error::denied);
        return {};
    }
    // A user's only group has its number.
    const unsigned shift = user == owner_of(inode) ? 6 : user == group_of(inode) ? 3 : 0;
    if ((wanted & ~(inode.i_mode >> shift & 7U)) != 0) return Failure(Error::denied);
    return {};
}

void set_owner(Inode& inode, std::uint32_t user, std::uint32_t group) {
    inode.i_uid = static_cast<std::uint16_t>(user);
    inode.osd2.linux2.l_i_uid_high = static_cast<std::uint16_t>(user >> 16);
    inode.i_gid = static_cast<std::uint16_t>(group);
    inode.osd2.linux2.l_i_gid_high = static_cast<std::uint16_t>(group >> 16);
}

file::Status status_of(Volume& volume, ext2_ino_t number, const Inode& inode) {
    file::Status status{};
    const std::uint64_t sectors = inode.i_blocks | std::uint64_t{inode.osd2.linux2.l_i_blocks_hi} << 32;
    status.inode = number;
    status.size = size_of(inode);
    status.allocated_bytes = sectors * ((inode.i_flags & EXT4_HUGE_FILE_FL) != 0 ? volume.block_bytes() : 512);
    status.device = volume.index() + 1;
    status.mode = inode.i_mode;
    status.links = inode.i_links_count;
    status.user = owner_of(inode);
    status.group = group_of(inode);
    status.block_bytes = volume.block_bytes();
    status.accessed_ns = time_of(inode.i_atime, inode.i_atime_extra);
    status.modified_ns = time_of(inode.i_mtime, inode.i_mtime_extra);
    status.changed_ns = time_of(inode.i_ctime, inode.i_ctime_extra);
    return status;
}

// Paths -----------------------------------------------------------------------------------------------------------

struct Tree::Walker {
    Tree& tree;
    std::uint32_t user;
    bool follow;
    unsigned followed = 0;
    Place place{};
    char rest[2 * file::max_path];  // of the path, from `at` on
    std::size_t at = 0;

    // The next name; false at the end. Name too long: an error.
    Result<bool> next() {
        while (rest[at] == '/') ++at;
        if (rest[at] == 0) return false;
        const std::size_t length = std::strcspn(rest + at, "/");
        if (length > file::max_name) return Failure(Error::name_too_long);
        std::memcpy(place.name, rest + at, length);
        place.name[length] = 0;
        at += length;
        return true;
    }
    [[nodiscard]] bool last() const { return rest[at + std::strspn(rest + at, "/")] == 0; }

    Result<> go_up() {
        Node& here = place.node;
        while (here.inode == root_inode && here.volume->index() != 0)
            here = {&tree.volumes_[here.volume->record().parent], here.volume->record().covered};
        here.inode = ANT_TRY(lookup(*here.volume, here.inode, ".."));
        return {};
    }
    Result<> follow_link(const Node& link) {
        if (++followed > max_followed) return Failure(Error::too_many_links);
        char text[file::max_path];
        ANT_TRY(tree.read_link(link, text));
        const std::size_t length = std::strlen(text), left = std::strlen(rest + at);
        if (length + left + 2 > sizeof rest) return Failure(Error::name_too_long);
        std::memmove(rest + length, rest + at, left + 1);
        std::memcpy(rest, text, length);
        at = 0;
        place.node = text[0] == '/' ? Node{tree.volumes_.root(), root_inode} : place.parent;
        return {};
    }
    // One name: from the directory `place.node` to what has that name.
    Result<> step() {
        const Node here = place.node;
        Inode inode;
        ANT_TRY(here.volume->read_inode(here.inode, inode));
        if (!LINUX_S_ISDIR(inode.i_mode)) return Failure(Error::not_directory);
        ANT_TRY(permit(inode, user, may_execute));
        place.parent = {};
        if (place.name[0] == '.' && place.name[1] == 0) return {};
        if (is_dots(place.name)) return go_up();
        place.parent = here;
        const auto found = lookup(*here.volume, here.inode, place.name);
        if (!found && found.error() == Error::not_found && last()) {
            place.node = {here.volume, 0};
            return {};
        }
        place.node = {here.volume, ANT_TRY(found)};
        if (Volume* const over = tree.volumes_.covering(here.volume->index(), place.node.inode); over != nullptr)
            place.node = {over, root_inode};
        ANT_TRY(place.node.volume->read_inode(place.node.inode, inode));
        if (LINUX_S_ISLNK(inode.i_mode) && (follow || !last() || rest[at] == '/')) return follow_link(place.node);
        return {};
    }
};

Result<Place> Tree::walk(const char* path, std::uint32_t user, bool follow) {
    if (volumes_.root() == nullptr) return Failure(Error::not_found);
    const std::size_t length = strnlen(path, file::max_path);
    if (length == file::max_path) return Failure(Error::name_too_long);
    if (path[0] != '/') return Failure(path[0] == 0 ? Error::not_found : Error::invalid_argument);
    Walker walker{*this, user, follow, 0, {}, {}, 0};
    std::memcpy(walker.rest, path, length + 1);
    walker.place.node = {volumes_.root(), root_inode};
    while (ANT_TRY(walker.next())) ANT_TRY(walker.step());
    return walker.place;
}

Result<Node> Tree::find(const char* path, std::uint32_t user, bool follow) {
    const Place place = ANT_TRY(walk(path, user, follow));
    if (place.node.inode == 0) return Failure(Error::not_found);
    return place.node;
}

Result<> Tree::read_link(Node node, char (&text)[file::max_path]) {
    Inode inode;
    ANT_TRY(node.volume->read_inode(node.inode, inode));
    if (!LINUX_S_ISLNK(inode.i_mode)) return Failure(Error::invalid_argument);
    const std::uint64_t size = size_of(inode);
    if (size >= sizeof text) return Failure(Error::name_too_long);
    auto* const fs = ANT_TRY(node.volume->fs());
    if (ext2fs_is_fast_symlink(reinterpret_cast<ext2_inode*>(&inode)) != 0) {
        std::memcpy(text, inode.i_block, size);
    } else {
        blk64_t block = 0;
        ANT_TRY(checked(ext2fs_bmap2(fs, node.inode, reinterpret_cast<ext2_inode*>(&inode), nullptr, 0, 0, nullptr, &block)));
        auto* const contents = static_cast<char*>(std::malloc(fs->blocksize));
        if (contents == nullptr) return Failure(Error::no_memory);
        const errcode_t code = io_channel_read_blk64(fs->io, block, 1, contents);
        if (code == 0) std::memcpy(text, contents, std::min<std::uint64_t>(size, fs->blocksize));
        std::free(contents);
        ANT_TRY(checked(code));
    }
    text[size] = 0;
    return {};
}

// Changes ---------------------------------------------------------------------------------------------------------

// Whether a name may come into the directory, or go.
Result<> Tree::permit_change(const Place& place, std::uint32_t user) {
    if (place.parent.inode == 0) return Failure(place.node.inode == root_inode ? Error::busy : Error::invalid_argument);
    if (place.parent.volume->read_only()) return Failure(Error::read_only);
    Inode inode;
    ANT_TRY(place.parent.volume->read_inode(place.parent.inode, inode));
    if (inode.i_links_count == 0) return Failure(Error::not_found);
    return permit(inode, user, may_write | may_execute);
}

// In a directory with the sticky bit only the owner of the file or of the directory may.
Result<> Tree::permit_removal(const Place& place, const Inode& inode, std::uint32_t user) {
    Inode directory;
    ANT_TRY(place.parent.volume->read_inode(place.parent.inode, directory));
    if ((directory.i_mode & sticky) != 0 && user != 0 && user != owner_of(inode) && user != owner_of(directory))
        return Failure(Error::denied);
    return {};
}

Result<> Tree::add_entry(Node directory, const char* name, ext2_ino_t inode, std::uint32_t mode) {
    auto* const fs = ANT_TRY(directory.volume->fs());
    errcode_t code = ext2fs_link(fs, directory.inode, name, inode, entry_type(mode));
    if (code == EXT2_ET_DIR_NO_SPACE) {
        ANT_TRY(checked(ext2fs_expand_dir(fs, directory.inode)));
        code = ext2fs_link(fs, directory.inode, name, inode, entry_type(mode));
    }
    return checked(code);
}

// A directory with more subdirectories than its count can tell has 1 (dir_nlink).
Result<> Tree::touch_directory(Node directory, int links) {
    Inode inode;
    ANT_TRY(directory.volume->read_inode(directory.inode, inode));
    touch(inode);
    if (links != 0 && inode.i_links_count != 1) {
        const std::uint32_t count = inode.i_links_count + static_cast<std::uint32_t>(links);
        inode.i_links_count = static_cast<std::uint16_t>(count > max_links ? 1 : count);
    }
    return directory.volume->write_inode(directory.inode, inode);
}

Result<ext2_ino_t> Tree::new_inode(const Place& place, Caller caller, std::uint32_t mode, Inode& inode) {
    Volume& volume = *place.parent.volume;
    auto* const fs = ANT_TRY(volume.fs());
    ext2_ino_t number = 0;
    ANT_TRY(checked(ext2fs_new_inode(fs, place.parent.inode, static_cast<int>(mode), nullptr, &number)));
    std::memset(&inode, 0, sizeof inode);
    inode.i_mode = static_cast<std::uint16_t>(mode);
    inode.i_links_count = 1;
    set_owner(inode, caller.user, caller.user);
    const std::int64_t now = now_ns();
    touch(inode);
    set_time(inode.i_atime, inode.i_atime_extra, now);
    set_time(inode.i_crtime, inode.i_crtime_extra, now);
    inode.i_extra_isize = sizeof(Inode) - EXT2_GOOD_OLD_INODE_SIZE;
    return number;
}

Result<ext2_ino_t> Tree::create(const Place& place, Caller caller, std::uint32_t mode) {
    ANT_TRY(permit_change(place, caller.user));
    Volume& volume = *place.parent.volume;
    ext2_ino_t number = 0;
    const auto change = [&]() -> Result<> {
        Inode inode;
        number = ANT_TRY(new_inode(place, caller, LINUX_S_IFREG | (mode & permissions), inode));
        inode.i_flags |= EXT4_EXTENTS_FL;
        auto& header = *reinterpret_cast<ext3_extent_header*>(inode.i_block);
        header = {.eh_magic = header_magic, .eh_entries = 0, .eh_max = header_entries, .eh_depth = 0, .eh_generation = 0};
        auto* const fs = ANT_TRY(volume.fs());
        ANT_TRY(checked(ext2fs_write_new_inode(fs, number, reinterpret_cast<ext2_inode*>(&inode))));
        ANT_TRY(volume.write_inode(number, inode));
        volume.count_inode(number, 1, false);
        ANT_TRY(add_entry(place.parent, place.name, number, inode.i_mode));
        return touch_directory(place.parent, 0);
    };
    ANT_TRY(volume.begin());
    Result<> done = change();
    if (done) done = volume.finish(caller.call, 0, number);
    if (!done) volume.abort();
    ANT_TRY(done);
    return number;
}

Result<> Tree::make_directory(const Place& place, Caller caller, std::uint32_t mode) {
    ANT_TRY(permit_change(place, caller.user));
    if (place.node.inode != 0) return Failure(Error::exists);
    Volume& volume = *place.parent.volume;
    return volume.operate(caller.call, [&]() -> Result<> {
        Inode inode;
        const ext2_ino_t number = ANT_TRY(new_inode(place, caller, LINUX_S_IFDIR, inode));
        auto* const fs = ANT_TRY(volume.fs());
        ANT_TRY(checked(ext2fs_mkdir(fs, place.parent.inode, number, nullptr)));
        volume.count_inode(number, 0, true);
        Inode made;
        ANT_TRY(volume.read_inode(number, made));
        inode.i_mode = static_cast<std::uint16_t>(LINUX_S_IFDIR | (mode & permissions));
        inode.i_links_count = made.i_links_count;
        inode.i_size = made.i_size;
        inode.i_blocks = made.i_blocks;
        inode.i_flags = made.i_flags;
        inode.i_generation = made.i_generation;
        std::memcpy(inode.i_block, made.i_block, sizeof inode.i_block);
        ANT_TRY(volume.write_inode(number, inode));
        ANT_TRY(add_entry(place.parent, place.name, number, inode.i_mode));
        return touch_directory(place.parent, 0);  // ext2fs_mkdir has counted the new `..`
    });
}

Result<> Tree::symbolic_link(const Place& place, Caller caller, const char* text) {
    ANT_TRY(permit_change(place, caller.user));
    if (place.node.inode != 0) return Failure(Error::exists);
    if (text[0] == 0) return Failure(Error::not_found);
    Volume& volume = *place.parent.volume;
    return volume.operate(caller.call, [&]() -> Result<> {
        Inode inode;
        const ext2_ino_t number = ANT_TRY(new_inode(place, caller, LINUX_S_IFLNK | 0777, inode));
        auto* const fs = ANT_TRY(volume.fs());
        ANT_TRY(checked(ext2fs_symlink(fs, place.parent.inode, number, nullptr, text)));
        volume.count_inode(number, 0, false);
        Inode made;
        ANT_TRY(volume.read_inode(number, made));
        set_owner(made, caller.user, caller.user);
        touch(made);
        set_time(made.i_atime, made.i_atime_extra, now_ns());
        ANT_TRY(volume.write_inode(number, made));
        ANT_TRY(add_entry(place.parent, place.name, number, made.i_mode));
        return touch_directory(place.parent, 0);
    });
}

Result<> Tree::link(Node node, const Place& to, Caller caller) {
    ANT_TRY(permit_change(to, caller.user));
    if (to.node.inode != 0) return Failure(Error::exists);
    if (node.volume != to.parent.volume) return Failure(Error::cross_device);
    Volume& volume = *node.volume;
    Inode inode;
    ANT_TRY(volume.read_inode(node.inode, inode));
    if (LINUX_S_ISDIR(inode.i_mode)) return Failure(Error::denied);
    if (inode.i_links_count >= max_links) return Failure(Error::too_many_links);
    return volume.operate(caller.call, [&]() -> Result<> {
        ANT_TRY(volume.read_inode(node.inode, inode));
        ++inode.i_links_count;
        set_time(inode.i_ctime, inode.i_ctime_extra, now_ns());
        ANT_TRY(volume.write_inode(node.inode, inode));
        ANT_TRY(add_entry(to.parent, to.name, node.inode, inode.i_mode));
        return touch_directory(to.parent, 0);
    });
}

// One name less. The last one: the inode becomes an orphan, for the caller to release.
Result<> Tree::drop_name(Volume& volume, ext2_ino_t number, bool directory, bool& orphan) {
    Inode inode;
    ANT_TRY(volume.read_inode(number, inode));
    inode.i_links_count = static_cast<std::uint16_t>(directory || inode.i_links_count == 0 ? 0 : inode.i_links_count - 1);
    set_time(inode.i_ctime, inode.i_ctime_extra, now_ns());
    orphan = inode.i_links_count == 0;
    if (orphan) ANT_TRY(add_orphan(volume, number, inode));
    return volume.write_inode(number, inode);
}

Result<ext2_ino_t> Tree::remove(const Place& place, Caller caller, bool directory) {
    if (place.node.inode == 0) return Failure(Error::not_found);
    ANT_TRY(permit_change(place, caller.user));
    if (place.node.volume != place.parent.volume) return Failure(Error::busy);  // something is mounted there
    Volume& volume = *place.node.volume;
    Inode inode;
    ANT_TRY(volume.read_inode(place.node.inode, inode));
    ANT_TRY(permit_removal(place, inode, caller.user));
    const bool is_directory = LINUX_S_ISDIR(inode.i_mode);
    if (directory && !is_directory) return Failure(Error::not_directory);
    if (!directory && is_directory) return Failure(Error::is_directory);
    if (is_directory && !ANT_TRY(is_empty(place.node))) return Failure(Error::not_empty);
    bool orphan = false;
    ANT_TRY(volume.operate(
        caller.call,
        [&]() -> Result<> {
            auto* const fs = ANT_TRY(volume.fs());
            ANT_TRY(checked(ext2fs_unlink(fs, place.parent.inode, place.name, place.node.inode, 0)));
            ANT_TRY(drop_name(volume, place.node.inode, is_directory, orphan));
            return touch_directory(place.parent, is_directory ? -1 : 0);
        },
        0, place.node.inode));
    return orphan ? place.node.inode : 0;
}

Result<ext2_ino_t> Tree::rename(const Place& from, const Place& to, Caller caller, bool keep) {
    if (from.node.inode == 0) return Failure(Error::not_found);
    ANT_TRY(permit_change(from, caller.user));
    ANT_TRY(permit_change(to, caller.user));
    if (from.parent.volume != to.parent.volume) return Failure(Error::cross_device);
    if (from.node.volume != from.parent.volume || (to.node.inode != 0 && to.node.volume != to.parent.volume))
        return Failure(Error::busy);
    Volume& volume = *from.node.volume;
    Inode inode;
    ANT_TRY(volume.read_inode(from.node.inode, inode));
    ANT_TRY(permit_removal(from, inode, caller.user));
    const bool directory = LINUX_S_ISDIR(inode.i_mode);
    const bool replaces = to.node.inode != 0;
    if (replaces && keep) return Failure(Error::exists);
    if (to.node.inode == from.node.inode) return 0;  // two names of one file: nothing to do
    bool replaced_directory = false;
    if (replaces) {
        Inode other;
        ANT_TRY(volume.read_inode(to.node.inode, other));
        ANT_TRY(permit_removal(to, other, caller.user));
        replaced_directory = LINUX_S_ISDIR(other.i_mode);
        if (directory && !replaced_directory) return Failure(Error::not_directory);
        if (!directory && replaced_directory) return Failure(Error::is_directory);
        if (replaced_directory && !ANT_TRY(is_empty(to.node))) return Failure(Error::not_empty);
    }
    const bool moves = from.parent.inode != to.parent.inode;
    if (directory && ANT_TRY(is_inside(to.parent, from.node.inode))) return Failure(Error::invalid_argument);
    bool orphan = false;
    ANT_TRY(volume.operate(
        caller.call,
        [&]() -> Result<> {
            auto* const fs = ANT_TRY(volume.fs());
            if (replaces) {
                ANT_TRY(checked(ext2fs_unlink(fs, to.parent.inode, to.name, to.node.inode, 0)));
                ANT_TRY(drop_name(volume, to.node.inode, replaced_directory, orphan));
            }
            ANT_TRY(checked(ext2fs_unlink(fs, from.parent.inode, from.name, from.node.inode, 0)));
            ANT_TRY(add_entry(to.parent, to.name, from.node.inode, inode.i_mode));
            if (directory && moves) ANT_TRY(move_parent(from.node, to.parent.inode));
            ANT_TRY(volume.read_inode(from.node.inode, inode));
            set_time(inode.i_ctime, inode.i_ctime_extra, now_ns());
            ANT_TRY(volume.write_inode(from.node.inode, inode));
            const int lost = directory && (moves || replaced_directory) ? -1 : 0,
                      won = directory && moves && !replaced_directory ? 1 : 0;
            ANT_TRY(touch_directory(from.parent, lost));
            return moves ? touch_directory(to.parent, won) : Result<>{};
        },
        0, replaces ? to.node.inode : 0));
    return orphan ? to.node.inode : 0;
}

// Directories -----------------------------------------------------------------------------------------------------

namespace {

struct Listing {
    std::byte* to;
    std::size_t capacity, used;
    std::uint64_t cookie, block;  // of the directory, from 1 on
    std::uint32_t block_bytes;
    bool full;
};

std::size_t entry_bytes(std::size_t name_bytes) { return (sizeof(file::Entry) + name_bytes + 1 + 7) & ~std::size_t{7}; }

int list_entry(ext2_ino_t, int, ext2_dir_entry* entry, int offset, int, char*, void* data) {
    auto& listing = *static_cast<Listing*>(data);
    if (offset == 0) ++listing.block;
    const std::uint64_t cookie = (listing.block - 1) * listing.block_bytes + static_cast<unsigned>(offset) + 1;
    if (entry->inode == 0 || cookie <= listing.cookie) return 0;
    const auto length = static_cast<std::size_t>(ext2fs_dirent_name_len(entry));
    const std::size_t bytes = entry_bytes(length);
    if (listing.used + bytes > listing.capacity) {
        listing.full = true;
        return DIRENT_ABORT;
    }
    const file::Entry out{entry->inode, cookie,
                          static_cast<std::uint32_t>(type_of_entry(static_cast<unsigned>(ext2fs_dirent_file_type(entry)))),
                          static_cast<std::uint16_t>(length), static_cast<std::uint16_t>(bytes)};
    std::byte* const at = listing.to + listing.used;
    std::memset(at, 0, bytes);
    std::memcpy(at, &out, sizeof out);
    std::memcpy(at + sizeof out, entry->name, length);
    listing.used += bytes;
    return 0;
}

int find_foreign(ext2_ino_t, int, ext2_dir_entry* entry, int, int, char*, void* data) {
    const int length = ext2fs_dirent_name_len(entry);
    const bool dots = (length == 1 && entry->name[0] == '.') || (length == 2 && entry->name[0] == '.' && entry->name[1] == '.');
    if (entry->inode == 0 || dots) return 0;
    *static_cast<bool*>(data) = true;
    return DIRENT_ABORT;
}

int set_parent(ext2_ino_t, int kind, ext2_dir_entry* entry, int, int, char*, void* data) {
    if (kind != DIRENT_DOT_DOT_FILE) return 0;
    entry->inode = *static_cast<ext2_ino_t*>(data);
    return DIRENT_ABORT | DIRENT_CHANGED;
}

}  // namespace

Result<std::uint64_t> Tree::list(Node directory, std::uint64_t cookie, std::byte* to, std::size_t capacity) {
    auto* const fs = ANT_TRY(directory.volume->fs());
    Listing listing{to, capacity, 0, cookie, 0, fs->blocksize, false};
    // Empty ones too, so that the first of each block tells where it begins.
    ANT_TRY(checked(ext2fs_dir_iterate2(fs, directory.inode, DIRENT_FLAG_INCLUDE_EMPTY, nullptr, list_entry, &listing)));
    if (listing.full && listing.used == 0) return Failure(Error::invalid_argument);
    return listing.used;
}

Result<bool> Tree::is_empty(Node directory) {
    auto* const fs = ANT_TRY(directory.volume->fs());
    bool found = false;
    ANT_TRY(checked(ext2fs_dir_iterate2(fs, directory.inode, 0, nullptr, find_foreign, &found)));
    return !found;
}

Result<bool> Tree::is_inside(Node inner, ext2_ino_t outer) {
    auto* const fs = ANT_TRY(inner.volume->fs());
    for (std::uint32_t steps = 0; steps < fs->super->s_inodes_count; ++steps) {
        if (inner.inode == outer) return true;
        if (inner.inode == root_inode) return false;
        inner.inode = ANT_TRY(lookup(*inner.volume, inner.inode, ".."));
    }
    return Failure(Error::io_error);
}

Result<> Tree::move_parent(Node directory, ext2_ino_t parent) {
    auto* const fs = ANT_TRY(directory.volume->fs());
    return checked(ext2fs_dir_iterate2(fs, directory.inode, 0, nullptr, set_parent, &parent));
}

}  // namespace ant::file_server
