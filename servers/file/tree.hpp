// The tree of names: paths over all mounted volumes, directories and their entries.
#pragma once

#include "content.hpp"

namespace ant::file_server {

inline constexpr ext2_ino_t root_inode = EXT2_ROOT_INO;

class Volumes {
public:
    [[nodiscard]] Volume& operator[](unsigned index) { return volumes_[index]; }
    [[nodiscard]] Volume* root() { return volumes_[0].mounted() ? &volumes_[0] : nullptr; }
    // The one that is mounted on this directory.
    Volume* covering(unsigned volume, ext2_ino_t inode);
    auto begin() { return volumes_.begin(); }
    auto end() { return volumes_.end(); }

private:
    std::array<Volume, file::max_mounts> volumes_;
};

// An inode of a volume; none: nullptr.
struct Node {
    Volume* volume = nullptr;
    ext2_ino_t inode = 0;
};

// What a path leads to. The directory and the last name are there also if nothing has that name.
struct Place {
    Node node;    // inode 0: there is none
    Node parent;  // inode 0: the path ends with `.`, `..` or the root
    char name[file::max_name + 1];
};

inline constexpr std::uint32_t may_read = 4, may_write = 2, may_execute = 1;
Result<> permit(const Inode& inode, std::uint32_t user, std::uint32_t wanted);
inline std::uint32_t owner_of(const Inode& inode) { return inode.i_uid | std::uint32_t{inode.osd2.linux2.l_i_uid_high} << 16; }
inline std::uint32_t group_of(const Inode& inode) { return inode.i_gid | std::uint32_t{inode.osd2.linux2.l_i_gid_high} << 16; }
void set_owner(Inode& inode, std::uint32_t user, std::uint32_t group);
file::Status status_of(Volume& volume, ext2_ino_t number, const Inode& inode);

class Tree {
public:
    explicit Tree(Volumes& volumes) : volumes_{volumes} {}

    // `path` ends within file::max_path. `follow`: a symbolic link at the end as well.
    Result<Place> walk(const char* path, std::uint32_t user, bool follow);
    // The same, and it must be there.
    Result<Node> find(const char* path, std::uint32_t user, bool follow);

    // Each is one operation, with this call on record.
    struct Caller {
        std::uint32_t user;
        std::uint64_t call;
    };
    Result<ext2_ino_t> create(const Place& place, Caller caller, std::uint32_t mode);
    Result<> make_directory(const Place& place, Caller caller, std::uint32_t mode);
    Result<> symbolic_link(const Place& place, Caller caller, const char* text);
    Result<> link(Node node, const Place& to, Caller caller);
    // -> an inode that has lost its last name, for the caller to release unless it is open; else 0
    Result<ext2_ino_t> remove(const Place& place, Caller caller, bool directory);
    Result<ext2_ino_t> rename(const Place& from, const Place& to, Caller caller, bool keep);
    Result<> read_link(Node node, char (&text)[file::max_path]);

    // Entries behind `cookie`, as far as they fit. -> bytes filled
    Result<std::uint64_t> list(Node directory, std::uint64_t cookie, std::byte* to, std::size_t capacity);

private:
    struct Walker;

    Result<> permit_change(const Place& place, std::uint32_t user);
    Result<> permit_removal(const Place& place, const Inode& inode, std::uint32_t user);
    Result<ext2_ino_t> new_inode(const Place& place, Caller caller, std::uint32_t mode, Inode& inode);
    Result<> add_entry(Node directory, const char* name, ext2_ino_t inode, std::uint32_t mode);
    Result<> touch_directory(Node directory, int links);
    Result<> drop_name(Volume& volume, ext2_ino_t number, bool directory, bool& orphan);
    Result<bool> is_empty(Node directory);
    Result<bool> is_inside(Node inner, ext2_ino_t outer);
    Result<> move_parent(Node directory, ext2_ino_t parent);

    Volumes& volumes_;
};

}  // namespace ant::file_server
