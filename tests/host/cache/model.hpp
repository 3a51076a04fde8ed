// A machine for the cache: pages, calls, drivers with their disks, and clients that know what they may find.
//
// Every byte of a disk has a set of values that it may have now (one bit for each of 64): those of the writes that have been
// answered last, and of those under way. A read may bring what was possible at any time while it was under way.
#pragma once

#include "servers/cache/cache.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <vector>

namespace model {

namespace cs = ant::cache_server;
using ant::Error;
using ant::cache::Extent;
using u8 = std::uint8_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;

struct Crash {};  // thrown out of the cache: its process ends

struct Area {
    std::unique_ptr<std::byte[]> memory;
    u64 address = 0, bytes = 0;
    unsigned loans = 0;
    bool released = false;  // on loan: freed when the loan ends
};

struct Transferring {  // a call that a driver has
    u64 control;
    unsigned driver;
    cs::DriverCallKind kind;  // read, write, flush, units
    ant::block::Transfer transfer;
    std::vector<u64> areas;
    u64 forwarded = 0;  // a client's call: that is answered
};

struct Drive {
    std::vector<u8> contents, medium;  // with the drive's own cache, and without
    std::set<u64> bad;                 // sectors
    std::string serial = "S";
    u32 flags = ant::block::unit_flag::write_cache;
};

struct ClientCall {
    u64 control;
    cs::RequestKind kind;
    ant::cache::Access access;
    u64 area = 0;
    bool owned = true;
    u8 value = 0;                 // write: of all its bytes
    std::vector<u64> possible;    // read: sets of values, per byte. flush: of the whole disk
    std::vector<u64> concurrent;  // write: writes that were under way at some time while it was
    bool answered = false, held = false, forwarded = false;
    Error error = Error::none;
    std::int64_t result = 0;
};

struct World {
    explicit World(u64 seed) : random{seed} { current = this; }
    ~World();

    // Set up
    void add_drive(unsigned driver, u64 bytes);
    void boot(unsigned blocks);
    void crash();  // and the next process
    void replace();
    void next_process(std::vector<cs::Block> left);

    // Clients. -> number of the call
    u64 read(unsigned disk, const std::vector<Extent>& extents, u32 flags = 0, u32 offset = 0, bool owned = true);
    u64 write(unsigned disk, const std::vector<Extent>& extents, u32 flags = 0, u32 offset = 0, bool owned = true);
    u64 flush(unsigned disk, bool forget = false);
    u64 find_disks();
    ClientCall& call(u64 number) { return *calls.at(number); }
    bool answered(u64 number) { return calls.at(number)->answered; }

    // Drivers
    bool drive_once(unsigned choice = 0);  // the choice-th of the calls that may be done now
    void settle();                         // until nothing is under way
    void work();
    void sleep(u64 ns) {
        now += ns;
        work();
    }

    unsigned below(unsigned n) { return static_cast<unsigned>(random() % n); }
    void point();  // one of the moments at which the process may end
    Error perhaps_refuse();
    u64 new_area(u64 bytes);
    void deliver(ClientCall& call, bool again);
    void finish(u64 control, Error error, std::int64_t value, u64 area);
    void check_read(const ClientCall& call);
    void check_flush(const ClientCall& call);
    void check_bytes(const ClientCall& call);
    void write_answered(ClientCall& call);
    // f(position on the disk, offset in the area)
    template <class F>
    static void each_byte(const ClientCall& c, F&& f) {
        u64 offset = c.access.offset;
        for (u32 e = 0; e < c.access.count; ++e) {
            const Extent& extent = c.access.extent[e];
            for (u64 i = 0; i < extent.bytes; ++i, ++offset)
                f(extent.position == ant::cache::hole ? ant::cache::hole : extent.position + i, offset);
        }
    }
    void perform(Transferring& t);
    bool may_go(std::size_t n) const;
    void lend(u64 area) { ++areas.at(area).loans; }
    void end_loan(u64 area);
    void sweep();
    // Between a driver's slot and a disk's number
    std::map<unsigned, std::vector<Drive>> drives;
    Drive& drive_of(unsigned disk);

    static World* current;
    std::mt19937_64 random;
    std::unique_ptr<cs::Cache> cache;
    std::vector<cs::Block> blocks;
    std::vector<cs::Block*> buckets;
    std::vector<u64> disk_places, dirty_places;
    u64 writing = 0;  // the mark of the record store
    unsigned limit = 0;
    u32 format = cs::format::first;
    cs::State state();

    std::map<u64, Area> areas;
    std::map<u64, std::unique_ptr<ClientCall>> calls;
    std::deque<u64> held;  // by the cache, in order
    std::vector<Transferring> queue;
    std::map<unsigned, std::vector<u64>> possible;  // per disk and byte
    std::vector<unsigned> disk_driver, disk_unit;
    u64 next_control = 0x1000, now = 1;
    u64 next_value = 1;
    unsigned pages = 0, most_pages = ~0u;
    unsigned refuse_one_in = 0;    // calls to drivers
    u64 points = 0, crash_at = 0;  // 0: never
    u64 reads = 0, writes = 0, flushes = 0, crashes = 0, replacements = 0;
    bool gone = false;  // drivers answer no_server
};

}  // namespace model
