// The adapter and its ports, against a model of the hardware: taking over, commands, and what may go wrong.
#include "drivers/ahci/controller.hpp"
#include "tests/host/ica_memory.hpp"
#include "tests/host/model/ahci_chip.hpp"

#include <catch2/catch.hpp>

#include <cstdarg>
#include <map>
#include <numeric>
#include <random>

void ant::log(const char* /*format*/, ...) {}
[[noreturn]] void ant::panic(const char* format, ...) { throw std::runtime_error(format); }

namespace ahci::test {
namespace {

// Memory of the ICA window that the adapter reaches.
class Arena : public IcaMemory<(16 << 20)> {
public:
    std::uint64_t take(std::size_t pages) {
        const std::uint64_t address = next_;
        next_ += pages * ant::abi::page_size;
        if (next_ > end_) throw std::runtime_error("no memory");
        return address;
    }
    // The driver's, from the other end; all of it is gone with a failure.
    std::uint64_t take_for_driver(std::size_t pages) { return end_ -= pages * ant::abi::page_size; }
    void sweep() { end_ = first + bytes; }
    [[nodiscard]] static model::Memory memory() {
        return {ant::abi::ica_base, first - ant::abi::ica_base, first - ant::abi::ica_base + bytes};
    }

private:
    std::uint64_t next_ = first, end_ = first + bytes;
};

struct TestHost {
    Arena& arena;
    std::uint64_t clock = 1'000'000;
    std::uint64_t now_us() const { return clock; }
    void pause_us(std::uint64_t us) { clock += us; }
    std::uint64_t take_area(std::size_t pages) { return arena.take_for_driver(pages); }
};
using TestController = Controller<model::Chip, TestHost>;

struct Job {
    disk::Kind kind;
    std::uint64_t sector;
    std::uint32_t sectors;
    std::uint64_t address;
    bool through = false;
    std::optional<disk::End> end{};
    unsigned failures = 0, repetitions = 0;
    bool started = false;
};

// What the common part of disk drivers does, in its simplest form: commands in their order, again when they were not done.
struct Machine {
    Arena arena;
    model::Chip chip{Arena::memory()};
    TestHost host{arena};
    State state{};
    ant::block::Statistics statistics{};
    std::optional<TestController> controller;
    std::deque<Job> jobs;
    unsigned max_failures = 3, sweeps = 0, resets_at_boot = 0;

