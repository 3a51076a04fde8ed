// The buffer cache (P-ipc 5): requests, the blocks that they touch, and the calls of disk drivers that these need.
//
// A request is carried out piece by piece, a piece lying in one block. What is there is copied at once; for what is not, the
// block is read, and the piece copied when it arrives. When blocks or other things are short, the request stalls and goes on
// from its next piece. Calls of drivers are asynchronous: decided on at any time, sent by work().
#pragma once

#include "block_table.hpp"
#include "disk.hpp"
#include "driver_call.hpp"
#include "list.hpp"
#include "read_ahead.hpp"
#include "request.hpp"
#include "seen.hpp"
#include "state.hpp"

#include <array>
#include <optional>

namespace ant::cache_server {

// A read or write as it comes. The control ICA stays as it is until the answer.
struct Incoming {
    std::uint64_t control;
    const cache::Access* access;
    std::uint64_t area, area_bytes;
    bool owned, writable;
    bool again;  // an earlier process has had it
};

struct Answer {
    Error error = Error::none;
    std::int64_t value = 0;
    std::uint64_t area = 0;  // goes back; 0: none
};

class Cache {
public:
    static constexpr unsigned drivers = 8;
    static constexpr std::uint32_t direct_bytes = 64 * 1024;         // from here on not worth copying
    static constexpr std::uint32_t direct_again_bytes = 256 * 1024;  // the same of what is read once more
    static constexpr std::uint64_t age_ns = 2'000'000'000;           // of dirty blocks, when they are written
    static constexpr std::uint64_t retry_ns = 5'000'000;

    // Before anything else. `state`: empty, or with what a process before has left. `blocks`: all zero but for clean ones that
    // it has left.
    void start(const State& state, std::span<Block> blocks, std::span<Block*> buckets);
    void format_changed(const State& state) { state_ = state; }

    // None: the answer follows, or comes from the driver.
    std::optional<Answer> transfer(RequestKind kind, const Incoming& call);
    std::optional<Answer> flush(RequestKind kind, std::uint64_t control, const cache::DiskId& id);
    std::optional<Answer> find_disks(std::uint64_t control);

    // The result of a driver's call; its parameter area for `units`. False: it was not sent by this process.
    bool result(std::uint64_t control, Error error, const void* parameters);

    // What has become possible. -> us to wait for the next call or result; 0: for ever
    std::uint64_t work();

    [[nodiscard]] cache::Disks disks() const;
    [[nodiscard]] cache::Statistics statistics() const;

private:
    static constexpr std::uint64_t never = ~std::uint64_t{0};
    static constexpr unsigned max_writes = 4;        // transfers of one disk at a time
    static constexpr unsigned calls_for_reads = 16;  // are not used for anything that nobody waits for
    static constexpr unsigned max_calls = 64;

    // Requests (requests.cpp)
    [[nodiscard]] Error check(const Incoming& call, bool write) const;
    [[nodiscard]] bool worth_keeping(const cache::Access& access);
    [[nodiscard]] bool forward(const Incoming& call, bool write, std::uint32_t least);
    [[nodiscard]] bool past_the_cache(unsigned disk, std::uint64_t position, std::uint64_t bytes, bool write);
    Request* new_request(RequestKind kind, std::uint64_t control, unsigned disk);
    bool run(Request& request);
    std::uint64_t step(Request& request, std::uint64_t position, std::uint64_t left);
    std::uint32_t fetch(Request& request, std::uint64_t position, std::uint64_t left);
    std::uint32_t store(Request& request, std::uint64_t position, std::uint64_t left);
    void stall(Request& request);
    void resume(List<Request>& stalled);
    [[nodiscard]] bool hopeless() const;
    void finish(Request& request);
    void answer(Request& request);
    void answer_again();

    // Reading (reading.cpp)
    bool await(Block& block, Request& request, std::uint32_t inside, std::uint32_t bytes);
    std::uint32_t miss(Request& request, std::uint64_t position, std::uint64_t left);
    std::uint32_t read_directly(Request& request, std::uint64_t position, std::uint64_t bytes);
    std::uint32_t read_blocks(Request& request, std::uint64_t position, std::uint64_t left, std::uint32_t most);
    void read_ahead(const Request& request);
    void read_ahead(unsigned disk, std::uint64_t first, std::uint64_t end);
    void arrived(Block& block);
    void not_read(Block& block, Error error);
    void read_done(DriverCall& call, Error error);
    void read_singly();
    DriverCall* new_call(DriverCallKind kind, unsigned disk);
    void add_block(DriverCall& call, Block& block);

    // Writing (writing.cpp)
    [[nodiscard]] bool room_for_dirty() const { return dirty_ + promised_ < table_.limit() / 2; }
    void make_dirty(Block& block);
    void make_fresh(Disk& disk, Block& block);
    void want_write_back();
    void write_back(Disk& disk);
    void write_next(Disk& disk);
    void give_up_batch(Disk& disk);
    void write_done(DriverCall& call, Error error);
    void written(Disk& disk, Block& block);
    void not_written(Disk& disk, Block& block, Error error);
    void begin_flush(Request& request);
    void flush_drive(Disk& disk);
    void flush_done(Disk& disk, Error error);
    void drop_gone(Disk& disk);

    // Drivers' calls (driver_calls.cpp)
    void submit(DriverCall& call);
    [[nodiscard]] Result<std::uint64_t> send(const DriverCall& call);
    void send_all();
    void done(DriverCall& call, Error error, const void* parameters);
    void ask_next_driver(Request& request);
    void units_done(DriverCall& call, Error error, const block::Units* units);
    void note_unit(unsigned driver, unsigned number, const block::Unit& unit);
    [[nodiscard]] std::uint64_t next_due() const;

    State state_;
    BlockTable table_;
    std::array<Disk, cache::max_disks> disks_;
    unsigned disk_count_ = 0;
    unsigned dirty_ = 0, promised_ = 0, failed_ = 0;  // blocks
    ReadAhead streams_;
    Seen seen_;

    Pool<Request, 1024> requests_;  // as many as there are control ICAs
    Pool<Piece, 2048> pieces_;
    Pool<DriverCall, max_calls> calls_;
    UnderWay under_way_;
    List<DriverCall> unsent_;
    List<Block> singles_;  // to be read again, each by itself
    List<Request> stalled_reads_, stalled_writes_;
    List<Request> unanswered_;  // their area is still on loan, by a process before

    bool attend_ = false;           // work() has something to do
    std::uint64_t due_ns_ = never;  // and at that time
    bool refused_ = false;          // a call to a driver: it has too many
    cache::Statistics counts_{};
};

}  // namespace ant::cache_server
