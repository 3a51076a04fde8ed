// Random calls of several clients, drivers that answer in any order, refuse and fail; the process of the cache ends at any
// of the moments at which it speaks with others. Nobody may read what cannot be, nothing that was flushed may be missing,
// and every call is answered once.
#include "model.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>

using namespace model;
namespace flag = ant::cache::access_flag;

namespace {

struct Run : World {
    bool crashes_wanted, errors_wanted;
    unsigned failed = 0;

    Run(u64 seed, bool with_crashes, bool with_errors) : World{seed}, crashes_wanted{with_crashes}, errors_wanted{with_errors} {
        add_drive(0, 4096 * (20 + below(60)) + 512 * below(8));
        add_drive(0, 4096 * 16 + 512 * below(8));
        add_drive(1, 4096 * 120 + 512 * below(8));
        format = seed % 2 == 0 ? cs::format::first : cs::format::second;
        boot(16u << below(6));
        find_disks();
        settle();
        REQUIRE(cache->disks().count == 3);
        // The model's numbers are those of the cache: in the order of the drivers.
        refuse_one_in = below(2) != 0 ? 7 : 0;
        if (below(4) == 0) most_pages = 3 + below(20);
    }

    std::vector<Extent> some_extents(unsigned disk, bool write) {
        const u64 size = drive_of(disk).contents.size();
        std::vector<Extent> extents(1 + (below(3) == 0 ? below(6) : 0));
        for (Extent& e : extents) {
            switch (below(4)) {
                case 0:  // any bytes
                    e.bytes = 1 + below(9000);
                    e.position = random() % size;
                    break;
                case 1:  // whole blocks
                    e.bytes = 4096 * (1 + below(8));
                    e.position = random() % size / 4096 * 4096;
                    break;
                case 2:  // sectors
                    e.bytes = 512 * (1 + below(20));
                    e.position = random() % size / 512 * 512;
                    break;
                default:  // much
                    e.bytes = 4096 * (1 + below(80));
                    e.position = random() % size / 4096 * 4096;
            }
            e.bytes = std::min(e.bytes, size - e.position);
            if (!write && below(12) == 0) e.position = ant::cache::hole;
        }
        return extents;
    }

    void step() {
        if (crashes_wanted && below(40) == 0) crash_at = points + 1 + below(30);
        if (errors_wanted && below(30) == 0) {
            Drive& drive = drive_of(below(3));
            if (below(3) == 0)
                drive.bad.clear();
            else
                drive.bad.insert(random() % (drive.contents.size() / 512));
        }
        const unsigned disk = below(3);
        static constexpr u32 flags[] = {0, 0, 0, flag::read_ahead, flag::once, flag::through};
        const u32 f = flags[below(6)];
        const u32 offset = below(2) != 0 ? 0 : below(3) == 0 ? below(5000) : 512 * below(10);
        const unsigned open = static_cast<unsigned>(held.size() + queue.size());
        switch (open > 40 ? 9 : below(12)) {
            case 0:
            case 1:
            case 2:
                read(disk, some_extents(disk, false), f, offset, below(4) != 0);
                break;
            case 3:
            case 4:
            case 5:
                write(disk, some_extents(disk, true), f, offset, below(4) != 0);
                break;
            case 6:
                if (below(4) == 0) flush(disk, below(5) == 0);
                break;
            case 7:
                sleep(random() % 3'000'000'000);
                break;
            case 8:
                if (crashes_wanted && below(20) == 0) crash();
                if (crashes_wanted && below(20) == 0) replace();
                break;
            default:
                drive_once(below(8));
        }
    }

    void end() {
        crash_at = 0;
        for (auto& [driver, all] : drives)
            for (Drive& d : all) d.bad.clear();
        refuse_one_in = 0;
        settle();
        for (const auto& [control, c] : calls) {
            INFO("call " << control);
            REQUIRE(c->answered);
            failed += c->error != Error::none;
        }
        for (unsigned disk = 0; disk < 3; ++disk) {
            const u64 call = flush(disk);
            settle();
            REQUIRE(answered(call));
            REQUIRE(this->call(call).error == Error::none);
            read(disk, {{0, drive_of(disk).contents.size()}});
            settle();
        }
        CHECK(cache->statistics().dirty == 0);
        if (!errors_wanted && most_pages > 64) CHECK(failed == 0);
    }
};

void runs(bool crashes, bool errors) {
    const char* given = std::getenv("ANT_SEED");
    const u64 seed = given != nullptr ? std::strtoull(given, nullptr, 0) : std::random_device{}();
    u64 ended = 0;
    const unsigned count = given != nullptr ? 1 : 8;
    for (u64 i = 0; i < count; ++i) {
        INFO("ANT_SEED=" << seed + i);
        Run run{seed + i, crashes, errors};
        for (unsigned n = 0; n < 400; ++n) run.step();
        run.end();
        ended += run.crashes;
    }
    WARN("seeds " << seed << ".." << seed + count - 1 << ", " << ended << " crashes");
}

}  // namespace

TEST_CASE("random calls: nobody reads what was never there") { runs(false, false); }
TEST_CASE("random calls, and the process ends at any moment") { runs(true, false); }
TEST_CASE("random calls, and sectors go bad") { runs(false, true); }
TEST_CASE("random calls, sectors go bad, and the process ends at any moment") { runs(true, true); }

TEST_CASE("a process that ends at each moment in turn: all calls are carried out") {
    for (u64 at = 1;; ++at) {
        World w{at};
        w.add_drive(0, 4096 * 64);
        w.boot(32);
        w.find_disks();
        w.settle();
        w.points = 0;
        w.crash_at = at;
        w.write(0, {{0, 4096 * 3}});
        w.write(0, {{5000, 7}});
        w.read(0, {{4096 * 2, 4096 * 4}});
        w.write(0, {{4096 * 40, 4096 * 4 + 5}});
        w.flush(0);
        w.write(0, {{100, 4096}}, flag::through);
        w.read(0, {{0, 4096 * 64}}, flag::once);
        w.settle();
        for (const auto& [control, c] : w.calls) {
            REQUIRE(c->answered);
            REQUIRE(c->error == Error::none);
        }
        if (w.crashes == 0) break;
    }
}