    Machine() { chip.bus_master = false; }
    void begin() {
        controller.emplace(chip, host, state, statistics);
        REQUIRE(controller->begin([this] {
            CHECK(!chip.bus_master);
            ++sweeps;
            arena.sweep();
        }) == ant::Error::none);
        chip.bus_master = true;
    }
    void boot() {
        begin();
        REQUIRE(run([this] { return controller->settled(); }));
        resets_at_boot = std::exchange(chip.port_resets, 0);
        statistics.resets = 0;
    }
    // A process that goes on from the state, or one that begins after a failure.
    void replace() { controller.emplace(chip, host, state, statistics); }
    void crash() {
        chip.bus_master = false;
        for (Job& job : jobs) job.started = job.end.has_value();
        state = {};
        begin();
    }
    void pump() {
        for (std::uint32_t token = 0; controller->settled() && token < jobs.size(); ++token) {
            Job& job = jobs[token];
            if (job.started || job.end) continue;
            const bool alone = job.kind == disk::Kind::flush && std::any_of(jobs.begin(), jobs.end(), is_started);
            const bool after_flush = std::any_of(
                jobs.begin(), jobs.end(), [](const Job& other) { return is_started(other) && other.kind == disk::Kind::flush; });
            if (alone || after_flush || !controller->room(0)) return;
            const disk::Piece piece{static_cast<std::uint32_t>(job.address - ant::abi::ica_base), job.sectors * 512};
            job.started = true;
            controller->start(0, token,
                              {.kind = job.kind,
                               .through = job.through,
                               .sector = job.sector,
                               .sectors = job.sectors,
                               .pieces = std::span{&piece, job.sectors != 0 ? 1u : 0u}});
        }
    }
    static bool is_started(const Job& job) { return job.started && !job.end; }
    auto ended() {
        return [this](std::uint32_t token, disk::End end) {
            Job& job = jobs.at(token);
            REQUIRE(job.started);
            REQUIRE(!job.end);
            job.started = false;
            if (end == disk::End::withdrawn && ++job.repetitions < 20) return;
            if (end == disk::End::failed && ++job.failures < max_failures) return;
            job.end = end;
        };
    }
    template <class F>
    bool run(F&& until, std::uint64_t limit_us = 120'000'000) {
        const std::uint64_t end = host.clock + limit_us;
        while (host.clock < end) {
            if (until()) return true;
            if (chip.line()) controller->interrupt(ended());
            const bool looks = controller->busy() || !controller->settled();
            const std::uint64_t wait = looks ? controller->look(host.clock, ended()) : disk::look_us;
            pump();
            if (!chip.line()) host.clock += wait;
        }
        return until();
    }
    [[nodiscard]] bool idle() const {
        return std::all_of(jobs.begin(), jobs.end(), [](const Job& job) { return job.end.has_value(); });
    }
    bool run_all() {
        return run([this] { return idle(); });
    }
    std::size_t add(disk::Kind kind, std::uint64_t sector, std::uint32_t sectors, std::uint8_t fill = 0, bool through = false) {
        const std::uint64_t address = arena.take((sectors + 7) / 8);
        std::memset(reinterpret_cast<void*>(address), fill, sectors * 512);
        jobs.push_back({kind, sector, sectors, address, through});
        return jobs.size() - 1;
    }
    [[nodiscard]] std::uint8_t byte(std::size_t job, std::size_t at = 0) const {
        return reinterpret_cast<const std::uint8_t*>(jobs[job].address)[at];
    }
    [[nodiscard]] Phase phase(unsigned port = 0) const { return state.port[port].phase; }
    [[nodiscard]] bool ends(std::size_t job, disk::End end) const { return jobs[job].end == end; }
};

std::uint8_t pattern(std::uint64_t sector) { return static_cast<std::uint8_t>(sector * 7 + 1); }
model::Drive patterned(std::uint64_t sectors = 4096) {
    model::Drive drive{sectors};
    for (std::uint64_t i = 0; i < sectors; ++i) std::memset(drive.data.data() + i * 512, pattern(i), 512);
    return drive;
}

TEST_CASE("a drive becomes ready, other ports are left alone") {
    Machine m;
    m.chip.plug(0, patterned());
    model::Drive cd{16};
    cd.signature = 0xeb14'0101;
    m.chip.plug(2, cd);
    m.boot();
    CHECK(m.phase(0) == Phase::ready);
    CHECK(m.phase(1) == Phase::empty);
    CHECK(m.phase(2) == Phase::other);
    CHECK(m.state.port[6].phase == Phase::unused);
    CHECK(m.controller->drive(0).present);
    CHECK(m.controller->drive(0).unit.serial == std::string("S1"));
    CHECK(m.controller->drive(0).unit.model == std::string("MODEL DRIVE"));
    CHECK(m.controller->drive(0).unit.sectors == 4096);
    CHECK(!m.controller->drive(1).present);
    CHECK(!m.controller->drive(2).present);
    CHECK(!m.controller->busy());
    CHECK(m.resets_at_boot == 1);  // not of the CD
    CHECK(m.sweeps == 1);
    CHECK(m.state.port[0].depth == 32);
}

TEST_CASE("reads and writes, queued or not") {
    const bool queueing = GENERATE(true, false);
    CAPTURE(queueing);
    Machine m;
    m.chip.plug(0, patterned()).depth = queueing ? 8 : 0;
    m.boot();
    const auto read = m.add(disk::Kind::read, 5, 3);
    const auto write = m.add(disk::Kind::write, 100, 16, 0x5a);
    const auto through = m.add(disk::Kind::write, 200, 1, 0x77, true);
    m.add(disk::Kind::flush, 0, 0);
    REQUIRE(m.run_all());
    for (const Job& job : m.jobs) CHECK(job.end == disk::End::done);
    CHECK(m.byte(read) == pattern(5));
    CHECK(m.byte(read, 1535) == pattern(7));
    const model::Drive& drive = *m.chip.drive(0);
    CHECK(drive.data[100 * 512] == 0x5a);
    CHECK(drive.data[116 * 512 - 1] == 0x5a);
    CHECK(drive.data[200 * 512] == 0x77);
    CHECK(drive.fua_writes == 1);
    CHECK(drive.flushes == 1);
    CHECK(drive.unflushed == 0);
    CHECK((drive.queued_commands != 0) == queueing);
    CHECK((write != through));
}

TEST_CASE("as many queued commands as drive and adapter take, in any order; a flush waits for them") {
    Machine m;
    m.chip.plug(0, patterned()).depth = 8;
    m.boot();
    m.chip.hold = true;
    for (unsigned i = 0; i < 20; ++i) m.add(disk::Kind::read, i * 10, 1);
    m.add(disk::Kind::flush, 0, 0);
    m.add(disk::Kind::read, 300, 1);
    std::mt19937 random{1};
    REQUIRE(m.run([&] {
        const unsigned active = m.chip.under_way(0);
        CHECK(active <= 8);
        if (active != 0) m.chip.work(0, 1, static_cast<unsigned>(random() % active));
        return m.idle();
    }));
    for (unsigned i = 0; i < 20; ++i) CHECK(m.byte(i) == pattern(i * 10));
    CHECK(m.byte(21) == pattern(300));
}

TEST_CASE("a bad sector fails, and nothing else") {
    const bool has_log = GENERATE(true, false), qemu = GENERATE(false, true), queueing = GENERATE(true, false);
    CAPTURE(has_log, qemu, queueing);
    Machine m;
    m.chip.like_qemu = qemu;
    model::Drive& drive = m.chip.plug(0, patterned());
    drive.has_log = has_log;
    drive.depth = queueing ? 32 : 0;
    drive.bad_sectors = {50};
    m.boot();
    m.chip.hold = true;
    for (unsigned i = 0; i < 12; ++i) m.add(disk::Kind::read, 45 + i, 1);
    REQUIRE(m.run([&] {
        m.chip.work(0, 1);
        return m.idle();
    }));
    for (unsigned i = 0; i < 12; ++i) {
        CAPTURE(i);
        CHECK(m.ends(i, 45 + i == 50 ? disk::End::damaged : disk::End::done));
        if (45 + i != 50) CHECK(m.byte(i) == pattern(45 + i));
    }
    CHECK(m.phase() == Phase::ready);
    m.chip.hold = false;
    const auto again = m.add(disk::Kind::write, 60, 1, 1);
    REQUIRE(m.run_all());
    CHECK(m.ends(again, disk::End::done));
    if (queueing) CHECK(m.state.port[0].careful == 0);
}

TEST_CASE("an error that goes away costs a repetition") {
    Machine m;
    m.chip.plug(0, patterned()).failures = 2;
    m.boot();
    const auto job = m.add(disk::Kind::read, 9, 1);
    REQUIRE(m.run_all());
    CHECK(m.ends(job, disk::End::done));
    CHECK(m.jobs[job].failures == 2);
}

TEST_CASE("a drive that does not answer is reset, and all is done again") {
    const bool queueing = GENERATE(true, false);
    Machine m;
    m.chip.plug(0, patterned()).depth = queueing ? 32 : 0;
    m.boot();
    m.chip.hold = true;
    m.add(disk::Kind::read, 1, 1);
    m.add(disk::Kind::write, 2, 1, 0x42);
    REQUIRE(m.run([&] { return m.chip.under_way(0) != 0; }));
    m.controller->reset(0, m.ended());
    CHECK(m.controller->busy());
    m.chip.hold = false;
    REQUIRE(m.run_all());
    CHECK(m.ends(0, disk::End::done));
    CHECK(m.chip.drive(0)->data[2 * 512] == 0x42);
    CHECK(m.chip.port_resets == 1);
    CHECK(m.statistics.resets == 1);
}

TEST_CASE("a drive that never answers again is given up, and tried again with the next command") {
    Machine m;
    m.chip.plug(0, patterned());
    m.boot();
    m.chip.hold = true;
    const auto lost = m.add(disk::Kind::read, 1, 1);
    REQUIRE(m.run([&] { return m.chip.under_way(0) != 0; }));
    m.chip.drive(0)->identifies = false;
    m.controller->reset(0, m.ended());
    REQUIRE(m.run_all());
    CHECK(m.ends(lost, disk::End::gone));
    CHECK(m.phase() == Phase::dead);
    CHECK(!m.controller->busy());
    const auto second = m.add(disk::Kind::read, 1, 1);
    REQUIRE(m.run_all());
    CHECK(m.ends(second, disk::End::gone));
    m.chip.hold = false;
    m.chip.drive(0)->identifies = true;
    const auto third = m.add(disk::Kind::read, 1, 1);
    REQUIRE(m.run_all());
    CHECK(m.ends(third, disk::End::done));
}

TEST_CASE("a drive that does not come up at boot is not waited for") {
    Machine m;
    m.chip.plug(0, patterned()).identifies = false;
    m.boot();
    CHECK(!m.controller->drive(0).present);
    REQUIRE(m.run([&] { return m.phase() == Phase::dead; }));
}

TEST_CASE("a lost interrupt costs little time") {
    Machine m;
    m.chip.plug(0, patterned());
    m.boot();
    m.chip.loses_interrupts = true;
    const auto job = m.add(disk::Kind::read, 1, 1);
    const std::uint64_t before = m.host.clock;
    REQUIRE(m.run_all());
    CHECK(m.ends(job, disk::End::done));
    CHECK(m.host.clock - before <= 2 * disk::look_us);
    CHECK(m.chip.port_resets == 0);
}

TEST_CASE("a drive is pulled out and put in again") {
    Machine m;
    m.chip.plug(0, patterned());
    m.boot();
    m.chip.hold = true;
    const auto lost = m.add(disk::Kind::read, 1, 1);
    REQUIRE(m.run([&] { return m.chip.under_way(0) == 1; }));
    m.chip.unplug(0);
    REQUIRE(m.run_all());
    CHECK(m.ends(lost, disk::End::gone));
    CHECK(m.phase() == Phase::empty);
    m.chip.hold = false;
    const auto nothing = m.add(disk::Kind::read, 3, 1);
    REQUIRE(m.run_all());
    CHECK(m.ends(nothing, disk::End::gone));
    m.chip.plug(0, model::Drive{4096, "S2"});
    const auto stranger = m.add(disk::Kind::write, 3, 1);
    REQUIRE(m.run_all());
    CHECK(m.ends(stranger, disk::End::gone));
    CHECK(m.phase() == Phase::other);
    m.chip.plug(0, patterned());
    REQUIRE(m.run([&] { return m.phase() == Phase::ready; }));
    const auto next = m.add(disk::Kind::read, 3, 1);
    REQUIRE(m.run_all());
    CHECK(m.byte(next) == pattern(3));
}

TEST_CASE("a drive comes into an empty port") {
    Machine m;
    m.boot();
    CHECK(m.phase() == Phase::empty);
    m.chip.plug(0, patterned()).settle_reads = 50;
    REQUIRE(m.run([&] { return m.phase() == Phase::ready; }));
}

TEST_CASE("the link breaks for a moment: all is done again") {
    const bool fatal = GENERATE(true, false);
    Machine m;
    m.chip.plug(0, patterned());
    m.boot();
    m.chip.hold = true;
    for (unsigned i = 0; i < 5; ++i) m.add(disk::Kind::read, i, 1);
    REQUIRE(m.run([&] { return m.chip.under_way(0) == 5; }));
    if (fatal)
        m.chip.fail_link(0);
    else
        m.chip.glitch(0);
    m.chip.hold = false;
    REQUIRE(m.run_all());
    for (unsigned i = 0; i < 5; ++i) CHECK(m.byte(i) == pattern(i));
    CHECK(m.chip.port_resets == 1);
}

TEST_CASE("an adapter that does not let go is reset") {
    Machine m;
    m.chip.plug(0, patterned());
    m.boot();
    m.chip.hold = true;
    const auto job = m.add(disk::Kind::read, 4, 1);
    REQUIRE(m.run([&] { return m.chip.under_way(0) == 1; }));
    m.chip.stuck = true;
    m.chip.glitch(0);
    REQUIRE(m.run([&] { return m.chip.resets != 0; }));
    m.chip.stuck = m.chip.hold = false;
    REQUIRE(m.run_all());
    CHECK(m.byte(job) == pattern(4));
    CHECK(m.statistics.resets >= 1);
}

TEST_CASE("an adapter that cannot be reset is given up") {
    Machine m;
    m.chip.stuck = m.chip.stuck_in_reset = true;
    m.controller.emplace(m.chip, m.host, m.state, m.statistics);
    CHECK(m.controller->begin([] {}) == ant::Error::io_error);
}

TEST_CASE("the firmware is asked for the adapter, and overruled if it does not answer") {
    Machine m;
    m.chip.plug(0, patterned());
    m.chip.has_handoff = true;
    m.chip.firmware_reads = GENERATE(5u, 1'000'000u);
    m.boot();
    CHECK(m.phase() == Phase::ready);
}

TEST_CASE("drives spin up one after the other") {
    Machine m;
    m.chip.staggered = true;
    m.chip.plug(0, patterned());
    m.chip.plug(1, patterned());
    m.begin();
    REQUIRE(m.run([&] { return m.phase(0) == Phase::ready; }));
    CHECK(m.phase(1) == Phase::stopped);
    REQUIRE(m.run([&] { return m.phase(1) == Phase::ready; }));
}

TEST_CASE("after a failure of the driver nothing of before is left in the chip") {
    const bool qemu = GENERATE(true, false), queueing = GENERATE(true, false);
    CAPTURE(qemu, queueing);
    Machine m;
    m.chip.like_qemu = qemu;
    m.chip.plug(0, patterned()).depth = queueing ? 32 : 0;
    m.boot();
    m.chip.hold = true;
    for (unsigned i = 0; i < 5; ++i) m.add(disk::Kind::read, i, 1);
    REQUIRE(m.run([&] { return m.chip.under_way(0) != 0; }));
    m.crash();
    m.chip.hold = false;
    REQUIRE(m.run_all());
    for (unsigned i = 0; i < 5; ++i) CHECK(m.byte(i) == pattern(i));
    CHECK(m.chip.port_resets == 2);  // for what the failed process had under way, and with memory of its own
}

TEST_CASE("what a failed process had under way does not end for the next one") {
    Machine m;
    m.chip.like_qemu = true;
    m.chip.plug(0, patterned());
    m.boot();
    m.chip.hold = true;
    for (unsigned i = 0; i < 5; ++i) m.add(disk::Kind::read, i, 1);
    REQUIRE(m.run([&] { return m.chip.under_way(0) == 5; }));
    m.crash();
    CHECK(m.phase() == Phase::stopped);
    m.chip.work(0, 5);  // before FISes are received again
    REQUIRE(m.run([&] { return m.chip.under_way(0) == 5; }));
    m.chip.work(0, 1);
    m.run([] { return false; }, 200'000);
    for (unsigned i = 0; i < 5; ++i) CHECK(m.jobs[i].end.has_value() == (i == 0));
    m.chip.hold = false;
    m.chip.work(0, 4);
    REQUIRE(m.run_all());
    for (unsigned i = 0; i < 5; ++i) CHECK(m.byte(i) == pattern(i));
}

TEST_CASE("after a failure of an idle driver there is no reset") {
    Machine m;
    m.chip.plug(0, patterned());
    m.boot();
    m.crash();
    REQUIRE(m.run([&] { return m.phase() == Phase::ready; }));
    CHECK(m.chip.port_resets == 0);
}

TEST_CASE("a failure in the middle of a repair") {
    Machine m;
    m.chip.like_qemu = true;  // what was under way goes on until a reset
    m.chip.plug(0, patterned());
    m.boot();
    m.chip.hold = true;
    for (unsigned i = 0; i < 5; ++i) m.add(disk::Kind::read, i, 1);
    REQUIRE(m.run([&] { return m.chip.under_way(0) != 0; }));
    m.controller->reset(0, m.ended());
    CHECK(m.phase() == Phase::stop_list);
    m.crash();
    m.chip.hold = false;
    REQUIRE(m.run_all());
    CHECK(m.chip.port_resets == 2);
    for (unsigned i = 0; i < 5; ++i) CHECK(m.byte(i) == pattern(i));
}

TEST_CASE("replaced or crashed at any moment, with errors of all kinds") {
    const unsigned seed = GENERATE(range(1u, 30u));
    CAPTURE(seed);
    std::mt19937 random{seed};
    auto chance = [&random](unsigned of) { return random() % of == 0; };
    Machine m;
    m.max_failures = 100;
    m.chip.like_qemu = chance(2);
    m.chip.hold = true;
    m.chip.plug(0, patterned()).depth = chance(4) ? 0 : 1 + random() % 32;
    m.chip.drive(0)->has_log = chance(2);
    m.boot();
    for (unsigned i = 0; i < 200; ++i) {
        if (chance(10))
            m.add(disk::Kind::flush, 0, 0);
        else if (chance(2))
            m.add(disk::Kind::read, 8 * (random() % 200), 8);
        else
            m.add(disk::Kind::write, 2048 + 8 * i, 8, pattern(i), chance(5));
    }
    REQUIRE(m.run(
        [&] {
            const unsigned active = m.chip.under_way(0);
            if (active != 0 && chance(2)) m.chip.work(0, 1 + random() % 3, static_cast<unsigned>(random() % active));
            if (chance(20)) m.replace();  // also when something is under way: the state says it all
            if (chance(150)) m.crash();
            if (m.phase() != Phase::ready) return m.idle();
            if (chance(100)) m.chip.drive(0)->failures = 1;
            if (chance(300)) m.chip.glitch(0);
            if (chance(300)) m.chip.fail_link(0);
            return m.idle();
        },
        3'600'000'000));
    for (unsigned i = 0; i < 200; ++i) {
        const Job& job = m.jobs[i];
        CAPTURE(i, job.sector);
        CHECK(job.end == disk::End::done);
        if (job.kind == disk::Kind::read) CHECK(m.byte(i, 4095) == pattern(job.sector + 7));
        if (job.kind == disk::Kind::write) CHECK(m.chip.drive(0)->data[job.sector * 512] == pattern(i));
    }
}

}  // namespace
}  // namespace ahci::test
