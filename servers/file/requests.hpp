// Requests: what clients ask for.
#pragma once

#include "cache_disk.hpp"
#include "handles.hpp"
#include "locks.hpp"
#include "tree.hpp"

#include <ant/server.hpp>

namespace ant::file_server {

class Requests {
public:
    explicit Requests(Server& server) : server_{server} {}
    void register_handlers();
    void start(Tables& tables);
    void resume(Tables& tables);
    void format_changed() { handles_.use(tables_->handles); }
    bool ended_ = false;  // a process has: to be looked at before the next receive

private:
    struct Wait {  // a call that waits for a lock
        std::uint64_t control;
        std::uint32_t slot;
        LockRecord wanted;
    };

    // Names (names.cpp)
    Outcome open(Call call);
    Outcome close(Call call);
    Outcome status(Call call);
    Outcome status_of(Call call);
    Outcome access(Call call);
    Outcome make_directory(Call call);
    Outcome remove(Call call);
    Outcome rename(Call call);
    Outcome link(Call call);
    Outcome symbolic_link(Call call);
    Outcome read_link(Call call);
    Outcome change(Call call);
    // Contents (transfers.cpp)
    Outcome read(Call call);
    Outcome write(Call call);
    Outcome truncate(Call call);
    Outcome list(Call call);
    Outcome sync(Call call);
    Outcome sync_data(Call call);
    Outcome sync_all(Call call);
    // Locks (waiting.cpp)
    Outcome lock(Call call);
    // Volumes (mounts.cpp)
    Outcome space(Call call);
    Outcome mount(Call call);
    Outcome unmount(Call call);
    Outcome mounts(Call call);

    std::uint64_t before_receive();
    void process_ended();
    void end_slot(std::uint32_t slot);

    // An earlier process has done what this call asks for.
    [[nodiscard]] bool was_done(Call call) const { return call.redelivered() && tables_->last_done().call == call.id(); }
    Result<Node> open_node(const file::Open& wanted, Call call);
    Result<> close_handle(const HandleRecord& handle, std::uint64_t call);
    Result<> release(Node node, std::uint64_t call);
    Result<> release_orphans(Volume& volume);
    [[nodiscard]] Memory page() const { return {pages_.address(), 0}; }  // of Content
    [[nodiscard]] Memory inline_page() const { return {pages_.address(), cache::block_bytes}; }

    Result<> read_inline(const HandleRecord& handle, FileMap& file, file::Transfer& transfer, std::uint64_t bytes);
    Outcome forward(Call call, const Function<cache::Access>& function, const HandleRecord& handle, const Mapping& mapping,
                    const file::Transfer& transfer, std::uint32_t flags);
    Result<std::uint64_t> write_data(Call call, const HandleRecord& handle, const file::Transfer& transfer, Memory from);
    Result<> touch_file(const HandleRecord& handle, const FileMap& file);

    void grant_locks();
    [[nodiscard]] bool deadlock(std::uint32_t slot, const LockRecord& wanted) const;
    void forget_waits(std::uint32_t slot);

    Result<std::uint32_t> free_volume() const;
    Result<> mount_volume(unsigned index, const file::Mount& wanted, Node over);
    void mount_root();
    Result<> mount_root_from(const cache::Disks& disks, std::uint32_t disk, std::uint32_t partition);
    Result<cache::Disks> disks();

    Server& server_;
    Tables* tables_ = nullptr;
    BlockCache blocks_;
    Volumes volumes_;
    std::array<CacheDisk, file::max_mounts> disks_{};
    Tree tree_{volumes_};
    Handles handles_;
    std::array<FileMap, 64> maps_{};  // by handle
    Locks locks_;
    std::array<Wait, 256> waits_{};
    unsigned wait_count_ = 0;
    Ica pages_;
    std::uint64_t next_mount_us_ = 0, mount_pause_us_ = 0;
    bool due_ = false;
};

extern Requests& requests;

}  // namespace ant::file_server
